# SPDX-License-Identifier: ISC
"""The SMTP client against a server that answers by rule: TLS levels, AUTH, replies, pipelining, connections."""
import re
import socket

import pytest

MESSAGE = b"Subject: x\n\nx\n"

# level, what the server has, whether the mail arrives, and whether over TLS
LEVELS = [
    ("none", "good", True, False),
    ("none", None, True, False),
    ("may", None, True, False),
    ("may", "good", True, True),
    ("may", "wrong-name", True, True),
    ("may", "unknown-ca", True, True),
    ("encrypt", None, False, False),
    ("encrypt", "good", True, True),
    ("encrypt", "unknown-ca", True, True),
    ("verify", None, False, False),
    ("verify", "good", True, True),
    ("verify", "wrong-name", False, False),
    ("verify", "unknown-ca", False, False),
    ("verify", "expired", False, False),
]


# Implicit TLS needs a server with TLS, and a level that wants it.
WAYS = [(*row, False) for row in LEVELS] + [(*row, True) for row in LEVELS if row[1] and row[0] != "none"]


@pytest.mark.parametrize("level,kind,arrives,tls,implicit", WAYS,
                         ids=[f"{row[0]}-{row[1]}-{'implicit' if row[4] else 'starttls'}" for row in WAYS])
def test_tls_levels(po, new_sink, ca, level, kind, arrives, tls, implicit):
    options = {"cert": ca.server(kind).cert, "key": ca.server(kind).key, "implicit": implicit} if kind else {}
    sink = new_sink(**options)
    po.relay(sink.port, tls=level, implicit_tls="yes" if implicit else "no", ca_file=ca.ca_file)
    po.submit(MESSAGE, "-N", "never", "a@example.net")
    po.queue("-p", "1")
    assert [m.tls for m in sink.messages()] == ([tls] if arrives else [])
    result, = po.results()
    assert result["status"] == ("sent" if arrives else "deferred")
    if not arrives:
        assert sink.status()["counts"]["MAIL"] == 0, "nothing was said in the clear or to the wrong server"
        assert re.search("TLS|certificate", result["text"], re.I)


def test_verify_is_the_default(po, new_sink, ca):
    pair = ca.server("wrong-name")
    sink = new_sink(cert=pair.cert, key=pair.key)
    po.configure(transport="smtp", relay={"host": "localhost", "port": sink.port, "ca_file": ca.ca_file})
    po.submit(MESSAGE, "-N", "never", "a@example.net")
    po.queue()
    assert sink.count() == 0 and po.results()[0]["status"] == "deferred"


@pytest.mark.parametrize("mechanisms", (["LOGIN"], ["PLAIN"], ["LOGIN", "PLAIN"]), ids="+".join)
def test_auth(po, new_sink, ca, mechanisms):
    pair = ca.server("good")
    sink = new_sink(cert=pair.cert, key=pair.key, users={"joe": "s e\u00e4cret"}, mechanisms=mechanisms)
    po.relay(sink.port, tls="verify", implicit_tls="no", ca_file=ca.ca_file, user="joe", password="s e\u00e4cret")
    po.submit(MESSAGE, "-N", "never", "a@example.net")
    po.queue()
    got, = sink.messages()
    assert got.user == "joe" and got.tls
    assert "cret" not in po.log()


def own_address():
    """An address of this host that is not loopback, or None. No packet is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        try:
            s.connect(("192.0.2.1", 9))
        except OSError:
            return None
        return s.getsockname()[0]


def test_a_password_leaves_the_host_only_over_tls(po, new_sink):
    address = own_address()
    if not address or address.startswith("127."):
        pytest.skip("needs an address that is not loopback")
    sink = new_sink(users={"joe": "secret"}, address=address)
    po.relay(sink.port, host=address, tls="may", implicit_tls="no", user="joe", password="secret")
    po.submit(MESSAGE, "-N", "never", "a@example.net")
    po.queue()
    assert sink.count() == 0 and sink.status()["counts"]["AUTH"] == 0
    result, = po.results()
    assert result["status"] == "deferred" and re.search("not encrypted", result["text"], re.I)


# stage, reply, status, dsn, attempts as counted
REPLIES = [
    ("CONNECT", "554 5.7.1 go away", "deferred", r"4\..*|5\.7\.1"),
    ("CONNECT", "421 4.3.2 too busy", "deferred", r"4\.3\.2"),
    ("EHLO", "421 4.3.2 closing", "deferred", r"4\.3\.2"),
    ("MAIL", "451 4.3.0 later", "deferred", r"4\.3\.0"),
    ("MAIL", "550 5.7.1 sender not allowed", "bounced", r"5\.7\.1"),
    ("MAIL", "421 4.3.2 closing", "deferred", r"4\.3\.2"),
    ("RCPT", "450 4.2.1 busy", "deferred", r"4\.2\.1"),
    ("RCPT", "550 5.1.1 unknown", "bounced", r"5\.1\.1"),
    ("RCPT", "550 no enhanced code", "bounced", r"5\.\d+\.\d+"),
    ("RCPT", "452 4.5.3 too many", "deferred", r"4\.5\.3"),
    ("DATA", "451 4.3.0 later", "deferred", r"4\.3\.0"),
    ("DATA", "554 5.5.0 no", "bounced", r"5\.5\.0"),
    ("DOT", "451 4.7.1 greylisted", "deferred", r"4\.7\.1"),
    ("DOT", "554 5.7.1 spam", "bounced", r"5\.7\.1"),
    ("DOT", "552 5.3.4 too big", "bounced", r"5\.3\.4"),
]


@pytest.mark.parametrize("keywords", (["PIPELINING"], []), ids=("pipelining", "plain"))
@pytest.mark.parametrize("stage,reply,status,dsn", REPLIES, ids=[f"{r[0]}-{r[1][:3]}-{r[2]}" for r in REPLIES])
def test_replies(po, new_sink, stage, reply, status, dsn, keywords):
    sink = new_sink(keywords=keywords)
    sink.rules({"stage": stage, "reply": reply, "times": 1})
    po.relay(sink.port)
    po.submit(MESSAGE, "-N", "never", "a@example.net")
    po.queue("-p", "1")
    result, = po.results()
    assert result["status"] == status and re.fullmatch(dsn, result["dsn"]), result
    assert reply[4:].split(" ", 1)[1].split()[-1] in result["text"], result["text"]
    assert sink.count() == 0
    po.queue("--flush")
    assert sink.count() == (1 if status == "deferred" else 0)
    assert po.files("queue") == []


@pytest.mark.parametrize("keywords", (["PIPELINING"], []), ids=("pipelining", "plain"))
def test_a_refused_message_does_not_disturb_its_neighbours(po, new_sink, keywords):
    """Groups of the next message are on the wire already when a reply refuses this one."""
    sink = new_sink(keywords=keywords)
    sink.rules({"stage": "MAIL", "match": "^m1@", "reply": "550 5.7.1 no"}, {"stage": "RCPT", "match": "^r3@", "reply": "550 5.1.1 no"},
               {"stage": "DATA", "reply": "451 4.3.0 once", "times": 1}, {"stage": "DOT", "match": "t5", "reply": "554 5.6.0 no"})
    po.relay(sink.port)
    for i in range(8):
        po.submit(f"Subject: t{i}\n\nx\n".encode(), "-N", "never", "-f", f"m{i}@example.org", f"r{i}@example.net")
    po.queue("-p", "1")
    po.queue("--flush")
    assert sorted(m.recipients[0] for m in sink.messages()) == [f"r{i}@example.net" for i in (0, 2, 4, 6, 7)]
    for m in sink.messages():
        n = m.recipients[0][1]
        assert m.sender == f"m{n}@example.org" and f"Subject: t{n}\r\n".encode() in m.content
    assert {r["to"][1]: r["status"] for r in po.results() if r["status"] == "bounced"} == {c: "bounced" for c in "135"}


def test_a_connection_is_used_again(po, sink):
    po.relay(sink.port)
    for i in range(20):
        po.submit(MESSAGE, "-N", "never", f"a{i}@example.net")
    po.queue("--ingest")
    po.queue("-p", "1")
    assert len({m.session for m in sink.messages()}) == 1 and sink.count() == 20


def test_421_at_the_last_dot_costs_nobody_an_attempt_but_one(po, new_sink, shift_clock):
    sink = new_sink()
    sink.rules({"stage": "DOT", "match": "t3", "reply": "421 4.3.2 closing", "times": 1})
    po.relay(sink.port)
    for i in range(10):
        po.submit(f"Subject: t{i}\n\nx\n".encode(), "-N", "never", f"a{i}@example.net")
    po.queue("--ingest")
    po.queue("-p", "1")
    assert {r["to"] for r in po.results(status="deferred")} == {"a3@example.net"}
    attempts = {m["recipients"][0]["address"]: m["attempts"] for m in po.list_all()}
    assert all(n <= 1 for n in attempts.values()), attempts
    po.queue("--flush", env=shift_clock(3600))  # the one is in doubt: whether 421 was its reply, nobody knows
    assert sorted(m.recipients[0] for m in sink.messages()) == [f"a{i}@example.net" for i in range(10)]


def test_8bit_and_size_are_declared_where_they_are_offered(po, new_sink):
    sink = new_sink()
    po.relay(sink.port)
    po.submit("Subject: x\n\nGr\u00fc\u00dfe\n".encode(), "a@example.net")
    po.submit(MESSAGE, "-N", "never", "b@example.net")
    po.queue()
    options = {m.recipients[0]: m.mail_options for m in sink.messages()}
    assert "BODY=8BITMIME" in options["a@example.net"]
    assert not any(o.startswith("BODY=8") for o in options["b@example.net"])
    for m in sink.messages():
        declared, = [int(o[5:]) for o in m.mail_options if o.startswith("SIZE=")]
        assert 0.9 * len(m.content) <= declared <= 2 * len(m.content), "RFC 1870: as near as the client can tell"
    assert {m.helo for m in sink.messages()} == {"host.example"}


def test_root_s_secret_serves_a_system_spool(system_po, new_sink, ca):
    """The password file is root's, mode 0600: it is read before the runner becomes the user po."""
    po, pair = system_po, ca.server("good")
    sink = new_sink(cert=pair.cert, key=pair.key, users={"joe": "secret"})
    po.relay(sink.port, tls="verify", implicit_tls="no", ca_file=ca.ca_file, user="joe", password="secret")
    assert (po.base / "password").stat().st_uid == 0
    po.submit(MESSAGE, "-N", "never", "a@example.net", uid=2001)
    po.queue("-p", "2")
    got, = sink.messages()
    assert got.user == "joe" and got.tls
