# SPDX-License-Identifier: ISC
"""A message with many recipients: split into transactions of 100, or of what the server takes, each recipient reached once;
and the memory of few."""
import pathlib

import pytest

from chunkserver import CLOSE, ChunkServer

PLAIN = ("PIPELINING", "8BITMIME")
MESSAGE = b"From: s@example.org\nSubject: to many\n\nhello\n"


def submit(po, n):
    po.submit(b"To: " + b",\n ".join(b"r%d@example.net" % i for i in range(n)) + b"\n" + MESSAGE, "-t", "-N", "never",
              "-f", "s@example.org")


def reached(server):
    """Who got it, in the order of transactions."""
    return [address for _, to, _ in server.messages for address in to]


def own_kb(pid):
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon"))


def run(po, server):
    """po-queue -p 1; the most memory of the parent and of its worker, in KB, when a message is taken."""
    po.relay(server.port)
    child = po.start("-p", "1")
    most = {}

    def look():
        for pid in [child.pid, *po.processes(child)]:
            most[pid] = max(most.get(pid, 0), own_kb(pid))
    server.taken = look
    assert child.wait(300) == 0
    return most[child.pid], max(kb for pid, kb in most.items() if pid != child.pid)


@pytest.mark.parametrize("rcpt_max", (None, 37), ids=("groups-of-100", "limit-of-the-server"))
def test_ten_thousand(po, rcpt_max):
    n = 10000
    with ChunkServer(keywords=PLAIN) as server:
        submit(po, 100)
        _, few = run(po, server)
    with ChunkServer(keywords=PLAIN, rcpt_max=rcpt_max) as server:
        submit(po, n)
        _, many = run(po, server)
    sizes = [len(to) for _, to, _ in server.messages]
    assert sorted(reached(server)) == sorted(f"r{i}@example.net" for i in range(n))
    assert server.sessions == 1 and max(sizes) == (rcpt_max or 100) and len(sizes) == -(-n // (rcpt_max or 100))
    assert len({content for _, _, content in server.messages}) == 1
    assert [r["status"] for r in po.results()] == ["sent"] * (n + 100)
    # Of each recipient the address, the slot and the place are held, but no result, which has some 450 bytes alone.
    assert many - few < 7000 and many < 12 * 1024, f"{few} KB with 100 recipients, {many} KB with {n}"


@pytest.mark.parametrize("reply", ("452 4.5.3 too many", "452 too many", "552 too many", "550 5.5.3 too many"))
@pytest.mark.parametrize("keywords", (PLAIN, ("8BITMIME",), ("PIPELINING", "CHUNKING")), ids=("pipelining", "plain", "window"))
def test_each_way_to_say_too_many(po, keywords, reply):
    with ChunkServer(keywords=keywords, rcpt_max=3, too_many=reply) as server:
        po.relay(server.port, window=8)
        submit(po, 10)
        po.submit(MESSAGE, "another@example.net")
        submit(po, 7)
        po.queue("--ingest")
        po.queue("-p", "1")
    assert sorted(reached(server)) == sorted([f"r{i}@example.net" for i in range(10)] + [f"r{i}@example.net" for i in range(7)] +
                                             ["another@example.net"])
    assert max(len(to) for _, to, _ in server.messages) == 3
    assert {r["status"] for r in po.results()} == {"sent"}


def test_the_limit_that_is_offered_is_not_tried_out(po):
    with ChunkServer(keywords=(*PLAIN, "LIMITS RCPTMAX=4"), rules=[(r"RCPT TO:<r6@.*", "550 5.1.1 unknown")],
                     rcpt_max=4, too_many="550 5.7.1 I told you") as server:
        po.relay(server.port)
        submit(po, 10)
        po.queue("-p", "1")
    assert sorted(reached(server)) == sorted(f"r{i}@example.net" for i in range(10) if i != 6)
    assert sorted(r["to"] for r in po.results(status="bounced")) == ["r6@example.net"]


def test_a_full_mailbox_is_not_a_full_transaction(po):
    with ChunkServer(keywords=PLAIN, rules=[(r"RCPT TO:<r3@.*", "452 4.2.2 mailbox full")]) as server:
        po.relay(server.port)
        submit(po, 5)
        po.queue("-p", "1")
    assert sorted(reached(server)) == [f"r{i}@example.net" for i in (0, 1, 2, 4)]
    assert [r["to"] for r in po.results(status="deferred")] == ["r3@example.net"]


def test_the_connection_is_lost_between_two_transactions(po):
    """The third transaction's MAIL is answered by nothing: it begins again, and nobody gets it twice."""
    with ChunkServer(keywords=PLAIN, rcpt_max=10) as server:
        server.taken = lambda: server.rules.append((r"MAIL .*", CLOSE)) if len(server.messages) == 2 else None
        po.relay(server.port)
        submit(po, 45)
        po.queue("-p", "1")
    assert sorted(reached(server)) == sorted(f"r{i}@example.net" for i in range(45)) and server.sessions == 2
    assert {r["status"] for r in po.results()} == {"sent"}


def test_the_server_goes_away(po):
    """Nobody answers behind the first transaction: those who have it have it, and all others are told why they wait."""
    with ChunkServer(keywords=PLAIN) as server:
        server.taken = lambda: server.rules.extend([(r"MAIL .*", "421 4.3.2 going"), (r"EHLO .*", "421 4.3.2 gone")])
        po.relay(server.port)
        submit(po, 450)
        po.queue("-p", "1")
    assert len(reached(server)) == 100
    results = po.results()
    assert sorted(r["status"] for r in results) == ["deferred"] * 350 + ["sent"] * 100
    assert all("421" in r["text"] for r in results if r["status"] == "deferred")
