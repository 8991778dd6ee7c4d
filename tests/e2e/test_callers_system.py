# SPDX-License-Identifier: ISC
"""Daemons and jobs of the system that call sendmail or read mailq, as Debian ships them."""
import gzip
import json
import re
import shutil

import pytest

import mail
from caller import BCC, LOGIN, SENDER, TO, USER, need, ok
from po import IS_ROOT

pytestmark = pytest.mark.skipif(not IS_ROOT, reason="needs root: a view of the machine with another sendmail")


@pytest.mark.parametrize("mailto,expected", [("a@example.net,b@example.net", [TO, BCC]), ("www-data", [LOGIN])])
def test_cron(machine, mailto, expected):
    need("cron")
    table = machine.po.base / "crontab"
    table.write_text(f"MAILTO={mailto}\n@reboot root printf '.\\nt\\303\\274xt\\n'\n")
    mounts = ("mount -t tmpfs tmpfs /run && mkdir /mnt/empty && mount --bind /mnt/empty /var/spool/cron/crontabs && "
              f"mount --bind /mnt/empty /etc/cron.d && mount --bind {table} /etc/crontab")
    script = """cron -f & pid=$!
        n=0; until [ -n "$(ls -A "$1")" ] || [ $((n += 1)) -gt 600 ]; do sleep 0.1; done; kill $pid"""
    ok(machine.run("sh", "-c", script, "sh", machine.po.spool / "drop", mounts=mounts))
    got, = machine.arrived()
    assert got.sender == "root@example.org" and got.recipients == expected
    assert "Cron Daemon" in got.field("From") and "root@example.org" in got.field("From")
    assert got.mail.body == b".\nt\303\274xt\n" and "BODY=8BITMIME" in got.mail_options


def test_at(machine):
    need("at", "atd")
    mounts = ("mount -t tmpfs tmpfs /run && mkdir -p /mnt/at /mnt/sp && chown daemon:daemon /mnt/at /mnt/sp && chmod 1770 /mnt/at /mnt/sp && "
              "mount --bind /mnt/at /var/spool/cron/atjobs && mount --bind /mnt/sp /var/spool/cron/atspool && "
              "touch /mnt/at/.SEQ && chown daemon:daemon /mnt/at/.SEQ && chmod 600 /mnt/at/.SEQ")
    script = """echo "printf '.\\ntext\\n'" | at -q b now 2>/dev/null; atd -s -l 100
        n=0; until [ -n "$(ls -A "$1")" ] || [ $((n += 1)) -gt 600 ]; do sleep 0.1; done"""
    ok(machine.run("sh", "-c", script, "sh", machine.po.spool / "drop", mounts=mounts))
    (sender, recipients, parsed), = machine.arrived()
    assert sender == "root@example.org" and recipients == ["root@example.org"]
    assert parsed.body == b".\ntext\n"


def test_anacron(machine):
    need("anacron")
    table = machine.po.base / "anacrontab"
    table.write_text("MAILTO=a@example.net\nSHELL=/bin/sh\nPATH=/bin:/usr/bin\n1 0 job echo text; echo ..x\n")
    folder = machine.po.base / "anacron"
    folder.mkdir()
    ok(machine.run("anacron", "-d", "-f", "-n", "-t", table, "-S", folder))
    (sender, recipients, parsed), = machine.arrived()
    assert sender == "root@example.org" and recipients == ["a@example.net"]
    assert "Anacron" in mail.value(parsed, "From")
    # anacron does not say -i
    assert parsed.body == b"text\n.x\n"


def test_sudo(machine):
    need("sudo")
    rules = machine.po.base / "sudoers"
    rules.write_text("Defaults mail_always\nDefaults mailto = \"a@example.net\"\nroot ALL=(ALL:ALL) NOPASSWD: ALL\n")
    rules.chmod(0o440)
    script = """sudo true
        n=0; until [ -n "$(ls -A "$1")" ] || [ $((n += 1)) -gt 600 ]; do sleep 0.1; done"""
    ok(machine.run("sh", "-c", script, "sh", machine.po.spool / "drop", mounts=f"mount --bind {rules} /etc/sudoers"))
    got = machine.arrived()
    assert [recipients for _, recipients, _ in got] == [["a@example.net"]] * len(got)
    assert any(b"COMMAND=" in parsed.body for _, _, parsed in got)


def test_fail2ban_s_printf(machine):
    ok(machine.run("sh", "-c", r"""printf %b "Subject: [Fail2Ban] sshd\nDate: `LC_ALL=C date +"%a, %d %h %Y %T %z"`
From: Fail2Ban <f2b@example.org>
To: a@example.net\n
Hi,\n
Regards,\n
Fail2Ban" | /usr/sbin/sendmail -f "f2b@example.org" "a@example.net" """))
    got = machine.the_one("f2b@example.org", ["a@example.net"], "[Fail2Ban] sshd", b"Hi,\n\nRegards,\n\nFail2Ban\n")
    assert got.field("From") == "Fail2Ban <f2b@example.org>"


def test_logwatch(machine):
    need("logwatch")
    ok(machine.run("logwatch", "--output", "mail", "--mailto", "a@example.net", "--format", "text",
                   "--range", "all", "--service", "zz-sys"))
    (_, recipients, parsed), = machine.arrived()
    assert recipients == ["a@example.net"] and "Logwatch" in mail.value(parsed, "Subject")


def test_fail2ban(machine):
    """The whole of it: a jail that finds a failure in a log and mails."""
    need("fail2ban-server")
    conf = machine.po.base / "fail2ban"
    shutil.copytree("/etc/fail2ban", conf)
    shutil.rmtree(conf / "jail.d")
    log = machine.po.base / "auth.log"
    log.write_text("")
    (conf / "filter.d" / "x.conf").write_text("[Definition]\nfailregex = ^ bad <HOST>$\n")
    (conf / "fail2ban.local").write_text(f"[DEFAULT]\nlogtarget = {conf}/log\nsocket = {conf}/sock\npidfile = {conf}/pid\n"
                                         "dbfile = None\n")
    (conf / "jail.local").write_text(f"""[x]
enabled = true
backend = polling
filter = x
logpath = {log}
maxretry = 1
action = sendmail[name=x, dest={TO}, sender={SENDER}, sendername=Fail2Ban]
""")
    script = """fail2ban-server -c "$2" -f start > /dev/null 2>&1 & pid=$!
        n=0; until fail2ban-client -c "$2" status x > /dev/null 2>&1 || [ $((n += 1)) -gt 300 ]; do sleep 0.1; done
        echo "$(date '+%Y-%m-%d %H:%M:%S') bad 192.0.2.1" >> "$3"
        n=0; until [ -n "$(ls -A "$1")" ] || [ $((n += 1)) -gt 600 ]; do sleep 0.1; done
        fail2ban-client -c "$2" stop > /dev/null; wait $pid"""
    ok(machine.run("sh", "-c", script, "sh", machine.po.spool / "drop", conf, log))
    got = machine.arrived()
    assert all((m.sender, m.recipients, m.field("From")) == (SENDER, [TO], f"Fail2Ban <{SENDER}>") for m in got)
    ban, = [m for m in got if m.field("Subject").startswith("[Fail2Ban] x: banned 192.0.2.1 from ")]
    assert ban.mail.body.startswith(b"Hi,\n\nThe IP 192.0.2.1 has just been banned") and ban.mail.body.endswith(b"\n\nFail2Ban\n")


UNATTENDED = r"""import importlib.machinery, importlib.util, sys
loader = importlib.machinery.SourceFileLoader("uu", "/usr/bin/unattended-upgrade")
uu = importlib.util.module_from_spec(importlib.util.spec_from_loader("uu", loader))
loader.exec_module(uu)
sys.exit(getattr(uu, sys.argv[1])("root@example.org", "a@example.net", "Hi", "text\n.\n"))"""


@pytest.mark.parametrize("how", ["_send_mail_using_sendmail", "_send_mail_using_mailx"])
def test_unattended_upgrades(machine, how):
    need("/usr/bin/unattended-upgrade", *(["mail"] if "mailx" in how else []))
    ok(machine.run("/usr/bin/python3", "-c", UNATTENDED, how))
    machine.the_one("root@example.org", [TO], "Hi", re.compile(rb"text\n\.\n\n?"))


def test_apt_listchanges(machine):
    need("apt-listchanges")
    tree = machine.po.base / "tree"
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "usr/share/doc/x").mkdir(parents=True)
    (tree / "DEBIAN/control").write_text("Package: x\nVersion: 2\nArchitecture: all\nMaintainer: A <a@example.org>\nDescription: x\n")
    entries = "".join(f"x ({v}) unstable; urgency=low\n\n  * Version {v}.\n\n -- A <a@example.org>  Fri, 21 Nov 199{v} 09:55:06 +0000\n\n"
                      for v in (2, 1))
    (tree / "usr/share/doc/x/changelog.gz").write_bytes(gzip.compress(entries.encode()))
    deb = machine.po.base / "x.deb"
    ok(machine.run("dpkg-deb", "-b", tree, deb))
    ok(machine.run("apt-listchanges", "--profile=", "--frontend=mail", f"--email-address={TO}", "--which=changelogs", "--since=1", deb))
    machine.the_one("root@example.org", [TO], re.compile("apt-listchanges: .*"), re.compile(rb".*\* Version 2\..*", re.S))


def test_smartd_s_script(machine):
    """Like ZED's and Nagios' commands it asks mail(1)."""
    script = "/etc/smartmontools/run.d/10mail"
    need(script, "mail")
    message = machine.file("message", "text\n", 0o644)
    ok(machine.run(script, message, "-s", "Hi", TO))
    machine.the_one("root@example.org", [TO], "Hi", re.compile(rb"text\n\n?"))


def test_check_mailq_as_an_ordinary_user(machine):
    check = "/usr/lib/nagios/plugins/check_mailq"
    need(check)
    ok(machine.run("/usr/sbin/sendmail", "a@example.net", input=b"X-PO-Schedule: +2h\n\nx\n", uid=USER))
    machine.po.queue("-p", "1")
    done = machine.run(check, "-M", "postfix", "-w", "5", "-c", "10", uid=2300)
    assert done.returncode == 0 and "1" in done.stdout, done
    done = machine.run(check, "-M", "postfix", "-w", "1", "-c", "10", uid=2300)
    assert done.returncode == 1, done


def queue_with_everything(machine):
    """What is deferred, what is held, and what waits for its time."""
    machine.sink.rules({"stage": "RCPT", "match": "later", "reply": "450 4.2.2 mailbox full", "times": -1})
    for to in ("later@example.net", "later2@example.net,c@example.net", "held@example.net"):
        machine.po.submit(b"Subject: x\n\n" + b"x" * 2000 + b"\n", "-f", SENDER, to, uid=USER)
    machine.po.submit(b"X-PO-Schedule: +2h\n\nx\n", "-f", "<>", "d@example.net", uid=USER)
    machine.po.queue("--ingest")
    held, = [m["queue_id"] for m in machine.po.list() if "held@example.net" in str(m)]
    machine.po.queue("--hold", held)
    machine.po.queue("-p", "1")
    return held


def test_a_parser_of_postfix_s_mailq(machine):
    need("/usr/share/perl5/Postfix/Parse/Mailq.pm")
    held = queue_with_everything(machine)
    listing = ok(machine.run("mailq")).stdout
    code = """use Postfix::Parse::Mailq; use JSON::PP; open my $h, '-|', 'mailq' or die;
    print encode_json(Postfix::Parse::Mailq->read_handle($h));"""
    entries = json.loads(ok(machine.run("perl", "-e", code)).stdout)
    assert len(entries) == 4, listing
    by = {e["remaining_rcpts"][0]: e for e in entries}
    assert set(by) == {"later@example.net", "later2@example.net", "held@example.net", "d@example.net"}, listing
    assert by["held@example.net"]["queue_id"] == held and by["held@example.net"]["status"] == "held"
    assert by["later@example.net"]["status"] == "queued" and "mailbox full" in by["later@example.net"]["error_string"]
    assert {e["sender"] for e in entries} == {SENDER, "MAILER-DAEMON"}
    assert all(int(e["size"]) > 0 for e in entries)


# reader, a shell command that has mailq on its standard input, what it prints for 4 messages
READERS = [
    ("netdata", r"""sed -En 's/^-- ([0-9]+) Kbytes in ([0-9]+) Requests?\.$/\2/p'""", "4"),
    ("mackerel, Zabbix", "tail -n 1 | awk '{print $5}'", "4"),
    ("scripts that count", "grep -c '^[A-F0-9]'", "4"),
    ("scripts that ask for emptiness", "grep -q 'is empty' || echo full", "full"),
    ("check_mailq", r"""perl -ne '$l = $_; END { print $1 if $l =~ /Kbytes in (\d+)/ }'""", "4"),
]


def test_what_scripts_make_of_mailq(machine):
    assert ok(machine.run("mailq")).stdout == "Mail queue is empty\n"
    queue_with_everything(machine)
    for name, command, printed in READERS:
        assert machine.run("sh", "-c", f"mailq | {command}").stdout.strip() == printed, name
    # who may not see the mail sees how much there is
    for name, command, printed in READERS[:2] + READERS[3:]:
        assert machine.run("sh", "-c", f"mailq | {command}", uid=2300).stdout.strip() == printed, name
