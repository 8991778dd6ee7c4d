# SPDX-License-Identifier: ISC
"""sendmail --wait, priority now in an own spool, and po-queue --verdict: what a caller is told, and when."""
import os
import re
import subprocess
import time

import pytest

import message_file
from po import IS_ROOT
from wait import wait_for

TEXT = b"Subject: x\n\nx\n"
ID = r"[0-9B-HJ-NP-TV-Z]{26}"
needs_root = pytest.mark.skipif(not IS_ROOT, reason="needs root: sendmail runs the installed po-queue")


def installed(po, *args, input=TEXT, uid=None):
    """sendmail where po-queue lies at the place that it is configured for; stdout and stderr are pipes read to their end."""
    return po.run_installed("sendmail", *args, uid=uid, input=input)


def watch(po, *args):
    child = po.start("--watch", *args)
    wait_for(lambda: "watch" in po.queue("--status", ok=False).stdout, "a runner")
    return child


# ---------------------------------------------------------------- --wait

def test_wait_tells_the_verdict_of_the_runner(system_po):
    """Queued, a duplicate, refused, over a quota: in words, and in the exit status."""
    po = system_po
    po.configure(uid_messages=2, transport="smtp", relay={"host": "127.0.0.1", "port": 1, "tls": "none"})
    watch(po)

    def send(*headers, body=b"x", uid=2001):
        return po.sendmail("--wait", "-i", "a@example.net", uid=uid,
                           input=b"".join(h + b"\n" for h in headers) + b"Subject: x\n\n" + body + b"\n")
    done = send(b"X-PO-Key: one")
    assert re.fullmatch(rf"{ID}: (queued|deferred)\n", done.stdout) and (done.returncode, done.stderr) == (0, "")
    first = done.stdout.split(":")[0]
    done = send(b"X-PO-Key: one")
    assert re.fullmatch(rf"{ID}: duplicate of {first}\n", done.stdout) and (done.returncode, done.stderr) == (0, "")
    done = send(b"X-PO-Key: one", body=b"y")
    assert (done.returncode, done.stdout) == (65, "")
    assert re.fullmatch(rf"sendmail: {ID}: refused: its key is that of {first}, which has other content\n", done.stderr)
    assert send(uid=2002).returncode == 0  # a key and a quota are of one uid
    assert "queued" in send().stdout
    done = send()
    assert re.fullmatch(rf"{ID}: held: .*\n", done.stdout) and (done.returncode, done.stderr) == (0, "")


def test_wait_without_a_runner_is_accepted_and_not_confirmed(system_po):
    began = time.monotonic()
    done = system_po.sendmail("--wait", "-i", "a@example.net", input=TEXT, uid=2001)
    assert (done.returncode, done.stdout) == (0, "")
    assert re.fullmatch(rf"sendmail: {ID}: accepted, not confirmed: no runner has answered\n", done.stderr)
    assert 9 < time.monotonic() - began < 30
    system_po.queue()
    assert len(system_po.captured()) == 1


def test_a_verdict_tells_nothing_of_others_mail(system_po):
    po = system_po
    watch(po)
    po.submit(TEXT, "a@example.net", uid=2001)
    wait_for(lambda: po.list_all(), "it is taken in")
    theirs = po.list_all()[0]["queue_id"]
    nobody = message_file.new_id()
    for queue_id in (theirs, nobody):
        done = po.queue("--verdict", queue_id, uid=2002, ok=False)
        assert (done.returncode, done.stdout) == (65, "")
        assert done.stderr == f"po-queue: {queue_id}: no such message\n"
    assert po.queue("--verdict", theirs, uid=2001).stdout.startswith(f"{theirs}: ")


def test_a_file_that_ingest_refuses_is_told_of(system_po):
    """Its owner hears why; who is not hears of nothing."""
    po = system_po
    queue_id = message_file.new_id()
    path = po.spool / "drop" / f"n.{queue_id}"
    path.write_bytes(b"no message\n")
    os.chown(path, 2001, po.spool.joinpath("drop").stat().st_gid)
    path.chmod(0o640)
    done = po.queue("--verdict", queue_id, ok=False)
    assert done.returncode == 65 and re.fullmatch(rf"po-queue: {queue_id}: refused: .+\n", done.stderr)
    watch(po)
    done = po.queue("--verdict", queue_id, uid=2001, ok=False)
    assert done.returncode == 65 and "refused: " in done.stderr
    done = po.queue("--verdict", queue_id, uid=2002, ok=False)
    assert done.returncode == 65 and "no such message" in done.stderr


@needs_root
def test_wait_in_an_own_spool_needs_no_runner(po):
    done = installed(po, "--wait", "-i", "a@example.net", input=b"X-PO-Key: k\n" + TEXT)
    assert re.fullmatch(rf"{ID}: queued\n", done.stdout) and (done.returncode, done.stderr) == (0, "")
    done = installed(po, "--wait", "-i", "a@example.net", input=b"X-PO-Key: k\nX-Other: y\n" + TEXT)
    assert (done.returncode, done.stdout) == (65, "") and re.match(rf"sendmail: {ID}: refused: ", done.stderr)
    watcher = watch(po, "-o", "transport=smtp", "-o", "relay.host=127.0.0.1", "-o", "relay.port=1", "-o", "relay.tls=none")
    done = installed(po, "--wait", "-i", "b@example.net")
    assert re.fullmatch(rf"{ID}: (queued|deferred)\n", done.stdout) and done.returncode == 0
    assert watcher.poll() is None


# ---------------------------------------------------------------- now, in an own spool

@needs_root
def test_odi_returns_when_the_attempt_is_over(po, sink):
    """Sent, failed or deferred: exit 0, what became of it is in the queue and in the log when the caller goes on."""
    po.relay(sink.port)
    assert installed(po, "-odi", "-i", "a@example.net").returncode == 0
    assert sink.count() == 1 and [m["state"] for m in po.list_all()] == ["sent"]
    sink.rules({"stage": "RCPT", "match": "fails", "reply": "550 5.1.1 no"},
               {"stage": "RCPT", "match": "later", "reply": "450 4.2.1 later"})
    for address, status in (("fails@example.net", "bounced"), ("later@example.net", "deferred")):
        done = installed(po, "-odi", "-i", address)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        assert po.results(to=address)[0]["status"] == status


@needs_root
@pytest.mark.parametrize("args, headers", ((["-O", "Priority=now"], b""), ([], b"X-PO-Priority: now\n")), ids=("-O", "X-PO"))
def test_other_urgent_mail_goes_on_in_the_background(po, sink, args, headers):
    """The caller's pipes come to their end although the server has not answered yet."""
    po.relay(sink.port)
    sink.pause("DATA", 1)
    done = installed(po, *args, "-i", "a@example.net", input=headers + TEXT)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    sink.wait_paused()  # so it was still being delivered
    sink.resume()
    wait_for(lambda: sink.count() == 1, "it is sent without any other run")


@needs_root
def test_urgent_mail_of_a_dialogue_goes_while_the_dialogue_lasts(po, sink):
    """A client that keeps it open, as Symfony's does, need not end it first."""
    po.relay(sink.port)
    mail = b"MAIL FROM:<s@example.org>%s\r\nRCPT TO:<%s@example.net>\r\nDATA\r\nSubject: x\r\n%s\r\nx\r\n.\r\n"
    talk = subprocess.Popen(po.installed_command("sendmail", "-bs"), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            env=po.environment(), cwd="/")
    talk.stdin.write(b"EHLO me\r\n" + mail % (b"", b"calm", b""))
    for n in range(3):
        talk.stdin.write(mail % ((b" MT-PRIORITY=9", b"by-envelope%d" % n, b"") if n % 2 == 0 else
                                 (b"", b"by-header%d" % n, b"X-PO-Priority: now\r\n")))
    talk.stdin.flush()
    urgent = {"by-envelope0@example.net", "by-header1@example.net", "by-envelope2@example.net"}
    wait_for(lambda: urgent <= {m.recipients[0] for m in sink.messages()}, "the urgent ones are sent")
    assert talk.poll() is None
    out, _ = talk.communicate(b"QUIT\r\n", timeout=20)
    assert out.count(b"queued as") == 4 and talk.returncode == 0


@needs_root
def test_urgent_mail_beside_other_urgent_mail_is_sent_too(po, sink):
    """The first --only has the lock; the second one follows it, at once."""
    po.relay(sink.port)
    sink.pause("DATA", 1)
    assert installed(po, "-O", "Priority=now", "-i", "first@example.net").returncode == 0
    sink.wait_paused()
    for i in range(3):
        assert installed(po, "-O", "Priority=now", "-i", f"other{i}@example.net").returncode == 0
    sink.resume()
    wait_for(lambda: sink.count() == 4, "all are sent without any other run", 60)
    assert len({m.recipients[0] for m in sink.messages()}) == 4


@needs_root
def test_a_runner_that_lives_delivers_it_undisturbed(po, sink):
    po.relay(sink.port)
    watcher = watch(po)
    pids = po.processes(watcher)
    assert installed(po, "-odi", "-i", "a@example.net").returncode == 0
    assert [m.recipients for m in sink.messages()] == [["a@example.net"]]
    assert po.results(status="sent") and watcher.poll() is None and set(pids) <= set(po.processes(watcher))


@needs_root
def test_what_is_scheduled_or_lowered_is_not_run(po, sink):
    po.relay(sink.port)
    for headers in (b"X-PO-Schedule: +2h\n", b"X-PO-Priority: low\n"):
        assert installed(po, "-odi", "-i", "a@example.net", input=headers + TEXT).returncode == 0
    assert sink.count() == 0 and len(po.dropped()) == 2


@needs_root
def test_who_may_not_run_the_queue_has_it_queued(system_po, sink):
    """An ordinary user under NoNewPrivileges: exit 0, and the next run sends it before all other mail."""
    po = system_po
    po.relay(sink.port)
    po.submit(TEXT, "-O", "Priority=high", "before@example.net", uid=2001)
    for args in (["-odi"], ["-O", "Priority=now"]):
        done = subprocess.run(["setpriv", "--no-new-privs", "--reuid=2001", "--regid=2001", "--clear-groups",
                               *po.command("sendmail", *args, "-i", "urgent@example.net")], input=TEXT,
                              env=po.environment(), capture_output=True, timeout=60, cwd="/")
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert sink.count() == 0
    po.queue("-p", "1")
    assert [m.recipients[0].split("@")[0] for m in sink.messages()] == ["urgent", "urgent", "before"]
