# SPDX-License-Identifier: ISC
"""Mail libraries of PHP, Perl, Ruby, Python and Node that call sendmail, as Debian ships them."""
import re

import pytest

from caller import BCC, LOGIN, SENDER, TO, USER, need, ok
from po import IS_ROOT

pytestmark = pytest.mark.skipif(not IS_ROOT, reason="needs root: a view of the machine with another sendmail")


# ------------------------------------------------------------ PHP

PHP = ["php", "-n", "-d", "sendmail_path=/usr/sbin/sendmail -t -i"]


def test_php_mail(machine):
    need("php")
    code = """exit(mail("A <a@example.net>", "Hi", "one\\ntwo\\n.\\n..\\n", "From: App <app@example.org>\\r\\n"
              . "X-A: 1\\nX-B: 2\\r\\nBcc: b@example.net\\r\\nCc: c@example.net", "-f""" + SENDER + """") ? 0 : 1);"""
    ok(machine.run(*PHP, "-r", code, uid=USER))
    got = machine.the_one(SENDER, ["a@example.net", "b@example.net", "c@example.net"], "Hi", b"one\ntwo\n.\n..\n\n")
    assert [got.field(n) for n in ("X-A", "X-B", "From")] == ["1", "2", "App <app@example.org>"]


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


# how sendmail failed -> what mail() says, by the version of PHP: 75 became "queued" with 8.5
FAILURES = [
    ("no spool, not_queued_exit 75", 75, lambda po: (po.spool / "drop").chmod(0o755), lambda version: version >= (8, 5)),
    ("no spool, not_queued_exit 74", 74, lambda po: (po.spool / "drop").chmod(0o755), lambda version: False),
    ("no spool, not_queued_exit 71", 71, lambda po: (po.spool / "drop").chmod(0o755), lambda version: False),
    ("no room, not_queued_exit 71", 71, lambda po: po.configure(min_free="500T"), lambda version: False),
    ("nothing is wrong", 71, lambda po: None, lambda version: True),
]


@pytest.mark.parametrize("status,spoil,true", [f[1:] for f in FAILURES], ids=[f[0] for f in FAILURES])
def test_php_mail_and_not_queued_exit(machine, status, spoil, true):
    """mail() is true for what is queued, and 75 is what some versions take for that."""
    need("php")
    machine.po.configure(not_queued_exit=status)
    spoil(machine.po)
    code = """echo PHP_MAJOR_VERSION, " ", PHP_MINOR_VERSION, " ", mail("a@example.net", "Hi", "x") ? "true" : "false";"""
    done = ok(machine.run(*PHP, "-r", code, uid=USER))
    major, minor, said = done.stdout.split()
    assert said == ("true" if true((int(major), int(minor))) else "false"), done
    assert (machine.po.dropped() != []) == (said == "true" and "nothing" not in done.stderr and done.stderr == "")


# a wait status of 0 is true in every version; of the rest the old ones compare the raw status with 75, which no exit makes
@pytest.mark.parametrize("message,true", [("a@example.net", True), ("a b@example.net", False), ("", False), ("@", False)])
def test_php_mail_is_true_only_for_what_is_queued(machine, message, true):
    need("php")
    done = ok(machine.run(*PHP, "-r", f'echo mail("{message}", "Hi", "x") ? "true" : "false";', uid=USER))
    assert done.stdout == ("true" if true else "false") and (done.stderr == "") == true
    assert len(machine.po.dropped()) == true


# settings of php.ini that change the line ends: the message is the same
@pytest.mark.parametrize("setting", ["mail.mixed_lf_and_crlf=0", "mail.mixed_lf_and_crlf=1", "mail.add_x_header=1", "mail.force_extra_parameters=-fbounce@example.org"])
def test_php_s_settings(machine, setting):
    need("php")
    code = """exit(mail("a@example.net", "Hi", "one\r\n.\n..\r\ntwo", ["From" => "App <app@example.org>", "Cc" => "c@example.net",
              "X-A" => "1"], "-fbounce@example.org") ? 0 : 1);"""
    ok(machine.run(*PHP, "-d", setting, "-r", code, uid=USER))
    got = machine.the_one(SENDER, [TO, "c@example.net"], "Hi", b"one\n.\n..\ntwo\n")
    assert got.field("From") == "App <app@example.org>" and got.field("X-A") == "1"


def test_php_pear_mail(machine):
    need("/usr/share/php/Mail.php")
    code = """error_reporting(0); require "Mail.php";
    $m = Mail::factory("sendmail", ["sendmail_path" => "/usr/sbin/sendmail", "sendmail_args" => "-i"]);
    $r = $m->send("a@example.net, b@example.net", ["From" => "App <app@example.org>", "To" => "a@example.net", "Subject" => "Hi"],
        ".\\n..\\ntext\\n");
    exit($r === true ? 0 : 1);"""
    ok(machine.run("php", "-r", code, uid=USER))
    machine.the_one("app@example.org", [TO, BCC], "Hi", re.compile(rb"\.\n\.\.\ntext\n\n?"))


SYMFONY = """require "/usr/share/php/Symfony/Component/Mailer/autoload.php";
$e = (new Symfony\\Component\\Mime\\Email())->from("app@example.org")->to("a@example.net")->bcc("b@example.net")
    ->subject("Hi")->text(".\\n..\\ntext\\n");
$t = new Symfony\\Component\\Mailer\\Transport\\SendmailTransport($argv[1]);
$t->send($e); %s"""


@pytest.mark.parametrize("command", ["/usr/sbin/sendmail -bs", "/usr/sbin/sendmail -bs -i"])
def test_symfony_by_smtp(machine, command):
    need("/usr/share/php/Symfony/Component/Mailer/autoload.php")
    ok(machine.run("php", "-r", SYMFONY % "$t->send($e);", "--", command, uid=USER))
    got = machine.arrived()
    assert len(got) == 2
    for sender, recipients, parsed in got:
        assert sender == "app@example.org" and recipients == ["a@example.net", "b@example.net"]
        assert parsed.body.split() == [b".", b"..", b"text"]


@pytest.mark.parametrize("command", ["/usr/sbin/sendmail -t", "/usr/sbin/sendmail -t -i"])
def test_symfony_by_arguments(machine, command):
    need("/usr/share/php/Symfony/Component/Mailer/autoload.php")
    ok(machine.run("php", "-r", SYMFONY % "", "--", command, uid=USER))
    (sender, recipients, parsed), = machine.arrived()
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
    got = machine.arrived()
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
    (sender, recipients, parsed), = machine.arrived()
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
    got = machine.arrived()
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
    machine.the_one("app@example.org", ["a@example.net", "b@example.net"], "Hi", b"text\n")


def test_ruby_action_mailer(machine):
    need("ruby", "/usr/share/doc/ruby-actionmailer")
    code = """require 'action_mailer'
    class M < ActionMailer::Base
      def hi; mail(from: 'App <app@example.org>', to: 'a@example.net', bcc: 'b@example.net', subject: 'Hi',
                   content_type: 'text/plain', body: ".\\n..\\ntext\\n"); end
    end
    ActionMailer::Base.delivery_method = :sendmail
    M.hi.deliver_now"""
    ok(machine.run("ruby", "-e", code, uid=USER))
    machine.the_one("app@example.org", [TO, BCC], "Hi", b".\n..\ntext\n")


@pytest.mark.parametrize("sender", [SENDER, ""])
def test_perl_email_sender(machine, sender):
    need("/usr/share/perl5/Email/Sender/Simple.pm")
    code = f"""use Email::Sender::Simple 'sendmail'; use Email::Sender::Transport::Sendmail;
    sendmail("From: app\\@example.org\\nSubject: Hi\\n\\ntext\\n.\\n", {{ from => '{sender}',
    to => ['a@example.net', 'b@example.net'],
    transport => Email::Sender::Transport::Sendmail->new(sendmail => '/usr/sbin/sendmail') }});"""
    ok(machine.run("perl", "-e", code, uid=USER))
    machine.the_one(re.compile(re.escape(sender) if sender else "<>|"), ["a@example.net", "b@example.net"], "Hi", b"text\n.\n")


def test_perl_mime_lite(machine):
    need("/usr/share/perl5/MIME/Lite.pm")
    code = """use MIME::Lite; MIME::Lite->new(From => 'app@example.org', To => 'a@example.net', Bcc => 'b@example.net',
    Subject => 'Hi', Data => "text\\n.\\n")->send('sendmail') or exit 1;"""
    ok(machine.run("perl", "-e", code, uid=USER))
    machine.the_one("app@example.org", ["a@example.net", "b@example.net"], "Hi", b"text\n.\n")


def test_perl_mail_mailer(machine):
    need("/usr/share/perl5/Mail/Mailer.pm")
    code = """use Mail::Mailer; my $m = Mail::Mailer->new('sendmail');
    $m->open({ From => 'app@example.org', To => 'a@example.net', Bcc => 'b@example.net', Subject => 'Hi' });
    print $m "text\\n"; $m->close or exit 1;"""
    ok(machine.run("perl", "-e", code, uid=USER))
    machine.the_one(LOGIN, ["a@example.net", "b@example.net"], "Hi", b"text\n")


@pytest.mark.parametrize("policy", ["default", "SMTP"])
def test_python_idiom(machine, policy):
    code = f"""import email.message, email.policy, subprocess
m = email.message.EmailMessage()
m["From"], m["To"], m["Bcc"], m["Subject"] = "app@example.org", "a@example.net", "b@example.net", "Hi"
m.set_content(".\\ntext\\n")
subprocess.run(["/usr/sbin/sendmail", "-t", "-oi"], input=m.as_bytes(policy=email.policy.{policy}), check=True)"""
    ok(machine.run("/usr/bin/python3", "-c", code, uid=USER))
    machine.the_one(LOGIN, ["a@example.net", "b@example.net"], "Hi", b".\ntext\n")


def test_django_s_messages(machine):
    """What a back end of some twenty lines does; Django itself has none."""
    need("/usr/lib/python3/dist-packages/django")
    code = """import subprocess
from django.conf import settings
settings.configure(DEFAULT_CHARSET="utf-8", USE_I18N=False)
from django.core.mail import EmailMessage
m = EmailMessage("Hi", ".\\n..\\nt\\u00fcxt\\n", "app@example.org", ["a@example.net"], bcc=["b@example.net"])
subprocess.run(["/usr/sbin/sendmail", "-i", "-f", m.from_email, "--", *m.recipients()], input=m.message().as_bytes(), check=True)"""
    ok(machine.run("/usr/bin/python3", "-c", code, uid=USER))
    got = machine.the_one("app@example.org", [TO, BCC], "Hi", b".\n..\nt\303\274xt\n")
    assert got.field("Content-Transfer-Encoding") == "8bit" and "BODY=8BITMIME" in got.mail_options
