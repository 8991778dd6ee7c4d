# SPDX-License-Identifier: ISC
"""A thousand messages from four users: each arrives once, nobody waits for somebody else's pile."""
import collections
import concurrent.futures
import re
import time

import message_file

UIDS = (2001, 2002, 2003, 2004)


def submit_all(po, jobs, at_once=len(UIDS)):
    """Each job is (uid, token)."""
    def one(job):
        uid, token = job
        po.submit(f"Subject: {token}\n\nfrom {uid}\n".encode(), "-f", f"u{uid}@example.org", f"{token}@example.net", uid=uid)
    with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        list(pool.map(one, jobs))


def tokens(sink):
    return [re.match(rb"(?:.*\r\n)*?Subject: (\S+)\r\n", m.content)[1].decode() for m in sink.messages()]


def test_a_thousand_messages_arrive_once(system_po, new_sink):
    po, sink = system_po, new_sink(delay=0.001)
    po.relay(sink.port)
    jobs = [(UIDS[i % 4], f"m{i:04}") for i in range(1000)]
    submit_all(po, jobs)
    assert len(po.dropped()) == 1000
    po.queue("-p", "4")
    assert sorted(tokens(sink)) == [token for _, token in jobs]
    for message in sink.messages():
        assert message.recipients == [message.content.split(b"Subject: ")[1].split(b"\r\n")[0].decode() + "@example.net"]
    assert 2 <= sink.status()["most_connections"] <= 4
    assert po.files("queue") == [] and len(po.files("done")) == 1000 and po.dropped() == []
    assert collections.Counter(r["status"] for r in po.results()) == {"sent": 1000}


def test_the_owner_of_a_message_is_who_submitted_it(system_po):
    po = system_po
    submit_all(po, [(uid, f"u{uid}") for uid in UIDS])
    po.queue("--ingest")
    assert {m["uid"]: m["sender"] for m in po.list()} == {uid: f"u{uid}@example.org" for uid in UIDS}
    for path in po.files("queue"):
        file = message_file.read(path)
        assert f"sender=u{file.stamp[0]}@example.org" in file.envelope


def test_one_user_s_pile_does_not_delay_another(system_po, sink):
    po = system_po
    po.relay(sink.port)
    submit_all(po, [(2001, f"pile{i:03}") for i in range(200)], at_once=1)
    submit_all(po, [(2002, f"few{i}") for i in range(3)], at_once=1)
    po.queue("--ingest")
    po.queue("-p", "1")
    order = tokens(sink)
    assert len(order) == 203
    # Turn by turn: the third of the few is the sixth in turn.
    assert [max(order.index(f"few{i}"), 2 * i + 1) for i in range(3)] == [1, 3, 5], order[:10]
    assert [t for t in order if t.startswith("pile")] == [f"pile{i:03}" for i in range(200)]


def put(po, token, made, **keys):
    queue_id = message_file.new_id(made)
    content = f"Subject: {token}\nMessage-ID: <{queue_id}@x>\n\nx\n".encode()
    message_file.submit(po.spool / "drop", queue_id,
                        message_file.build(queue_id, [f"{token}@example.net"], content, **keys))




def test_priority_decides_and_low_never_starves(system_po, sink):
    po = system_po
    po.relay(sink.port)
    begin = time.time()
    for priority in ("low", "medium", "high", "now"):
        for i in range(16):
            put(po, f"{priority}{i:02}", begin + i / 1000, priority=priority)  # ids are in order of milliseconds
    po.queue("--ingest")
    po.queue("-p", "1")
    order = tokens(sink)
    assert len(order) == 64
    # Every 16th deal takes the lowest class: the 16th, 32nd and 48th are low; all else is strict.
    for place in (15, 31, 47):
        assert order[place].startswith("low"), order
    rest = [t.rstrip("0123456789") for i, t in enumerate(order) if i not in (15, 31, 47)]
    assert rest == ["now"] * 16 + ["high"] * 16 + ["medium"] * 16 + ["low"] * 13
    for priority in ("low", "medium", "high", "now"):
        mine = [t for t in order if t.startswith(priority)]
        assert mine == sorted(mine), "oldest first within a class"
