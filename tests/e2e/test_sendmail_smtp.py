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
            "mt-priority", "deliverby"} <= offered
    smtp.end()


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
    for cut in (b"MAIL FROM:<s@example.org>\r\n", b"RCPT TO:<a@example.net>\r\n", b"DATA\r\n", b"Subject: x\r\n", b".\r\n"):
        text = b"MAIL FROM:<s@example.org>\r\nRCPT TO:<a@example.net>\r\nDATA\r\nSubject: x\r\n\r\nhi\r\n.\r\n"
        part = text[:text.index(cut) + len(cut)]
        before = len(po.dropped())
        done = po.sendmail("-bs", input=part)
        assert done.returncode == 0
        assert len(po.dropped()) - before == done.stdout.count("queued as") == int(cut == b".\r\n")


def only(po):
    message, = po.list()
    return message


ORDERS = [
    ("now", ["-odi"], b"", "now"),
    ("-O Priority", ["-O", "Priority=high"], b"", "high"),
    ("-odb changes nothing", ["-odb"], b"", "medium"),
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


def test_modes_that_do_nothing_say_nothing(po):
    for program, args in (("newaliases", []), ("sendmail", ["-bi"]), ("sendmail", ["-I"]), ("sendmail", ["-bh"]),
                          ("sendmail", ["-bH"])):
        done = po.run(program, *args)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_bv_prints_and_never_sends(po):
    done = po.sendmail("-bv", "root", "Joe <a@example.net>")
    assert done.returncode == 0 and done.stdout == "root@example.org... deliverable\na@example.net... deliverable\n"
    done = po.sendmail("-bv", "a b@example.net")
    assert done.returncode == 67 and done.stderr.count("\n") == 1
    assert po.dropped() == []
