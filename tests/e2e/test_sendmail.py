# SPDX-License-Identifier: ISC
"""sendmail as programs call it: envelope and content as they arrive at a server."""
import os
import pwd
import re
import subprocess

import pytest

import mail
from po import OWNER, IS_ROOT

ADDED = ("received", "date", "from", "message-id")


def through(po, sink, args, message, **more):
    """Submit, deliver, and return what the server got: messages with LF line ends and parsed content."""
    done = po.sendmail(*args, input=message, **more)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), done
    po.queue("-p", "1")
    got = sink.messages()
    for m in got:
        assert not re.search(rb"(?<!\r)\n|\r(?!\n)|\0", m.content), "a bare CR, a bare LF or a NUL on the wire"
    return [(m, mail.split(m.content.replace(b"\r\n", b"\n"))) for m in got]


def login():
    uid = OWNER if IS_ROOT else os.geteuid()
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


@pytest.fixture
def relayed(po, sink):
    po.relay(sink.port)
    return po


# name, arguments, message, envelope sender, recipients
ENVELOPES = [
    ("recipients as arguments", ["-f", "s@example.org", "a@example.net", "b@example.net"], b"Subject: x\n\nx\n",
     "s@example.org", ["a@example.net", "b@example.net"]),
    ("-t takes To, Cc and Bcc", ["-t", "-f", "s@example.org"],
     b"To: a@example.net\nCc: B <b@example.net>\nBcc: c@example.net\n\nx\n",
     "s@example.org", ["a@example.net", "b@example.net", "c@example.net"]),
    ("-t and arguments: the union, each once", ["-t", "-fs@example.org", "a@example.net", "d@example.net"],
     b"To: a@example.net, b@example.net\n\nx\n", "s@example.org", ["a@example.net", "b@example.net", "d@example.net"]),
    ("a group and a comment", ["-t", "-f", "s@example.org"],
     b"To: Friends: a@example.net, \"B, b\" <b@example.net> (a, comment);\n\nx\n", "s@example.org",
     ["a@example.net", "b@example.net"]),
    ("folded, mixed line ends", ["-t", "-f", "s@example.org"], b"To: a@example.net,\r\n b@example.net\nSubject: x\r\n\r\nx\n",
     "s@example.org", ["a@example.net", "b@example.net"]),
    ("-f '' is the null sender", ["-f", "", "a@example.net"], b"Subject: x\n\nx\n", "", ["a@example.net"]),
    ("-f <> is the null sender", ["-f", "<>", "a@example.net"], b"Subject: x\n\nx\n", "", ["a@example.net"]),
    ("the last -f wins, -r is the same", ["-f", "one@example.org", "-r", "two@example.org", "a@example.net"],
     b"Subject: x\n\nx\n", "two@example.org", ["a@example.net"]),
    ("unqualified addresses are qualified", ["-f", "joe", "root"], b"Subject: x\n\nx\n", "joe@example.org",
     ["root@example.org"]),
    ("two in one argument", ["-f", "s@example.org", "a@example.net, b@example.net"], b"Subject: x\n\nx\n", "s@example.org",
     ["a@example.net", "b@example.net"]),
    ("a name around the address", ["-f", "S <s@example.org>", "A <a@example.net>"], b"Subject: x\n\nx\n", "s@example.org",
     ["a@example.net"]),
    ("a quoted local part", ["-f", "s@example.org", '"john doe"@example.net'], b"Subject: x\n\nx\n", "s@example.org",
     ['"john doe"@example.net']),
    ("a command as local part is text", ["-f", "s@example.org", "--", "|touch@example.net"], b"Subject: x\n\nx\n",
     "s@example.org", ["|touch@example.net"]),
    ("what cron passes", ["-FCronDaemon", "-i", "-B8BITMIME", "-oem", "-f", "root@example.org", "a@example.net"],
     b"From: root (Cron Daemon)\nTo: a@example.net\nSubject: x\n\nx\n", "root@example.org", ["a@example.net"]),
    ("what mutt passes", ["-oem", "-oi", "-f", "s@example.org", "--", "a@example.net"], b"Subject: x\n\nx\n",
     "s@example.org", ["a@example.net"]),
]


@pytest.mark.parametrize("args,message,sender,recipients", [e[1:] for e in ENVELOPES], ids=[e[0] for e in ENVELOPES])
def test_envelope(relayed, sink, args, message, sender, recipients):
    (got, parsed), = through(relayed, sink, args, message)
    assert got.sender == sender
    assert sorted(got.recipients) == sorted(recipients)
    assert "bcc" not in mail.names(parsed)


BODIES = [
    ("plain", b"x\n", b"x\n"),
    ("no final newline", b"x", b"x\n"),
    ("CRLF", b"a\r\nb\r\n", b"a\nb\n"),
    ("CR CR LF", b"a\r\r\nb\r\n", b"a\nb\n"),
    ("dots", b".\n..\n.x\n...\n", b".\n..\n.x\n...\n"),
    ("smuggling", b"a\n.\r\nMAIL FROM:<evil@example.net>\r\n.\r\n", b"a\n.\nMAIL FROM:<evil@example.net>\n.\n"),
    ("empty", b"", b""),
    ("blank lines at the end", b"x\n\n\n", b"x\n\n\n"),
    ("From at the start of a line", b"From here\n>From there\n", b"From here\n>From there\n"),
    ("UTF-8", "Gr\u00fc\u00dfe \U0001f4ee\n".encode(), "Gr\u00fc\u00dfe \U0001f4ee\n".encode()),
    ("blanks at the ends", b"  x  \n\t\n", b"  x  \n\t\n"),
    ("NUL", b"a\0b\n", b"ab\n"),
    ("998 bytes", b"y" * 998 + b"\n", b"y" * 998 + b"\n"),
    ("a megabyte", b"0123456789abcde\n" * 65536, b"0123456789abcde\n" * 65536),
]


@pytest.mark.parametrize("body,arrives", [b[1:] for b in BODIES], ids=[b[0] for b in BODIES])
def test_body_arrives_as_it_is_with_i(relayed, sink, body, arrives):
    (_, parsed), = through(relayed, sink, ["-i", "a@example.net"], b"Subject: x\n\n" + body)
    assert parsed.body == arrives


def test_without_i_a_lone_dot_ends_and_a_doubled_one_is_halved(relayed, sink):
    (_, parsed), = through(relayed, sink, ["a@example.net"], b"Subject: x\n\na\n..b\n.c\n.\nnever sent\n")
    assert parsed.body == b"a\n.b\n.c\n"


def test_the_header_is_completed(relayed, sink):
    (got, parsed), = through(relayed, sink, ["-i", "a@example.net"], b"Subject: x\nX-Kept:  two  blanks \n\nx\n")
    assert sorted(mail.names(parsed)) == sorted([*ADDED, "subject", "x-kept"])
    assert mail.without(parsed, *ADDED) == [("Subject", b"Subject: x\n"), ("X-Kept", b"X-Kept:  two  blanks \n")]
    assert re.fullmatch(r"<[^<>@\s]+@host\.example>", mail.value(parsed, "Message-ID"))
    assert re.fullmatch(r"\w{3}, \d{1,2} \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4}", mail.value(parsed, "Date"))
    assert f"{login()}@example.org" in mail.value(parsed, "From") and got.sender == f"{login()}@example.org"
    received = mail.value(parsed, "Received")
    assert mail.names(parsed)[0] == "received" and "host.example" in received and str(OWNER if IS_ROOT else os.geteuid()) in received
    queue_id = re.search(r"\b([0-9B-HJ-NP-TV-Z]{26})\b", received)[1]
    assert relayed.results()[0]["id"] == queue_id


def test_what_is_there_is_left_alone(relayed, sink):
    header = (b"From: Me <me@example.org>\nDate: Fri, 21 Nov 1997 09:55:06 -0600\nMessage-ID: <1@example.org>\n"
              b"To: a@example.net\nsubject:no blank\nX-Folded: a\n b\n\tc\n")
    (_, parsed), = through(relayed, sink, ["-t", "-i"], header + b"\nx\n")
    assert b"".join(raw for _, raw in mail.without(parsed, "received")) == header


def test_F_names_the_sender(relayed, sink):
    (_, parsed), = through(relayed, sink, ["-i", "-F", "Joe, \"the\" Man", "a@example.net"], b"Subject: x\n\nx\n")
    assert re.fullmatch(r'"Joe, \\"the\\" Man" <\S+@example\.org>', mail.value(parsed, "From"))


def test_text_without_a_header_gets_one(relayed, sink):
    (_, parsed), = through(relayed, sink, ["-i", "a@example.net"], b"no header here\nsecond line\n")
    assert parsed.body == b"no header here\nsecond line\n"


def test_one_message_to_many_is_one_transaction(relayed, sink):
    recipients = [f"r{i}@example.net" for i in range(250)]
    through(relayed, sink, ["-i", *recipients], b"Subject: x\n\nx\n")
    got = sink.messages()
    assert sorted(r for m in got for r in m.recipients) == sorted(recipients)
    assert len({r["to"] for r in relayed.results(status="sent")}) == 250


# name, arguments, message, exit code, what the line on stderr says
REFUSED = [
    ("no recipients", ["-i"], b"Subject: x\n\nx\n", 64, "recipient"),
    ("-t without recipients", ["-t"], b"Subject: x\n\nx\n", 64, "recipient"),
    ("a malformed address", ["-i", "a@@example.net"], b"Subject: x\n\nx\n", 65, "a@@example.net"),
    ("one of two malformed", ["-i", "good@example.net", "a@b@c"], b"Subject: x\n\nx\n", 65, "a@b@c"),
    ("an empty argument", ["-i", ""], b"Subject: x\n\nx\n", 65, "address|recipient"),
    ("a line feed in an address", ["-i", "a@example.net\nRCPT TO:<x@y>"], b"Subject: x\n\nx\n", 65, "address|control"),
    ("a line feed in -f", ["-i", "-f", "a@example.net\nDATA", "b@example.net"], b"Subject: x\n\nx\n", 65, "address|control|sender"),
    ("-X", ["-X/tmp/po-canary", "a@example.net"], b"x\n", 64, "-X"),
]


@pytest.mark.parametrize("args,message,status,says", [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
def test_refused_and_nothing_queued(po, args, message, status, says):
    done = po.sendmail(*args, input=message)
    assert (done.returncode, done.stdout) == (status, ""), done
    assert done.stderr.startswith("sendmail: ") and done.stderr.count("\n") == 1 and re.search(says, done.stderr, re.I), done.stderr
    assert list((po.spool / "drop").iterdir()) == []
    assert not os.path.exists("/tmp/po-canary")


def test_over_the_size_limit(po):
    po.configure(message_size_limit="10k")
    done = po.sendmail("-i", "a@example.net", input=b"Subject: x\n\n" + b"y" * 9000 + b"\n")
    assert done.returncode == 0, done.stderr
    done = po.sendmail("-i", "a@example.net", input=b"Subject: x\n\n" + b"y" * 11000 + b"\n")
    assert done.returncode == 65 and done.stderr.count("\n") == 1 and re.search("10k|10240|message_size_limit", done.stderr)
    assert len(po.dropped()) == 1


def test_no_file_named_by_an_argument_is_opened(po):
    """CVE-2016-10033 and its kin: nothing in argv makes sendmail open, make or run a file."""
    canary = po.base / "canary"
    for option in ("-C", "-X", "-OQueueDirectory=", "-OLogFile=", "-oQ", "-oP", "-D", "-d", "-p", "-be", "-bt", "-A", "-q", "-I"):
        trace = po.base / "trace"
        subprocess.run(["strace", "-f", "-e", "trace=file", "-o", str(trace), str(po.build / "sendmail"), f"{option}{canary}",
                        "a@example.net"], input=b"x\n", capture_output=True, env=po.environment(), timeout=60)
        opened = [line for line in trace.read_text().splitlines() if str(canary) in line and "execve" not in line]
        assert opened == [] and not canary.exists(), (option, opened)
