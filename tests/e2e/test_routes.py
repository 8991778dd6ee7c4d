# SPDX-License-Identifier: ISC
"""Routes: which relay a message goes to, by what is known of it, and what --route says about it."""
import socket

import pytest

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
    assert "going on with spare" in po.log()
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
