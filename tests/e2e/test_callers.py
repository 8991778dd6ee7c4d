# SPDX-License-Identifier: ISC
"""The programs that call sendmail, as Debian ships them: what they write arrives as it would from any other sendmail."""
import os
import re
import shutil

import pytest

import host
import mail
from po import IS_ROOT

USER = 33  # www-data: many of these programs do not start without a name
LOGIN = "www-data@example.org"
SENDER = "bounce@example.org"

pytestmark = pytest.mark.skipif(not IS_ROOT, reason="needs root: a view of the machine with another sendmail")


@pytest.fixture(scope="module", autouse=True)
def possible():
    reason = host.why_not()
    if reason:
        pytest.skip(reason)


@pytest.fixture
def machine(system_po, sink):
    system_po.relay(sink.port)
    machine = host.Host(system_po)
    machine.sink = sink
    machine.home = system_po.base / "home"
    machine.home.mkdir()
    os.chown(machine.home, USER, USER)
    return machine


def need(*paths):
    for path in paths:
        found = shutil.which(path) if "/" not in path else os.path.exists(path)
        if not found:
            pytest.skip(f"{path} is not installed")


def arrived(machine):
    """Deliver; the messages as (sender, recipients, mail)."""
    machine.po.queue("-p", "1")
    assert machine.po.files("queue") == [] and machine.po.dropped() == []
    got = []
    for m in machine.sink.messages():
        assert not re.search(rb"(?<!\r)\n|\r(?!\n)|\0", m.content)
        parsed = mail.split(m.content.replace(b"\r\n", b"\n"))
        assert {"received", "from", "date", "message-id"} <= set(mail.names(parsed))
        assert "bcc" not in mail.names(parsed)
        got.append((m.sender, sorted(m.recipients), parsed))
    return got


def the_one(machine, sender, recipients, subject, body):
    (got_sender, got_recipients, parsed), = arrived(machine)
    assert got_recipients == sorted(recipients)
    assert got_sender == sender if isinstance(sender, str) else sender.fullmatch(got_sender), got_sender
    assert mail.value(parsed, "Subject") == subject
    assert parsed.body == body
    return parsed


def ok(done):
    assert done.returncode == 0, done
    return done


# ------------------------------------------------------------ PHP

PHP = ["php", "-n", "-d", "sendmail_path=/usr/sbin/sendmail -t -i"]


def test_php_mail(machine):
    need("php")
    code = """exit(mail("A <a@example.net>", "Hi", "one\\ntwo\\n.\\n..\\n", "From: App <app@example.org>\\r\\n"
              . "X-A: 1\\nX-B: 2\\r\\nBcc: b@example.net\\r\\nCc: c@example.net", "-f""" + SENDER + """") ? 0 : 1);"""
    ok(machine.run(*PHP, "-r", code, uid=USER))
    parsed = the_one(machine, SENDER, ["a@example.net", "b@example.net", "c@example.net"], "Hi", b"one\ntwo\n.\n..\n\n")
    assert [mail.value(parsed, n) for n in ("X-A", "X-B", "From")] == ["1", "2", "App <app@example.org>"]


def test_php_mail_is_false_when_nothing_is_queued(machine):
    need("php")
    done = machine.run(*PHP, "-r", 'exit(mail("a b@example.net", "Hi", "x") ? 0 : 1);', uid=USER)
    assert done.returncode == 1 and "sendmail: " in done.stderr
    assert machine.po.dropped() == []


def test_php_mail_s_fifth_argument_writes_no_file(machine):
    need("php")
    code = r'''mail("a@example.net", "x", "<?php evil(); ?>", "", "-f\"a\\\" -oQ/tmp -X" . $argv[1] . " b\"@example.org");'''
    machine.run(*PHP, "-r", code, "--", str(machine.home / "x.php"), uid=USER)
    assert list(machine.home.iterdir()) == []


SYMFONY = """require "/usr/share/php/Symfony/Component/Mailer/autoload.php";
$e = (new Symfony\\Component\\Mime\\Email())->from("app@example.org")->to("a@example.net")->bcc("b@example.net")
    ->subject("Hi")->text(".\\n..\\ntext\\n");
$t = new Symfony\\Component\\Mailer\\Transport\\SendmailTransport($argv[1]);
$t->send($e); %s"""


@pytest.mark.parametrize("command", ["/usr/sbin/sendmail -bs", "/usr/sbin/sendmail -bs -i"])
def test_symfony_by_smtp(machine, command):
    need("/usr/share/php/Symfony/Component/Mailer/autoload.php")
    ok(machine.run("php", "-r", SYMFONY % "$t->send($e);", "--", command, uid=USER))
    got = arrived(machine)
    assert len(got) == 2
    for sender, recipients, parsed in got:
        assert sender == "app@example.org" and recipients == ["a@example.net", "b@example.net"]
        assert parsed.body.split() == [b".", b"..", b"text"]


@pytest.mark.parametrize("command", ["/usr/sbin/sendmail -t", "/usr/sbin/sendmail -t -i"])
def test_symfony_by_arguments(machine, command):
    need("/usr/share/php/Symfony/Component/Mailer/autoload.php")
    ok(machine.run("php", "-r", SYMFONY % "", "--", command, uid=USER))
    (sender, recipients, parsed), = arrived(machine)
    assert sender == "app@example.org" and "a@example.net" in recipients
    assert parsed.body.split() == [b".", b"..", b"text"]


@pytest.mark.parametrize("command", ["/usr/sbin/sendmail -bs", "/usr/sbin/sendmail -t", "/usr/sbin/sendmail -t -i"])
def test_swiftmailer(machine, command):
    need("/usr/share/php/Swift/autoload.php")
    code = """error_reporting(0); require "/usr/share/php/Swift/autoload.php";
    $m = (new Swift_Message("Hi"))->setFrom("app@example.org")->setTo("a@example.net")->setBcc("b@example.net")
        ->setBody(".\\n..\\ntext\\n");
    exit((new Swift_Mailer(new Swift_SendmailTransport($argv[1])))->send($m) ? 0 : 1);"""
    ok(machine.run("php", "-r", code, "--", command, uid=USER))
    got = arrived(machine)
    assert sorted(r for _, recipients, _ in got for r in recipients) == ["a@example.net", "b@example.net"]
    for sender, _, parsed in got:
        assert sender == "app@example.org" and parsed.body.split() == [b".", b"..", b"text"]


@pytest.mark.parametrize("how", ["isSendmail", "isMail"])
def test_phpmailer(machine, how):
    need("/usr/share/php/libphp-phpmailer/autoload.php")
    code = """require "/usr/share/php/libphp-phpmailer/autoload.php";
    $m = new PHPMailer\\PHPMailer\\PHPMailer(true); $how = $argv[1]; $m->$how(); $m->setFrom("app@example.org", "App");
    $m->Sender = "bounce@example.org"; $m->addAddress("a@example.net"); $m->addBCC("b@example.net");
    $m->Subject = "Hi"; $m->Body = ".\\n..\\ntext\\n"; $m->send();"""
    ok(machine.run("php", "-d", "sendmail_path=/usr/sbin/sendmail -t -i", "-r", code, "--", how, uid=USER))
    (sender, recipients, parsed), = arrived(machine)
    assert sender == SENDER and recipients == ["a@example.net", "b@example.net"]
    assert parsed.body.split() == [b".", b"..", b"text"]


# ------------------------------------------------------------ Perl, Ruby, Python, Node

def test_nodemailer_s_bcc_is_not_sent(machine):
    need("node", "/usr/share/nodejs/nodemailer")
    code = """require('/usr/share/nodejs/nodemailer').createTransport({sendmail: true, newline: process.argv[1],
    path: '/usr/sbin/sendmail'}).sendMail({from: 'app@example.org', to: 'a@example.net', bcc: 'b@example.net',
    subject: 'Hi', text: '.\\n..\\ntext\\n'}, e => process.exit(e ? 1 : 0));"""
    for newline in ("unix", "windows"):
        ok(machine.run("node", "-e", code, newline, uid=USER))
    got = arrived(machine)
    assert len(got) == 2
    for sender, recipients, parsed in got:
        assert sender == "app@example.org" and recipients == ["a@example.net", "b@example.net"]
        assert parsed.body.split() == [b".", b"..", b"text"]


def test_ruby_mail(machine):
    need("ruby", "/usr/share/doc/ruby-mail")
    code = """require 'mail'
    m = Mail.new { from 'app@example.org'; to 'a@example.net'; bcc 'b@example.net'; subject 'Hi'; body "text\\n" }
    m.delivery_method :sendmail, location: '/usr/sbin/sendmail'
    m.deliver!"""
    ok(machine.run("ruby", "-e", code, uid=USER))
    the_one(machine, "app@example.org", ["a@example.net", "b@example.net"], "Hi", b"text\n")


@pytest.mark.parametrize("sender", [SENDER, ""])
def test_perl_email_sender(machine, sender):
    need("/usr/share/perl5/Email/Sender/Simple.pm")
    code = f"""use Email::Sender::Simple 'sendmail'; use Email::Sender::Transport::Sendmail;
    sendmail("From: app\\@example.org\\nSubject: Hi\\n\\ntext\\n.\\n", {{ from => '{sender}',
    to => ['a@example.net', 'b@example.net'],
    transport => Email::Sender::Transport::Sendmail->new(sendmail => '/usr/sbin/sendmail') }});"""
    ok(machine.run("perl", "-e", code, uid=USER))
    the_one(machine, re.compile(re.escape(sender) if sender else "<>|"), ["a@example.net", "b@example.net"], "Hi", b"text\n.\n")


def test_perl_mime_lite(machine):
    need("/usr/share/perl5/MIME/Lite.pm")
    code = """use MIME::Lite; MIME::Lite->new(From => 'app@example.org', To => 'a@example.net', Bcc => 'b@example.net',
    Subject => 'Hi', Data => "text\\n.\\n")->send('sendmail') or exit 1;"""
    ok(machine.run("perl", "-e", code, uid=USER))
    the_one(machine, "app@example.org", ["a@example.net", "b@example.net"], "Hi", b"text\n.\n")


def test_perl_mail_mailer(machine):
    need("/usr/share/perl5/Mail/Mailer.pm")
    code = """use Mail::Mailer; my $m = Mail::Mailer->new('sendmail');
    $m->open({ From => 'app@example.org', To => 'a@example.net', Bcc => 'b@example.net', Subject => 'Hi' });
    print $m "text\\n"; $m->close or exit 1;"""
    ok(machine.run("perl", "-e", code, uid=USER))
    the_one(machine, LOGIN, ["a@example.net", "b@example.net"], "Hi", b"text\n")


@pytest.mark.parametrize("policy", ["default", "SMTP"])
def test_python_idiom(machine, policy):
    code = f"""import email.message, email.policy, subprocess
m = email.message.EmailMessage()
m["From"], m["To"], m["Bcc"], m["Subject"] = "app@example.org", "a@example.net", "b@example.net", "Hi"
m.set_content(".\\ntext\\n")
subprocess.run(["/usr/sbin/sendmail", "-t", "-oi"], input=m.as_bytes(policy=email.policy.{policy}), check=True)"""
    ok(machine.run("/usr/bin/python3", "-c", code, uid=USER))
    the_one(machine, LOGIN, ["a@example.net", "b@example.net"], "Hi", b".\ntext\n")


# ------------------------------------------------------------ mail programs

def test_git_send_email(machine):
    need("/usr/lib/git-core/git-send-email")
    patch = machine.home / "0001.patch"
    patch.write_text("From 0123456789012345678901234567890123456789 Mon Sep 17 00:00:00 2001\n"
                     "From: App <app@example.org>\nDate: Fri, 21 Nov 1997 09:55:06 -0600\nSubject: [PATCH] Hi\n\ntext\n")
    ok(machine.run("git", "-c", "user.name=App", "-c", "user.email=app@example.org", "send-email", "--confirm=never", "--to=a@example.net", "--bcc=b@example.net",
                   f"--envelope-sender={SENDER}", "--from=App <app@example.org>", "--suppress-cc=all", "--no-thread",
                   patch, env={"HOME": str(machine.home)}, uid=USER))
    the_one(machine, SENDER, ["a@example.net", "b@example.net"], "[PATCH] Hi", b"text\n")


def test_mutt_and_its_delivery_status_requests(machine):
    need("mutt")
    settings = ('set sendmail="/usr/sbin/sendmail -oem -oi" use_envelope_from=yes envelope_from_address=bounce@example.org '
                "write_bcc=yes dsn_notify=failure,delay dsn_return=hdrs use_8bitmime=yes from=app@example.org record=\"\" "
                "send_charset=utf-8")
    ok(machine.run("mutt", "-n", "-F", "/dev/null", "-e", settings, "-s", "Hi", "-b", "b@example.net", "a@example.net",
                   input=b".\nt\303\274xt\n", env={"HOME": str(machine.home)}, uid=USER))
    file, = machine.po.dropped()
    envelope = file.read_bytes()
    assert b"\nret=hdrs\n" in envelope and envelope.count(b"\nnotify=failure,delay\n") == 2 and b"\nmime=8bit\n" in envelope
    the_one(machine, SENDER, ["a@example.net", "b@example.net"], "Hi", b".\nt\303\274xt\n")


@pytest.mark.parametrize("program,bcc", [("s-nail", ["-b", "b@example.net"]), ("bsd-mailx", ["-b", "b@example.net"]),
                                         ("mail.mailutils", ["-a", "Bcc: b@example.net"])])
def test_mail(machine, program, bcc):
    need(program)
    ok(machine.run(program, "-r", SENDER, "-s", "Hi", *bcc, "a@example.net", input=b"text\n",
                   env={"HOME": str(machine.home), "MAILRC": "/dev/null", "S_NAIL": ""}, uid=USER))
    (_, recipients, parsed), = arrived(machine)
    assert recipients == ["a@example.net", "b@example.net"] and mail.value(parsed, "Subject") == "Hi"
    assert parsed.body.strip() == b"text"


def test_procmail_forwards(machine):
    need("procmail")
    rc = machine.home / "rc"
    rc.write_text("DEFAULT=/dev/null\nSENDMAIL=/usr/sbin/sendmail\n:0\n! a@example.net b@example.net\n")
    os.chown(rc, USER, USER)
    ok(machine.run("procmail", "-m", rc, input=b"From joe@example.com Fri Nov 21 09:55:06 1997\nFrom: joe@example.com\n"
                   b"Subject: Hi\n\n.\ntext\n", env={"HOME": str(machine.home)}, uid=USER))
    the_one(machine, LOGIN, ["a@example.net", "b@example.net"], "Hi", b".\ntext\n\n")


def test_formail_answers(machine):
    need("formail")
    ok(machine.run("sh", "-c", "formail -rt -A 'X-Loop: x' | /usr/sbin/sendmail -oi -t", uid=USER,
                   input=b"From joe@example.com Fri Nov 21 09:55:06 1997\nFrom: Joe <joe@example.net>\nSubject: Hi\n\ntext\n"))
    the_one(machine, LOGIN, ["joe@example.net"], "Re: Hi", b"")


# ------------------------------------------------------------ system programs

def test_cron(machine):
    need("cron")
    table = machine.po.base / "crontab"
    table.write_text("MAILTO=a@example.net,b@example.net\n@reboot root printf '.\\ntext\\n'\n")
    mounts = ("mount -t tmpfs tmpfs /run && mkdir /mnt/empty && mount --bind /mnt/empty /var/spool/cron/crontabs && "
              f"mount --bind /mnt/empty /etc/cron.d && mount --bind {table} /etc/crontab")
    script = """cron -f & pid=$!
        n=0; until [ -n "$(ls -A "$1")" ] || [ $((n += 1)) -gt 600 ]; do sleep 0.1; done; kill $pid"""
    ok(machine.run("sh", "-c", script, "sh", machine.po.spool / "drop", mounts=mounts))
    (sender, recipients, parsed), = arrived(machine)
    assert sender == "root@example.org" and recipients == ["a@example.net", "b@example.net"]
    assert "Cron Daemon" in mail.value(parsed, "From") and "root@example.org" in mail.value(parsed, "From")
    assert parsed.body == b".\ntext\n"


def test_at(machine):
    need("at", "atd")
    mounts = ("mount -t tmpfs tmpfs /run && mkdir -p /mnt/at /mnt/sp && chown daemon:daemon /mnt/at /mnt/sp && chmod 1770 /mnt/at /mnt/sp && "
              "mount --bind /mnt/at /var/spool/cron/atjobs && mount --bind /mnt/sp /var/spool/cron/atspool && "
              "touch /mnt/at/.SEQ && chown daemon:daemon /mnt/at/.SEQ && chmod 600 /mnt/at/.SEQ")
    script = """echo "printf '.\\ntext\\n'" | at -q b now 2>/dev/null; atd -s -l 100
        n=0; until [ -n "$(ls -A "$1")" ] || [ $((n += 1)) -gt 600 ]; do sleep 0.1; done"""
    ok(machine.run("sh", "-c", script, "sh", machine.po.spool / "drop", mounts=mounts))
    (sender, recipients, parsed), = arrived(machine)
    assert sender == "root@example.org" and recipients == ["root@example.org"]
    assert parsed.body == b".\ntext\n"


def test_anacron(machine):
    need("anacron")
    table = machine.po.base / "anacrontab"
    table.write_text("MAILTO=a@example.net\nSHELL=/bin/sh\nPATH=/bin:/usr/bin\n1 0 job echo text; echo ..x\n")
    folder = machine.po.base / "anacron"
    folder.mkdir()
    ok(machine.run("anacron", "-d", "-f", "-n", "-t", table, "-S", folder))
    (sender, recipients, parsed), = arrived(machine)
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
    got = arrived(machine)
    assert [recipients for _, recipients, _ in got] == [["a@example.net"]] * len(got)
    assert any(b"COMMAND=" in parsed.body for _, _, parsed in got)


def test_fail2ban_s_printf(machine):
    ok(machine.run("sh", "-c", r"""printf %b "Subject: [Fail2Ban] sshd\nDate: `LC_ALL=C date +"%a, %d %h %Y %T %z"`
From: Fail2Ban <f2b@example.org>
To: a@example.net\n
Hi,\n
Regards,\n
Fail2Ban" | /usr/sbin/sendmail -f "f2b@example.org" "a@example.net" """))
    parsed = the_one(machine, "f2b@example.org", ["a@example.net"], "[Fail2Ban] sshd", b"Hi,\n\nRegards,\n\nFail2Ban\n")
    assert mail.value(parsed, "From") == "Fail2Ban <f2b@example.org>"


def test_logwatch(machine):
    need("logwatch")
    ok(machine.run("logwatch", "--output", "mail", "--mailto", "a@example.net", "--format", "text",
                   "--range", "all", "--service", "zz-sys"))
    (_, recipients, parsed), = arrived(machine)
    assert recipients == ["a@example.net"] and "Logwatch" in mail.value(parsed, "Subject")


def test_check_mailq_as_an_ordinary_user(machine):
    check = "/usr/lib/nagios/plugins/check_mailq"
    need(check)
    ok(machine.run("/usr/sbin/sendmail", "a@example.net", input=b"X-PO-Schedule: +2h\n\nx\n", uid=USER))
    machine.po.queue("-p", "1")
    done = machine.run(check, "-M", "postfix", "-w", "5", "-c", "10", uid=2300)
    assert done.returncode == 0 and "1" in done.stdout, done
    done = machine.run(check, "-M", "postfix", "-w", "1", "-c", "10", uid=2300)
    assert done.returncode == 1, done
