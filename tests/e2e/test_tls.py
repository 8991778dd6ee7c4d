# SPDX-License-Identifier: ISC
"""Certificates that are wrong, each with its cause in the log; fingerprints, a certificate of ours, resumed sessions."""
import hashlib
import os
import shutil
import ssl
import subprocess

import pytest

from rawserver import RawServer, content, hear, say

MESSAGE = b"From: s@example.org\nSubject: x\n\nhello\n"
MAIL = [say("220 x\r\n"), hear("EHLO"), say("250 x\r\n"), hear("MAIL"), say("250 ok\r\n"), hear("RCPT"), say("250 ok\r\n"),
        hear("DATA"), say("354 go\r\n"), content(), say("250 2.0.0 taken\r\n"), hear("QUIT"), say("221 bye\r\n")]


class TlsServer(RawServer):
    """TLS from the first byte, by a server that shows whatever it is given."""

    def __init__(self, pair, *scripts, client_ca=None):
        super().__init__(*scripts, tls=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_ciphers("DEFAULT@SECLEVEL=0")
        context.load_cert_chain(pair.cert, pair.key)
        if client_ca:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(client_ca)
        self.context = context


def deliver(po, server, n=1, **relay):
    po.relay(server.port, implicit_tls="yes", **{"tls": "verify", **relay})
    for _ in range(n):
        po.submit(MESSAGE, "-f", "s@example.org", "a@example.net")
    po.queue("--ingest")
    po.queue("-p", "1")
    return po.results()


BAD = {
    "expired": ("localhost", "certificate has expired"),
    "not-yet": ("localhost", "certificate is not yet valid"),
    "wrong-name": ("localhost", "hostname mismatch; it is for mail.wrong.example"),
    "cn-only": ("localhost", "hostname mismatch; it is for no host in subjectAltName"),
    "part-wildcard": ("localhost", "hostname mismatch; it is for local*"),
    "all-wildcard": ("localhost", "hostname mismatch; it is for *"),
    "good": ("127.0.0.1", "IP address mismatch; it is for localhost"),
    "unknown-ca": ("localhost", "unable to get local issuer certificate"),
    "by-a-server": ("localhost", "invalid CA certificate"),
    "client-only": ("localhost", "unsuitable certificate purpose"),
    "short-key": ("localhost", "EE certificate key too weak"),
    "weak-digest": ("localhost", "CA signature digest algorithm too weak"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_certificate_defers_and_is_named(po, ca, kind):
    host, cause = BAD[kind]
    with TlsServer(ca.server(kind), MAIL) as server:
        result, = deliver(po, server, host=host, ca_file=ca.ca_file)
    assert (result["status"], result["dsn"]) == ("deferred", "4.7.5")
    assert result["text"].endswith(f"TLS: certificate of {host}: {cause})") or cause in result["text"], result["text"]
    assert not any("MAIL" in line for heard in server.connections for line in heard)
    assert len(po.files("queue")) == 1


def fingerprints(pair):
    """Of the certificate and of its public key, by openssl(1)."""
    def run(*args, data=None):
        return subprocess.run(["openssl", *args], input=data, capture_output=True, check=True).stdout
    cert = run("x509", "-in", pair.cert, "-noout", "-fingerprint", "-sha256").decode().strip().split("=")[1]
    key = run("pkey", "-pubin", "-outform", "DER", data=run("x509", "-in", pair.cert, "-noout", "-pubkey"))
    return cert, hashlib.sha256(key).hexdigest()


def test_fingerprints_of_the_certificate_or_its_key(po, ca):
    pair = ca.server("expired")
    cert, key = fingerprints(pair)
    other = "00" * 32
    for n, allowed in enumerate((cert, key, f"{other}, {cert.lower()}")):
        with TlsServer(pair, MAIL) as server:
            assert deliver(po, server, tls="fingerprint", fingerprints=allowed)[n]["status"] == "sent", allowed
    with TlsServer(pair, MAIL) as server:
        result = deliver(po, server, tls="fingerprint", fingerprints=other)[-1]
    assert result["status"] == "deferred" and result["dsn"] == "4.7.5"
    assert cert.replace(":", "").lower() in result["text"] and "not among those allowed" in result["text"]
    assert po.log().count("Verified TLS connection established") == 3


@pytest.mark.parametrize("value,error", (("", "is empty"), ("12:34", "no SHA-256"), ("g" * 64, "no SHA-256")))
def test_a_fingerprint_that_is_none(po, value, error):
    po.relay(25, tls="fingerprint", fingerprints=value)
    done = po.queue("-p", "1", ok=False)
    assert done.returncode == 78 and "relay.fingerprints" in done.stderr and error in done.stderr


def test_a_certificate_of_ours(po, ca):
    """The relay asks for one; the key's file must be as closed as a password's."""
    ours, seen = ca.server("client-only"), []
    key = po.base / "key.pem"
    shutil.copy(ours.key, key)
    key.chmod(0o600)
    if po.owner:
        os.chown(key, po.owner, po.owner)
    cert = po.base / "cert.pem"
    shutil.copy(ours.cert, cert)
    cert.chmod(0o644)

    def look(c):
        seen.append(c.sock.getpeercert()["subject"])
    with TlsServer(ca.server("good"), [look, *MAIL], client_ca=ca.ca_file) as server:
        result, = deliver(po, server, ca_file=ca.ca_file, cert_file=cert, key_file=key)
    assert result["status"] == "sent" and seen == [((("commonName", "localhost"),),)]
    key.chmod(0o644)
    done = po.queue("-p", "1", ok=False)
    assert done.returncode == 78 and f"relay.key_file {key}: mode 0644 is too open" in done.stderr


@pytest.mark.parametrize("version", (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3))
@pytest.mark.parametrize("level", ("verify", "fingerprint"))
def test_the_second_connection_of_a_worker_is_resumed(po, ca, version, level):
    pair, reused = ca.server("good"), []

    def look(c):
        reused.append((c.sock.session_reused, c.sock.version()))
    with TlsServer(pair, [look, *MAIL]) as server:
        server.context.maximum_version = version
        results = deliver(po, server, n=3, tls=level, ca_file=ca.ca_file, fingerprints=fingerprints(pair)[0], max_messages=1)
    assert [r["status"] for r in results] == ["sent"] * 3
    assert [r[0] for r in reused] == [False, True, True] and len({r[1] for r in reused}) == 1
    assert po.log().count("Verified TLS connection established to") == 1
    assert po.log().count("Verified TLS connection resumed to") == 2
