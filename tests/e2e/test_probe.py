# SPDX-License-Identifier: ISC
"""po-queue --probe: each phase that can end a connection, with its exit status and what to do; and that nothing is sent."""
import base64
import json
import socket

import pytest

from rawserver import RawServer, drop, hear, say, starttls

USER, PASSWORD = "joe", "correct horse"
PLAIN = base64.b64encode(f"\0{USER}\0{PASSWORD}".encode()).decode()
GREETING = [say("220 mx.example ESMTP\r\n"), hear("EHLO ")]
BYE = [hear("QUIT"), say("221 bye\r\n")]
AUTH = [*GREETING, say("250-mx.example\r\n250-SIZE 1000\r\n250 AUTH PLAIN\r\n"), hear(f"AUTH PLAIN {PLAIN}$")]


def probe(po, *args, status=0):
    """The lines as dicts."""
    done = po.queue("--probe", "--json", *args, ok=False)
    assert done.returncode == status, f"{done.returncode}: {done.stdout}{done.stderr}"
    return [json.loads(line) for line in done.stdout.splitlines()]


def phases(lines):
    return [line["phase"] for line in lines]


def test_every_phase_to_a_relay_that_takes_mail(po, ca):
    pair = ca.server("good")
    script = [say("220 mx.example ESMTP\r\n"), hear("EHLO "), say("250-x\r\n250 STARTTLS\r\n"), hear("STARTTLS"),
              say("220 go\r\n"), starttls(), hear("EHLO "), say("250-x\r\n250 AUTH PLAIN\r\n"), hear(f"AUTH PLAIN {PLAIN}$"),
              say("235 2.7.0 hi\r\n"), hear("MAIL FROM:<me@example.org>$"), say("250 2.1.0 ok\r\n"),
              hear("RCPT TO:<you@example.net>$"), say("250 2.1.5 ok\r\n"), hear("RSET$"), say("250 2.0.0 ok\r\n"), *BYE]
    with RawServer(script, cert=pair.cert, key=pair.key) as server:
        po.relay(server.port, tls="verify", ca_file=ca.ca_file, user=USER, password=PASSWORD)
        lines = probe(po, "--sender", "me@example.org", "--recipient", "you@example.net")
    assert phases(lines) == ["name", "connect", "greeting", "ehlo", "tls", "ehlo", "auth", "mail", "rcpt"]
    assert all(line["ok"] and line["ms"] >= 0 and "advice" not in line for line in lines)
    text = {line["phase"]: line["text"] for line in lines}
    assert text["name"] == "localhost" and f"]:{server.port}" in text["connect"]
    assert text["greeting"] == "220 mx.example ESMTP" and text["ehlo"] == "offers AUTH PLAIN"
    assert "Verified TLS connection" in text["tls"] and "TLSv1.3" in text["tls"]
    assert text["auth"] == "PLAIN as joe" and text["rcpt"] == "250 2.1.5 ok"
    assert PASSWORD not in str(lines) and PLAIN not in str(lines)
    assert server.connections[0][-1] == "QUIT" and "DATA" not in server.connections[0]


def test_without_addresses_it_ends_with_auth_and_for_people_there_are_words(po):
    with RawServer([*AUTH, say("235 ok\r\n"), *BYE]) as server:
        po.relay(server.port, user=USER, password=PASSWORD)
        done = po.queue("--probe")
    lines = done.stdout.splitlines()
    assert lines[0] == f"localhost:{server.port}" and lines[-1] == f"localhost:{server.port}: takes mail"
    assert [line.split()[0] for line in lines[1:-1]] == ["name", "connect", "greeting", "ehlo", "auth"]


FAILURES = {
    "a greeting that refuses": ([say("554 5.7.1 no\r\n"), *BYE], {}, "greeting", 75, "554 5.7.1 no", "refuses this host"),
    "no SMTP at all": ([say("HTTP/1.1 400 Bad\r\n")], {}, "greeting", 75, "not a reply", "no SMTP server"),
    "closed at once": ([drop()], {}, "greeting", 75, "lost connection", "implicit_tls"),
    "a name that is refused": ([*GREETING, say("450 4.7.1 who?\r\n"), *BYE], {}, "ehlo", 76, "450 4.7.1 who?", "helo"),
    "no STARTTLS": ([*GREETING, say("250 x\r\n")], {"tls": "verify"}, "tls", 76, "does not offer", "465"),
    "clear text where TLS was to be": ([say("220 x\r\n")], {"tls": "verify", "implicit_tls": "yes"}, "tls", 76,
                                       "wrong version", 'implicit_tls = "no"'),
    "no mechanism": ([*GREETING, say("250-x\r\n250 AUTH GSSAPI\r\n")], {}, "auth", 77, "no mechanism that po knows", "auth"),
    "a wrong password": ([*AUTH, say("535 5.7.8 wrong\r\n"), *BYE], {}, "auth", 77, "535 5.7.8 wrong", "password is wrong"),
    "a sender that is refused": ([*AUTH, say("235 ok\r\n"), hear("MAIL"), say("553 5.7.1 not yours\r\n"), hear("RSET"),
                                  say("250 ok\r\n"), *BYE], {}, "mail", 77, "553 5.7.1 not yours", "knows as this user's"),
    "a recipient that is refused": ([*AUTH, say("235 ok\r\n"), hear("MAIL"), say("250 ok\r\n"), hear("RCPT"),
                                     say("550 5.1.1 who?\r\n"), hear("RSET"), say("250 ok\r\n"), *BYE], {}, "rcpt", 77,
                                    "550 5.1.1 who?", "unknown there"),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_the_phase_that_fails_is_named_with_what_to_do(po, failure):
    script, relay, phase, status, text, advice = FAILURES[failure]
    with RawServer(script) as server:
        po.relay(server.port, user=USER, password=PASSWORD, **relay)
        lines = probe(po, "--sender", "me@example.org", "--recipient", "you@example.net", status=status)
    assert [line["ok"] for line in lines] == [True] * (len(lines) - 1) + [False]
    assert lines[-1]["phase"] == phase and text in lines[-1]["text"] and advice in lines[-1]["advice"], lines[-1]


def test_no_name_and_no_port(po):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        po.relay(s.getsockname()[1])
        lines = probe(po, status=75)
    assert phases(lines) == ["name", "connect"] and "nothing listens" in lines[1]["advice"]
    po.configure(relay={"host": "no.such.host.invalid", "tls": "none"})
    line, = probe(po, status=68)
    assert line["phase"] == "name" and "look up no.such.host.invalid" in line["text"] and line["advice"]


def test_relays_are_probed_by_name_or_all(po):
    script = [*GREETING, say("250 x\r\n"), *BYE]
    with RawServer(script) as one, RawServer(script) as two:
        po.configure(transport="smtp", relay=None, relays=[
            {"name": n, "host": "127.0.0.1", "port": s.port, "tls": "none"} for n, s in (("one", one), ("two", two))])
        assert {line["relay"] for line in probe(po)} == {"one", "two"}
        assert {line["relay"] for line in probe(po, "two")} == {"two"}
    done = po.queue("--probe", "three", ok=False)
    assert done.returncode == 64 and '"three": no route leads there' in done.stderr


def test_what_cannot_be_probed(po):
    assert "there is no relay" in po.queue("--probe").stdout
    for args in (["--probe", "--recipient", "a@example.org"], ["--probe", "--id", "X"], ["--probe", "--sender", "!x"],
                 ["--probe", "--sender", "no address <"]):
        po.relay(25)
        done = po.queue(*args, ok=False)
        assert done.returncode in (64, 65) and done.stderr.startswith("po-queue: "), args
