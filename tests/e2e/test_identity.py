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
    ("a symbolic link to itself", lambda f: f.symlink_to(f), "symbolic links"),
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
