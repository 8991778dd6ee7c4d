# SPDX-License-Identifier: ISC
"""Limits of delivery hold over all workers, runs and rebuilds; the sink's own clock is the judge."""
import time

import pytest

from wait import wait_for


def submit(po, n, *args):
    for i in range(n):
        po.submit(b"Subject: x\n\nhello\n", *args, f"r{i}@example.net")


def most_within(sink, seconds):
    """The most messages that any span of so many seconds saw."""
    at = sorted(m.at for m in sink.messages())
    return max(sum(1 for later in at if first <= later < first + seconds) for first in at)


def test_no_second_sees_more_than_the_limit(po, sink):
    """Three workers, and a second run that begins in the midst of a second of the first."""
    po.relay(sink.port, per_second=5)
    submit(po, 14)
    began = time.monotonic()
    po.queue("-p", "3")
    submit(po, 6)
    po.queue("-p", "3")
    assert sink.count() == 20 and most_within(sink, 1.0) <= 5
    assert time.monotonic() - began >= 3
    assert {r["status"] for r in po.results()} == {"sent"}


def test_what_is_beyond_a_limit_waits_without_an_attempt_and_over_a_rebuild(po, sink, shift_clock):
    po.relay(sink.port, per_minute=5, per_hour=8)
    submit(po, 12)
    counts = []
    for seconds in (0, 1, 64, 70, 3500, 3800):
        po.queue("-p", "3", env=shift_clock(seconds))
        counts.append(sink.count())
        if seconds == 1:
            po.queue("--rebuild-index")
    assert counts == [5, 5, 8, 8, 8, 12]
    assert {r["status"] for r in po.results()} == {"sent"}


def test_connections_are_counted_over_all_workers(po, new_sink):
    sink = new_sink(delay=0.01)
    po.relay(sink.port, max_connections=2)
    submit(po, 40)
    po.queue("-p", "8")
    assert (sink.count(), sink.status()["most_connections"]) == (40, 2)


def test_one_connection_serves_two_relays_in_turn(po, new_sink):
    """A worker whose connection to one has ended gives it up for the others."""
    sinks = [new_sink(), new_sink()]
    relays = [{"name": name, "host": "127.0.0.1", "port": s.port, "tls": "none", "max_connections": 1}
              for name, s in zip("ab", sinks)]
    po.configure(transport="smtp", relays=relays, routes=[{"recipient": "a.example", "relays": "a"}, {"relays": "b"}])
    for i in range(20):
        po.submit(b"Subject: x\n\nhello\n", f"r@{'ab'[i % 2]}.example")
    po.queue("-p", "3")
    assert [(s.count(), s.status()["most_connections"]) for s in sinks] == [(10, 1), (10, 1)]


def test_a_sender_at_its_limit_stands_in_nobody_s_way(po, sink, shift_clock):
    po.relay(sink.port)
    po.configure(sender_per_minute=100, sender_limits=[{"sender": "news@example.com", "per_minute": 3}])
    submit(po, 8, "-f", "News@Example.com")
    submit(po, 4, "-f", "other@example.com")
    po.queue("-p", "2")

    def sent():
        senders = [m.sender.lower() for m in sink.messages()]
        return senders.count("news@example.com"), senders.count("other@example.com")
    assert sent() == (3, 4)
    assert {(m["state"], m["attempts"]) for m in po.list()} == {("waiting", 0)}
    po.queue("-p", "2", env=shift_clock(30))
    assert sent() == (3, 4)
    po.queue("-p", "2", env=shift_clock(66))
    assert sent() == (6, 4)
    po.queue("-p", "2", env=shift_clock(200))
    assert sent() == (8, 4)


def test_a_user_s_second(po, sink):
    po.relay(sink.port)
    uid = po.owner if po.owner is not None else 0
    po.configure(limits=[{"uid": uid, "per_second": 4}])
    submit(po, 10)
    po.queue("-p", "2")
    wait_for(lambda: po.queue("-p", "2") and sink.count() == 10, "the rest leaves in its seconds", 60)
    assert po.list() == [] and {r["status"] for r in po.results()} == {"sent"}


def test_route_prints_the_limits_that_apply(po, sink):
    po.relay(sink.port, max_connections=3, per_second=5, per_day=1000)
    po.configure(sender_per_hour=70)
    text = po.queue("--route", "a@example.net", "--sender", "s@example.org").stdout
    assert "window 1, 3 connections, 5 messages in a second, 1000 messages in a day" in text
    assert "limits      of the sender, 70 messages in a hour" in text


@pytest.mark.parametrize("settings, why", [
    ({"sender_limits": [{"per_hour": 1}]}, "an entry names a sender"),
])
def test_an_entry_that_names_nobody_is_refused(po, settings, why):
    po.configure(**settings)
    done = po.queue("--check-config", ok=False)
    assert done.returncode == 78 and why in done.stderr
