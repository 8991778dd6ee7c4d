# SPDX-License-Identifier: ISC
"""The health of relays: a dead one is left alone, by all workers and over runs, and probed by one message when its rest ends."""
import re

import pytest

from chunkserver import ChunkServer
from rawserver import RawServer, content, hear, say
from wait import wait_for

DEAD = {"stage": "CONNECT", "reply": "554 5.3.2 no mail today"}


def submit(po, n):
    for i in range(n):
        po.submit(b"Subject: x\n\nhello\n", f"r{i}@example.net")


@pytest.fixture
def pair(po, new_sink):
    """Two relays in a list: the first is dead."""
    first, second = new_sink(rules=[DEAD]), new_sink()
    po.configure(transport="smtp", relays=[{"name": name, "host": "127.0.0.1", "port": sink.port, "tls": "none"}
                                           for name, sink in (("first", first), ("second", second))])
    return first, second


def connects(sink):
    return sink.status()["counts"]["CONNECT"]


def test_a_dead_relay_is_left_alone_by_all_workers_and_runs(po, pair):
    first, second = pair
    submit(po, 12)
    po.queue("-p", "3")
    assert second.count() == 12
    tried = connects(first)
    assert 1 <= tried <= 3, "at most once by each worker, before the first has told"
    assert {r["status"] for r in po.results()} == {"sent"}, "none of it was an attempt that failed"
    submit(po, 12)
    po.queue("-p", "3")
    assert (second.count(), connects(first)) == (24, tried), "another run keeps away from it"
    assert po.log().count("relay:first rests for") == 1
    stats = po.queue("--stats").stdout
    assert re.search(r"^po_relay_failures +relay:first +1$", stats, re.M), stats
    assert 0 < int(re.search(r"^po_relay_rest_seconds +relay:first +(\d+)$", stats, re.M)[1]) <= 38
    assert "relay:first: 554 5.3.2 no mail today" in stats.splitlines()
    po.queue("--rebuild-index")
    submit(po, 3)
    po.queue("-p", "3")
    assert (second.count(), connects(first)) == (27, tried), "and so does a new index"


def test_a_relay_that_stays_dead_is_probed_once_each_time(po, pair, shift_clock):
    first, second = pair
    submit(po, 3)
    po.queue("-p", "1")
    tried = connects(first)
    rests = [int(re.search(r"rests for (\d+) s", po.log())[1])]
    for probe, seconds in enumerate((40, 130, 300), 1):
        submit(po, 20)
        po.queue("-p", "3", env=shift_clock(seconds))
        assert connects(first) == tried + probe
        rests.append(int(re.findall(r"rests for (\d+) s", po.log())[-1]))
    assert second.count() == 63
    assert all(least <= rest <= least * 1.25 for rest, least in zip(rests, (30, 60, 120, 240))), rests


def test_a_relay_that_is_back_is_probed_by_one_message_and_then_gets_all(po, pair, shift_clock):
    first, second = pair
    submit(po, 3)
    po.queue("-p", "1")
    first.rules()
    before = connects(first)
    first.pause("MAIL", 1)
    submit(po, 20)
    run = po.start("-p", "3", env=shift_clock(40))
    first.wait_paused()
    wait_for(lambda: second.count() == 3 + 19, "all but the probe go to the other one")
    assert connects(first) == before + 1
    first.resume()
    assert run.wait(60) == 0
    assert (first.count(), second.count()) == (1, 22)
    assert "relay:first answers again" in po.log()
    submit(po, 20)
    po.queue("-p", "3", env=shift_clock(41))
    assert (first.count(), second.count()) == (21, 22)


def test_one_alone_that_is_dead_costs_one_message_an_attempt_each_time(po, sink, shift_clock):
    sink.rules(DEAD)
    po.relay(sink.port)
    submit(po, 10)
    po.queue("-p", "1")
    assert (connects(sink), len(po.results())) == (1, 1)
    po.queue("-p", "3")
    assert connects(sink) == 1
    po.queue("-p", "3", env=shift_clock(40))
    assert (connects(sink), len(po.results())) == (2, 2)
    assert {m["state"] for m in po.list()} == {"waiting"} and len(po.list()) == 10
    sink.rules()
    po.queue("-p", "3", "--flush", env=shift_clock(41))
    assert sink.count() == 10


def test_a_server_that_does_not_know_bdat_is_not_asked_again_for_a_day(po, shift_clock):
    """A connection that BDAT broke is one more."""
    with ChunkServer(know_bdat=False) as server:
        po.relay(server.port, window=8)
        sessions = []
        for seconds in (0, 60, 86000, 90000):
            submit(po, 2)
            po.queue("-p", "1", env=shift_clock(seconds))
            sessions.append(server.sessions - sum(sessions))
    assert sessions == [2, 1, 1, 2] and len(server.messages) == 8


def alone():
    """The client waits for the reply to what was heard: a group comes in one write."""
    def step(c):
        assert c.buffer == b"", f"{c.buffer!r} came behind a command"
    return step


def said_one_by_one():
    steps = []
    for command, reply in (("MAIL", "250 2.1.0 x"), ("RCPT", "250 2.1.5 x"), ("DATA", "354 x")):
        steps += [hear(command), alone(), say(reply + "\r\n")]
    return steps + [content(), say("250 2.0.0 x\r\n")]


def test_a_server_whose_pipelining_breaks_is_served_plainly_by_every_worker(po):
    """It answers 503 to a group that came with other commands; who follows is another process."""
    hello = [say("220 x\r\n"), hear("EHLO"), say("250-x\r\n250-ENHANCEDSTATUSCODES\r\n250 PIPELINING\r\n")]
    breaks = [*hello, hear("MAIL"), hear("RCPT"), hear("DATA"), say("250 x\r\n503 5.5.1 x\r\n503 5.5.1 x\r\n")]
    with RawServer(breaks, [*hello, *said_one_by_one()]) as server:
        po.relay(server.port)
        for _ in range(2):
            submit(po, 1)
            po.queue("-p", "1")
    assert len(server.connections) == 3 and [r["status"] for r in po.results()] == ["sent"] * 2
