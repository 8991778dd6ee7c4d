# SPDX-License-Identifier: ISC
"""sendmail -bs as a mail library talks to it, and what header fields can order."""
import re
import smtplib
import socket
import subprocess
import time

import pytest

import mail
from po import DEADLINE_S


class Dialogue(smtplib.SMTP):
    """smtplib over the standard input and output of sendmail -bs."""

    def __init__(self, po):
        self.ours, theirs = socket.socketpair()
        self.child = subprocess.Popen(po.command("sendmail", "-bs"), stdin=theirs, stdout=theirs, stderr=subprocess.PIPE,
                                      env=po.environment(), cwd="/", **po._identity(None))
        theirs.close()
        self.ours.settimeout(DEADLINE_S)
        super().__init__("sendmail", 25)

    def _get_socket(self, host, port, timeout):
        return self.ours

    def end(self):
        self.quit()
        assert self.child.wait(DEADLINE_S) == 0
        assert self.child.stderr.read() == b""
        self.child.stderr.close()


@pytest.fixture
def relayed(po, sink):
    po.relay(sink.port)
    return po


def test_a_library_sends_two_messages_through_one_process(relayed, sink):
    smtp = Dialogue(relayed)
    for i in (1, 2):
        smtp.sendmail("s@example.org", [f"a{i}@example.net", f"b{i}@example.net"],
                      f"Subject: {i}\r\nBcc: kept@example.net\r\n\r\n.dot\r\n..\r\n.\r\nend\r\n")
    smtp.end()
    assert len(relayed.dropped()) == 2
    relayed.queue("-p", "1")
    got = sorted(sink.messages(), key=lambda m: m.recipients)
    assert [m.recipients for m in got] == [[f"a{i}@example.net", f"b{i}@example.net"] for i in (1, 2)]
    for i, m in enumerate(got, 1):
        parsed = mail.split(m.content.replace(b"\r\n", b"\n"))
        assert m.sender == "s@example.org"
        assert parsed.body == b".dot\n..\n.\nend\n"
        assert mail.value(parsed, "Subject") == str(i) and mail.value(parsed, "Bcc") == "kept@example.net"
        assert {"from", "date", "message-id", "received"} <= set(mail.names(parsed))


def test_the_extensions_are_offered(po):
    smtp = Dialogue(po)
    smtp.ehlo()
    offered = set(smtp.esmtp_features)
    assert {"pipelining", "size", "8bitmime", "smtputf8", "dsn", "enhancedstatuscodes", "chunking", "futurerelease",
            "mt-priority", "deliverby", "requiretls"} <= offered
    smtp.end()


HELLO = b"EHLO x\r\n"
ENVELOPE = b"MAIL FROM:<s@example.org>\r\nRCPT TO:<a@example.net>\r\n"
LIMIT = 20000  # message_size_limit

# name, the whole dialogue, codes of the replies behind the greeting, bodies that are queued
DIALOGUES = [
    ("nothing is said", b"", "", []),
    ("a message by DATA", HELLO + ENVELOPE + b"DATA\r\nSubject: x\r\n\r\nhi\r\n.\r\nQUIT\r\n", "250 250 250 354 250 221",
     [b"hi\n"]),
    ("a message by BDAT", HELLO + ENVELOPE + b"BDAT 14\r\nSubject: x\r\n\r\nBDAT 0\r\nBDAT 4 LAST\r\nhi\r\nQUIT\r\n",
     "250 250 250 250 250 250 221", [b"hi\n"]),
    ("a chunk over the limit is refused at once", ENVELOPE + b"BDAT 30000\r\n\r\n" + b"QUIT\r\n " * 4285 + b"xxx"
     b"BDAT 6\r\nQUIT\r\nBDAT 6 LAST\r\nQUIT\r\n" + ENVELOPE + b"BDAT 4 LAST\r\n\r\nhiQUIT\r\n",
     "250 250 552 503 503 250 250 250 221", [b"hi\n"]),
    ("DATA over the limit is refused at its end", ENVELOPE + b"DATA\r\n\r\n" + b"QUIT\r\n" * 5000 + b".\r\nNOOP\r\n",
     "250 250 354 552 250", []),
    ("SIZE over the limit", b"MAIL FROM:<s@example.org> SIZE=20001\r\nMAIL FROM:<s@example.org> SIZE=18446744073709551616\r\n",
     "552 552", []),
    ("BDAT with a word that is none", ENVELOPE + b"BDAT 5 X\r\nQUIT\nNOOP\r\n", "250 250 501 250", []),
    ("BDAT without a size ends it", ENVELOPE + b"BDAT five\r\nQUIT\nNOOP\r\n", "250 250 501", []),
    ("BDAT and nothing behind it", ENVELOPE + b"BDAT\r\nNOOP\r\n", "250 250 501", []),
    ("commands that are not served", b"EXPN x\r\nETRN x\r\nVERB\r\nAUTH PLAIN AHgAeA==\r\nSTARTTLS\r\nNOOP\r\n",
     "502 502 502 502 502 250", []),
    ("commands that are none", b"X\r\n\r\nMAILFROM:<a>\r\n\0\0\r\nNO\0OP\r\n\xffNOOP\r\nNOOP\r\n", "500 500 500 500 500 500 250", []),
    ("EHLO and HELO without a name", b"EHLO\r\nHELO\r\nEHLO  \r\nHELO x\r\n", "501 501 501 250", []),
    ("RSET, NOOP, VRFY and HELP", b"RSET\r\nNOOP\r\nVRFY root\r\nHELP\r\nrset\r\nNoOp more\r\nHELP MAIL\r\n",
     "250 250 252 214 250 250 214", []),
    ("RSET forgets", ENVELOPE + b"RSET\r\nDATA\r\n" + ENVELOPE + b"DATA\r\n\r\nhi\r\n.\r\n", "250 250 250 503 250 250 354 250",
     [b"hi\n"]),
    ("what is behind DATA is text", ENVELOPE + b"DATA\r\n\r\nRSET\r\nQUIT\r\n.\r\nNOOP\r\n", "250 250 354 250 250",
     [b"RSET\nQUIT\n"]),
    ("DATA without recipients is not waited for", b"MAIL FROM:<s@example.org>\r\nRCPT TO:<a@@b>\r\nDATA\r\nRSET\r\n",
     "250 553 554 250", []),
    ("two messages in one go", 2 * (ENVELOPE + b"DATA\r\n\r\nhi\r\n.\r\n"), 2 * "250 250 354 250 ", [b"hi\n", b"hi\n"]),
    ("MAIL in a transaction", ENVELOPE + b"MAIL FROM:<x@example.org>\r\n", "250 250 503", []),
    ("a line of 100,000 bytes", b"NOOP " + b"x" * 100000 + b"\r\nNOOP\r\n", "500 250", []),
    ("a parameter of 4,096 bytes", b"MAIL FROM:<s@example.org> X=" + b"x" * 4096 + b"\r\nRCPT TO:<a@example.net>\r\n", "500 503", []),
    ("8-bit and NUL in a path", b"MAIL FROM:<\xff@example.org>\r\nMAIL FROM:<a\0@example.org>\r\nMAIL FROM:<s@example.org>\r\n"
     b"RCPT TO:<a\0b@example.net>\r\nRCPT TO:<\xc3\xbc@example.net>\r\n", "553 500 250 500 553", []),
    ("CR in a path", b"MAIL FROM:<s\r@example.org>\r\nMAIL FROM:<s@example.org>\rRCPT TO:<a>\r\n", "500 500", []),
    ("SMTPUTF8", "MAIL FROM:<s\u00fc@example.org> SMTPUTF8\r\nRCPT TO:<\u00fc@example.net>\r\nDATA\r\n\r\nhi\r\n.\r\n".encode(),
     "250 250 354 250", [b"hi\n"]),
    ("values that are none", b"".join(b"MAIL FROM:<s@example.org> %s\r\n" % v for v in (
        b"MT-PRIORITY=05", b"MT-PRIORITY=-0", b"BY=;N", b"BY=0;R", b"BY=1000000000;N", b"HOLDFOR=05", b"HOLDUNTIL=2099-01-01",
        b"SIZE=x", b"BODY=BINARYMIME", b"RET=some", b"ENVID=a b")) + b"MAIL FROM:<s@example.org> X-Y=1\r\n", "501 " * 10 + "555 555", []),
    ("smuggling by a bare LF", ENVELOPE + b"DATA\r\n\r\nhi\n.\nMAIL FROM:<e@example.org>\n.\r\n\r\n.\r\n", "250 250 354 250",
     [b"hi\n.\nMAIL FROM:<e@example.org>\n.\n\n"]),
    ("a browser", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" + ENVELOPE, "421", []),
]


def codes(done):
    """The codes of all replies, each on lines that end with CRLF."""
    lines = done.stdout.split("\r\n")
    assert lines.pop() == "" and "\n" not in "".join(lines), done.stdout
    assert lines[0].startswith("220 host.example ESMTP")
    return [line[:3] for line in lines[1:] if line[3] == " "]


@pytest.mark.parametrize("dialogue,replies,bodies", [d[1:] for d in DIALOGUES], ids=[d[0] for d in DIALOGUES])
def test_dialogue(relayed, sink, dialogue, replies, bodies):
    relayed.configure(message_size_limit=str(LIMIT))
    done = relayed.sendmail("-bs", input=dialogue)
    assert (done.returncode, done.stderr) == (0, "")
    assert codes(done) == replies.split(), done.stdout
    assert len(relayed.dropped()) == len(bodies) == done.stdout.count("queued as")
    relayed.queue("-p", "1")
    assert sorted(mail.split(m.content.replace(b"\r\n", b"\n")).body for m in sink.messages()) == sorted(bodies)


def test_a_dialogue_written_at_once_with_bare_line_feeds(relayed, sink):
    done = relayed.sendmail("-bs", input=b"HELO x\nMAIL FROM:<s@example.org>\nRCPT TO:<a@example.net>\nDATA\n"
                                         b"Subject: x\n\nhi\n..\n.\nQUIT\n")
    assert done.returncode == 0 and done.stderr == ""
    assert [line[:3] for line in done.stdout.splitlines()] == ["220", "250", "250", "250", "354", "250", "221"]
    relayed.queue("-p", "1")
    got, = sink.messages()
    assert mail.split(got.content.replace(b"\r\n", b"\n")).body == b"hi\n.\n"


def test_the_queue_id_of_the_reply_is_that_of_the_log(relayed, sink):
    done = relayed.sendmail("-bs", input=b"MAIL FROM:<s@example.org>\r\nRCPT TO:<a@example.net>\r\nBDAT 3 LAST\r\nhi\nQUIT\r\n")
    queue_id = re.search(r"^250 2\.0\.0 .*\b([0-9A-Z]{26})\r?$", done.stdout, re.M)[1]
    relayed.queue("-p", "1")
    assert [r["id"] for r in relayed.results(status="sent")] == [queue_id]


def test_a_client_that_goes_away_has_queued_only_what_was_answered(po):
    """The dialogue is cut behind each of its bytes."""
    text = (b"EHLO x\r\nMAIL FROM:<s@x.org>\r\nRCPT TO:<a@x.net>\r\nDATA\r\nA: b\r\n\r\n..\r\n.\r\n"
            b"MAIL FROM:<> SIZE=5\r\nRCPT TO:<b>\r\nBDAT 7\r\n\r\nhi.\r\nBDAT 4 LAST\r\nend\nQUIT\r\n")
    answered = 0
    for end in range(len(text) + 1):
        before = len(po.dropped())
        done = po.sendmail("-bs", input=text[:end])
        assert (done.returncode, done.stderr) == (0, "")
        answered = done.stdout.count("queued as")
        assert len(po.dropped()) - before == answered, text[:end]
        assert answered == (text[:end].endswith(b"\r\n.\r\n") or end > text.index(b"MAIL FROM:<>") - 1) + (b"end\n" in text[:end])
    assert answered == 2
    assert [p for p in (po.spool / "drop").iterdir() if not p.name.startswith("n.")] == []


def only(po):
    message, = po.list()
    return message


ORDERS = [
    ("now", ["-odi"], b"", "now"),
    ("a header field", [], b"X-PO-Priority: low\n", "low"),
    ("a header field counts more", ["-odi"], b"x-po-priority:LOW\n", "low"),
]


@pytest.mark.parametrize("args,field,priority", [o[1:] for o in ORDERS], ids=[o[0] for o in ORDERS])
def test_priority_is_ordered(po, args, field, priority):
    po.submit(field + b"Subject: x\n\nx\n", *args, "a@example.net")
    po.queue("--ingest")
    assert only(po)["priority"] == priority


def test_orders_are_not_sent_and_a_scheduled_message_waits(relayed, sink):
    relayed.submit(b"X-PO-Schedule: +2h\nX-PO-Tag: news\nX-PO-Expires: +1d\nSubject: later\n\nx\n", "a@example.net")
    relayed.submit(b"X-PO-Priority: high\nX-PO-Tag: t\nX-PO-Number: 12\nSubject: now\n\nx\n", "a@example.net")
    relayed.queue("-p", "1")
    got, = sink.messages()
    parsed = mail.split(got.content.replace(b"\r\n", b"\n"))
    assert mail.value(parsed, "Subject") == "now" and mail.value(parsed, "X-PO-Number") == "12"
    assert [n for n in mail.names(parsed) if n.startswith("x-po-")] == ["x-po-number"]
    assert b"X-PO-Schedule" not in relayed.files("queue")[0].read_bytes()
    assert len(relayed.files("queue")) == 1


def test_orders_by_smtp_parameters(po):
    done = po.sendmail("-bs", input=b"EHLO x\r\nMAIL FROM:<s@example.org> HOLDFOR=7200 MT-PRIORITY=-3\r\n"
                                    b"RCPT TO:<a@example.net>\r\nDATA\r\n\r\nx\r\n.\r\nQUIT\r\n")
    assert done.stdout.count("queued as") == 1, done.stdout
    po.queue("-p", "1")
    assert po.captured() == []
    assert only(po)["priority"] == "low"
    text = po.files("queue")[0].read_bytes()
    due = int(re.search(rb"^due=(\d+)$", text, re.M)[1])
    assert 7100 < due - time.time() <= 7200


def test_an_order_that_is_not_understood_refuses_the_message(po):
    for field in (b"X-PO-Schedule: tomorrow", b"X-PO-Priority: urgent", b"X-PO-Expires: 2001-01-01T00:00:00Z"):
        done = po.sendmail("a@example.net", input=field + b"\n\nx\n")
        assert done.returncode == 65 and done.stderr.count("\n") == 1 and field.partition(b":")[0].decode() in done.stderr
    assert po.dropped() == []


def test_mailq_tells_strangers_the_figures_alone(system_po):
    system_po.submit(b"X-PO-Schedule: +2h\nSubject: x\n\nx\n", "secret@example.net", uid=2200)
    system_po.queue("-p", "1")
    for program, args in (("mailq", []), ("sendmail", ["-bp"])):
        done = system_po.run(program, *args, uid=2300)
        assert done.returncode == 0 and done.stderr == ""
        assert re.fullmatch(r"-- \d+ Kbytes in 1 Request\.\n", done.stdout), done.stdout
