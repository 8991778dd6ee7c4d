# SPDX-License-Identifier: ISC
"""Idempotency keys: one mail for each key of a uid, whatever is repeated, killed or rebuilt."""
import collections
import concurrent.futures
import os
import random
import shutil
import signal

import pytest

import mail
from po import wait_gone
from wait import wait_for

SEED = int(os.environ.get("PO_TEST_SEED", "20261124"))
DAY = 86400
TO = "a@example.net"


def keyed(key, body="body", **fields):
    head = "".join(f"{name.replace('_', '-')}: {value}\n" for name, value in fields.items())
    return f"X-PO-Key: {key}\nSubject: {key}\n{head}\n{body}\n".encode()


def states(po, **wanted):
    """How many messages are in which state."""
    return dict(collections.Counter(m["state"] for m in po.list_all() if all(m[k] == v for k, v in wanted.items())))


def of_key(po, key):
    """Its messages, in the order of their ids."""
    return sorted((m for m in po.list_all() if m.get("key") == key), key=lambda m: m["queue_id"])


# ---------------------------------------------------------------- what is equal

REPEATS = {
    "the same": dict(),
    "another date": dict(Date="Mon, 23 Nov 2026 10:00:00 +0000"),
    "another message-id": dict(Message_ID="<other@example.org>"),
    "more trace": dict(Received="from x by y; Mon, 23 Nov 2026 10:00:00 +0000"),
    "another schedule, expiry, priority and tag": dict(X_PO_Priority="low", X_PO_Tag="t", X_PO_Schedule="+1s",
                                                      X_PO_Expires="+2h"),
}
OTHERS = {
    "another body": dict(body="other"),
    "another field": dict(X_Other="x"),
    "another recipient": dict(to=["b@example.net"]),
    "a recipient more": dict(to=[TO, "b@example.net"]),
    "another sender": dict(sender="other@example.org"),
}


def repeat(po, key, to=(TO,), sender="joe@example.org", body="body", **fields):
    po.submit(keyed(key, body, **fields), "-f", sender, *to)


@pytest.mark.parametrize("what", [*REPEATS, *OTHERS])
def test_an_equal_repeat_is_a_duplicate_and_another_content_is_refused(po, what):
    repeat(po, "k")
    po.queue()
    repeat(po, "k", **{**REPEATS, **OTHERS}[what])
    po.queue()
    second = "duplicate" if what in REPEATS else "refused"
    first, last = of_key(po, "k")
    assert (first["state"], last["state"]) == ("sent", second)
    captured = [m for m in po.captured() if mail.value(mail.split(m), "Subject") == "k"]
    notices = [m for m in po.captured() if b"multipart/report" in m]
    assert len(captured) == 1 and len(notices) == (second == "refused")
    assert all(first["queue_id"].encode() in m and b"another message needs another key" in b" ".join(m.split())
               for m in notices)
    assert f"({second})" in po.queue("--list", "--all").stdout
    assert f"{last['queue_id']}: {second}: its key is that of {first['queue_id']}" in po.log()
    assert po.files("queue") == [] and po.dropped() == []


def test_an_smtp_client_s_repeat_of_what_a_header_said_is_equal(po):
    repeat(po, "k")
    dialogue = b"EHLO x\r\nMAIL FROM:<joe@example.org>\r\nRCPT TO:<a@EXAMPLE.net>\r\nDATA\r\n" + \
        keyed("k").replace(b"\n", b"\r\n") + b".\r\nQUIT\r\n"
    done = po.sendmail("-bs", input=dialogue)
    assert "250 2.0.0" in done.stdout
    po.queue()
    # From is completed by sendmail and left to the client by SMTP: what the header says counts.
    repeat(po, "l", From="joe@example.org", To=TO)
    po.sendmail("-bs", input=dialogue.replace(b"Key: k", b"Key: l").replace(
        b"Subject: k", b"Subject: l\r\nFrom: joe@example.org\r\nTo: " + TO.encode()))
    po.queue()
    assert states(po, key="l") == {"sent": 1, "duplicate": 1}


def test_in_one_batch_the_first_one_counts(po):
    for body in ("one", "one", "two", "one"):
        repeat(po, "k", body=body)
    po.queue("--ingest")
    assert [m["state"] for m in of_key(po, "k")] == ["waiting", "duplicate", "refused", "duplicate"]


def test_a_key_is_its_uid_s_own(system_po):
    po = system_po
    for uid in (2001, 2002, 2001):
        po.submit(keyed("k"), "-f", "joe@example.org", TO, uid=uid)
    po.queue()
    assert states(po, uid=2001) == {"sent": 1, "duplicate": 1} and states(po, uid=2002) == {"sent": 1}


# ---------------------------------------------------------------- how long a key holds

def become(po, sink, state, queue_id):
    {"waiting": lambda: po.queue("--ingest"),
     "deferred": lambda: (sink.rules({"stage": "RCPT", "reply": "451 4.2.1 busy"}), po.queue(), sink.rules()),
     "sent": po.queue,
     "failed": lambda: (sink.rules({"stage": "RCPT", "reply": "550 5.1.1 no"}), po.queue(), sink.rules()),
     "cancelled": lambda: (po.queue("--ingest"), po.queue("--cancel", queue_id())),
     "held": lambda: (po.queue("--ingest"), po.queue("--hold", queue_id()))}[state]()


@pytest.mark.parametrize("state", ["waiting", "deferred", "sent", "failed", "cancelled", "held"])
def test_a_key_holds_whatever_became_of_its_message(po, sink, state):
    po.relay(sink.port)
    repeat(po, "k")
    become(po, sink, state, lambda: po.list()[0]["queue_id"])
    before = sink.count()
    repeat(po, "k")
    po.queue("--ingest")
    found = [m["state"] for m in po.list_all() if m.get("key") == "k"]  # a bounce has none
    assert sorted(found) == sorted(["waiting" if state == "deferred" else state, "duplicate"])
    assert sink.count() == before


def test_a_key_is_forgotten_with_its_finished_message(po, shift_clock):
    po.configure(keep_sent="2d")
    repeat(po, "k")
    po.queue()
    repeat(po, "k")
    later = shift_clock(1 * DAY)
    po.queue("--cleanup", env=later)
    po.queue(env=later)
    assert len(po.captured()) == 1
    later = shift_clock(4 * DAY)
    po.queue("--cleanup", env=later)
    repeat(po, "k")
    po.queue()
    assert states(po) == {"sent": 1} and len(po.captured()) == 2


# ---------------------------------------------------------------- rebuilt, killed

def test_a_rebuild_knows_every_key_as_before(po):
    for n in range(30):
        repeat(po, f"k{n % 10}", body=f"body {n % 10 if n < 20 else n}")
    po.queue()
    before = states(po)
    assert (before["duplicate"], before["refused"]) == (10, 10)
    shutil.rmtree(po.spool / "index" / "live")
    po.queue("--rebuild-index")
    assert states(po) == before
    for n in range(10):
        repeat(po, f"k{n}", body=f"body {n}")
        repeat(po, f"k{n}", body="other")
    po.queue("--ingest")
    after = states(po)
    assert (after["duplicate"], after["refused"]) == (20, 20)
    assert po.queue("--check").returncode == 0


SUBMISSIONS, KEYS, ROUNDS = 1000, 300, 10


def moments():
    """Where each round ends: a place that a run reaches, how far, and what the next round finds of the index."""
    draw = random.Random(SEED)
    for n in range(ROUNDS):
        yield ("files", "known", "log", "done")[n % 4], draw.randint(1, 60), ("as it was", "lost", "rebuilt")[n % 3]


def progress(po, place):
    if place == "files":  # copied, perhaps without a record
        return len(po.files("queue")) + len(po.files("done"))
    if place == "known":
        return po.log().count(": its key is that of ")
    return len(po.results()) if place == "log" else len(po.files("done"))


def test_kills_leave_one_mail_for_each_key(po, new_sink, shift_clock):
    """Everything killed ten times while 1,000 submissions with 300 keys come in, the index lost or rebuilt between."""
    print(f"PO_TEST_SEED={SEED}")
    sink = new_sink()
    po.relay(sink.port)
    po.configure(stop_grace="1s", retry_first="1s")
    draw = random.Random(SEED)
    keys = [f"k{n % KEYS:03}" for n in range(SUBMISSIONS)]
    draw.shuffle(keys)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for n, (place, far, index) in enumerate(moments()):
            some = keys[n::ROUNDS]
            coming = [pool.submit(po.submit, keyed(key), f"{key}@example.net") for key in some[:50]]
            concurrent.futures.wait(coming)
            at = progress(po, place)
            runner = po.start("-p", "2")
            coming += [pool.submit(po.submit, keyed(key), f"{key}@example.net") for key in some[50:]]
            wait_for(lambda: runner.poll() is not None or progress(po, place) >= at + far, f"{far} in {place}")
            pids = po.processes(runner)
            for pid in pids:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass  # the run is done already: that is a moment too
            runner.wait(60)
            wait_gone(pids)
            for done in coming:
                done.result()
            if index == "lost":
                shutil.rmtree(po.spool / "index" / "live")
            elif index == "rebuilt":
                po.queue("--rebuild-index")
    po.queue("-p", "2")
    po.queue("-p", "2", env=shift_clock(3600))
    arrived = collections.Counter(m.recipients[0].partition("@")[0] for m in sink.messages())
    listed = po.list_all()
    assert set(arrived) == set(keys)
    in_doubt = collections.Counter()
    for m in listed:
        in_doubt[m["key"]] += m["in_doubt"]
    for key, times in arrived.items():
        assert times <= 1 + in_doubt[key], "\n".join(
            [f"{key} arrived {times} times, in doubt {in_doubt[key]} times"] +
            [str(m) for m in listed if m["key"] == key] + [line for line in po.log().splitlines() if f"{key}@" in line or
                                                           any(m["queue_id"] in line for m in listed if m["key"] == key)])
    assert sum(in_doubt.values()) <= 4 * ROUNDS, in_doubt
    assert collections.Counter(m["state"] for m in listed) == {"sent": KEYS, "duplicate": SUBMISSIONS - KEYS}
    assert po.files("queue") == [] and po.dropped() == []
    check = po.queue("--check", ok=False)
    assert check.returncode == 0, check.stdout + check.stderr


def test_lists_name_the_message_that_has_the_key(po):
    for body in (b"x", b"x", b"y"):
        po.submit(b"X-PO-Key: k\nSubject: s\n\n" + body + b"\n", "a@example.net")
        po.queue()
    by_state = {m["state"]: m for m in po.list_all() if m["sender"] != "MAILER-DAEMON"}
    holder = by_state["sent"]["queue_id"]
    assert "key_holder" not in by_state["sent"]
    for state in ("duplicate", "refused"):
        assert by_state[state]["key_holder"] == holder
        assert f"key of      {holder}\n" in po.queue("--show", by_state[state]["queue_id"]).stdout
    assert "key of" not in po.queue("--show", holder).stdout
