# SPDX-License-Identifier: ISC
"""LMTP (RFC 2033): Debian's Dovecot, and a scripted server: what each recipient's reply, or its absence, makes of it."""
import collections
import os
import signal
import socket

import pytest

from po import wait_gone
from rawserver import RawServer, content, drip, drop, flood, hear, reset, say
from wait import wait_for

MESSAGE = b"From: s@example.org\nSubject: x\n\nhello\n"
BIG = MESSAGE + b"0123456789abcdef\n" * 200
HOUR = 3600
USERS = ("bob", "full", "overflow", "broken", "nobody", "carol")


def lmtp(po, port, **more):
    po.configure(transport="lmtp", relay={"host": "127.0.0.1", "port": port, "tls": "none", **more})


def by_user(po):
    return {r["to"].partition("@")[0]: (r["status"], r["text"][:3]) for r in po.results()}


def to(*users):
    return [f"{user}@mailbox.example" for user in users]


# ---------------------------------------------------------------- Dovecot


@pytest.mark.parametrize("way", ("TCP", "Unix socket"))
def test_dovecot_answers_for_each_recipient(po, mailboxes, shift_clock, way):
    """452, 451, 550 to RCPT, 552 and 250 in one message: the retry goes to the deferred two, and to nobody else."""
    if way == "TCP":
        lmtp(po, mailboxes.port)
        relay = f"127.0.0.1[127.0.0.1]:{mailboxes.port}"
    else:
        po.configure(transport="lmtp", relay={"host": f"unix:{mailboxes.socket}"})
        relay = f"localhost[{mailboxes.socket}]"
    before = {user: len(mailboxes.maildir(user)) for user in ("bob", "carol")}
    po.submit(BIG, "-N", "never", "-f", "me@example.org", *to(*USERS))
    po.queue("-p", "1")
    assert by_user(po) == {"bob": ("sent", "250"), "carol": ("sent", "250"), "full": ("deferred", "452"),
                           "broken": ("deferred", "451"), "overflow": ("bounced", "552"), "nobody": ("bounced", "550")}
    assert {r["relay"] for r in po.results()} == {relay}
    message, = po.list()
    assert (message["state"], message["in_doubt"]) == ("waiting", 0)
    po.queue("-p", "1", env=shift_clock(HOUR))
    times = collections.Counter(r["to"].partition("@")[0] for r in po.results())
    assert times == {"bob": 1, "carol": 1, "overflow": 1, "nobody": 1, "full": 2, "broken": 2}
    for user in ("bob", "carol"):
        arrived = mailboxes.maildir(user)
        assert len(arrived) == before[user] + 1
        assert arrived[-1].startswith(b"Return-Path: <me@example.org>\n") and arrived[-1].endswith(BIG[-100:])


def test_many_messages_on_one_connection(po, mailboxes):
    lmtp(po, mailboxes.port)
    before = len(mailboxes.maildir("bob"))
    connects = mailboxes.log().count("Connect from 127.0.0.1")
    for _ in range(30):
        po.submit(MESSAGE, *to("bob", "carol"))
    po.queue("--ingest")
    po.queue("-p", "1")
    assert len(mailboxes.maildir("bob")) == before + 30
    assert {m["state"] for m in po.list_all()} == {"sent"} and len(po.list_all()) == 30
    assert mailboxes.log().count("Connect from 127.0.0.1") == connects + 1


def test_a_success_notice_says_delivered(po, mailboxes):
    """The mailbox is behind LMTP: the notice that NOTIFY=SUCCESS asks for says that it was delivered, not relayed."""
    po.configure(transport="lmtp", relay={"host": f"unix:{mailboxes.socket}"}, routes=[
        {"sender": "<>", "transport": "capture"}])
    po.submit(MESSAGE, "-N", "success", "-f", "me@example.org", *to("bob"))
    po.queue("-p", "1")
    po.queue("-p", "1")
    notice, = po.captured()
    assert b"\nAction: delivered\n" in notice


def test_route_explains(po, tmp_path):
    po.configure(transport="smtp", relay={"host": "mx.example.net"}, relays=[
        {"name": "boxes", "host": "unix:/run/lmtp"}, {"name": "far", "host": "boxes.example.net"}], routes=[
            {"recipient": "example.org", "transport": "lmtp", "relays": "boxes"},
            {"recipient": "example.com", "transport": "lmtp", "relays": "far"}])
    lines = po.queue("--route", "a@example.org").stdout.splitlines()
    assert "transport   lmtp" in lines and "next hop    lmtp:boxes" in lines
    assert "relay       boxes: unix:/run/lmtp" in lines and "  tls         none" in lines
    assert "relay       far: boxes.example.net port 24" in po.queue("--route", "a@example.com").stdout


@pytest.mark.parametrize("relay,complaint", (
    ({"host": "unix:relative"}, "absolute path"), ({"host": "unix:/" + "x" * 200}, "at most 107 bytes")))
def test_a_wrong_socket_is_refused(po, relay, complaint):
    po.configure(transport="lmtp", relay=relay)
    done = po.run("po-queue", "--check-config")
    assert done.returncode == 78 and complaint in done.stderr, done.stderr


def test_a_socket_that_is_not_there_defers(po):
    po.configure(transport="lmtp", relay={"host": f"unix:{po.base}/no-socket"})
    po.submit(MESSAGE, "a@example.net")
    po.queue("-p", "1")
    result, = po.results()
    assert (result["status"], result["dsn"]) == ("deferred", "4.4.1")
    assert f"{po.base}/no-socket: No such file" in result["text"]


def test_a_full_listener_is_waited_for(po):
    """A Unix socket whose queue is full refuses at once; po waits, and gives up at the deadline."""
    path = po.base / "socket"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    path.chmod(0o777)
    listener.listen(0)
    first = socket.socket(socket.AF_UNIX)
    first.connect(str(path))
    po.configure(transport="lmtp", relay={"host": f"unix:{path}", "connect_timeout": "2s"})
    po.submit(MESSAGE, "a@example.net")
    po.queue("-p", "1")
    result, = po.results()
    assert result["status"] == "deferred" and "timed out" in result["text"]
    first.close()
    listener.close()


# ---------------------------------------------------------------- a scripted server

RECIPIENTS = ("a@example.net", "b@example.net", "c@example.net")
BAD = {
    "closes": [drop()],
    "resets": [reset()],
    "half a line": [say("250 o"), drop()],
    "no reply": [say("hello\r\n")],
    "an unknown code": [say("799 x\r\n")],
    "NULs": [say(b"\0\0\0\r\n")],
    "1 MB in a line": [say("250 " + "x" * 1000000 + "\r\n")],
    "lines without end": [flood("250-x\r\n")],
    "421": [say("421 4.3.2 closing\r\n"), drop()],
    "354": [say("354 more\r\n")],
}
REPLIES = {"sent": "250 2.0.0 ok\r\n", "deferred": "452 4.2.2 full\r\n", "bounced": "550 5.1.1 no\r\n"}


def dialogue():
    steps = [say("220 x\r\n"), hear("LHLO "), say("250 x\r\n"), hear("MAIL"), say("250 ok\r\n")]
    for _ in RECIPIENTS:
        steps += [hear("RCPT"), say("250 ok\r\n")]
    return steps + [hear("DATA"), say("354 go\r\n"), content()]


@pytest.mark.parametrize("what", BAD)
@pytest.mark.parametrize("answered", ((), ("sent",), ("deferred",), ("bounced", "sent")), ids=lambda a: "+".join(a) or "none")
def test_the_answered_are_settled_and_the_rest_is_in_doubt(po, what, answered):
    script = dialogue() + [say("".join(REPLIES[a] for a in answered))] + BAD[what]
    with RawServer(script) as server:
        lmtp(po, server.port)
        po.submit(MESSAGE, "-N", "never", *RECIPIENTS)
        po.queue("-p", "1")
    results = {r["to"]: r for r in po.results()}
    for i, recipient in enumerate(RECIPIENTS):
        result = results[recipient]
        assert len(result["text"]) < 600 and "\0" not in result["text"]
        if i < len(answered):
            assert result["status"] == answered[i] and "in doubt" not in result["text"]
        else:
            assert result["status"] == "deferred" and "in doubt" in result["text"], result
    message, = po.list()
    assert message["in_doubt"] == len(RECIPIENTS) - len(answered)


@pytest.mark.parametrize("phase,status", (("LHLO", "deferred"), ("MAIL", "bounced"), ("RCPT", "bounced"), ("DATA", "bounced")))
def test_5xx_before_the_content(po, phase, status):
    steps = []
    for step, word in zip(dialogue(), ("", "LHLO", "", "MAIL", "", *["RCPT", ""] * 3, "DATA", "", "")):
        steps.append(step)
        if word == phase:
            break
    steps.append(say("554 5.7.1 never\r\n"))
    if phase == "RCPT":
        steps += [hear("RCPT"), say("554 5.7.1 never\r\n")] * 2
    with RawServer(steps) as server:
        lmtp(po, server.port)
        po.submit(MESSAGE, "-N", "never", *RECIPIENTS)
        po.queue("-p", "1")
    assert {r["to"]: r["status"] for r in po.results()} == dict.fromkeys(RECIPIENTS, status)


def test_the_retry_goes_to_the_deferred_alone(po, shift_clock):
    again = [say("220 x\r\n"), hear("LHLO"), say("250 x\r\n"), hear("MAIL"), say("250 ok\r\n"),
             hear("RCPT TO:<b@example.net>$"), say("250 ok\r\n"), hear("DATA"), say("354 go\r\n"), content(),
             drip("250 2.0.0 ok\r\n"), hear("QUIT"), say("221 bye\r\n")]
    first = dialogue() + [say(REPLIES["sent"] + REPLIES["deferred"] + REPLIES["bounced"]), hear("QUIT"), say("221 bye\r\n")]
    with RawServer(first, again) as server:
        lmtp(po, server.port)
        po.submit(MESSAGE, "-N", "never", *RECIPIENTS)
        po.queue("-p", "1")
        po.queue("-p", "1", env=shift_clock(HOUR))
    assert [(r["to"][0], r["status"]) for r in po.results()] == [
        ("a", "sent"), ("b", "deferred"), ("c", "bounced"), ("b", "sent")]
    message, = po.list_all()
    assert (message["state"], message["in_doubt"]) == ("failed", 0)


def test_a_worker_killed_behind_the_dot_is_in_doubt(po, shift_clock):
    """One reply has come, two have not: what the dead worker knew is lost with it, so all three are in doubt, and said so."""
    reached = []
    script = dialogue() + [say(REPLIES["sent"]), lambda c: reached.append(True), lambda c: c.drain()]
    again = dialogue() + [say(REPLIES["sent"] * 3), hear("QUIT"), say("221 bye\r\n")]
    with RawServer(script, again) as server:
        lmtp(po, server.port)
        po.submit(MESSAGE, "-N", "never", *RECIPIENTS)
        runner = po.start("-p", "1")
        wait_for(lambda: reached, "the dot was heard")
        victim, = [pid for pid in po.processes(runner)[1:] if po.is_connected(pid, server.port)]
        os.kill(victim, signal.SIGKILL)
        assert runner.wait(60) == 0
        wait_gone([victim])
        message, = po.list()
        assert message["in_doubt"] == 3 and message["state"] == "waiting"
        po.queue("-p", "1", env=shift_clock(HOUR))
    assert [m["state"] for m in po.list_all()] == ["sent"]
