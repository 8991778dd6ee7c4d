# SPDX-License-Identifier: ISC
"""Several messages on the way at once by CHUNKING (RFC 3030): each arrives whole and once, whatever becomes of its
neighbours."""
import collections

import pytest

from chunkserver import AFTER, CLOSE, ChunkServer

N = 30


def content(i):
    body = [b"", b"hello\n", b".\n..\n.x\n", b"no end of line", b"\xc3\xa9\n" * 5, (b"x" * 900 + b"\n") * 80, b"\n" * 40000]
    return b"From: s@example.org\nSubject: %d\n\n" % i + body[i % len(body)]


def on_the_wire(body):
    """As the server has it: without what sendmail has added to the header, in lines with LF."""
    text = body.replace(b"\r\n", b"\n")
    assert b"\r" not in text
    return text


def submit(po, n=N):
    """Message i goes from s{i} to r{i}, and every fourth to a second one."""
    for i in range(n):
        po.submit(content(i), "-f", f"s{i}@example.org", f"r{i}@example.net",
                  *([f"q{i}@example.net"] if i % 4 == 0 else []))


def recipients(i):
    return sorted([f"r{i}@example.net"] + ([f"q{i}@example.net"] if i % 4 == 0 else []))


def arrived(server):
    """{i: how often}, each checked to be whole and only for its own recipients."""
    found = collections.Counter()
    for sender, to, body in server.messages:
        if sender == "":
            continue  # what the sender is told of a refusal
        i = int(sender[1:].split("@")[0])
        assert set(to) <= set(recipients(i)), f"{sender} reached {to}"
        text = on_the_wire(body)
        assert b"Subject: %d\n" % i in text
        want = content(i).split(b"\n\n", 1)[1]
        assert text.split(b"\n\n", 1)[1] == want + (b"\n" if want and not want.endswith(b"\n") else b"")
        found[i] += 1
    return found


def test_all_arrive_whole_and_many_are_on_the_way(po):
    submit(po)
    with ChunkServer(gather=4) as server:
        po.relay(server.port, window=8)
        po.queue("-p", "1")
    assert arrived(server) == {i: 1 for i in range(N)}
    assert server.sessions == 1


def test_a_window_of_one_uses_no_bdat(po):
    submit(po, 3)
    with ChunkServer(know_bdat=False) as server:
        po.relay(server.port)
        po.queue("-p", "1")
    assert arrived(server) == {i: 1 for i in range(3)}
    assert server.sessions == 1


def test_a_server_that_only_says_it_knows_bdat(po):
    for i in range(4):
        po.submit(b"From: s@example.org\nSubject: %d\n\n" % i, "-f", f"s{i}@example.org", f"r{i}@example.net")
    with ChunkServer(know_bdat=False) as server:
        po.relay(server.port, window=8)
        po.queue("-p", "1")
        po.queue("-p", "1")
    assert sorted(s for s, _, _ in server.messages) == [f"s{i}@example.org" for i in range(4)]
    assert po.list() == []


@pytest.mark.parametrize("rule, who", [
    ((r"MAIL FROM:<s9@", "550 5.7.1 not you"), "the message"),
    ((r"RCPT TO:<r9@", "550 5.1.1 unknown"), "the message"),
    ((r"RCPT TO:<q8@", "550 5.1.1 unknown"), "one recipient"),
    ((r"BDAT .* s9@", "554 5.6.0 no"), "the message"),
    ((r"BDAT .* s9@", "452 4.3.1 full"), "deferred"),
])
def test_a_refusal_concerns_nobody_else(po, rule, who):
    submit(po)
    with ChunkServer(rules=[rule], gather=1) as server:
        po.relay(server.port, window=8)
        po.queue("-p", "1")
    found = arrived(server)
    if who == "one recipient":
        assert found == {i: 1 for i in range(N)}
        assert [r["to"] for r in po.results(status="bounced")] == ["q8@example.net"]
    else:
        assert found == {i: 1 for i in range(N) if i != 9}
        status = "deferred" if who == "deferred" else "bounced"
        assert {r["to"] for r in po.results() if r["status"] != "sent"} == {"r9@example.net"}
        assert len(po.results(status=status)) == 1


@pytest.mark.parametrize("rule", [
    (r"BDAT .* s9@", CLOSE),
    (r"BDAT .* s9@", AFTER),
    (r"BDAT .* s9@", "421 4.3.2 closing"),
    (r"RSET  ?s", "421 4.3.2 closing"),
    (r"RCPT TO:<r9@", CLOSE),
    (r"RCPT TO:<r9@", "421 4.3.2 closing"),
    (r"MAIL FROM:<s9@", CLOSE),
    (r"BDAT .* s9@", "nonsense"),
    (r"BDAT .* s9@", "502 5.5.1 unknown"),
])
def test_a_lost_connection_loses_nothing_and_doubts_are_counted(po, shift_clock, rule):
    submit(po)
    with ChunkServer(rules=[rule]) as server:
        po.relay(server.port, window=8)
        po.configure(in_doubt="retry")
        po.queue("-p", "1")
        doubts = {m["queue_id"] for m in po.list_all() if m["in_doubt"]}
        assert len(doubts) <= 8
        for _ in range(3):
            if po.list():
                po.queue("-p", "1", env=shift_clock(86400))
    found = arrived(server)
    assert set(found) == set(range(N)), "a message is lost"
    assert sum(found.values()) - N <= len(doubts), "sent twice without a doubt"
    assert po.list() == []
