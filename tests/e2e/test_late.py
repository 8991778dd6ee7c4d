# SPDX-License-Identifier: ISC
"""Mail that gets no attempt, because its relay is dead or a limit stands before it, has its time all the same: its sender
is told that it is late, and it expires."""
import email
import email.policy

import pytest

DEAD = 1  # a port that nobody listens on
HOUR = 3600
DAY = 24 * HOUR


def told(sink):
    """The kinds of notices that arrived, each with the addresses that it tells of and its text."""
    found = []
    for m in sink.messages():
        if m.sender:
            continue
        parsed = email.message_from_bytes(m.content.replace(b"\r\n", b"\n"), policy=email.policy.default)
        text, report = list(parsed.iter_parts())[:2]
        blocks = report.get_payload()[1:]
        found.append((blocks[0]["Action"], sorted(b["Final-Recipient"].split("; ")[1] for b in blocks),
                      text.get_content(), {b["Status"] for b in blocks}))
    return found


@pytest.fixture
def dead(po, sink):
    """dead.example goes to a relay that never lived; notices go to a sink."""
    relays = [{"name": name, "host": "127.0.0.1", "port": port, "tls": "none"}
              for name, port in (("dead", DEAD), ("alive", sink.port))]
    po.configure(relays=relays, routes=[{"recipient": "dead.example", "relays": "dead"}, {"relays": "alive"}],
                 transport="smtp", give_up_after="5d", delay_warning="4h")
    return po


def states(po):
    return sorted(m["state"] for m in po.list_all() if m["sender"] == "me@here.example")


def submit(po, n):
    for i in range(n):
        po.submit(b"Subject: x\n\nx\n", "-f", "me@here.example", f"r{i}@dead.example")


def test_mail_behind_a_relay_that_was_never_alive_is_late_and_expires(dead, sink, shift_clock):
    """One message in a while is the probe; the others had no attempt in five days."""
    submit(dead, 8)
    dead.queue("-p", "1")
    for hours in (1, 3):
        dead.queue("-p", "1", env=shift_clock(hours * HOUR))
    assert told(sink) == []
    dead.queue("-p", "1", env=shift_clock(5 * HOUR))
    everybody = [f"r{i}@dead.example" for i in range(8)]
    late = told(sink)
    assert {t[0] for t in late} == {"delayed"} and sorted(a for t in late for a in t[1]) == everybody
    assert any("is not tried now" in t[2].replace("\n    ", " ") and "Connection refused" in t[2] for t in late)
    for shift in (9 * HOUR, 2 * DAY):
        dead.queue("-p", "1", env=shift_clock(shift))
    assert len(told(sink)) == len(late), "once"
    untried = [m for m in dead.list() if m["attempts"] == 0]
    assert untried, "all were probes, and this test shows nothing"
    for seconds in (60, 120, 1500):  # the probe's failure ends what it is behind
        dead.queue("-p", "1", env=shift_clock(5 * DAY + seconds))
    assert dead.list() == []
    assert set(states(dead)) == {"expired"}
    failed = [t for t in told(sink) if t[0] == "failed"]
    assert sorted(a for t in failed for a in t[1]) == everybody
    assert all(s.startswith("4.4.") for t in failed for s in t[3])


def test_mail_that_waited_for_want_of_a_runner_is_tried(po, sink, shift_clock):
    """Its relay was down when the last run ended, days ago."""
    relay = {"name": "there", "host": "127.0.0.1", "port": DEAD, "tls": "none"}
    po.configure(transport="smtp", relays=[relay], routes=[{"relays": "there"}])
    submit(po, 3)
    po.queue("-p", "1")
    assert sorted(m["attempts"] for m in po.list()) == [0, 0, 1]
    po.configure(relays=[{**relay, "port": sink.port}])
    po.queue("-p", "1", env=shift_clock(6 * DAY))
    assert states(po) == ["expired", "sent", "sent"], "what was tried before expires"


def test_mail_behind_a_limit_of_its_relay_expires(po, sink, shift_clock):
    po.relay(sink.port, per_day=2)
    po.configure(give_up_after="3h")
    submit(po, 4)
    po.queue()
    assert len(sink.messages()) == 2
    po.queue(env=shift_clock(4 * HOUR))
    assert states(po) == ["expired", "expired", "sent", "sent"]


def test_mail_that_a_limit_of_its_sender_put_off_expires(po, sink, shift_clock):
    po.relay(sink.port)
    po.configure(give_up_after="3h", sender_per_day=2)
    submit(po, 4)
    po.queue()
    po.queue(env=shift_clock(4 * HOUR))
    assert states(po) == ["expired", "expired", "sent", "sent"]


def test_attempts_are_counted_where_they_are_limited(po, sink, shift_clock):
    po.relay(sink.port)
    po.configure(max_attempts=3)
    sink.rules({"stage": "RCPT", "match": "^r", "reply": "450 4.2.1 busy"})
    submit(po, 1)
    for run, (state, attempts) in enumerate((("waiting", 1), ("waiting", 2), ("expired", 3), ("expired", 3))):
        po.queue("--flush", env=shift_clock(run * HOUR))
        mail, = (m for m in po.list_all() if m["sender"] == "me@here.example")
        assert (mail["state"], mail["attempts"]) == (state, attempts)
    failed, = told(sink)
    assert failed[0] == "failed" and "450 4.2.1 busy" in failed[2]


def test_of_several_next_hops_each_has_its_attempts(po, new_sink, shift_clock):
    """One that has had them is not tried again; when all have, the mail expires."""
    sinks = [new_sink(), new_sink()]
    relays = [{"name": n, "host": "127.0.0.1", "port": s.port, "tls": "none"} for n, s in zip("ab", sinks)]
    po.configure(transport="smtp", relays=relays, routes=[{"recipient": "a.example", "relays": "a"}, {"relays": "b"}],
                 max_attempts=2)
    for s in sinks:
        s.rules({"stage": "RCPT", "match": "^r", "reply": "450 4.2.1 busy"})
    po.submit(b"Subject: x\n\nx\n", "-f", "me@here.example", "r@a.example", "r@b.example")
    for run in range(2):
        assert states(po) in ([], ["waiting"])
        po.queue("-p", "2", "--flush", env=shift_clock(run * HOUR))
    assert states(po) == ["expired"]
    assert sorted(r["to"] for r in po.results() if r["status"] == "deferred") == 2 * ["r@a.example"] + 2 * ["r@b.example"]
