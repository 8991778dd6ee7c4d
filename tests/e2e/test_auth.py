# SPDX-License-Identifier: ISC
"""AUTH against servers of which each step is known: what they learn, what they must prove, and what the log says of it."""
import base64
import hashlib
import hmac
import re
import shutil
import threading

import pytest

from rawserver import RawServer, content, hear, say

USER, PASSWORD = "joe", "p\u00e4ssword, with=signs"
MESSAGE = b"From: s@example.org\nSubject: x\n\nhello\n"
MAIL = [hear("MAIL"), say("250 ok\r\n"), hear("RCPT"), say("250 ok\r\n"), hear("DATA"), say("354 go\r\n"), content(),
        say("250 2.0.0 taken\r\n"), hear("QUIT"), say("221 bye\r\n")]


def offering(*mechanisms):
    return [say("220 x\r\n"), hear("EHLO"), say("250-x\r\n250 AUTH " + " ".join(mechanisms) + "\r\n")]


def encode(raw):
    return base64.b64encode(raw).decode()


class Scram:
    """The server's side (RFC 5802), written from the RFC with Python's own hashes. `bend` changes what it says."""

    def __init__(self, digest, bend=lambda kind, text: text):
        self.digest, self.bend = digest, bend
        self.name = {"sha1": "SCRAM-SHA-1", "sha256": "SCRAM-SHA-256"}[digest]
        self.salt, self.iterations = b"0123456789abcdef", 4096

    def mac(self, key, text):
        return hmac.new(key, text, self.digest).digest()

    def first(self, c):
        line = c.until(b"\r\n").decode()
        c.heard.append(line)
        verb, name, response = line.split(" ")
        assert (verb, name) == ("AUTH", self.name)
        message = base64.b64decode(response, validate=True).decode()
        assert message.startswith("n,,"), message
        self.bare = message[3:]
        user, nonce = re.fullmatch(r"n=([^,]*),r=([\x21-\x2b\x2d-\x7e]{18,})", self.bare).groups()
        assert user.replace("=2C", ",").replace("=3D", "=") == USER
        self.nonce = nonce + "fromserver"
        self.said = self.bend("first", f"r={self.nonce},s={encode(self.salt)},i={self.iterations}")
        c.send(f"334 {encode(self.said.encode())}\r\n".encode())

    def final(self, c):
        line = c.until(b"\r\n").decode()
        c.heard.append(line)
        message = base64.b64decode(line, validate=True).decode()
        without, proof = message.rsplit(",p=", 1)
        assert without == f"c=biws,r={self.nonce}"
        auth = f"{self.bare},{self.said},{without}".encode()
        salted = hashlib.pbkdf2_hmac(self.digest, PASSWORD.encode(), self.salt, self.iterations)
        client = self.mac(salted, b"Client Key")
        want = bytes(a ^ b for a, b in zip(client, self.mac(hashlib.new(self.digest, client).digest(), auth)))
        assert base64.b64decode(proof) == want, "the client's proof"
        text = self.bend("final", f"v={encode(self.mac(self.mac(salted, b'Server Key'), auth))}")
        c.send(f"334 {encode(text.encode())}\r\n".encode() if text else b"235 2.7.0 welcome\r\n")

    def steps(self):
        return [*offering("LOGIN", "PLAIN", "CRAM-MD5", self.name), self.first, self.final]


def deliver(po, server, **relay):
    po.relay(server.port, user=USER, password=PASSWORD, **relay)
    po.submit(MESSAGE, "-f", "s@example.org", "a@example.net")
    po.queue("-p", "1")
    result, = po.results()
    assert PASSWORD not in po.log() and encode(PASSWORD.encode()) not in po.log()
    return result


@pytest.mark.parametrize("digest", ("sha1", "sha256"))
def test_scram_proves_both_sides(po, digest):
    """The password is not on the wire, in no encoding, and the strongest offer is taken."""
    scram = Scram(digest)
    with RawServer([*scram.steps(), hear("$"), say("235 2.7.0 welcome\r\n"), *MAIL]) as server:
        assert deliver(po, server)["status"] == "sent"
    heard = "\n".join(line for line in server.connections[0] if isinstance(line, str))
    assert PASSWORD not in heard
    for line in heard.split():
        try:
            assert PASSWORD.encode() not in base64.b64decode(line)
        except ValueError:
            pass  # not in base64


def bent(kind, change):
    return lambda k, text: change(text) if k == kind else text


LIARS = {
    "another's nonce": (bent("first", lambda t: t.replace("r=", "r=x")), "nonce does not continue ours"),
    "no work": (bent("first", lambda t: t.replace("4096", "1")), "wants 1 iterations"),
    "work without end": (bent("first", lambda t: t.replace("4096", "2147483647")), "wants 2147483647 iterations"),
    "no salt": (bent("first", lambda t: re.sub("s=[^,]*", "s=", t)), "salt"),
    "nonsense": (bent("first", lambda t: "\x00\xff" * 40), "first message"),
    "a wrong signature": (bent("final", lambda t: "v=" + encode(b"x" * 32)), "signature is wrong"),
    "an error": (bent("final", lambda t: "e=invalid-proof"), "the server says invalid-proof"),
    "success without a signature": (bent("final", lambda t: ""), "did not prove that it knows the password"),
}


@pytest.mark.parametrize("liar", LIARS)
def test_a_server_that_does_not_know_the_password_gets_no_mail(po, liar):
    bend, why = LIARS[liar]
    scram = Scram("sha256", bend)
    steps = scram.steps() if "final" in why or liar in ("a wrong signature", "an error", "success without a signature") \
        else scram.steps()[:-1]
    end = [] if liar == "success without a signature" else [hear(r"\*$"), say("501 5.7.0 as you like\r\n")]
    with RawServer([*steps, *end, hear("QUIT"), say("221 bye\r\n")]) as server:
        result = deliver(po, server)
    assert result["status"] == "deferred" and result["dsn"] == "4.7.8"
    assert "authentication failed: SCRAM-SHA-256: " in result["text"] and why in result["text"], result["text"]
    assert not any("MAIL" in str(line) for line in server.connections[0])
    assert len(po.files("queue")) == 1


def test_a_weak_mechanism_only_where_it_is_asked_for(po):
    """CRAM-MD5 alone: refused by us, and the log says what would be allowed; then allowed."""
    with RawServer(offering("CRAM-MD5")) as server:
        result = deliver(po, server)
    assert result["dsn"] == "4.7.4"
    assert "the server offers CRAM-MD5, and SCRAM-SHA-256, SCRAM-SHA-1, PLAIN, LOGIN is allowed" in result["text"]
    challenge = b"<1896.697170952@postoffice.example>"
    answer = f"{USER} ".encode() + hmac.new(PASSWORD.encode(), challenge, "md5").hexdigest().encode()
    with RawServer([*offering("CRAM-MD5", "PLAIN"), hear("AUTH CRAM-MD5$"), say(f"334 {encode(challenge)}\r\n"),
                    hear(re.escape(encode(answer)) + "$"), say("235 ok\r\n"), *MAIL]) as server:
        po.relay(server.port, user=USER, password=PASSWORD, auth="CRAM-MD5")
        po.queue("--flush")
    assert [r["status"] for r in po.results()] == ["deferred", "sent"]


def test_the_list_forbids_what_would_be_tried_first(po):
    plain = encode(f"\0{USER}\0{PASSWORD}".encode())
    with RawServer([*offering("SCRAM-SHA-256", "PLAIN", "LOGIN"), hear(f"AUTH PLAIN {re.escape(plain)}$"),
                    say("235 ok\r\n"), *MAIL]) as server:
        assert deliver(po, server, auth="plain, login")["status"] == "sent"


def test_an_unknown_mechanism_is_an_error_of_the_configuration(po):
    po.relay(25, user=USER, password=PASSWORD, auth="NTLM")
    done = po.queue("-p", "1", ok=False)
    assert done.returncode == 78 and 'relay.auth: "NTLM" is no mechanism that po knows' in done.stderr


ERROR = b'{"status":"invalid_token","scope":"https://mail.example/"}'
TOKENS = {
    "XOAUTH2": (f"user={USER}\1auth=Bearer {{token}}\1\1", "$"),
    "OAUTHBEARER": (f"n,a={USER},\1host=localhost\1port={{port}}\1auth=Bearer {{token}}\1\1", r"AQ==$"),
}


@pytest.mark.parametrize("length", (40, 2000), ids=("short", "long"))
@pytest.mark.parametrize("mechanism", TOKENS)
def test_a_token_from_a_command(po, mechanism, length):
    """Each run asks the command, and again when the token is refused; the same one is not tried twice but defers, and the log
    has the server's JSON but never the token."""
    text, empty = TOKENS[mechanism]
    token, runs = po.base / "token", po.base / "runs"
    command = po.base / "get-token"
    command.write_text(f"#!/bin/sh\necho run >> {runs}\ncat {token}\n")
    command.chmod(0o755)
    if po.owner:
        shutil.chown(po.base, po.owner)
    steps = {}

    def begin(c):
        response = encode(text.format(token=steps["token"], port=steps["port"]).encode())
        if length == 40:
            hear(f"AUTH {mechanism} {re.escape(response)}$")(c)
        else:
            hear(f"AUTH {mechanism}$")(c)
            say("334 \r\n")(c)
            hear(re.escape(response) + "$")(c)
    refusing = [*offering("PLAIN", mechanism), begin, say(f"334 {encode(ERROR)}\r\n"), hear(empty),
                say("535 5.7.8 expired\r\n"), hear("QUIT"), say("221 bye\r\n")]
    taking = [*offering("PLAIN", mechanism), begin, say("235 2.7.0 hi\r\n"), *MAIL]
    with RawServer(refusing, taking) as server:
        steps.update(token="old" + "x" * length, port=server.port)
        token.write_text(steps["token"] + "\n")
        po.relay(server.port, user=USER, password_command=command, auth=mechanism)
        po.submit(MESSAGE, "-f", "s@example.org", "a@example.net")
        po.queue("-p", "2")
        result, = po.results()
        assert (result["status"], result["dsn"]) == ("deferred", "4.7.8")
        assert f"authentication failed: {mechanism}: 535 5.7.8 expired: " in result["text"] and ERROR.decode() in result["text"]
        steps["token"] = "new" + "y" * length
        token.write_text(steps["token"] + "\n")
        po.queue("--flush")
    assert [r["status"] for r in po.results()] == ["deferred", "sent"] and runs.read_text() == "run\n" * 3
    assert "xxxx" not in po.log() and "yyyy" not in po.log()


def xoauth2(token):
    return hear("AUTH XOAUTH2 " + re.escape(encode(f"user={USER}\1auth=Bearer {token}\1\1".encode())) + "$")


def issues_tokens(po, *tokens):
    """A command that prints one after the other, the last one for all that follow, and the file of its runs."""
    runs, command = po.base / "runs", po.base / "get-token"
    (po.base / "tokens").write_text("".join(t + "\n" for t in tokens))
    command.write_text(f"#!/bin/sh\necho run >> {runs}\nn=$(wc -l < {runs})\n[ $n -gt {len(tokens)} ] && n={len(tokens)}\n"
                       f"sed -n ${{n}}p {po.base}/tokens\n")
    command.chmod(0o755)
    if po.owner:
        shutil.chown(po.base, po.owner)
    return command, runs


WORKERS = 3
OFFER = offering("XOAUTH2")
REFUSED = say("535 5.7.8 expired\r\n")


def test_a_token_is_renewed_once_for_all_workers(po):
    """All meet the refusal before any has a new token: the command runs once more, and each goes on over its connection."""
    command, runs = issues_tokens(po, "old", "new")
    together = threading.Barrier(WORKERS)
    script = [*OFFER, xoauth2("old"), lambda c: together.wait(30), REFUSED, xoauth2("new"), say("235 2.7.0 hi\r\n"), *MAIL]
    with RawServer(script) as server:
        po.relay(server.port, user=USER, password_command=command, auth="XOAUTH2", max_messages=1)
        for i in range(WORKERS):
            po.submit(MESSAGE, "-f", "s@example.org", f"{i}@example.net")
        po.queue("--ingest")
        po.queue("-p", str(WORKERS))
    assert [r["status"] for r in po.results()] == ["sent"] * WORKERS, po.log()
    assert len(server.connections) == WORKERS and runs.read_text() == "run\n" * 2
    assert "old" not in po.log()


def test_a_renewed_token_is_tried_once(po):
    """It is refused too: the message waits, and the relay rests; so it does where no other token comes."""
    command, runs = issues_tokens(po, "old", "new", "newer")
    script = [*OFFER, hear("AUTH XOAUTH2"), REFUSED, hear("AUTH XOAUTH2"), REFUSED, hear("QUIT"), say("221 bye\r\n")]
    with RawServer(script) as server:
        po.relay(server.port, user=USER, password_command=command, auth="XOAUTH2")
        po.submit(MESSAGE, "-f", "s@example.org", "a@example.net")
        po.queue("-p", "2")
    result, = po.results()
    assert (result["status"], result["dsn"]) == ("deferred", "4.7.8") and "535 5.7.8 expired" in result["text"]
    assert runs.read_text() == "run\n" * 2 and len(server.connections) == 1


def test_a_password_of_a_command_is_renewed_too_and_one_of_a_file_is_not(po):
    """Any mechanism: the command may ask a vault. A file holds what somebody wrote: a second try would only count against him."""
    command, runs = issues_tokens(po, "old", "new")
    plain = {t: hear("AUTH PLAIN " + re.escape(encode(f"\0{USER}\0{t}".encode())) + "$") for t in ("old", "new")}
    with RawServer([*offering("PLAIN"), plain["old"], REFUSED, plain["new"], say("235 ok\r\n"), *MAIL]) as server:
        po.relay(server.port, user=USER, password_command=command)
        po.submit(MESSAGE, "-f", "s@example.org", "a@example.net")
        po.queue("-p", "1")
    assert [r["status"] for r in po.results()] == ["sent"] and runs.read_text() == "run\n" * 2
    with RawServer([*offering("PLAIN"), plain["old"], REFUSED, hear("QUIT"), say("221 bye\r\n")]) as server:
        po.relay(server.port, user=USER, password="old")
        po.submit(MESSAGE, "-f", "s@example.org", "b@example.net")
        po.queue("-p", "1")
    assert po.results(to="b@example.net")[0]["status"] == "deferred"


def test_a_command_that_fails_now_is_named(po):
    command, runs = issues_tokens(po, "old")
    command.write_text(command.read_text() + "[ $n -lt 1 ] || [ $(wc -l < %s) -lt 2 ]\n" % runs)
    with RawServer([*OFFER, hear("AUTH XOAUTH2"), REFUSED, hear("QUIT"), say("221 bye\r\n")]) as server:
        po.relay(server.port, user=USER, password_command=command, auth="XOAUTH2")
        po.submit(MESSAGE, "-f", "s@example.org", "a@example.net")
        po.queue("-p", "1")
    result, = po.results()
    assert result["status"] == "deferred" and "relay.password_command" in po.log(), po.log()
