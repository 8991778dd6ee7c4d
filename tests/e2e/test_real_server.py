# SPDX-License-Identifier: ISC
"""From PHP's mail() through po to a real server over verified TLS with AUTH, and what happens when the server is wrong."""
import http.server
import json
import re
import shutil
import subprocess
import threading
import urllib.parse

import pytest

import mail
import postfix
from wait import wait_for

ADDED = ("received", "date", "from", "message-id")

BODY = ("First line\n.\n..\n.dot\nFrom the start of a line\n"
        "trailing blanks  \n\ttab\nGr\u00fc\u00dfe, \u20ac and \U0001f4ee\n" + "x" * 900 + "\n\n\nlast line")

PHP = """
$ok = mail($argv[1], "A subject", file_get_contents("php://stdin"),
    array("From" => "Web <web@example.org>", "X-Folded" => "one\\r\\n two", "MIME-Version" => "1.0",
          "Content-Type" => "text/plain; charset=utf-8", "Content-Transfer-Encoding" => "8bit"), "-fbounces@example.org");
exit($ok ? 0 : 1);
"""


def php_mail(po, to, body):
    """What a web application does, as the web server's user would."""
    if not shutil.which("php"):
        pytest.skip("needs php-cli")
    return subprocess.run(
        ["php", "-n", "-d", f"sendmail_path={po.build}/sendmail -t -i", "-r", PHP, "--", to], input=body.encode(),
        capture_output=True, env=po.environment(), cwd="/", timeout=60, **po._identity(None))


def to_server(po, server, ca, kind="good", wrapped=True, password=None):
    po.relay(server.ports[(kind, wrapped)], tls="verify", implicit_tls="yes" if wrapped else "no", ca_file=ca.ca_file,
             user=server.user, password=server.password if password is None else password)


@pytest.mark.parametrize("wrapped", (True, False), ids=("implicit", "starttls"))
def test_php_mail_arrives_byte_for_byte(po, real_server, ca, wrapped):
    to = f"{'implicit' if wrapped else 'starttls'}@mailbox.example"
    to_server(po, real_server, ca, wrapped=wrapped)
    done = php_mail(po, to, BODY)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    po.queue("-p", "4")
    wait_for(lambda: real_server.maildir(to), "the mail lies in the server's Maildir")
    arrived, = real_server.maildir(to)
    assert arrived.startswith(b"Return-Path: <bounces@example.org>\n")
    got = mail.split(postfix.without_trace(arrived))
    assert got.body == BODY.encode() + b"\n", "mail() itself ends the last line"
    assert without_added(got) == [
        ("To", f"To: {to}\n".encode()), ("Subject", b"Subject: A subject\n"),
        ("From", b"From: Web <web@example.org>\n"), ("X-Folded", b"X-Folded: one\n two\n"),
        ("MIME-Version", b"MIME-Version: 1.0\n"),
        ("Content-Type", b"Content-Type: text/plain; charset=utf-8\n"),
        ("Content-Transfer-Encoding", b"Content-Transfer-Encoding: 8bit\n")]
    assert sorted(set(mail.names(got)) & set(ADDED)) == sorted(ADDED)
    sent, = po.results()
    assert (sent["to"], sent["status"], sent["dsn"]) == (to, "sent", "2.0.0")
    assert f":{real_server.ports[('good', wrapped)]}" in sent["relay"]
    assert po.files("queue") == [] and len(po.files("done")) == 1


def without_added(got):
    return [f for f in got.fields if f[0].lower() not in ("received", "date", "message-id", "x-php-originating-script")]


REFUSED = [
    ("wrong-name", None, r"localhost.*mail\.wrong\.example|name|match"),
    ("unknown-ca", None, r"issuer|self.signed|unknown CA|not trusted"),
    ("expired", None, r"expired"),
    ("good", "a wrong password", r"535|authenticat"),
]


@pytest.mark.parametrize("wrapped", (True, False), ids=("implicit", "starttls"))
@pytest.mark.parametrize("kind,password,cause", REFUSED, ids=("wrong-name", "unknown-ca", "expired", "wrong-password"))
def test_a_wrong_server_is_refused_and_the_mail_stays(po, real_server, ca, kind, password, cause, wrapped):
    to = f"{kind}.{wrapped}@mailbox.example"
    to_server(po, real_server, ca, kind, wrapped, password)
    po.submit(b"Subject: secret\n\nnot for everybody\n", "-f", "me@example.org", to)
    po.queue("-p", "4")
    result, = po.results()
    assert (result["to"], result["status"]) == (to, "deferred")
    assert re.search(cause, result["text"], re.I), result["text"]
    assert result["dsn"].startswith("4.")
    listed = po.queue("--list").stdout
    assert to in listed and re.search(cause, listed, re.I), listed
    message, = po.list()
    assert re.search(cause, message["recipients"][0]["delay_reason"], re.I)
    assert len(po.files("queue")) == 1 and po.files("done") == []
    assert (password or real_server.password) not in po.log() + listed
    assert real_server.maildir(to) == []

    # The administrator mends it; nothing was lost.
    to_server(po, real_server, ca, wrapped=wrapped)
    po.queue("--flush")
    wait_for(lambda: real_server.maildir(to), "the mail arrives after all")
    assert po.files("queue") == []


def test_verify_never_sends_in_the_clear(po, sink):
    """A server without STARTTLS, and tls = verify: deferred, and neither MAIL nor AUTH was said."""
    po.relay(sink.port, tls="verify", implicit_tls="no")
    po.submit(b"Subject: secret\n\nx\n", "a@example.net")
    po.queue("-p", "1")
    result, = po.results()
    assert result["status"] == "deferred" and re.search(r"STARTTLS|TLS", result["text"])
    assert sink.status()["counts"]["MAIL"] == 0


def test_many_on_the_way_by_chunking(po, real_server, ca):
    """Postfix offers CHUNKING: 40 messages over one connection, eight at a time, each once and byte for byte."""
    to = "chunks@mailbox.example"
    po.relay(real_server.ports[("good", True)], tls="verify", implicit_tls="yes", ca_file=ca.ca_file, user=real_server.user,
             password=real_server.password, window=8)
    for i in range(40):
        po.submit(b"Subject: %d\n\n" % i + b".\n..\n" + b"%d\n" % i * (i * 50) + b"last line", "-f", "s@example.org", to)
    po.queue("--ingest")
    po.queue("-p", "1")
    assert [r["status"] for r in po.results()] == ["sent"] * 40
    wait_for(lambda: len(real_server.maildir(to)) == 40, "all lie in the server's Maildir")
    arrived = [mail.split(postfix.without_trace(m)) for m in real_server.maildir(to)]
    bodies = {int(mail.value(m, "Subject")): m.body for m in arrived}
    assert bodies == {i: b".\n..\n" + b"%d\n" % i * (i * 50) + b"last line\n" for i in range(40)}
    wait_for(lambda: re.search(r"disconnect from .* mail=40 rcpt=40 bdat=40 ", real_server.log()), "one connection, all by BDAT")


TOKEN = "a-token.of/joe+and=more"


class Tokens(http.server.BaseHTTPRequestHandler):
    """Who has a token (RFC 7662)."""

    def do_POST(self):  # noqa: N802
        asked = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        known = asked.get("token") == [TOKEN]
        body = json.dumps({"active": True, "username": "joe@mailbox.example"} if known else {"active": False}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def asks_dovecot(folder, ca, mailboxes):
    """A Postfix whose AUTH is Dovecot's."""
    tokens = http.server.ThreadingHTTPServer(("127.0.0.1", mailboxes.tokens), Tokens)
    threading.Thread(target=tokens.serve_forever, daemon=True).start()
    server = postfix.Postfix(folder / "postfix-dovecot", ca, kinds=("good",))
    server.configure(smtpd_sasl_path=mailboxes.auth)
    server.user, server.password = mailboxes.user, mailboxes.password
    yield server
    server.stop()
    tokens.shutdown()


@pytest.mark.parametrize("mechanism", ("PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256", "OAUTHBEARER", "XOAUTH2"))
def test_each_mechanism_of_a_real_server(po, asks_dovecot, ca, mechanism):
    """The right secret is taken by just that mechanism; with a wrong one the mail waits, and leaves once it is mended."""
    server, secret = asks_dovecot, TOKEN if "AUTH" in mechanism else asks_dovecot.password
    for wrong in (True, False):
        po.relay(server.ports[("good", True)], tls="verify", implicit_tls="yes", ca_file=ca.ca_file, user=server.user,
                 password="wrong" if wrong else secret, auth=mechanism)
        if wrong:
            po.submit(b"Subject: x\n\nx\n", "-f", "me@example.org", f"{mechanism.lower()}@mailbox.example")
        po.queue("-p", "1", *(() if wrong else ("--flush",)))
    refused, sent = po.results()
    assert (refused["status"], refused["dsn"]) == ("deferred", "4.7.8"), refused
    assert f"authentication failed: {mechanism}: " in refused["text"] and "535 5.7.8" in refused["text"], refused
    assert sent["status"] == "sent", sent
    wait_for(lambda: f"sasl_method={mechanism}, sasl_username={server.user}" in server.log(), "Postfix says how")
    assert secret not in po.log()
