# SPDX-License-Identifier: ISC
"""The life of queued mail: due times, flush, give-up, cleanup, rebuild, --watch, and what lists and logs say of it."""
import collections
import re
import shutil
import subprocess
import time

import pytest

import mail
import message_file
from po import IS_ROOT
from wait import wait_for

DAY = 86400


def put(po, recipients=("a@example.net",), content=b"Subject: x\n\nx\n", **keys):
    """A message with an envelope of the test's choice, as the spool's owner would submit it; its id."""
    queue_id = message_file.new_id()
    data = message_file.build(queue_id, list(recipients), content, **keys)
    message_file.submit(po.spool / "drop", queue_id, data, po.owner)
    return queue_id


def subjects(messages):
    return sorted(mail.value(mail.split(m), "Subject") for m in messages)


# ---------------------------------------------------------------- due

def test_scheduled_mail_waits_until_it_is_due(po, shift_clock):
    now = int(time.time())
    put(po, content=b"Subject: now\n\n\n")
    put(po, content=b"Subject: soon\n\n\n", due=now + 3600)
    put(po, content=b"Subject: next week\n\n\n", due=now + 7 * DAY, expires=now + 30 * DAY)
    po.queue()
    assert subjects(po.captured()) == ["now"]
    po.queue(env=shift_clock(3300))
    assert subjects(po.captured()) == ["now"]
    po.queue(env=shift_clock(3660))
    assert subjects(po.captured()) == ["now", "soon"]
    po.queue(env=shift_clock(7 * DAY + 60))
    assert subjects(po.captured()) == ["next week", "now", "soon"]


def test_flush_sends_deferred_mail_but_not_scheduled_mail(po, sink):
    po.relay(sink.port)
    sink.rules({"stage": "RCPT", "reply": "451 4.2.1 busy", "times": 1})
    put(po, ["deferred@example.net"])
    put(po, ["scheduled@example.net"], due=int(time.time()) + 3600)
    po.queue()
    assert sink.count() == 0
    po.queue()
    assert sink.count() == 0
    po.queue("--flush")
    assert [m.recipients for m in sink.messages()] == [["deferred@example.net"]]


def test_only_delivers_that_one_message(po):
    ids = [put(po, content=f"Subject: m{i}\n\n\n".encode()) for i in range(3)]
    po.queue("--ingest")
    po.queue("--only", ids[1])
    assert subjects(po.captured()) == ["m1"]
    missing = po.queue("--only", message_file.new_id(), ok=False)
    assert missing.returncode == 65 and "no waiting message" in missing.stderr


def test_ingest_takes_in_and_sends_nothing(po):
    put(po)
    po.queue("--ingest")
    assert po.dropped() == [] and len(po.files("queue")) == 1 and po.captured() == []


def test_an_expired_message_is_given_up(po, sink, shift_clock):
    sink.stop()
    po.relay(sink.port)
    po.configure(give_up_after="2d")
    put(po, sender="")
    po.queue()
    po.queue(env=shift_clock(2 * DAY - 3600))
    message, = po.list()
    assert message["state"] == "waiting"
    po.queue(env=shift_clock(2 * DAY + 3600))
    message, = po.list_all()
    assert message["state"] == "expired"
    assert po.files("queue") == [] and len(po.files("done")) == 1
    assert re.search("expired|given up", po.log())


def test_results_are_kept_for_each_recipient(po, sink):
    po.relay(sink.port)
    sink.rules({"stage": "RCPT", "match": "^later@", "reply": "450 4.2.1 mailbox busy", "times": 1},
               {"stage": "RCPT", "match": "^never@", "reply": "550 5.1.1 no such user"})
    put(po, ["good@example.net", "later@example.net", "never@example.net"], sender="")
    po.queue()
    assert {r["to"]: (r["status"], r["dsn"]) for r in po.results()} == {
        "good@example.net": ("sent", "2.0.0"), "later@example.net": ("deferred", "4.2.1"),
        "never@example.net": ("bounced", "5.1.1")}
    po.queue("--flush")
    assert [m.recipients for m in sink.messages()] == [["good@example.net"], ["later@example.net"]]
    message, = po.list_all()
    assert message["state"] == "failed"
    assert {r["address"]: r["state"] for r in message["recipients"]} == {
        "good@example.net": "sent", "later@example.net": "sent", "never@example.net": "failed"}
    file = message_file.read(po.files("done")[0])
    assert [s.state for s in file.slots] == ["S", "S", "F"]
    assert [s.status for s in file.slots] == ["2.0.0", "2.0.0", "5.1.1"]


# ---------------------------------------------------------------- cleanup

def aged_spool(po, sink):
    """Sent, failed, waiting, scheduled: one each, and when they were made does not matter to the last two."""
    po.relay(sink.port)
    sink.rules({"stage": "RCPT", "match": "^never@", "reply": "550 5.1.1 no such user"},
               {"stage": "RCPT", "match": "^later@", "reply": "450 4.2.1 busy"})
    made = {name: put(po, [f"{name}@example.net"], sender="", **keys) for name, keys in (
        ("good", {}), ("never", {}), ("later", {}), ("scheduled", {"due": int(time.time()) + 300 * DAY,
                                                                  "expires": int(time.time()) + 360 * DAY}))}
    po.queue()
    return made


def test_cleanup_removes_finished_mail_past_its_retention(po, sink, shift_clock):
    po.configure(keep_sent="7d", keep_failed="30d", give_up_after="300d")
    made = aged_spool(po, sink)
    done = po.queue("--cleanup", env=shift_clock(6 * DAY))
    assert "0" in done.stdout and len(po.files("done")) == 2
    done = po.queue("--cleanup", env=shift_clock(8 * DAY))
    assert re.search(r"\b1\b", done.stdout), done.stdout
    assert [p.name for p in po.files("done")] == [made["never"]]
    po.queue("--cleanup", env=shift_clock(31 * DAY))
    assert po.files("done") == []
    assert {m["queue_id"] for m in po.list()} == {made["later"], made["scheduled"]}


@pytest.mark.parametrize("days", ("0", "1", "3650"))
def test_cleanup_never_touches_unsent_mail(po, sink, shift_clock, days):
    po.configure(give_up_after="366d")
    made = aged_spool(po, sink)
    before = {p: p.read_bytes() for p in po.files("queue")}
    put(po, ["dropped@example.net"])
    po.queue("--cleanup", "--days", days, env=shift_clock(200 * DAY))
    assert {p: p.read_bytes() for p in po.files("queue")} == before and len(before) == 2
    assert len(po.dropped()) == 1
    assert po.files("done") == [] or days == "3650"
    assert {made["later"], made["scheduled"]} <= {m["queue_id"] for m in po.list()}


def test_cleanup_in_parts_removes_many(po, shift_clock):
    for i in range(300):
        put(po, [f"m{i}@example.net"])
    po.queue()
    waiting = put(po, due=int(time.time()) + DAY)
    po.queue("--ingest")
    po.configure(keep_sent="1h")
    done = po.queue("--cleanup", "--days", "0", env=shift_clock(2 * 3600))  # an hour at least, whatever --days says
    assert "300" in done.stdout, done.stdout
    assert po.files("done") == [] and [m["queue_id"] for m in po.list_all()] == [waiting]
    assert [p for p in (po.spool / "trash").rglob("*") if p.is_file()] == []
    assert po.queue("--check").returncode == 0


def test_what_was_cancelled_just_before_a_crash_is_never_sent(po, sink):
    """The heads are written, the commit never came: the files are right, the index follows them."""
    po.relay(sink.port)
    po.submit(b"Subject: x\n\nx\n", "a@example.net")
    po.submit(b"Subject: y\n\ny\n", "b@example.net", "c@elsewhere.example")
    po.queue("--ingest")
    index = po.spool / "index" / "live" / "data.mdb"
    before = index.read_bytes()
    po.queue("--cancel", "ALL")
    with index.open("r+b") as f:
        f.write(before)
        f.truncate()
    for file in po.files("done"):
        file.rename(po.spool / "queue" / file.parent.name / file.name)
    assert {m["state"] for m in po.list()} == {"waiting"}
    po.queue("-p", "2")
    assert sink.count() == 0 and po.files("queue") == []
    assert {m["state"] for m in po.list_all()} == {"cancelled"}
    check = po.queue("--check", ok=False)
    assert check.returncode == 0, check.stdout


# ---------------------------------------------------------------- rebuild

def test_a_rebuilt_index_is_the_same(po, sink):
    """The lists before and after are equal, in every field, for every kind of message."""
    aged_spool(po, sink)
    put(po, ["one@example.net", "never@example.net", "later@example.net"], tag="t", priority="low")
    put(po, key="k1", envid="abc")
    po.queue()
    before = po.list_all()
    assert len(before) == 7  # and a notice
    po.queue("--rebuild-index")
    after = po.list_all()
    assert sorted(before, key=lambda m: m["queue_id"]) == sorted(after, key=lambda m: m["queue_id"])
    assert po.queue("--check").returncode == 0


def test_check_finds_what_is_wrong(po):
    put(po)
    po.queue("--ingest")
    assert po.queue("--check").returncode == 0
    victim, = po.files("queue")
    victim.rename(po.base / "away")
    done = po.queue("--check", ok=False)
    assert done.returncode in (1, 2) and victim.name in done.stdout + done.stderr
    (po.base / "away").rename(victim)
    assert po.queue("--check").returncode == 0
    (po.spool / "queue").chmod(0o755)
    done = po.queue("--check", ok=False)
    assert done.returncode in (1, 2) and "queue" in done.stdout + done.stderr


# ---------------------------------------------------------------- watch

@pytest.mark.parametrize("system", (False, True), ids=("own", "system"))
def test_watch_picks_up_new_mail_within_a_second(request, system):
    po = request.getfixturevalue("system_po" if system else "po")
    po.submit(b"Subject: before\n\n\n", "a@example.net")
    watcher = po.start("--watch")
    wait_for(lambda: len(po.captured()) == 1, "what lay there before")
    for i in range(5):
        begun = time.monotonic()
        po.submit(f"Subject: m{i}\n\n\n".encode(), "a@example.net", uid=2001 if system else None)
        wait_for(lambda: len(po.captured()) == 2 + i, "the watcher delivers", 5)
        assert time.monotonic() - begun < 1
    watcher.terminate()
    assert watcher.wait(30) == 0, watcher.output()
    assert po.files("queue") == []


def test_watch_sends_scheduled_and_deferred_mail_by_itself(po, sink):
    po.relay(sink.port)
    po.configure(retry_first="1s", retry_max="1s")
    sink.rules({"stage": "RCPT", "match": "later", "reply": "451 4.2.1 busy", "times": 1})
    watcher = po.start("--watch")
    put(po, ["scheduled@example.net"], due=int(time.time()) + 2)
    put(po, ["later@example.net"])
    wait_for(lambda: sink.count() == 2, "both arrive")
    watcher.terminate()
    assert watcher.wait(30) == 0, watcher.output()


# ---------------------------------------------------------------- lists

def test_mailq_speaks_postfix_s_layout(po, sink):
    if not IS_ROOT:
        pytest.skip("needs root: puts the programs where they are configured to be, in a namespace")
    assert po.run_installed("mailq").stdout == "Mail queue is empty\n"
    sink.stop()
    po.relay(sink.port)
    po.submit(b"Subject: x\n\n" + b"y" * 3000 + b"\n", "-f", "me@example.org", "a@example.net", "b@example.net")
    po.queue()
    for program, args in (("mailq", ()), ("po-queue", ("--list",)), ("sendmail", ("-bp",))):
        done = po.run_installed(program, *args)
        assert done.returncode == 0, done.stderr
        lines = done.stdout.split("\n")
        assert re.match(r"^-+Queue ID-+ +--Size-- -+Arrival Time-+ -+Sender/Recipient-+$", lines[0])
        assert re.match(r"^[0-9A-Z]{26}[*!# ] +3\d{3} \w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d +me@example\.org$", lines[1]), lines
        assert re.search(r"^ *\(.*refused.*\)$", done.stdout, re.M)
        assert re.search(r"^ +a@example\.net$", done.stdout, re.M) and re.search(r"^ +b@example\.net$", done.stdout, re.M)
        assert re.match(r"^-- \d+ Kbytes in 1 Request\.$", lines[-2]) and lines[-1] == ""


def test_everybody_s_mailq_shows_figures_only(system_po, sink):
    po = system_po
    sink.stop()
    po.relay(sink.port)
    po.submit(b"Subject: x\n\nx\n", "secret@example.net", uid=2001)
    po.queue()
    done = po.run_installed("mailq", uid=2002)
    assert done.returncode == 0, done.stderr
    assert re.match(r"^-- \d+ Kbytes in 1 Request\.\n$", done.stdout), done.stdout
    assert "secret" in po.run_installed("mailq").stdout


# ---------------------------------------------------------------- the log

def test_pflogsumm_counts_right(po, sink):
    """Five messages: three delivered, one deferred twice, one bounced, by what another program reads in the log."""
    if not shutil.which("pflogsumm"):
        pytest.skip("needs pflogsumm")
    po.relay(sink.port)
    sink.rules({"stage": "RCPT", "match": "^never@", "reply": "550 5.1.1 no such user"},
               {"stage": "RCPT", "match": "^later@", "reply": "450 4.2.1 busy"})
    for name in ("one", "two", "three", "later", "never"):
        po.submit(b"Subject: x\n\nx\n", "-f", "me@example.org", "-N", "never", f"{name}@example.net")
    po.queue("-p", "2")
    po.queue("--flush")
    done = subprocess.run(["pflogsumm", "--syslog-name=po", str(po.log_file)], capture_output=True, text=True,
                          env={"PATH": "/usr/bin:/bin:/usr/sbin", "LC_ALL": "C", "TZ": "UTC"})
    totals = {name: int(number) for number, name in re.findall(r"^ +(\d+) +(received|delivered|deferred|bounced|rejected)\b",
                                                              done.stdout, re.M)}
    assert totals == {"received": 5, "delivered": 3, "deferred": 1, "bounced": 1, "rejected": 0}, done.stdout
    assert re.search(r"deferred +\(2 +deferrals\)", done.stdout), done.stdout
    assert re.search(r"^ +\d+ +senders$", done.stdout, re.M) and re.search(r"^ +1 +senders$", done.stdout, re.M), done.stdout


def test_nothing_foreign_reaches_the_log_unescaped(po, sink):
    po.relay(sink.port)
    sink.rules({"stage": "RCPT", "match": "esc", "reply": "550 5.1.1 \x1b]0;title\x07 no \u202e such"})
    po.submit(b"Subject: x\n\nx\n", "esc@example.net")
    po.queue()
    for text in (po.log(), po.queue("--list").stdout, po.queue("--list", "--all", "--json").stdout):
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text), text
    assert "\\x1b" in po.log()
    assert "no" in po.results()[0]["text"]


def test_a_second_message_with_one_s_key_is_not_sent(system_po):
    po = system_po
    keyed = b"X-PO-Key: order-17\nSubject: hello\n\nbody\n"
    for uid in (2001, 2001, 2002):
        po.submit(keyed, "a@example.net", uid=uid)
    po.queue()
    po.submit(keyed, "a@example.net", uid=2001)
    po.queue()
    states = collections.Counter((m["uid"], m["state"]) for m in po.list_all())
    assert states == {(2001, "sent"): 1, (2001, "duplicate"): 2, (2002, "sent"): 1}
    assert len(po.captured()) == 2 and po.files("queue") == []
    po.queue("--rebuild-index")
    assert collections.Counter((m["uid"], m["state"]) for m in po.list_all()) == states
    assert po.queue("--check").returncode == 0
