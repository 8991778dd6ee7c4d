# SPDX-License-Identifier: ISC
"""Mail programs and filters that call sendmail, as Debian ships them."""
import os
import re
import socket
import threading

import pytest

from caller import BCC, LOGIN, SENDER, TO, USER, need, ok
from po import IS_ROOT

pytestmark = pytest.mark.skipif(not IS_ROOT, reason="needs root: a view of the machine with another sendmail")


def test_git_send_email(machine):
    need("/usr/lib/git-core/git-send-email")
    patch = machine.home / "0001.patch"
    patch.write_text("From 0123456789012345678901234567890123456789 Mon Sep 17 00:00:00 2001\n"
                     "From: App <app@example.org>\nDate: Fri, 21 Nov 1997 09:55:06 -0600\nSubject: [PATCH] Hi\n\ntext\n")
    ok(machine.run("git", "-c", "user.name=App", "-c", "user.email=app@example.org", "send-email", "--confirm=never", "--to=a@example.net", "--bcc=b@example.net",
                   f"--envelope-sender={SENDER}", "--from=App <app@example.org>", "--suppress-cc=all", "--no-thread",
                   patch, env={"HOME": str(machine.home)}, uid=USER))
    machine.the_one(SENDER, ["a@example.net", "b@example.net"], "[PATCH] Hi", b"text\n")


@pytest.mark.parametrize("program", ["mutt", "neomutt"])
def test_mutt_and_its_delivery_status_requests(machine, program):
    need(program)
    settings = ('set sendmail="/usr/sbin/sendmail -oem -oi" use_envelope_from=yes envelope_from_address=bounce@example.org '
                "write_bcc=yes dsn_notify=failure,delay dsn_return=hdrs use_8bitmime=yes from=app@example.org record=\"\" "
                "send_charset=utf-8")
    ok(machine.run(program, "-n", "-F", "/dev/null", "-e", settings, "-s", "Hi", "-b", BCC, TO,
                   input=b".\nt\303\274xt\n", env={"HOME": str(machine.home)}, uid=USER))
    got = machine.the_one(SENDER, [TO, BCC], "Hi", b".\nt\303\274xt\n")
    assert got.notify == {TO: ["NOTIFY=FAILURE,DELAY"], BCC: ["NOTIFY=FAILURE,DELAY"]}
    assert got.ret_envid == ["RET=HDRS"] and "BODY=8BITMIME" in got.mail_options


# program, more arguments, envelope sender
MAIL = [
    ("s-nail", ["-b", BCC], LOGIN),
    ("s-nail", ["-b", BCC, "-r", SENDER], SENDER),
    ("s-nail", ["-b", BCC, "-S", "sendwait", "-S", "mta-argv0=sendmail", "-r", SENDER], SENDER),
    ("bsd-mailx", ["-b", BCC], LOGIN),
    ("bsd-mailx", ["-b", BCC, "-r", SENDER], SENDER),
    ("mail.mailutils", ["-a", "Bcc: " + BCC], re.compile(r"www-data@.+")),
    ("mail.mailutils", ["-a", "Bcc: " + BCC, "-r", SENDER], SENDER),
]


@pytest.mark.parametrize("program,more,sender", MAIL, ids=[f"{p}{n}" for n, (p, _, _) in enumerate(MAIL)])
def test_mail(machine, program, more, sender):
    need(program)
    ok(machine.run(program, *more, "-s", "Hi", TO, input=b"text\n..\n",
                   env={"HOME": str(machine.home), "MAILRC": "/dev/null", "S_NAIL": ""}, uid=USER))
    machine.the_one(sender, [TO, BCC], "Hi", re.compile(rb"text\n\.\.\n\n?"))


@pytest.mark.parametrize("program,wait,shown", [("s-nail", ["-S", "sendwait"], True), ("mail.mailutils", [], False)])
def test_mail_fails_when_nothing_was_queued(machine, program, wait, shown):
    """mailutils has no more to say than that the program failed."""
    need(program)
    (machine.po.spool / "drop").chmod(0o755)
    done = machine.run(program, *wait, "-s", "Hi", TO, input=b"text\n",
                       env={"HOME": str(machine.home), "MAILRC": "/dev/null", "S_NAIL": ""}, uid=USER)
    assert done.returncode != 0 and (f"sendmail: {machine.po.spool}/drop" in done.stderr) is shown, done


EMACS = r"""(progn (setq user-mail-address "app@example.org" user-full-name "App" mail-user-agent 'message-user-agent
 sendmail-program "/usr/sbin/sendmail" message-send-mail-function 'message-send-mail-with-sendmail
 send-mail-function 'sendmail-send-it message-interactive t mail-interactive %s mail-specify-envelope-from %s
 mail-envelope-from "bounce@example.org") %s)"""


def emacs(machine, interactive, envelope, code):
    need("emacs")
    ok(machine.run("emacs", "-Q", "--batch", "--eval", EMACS % (interactive, envelope, code), uid=USER,
                   env={"HOME": str(machine.home)}))


def test_emacs_message_mode(machine):
    emacs(machine, "t", "t", r"""(require 'message) (setq mm-coding-system-priorities '(utf-8) mm-body-charset-encoding-alist '((utf-8 . 8bit)))
        (message-mail "a@example.net" "Hi" '((Bcc . "b@example.net")))
        (message-goto-body) (insert ".\n..\nt\u00fcxt\n") (message-send)""")
    got = machine.the_one(SENDER, [TO, BCC], "Hi", b".\n..\nt\303\274xt\n")
    assert got.field("From") == "App <app@example.org>"


@pytest.mark.parametrize("interactive", ["t", "nil"])
def test_emacs_mail_mode(machine, interactive):
    """Not interactive: sendmail is left behind, with -odb."""
    emacs(machine, interactive, "nil", r"""(require 'sendmail) (mail nil "a@example.net" "Hi" nil nil)
        (mail-bcc) (insert "b@example.net") (mail-text) (insert ".\n..\ntext\n") (mail-send)""")
    machine.wait_queued()
    machine.the_one(re.compile("(app|www-data)@example.org"), [TO, BCC], "Hi", re.compile(rb"\.\n\.\.\ntext\n"))


def test_mercurial_patchbomb(machine):
    """It does not say -i, and one run of sendmail has one patch."""
    need("hg")
    env = {"HOME": str(machine.home), "HGRCPATH": "/dev/null"}
    hg = ["hg", "-R", machine.home / "r", "--config", "extensions.patchbomb=", "--config", "email.method=/usr/sbin/sendmail",
          "--config", "ui.username=App <app@example.org>"]
    machine.file("f", "..x\n")
    script = 'hg init "$1/r" && cp "$1/f" "$1/r/" && cd "$1/r" && hg --config ui.username=x add f && hg --config ui.username=x ci -m Hi'
    ok(machine.run("sh", "-c", script, "sh", machine.home, uid=USER, env=env))
    ok(machine.run(*hg, "email", "-r", "0", "--to", TO, "--bcc", BCC, "-f", "App <app@example.org>", "-n", uid=USER, env=env))
    assert machine.po.dropped() == []
    ok(machine.run(*hg, "email", "-r", "0", "--to", TO, "--bcc", BCC, "-f", "App <app@example.org>", uid=USER, env=env, input=b"y\n"))
    got = machine.the_one("app@example.org", [TO, BCC], "[PATCH] Hi", re.compile(rb".*\n\+\.\.x\n.*", re.S))
    assert got.field("From").endswith(" <app@example.org>")


def test_procmail_forwards(machine):
    need("procmail")
    rc = machine.home / "rc"
    rc.write_text("DEFAULT=/dev/null\nSENDMAIL=/usr/sbin/sendmail\n:0\n! a@example.net b@example.net\n")
    os.chown(rc, USER, USER)
    ok(machine.run("procmail", "-m", rc, input=b"From joe@example.com Fri Nov 21 09:55:06 1997\nFrom: joe@example.com\n"
                   b"Subject: Hi\n\n.\ntext\n", env={"HOME": str(machine.home)}, uid=USER))
    machine.the_one(LOGIN, ["a@example.net", "b@example.net"], "Hi", b".\ntext\n\n")


def test_formail_answers(machine):
    need("formail")
    ok(machine.run("sh", "-c", "formail -rt -A 'X-Loop: x' | /usr/sbin/sendmail -oi -t", uid=USER,
                   input=b"From joe@example.com Fri Nov 21 09:55:06 1997\nFrom: Joe <joe@example.net>\nSubject: Hi\n\ntext\n"))
    machine.the_one(LOGIN, ["joe@example.net"], "Re: Hi", b"")


JOE = (b"From joe@example.com Fri Nov 21 09:55:06 1997\nReturn-Path: <joe@example.com>\nFrom: Joe <joe@example.net>\n"
       b"To: www-data@example.org\nMessage-ID: <1@example.com>\nSubject: Hi\n\n.\ntext\n")


def test_maildrop_forwards(machine):
    """Without a sender of its own it says -f with nothing behind."""
    need("maildrop")
    rules = machine.file("rules", 'SHELL="/bin/sh"\nto "! a@example.net b@example.net"\n')
    ok(machine.run("maildrop", rules, input=JOE, env={"HOME": str(machine.home)}, uid=USER))
    machine.the_one("", [TO, BCC], "Hi", b".\ntext\n")


def test_vacation_answers(machine):
    need("vacation")
    machine.file(".vacation.msg", "Subject: away\n\n..back soon\n")
    script = 'cd && vacation -i && exec vacation www-data'
    ok(machine.run("sh", "-c", script, input=JOE, env={"HOME": str(machine.home)}, uid=USER,
                   mounts=machine.account()))
    machine.wait_queued()
    got = machine.the_one(re.compile("(www-data@example.org)?"), ["joe@example.com"], "away", re.compile(rb"\.?\.back soon\n"))
    assert "www-data" in got.field("From")


SIEVE = """require ["vacation"];
redirect "a@example.net";
vacation :addresses ["www-data@example.org"] :subject "away" ".back soon";
"""


def test_dovecot_s_redirect_and_vacation(machine):
    need("/usr/lib/dovecot/dovecot-lda", "/usr/lib/dovecot/modules/lib90_sieve_plugin.so")
    machine.file("x.sieve", SIEVE)
    conf = machine.file("dovecot.conf", f"""mail_location = maildir:{machine.home}/Maildir
sendmail_path = /usr/sbin/sendmail
hostname = host.example
postmaster_address = postmaster@example.org
base_dir = {machine.home}/run
log_path = {machine.home}/log
protocol lda {{
  mail_plugins = sieve
}}
plugin {{
  sieve = file:{machine.home}/x.sieve
}}
""")
    ok(machine.run("/usr/lib/dovecot/dovecot-lda", "-c", conf, "-f", "joe@example.com", "-a", "www-data@example.org", input=JOE,
                   env={"HOME": str(machine.home), "USER": "www-data"}, uid=USER))
    log = machine.home / "log"
    got = {tuple(m.recipients): m for m in machine.arrived()}
    assert set(got) == {(TO,), ("joe@example.com",)}, log.read_text() if log.exists() else ""
    assert got[(TO,)].sender == "joe@example.com" and got[(TO,)].mail.body == b".\ntext\n"
    away = got[("joe@example.com",)]
    assert away.sender == "" and away.field("Subject") == "away" and away.mail.body.strip() == b".back soon"


class Mailbox(threading.Thread):
    """One message, by POP3 (RFC 1939), once."""

    def __init__(self, message):
        super().__init__(daemon=True)
        self.lines = message.replace(b"\n", b"\r\n")
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.deleted = False
        self.start()

    def run(self):
        sock, _ = self.listener.accept()
        stuffed = re.sub(rb"^\.", b"..", self.lines, flags=re.M)
        size = len(self.lines)
        answers = {"STAT": f"1 {size}", "LIST": f"\r\n1 {size}\r\n.", "UIDL": "\r\n1 uid1\r\n.", "CAPA": "\r\nUSER\r\nUIDL\r\nTOP\r\n."}
        with sock, sock.makefile("rwb") as f:
            f.write(b"+OK pop\r\n")
            f.flush()
            for line in f:
                words = line.decode().upper().split()
                if words[0] in ("RETR", "TOP"):
                    f.write(b"+OK\r\n" + stuffed + b".\r\n")
                elif words[0] in ("LIST", "UIDL") and len(words) > 1:
                    f.write(f"+OK 1 {size if words[0] == 'LIST' else 'uid1'}\r\n".encode())
                else:
                    self.deleted |= words[0] == "DELE"
                    f.write(f"+OK {answers.get(words[0], '')}\r\n".encode())
                f.flush()
                if words[0] == "QUIT":
                    break
        self.listener.close()


def test_fetchmail(machine):
    need("fetchmail")
    box = Mailbox(JOE.partition(b"\n")[2])
    rc = machine.file("fetchmailrc", f"""set no bouncemail
poll 127.0.0.1 service {box.port} protocol pop3 uidl user x password y sslproto "" is www-data here no rewrite
    mda "/usr/sbin/sendmail -i -oem -f %F {TO}"
""")
    ok(machine.run("fetchmail", "-f", rc, "-i", machine.home / "ids", "--pidfile", machine.home / "pid", "--auth", "password",
                   env={"HOME": str(machine.home), "LOGNAME": "www-data", "USER": "www-data"}, uid=USER))
    box.join(10)
    assert box.deleted
    machine.the_one("joe@example.com", [TO], "Hi", b".\ntext\n")


def test_getmail(machine):
    need("getmail")
    box = Mailbox(JOE.partition(b"\n")[2])
    machine.file("getmailrc", f"""[retriever]
type = SimplePOP3Retriever
server = 127.0.0.1
port = {box.port}
username = x
password = y
[destination]
type = MDA_external
path = /usr/sbin/sendmail
arguments = ("-i", "-bm", "{TO}")
unixfrom = true
[options]
delete = true
""")
    ok(machine.run("getmail", f"--getmaildir={machine.home}", env={"HOME": str(machine.home)}, uid=USER))
    box.join(10)
    assert box.deleted
    machine.the_one(LOGIN, [TO], "Hi", b".\ntext\n")


@pytest.mark.parametrize("transport", ["smtp", "pipe"])
def test_nmh(machine, transport):
    """post(8) talks SMTP to sendmail -bs, or writes to sendmail -t."""
    need("/usr/lib/mh/post")
    mts = machine.file("mts.conf", f"mts: sendmail/{transport}\nsendmail: /usr/sbin/sendmail\nlocalname: example.org\n", 0o644)
    draft = machine.file("draft", f"To: {TO}\nFrom: App <app@example.org>\nSubject: Hi\n--------\n.\n..\ntext\n")
    ok(machine.run("/usr/lib/mh/post", "-mts", f"sendmail/{transport}", draft, uid=USER,
                   env={"HOME": str(machine.home), "MHMTSCONF": str(mts), "MHTMPDIR": str(machine.home)}, mounts=f"mount --bind {mts} /etc/nmh/mts.conf"))
    machine.the_one(re.compile("(app|www-data)@example.org"), [TO], "Hi", b".\n..\ntext\n")
