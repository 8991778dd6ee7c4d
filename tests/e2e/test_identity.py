# SPDX-License-Identifier: ISC
"""Aliases, and who a message says it is from: as it arrives at a server."""
import os
import subprocess

import pytest

import mail
from po import IS_ROOT, OWNER


@pytest.fixture
def relayed(po, sink):
    po.relay(sink.port)
    return po


def aliases(po, text, name="aliases"):
    file = po.base / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    file.chmod(0o644)
    return file


def dialogue(*commands, message=b"Subject: x\n\nx\n"):
    return b"".join(c.encode() + b"\r\n" for c in ("EHLO me", *commands, "DATA")) + message.replace(b"\n", b"\r\n") + b".\r\nQUIT\r\n"


def arrive(po, sink, *args, message=b"Subject: x\n\nx\n", **more):
    """Submit, deliver: the result of sendmail, and what the server got."""
    done = po.sendmail(*args, input=message, **more)
    po.queue("-p", "1")
    return done, sink.messages()


def recipients(got):
    return sorted(r for m in got for r in m.recipients)


# ---------------------------------------------------------------- aliases

WAYS = [
    ("an argument", ["-i", "root"], b"Subject: x\n\nx\n"),
    ("at the hostname", ["-i", "Root@HOST.example"], b"Subject: x\n\nx\n"),
    ("at localhost", ["-i", "root@localhost"], b"Subject: x\n\nx\n"),
    ("-t", ["-t", "-i"], b"To: root\nSubject: x\n\nx\n"),
    ("-t, with a name", ["-t"], b"To: The Boss <root>\nSubject: x\n\nx\n"),
    ("-bs", ["-bs"], dialogue("MAIL FROM:<s@example.org>", "RCPT TO:<root>")),
    ("-bs at the hostname", ["-bs"], dialogue("MAIL FROM:<s@example.org>", "RCPT TO:<root@host.example>")),
    ("what cron passes", ["-FCronDaemon", "-i", "-B8BITMIME", "-oem", "root"],
     b"From: root (Cron Daemon)\nTo: root\nSubject: Cron <root@host> job\n\nx\n"),
    ("what anacron passes", ["-FAnacron", "-odi", "root"], b"From: Anacron <root>\nTo: root\n\nx\n"),
    ("what mdadm and sudo pass", ["-t"], b"From: mdadm\nTo: root\n\nx\n"),
    ("what fail2ban passes", ["-f", "fail2ban", "root"], b"Subject: x\nFrom: f <fail2ban>\nTo: root\n\nx"),
]


@pytest.mark.parametrize("args,message", [w[1:] for w in WAYS], ids=[w[0] for w in WAYS])
def test_mail_to_root_goes_where_the_aliases_say(relayed, sink, args, message):
    aliases(relayed, "# who reads it\nroot: ops@example.com, team\nteam: a@example.net, b@example.net\n")
    done, got = arrive(relayed, sink, *args, message=message)
    assert (done.returncode, done.stderr) == (0, "")
    assert recipients(got) == ["a@example.net", "b@example.net", "ops@example.com"]
    assert b"root" in got[0].content or b"x" in got[0].content


def test_the_header_stays_as_it_was(relayed, sink):
    aliases(relayed, "root: ops@example.com\n")
    _, ((got,)) = arrive(relayed, sink, "-t", message=b"To: root\n\nx\n")
    assert mail.value(mail.split(got.content.replace(b"\r\n", b"\n")), "To") == "root@example.org"


def test_an_address_with_a_domain_is_no_alias(relayed, sink):
    """domain is example.org, but root there is a mailbox of the relay's."""
    aliases(relayed, "root: ops@example.com\n")
    _, got = arrive(relayed, sink, "root@example.org", "root@example.net")
    assert recipients(got) == ["root@example.net", "root@example.org"]


def test_local_domains_and_another_file(relayed, sink):
    file = aliases(relayed, "root: ops@example.com\n", "other")
    relayed.configure(aliases="other", local_domains="a.example, b.example")
    _, got = arrive(relayed, sink, "root@B.example", "joe@a.example")
    assert recipients(got) == ["joe@a.example", "ops@example.com"]
    relayed.configure(aliases=file)
    _, got = arrive(relayed, sink, "root")
    assert recipients(got)[-1] == "ops@example.com" and len(got) == 2


def test_the_original_is_told_in_orcpt_and_notify_is_kept(relayed, sink):
    aliases(relayed, "root: ops@example.com, b@example.com\n")
    done = relayed.sendmail("-N", "failure,delay", "root", input=b"x\n")
    assert done.returncode == 0
    file, = relayed.dropped()
    envelope = file.read_bytes()
    for to in (b"ops@example.com", b"b@example.com"):
        assert b"rcpt=" + to + b"\nnotify=failure,delay\norcpt=rfc822;root@example.org\n" in envelope


def test_bv_shows_where_mail_would_go(relayed):
    aliases(relayed, "root: ops@example.com, |cmd\n")
    done = relayed.sendmail("-bv", "root", "joe")
    assert done.returncode == 0
    assert done.stdout == "ops@example.com... deliverable\njoe@example.org... deliverable\n"
    assert done.stderr.startswith("sendmail: warning: ") and done.stderr.count("\n") == 1
    assert not relayed.dropped()


def test_ten_thousand_targets(relayed, sink):
    many = ",\n ".join(f"user{i}@example.net" for i in range(10000))
    aliases(relayed, f"list: {many}\nroot: ops@example.com\n")
    done = relayed.sendmail("list", input=b"x\n")
    assert (done.returncode, done.stderr) == (0, "")
    relayed.queue("-p", "2")
    assert len(set(recipients(sink.messages()))) == 10000


def test_more_targets_than_recipient_limit(relayed):
    relayed.configure(recipient_limit=3)
    aliases(relayed, "list: a@x.example, b@x.example, c@x.example, d@x.example\n")
    done = relayed.sendmail("list", input=b"x\n")
    assert done.returncode == 65 and "recipient_limit" in done.stderr
    assert not relayed.dropped()
    done = relayed.sendmail("-bs", input=dialogue("MAIL FROM:<s@example.org>", "RCPT TO:<list>"))
    assert "\n554 5.6.0 " in done.stdout and not relayed.dropped()


def test_an_entry_that_is_not_for_mail_is_told_and_the_rest_goes(relayed, sink):
    aliases(relayed, 'root: "|/bin/touch /tmp/po-was-here", /var/mail/root, :include:/etc/hosts, ops@example.com\n')
    done, got = arrive(relayed, sink, "root")
    assert done.returncode == 0 and recipients(got) == ["ops@example.com"]
    lines = done.stderr.splitlines()
    assert len(lines) == 3 and all(f"warning: {relayed.base}/aliases:1: " in line for line in lines)
    assert not os.path.exists("/tmp/po-was-here")
    assert relayed.log().count("aliases:1: ") == 3


def test_nothing_is_lost_when_no_target_is_left(relayed, sink):
    aliases(relayed, "root: |cmd\na: b\nb: a\n")
    done, got = arrive(relayed, sink, "root", "a")
    assert done.returncode == 0
    assert recipients(got) == ["a@example.org", "root@example.org"]
    assert "stays root@example.org" in done.stderr and "leads back to itself" in done.stderr


def test_in_a_dialogue_warnings_are_in_the_log_only(relayed, sink):
    """Under inetd, stderr is the client's connection."""
    aliases(relayed, "root: |cmd, ops@example.com\n")
    done, got = arrive(relayed, sink, "-bs", message=dialogue("MAIL FROM:<s@example.org>", "RCPT TO:<root>"))
    assert recipients(got) == ["ops@example.com"] and done.stderr == ""
    assert "aliases:1: |cmd" in relayed.log()


HOSTILE = [
    ("a FIFO", lambda f: os.mkfifo(f), "no regular file"),
    ("a folder", lambda f: f.mkdir(), "no regular file"),
    ("a symbolic link to itself", lambda f: f.symlink_to(f), "ymbolic link"),
    ("a device", lambda f: f.symlink_to("/dev/zero"), "no regular file"),
    ("17 MiB", lambda f: f.write_bytes(b"x" * (17 << 20)), "larger than"),
    ("nobody may read it", lambda f: (f.write_bytes(b"root: x\n"), f.chmod(0)), "Permission denied"),
]


@pytest.mark.parametrize("make,why", [h[1:] for h in HOSTILE], ids=[h[0] for h in HOSTILE])
def test_what_is_no_file_of_aliases_stops_local_mail_only(relayed, sink, make, why):
    make(relayed.base / "aliases")
    for args in (["root"], ["-bi"], ["-bv", "root"]):
        done = relayed.sendmail(*args, input=b"x\n", timeout=20)
        assert done.returncode == 78 and why in done.stderr and f"{relayed.base}/aliases" in done.stderr
        assert done.stderr.startswith("sendmail: ") and done.stderr.count("\n") == 1
    assert not relayed.dropped()
    done, got = arrive(relayed, sink, "a@example.net")
    assert (done.returncode, done.stderr) == (0, "") and recipients(got) == ["a@example.net"]


def test_a_file_that_is_configured_must_be_there(relayed):
    relayed.configure(aliases="/nowhere/aliases")
    for args in (["root"], ["-bi"]):
        done = relayed.sendmail(*args, input=b"x\n")
        assert done.returncode == 78 and "/nowhere/aliases: No such file" in done.stderr
    assert relayed.sendmail("a@example.net", input=b"x\n").returncode == 0


ODD = [
    ("NUL bytes", b"ro\0ot: no@x.example\nroot: ops@example.com, a\0b@x.example\n", "control character"),
    ("not UTF-8", b"\xff\xfe: no@x.example\nroot: ops@example.com, \xff@x.example\n", "not UTF-8"),
    ("ten thousand parentheses", b"x: " + b"(" * 10000 + b"\nroot: ops@example.com, " + b"(" * 10000 + b"\n", "bad address"),
    ("a line of a megabyte", b"x: " + b"y" * (1 << 20) + b"\nroot: ops@example.com, " + b"y" * (1 << 20) + b"\n", "bad address"),
]


@pytest.mark.parametrize("text,why", [o[1:] for o in ODD], ids=[o[0] for o in ODD])
def test_odd_bytes_do_not_hide_what_is_right(relayed, sink, text, why):
    aliases(relayed, text)
    done, got = arrive(relayed, sink, "root")
    assert done.returncode == 0 and recipients(got) == ["ops@example.com"]
    assert why in done.stderr and done.stderr.isprintable() is False and "\0" not in done.stderr
    assert all(len(line) < 1200 for line in done.stderr.splitlines())


def opened(po, *args):
    """The files that sendmail opened."""
    trace = po.base / "trace"
    trace.touch()
    trace.chmod(0o666)
    done = subprocess.run(["strace", "-f", "-o", str(trace), "-e", "trace=open,openat,execve", *po.command("sendmail", *args)],
                          input=b"x\n", capture_output=True, env=po.environment(), cwd="/", **po._identity(None))
    assert done.returncode == 0
    return trace.read_text()


def test_no_alias_file_is_looked_for_without_a_local_recipient(relayed):
    aliases(relayed, "root: ops@example.com\n")
    assert "aliases" not in opened(relayed, "-f", "s@example.org", "a@example.net", "root@example.org")
    assert "aliases" in opened(relayed, "-f", "s@example.org", "root")


# ---------------------------------------------------------------- newaliases

CALLS = [("newaliases",), ("sendmail", "-bi"), ("sendmail", "-I"), ("sendmail", "-v", "-bi")]


@pytest.mark.parametrize("call", CALLS, ids=[" ".join(c) for c in CALLS])
def test_newaliases_is_silent_when_all_is_well(po, call):
    for text in (None, "", "# Debian\npostmaster: root\nroot: ops@example.com\n"):
        if text is not None:
            aliases(po, text)
        done = po.run(*call)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("call", CALLS, ids=[" ".join(c) for c in CALLS])
def test_newaliases_names_file_and_line_of_each_fault(po, call):
    file = aliases(po, "root: ops@example.com\nbad: |cmd\nno colon\na: b\nb: a\n")
    done = po.run(*call)
    assert done.returncode == 78 and done.stdout == ""
    for line, text in ((2, "|cmd delivers to a command"), (3, "no ':'"), (5, "a leads back to itself")):
        assert f"sendmail: {file}:{line}: {text}" in done.stderr


def test_newaliases_ends_soon_with_very_many_faults(po):
    aliases(po, "".join(f"x{i}: |c\n" for i in range(100000)))
    done = po.run("newaliases", timeout=60)
    assert done.returncode == 78 and done.stderr.count("\n") == 101
    assert done.stderr.endswith("sendmail: and 199900 more\n")


# ---------------------------------------------------------------- who sends

def only(got):
    m, = got
    return m, mail.split(m.content.replace(b"\r\n", b"\n"))


def login():
    import pwd
    uid = OWNER if IS_ROOT else os.geteuid()
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


SENDERS = [
    ("an argument", ["-i", "-f", "www-data", "a@example.net"], b"From: Shop <www-data@host.example>\nSubject: x\n\nx\n"),
    ("no -f", ["-i", "a@example.net"], b"From: Shop <www-data@host.example>\n\nx\n"),
    ("-t", ["-t", "-i"], b"From: Shop <www-data@host.example>\nTo: a@example.net\n\nx\n"),
    ("-bs", ["-bs"], dialogue("MAIL FROM:<www-data@host.example>", "RCPT TO:<a@example.net>",
                              message=b"From: Shop <www-data@host.example>\nSubject: x\n\nx\n")),
]


@pytest.mark.parametrize("args,message", [s[1:] for s in SENDERS], ids=[s[0] for s in SENDERS])
def test_one_line_makes_envelope_and_header_acceptable(po, new_sink, args, message):
    """The relay takes one sender and refuses all others, as many providers do."""
    sink = new_sink(rules=[{"stage": "mail", "match": "^(?!app@example\\.com)", "reply": "553 5.7.1 not yours"}])
    po.relay(sink.port)
    po.configure(sender=[{"from": "app@example.com", "reply_to": True}])
    done, got = arrive(po, sink, *args, message=message)
    assert done.returncode == 0 and done.stderr == ""
    m, parsed = only(got)
    assert m.sender == "app@example.com"
    assert mail.value(parsed, "From") == "Shop <app@example.com>"
    assert mail.value(parsed, "X-Original-From") == "Shop <www-data@host.example>"
    assert mail.value(parsed, "Reply-To") == "Shop <www-data@host.example>"


def test_rules_by_uid_and_login_of_the_caller(system_po, sink):
    system_po.relay(sink.port)
    system_po.configure(sender=[{"uid": "0", "from": "root@example.com"}, {"login": "nob*", "from": "nobody@example.com"},
                                {"uid": "3000-3999", "from": "*@example.com"}])
    for uid in (0, 65534, 3210, 4000):
        done = system_po.sendmail("-i", "-f", "x@y.example", f"to{uid}@example.net", input=b"From: x@y.example\n\nx\n", uid=uid)
        assert (done.returncode, done.stderr) == (0, "")
    system_po.queue("-p", "1", uid=0)
    got = {m.recipients[0]: m for m in sink.messages()}
    for uid, sender in ((0, "root@example.com"), (65534, "nobody@example.com"), (3210, "x@example.com"), (4000, "x@y.example")):
        m = got[f"to{uid}@example.net"]
        assert m.sender == sender and f"From: {sender}\r\n".encode() in m.content


def test_masquerade_hides_the_host(relayed, sink):
    relayed.configure(domain="host.example", masquerade={"domain": "example.org", "except": "root"})
    for sender in ("joe", "root", "ann@deep.example.org", "x@example.net"):
        assert relayed.sendmail("-f", sender, "a@example.net", input=b"From: joe\n\nx\n").returncode == 0
    relayed.queue("-p", "1")
    assert sorted(m.sender for m in sink.messages()) == ["ann@example.org", "joe@example.org", "root@host.example", "x@example.net"]
    assert all(b"From: joe@host.example\r\n" in m.content for m in sink.messages())


@pytest.mark.parametrize("args", [["-f", "ceo@example.org", "a@example.net"], ["-t", "-r", "ceo@example.org"]])
def test_table_refuses_what_is_not_the_callers(relayed, args):
    relayed.configure(from_policy="table", sender=[{"login": login(), "address": "shop@example.org"}])
    done = relayed.sendmail(*args, input=b"To: a@example.net\n\nx\n")
    assert done.returncode == 77 and not relayed.dropped()
    assert done.stderr.startswith(f"sendmail: {login()} (uid ") and "may not send as ceo@example.org" in done.stderr
    for sender in ("shop@example.org", login(), f"{login()}@host.example", "<>"):
        done = relayed.sendmail("-f", sender, "a@example.net", input=b"x\n")
        assert (done.returncode, done.stderr) == (0, "")


def test_table_in_a_dialogue(relayed, sink):
    relayed.configure(from_policy="table")
    done, got = arrive(relayed, sink, "-bs", message=b"EHLO me\r\nMAIL FROM:<ceo@example.org>\r\nRCPT TO:<a@example.net>\r\n" + dialogue(
        f"MAIL FROM:<{login()}>", "RCPT TO:<a@example.net>", message=b"From: ceo@example.org\n\nx\n")[9:-6] + dialogue(
        f"MAIL FROM:<{login()}>", "RCPT TO:<b@example.net>", message=b"From: me@localhost\n\nx\n").replace(b"me@", login().encode() + b"@")[9:])
    replies = [line for line in done.stdout.splitlines() if line[3] == " "]
    assert [r for r in replies if r.startswith("550 5.7.1 ")] == [
        f"550 5.7.1 {login()} (uid {OWNER if IS_ROOT else os.geteuid()}) may not send as ceo@example.org (from_policy)"] * 2
    assert recipients(got) == ["b@example.net"]


def test_force_believes_nobody(relayed, sink):
    relayed.configure(from_policy="force")
    _, got = arrive(relayed, sink, "-f", "ceo@example.org", "a@example.net", message=b"From: CEO <ceo@example.org>\n\nx\n")
    m, parsed = only(got)
    assert m.sender == f"{login()}@example.org"
    assert mail.value(parsed, "From") == f"CEO <{login()}@example.org>"
    assert mail.value(parsed, "X-Original-From") == "CEO <ceo@example.org>"


def test_a_reply_to_a_bounce_stays_without_sender(relayed, sink):
    relayed.configure(sender=[{"from": "app@example.com"}], masquerade={"domain": "example.com", "header": True})
    _, got = arrive(relayed, sink, "-f", "<>", "a@example.net", message=b"Auto-Submitted: auto-replied\nFrom: joe\n\nx\n")
    m, parsed = only(got)
    assert m.sender == "" and mail.value(parsed, "From") == "app@example.com"
    assert mail.value(parsed, "Auto-Submitted") == "auto-replied"


@pytest.mark.skipif(not os.path.exists("/usr/bin/php"), reason="needs php-cli")
def test_mail_of_php_with_f(relayed, sink):
    """WordPress and its like: the fifth argument, CRLF in the header, From of the site's visitor."""
    relayed.configure(sender=[{"address": "app@example.com"}, {"from": "app@example.com", "reply_to": True}])
    aliases(relayed, "webmaster: ops@example.com\n")
    code = ('mail("webmaster", "Hi", "text\\n", "From: =?utf-8?B?SsO2cmc=?= <visitor@example.net>\\r\\n'
            'X-Mailer: php\\r\\n", "-fwww-data@host.example") or exit(1);')
    command = " ".join(relayed.command("sendmail", "-t", "-i"))
    done = subprocess.run(["/usr/bin/php", "-n", "-d", f"sendmail_path={command}", "-r", code], capture_output=True,
                          env=relayed.environment(), cwd="/", **relayed._identity(None))
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    relayed.queue("-p", "1")
    m, parsed = only(sink.messages())
    assert (m.sender, m.recipients) == ("app@example.com", ["ops@example.com"])
    assert mail.value(parsed, "From") == "=?utf-8?B?SsO2cmc=?= <app@example.com>"
    assert mail.value(parsed, "Reply-To") == "=?utf-8?B?SsO2cmc=?= <visitor@example.net>"


WRONG = [({"sender": [{"from": "app"}]}, "sender[].from"), ({"sender": [{"uid": "joe"}]}, "sender[].uid"),
         ({"from_policy": "strict"}, "from_policy"), ({"masquerade": {"domain": "a b"}}, "masquerade.domain")]


@pytest.mark.parametrize("settings,name", WRONG, ids=[w[1] for w in WRONG])
def test_a_wrong_setting_is_told_with_its_place(po, settings, name):
    po.configure(**settings)
    for done in (po.sendmail("a@example.net", input=b"x\n"), po.queue("--check-config", ok=False)):
        assert done.returncode == 78 and name in done.stderr
    assert not po.dropped()


def test_no_account_is_looked_up_when_nothing_asks_for_it(relayed):
    """-f and From given: neither passwd nor getent, as long as no rule has a login."""
    relayed.configure(sender=[{"uid": "0-100000", "from": "*@example.com"}], masquerade={"domain": "example.com"})
    trace = relayed.base / "trace"
    trace.touch()
    trace.chmod(0o666)
    subprocess.run(["strace", "-f", "-o", str(trace), "-e", "trace=open,openat,execve",
                    *relayed.command("sendmail", "-f", "s@example.org", "a@example.net")], input=b"From: s\n\nx\n", check=True,
                   env=relayed.environment(), cwd="/", **relayed._identity(None))
    assert "passwd" not in trace.read_text() and "getent" not in trace.read_text()
