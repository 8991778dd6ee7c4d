# SPDX-License-Identifier: ISC
"""The table "State x crash point" of spool-layout.md, row by row: a kill (K) or a power cut (P) at the place that the row
names, then runs until nothing waits, and each recipient ends as the row says.

A place is a call and functions around it, innermost first; where it needs something to have been done before, `after`
is another place. A kill ends all of po at once. A power cut does the same to a spool on ext4, and goes on with what was on
the disk then, under another boot id.
"""
import collections
import dataclasses
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess

import pytest

import disk
import judge
import message_file
from po import wait_gone
from sweep import IS_LONG, SEED, Fault
from test_sweep import injector  # noqa: F401, a fixture
from wait import wait_for

LAYOUT = pathlib.Path(__file__).resolve().parents[2] / "spool-layout.md"
HOUR = 3600
TICK = ("fdatasync", "index_commit", "tick_end", "runner_tick")  # the commit of a tick
ACT = ("fdatasync", "index_commit", "tick_end")  # that of a tool's act, where no runner is
HAND_OUT = ("sendmsg", "wire_send_files", "send_parcel")  # jobs go to a worker
REPORT = ("sendmsg", "wire_send_files", "outbox_flush")  # a worker tells the result

# What may become of a recipient: how often the mail may come, and whether an attempt must be counted in doubt.
ENDS = {
    "once": lambda times, doubts: times == 1,
    "never": lambda times, doubts: times == 0,
    "unsure": lambda times, doubts: times <= 1,
    "counted": lambda times, doubts: doubts >= 1 and 1 <= times <= 1 + doubts,
    "once, or counted": lambda times, doubts: 1 <= times <= 1 + doubts,
    "twice": lambda times, doubts: times == 2,
}
ONE = {"sent@example.net": "once"}


# ---------------------------------------------------------------- what is in the spool before

def submit(po, *recipients, key=None, body="text"):
    head = f"X-PO-Key: {key}\n" if key else ""
    for recipient in recipients:
        po.submit(f"{head}Subject: x\n\n{body}\n".encode(), "-f", "sender@example.org", recipient)


def one_waits(po):
    submit(po, "sent@example.net")


def two_wait(po):
    submit(po, "sent@example.net", "sent2@example.net")


def one_is_queued(po):
    one_waits(po)
    po.queue("--ingest")


def one_is_deferred_first(po):
    submit(po, "deferred@example.net")


def one_bounces(po):
    submit(po, "bounced@example.net")


def one_was_sent(po):
    one_waits(po)
    po.queue("-p", "1")


def one_has_failed(po):
    one_bounces(po)
    po.queue("-p", "1")


def two_of_a_key(po):
    submit(po, "sent@example.net", key="k", body="first")
    submit(po, "sent2@example.net", key="k", body="second")


def a_repeat_of_a_key(po):
    submit(po, "sent@example.net", key="k", body="first")
    po.queue("--ingest")
    submit(po, "sent2@example.net", key="k", body="second")


def one_too_many(po):
    po.configure(uid_messages=1)
    one_is_queued(po)
    submit(po, "sent2@example.net")


def one_to_be_released(po):
    one_too_many(po)
    po.queue("--ingest")
    po.configure(uid_messages=0)


# ---------------------------------------------------------------- what is found after the crash

def nothing_in_drop(rig):
    assert rig.po.dropped() == []


def original_is_whole(rig):
    for path in rig.po.dropped():
        data = path.read_bytes()
        assert message_file.read(path).whole, data
    assert rig.po.dropped()


def original_and_copy(rig):
    original_is_whole(rig)
    assert rig.po.files("queue")


def slot(rig):
    path, = rig.po.files("queue")
    return message_file.read(path).slots[0]


def slot_is(*states):
    def look(rig):
        found = slot(rig)
        assert (found.state if found else "?") in states, found
    return look


def head_is(*states):
    def look(rig):
        path, = rig.po.files("queue")
        assert message_file.read(path).head.state in states
    return look


def in_done(rig):
    assert len(rig.po.files("done")) == 1 and rig.po.files("queue") == []


def in_done_or_queue(rig):
    assert len(rig.po.files("done")) + len(rig.po.files("queue")) == 1


def one_notice(rig):
    """The sender is told once, and of this recipient."""
    bounces = [m for m in rig.arrived if m["sender"] == ""]
    assert len(bounces) == 1 and b"bounced@example.net" in bounces[0]["content"], bounces


# ---------------------------------------------------------------- what is done besides

def rebuild(rig):
    rig.po.queue("--rebuild-index")


def lose_the_index(rig):
    shutil.rmtree(rig.po.spool / "index" / "live")


def noise_over_the_index(rig):
    data = rig.po.spool / "index" / "live" / "data.mdb"
    data.write_bytes(os.urandom(data.stat().st_size))


def check_names_it(rig):
    """Row 24: a final file without a record."""
    path, = rig.po.files("done")
    done = rig.po.queue("--check", ok=False)
    assert done.returncode != 0 and path.name in done.stdout + done.stderr, done
    rig.po.queue("--rebuild-index")
    assert [m["queue_id"] for m in rig.po.list_all()] == [path.name]
    rig.po.queue("--cleanup", "--days", "0", env=rig.shift_clock(2 * HOUR))
    assert rig.po.list_all() == [] and rig.po.files("done") == []


def ask_again(*args):
    """The tool was not answered, and is called again."""
    def repeat(rig):
        rig.po.queue(*args)
    return repeat


def release(rig):
    rig.po.queue("--release", "ALL")


# ---------------------------------------------------------------- the rows

@dataclasses.dataclass(frozen=True)
class Row:
    number: str
    crashes: str
    prepare: callable
    at: tuple = ()
    ends: dict = dataclasses.field(default_factory=lambda: ONE)
    after: tuple = ()
    n: int = 1
    how: str = "kill"
    program: str = "po-queue"
    args: tuple = ("-p", "1")
    input: bytes = b""
    later: int = 0  # the run that crashes lives so many seconds later
    found: callable = None
    then: callable = None
    end: callable = None
    stop: tuple = ()  # (stage, signal): no place in po, but one at the server
    bad_may_have: bool = False
    what: str = ""

    def name(self, crash):
        return "-".join(filter(None, (self.number, crash, self.what)))


SUBMIT = {"prepare": lambda po: None, "program": "sendmail", "args": ("-i", "-f", "sender@example.org", "sent@example.net"),
          "input": b"Subject: x\n\ntext\n"}

ROWS = (
    Row("1", "KP", **SUBMIT, at=("linkat", "give_name"), found=nothing_in_drop, ends={"sent@example.net": "never"}),
    Row("2", "K", **SUBMIT, at=("fsync", "finish", "drop_publish"), found=original_is_whole),
    Row("3", "P", **SUBMIT, at=("fsync", "finish", "drop_publish"), ends={"sent@example.net": "unsure"}, bad_may_have=True),
    Row("4", "KP", one_waits, found=original_is_whole),
    Row("5", "K", one_waits, ("write", "copy_bytes"), how="tear", found=original_is_whole),
    Row("5", "P", one_waits, ("syncfs", "sync_copies"), found=original_is_whole),
    Row("6", "KP", two_wait, ("sendmsg", "send_taken"), found=original_and_copy,
        ends={"sent@example.net": "once", "sent2@example.net": "once"}),
    Row("7", "KP", one_waits, ("renameat", "ingest_to_trash", "ingest_release"), found=original_and_copy),
    Row("8", "P", two_wait, ("renameat", "ingest_to_trash", "ingest_release"), n=2, found=original_and_copy,
        ends={"sent@example.net": "once", "sent2@example.net": "once"}),
    Row("8a", "KP", two_of_a_key, ("sendmsg", "send_taken"), found=original_and_copy,
        ends={"sent@example.net": "once", "sent2@example.net": "never"}),
    Row("8a", "KP", two_of_a_key, ("sendmsg", "send_taken"), found=original_and_copy, then=rebuild, what="rebuilt",
        ends={"sent@example.net": "once", "sent2@example.net": "never"}),
    Row("8b", "KP", a_repeat_of_a_key, TICK, after=("pwrite", "file_write_head", "runner_take_in"),
        args=("--ingest",), ends={"sent@example.net": "once", "sent2@example.net": "never"}),
    Row("8c", "KP", one_too_many, TICK, after=("pwrite", "file_write_head", "runner_take_in"), args=("--ingest",),
        ends={"sent@example.net": "once", "sent2@example.net": "once"}),
    Row("8d", "KP", one_to_be_released, ("pwrite", "file_write_head", "quota_release"), how="late",
        ends={"sent@example.net": "once, or counted", "sent2@example.net": "once"}),
    Row("9", "KP", one_waits, ("socketpair", "crew_fork", "fork_if_wanted"), found=slot_is("W")),
    Row("10", "K", one_waits, HAND_OUT, found=slot_is("W")),
    Row("11", "P", one_waits, HAND_OUT, ends={"sent@example.net": "counted"}),
    Row("12", "K", one_waits, ("send", "run_slice"), after=("pwrite", "file_write_slot", "job_mark_sending"),
        found=slot_is("s"), ends={"sent@example.net": "counted"}),
    Row("13", "-", one_waits, stop=("RCPT", signal.SIGTERM), found=slot_is("W", "d")),
    Row("14", "KP", one_waits, stop=("DOT", signal.SIGKILL), ends={"sent@example.net": "counted"}),
    Row("15", "K", one_waits, ("pwrite", "file_write_slot", "job_mark_results"), found=slot_is("s"),
        ends={"sent@example.net": "counted"}),
    Row("16", "K", one_waits, REPORT, found=slot_is("S")),
    Row("17", "P", one_waits, REPORT, found=slot_is("W", "d", "s"), ends={"sent@example.net": "counted"}),
    Row("18", "K", one_waits, TICK, after=REPORT, found=slot_is("S")),
    Row("18a", "K", one_bounces, REPORT, found=slot_is("F"), then=lose_the_index,
        ends={"bounced@example.net": "never"}, end=one_notice),
    Row("19", "P", one_waits, ("renameat", "spool_move_to_done"), found=slot_is("W", "d", "s"), end=in_done),
    Row("20", "P", one_waits, ("renameat", "spool_move_to_done"), found=slot_is("W", "d", "s"), then=lose_the_index,
        ends={"sent@example.net": "twice"}),
    Row("21", "KP", one_is_deferred_first, TICK, after=("pwrite", "file_write_head", "end_claim"),
        ends={"deferred@example.net": "once, or counted"}),
    Row("22", "KP", one_waits, ("renameat", "spool_move_to_done"), found=slot_is("W", "d", "s", "S"), end=in_done),
    Row("23", "KP", one_waits, TICK, after=("renameat", "spool_move_to_done"), found=in_done_or_queue, end=in_done),
    Row("23a", "P", one_waits, ("unlinkat", "index_close", "clear"), found=in_done_or_queue, end=in_done),
    Row("24", "KP", one_was_sent, ("renameat", "spool_trash"), args=("--cleanup", "--days", "0"), later=2 * HOUR,
        then=check_names_it, ends={}),
    Row("25", "KP", one_waits, HAND_OUT, then=lose_the_index, what="lost"),
    Row("25", "K", one_waits, ("pwrite", "file_write_slot", "job_mark_results"), then=noise_over_the_index, what="noise",
        ends={"sent@example.net": "counted"}),
    Row("25", "P", one_waits, ("fdatasync", "index_commit", "runner_tick"), then=noise_over_the_index, what="noise"),
    Row("26", "KP", one_is_queued, ACT, after=("pwrite", "file_write_head"), args=("--hold", "ALL"), found=head_is("H", "W"),
        then=ask_again("--hold", "ALL"), end=head_is("H"), ends={"sent@example.net": "never"}),
    Row("26c", "KP", one_is_queued, ACT, after=("pwrite", "file_write_head"), args=("--cancel", "ALL"),
        found=head_is("C", "W"), ends={"sent@example.net": "unsure"}),
    Row("26a", "KP", one_has_failed, ACT, after=("pwrite", "file_write_head"), args=("--requeue", "--all", "ALL"),
        then=ask_again("--requeue", "--all", "ALL"), ends={"bounced@example.net": "never"}),
    Row("26b", "KP", one_has_failed, ("write", "log_release"), after=ACT, args=("--requeue", "--all", "ALL"),
        found=head_is("W"), ends={"bounced@example.net": "never"}),
    Row("27", "KP", one_bounces, ("linkat", "link_as", "put_publish"), ends={"bounced@example.net": "never"}, end=one_notice),
    Row("28", "KP", one_bounces, TICK, after=("syncfs", "put_sync"), ends={"bounced@example.net": "never"}, end=one_notice),
    Row("29", "KP", one_bounces, ("write", "log_release"), after=("syncfs", "put_sync"),
        ends={"bounced@example.net": "never"}, end=one_notice),
)
CASES = {row.name(crash): (row, crash) for row in ROWS for crash in row.crashes}
# All of them, or some drawn by $PO_TEST_SEED.
CHOSEN = list(CASES) if IS_LONG else random.Random(SEED).sample(list(CASES), 16)


# ---------------------------------------------------------------- the way of each

class Rig:
    def __init__(self, po, sink, injector, shift_clock, row, crash):
        self.po, self.sink, self.injector, self.shift_clock = po, sink, injector, shift_clock
        self.row, self.crash, self.disk = row, crash, None
        self.arrivals = judge.Arrivals(sink)
        self.arrived = []
        self.env = shift_clock(row.later) if row.later else None
        po.relay(sink.port)
        po.configure(stop_grace="1s", retry_first="5m", min_free="1M")
        self.rules()
        row.prepare(po)
        self.before = self.arrivals.new()
        subprocess.run(["cp", "-a", str(po.spool), str(po.base / "template")], check=True)

    def rules(self):
        self.sink.rules({"stage": "RCPT", "match": "bounced@", "reply": "550 5.1.1 nobody", "times": -1},
                        {"stage": "RCPT", "match": "deferred@", "reply": "451 4.2.1 later", "times": 1})

    def restore(self):
        """The spool as it was prepared, on a disk of its own when the power is to fail."""
        shutil.rmtree(self.po.spool)
        if self.crash != "P":
            subprocess.run(["cp", "-a", str(self.po.base / "template"), str(self.po.spool)], check=True)
        else:
            self.po.spool.mkdir(0o700)
            shutil.copystat(self.po.base / "template", self.po.spool)
            os.chown(self.po.spool, self.po.owner or 0, self.po.owner or 0)
            self.disk = disk.Disk(self.po.base / "image", self.po.spool)
            subprocess.run(["cp", "-a", f"{self.po.base}/template/.", str(self.po.spool)], check=True)
            self.disk.settle()
        self.rules()
        self.arrivals.new()

    def run(self, **more):
        return self.injector.run(self.po, self.row.program, self.row.args, input=self.row.input, env=self.env, **more)

    def place(self, recorded, call, *functions, behind=0):
        """The first call from within these functions; rather one that was first made behind so many others."""
        places = self.injector.places()
        for i in (*range(behind, len(places)), *range(behind)):
            at = iter(places[i].functions)
            if places[i].call == call and all(f in at for f in functions):
                return i, places[i]
        raise AssertionError(f"the run never comes to {call} in {' < '.join(functions)}: {recorded}")

    def strike(self):
        """po is killed at the row's place."""
        row = self.row
        recorded = self.run()
        behind, after = self.place(recorded, *row.after) if row.after else (0, None)
        _, at = self.place(recorded, *row.at, behind=behind if row.number == "12" else 0)
        self.restore()
        outcome = self.run(fault=Fault(at.call, at.site, row.n, row.how), after=after, whole=True)
        assert outcome.fired, f"{row.at} is not reached again: {outcome}"

    def strike_at_server(self):
        """po is killed while the server stands still."""
        stage, with_signal = self.row.stop
        self.restore()
        self.sink.pause(stage, self.sink.status()["counts"][stage] + 1)
        runner = self.po.start(*self.row.args)
        self.sink.wait_paused()
        pids = self.po.processes(runner)
        for pid in pids if with_signal == signal.SIGKILL else pids[:1]:
            os.kill(pid, with_signal)
        runner.wait(60)
        wait_gone(pids)
        self.sink.resume()

    def crash_it(self):
        if self.row.stop:
            self.strike_at_server()
        elif self.row.at:
            self.strike()
        else:
            self.restore()
        if self.disk:
            self.disk.cut()

    def times(self):
        """How often the mail came to each recipient since the spool was prepared."""
        self.arrived += self.arrivals.new()
        return collections.Counter(r for m in self.arrived for r in m["recipients"])

    def doubts(self, listed):
        return {r["address"]: m["in_doubt"] for m in listed for r in m["recipients"]}

    def check(self):
        row = self.row
        listed = self.po.list_all() if row.bad_may_have else judge.check_spool(self.po, rebuild=False)
        times, doubts = self.times(), self.doubts(listed)
        for recipient, end in row.ends.items():
            n, doubt = times[recipient], doubts.get(recipient, 0)
            assert ENDS[end](n, doubt), f"{recipient} came {n} times, in doubt {doubt} times: not {end}"

    def recover(self):
        if "--hold" in self.row.args:
            self.po.queue("-p", "1")
        else:
            judge.recover(self.po, self.shift_clock)


@pytest.mark.parametrize("name", CHOSEN)
def test_a_row_ends_as_it_says(po, sink, shift_clock, injector, name):
    row, crash = CASES[name]
    if crash == "P" and disk.why_not():
        pytest.skip(disk.why_not())
    rig = Rig(po, sink, injector, shift_clock, row, crash)
    try:
        rig.crash_it()
        for step in (row.found, row.then):
            if step:
                step(rig)
        rig.recover()
        rig.check()
        if row.end:
            row.end(rig)
    finally:
        if rig.disk:
            rig.disk.close()


def test_each_row_of_the_table_has_its_test():
    """A row, and each crash that it names."""
    text = LAYOUT.read_text().partition("## State x crash point")[2].partition("\n## ")[0]
    rows = [line.split("|")[1:4] for line in text.splitlines() if re.match(r"\| [0-9]", line)]
    wanted = {(number.strip(), crash) for number, _, crashes in rows for crash in crashes.split()}
    assert wanted == {(row.number, crash) for row, crash in CASES.values()}
    assert len(wanted) > 50
