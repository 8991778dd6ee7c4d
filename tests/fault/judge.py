# SPDX-License-Identifier: ISC
"""What must hold after any fault, once po has run again without one.

    I1  what was accepted arrived, or its end is on record
    I2  what was refused never arrived
    I3  nothing arrived more often than once and once for each attempt in doubt
    I4  the index is what a rebuild makes of the files
    I5  nothing lies where it does not belong, with other owners or modes: --check is content, bad/ is empty
    I6  each run ends by itself
"""
import base64
import collections
import json

HOUR = 3600
ROUNDS = 6  # runs, two hours later each: what is in doubt or deferred is due again


class Arrivals:
    """What came to the sink: a file that only grows."""

    def __init__(self, sink):
        self.path = sink.folder / "messages.jsonl"
        self.at = 0

    def new(self):
        """The messages since the last call."""
        if not self.path.exists():
            return []
        with self.path.open("rb") as f:
            f.seek(self.at)
            data = f.read()
        self.at += len(data)
        found = []
        for line in data.splitlines():
            message = json.loads(line)
            message["content"] = base64.b64decode(message["content"])
            found.append(message)
        return found


def recover(po, shift_clock):
    """Run until nothing waits, as the minutes after a crash and the hours after that would."""
    for i in range(ROUNDS):
        po.queue("-p", "2", env=shift_clock(2 * HOUR * i) if i else None, timeout=60)
        if not po.files("queue") and not po.dropped():
            return
    raise AssertionError(f"still there: {[m for m in po.list()]} {po.dropped()}")


def shape(messages):
    """What a rebuild makes the same: not the texts of replies that a crash kept from history/."""
    return sorted((m["queue_id"], m["state"], m["attempts"], [(r["address"], r["state"]) for r in m["recipients"]]) for m in messages)


def check_spool(po, rebuild):
    """I4 (--check compares index and files, a rebuild proves it), I5. Returns all that is known."""
    before = po.list_all()
    check = po.queue("--check", ok=False)
    assert check.returncode == 0, check.stdout + check.stderr
    assert list((po.spool / "bad").iterdir()) == [], "set aside what was no user's fault"
    if rebuild:
        po.queue("--rebuild-index")
        after = po.list_all()
        assert shape(before) == shape(after), f"the rebuilt index is another one: {shape(before)} {shape(after)}"
    return before


def check_arrivals(arrived, listed, accepted, refused):
    """I1, I2, I3: sets of recipients, each of one message of its own."""
    times = collections.Counter(r for m in arrived for r in m["recipients"])
    doubts = collections.Counter()
    ended = set()
    for message in listed:
        for recipient in message["recipients"]:
            doubts[recipient["address"]] += message["in_doubt"]
            if recipient["state"] in ("failed", "expired", "cancelled"):
                ended.add(recipient["address"])
    lost = accepted - set(times) - ended
    assert not lost, f"lost: {lost}"
    assert not refused & set(times), f"sent although refused: {refused & set(times)}"
    for recipient, n in times.items():
        assert n <= 1 + doubts[recipient], f"{recipient}: arrived {n} times, in doubt {doubts[recipient]} times"
