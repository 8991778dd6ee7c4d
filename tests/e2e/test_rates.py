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


def test_who_says_421_beyond_some_connections_gets_no_more_of_them(po, new_sink):
    """No attempt is made of it, and nothing rests: those who were let in go on."""
    sink = new_sink(delay=0.01, bears={"connections": 3})
    po.relay(sink.port)
    submit(po, 24)
    po.queue("-p", "8")
    assert sink.count() == 24 and {r["status"] for r in po.results()} == {"sent"}
    assert sink.status()["too_many"]["CONNECT"] <= 5, "each worker knocked once at most"
    assert " asks for less, and gets " in po.log() and "rests" not in po.log()


def test_who_says_450_beyond_some_messages_a_second_is_sent_to_at_its_pace(po, new_sink):
    """In time, over runs that begin anew: refusals become rare, and nobody pays with many attempts."""
    sink = new_sink(bears={"per_second": 10})
    po.relay(sink.port)
    po.configure(retry_first="1s", retry_max="2s")
    submit(po, 50)
    refused = []
    for _ in range(60):
        po.queue("-p", "4")
        refused.append(sink.status()["too_many"]["MAIL"])
        if sink.count() == 50:
            break
    assert sink.count() == 50 and po.list() == []
    assert refused[-1] <= 30, refused
    tries = [r["id"] for r in po.results()]
    assert max(tries.count(i) for i in set(tries)) <= 4
    assert most_within(sink, 1.0) <= 10


def test_what_was_asked_for_holds_in_the_next_run_and_success_raises_it(po, new_sink, shift_clock):
    sink = new_sink(bears={"per_second": 5, "reply": "421 4.7.0 too much mail from you"})
    po.relay(sink.port)
    po.configure(retry_first="1s", retry_max="1s")
    submit(po, 20)
    po.queue("-p", "1")
    wait_for(lambda: po.queue("-p", "1") and sink.count() == 20, "all arrives", 60)
    before = sink.status()["too_many"]["MAIL"]
    assert 1 <= before <= 8
    text = po.queue("--stats").stdout
    assert "po_relay_messages_a_minute" in text
    limit = int(text.split("po_relay_messages_a_minute")[1].split()[1])
    assert 1 <= limit <= 300
    submit(po, 1)
    po.queue(env=shift_clock(30))
    raised = int(po.queue("--stats").stdout.split("po_relay_messages_a_minute")[1].split()[1])
    assert limit < raised <= limit + 60
    submit(po, 1)
    po.queue(env=shift_clock(5000))
    assert "po_relay_messages_a_minute     relay" not in po.queue("--stats").stdout
