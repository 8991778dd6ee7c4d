# SPDX-License-Identifier: ISC
"""Direct delivery: a name server with domains of all kinds, and mail hosts on several addresses of loopback."""
import socket
import time

import pytest

from nameserver import NameServer
from rawserver import RawServer, drop, hear, say
from wait import wait_for

MESSAGE = b"From: s@example.org\nSubject: x\n\nhello\n"


@pytest.fixture
def zone():
    return {}


@pytest.fixture
def dns(zone):
    with NameServer(zone) as server:
        yield server


def free_port():
    """One that is free on every address of loopback that is used here."""
    with socket.socket() as s:
        s.bind(("0.0.0.0", 0))
        return s.getsockname()[1]


@pytest.fixture
def port():
    return free_port()


@pytest.fixture
def hosts(new_sink, port):
    """Makes a mail host: hosts("127.0.0.2")."""
    return lambda address, **options: new_sink(address=address, port=port, **options)


@pytest.fixture
def direct(po, dns, port):
    po.configure(transport="mx", mx={"port": port, "nameserver": dns.at, "tls": "none"})
    return po


def send(po, *recipients, runs=("-p", "2")):
    """What became of each of them, by its address."""
    for to in recipients:
        po.submit(MESSAGE, "-f", "s@example.org", to)
    po.queue(*runs)
    return {r["to"]: r for r in po.results()}


def where(**sinks):
    return {name: sorted(r for m in s.messages() for r in m.recipients) for name, s in sinks.items() if s.messages()}


def test_the_best_host_gets_the_mail(direct, zone, hosts):
    zone.update({"example.net": {"MX": ["20 b.example.net", "10 a.example.net"]}, "a.example.net": {"A": ["127.0.0.2"]},
                 "b.example.net": {"A": ["127.0.0.3"]}, "plain.example": {"A": ["127.0.0.3"]},
                 "alias.example": {"CNAME": ["example.net"]}})
    a, b = hosts("127.0.0.2"), hosts("127.0.0.3")
    results = send(direct, "one@example.net", "two@Example.NET", "three@plain.example", "four@alias.example")
    assert {r["status"] for r in results.values()} == {"sent"}
    assert where(a=a, b=b) == {"a": ["four@alias.example", "one@example.net", "two@Example.NET"],
                               "b": ["three@plain.example"]}
    assert results["one@example.net"]["relay"].startswith("a.example.net[127.0.0.2]:")
    assert {m.helo for m in a.messages()} == {"host.example"}


def test_one_message_to_several_domains_goes_to_each_once(direct, zone, hosts):
    zone.update({f"d{i}.example": {"A": [f"127.0.0.{i}"]} for i in (2, 3)})
    two, three = hosts("127.0.0.2"), hosts("127.0.0.3")
    direct.submit(MESSAGE, "-f", "s@example.org", "a@d2.example", "b@d2.example", "c@d3.example")
    direct.queue("-p", "2")
    assert [m.recipients for m in two.messages()] == [["a@d2.example", "b@d2.example"]]
    assert [m.recipients for m in three.messages()] == [["c@d3.example"]]


@pytest.mark.parametrize("first", [[say("421 4.3.2 busy\r\n"), drop()], [say("554 5.7.1 not you\r\n"), drop()], [drop()],
                                   [say("220 x\r\n"), hear("EHLO"), say("450 4.3.2 later\r\n"), drop()]],
                         ids=["421", "554", "closed", "EHLO refused"])
def test_a_host_that_greets_badly_is_passed_over(direct, zone, hosts, port, first):
    zone.update({"example.net": {"MX": ["10 a.example.net", "20 b.example.net"]}, "a.example.net": {"A": ["127.0.0.2"]},
                 "b.example.net": {"A": ["127.0.0.3"]}})
    spare = hosts("127.0.0.3")
    with RawServer(first, host="127.0.0.2", port=port):
        result = send(direct, "one@example.net")["one@example.net"]
    assert (result["status"], spare.count()) == ("sent", 1), result
    assert "going on with b.example.net" in direct.log()


def test_a_dead_host_is_passed_over_and_then_left_alone(direct, zone, hosts):
    zone.update({f"d{i}.example": {"MX": ["10 dead.example", "20 spare.example"]} for i in range(5)})
    zone.update({"dead.example": {"A": ["127.0.0.2"]}, "spare.example": {"AAAA": ["::1"]}})
    spare = hosts("::1")
    results = send(direct, *(f"r@d{i}.example" for i in range(5)), runs=("-p", "1"))
    assert {r["status"] for r in results.values()} == {"sent"} and spare.count() == 5
    assert direct.log().count("going on with spare.example") == 1, direct.log()


def test_ipv6_and_ipv4_are_both_tried(direct, zone, hosts):
    zone["example.net"] = {"AAAA": ["100::1"], "A": ["127.0.0.2"]}  # nobody has 100::/64 (RFC 6666)
    sink = hosts("127.0.0.2")
    assert send(direct, "a@example.net")["a@example.net"]["status"] == "sent"
    assert sink.count() == 1


@pytest.mark.parametrize("entry, dsn, text", [
    (None, "5.1.2", "there is no domain x.example"),
    ({}, "5.1.2", "has neither a mail host nor an address"),
    ({"MX": ["0 ."]}, "5.1.10", "accepts no mail"),
    ({"MX": ["10 gone.example"]}, "5.4.4", "no mail host of x.example has an address"),
    ({"MX": ["10 host.example"], "A": ["127.0.0.2"]}, "5.4.6", "loops back"),
    ({"MX": ["10 host.example", "10 up.example", "20 up.example"]}, "5.4.6", "loops back"),
    ({"CNAME": ["nowhere.example"]}, "5.1.2", "there is no domain"),
], ids=["no name", "no data", "null MX", "no address", "loop", "loop, equal ones too", "alias of nothing"])
def test_a_domain_that_never_takes_mail_bounces(direct, zone, hosts, entry, dsn, text):
    zone["up.example"] = {"A": ["127.0.0.2"]}
    if entry is not None:
        zone["x.example"] = entry
    up = hosts("127.0.0.2")
    result = send(direct, "a@x.example")["a@x.example"]
    assert (result["status"], result["dsn"]) == ("bounced", dsn), result
    assert text in result["text"] and up.count() == 0
    bounces = [m for m in direct.list_all() if m["sender"] == "MAILER-DAEMON"]
    assert "s@example.org" in {r["address"] for m in bounces for r in m["recipients"]}


def test_what_is_better_than_ourselves_still_counts(direct, zone, hosts):
    zone.update({"x.example": {"MX": ["10 up.example", "20 host.example", "30 other.example"]},
                 "up.example": {"A": ["127.0.0.2"]}, "other.example": {"A": ["127.0.0.3"]},
                 "host.example": {"A": ["127.0.0.4"]}})
    up, other = hosts("127.0.0.2"), hosts("127.0.0.3")
    assert send(direct, "a@x.example")["a@x.example"]["status"] == "sent"
    assert (up.count(), other.count()) == (1, 0)


@pytest.mark.parametrize("entry", ["servfail", "refused", "garbage", "loop", b"\x81\x80\x00\x01\xff\xff\x00\x00\x00\x00"])
def test_a_name_server_that_fails_defers(direct, zone, entry):
    zone["x.example"] = entry
    direct.configure(mx={**direct.settings["mx"], "connect_timeout": "4s"})
    began = time.monotonic()
    result = send(direct, "a@x.example")["a@x.example"]
    assert (result["status"], result["dsn"]) == ("deferred", "4.4.3"), result
    assert entry != "servfail" or "SERVFAIL" in result["text"]
    assert "look up x.example" in result["text"] and time.monotonic() - began < 15


def test_addresses_that_cannot_be_looked_up_defer(direct, zone):
    zone.update({"x.example": {"MX": ["10 a.example"]}, "a.example": "servfail"})
    direct.configure(mx={**direct.settings["mx"], "connect_timeout": "4s"})
    result = send(direct, "a@x.example")["a@x.example"]
    assert (result["status"], result["dsn"]) == ("deferred", "4.4.3"), result


def test_a_silent_name_server_has_a_deadline_and_a_stop_ends_it(direct, dns, zone):
    zone["x.example"] = "silent"
    direct.configure(mx={**direct.settings["mx"], "connect_timeout": "3s"})
    began = time.monotonic()
    result = send(direct, "a@x.example")["a@x.example"]
    assert (result["status"], result["dsn"]) == ("deferred", "4.4.3") and "timed out" in result["text"], result
    assert time.monotonic() - began < 15
    direct.configure(mx={**direct.settings["mx"], "connect_timeout": "10m"})
    asked = len(dns.asked)
    runner = direct.start("-p", "1", "--flush")
    wait_for(lambda: len(dns.asked) > asked, "the name server is asked", 20)
    runner.terminate()
    began = time.monotonic()
    assert runner.wait(20) == 0 and time.monotonic() - began < 10
    assert direct.list()[0]["attempts"] == 1


def test_an_answer_of_four_thousand_hosts_is_bounded(direct, dns, zone, hosts):
    zone["x.example"] = {"MX": [f"{5000 - i} h{i}.x" for i in range(2500)] + ["1 best.x"]}
    zone["best.x"] = {"A": ["127.0.0.2"]}
    sink = hosts("127.0.0.2")
    assert send(direct, "a@x.example")["a@x.example"]["status"] == "sent"
    assert sink.count() == 1 and len(dns.asked) < 40, dns.asked


def test_an_address_is_a_domain(direct, hosts, dns):
    sink, six = hosts("127.0.0.2"), hosts("::1")
    results = send(direct, "a@[127.0.0.2]", "b@[IPv6:::1]")
    assert {r["status"] for r in results.values()} == {"sent"}, results
    assert (sink.count(), six.count(), dns.asked) == (1, 1, [])


def test_a_name_of_other_letters_is_looked_up_in_ascii(direct, dns, zone, hosts):
    zone["xn--bcher-kva.example"] = {"A": ["127.0.0.2"]}
    sink = hosts("127.0.0.2", keywords=["SMTPUTF8", "8BITMIME"])
    result = send(direct, "a@b\u00fccher.example")
    assert [r["status"] for r in result.values()] == ["sent"], result
    assert sink.count() == 1 and ("xn--bcher-kva.example", "MX") in dns.asked


def test_tls_is_used_where_it_is_offered(direct, zone, hosts, ca):
    zone.update({"x.example": {"A": ["127.0.0.2"]}, "y.example": {"A": ["127.0.0.3"]}})
    cert = ca.server("wrong-name")
    one, two = hosts("127.0.0.2", cert=cert.cert, key=cert.key), hosts("127.0.0.3")
    direct.configure(mx={k: v for k, v in direct.settings["mx"].items() if k != "tls"})
    send(direct, "a@x.example", "b@y.example")
    assert [bool(m.tls) for m in one.messages() + two.messages()] == [True, False]


def test_a_profile_gives_a_route_its_name_and_source(direct, zone, hosts):
    zone["x.example"] = {"A": ["127.0.0.2"]}
    sink = hosts("127.0.0.2")
    direct.configure(mx_profiles=[{"name": "bulk", "helo": "bulk.example", "source": "127.0.0.9", "tls": "none"}],
                     routes=[{"sender": "news@*", "transport": "mx", "profile": "bulk"}])
    direct.submit(MESSAGE, "-f", "news@example.org", "a@x.example")
    direct.submit(MESSAGE, "-f", "s@example.org", "a@x.example")
    direct.queue("-p", "1")
    assert sorted(m.helo for m in sink.messages()) == ["bulk.example", "host.example"]
    told = direct.queue("--route", "a@x.example", "--sender", "news@example.org").stdout
    assert "next hop    mx/bulk:x.example" in told and "bulk.example" in told and "127.0.0.9" in told
    told = direct.queue("--route", "a@X.example", "--sender", "s@example.org").stdout
    assert "transport   mx" in told and "next hop    mx:x.example" in told


def test_a_silent_domain_does_not_slow_the_others(direct, zone, hosts):
    zone["x.example"] = "silent"
    zone["y.example"] = {"A": ["127.0.0.2"]}
    sink = hosts("127.0.0.2")
    for i in range(20):
        direct.submit(MESSAGE, "-f", "s@example.org", f"r{i}@x.example")
        direct.submit(MESSAGE, "-f", "s@example.org", f"r{i}@y.example")
    runner = direct.start("-p", "2")
    wait_for(lambda: sink.count() == 20, "the other domain has all its mail while the look-up waits", 20)
    runner.terminate()
    assert runner.wait(20) == 0


def test_each_domain_of_a_message_to_many_gets_it_once(direct, zone, hosts):
    zone.update({f"d{i}.example": {"A": [f"127.0.0.{2 + i % 2}"]} for i in range(300)})
    even, odd = hosts("127.0.0.2"), hosts("127.0.0.3")
    direct.submit(MESSAGE, "-f", "s@example.org", *(f"r{n}@d{i}.example" for i in range(300) for n in range(2)))
    direct.queue("-p", "4")
    got = [m.recipients for m in even.messages() + odd.messages()]
    assert sorted(got) == sorted([f"r0@d{i}.example", f"r1@d{i}.example"] for i in range(300))
    assert direct.list() == [] and direct.queue("--check").returncode == 0


@pytest.mark.parametrize("settings, text", [
    ({"mx": {"nameserver": "no address"}}, "mx.nameserver"),
    ({"routes": [{"transport": "mx", "relays": "relay"}]}, "transport mx has no relays"),
    ({"routes": [{"transport": "mx", "profile": "none"}]}, 'no profile "none"'),
    ({"routes": [{"transport": "capture", "profile": "none"}]}, "transport capture has no profile"),
    ({"mx_profiles": [{"name": "a"}, {"name": "a"}]}, "twice"),
    ({"mx_profiles": [{"helo": "a"}]}, "needs a name"),
])
def test_mistakes_are_named(direct, settings, text):
    direct.configure(**settings)
    done = direct.queue("-p", "1", ok=False)
    assert done.returncode == 78 and text in done.stderr + done.stdout, done


def test_limits_are_those_of_each_domain_by_itself(direct, zone, hosts, port, dns, po):
    """Of two domains on one host each has its own; a profile has others."""
    sink = hosts("127.0.0.2")
    zone.update({f"{d}.example": {"MX": ["10 mail.example"]} for d in ("one", "two", "three")})
    zone["mail.example"] = {"A": ["127.0.0.2"]}
    mx = {"port": port, "nameserver": dns.at, "tls": "none", "per_day": 2}
    po.configure(mx=mx, mx_profiles=[{"name": "bulk", "tls": "none", "per_day": 1}],
                 routes=[{"recipient": "three.example", "transport": "mx", "profile": "bulk"}])
    send(po, *(f"r{i}@{d}.example" for d in ("one", "two", "three") for i in range(3)), runs=("-p", "3"))
    got = [r.split("@")[1] for m in sink.messages() for r in m.recipients]
    assert {d: got.count(d) for d in got} == {"one.example": 2, "two.example": 2, "three.example": 1}
    assert {m["attempts"] for m in po.list()} == {0}
