# SPDX-License-Identifier: ISC
"""sendmail as programs call it: envelope and content as they arrive at a server."""
import os
import pwd
import re

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


def test_a_megabyte_arrives_as_it_is(relayed, sink):
    body = b"0123456789abcde\n" * 65536
    (_, parsed), = through(relayed, sink, ["-i", "a@example.net"], b"Subject: x\n\n" + body)
    assert parsed.body == body


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


def test_one_message_to_many_is_one_transaction(relayed, sink):
    recipients = [f"r{i}@example.net" for i in range(250)]
    through(relayed, sink, ["-i", *recipients], b"Subject: x\n\nx\n")
    got = sink.messages()
    assert sorted(r for m in got for r in m.recipients) == sorted(recipients)
    assert len({r["to"] for r in relayed.results(status="sent")}) == 250


def test_over_the_size_limit(po):
    po.configure(message_size_limit="10k")
    done = po.sendmail("-i", "a@example.net", input=b"Subject: x\n\n" + b"y" * 9000 + b"\n")
    assert done.returncode == 0, done.stderr
    done = po.sendmail("-i", "a@example.net", input=b"Subject: x\n\n" + b"y" * 11000 + b"\n")
    assert done.returncode == 65 and done.stderr.count("\n") == 1 and re.search("10k|10240|message_size_limit", done.stderr)
    assert len(po.dropped()) == 1
