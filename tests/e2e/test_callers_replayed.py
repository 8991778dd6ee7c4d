# SPDX-License-Identifier: ISC
"""Callers that cannot be run here: the arguments and the input that they were seen to use, or that their source has.

Each row is a program, what it gives to sendmail, and what has to reach the relay: envelope, parameters, body.
"""
import re

import pytest

import mail
from caller import LOGIN, SENDER, USER, Machine
from po import IS_ROOT, Po

pytestmark = pytest.mark.skipif(not IS_ROOT, reason="needs root: mail of another uid")

A, B = "a@example.net", "b@example.net"
TEXT = b".\n..\ntext\n"
HEADER = b"From: App <app@example.org>\nTo: a@example.net\nBcc: b@example.net\nSubject: Hi\n"
PLAIN = HEADER + b"\n" + TEXT
CRLF = PLAIN.replace(b"\n", b"\r\n")
MBOX = b"From joe@example.com Fri Nov 21 09:55:06 1997\n" + PLAIN
ONLY_TO = PLAIN.replace(b"Bcc: b@example.net\n", b"")
TEXT_8 = TEXT + "\u00fc\n".encode()

# program, arguments, standard input, sender, recipients, body, words of MAIL besides SIZE
ROWS = [
    ("vixie cron", ["-FCronDaemon", "-odi", "-oem", "-or0s", "-B8BITMIME", A], b"From: root (Cron Daemon)\nTo: a@example.net\n\ntext\n",
     LOGIN, [A], b"text\n", ["BODY=8BITMIME"]),
    ("cronie", ["-FCronDaemon", "-i", "-odi", "-oem", "-oi", "-t", "-f", "root"],
     b'From: "(Cron Daemon)" <root>\nTo: a@example.net, b@example.net\nSubject: Hi\n\n' + TEXT, "root@example.org", [A, B], TEXT, []),
    ("systemd-cron", ["-i", "-B", "8BITMIME", A], b"From: root (systemd-cron)\nTo: a@example.net\nDate: Fri, 21 Nov 1997 09:55:06 -0600\n"
     b"Subject: =?utf-8?q?Hi?=\n\n" + TEXT_8, LOGIN, [A], TEXT_8, ["BODY=8BITMIME"]),
    ("mdadm --monitor", ["-t"], b"From: mdadm monitoring <root>\nTo: a@example.net\nSubject: TestMessage event on /dev/md0:host\n\n"
     b"This is an automatically generated mail message from mdadm\n\nFaithfully yours, etc.\n", LOGIN, [A],
     b"This is an automatically generated mail message from mdadm\n\nFaithfully yours, etc.\n", []),
    ("Proxmox", ["-B", "8BITMIME", "-f", SENDER, "--", A, B], PLAIN.replace(b"\n.\n", b"\n"), SENDER, [A, B], b".\ntext\n", ["BODY=8BITMIME"]),
    ("Trac", ["-i", "-f", SENDER, A, B], PLAIN.replace(b"a@example.net", b"undisclosed-recipients:;"), SENDER, [A, B], TEXT, []),
    ("Mailman 2", ["-f", SENDER, A, B], HEADER + b"\ntext\n", SENDER, [A, B], b"text\n", []),
    ("Bugzilla", ["-i", "-f", SENDER, "--", A], PLAIN, SENDER, [A], TEXT, []),
    ("RT 5", ["-oi", "-ODeliveryMode=b", "-OErrorMode=m", "-t", "-f", SENDER], PLAIN, SENDER, [A, B], TEXT, []),
    ("RT 5 bounces", ["-oi", "-t", "-f", "<>"], PLAIN, "", [A, B], TEXT, []),
    ("RT 5 with VERP", ["-oi", "-t", "-f", "default@example.org", "-f", SENDER], PLAIN, SENDER, [A, B], TEXT, []),
    ("MediaWiki by PHP before 8", ["-t", "-i", "-f" + SENDER], PLAIN, SENDER, [A, B], TEXT, []),
    ("PHP 8: its lines CRLF, the application's LF", ["-t", "-i"], b"To: a@example.net\r\nSubject: Hi\r\nX-A: 1\nX-B: 2\r\n\r\none\ntwo\r\n",
     LOGIN, [A], b"one\ntwo\n", []),
    ("older Rails", ["-i", "-t", "-f", SENDER, "--", A, B], PLAIN, SENDER, [A, B], TEXT, []),
    ("ruby-mail :exim", ["-i", "-t", "-f", SENDER, "--"], ONLY_TO, SENDER, [A], TEXT, []),
    ("heirloom mailx", ["-i", "-v", "-m", "-r", SENDER, A], PLAIN, SENDER, [A], TEXT, []),
    ("aerc", [A, B], CRLF.replace(b"\r\n.\r\n", b"\r\n"), LOGIN, [A, B], b".\ntext\n", []),
    ("lettre", ["-i", "-f", SENDER, "--", A, B], CRLF, SENDER, [A, B], TEXT, []),
    ("Gitea, Forgejo", ["-f", SENDER, "-i", A, B], CRLF, SENDER, [A, B], TEXT, []),
    ("pocketbase", ["-t"], CRLF.replace(b"\r\n.\r\n", b"\r\n"), LOGIN, [A, B], b".\ntext\n", []),
    ("Dovecot LDA", ["-i", "-f", "<>", "--", A], CRLF, "", [A], TEXT, []),
    ("a Django back end", [A, B], HEADER + b"\ntext\n", LOGIN, [A, B], b"text\n", []),
    ("a Django back end with -f", ["-i", "-f", SENDER, "--", A, B], PLAIN, SENDER, [A, B], TEXT, []),
    ("PHPMailer of old", ["-t", "-i", "-oi", "-f" + SENDER, "-t"], CRLF, SENDER, [A, B], TEXT, []),
    ("qmail-inject's callers", ["-f" + SENDER, A], PLAIN.replace(b"\n.\n", b"\n"), SENDER, [A], b".\ntext\n", []),
    ("Symfony 5.4", ["-t", "-i", "-f" + SENDER], PLAIN, SENDER, [A, B], TEXT, []),
    ("Symfony 5.4, dots doubled", ["-t", "-f" + SENDER], HEADER + b"\n..\n...\ntext\n", SENDER, [A, B], TEXT, []),
    ("getmail, fetchmail", ["-i", "-bm", A], MBOX, LOGIN, [A], TEXT, []),
    ("procmail with the sender's line quoted", ["-oi", A], b">" + MBOX, LOGIN, [A], TEXT, []),
    ("vacation of Sendmail", ["-f", "<>", "-eq", "--", A], HEADER + b"\ntext\n", "", [A], b"text\n", []),
    ("unattended-upgrades without mail(1)", ["-oi", "-t"], ONLY_TO, LOGIN, [A], TEXT, []),
    ("fail2ban", ["-f", SENDER, A], ONLY_TO.replace(b"\n.\n", b"\n")[:-1], SENDER, [A], b".\ntext\n", []),
    ("alpine", ["-oem", "-t", "-oi"], CRLF, LOGIN, [A, B], TEXT, []),
    ("echo | sendmail", [A], b"text\n", LOGIN, [A], b"text\n", []),
]


@pytest.fixture(scope="module")
def all_rows(build, folder):
    """All rows through one spool and one run: for each what sendmail did and which messages it made."""
    po = Po(build, system=True)
    machine = None
    try:
        machine = Machine(po.setup(), folder / "replayed")
        results = []
        for _, args, text, *_ in ROWS:
            before = set(po.dropped())
            done = po.sendmail(*args, input=text, uid=USER)
            results.append((done, [p.name[2:] for p in po.dropped() if p not in before]))
        got = {}
        for m in machine.arrived():
            got[re.search(r"\bid\s+([0-9A-Z]{26})\b", m.field("Received"))[1]] = m
        yield [(done, [got[i] for i in ids]) for done, ids in results]
    finally:
        if machine:
            machine.sink.stop()
        po.close()


@pytest.mark.parametrize("n", range(len(ROWS)), ids=[row[0] for row in ROWS])
def test_replayed(all_rows, n):
    _, _, text, sender, recipients, body, words = ROWS[n]
    done, got = all_rows[n]
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    got, = got
    assert (got.sender, got.recipients, got.mail.body) == (sender, sorted(recipients), body)
    assert [w for w in got.mail_options if not w.startswith("SIZE=")] == words
    assert got.ret_envid == [] and set(map(tuple, got.notify.values())) == {()}
    # what the caller said stays as it was, but for addresses, which are completed
    said = mail.split(re.sub(rb"^>?From .*\n", b"", text.replace(b"\r\n", b"\n")))
    for name, raw in said.fields if said.body else []:
        assert name in ("Bcc", "From", "To") or (name, raw) in got.mail.fields
