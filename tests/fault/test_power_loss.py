# SPDX-License-Identifier: ISC
"""The power fails between any two writes to the disk: what was acknowledged is there, or had arrived.

A runner delivers while mail is submitted, to a spool on a file system whose block writes are recorded. Each cut is the
disk as it may have been then: the writes up to the last flush, and of those behind it all, none, or some. It is mounted
(the file system recovers by its journal), under another boot id, and po runs until nothing waits.
"""
import bisect
import os
import random
import shutil

import pytest

import disk
import judge
import recorder
from sweep import IS_LONG, SEED
from wait import wait_for

CUTS = int(os.environ.get("PO_TEST_CUTS", "100" if IS_LONG else "3"))
MESSAGES = 10
SENDER = ("-f", "sender@example.org")


class Recording:
    """What was written, when mail was acknowledged, and when it arrived."""

    def __init__(self, po, sink, image, kind):
        self.po, self.sink, self.kind = po, sink, kind
        shutil.rmtree(po.spool)
        po.spool.mkdir(0o700)
        os.chown(po.spool, po.owner, po.owner)
        self.disk = disk.Disk(image, po.spool, kind)
        po.setup()
        self.disk.unmount()
        self.base = image.with_suffix(".base")
        self.disk.copy(self.base)
        self.acknowledged = {}  # recipient: when
        self.record()

    def record(self):
        tape = recorder.Recorder(self.po.base, self.disk.image)
        self.disk.source = tape.device
        self.disk.mount()
        try:
            self.work()
            self.disk.unmount()
        finally:
            tape.close()
        self.disk.source = self.disk.image
        self.writes = tape.writes()

    def submit(self, recipient):
        self.po.submit(f"Subject: to {recipient}\n\n{'text ' * 300}\n".encode(), *SENDER, recipient)
        self.acknowledged[recipient] = recorder.time.monotonic()

    def work(self):
        """Mail before and while a runner is there, a bounce, a deferral, acts, and the index made again."""
        for i in range(MESSAGES // 2):
            self.submit(f"early{i}@example.net")
        self.submit("bounced@example.net")
        self.submit("deferred@example.net")
        runner = self.po.start("-p", "2", "--watch")
        for i in range(MESSAGES // 2):
            self.submit(f"late{i}@example.net")
        wait_for(lambda: self.sink.count() == MESSAGES + 1, "all is delivered, and a bounce", 120)
        runner.terminate()
        assert runner.wait(60) == 0, runner.output()
        self.po.queue("--rebuild-index")
        self.submit("last@example.net")
        self.po.queue("--flush")
        self.po.queue("-p", "1")

    def moment(self, n):
        """When the power failed, if these were the first n writes: as late as can be, just before the next."""
        return self.writes[n].time if n < len(self.writes) else recorder.time.monotonic()


def cuts(writes, kind):
    """(how many writes were made, which of those behind the last flush are on the disk)"""
    draw = random.Random(f"{SEED} {kind}")
    flushes = [i for i, w in enumerate(writes) if w.data is None]
    points = sorted(draw.sample(range(len(writes) + 1), min(CUTS, len(writes) + 1)))
    for i, n in enumerate(points):
        at = bisect.bisect_left(flushes, n)
        behind = range(flushes[at - 1] + 1 if at else 0, n)
        # btrfs bears no half of what stands between two flushes: its own check says so, with po or without.
        way = i % (2 if kind == "btrfs" else 3)
        yield n, set(behind) if way == 0 else set() if way == 1 else {k for k in behind if draw.random() < 0.5}, behind


class Replay:
    """The image of a recording at one cut after another, from the first write to the last."""

    def __init__(self, recording):
        self.recording, self.done = recording, 0
        self.state = recording.base

    def apply(self, file, indices):
        with file.open("r+b") as f:
            for i in indices:
                write = self.recording.writes[i]
                if write.data is not None:
                    f.seek(write.offset)
                    f.write(write.data)

    def mount(self, kept, behind):
        """The disk with the writes before `behind`, and those of `behind` that were kept."""
        d = self.recording.disk
        self.apply(self.state, range(self.done, behind.start))
        self.done = max(self.done, behind.start)
        d.load(self.state)
        self.apply(d.image, sorted(kept))
        d.mount()
        disk.new_boot()


def look(recording, shift_clock, arrivals, n, arrived):
    """After the cut: nothing acknowledged is lost, and nothing doubled but what is counted."""
    po, moment = recording.po, recording.moment(n)
    arrivals.new()
    before = [m for m in arrived if m["at"] < moment]
    accepted = {r for r, when in recording.acknowledged.items() if when < moment}
    judge.recover(po, shift_clock)
    listed = judge.check_spool(po, rebuild=n % 2 == 0)
    judge.check_arrivals(before + arrivals.new(), listed, accepted, set())


@pytest.mark.parametrize("kind", disk.KINDS)
def test_no_acknowledged_message_is_lost(po, sink, shift_clock, kind):
    why_not = disk.why_not(kind) or recorder.why_not()
    if why_not:
        pytest.skip(why_not)
    po.relay(sink.port)
    po.configure(stop_grace="1s", retry_first="5m", min_free="1M")
    sink.rules({"stage": "RCPT", "match": "bounced@", "reply": "550 5.1.1 nobody", "times": -1},
               {"stage": "RCPT", "match": "deferred@", "reply": "451 4.2.1 later", "times": 1})
    arrivals = judge.Arrivals(sink)
    recording = Recording(po, sink, po.base / "image", kind)
    arrived, failures, replay = arrivals.new(), [], Replay(recording)
    doubts = 0
    for n, kept, behind in cuts(recording.writes, kind):
        po.log_file.unlink(missing_ok=True)
        replay.mount(kept, behind)
        try:
            look(recording, shift_clock, arrivals, n, arrived)
            doubts += sum(m["in_doubt"] for m in po.list_all())
        except AssertionError as e:
            failures.append(f"cut behind {n} writes of {len(recording.writes)}, {len(kept)} of the last {len(behind)} kept: {e}")
            print(failures[-1][:3000], flush=True)
        recording.disk.unmount()
    print(f"PO_TEST_SEED={SEED} {kind}: {CUTS} cuts of {len(recording.writes)} writes, {doubts} messages in doubt")
    assert not failures, f"{len(failures)} cuts:\n" + "\n".join(f[:1500] for f in failures)
