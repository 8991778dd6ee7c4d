# SPDX-License-Identifier: ISC
"""Servers that misbehave at every phase of the dialogue: the state that follows, and that the next message goes on."""
import threading
import time

import pytest

from chunkserver import ChunkServer
from rawserver import (RawServer, chunk, content, deaf, drip, drop, flood, hear, part, reset, say, sip, stall, starttls,
                       trickle)

MESSAGE = b"From: s@example.org\nSubject: x\n\nhello\n"
PHASES = ("greeting", "EHLO", "MAIL", "RCPT", "DATA", "body", "dot")
TRANSPORTS = ("smtp", "lmtp")
BIG = MESSAGE + b"0123456789abcdef" * 64 * 16384  # 16 MiB: more than the kernel takes for a server that does not read

BAD = {
    "closes": [drop()],
    "resets": [reset()],
    "half a line": [say("250 o"), drop()],
    "no reply": [say("hello\r\n")],
    "an unknown code": [say("799 x\r\n")],
    "a wrong code": [say("354 go on\r\n")],
    "two codes": [say("250-x\r\n251 y\r\n")],
    "NULs": [say(b"\0\0\0\r\n")],
    "1 MB in a line": [say("250 " + "x" * 1000000 + "\r\n")],
    "lines without end": [flood("250-x\r\n")],
    "421": [say("421 4.3.2 closing\r\n"), drop()],
    "4xx": [say("451 4.3.0 later\r\n")],
    "5xx": [say("554 5.7.1 never\r\n")],
}


def relay(po, transport, port, **more):
    po.relay(port, **more)
    po.configure(transport=transport)


def dialogue(phase, what, transport="smtp"):
    """A plain dialogue, up to the reply of a phase; `what` instead of it."""
    hello = "LHLO" if transport == "lmtp" else "EHLO"
    good = [("greeting", None, "220 x\r\n"), ("EHLO", hello, "250 x\r\n"), ("MAIL", "MAIL", "250 ok\r\n"),
            ("RCPT", "RCPT", "250 ok\r\n"), ("DATA", "DATA", "354 go\r\n"), ("dot", content(), "250 2.0.0 taken\r\n")]
    steps = []
    for name, before, reply in good:
        if phase == "body" and name == "dot":
            return steps + [part(100000)] + what
        if before is not None:
            steps.append(hear(before) if isinstance(before, str) else before)
        if name == phase:
            return steps + what
        steps.append(say(reply))
    return steps


def expected(phase, what):
    if phase == "dot" and what not in ("4xx", "5xx"):
        return "in doubt"
    if what == "5xx" and phase in ("MAIL", "RCPT", "DATA", "body", "dot"):
        return "bounced"
    return "deferred"


@pytest.mark.parametrize("what", BAD)
@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_misbehaviour(po, transport, phase, what):
    if phase == "EHLO" and what == "5xx" and transport == "smtp":
        pytest.skip("HELO follows, which is another dialogue")
    bad = BAD[what]
    if (phase, what) == ("DATA", "a wrong code"):
        bad = [say("250 2.0.0 taken\r\n")]
    if phase == "body" and what not in ("resets", "lines without end"):
        bad = bad + [drop()]
    hurry = {"data_xfer_timeout": "1s"} if (phase, what) == ("body", "lines without end") else {}  # it does not read
    with RawServer(dialogue(phase, bad, transport)) as server:
        relay(po, transport, server.port, **hurry)
        po.submit(BIG if phase == "body" else MESSAGE, "-N", "never", "a@example.net")
        po.queue("-p", "1")
    result, = po.results()
    assert "\0" not in result["text"] and len(result["text"]) < 600
    wanted = expected(phase, what)
    assert result["status"] == ("deferred" if wanted == "in doubt" else wanted), result
    assert ("in doubt" in result["text"]) == (wanted == "in doubt"), result
    assert result["dsn"].startswith("5." if wanted == "bounced" else "4."), result
    assert len(po.files("queue")) == (0 if wanted == "bounced" else 1)
    goes_on(po, wanted == "in doubt")


@pytest.mark.parametrize("what", ("closes", "no reply", "4xx", "5xx"))
@pytest.mark.parametrize("phase", ("MAIL", "RCPT", "DATA", "dot"))
def test_the_next_message_goes_on(po, phase, what):
    """Two messages: the first meets the misbehaviour, the second is delivered in the same run."""
    good = dialogue("dot", [say("250 2.0.0 taken\r\n"), hear("QUIT"), say("221 bye\r\n")])
    rest = dialogue("dot", [say("250 2.0.0 taken\r\n")])[3:] + [hear("QUIT"), say("221 bye\r\n")]
    bad = dialogue(phase, BAD[what])
    if what in ("4xx", "5xx"):
        bad += ([hear("RSET"), say("250 ok\r\n")] if phase in ("RCPT", "DATA") else []) + rest
    with RawServer(bad, good) as server:
        po.relay(server.port)
        for name in ("first", "second"):
            po.submit(MESSAGE, "-N", "never", f"{name}@example.net")
        po.queue("--ingest")
        po.queue("-p", "1")
    results = {r["to"]: r["status"] for r in po.results()}
    assert sorted(results.values()) == sorted(["sent", "bounced" if what == "5xx" else "deferred"]), po.log()


TAKEN = say("250 2.0.0 taken\r\n")
BYE = [hear("QUIT"), say("221 bye\r\n")]
HELLO = [say("220 x\r\n"), hear("EHLO|LHLO")]


def goes_on(po, in_doubt=0):
    """The fault is over: what waits is sent, once, and another message; what is in doubt has its time."""
    waiting = len(po.files("queue")) - in_doubt
    po.configure(transport="smtp")
    po.submit(MESSAGE, "-N", "never", "behind@example.net")
    with ChunkServer(keywords=()) as server:
        po.relay(server.port)
        po.queue("--flush")
        po.queue("-p", "1")
    assert len(server.messages) == waiting + 1 and len(po.files("queue")) == in_doubt
    assert len(po.results(to="behind@example.net", status="sent")) == 1


@pytest.mark.parametrize("what", BAD)
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_starttls(po, ca, transport, what):
    """Whatever is said to STARTTLS: the message waits, nothing of it was said in the clear, and it goes on afterwards."""
    with RawServer(HELLO + [say("250-x\r\n250 STARTTLS\r\n"), hear("STARTTLS")] + BAD[what]) as server:
        relay(po, transport, server.port, tls="verify", ca_file=ca.ca_file)
        po.submit(MESSAGE, "-N", "never", "a@example.net")
        po.queue("-p", "1")
    result, = po.results()
    assert result["status"] == "deferred" and result["dsn"].startswith("4."), result
    assert not any("MAIL" in line for heard in server.connections for line in heard)
    goes_on(po)


@pytest.mark.parametrize("what", BAD)
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_auth(po, transport, what):
    with RawServer(HELLO + [say("250-x\r\n250 AUTH PLAIN\r\n"), hear("AUTH PLAIN")] + BAD[what]) as server:
        relay(po, transport, server.port, user="u", password="secret")
        po.submit(MESSAGE, "-N", "never", "a@example.net")
        po.queue("-p", "1")
    result, = po.results()
    assert result["status"] == "deferred" and result["dsn"].startswith("4."), result
    assert "secret" not in po.log() and not any("MAIL" in line for heard in server.connections for line in heard)
    goes_on(po)


@pytest.mark.parametrize("what", BAD)
def test_bdat(po, what):
    """The chunk has been sent: as behind a dot."""
    script = HELLO + [say("250-x\r\n250-PIPELINING\r\n250 CHUNKING\r\n"), hear("MAIL"), hear("RCPT"),
                      say("250 ok\r\n250 ok\r\n"), chunk()] + BAD[what]
    with RawServer(script) as server:
        po.relay(server.port, window=8)
        po.submit(MESSAGE, "-N", "never", "a@example.net")
        po.queue("-p", "1")
    result, = po.results()
    wanted = expected("dot", what)
    assert result["status"] == ("deferred" if wanted == "in doubt" else wanted), result
    assert ("in doubt" in result["text"]) == (wanted == "in doubt"), result
    goes_on(po, wanted == "in doubt")


@pytest.mark.parametrize("what", BAD)
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_rset(po, transport, what):
    """Between two messages: the second begins anew, on another connection, and is sent once."""
    script = dialogue("RCPT", [say("550 5.1.1 no\r\n"), hear("RSET")], transport) + BAD[what]
    with RawServer(script, dialogue("dot", [TAKEN], transport) + BYE) as server:
        relay(po, transport, server.port)
        for name in ("first", "second"):
            po.submit(MESSAGE, "-N", "never", f"{name}@example.net")
        po.queue("--ingest")
        po.queue("-p", "1")
    assert sorted(r["status"] for r in po.results()) == ["bounced", "sent"], po.log()
    assert len(server.connections) == 2
    goes_on(po)


@pytest.mark.parametrize("what", BAD)
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_quit(po, transport, what):
    """What was taken is sent, however the server says good-bye."""
    with RawServer(dialogue("dot", [TAKEN, hear("QUIT")], transport) + BAD[what]) as server:
        relay(po, transport, server.port)
        po.submit(MESSAGE, "-N", "never", "a@example.net")
        po.queue("-p", "1")
    assert [r["status"] for r in po.results()] == ["sent"] and len(server.connections) == 1
    goes_on(po)


@pytest.mark.parametrize("phase", ("MAIL", "RCPT", "DATA", "dot"))
def test_a_reply_that_comes_too_early(po, phase):
    """Before its command: it is no answer to what was not said yet, and nothing counts as sent that was not."""
    early = "250 2.0.0 early\r\n"
    script = dialogue(phase, [])[:-1]
    if phase == "dot":  # with the 354: what comes later cannot be told from an answer
        script[-1] = say("354 go\r\n" + early)
    else:
        script += [say(early * 3), drop()]
    with RawServer(script) as server:
        po.relay(server.port)
        po.submit(MESSAGE, "-N", "never", "a@example.net")
        po.queue("-p", "1")
    result, = po.results()
    assert result["status"] == "deferred", result
    goes_on(po)


TIMEOUTS = {"greeting": "helo", "EHLO": "helo", "STARTTLS": "starttls", "handshake": "starttls", "AUTH": "auth", "MAIL": "mail",
            "RCPT": "rcpt", "DATA": "data_init", "body": "data_xfer", "dot": "data_done"}
RECORD = b"\x16\x03\x03\x40\x00" + b"\x02" * 16384  # of TLS, and a long one
SLOW = {"stalls": lambda over: stall(), "drips": lambda over: trickle("250-x")}
SLOW_HANDSHAKE = {"stalls": lambda over: stall(), "drips": lambda over: trickle(RECORD)}
SLOW_READER = {"stalls": deaf, "drips": sip}


def slowly(phase, step, transport):
    """The dialogue up to a phase, and then that step."""
    offer = {"STARTTLS": "STARTTLS", "handshake": "STARTTLS", "AUTH": "AUTH PLAIN"}
    if phase not in offer:
        return dialogue(phase, [step], transport)
    script = HELLO + [say(f"250-x\r\n250 {offer[phase]}\r\n"), hear(offer[phase])]
    # What comes before the client's first byte is another fault.
    return script + ([say("220 go\r\n"), part(1)] if phase == "handshake" else []) + [step]


@pytest.mark.parametrize("how", SLOW)
@pytest.mark.parametrize("phase", TIMEOUTS)
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_too_slow(po, ca, transport, phase, how):
    """The option of the phase ends it, whether nothing comes or a byte now and then; the others stay at minutes."""
    over = threading.Event()
    step = {"body": SLOW_READER, "handshake": SLOW_HANDSHAKE}.get(phase, SLOW)[how](over)
    tls = {"tls": "verify", "ca_file": ca.ca_file} if phase in ("STARTTLS", "handshake") else {}
    auth = {"user": "u", "password": "secret"} if phase == "AUTH" else {}
    with RawServer(slowly(phase, step, transport), window=4096 if phase == "body" else None) as server:
        relay(po, transport, server.port, **tls, **auth, **{f"{TIMEOUTS[phase]}_timeout": "1s"})
        po.submit(BIG if phase == "body" else MESSAGE, "-N", "never", "a@example.net")
        po.queue("--ingest")
        began = time.monotonic()
        po.queue("-p", "1")
        took = time.monotonic() - began
        over.set()
    result, = po.results()
    assert result["status"] == "deferred" and result["dsn"].startswith("4."), result
    assert "timed out" in result["text"], result
    assert ("in doubt" in result["text"]) == (phase == "dot"), result
    assert 1 <= took < 30
    goes_on(po, phase == "dot")


@pytest.mark.parametrize("how", SLOW)
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_too_slow_between_messages_and_at_the_end(po, transport, how):
    """RSET: the second message takes another connection. QUIT, there: what was taken is sent, within a second or so."""
    slow = SLOW[how](None)
    script = dialogue("RCPT", [say("550 5.1.1 no\r\n"), hear("RSET"), slow], transport)
    with RawServer(script, dialogue("dot", [TAKEN, hear("QUIT"), slow], transport)) as server:
        relay(po, transport, server.port, mail_timeout="1s")
        for name in ("first", "second"):
            po.submit(MESSAGE, "-N", "never", f"{name}@example.net")
        po.queue("--ingest")
        began = time.monotonic()
        po.queue("-p", "1")
        took = time.monotonic() - began
    assert sorted(r["status"] for r in po.results()) == ["bounced", "sent"], po.log()
    assert len(server.connections) == 2 and took < 30
    goes_on(po)


def test_one_byte_at_a_time(po):
    script = [drip("220-x\r\n220 y\r\n"), hear("EHLO"), drip("250-x\r\n250-PIPELINING\r\n250 SIZE 1000000\r\n"),
              hear(r"MAIL FROM:<.*> SIZE=\d+$"), hear("RCPT"), hear("DATA"), drip("250 ok\r\n250 ok\r\n354 go\r\n"), content(),
              drip("250-2.0.0 one\r\n250 2.0.0 two\r\n"), hear("QUIT"), drip("221 bye\r\n")]
    with RawServer(script) as server:
        po.relay(server.port)
        po.submit(MESSAGE, "-N", "never", "a@example.net")
        po.queue("-p", "1")
    result, = po.results()
    assert (result["status"], result["text"]) == ("sent", "250 2.0.0 one two")


LINE_ENDS = ("\r", "\n", "\r\n")


@pytest.mark.parametrize("before", LINE_ENDS, ids=("CR", "LF", "CRLF"))
@pytest.mark.parametrize("behind", LINE_ENDS, ids=("CR", "LF", "CRLF"))
@pytest.mark.parametrize("last", LINE_ENDS, ids=("CR", "LF", "CRLF"))
def test_no_message_in_a_message(po, before, behind, last):
    """All line ends round a lone dot: one message arrives, the script hears nothing else before QUIT."""
    script = dialogue("dot", [say("250 2.0.0 taken\r\n"), hear("QUIT"), say("221 bye\r\n")])
    with RawServer(script) as server:
        po.relay(server.port)
        po.submit(f"From: s@example.org\nSubject: x\n\na{before}.{behind}MAIL FROM:<x@example.net>{last}".encode(),
                  "a@example.net")
        po.queue("-p", "1")
    body = server.connections[0][4]
    assert b"MAIL FROM:<x@example.net>" in body and b"\r\n.\r\n" not in body
    assert b"\r" not in body.replace(b"\r\n", b"") and b"\n" not in body.replace(b"\r\n", b"")
    assert [r["status"] for r in po.results()] == ["sent"]


def test_injection_behind_starttls(po, ca):
    pair = ca.server("good")
    script = [say("220 x\r\n"), hear("EHLO"), say("250-x\r\n250 STARTTLS\r\n"), hear("STARTTLS"),
              say("220 go\r\n250-x\r\n250 AUTH PLAIN\r\n")]
    with RawServer(script, cert=pair.cert, key=pair.key) as server:
        po.relay(server.port, tls="verify", ca_file=ca.ca_file)
        po.submit(MESSAGE, "-N", "never", "a@example.net")
        po.queue("-p", "1")
    result, = po.results()
    assert result["status"] == "deferred" and "between STARTTLS and the handshake" in result["text"]


def test_a_server_that_leaves_within_tls(po, ca):
    """After STARTTLS and EHLO, without close_notify: deferred; the next attempt arrives."""
    pair = ca.server("good")
    begin = [say("220 x\r\n"), hear("EHLO"), say("250-x\r\n250 STARTTLS\r\n"), hear("STARTTLS"), say("220 go\r\n"), starttls(),
             hear("EHLO")]
    good = begin + dialogue("dot", [say("250 2.0.0 taken\r\n"), hear("QUIT"), say("221 bye\r\n")])[2:]
    with RawServer(begin + [drop()], good, cert=pair.cert, key=pair.key) as server:
        po.relay(server.port, tls="verify", ca_file=ca.ca_file)
        po.submit(MESSAGE, "-N", "never", "a@example.net")
        po.queue("-p", "1")
        assert [r["status"] for r in po.results()] == ["deferred"]
        po.queue("--flush")
        assert [r["status"] for r in po.results()] == ["deferred", "sent"]
