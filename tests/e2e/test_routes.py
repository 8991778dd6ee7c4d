# SPDX-License-Identifier: ISC
"""Routes: which relay a message goes to, by what is known of it, and what --route says about it."""
import os
import signal
import socket

import pytest

from sink import Sink
from wait import wait_for

MESSAGE = b"From: s@example.org\nSubject: x\n\nhello\n"


def closed_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@pytest.fixture
def sinks(new_sink):
    return {name: new_sink() for name in ("main", "news", "spare")}


def relay_of(sink, **more):
    return {"host": "127.0.0.1", "port": sink.port, "tls": "none", **more}


def configure(po, sinks, routes, **more):
    relays = [relay_of(s, name=name) for name, s in sinks.items() if name != "main"]
    po.configure(transport="smtp", relay=relay_of(sinks["main"]), relays=relays, routes=routes, **more)


def where(sinks):
    """Who got which recipients."""
    return {name: sorted(r for m in s.messages() for r in m.recipients) for name, s in sinks.items() if s.messages()}


def test_each_condition_chooses(po, sinks):
    configure(po, sinks, [{"recipient": "example.net, .example.net", "relays": "news"},
                          {"sender": "<>", "relays": "spare"},
                          {"sender": "boss@*", "recipient": "*@example.com", "relays": "spare"},
                          {"login": "nobody-there", "relays": "news"}])
    for sender, to in (("s@example.org", "a@example.net"), ("s@example.org", "b@x.EXAMPLE.net"), ("<>", "c@example.edu"),
                       ("boss@example.org", "d@example.com"), ("s@example.org", "e@example.com"),
                       ("boss@example.org", "f@example.edu")):
        po.submit(MESSAGE, "-f", sender, to)
    po.queue("-p", "2")
    assert where(sinks) == {"news": ["a@example.net", "b@x.EXAMPLE.net"], "spare": ["c@example.edu", "d@example.com"],
                            "main": ["e@example.com", "f@example.edu"]}


def test_a_dead_relay_hands_on_to_the_next(po, sinks):
    dead = {"name": "dead", "host": "127.0.0.1", "port": closed_port(), "tls": "none"}
    po.configure(transport="smtp", relays=[dead, relay_of(sinks["spare"], name="spare")], routes=[{"relays": "dead, spare"}])
    for i in range(3):
        po.submit(MESSAGE, f"r{i}@example.net")
    po.queue("-p", "1")
    assert where(sinks) == {"spare": ["r0@example.net", "r1@example.net", "r2@example.net"]}
    assert po.log().count("relay:dead rests for") == 1
    assert {r["status"] for r in po.results()} == {"sent"}


def test_a_relay_without_tls_is_passed_over(po, sinks):
    po.configure(transport="smtp", relays=[relay_of(sinks["news"], name="news") | {"tls": "encrypt"},
                                           relay_of(sinks["spare"], name="spare")])
    po.submit(MESSAGE, "a@example.net")
    po.queue("-p", "1")
    assert where(sinks) == {"spare": ["a@example.net"]}


def test_what_waits_for_a_relay_that_is_gone_is_routed_anew(po, sinks):
    dead = {"name": "dead", "host": "127.0.0.1", "port": closed_port(), "tls": "none"}
    po.configure(transport="smtp", relays=[dead, relay_of(sinks["spare"], name="spare")], routes=[{"relays": "dead"}])
    po.submit(MESSAGE, "a@example.net")
    po.queue("-p", "1")
    assert where(sinks) == {}
    po.configure(relays=[relay_of(sinks["spare"], name="spare")], routes=None)
    po.queue("-p", "1", "--flush")
    assert where(sinks) == {"spare": ["a@example.net"]}


def test_helo_and_source_are_the_relays_own(po, sinks):
    po.configure(transport="smtp", relay=relay_of(sinks["main"], helo="other.example", source="127.0.0.7"))
    po.submit(MESSAGE, "a@example.net")
    po.queue("-p", "1")
    message, = sinks["main"].messages()
    assert message.helo == "other.example"


def test_a_source_of_the_other_family_reaches_nothing(po, sinks):
    po.configure(transport="smtp", relay=relay_of(sinks["main"], source="::1"))
    po.submit(MESSAGE, "a@example.net")
    po.queue("-p", "1")
    result, = po.results()
    assert (result["status"], sinks["main"].count()) == ("deferred", 0), result


def test_route_explains(po, sinks):
    configure(po, sinks, [{"recipient": "example.net", "relays": "news, relay"}, {"tag": "t*", "relays": "spare"}],
              capture_dir="/tmp/nowhere")
    done = po.queue("--route", "<A@Example.NET>", "--sender", "x@y")
    lines = done.stdout.splitlines()
    main = sinks["main"].port
    assert lines[:2] == ["recipient   A@Example.NET", "sender      x@y"]
    assert f"next hop    smtp:news,127.0.0.1:{main}" in lines
    rule, = [line for line in lines if line.startswith("rule")]
    assert rule.split()[1].startswith(f"{po.config_file}:"), rule
    assert [line for line in lines if line.startswith("relay ")] == [
        f"relay       news: 127.0.0.1 port {sinks['news'].port}", f"relay       127.0.0.1 port {main}"]
    assert "  tls         none" in lines and "  helo        host.example" in lines
    assert f"smtp:127.0.0.1:{main}" in po.queue("--route", "a@example.com").stdout
    assert "next hop    smtp:spare" in po.queue("--route", "a", "--tag", "t1").stdout
    assert "recipient   a@example.org" in po.queue("--route", "a").stdout
    assert "sender      <>" in po.queue("--route", "a", "--sender", "<>").stdout
    for wrong, status in ((["--route", "a b@c@d"], 65), (["--route", ""], 64), (["--route", "a", "--login", "no such"], 64),
                          (["--tag", "x"], 64), (["--route", "a", "--list"], 64)):
        assert po.run("po-queue", *wrong).returncode == status, wrong


def test_a_wrong_route_is_named_with_its_line(po):
    po.configure(transport="smtp", relay={"host": "h"}, routes=[{"relays": "nowhere"}])
    done = po.run("po-queue", "--check-config")
    assert done.returncode == 78
    assert f"{po.config_file}:" in done.stderr and 'no relay "nowhere"' in done.stderr
def test_recipients_of_one_message_take_their_own_ways(po, sinks):
    configure(po, sinks, [{"recipient": "example.net", "relays": "news"}, {"recipient": "example.edu", "relays": "spare"}])
    po.submit(MESSAGE, "a@example.net", "b@example.com", "c@example.net", "d@example.edu")
    po.queue("-p", "1")
    assert where(sinks) == {"news": ["a@example.net", "c@example.net"], "main": ["b@example.com"],
                            "spare": ["d@example.edu"]}
    assert [m["state"] for m in po.list_all()] == ["sent"]




def test_a_dead_relay_holds_no_other_recipients(po, sinks):
    """In the run in which one hop cannot be reached the others get their mail, and later the first one gets its own."""
    port = closed_port()
    dead = {"name": "dead", "host": "127.0.0.1", "port": port, "tls": "none"}
    po.configure(transport="smtp", relay=relay_of(sinks["main"]), relays=[dead, relay_of(sinks["spare"], name="spare")],
                 routes=[{"recipient": "example.net", "relays": "dead"}, {"recipient": "example.edu", "relays": "spare"}])
    for i in range(5):
        po.submit(MESSAGE, f"a{i}@example.net", f"b{i}@example.com", f"c{i}@example.edu")
    po.queue("-p", "2")
    assert where(sinks) == {"main": [f"b{i}@example.com" for i in range(5)], "spare": [f"c{i}@example.edu" for i in range(5)]}
    assert {m["state"] for m in po.list()} == {"waiting"}
    revived = Sink(po.base / "revived", port=port)
    try:
        po.queue("-p", "2", "--flush")
        assert sorted(r for m in revived.messages() for r in m.recipients) == [f"a{i}@example.net" for i in range(5)]
    finally:
        revived.stop()
    assert {m["state"] for m in po.list_all()} == {"sent"}
    assert where(sinks) == {"main": [f"b{i}@example.com" for i in range(5)], "spare": [f"c{i}@example.edu" for i in range(5)]}


def test_hops_are_served_at_the_same_time(po, sinks):
    """While one relay is in the middle of the message, the other takes its own."""
    configure(po, sinks, [{"recipient": "example.net", "relays": "news"}])
    sinks["news"].pause("DATA", 1)
    po.submit(MESSAGE, "a@example.net", "b@example.com")
    runner = po.start("-p", "2")
    sinks["news"].wait_paused()
    wait_for(lambda: sinks["main"].count() == 1, "the other relay gets its own")
    message, = po.list()
    assert message["state"] == "waiting"
    assert po.run("po-queue", "--hold", message["queue_id"]).returncode != 0  # it is being delivered
    sinks["news"].resume()
    assert runner.wait(60) == 0
    assert where(sinks) == {"main": ["b@example.com"], "news": ["a@example.net"]}
    assert [m["state"] for m in po.list_all()] == ["sent"]


def test_a_killed_worker_leaves_the_other_hop_alone(po, sinks):
    configure(po, sinks, [{"recipient": "example.net", "relays": "news"}])
    sinks["news"].pause("DOT", 1)
    po.submit(MESSAGE, "a@example.net", "b@example.com")
    runner = po.start("-p", "2", "--watch")
    sinks["news"].wait_paused()
    wait_for(lambda: sinks["main"].count() == 1, "the other relay gets its own")
    victim, = [pid for pid in po.processes(runner)[1:] if po.is_connected(pid, sinks["news"].port)]
    os.kill(victim, signal.SIGKILL)
    sinks["news"].resume()
    wait_for(lambda: po.results(to="a@example.net"), "the dead worker's recipient is settled")
    runner.send_signal(signal.SIGTERM)
    assert runner.wait(60) == 0
    assert [r["status"] for r in po.results(to="b@example.com")] == ["sent"]
    message, = po.list()
    assert (message["in_doubt"], message["state"]) == (1, "waiting"), message
    assert po.queue("--check", ok=False).returncode < 2


def test_captured_but_for_the_allowed(po, sinks):
    po.configure(transport="capture", relay=relay_of(sinks["main"]), capture_allow="tester@example.com, example.edu",
                 relays=[relay_of(sinks["news"], name="news")], routes=[{"recipient": "example.net", "relays": "news"}])
    po.submit(MESSAGE, "Tester@example.com", "real@example.com", "a@example.edu", "b@example.net")
    po.queue("-p", "1")
    assert where(sinks) == {"main": ["Tester@example.com", "a@example.edu"], "news": ["b@example.net"]}
    captured, = po.captured()
    assert b"\nDelivered-To: real@example.com\n" in captured
    assert "rule        capture_allow\n" in po.queue("--route", "x@example.edu").stdout
    assert "transport   capture\n" in po.queue("--route", "real@example.com").stdout


def test_the_allowed_need_a_relay(po):
    po.configure(transport="capture", capture_allow="tester@example.com")
    done = po.run("po-queue", "--check-config")
    assert done.returncode == 78 and "needs relay.host" in done.stderr
