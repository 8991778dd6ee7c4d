# SPDX-License-Identifier: ISC
"""kill -9 of the parent, of a worker, of everything, at twenty moments: none lost, none twice but those counted in doubt.

A moment is a place that a run reaches, not a time: the n-th event of a stage at the server (which stands still until
the kill is done), the n-th file in queue/ or done/, the n-th line in the log. $PO_TEST_SEED draws others; it is printed.
"""
import collections
import os
import random
import shutil
import signal

import pytest

from po import wait_gone
from wait import wait_for

SEED = int(os.environ.get("PO_TEST_SEED", "20261124"))
MESSAGES = 60
HOUR = 3600  # later, what is in doubt is due again

Moment = collections.namedtuple("Moment", "victim place n")


def moments():
    draw = random.Random(SEED)
    places = ("CONNECT", "EHLO", "MAIL", "RCPT", "DATA", "DOT", "queue", "done", "log")
    found = []
    for i in range(20):
        # Every other one at the last dot, where mail could be lost or doubled.
        place = "DOT" if i % 2 else places[i // 2 % len(places)]
        most = 3 if place in ("CONNECT", "EHLO") else MESSAGES - 5
        found.append(Moment(("parent", "worker", "all")[i % 3], place, draw.randint(1, most)))
    return found


def submit(po):
    tokens = [f"k{i:03}" for i in range(MESSAGES)]
    for token in tokens:
        po.submit(f"Subject: {token}\n\nbody of {token}\n".encode(), f"{token}@example.net")
    return set(tokens)


def reach(po, sink, moment):
    """Wait for the moment; a stage at the server stands still from then on."""
    seen = {
        "queue": lambda: len(po.files("queue")) + len(po.files("done")) >= moment.n,
        "done": lambda: len(po.files("done")) >= moment.n,
        "log": lambda: len(po.results()) >= moment.n,
    }
    if moment.place in seen:
        wait_for(seen[moment.place], f"{moment.n} in {moment.place}")
    else:
        sink.wait_paused()


def strike(po, sink, runner, victim):
    """Kill, and return the pids that are to be gone before the next run."""
    pids = po.processes(runner)
    workers = [pid for pid in pids[1:] if po.is_connected(pid, sink.port)] or pids[-1:]
    for pid in {"parent": pids[:1], "worker": workers[:1], "all": pids}[victim]:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass  # the run is done already: that is a moment too
    return [] if victim == "worker" else pids


def token(recipient):
    return recipient.partition("@")[0]


@pytest.mark.parametrize("moment", moments(), ids=lambda m: f"{m.victim}-{m.place}-{m.n}")
def test_none_is_lost_and_none_twice_but_in_doubt(po, new_sink, shift_clock, moment):
    print(f"PO_TEST_SEED={SEED} {moment}")
    sink = new_sink()
    po.relay(sink.port)
    po.configure(stop_grace="1s", retry_first="1s")
    wanted = submit(po)
    if moment.place.isupper():
        sink.pause(moment.place, moment.n)
    runner = po.start("-p", "4")
    reach(po, sink, moment)
    pids = strike(po, sink, runner, moment.victim)
    sink.resume()
    runner.wait(60)
    wait_gone(pids)  # orphans keep the run lock until they end by themselves

    po.queue("-p", "4")
    po.queue("-p", "4", env=shift_clock(HOUR))
    arrived = collections.Counter(token(m.recipients[0]) for m in sink.messages())
    assert set(arrived) == wanted, f"lost: {wanted - set(arrived)}"
    listed = po.list_all()
    assert {token(m["recipients"][0]["address"]) for m in listed} == wanted and len(listed) == MESSAGES
    in_doubt = {token(m["recipients"][0]["address"]): m["in_doubt"] for m in listed}
    for name, times in arrived.items():
        assert times <= 1 + in_doubt[name], f"{name} arrived {times} times, in doubt {in_doubt[name]} times"
    # A doubt is an exception: a kill leaves at most what four workers had begun.
    assert sum(in_doubt.values()) <= 8, in_doubt
    assert {m["state"] for m in listed} == {"sent"}
    assert po.files("queue") == [] and po.dropped() == [] and len(po.files("done")) == MESSAGES
    check = po.queue("--check", ok=False)
    assert check.returncode == 0, check.stdout + check.stderr


@pytest.mark.parametrize("index", ("as it was", "lost", "rebuilt"))
def test_a_message_in_doubt_is_said_so_and_waits(po, sink, shift_clock, index):
    """The whole of it once, at the last dot: one message, everything killed before the reply."""
    po.relay(sink.port)
    po.submit(b"Subject: x\n\nx\n", "a@example.net")
    sink.pause("DOT", 1)
    runner = po.start("-p", "1")
    sink.wait_paused()
    pids = strike(po, sink, runner, "all")
    sink.resume()
    runner.wait(60)
    wait_gone(pids)
    if index == "lost":
        shutil.rmtree(po.spool / "index" / "live")
    elif index == "rebuilt":
        po.queue("--rebuild-index")

    po.queue("-p", "1")
    result, = po.results()
    assert result["status"] == "deferred" and "in doubt" in result["text"]
    message, = po.list()
    assert message["in_doubt"] == 1 and message["recipients"][0]["state"] == "in doubt"
    assert sink.count() == 1, "not sent again before 15 minutes"
    po.queue("--flush")
    assert sink.count() == 1, "not even by --flush"
    po.queue("-p", "1", env=shift_clock(840))
    assert sink.count() == 1, "nor after 14"
    po.queue("-p", "1", env=shift_clock(HOUR))
    first, second = sink.messages()
    assert first.content == second.content, "the same mail, the same Message-ID"


def test_in_doubt_hold_never_sends_twice(po, sink, shift_clock):
    po.relay(sink.port)
    po.configure(in_doubt="hold")
    po.submit(b"Subject: x\n\nx\n", "a@example.net")
    sink.pause("DOT", 1)
    runner = po.start("-p", "1")
    sink.wait_paused()
    pids = strike(po, sink, runner, "all")
    sink.resume()
    runner.wait(60)
    wait_gone(pids)
    po.queue("-p", "1")
    po.queue("-p", "1", env=shift_clock(HOUR))
    assert sink.count() == 1
    message, = po.list()
    assert (message["state"], message["in_doubt"]) == ("held", 1)


def test_sigterm_before_the_last_dot_is_no_attempt(po, sink):
    po.relay(sink.port)
    po.submit(b"Subject: x\n\nx\n", "a@example.net")
    sink.pause("RCPT", 1)
    runner = po.start("-p", "1")
    sink.wait_paused()
    runner.send_signal(signal.SIGTERM)
    wait_for(lambda: runner.poll() is not None, "the runner ends")
    assert runner.returncode == 0, runner.output()
    sink.resume()
    message, = po.list()
    assert (message["state"], message["attempts"], message["in_doubt"]) == ("waiting", 0, 0)
    po.queue("-p", "1")
    assert sink.count() == 1


def test_sigterm_after_the_last_dot_waits_for_the_reply(po, sink):
    po.relay(sink.port)
    po.submit(b"Subject: x\n\nx\n", "a@example.net")
    sink.pause("DOT", 1)
    runner = po.start("-p", "1")
    sink.wait_paused()
    runner.send_signal(signal.SIGTERM)
    sink.resume()
    wait_for(lambda: runner.poll() is not None, "the runner ends")
    message, = po.list_all()
    assert (message["state"], message["in_doubt"]) == ("sent", 0)
    assert sink.count() == 1
