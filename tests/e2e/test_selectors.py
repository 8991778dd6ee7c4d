# SPDX-License-Identifier: ISC
"""Parts of the queue: -qI, -qR, -qS, --id, --recipient, --sender, ALL; with a runner at work and without."""
import re
import subprocess

import pytest

from po import IS_ROOT
from wait import wait_for

ROWS = (  # sender, recipients
    ("alice@one.example", ["a@red.example"]),
    ("bob@two.example", ["b@green.example"]),
    ("carol@one.example", ["c@blue.example", "d@red.example"]),
)


def defer_all(po, sink):
    """All of ROWS deferred, the queue quiet, the sink willing again; name of the sender -> queue id."""
    po.relay(sink.port)
    sink.rules({"stage": "RCPT", "match": ".", "reply": "450 4.2.1 later"})
    for sender, recipients in ROWS:
        po.submit(b"Subject: x\n\nx\n", "-f", sender, *recipients)
    po.queue()
    sink.rules()
    ids = {m["sender"].split("@")[0]: m["queue_id"] for m in po.list()}
    assert len(ids) == len(ROWS) and all(m["queue_name"] == "deferred" for m in po.list())
    return ids


def listed(text):
    return re.findall(r"(\w+)@(?:one|two)\.example$", text, re.M)


# ---------------------------------------------------------------- what -q chooses

CHOICES = (
    (["-q"], {"alice", "bob", "carol"}),
    (["-qf"], {"alice", "bob", "carol"}),
    (["-q15m"], {"alice", "bob", "carol"}),
    (["-qRred.example"], {"alice", "carol"}),
    (["-q!RRED.example"], {"bob"}),
    (["-qSone.example"], {"alice", "carol"}),
    (["-q!Sone.example"], {"bob"}),
    (["-qSone.example", "-qRblue"], {"carol"}),
    (["-qRgreen", "-qRblue"], {"bob", "carol"}),
    (["-qRnowhere"], set()),
)


@pytest.mark.skipif(not IS_ROOT, reason="needs root: sendmail runs the installed po-queue")
@pytest.mark.parametrize("args, sent", CHOICES, ids=lambda value: " ".join(sorted(value)))
def test_q_sends_what_it_chooses_and_nothing_else(po, sink, args, sent):
    defer_all(po, sink)
    done = po.run_installed("sendmail", *args)
    assert (done.returncode, done.stderr) == (0, "")
    assert {m.sender.split("@")[0] for m in sink.messages()} == sent
    assert {m["sender"].split("@")[0] for m in po.list()} == {s.split("@")[0] for s, _ in ROWS} - sent


@pytest.mark.skipif(not IS_ROOT, reason="needs root: sendmail runs the installed po-queue")
def test_q_by_id_takes_a_whole_one_or_a_part(po, sink):
    ids = defer_all(po, sink)
    assert po.run_installed("sendmail", f"-qI{ids['bob']}").returncode == 0
    assert [m.sender for m in sink.messages()] == ["bob@two.example"]
    assert po.run_installed("sendmail", f"-qI{ids['carol'][-12:]}").returncode == 0
    assert [m.sender for m in sink.messages()][1:] == ["carol@one.example"]
    done = po.run_installed("sendmail", f"-qI{ids['bob']}")
    assert done.returncode == 65 and "no waiting message" in done.stderr


@pytest.mark.skipif(not IS_ROOT, reason="needs root: sendmail runs the installed po-queue")
def test_mailq_filters_its_list(po, sink):
    ids = defer_all(po, sink)
    for args, names in ((["-qRred"], ["alice", "carol"]), (["-q!Sone"], ["bob"]), (["-qSone", "-qRblue"], ["carol"]),
                        ([f"-qI{ids['alice'][-10:]}"], ["alice"]), (["-qRnowhere"], [])):
        for program, more in (("mailq", args), ("sendmail", ["-bp", *args]), ("sendmail", [*args, "-bp"])):
            done = po.run_installed(program, *more)
            assert done.returncode == 0 and listed(done.stdout) == names, more
    assert done.stdout == "Mail queue is empty\n"
    assert "-- 0 Kbytes in 1 Request." in po.run_installed("mailq", "-qRgreen").stdout


def test_other_forms_of_q_are_refused_before_anything_is_opened(po):
    po.configure(spool="/nonexistent")
    for args in (["-qGslow"], ["-q!G"], ["-qQ"], ["-qL"], ["-qI"], ["-q!R"], ["-qtomorrow"]):
        done = po.sendmail(*args)
        assert done.returncode == 64 and done.stderr.startswith("sendmail: option -q") and done.stderr.count("\n") == 1


def test_an_ordinary_user_is_told_who_may(system_po):
    for args in (["-q"], ["-qRa"], ["-q30m"]):
        done = system_po.sendmail(*args, uid=2001)
        assert done.returncode == 77 and "only root and the owner" in done.stderr and done.stderr.count("\n") == 1
    done = system_po.run("mailq", "-qRa", uid=2001)
    assert (done.returncode, done.stdout) == (77, "") and "only root and the owner" in done.stderr


# ---------------------------------------------------------------- acts on a part

def states(po):
    return {m["sender"].split("@")[0]: m["state"] for m in po.list_all()}


@pytest.mark.parametrize("live", (False, True), ids=("no runner", "a runner"))
def test_acts_take_a_part_of_the_queue(po, sink, live):
    defer_all(po, sink)
    po.configure(retry_first="1d")
    if live:
        po.start("--watch")
        wait_for(lambda: "runner: live" in po.queue("--status").stdout or "watch" in po.queue("--status").stdout, "a runner")
    done = po.queue("--hold", "--recipient", "red")
    assert done.stdout == "2 messages held\n"
    assert states(po) == {"alice": "held", "bob": "waiting", "carol": "held"}
    assert po.queue("--release", "--sender", "carol").stdout == "1 message released\n"
    assert po.queue("--cancel", "--sender=!one.example").stdout == "1 message cancelled\n"
    assert states(po) == {"alice": "held", "bob": "cancelled", "carol": "waiting"}
    assert po.queue("--release", "ALL").stdout == "1 message released\n"
    assert po.queue("--hold", "--recipient", "nowhere").stdout == "0 messages held\n"
    assert po.queue("--requeue", "--recipient", "blue").stdout == "1 message due now\n"
    if not live:
        po.queue()
    wait_for(lambda: sink.count() == 1, "what was requeued is sent")
    assert sink.messages()[0].sender == "carol@one.example"
    done = po.queue("--flush", "--sender", "alice")
    wait_for(lambda: sink.count() == 2, "what was flushed is sent")
    assert states(po) == {"alice": "sent", "bob": "cancelled", "carol": "sent"}


def test_selectors_without_a_verb_for_them_are_refused(po):
    for args in (["--recipient", "a"], ["--cleanup", "--id", "0"], ["--status", "--sender", "a"], ["--hold"],
                 ["--hold", "--sender", "!"], ["--cancel", "--recipient="]):
        done = po.queue(*args, ok=False)
        assert done.returncode == 64 and done.stderr.count("\n") == 1, args


def test_everybody_s_selection_is_of_his_own_mail(system_po):
    po = system_po
    po.start("--watch")
    for uid in (2001, 2002):
        po.submit(b"X-PO-Schedule: +2h\nSubject: x\n\nx\n", "a@example.net", uid=uid)
    wait_for(lambda: len(po.list()) == 2, "both are taken in")
    for args in (["--recipient", "a@"], ["ALL"]):
        assert po.queue("--hold", *args, uid=2001).stdout == "1 message held\n"
        assert {m["uid"]: m["state"] for m in po.list()} == {2001: "held", 2002: "waiting"}
        assert po.queue("--release", *args, uid=2001).stdout == "1 message released\n"
    done = po.queue("--requeue", "ALL", uid=2001, ok=False)
    assert done.returncode == 65 and "only root" in done.stderr


def test_a_flush_of_many_is_done_in_parts_and_mail_goes_on(po, sink):
    """One short transaction after the other: new mail is delivered while the flush is at work, and all is sent once."""
    count = 3000
    po.relay(sink.port)
    po.configure(batch=16, workers=1)
    text = b"Subject: x\n\nx\n"
    script = "".join(f"MAIL FROM:<s@example.org>\nRCPT TO:<r{i}@example.net>\nDATA\nSubject: x\n\nx\n.\n"
                     for i in range(count))
    assert po.sendmail("-bs", input=f"EHLO x\n{script}QUIT\n".encode()).stdout.count("\n250 2.0.0 ") == count
    sink.rules({"stage": "MAIL", "match": ".", "reply": "450 4.2.1 later"})
    po.queue("-o", "batch=4096")
    sink.rules()
    watcher = po.start("--watch")
    wait_for(lambda: "watch" in po.queue("--status").stdout, "a runner")
    flush = subprocess.Popen(po.command("po-queue", "--flush"), stdout=subprocess.PIPE, text=True,
                             env=po.environment(), cwd="/", **po._identity(None))
    po.submit(text, "-O", "Priority=now", "new@example.net")
    told = flush.communicate(timeout=100)[0]  # the new one is counted where it was waiting when its turn came
    assert told in (f"{count} messages due now\n", f"{count + 1} messages due now\n") and flush.returncode == 0
    wait_for(lambda: sink.count() == count + 1, "all are sent", 100)
    order = [m.recipients[0] for m in sink.messages()]
    assert len(set(order)) == count + 1 and order.index("new@example.net") < count
    watcher.terminate()
    assert watcher.wait(30) == 0


# ---------------------------------------------------------------- requeue of finished mail

@pytest.mark.parametrize("live", (False, True), ids=("no runner", "a runner"))
def test_what_failed_or_was_cancelled_can_be_sent_again(po, sink, live):
    """To those it had not reached; and a second failure is told of like the first."""
    po.relay(sink.port)
    sink.rules({"stage": "RCPT", "match": "bad", "reply": "550 5.1.1 no"})
    po.submit(b"Subject: x\n\nx\n", "-f", "s@example.org", "good@example.net", "bad@example.net")
    po.submit(b"X-PO-Schedule: +2h\nSubject: c\n\nx\n", "-f", "c@example.org", "c@example.net")
    po.queue()
    po.queue()
    ids = {m["sender"]: m["queue_id"] for m in po.list_all() if m["sender"] != "MAILER-DAEMON"}
    po.queue("--cancel", ids["c@example.org"])

    def bounces():
        return [m for m in sink.messages() if m.sender == ""]

    def finished():
        return {m["sender"]: m["state"] for m in po.list_all() if m["queue_id"] in ids.values()}
    assert len(bounces()) == 1 and finished() == {"s@example.org": "failed", "c@example.org": "cancelled"}
    assert po.queue("--requeue", "ALL").stdout == "0 messages due now\n"
    if live:
        po.start("--watch")
        wait_for(lambda: "watch" in po.queue("--status").stdout, "a runner")
    po.queue("--requeue", ids["s@example.org"])
    if not live:
        po.queue()
    wait_for(lambda: len(bounces()) == 2, "the second failure is told of")
    wait_for(lambda: finished()["s@example.org"] == "failed", "it is failed again")
    sink.rules()
    assert po.queue("--requeue", "--all", "--sender", "example.org").stdout == "2 messages due now\n"
    if not live:
        po.queue()
    wait_for(lambda: finished() == {"s@example.org": "sent", "c@example.org": "sent"}, "both are sent")
    to = [m.recipients for m in sink.messages() if m.sender]
    assert to.count(["good@example.net"]) == 1 and sorted(map(tuple, to)) == [
        ("bad@example.net",), ("c@example.net",), ("good@example.net",)]
    wait_for(lambda: len(po.files("done")) == len(po.list_all()) and not po.files("queue"), "all is put away")
    done = po.queue("--requeue", ids["s@example.org"], ok=False)
    assert done.returncode == 65 and "is not sent again" in done.stderr
    assert po.queue("--check", ok=False).returncode == 0 or live


def test_mail_that_expired_goes_on_and_is_given_up_once_more(po, sink, shift_clock):
    po.relay(sink.port)
    sink.rules({"stage": "RCPT", "match": "bad", "reply": "450 4.2.1 later"})
    po.submit(b"Subject: x\n\nx\n", "-f", "s@example.org", "bad@example.net")
    day = 86400
    po.queue()

    def run(days):
        po.queue("--flush", env=shift_clock(days * day))
        po.queue(env=shift_clock(days * day))
        return [m for m in sink.messages() if m.sender == ""]
    assert len(run(6)) == 1
    queue_id, = (m["queue_id"] for m in po.list_all() if m["sender"] == "s@example.org")
    po.queue("--requeue", queue_id, env=shift_clock(7 * day))
    assert len(run(7)) == 1 and [m["state"] for m in po.list()] == ["waiting"]
    assert len(run(13)) == 2
    po.queue("--rebuild-index")
    assert [m["state"] for m in po.list_all() if m["sender"] == "s@example.org"] == ["expired"]
