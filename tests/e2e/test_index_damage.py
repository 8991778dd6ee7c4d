# SPDX-License-Identifier: ISC
"""The index is overwritten, cut, or gone, at rest and while a runner has it open: never a crash, nothing lost, made again."""
import os
import random
import signal
import struct

import pytest

from wait import wait_for

SEED = int(os.environ.get("PO_TEST_SEED", "20261124"))
PAGE = 4096
MANY = 7500
CRASHES = {-signal.SIGSEGV, -signal.SIGBUS, -signal.SIGABRT}


def data_file(po):
    return po.spool / "index" / "live" / "data.mdb"


def fill(po, count=MANY, recipients=250):
    """An index larger than what each writer looks at as a whole (2 MiB)."""
    for i in range(count // recipients):
        batch = [f"r{i}x{n}-{'y' * 200}@example.net" for n in range(recipients)]
        po.submit(f"Subject: m{i}\n\nx\n".encode(), "-f", "sender@example.org", *batch)
    po.queue("--ingest")
    po.queue("--hold", "ALL")
    return count // recipients


def damage(po, how, draw):
    path = data_file(po)
    size = path.stat().st_size
    with path.open("r+b") as f:
        if how == "cut":
            f.truncate(size // 2 // PAGE * PAGE)
        elif how == "pages of noise":
            for page in draw.sample(range(2, size // PAGE), size // PAGE // 3):
                f.seek(page * PAGE)
                f.write(draw.randbytes(PAGE))
        elif how == "bytes of noise":
            for _ in range(size // PAGE * 4):
                f.seek(draw.randrange(2 * PAGE, size))
                f.write(draw.randbytes(2))
        elif how == "bounds of pages":
            # Pages that look right, whose nodes lie anywhere.
            for page in range(2, size // PAGE):
                f.seek(page * PAGE + 16)
                f.write(struct.pack("=8H", *(draw.randrange(65536) for _ in range(8))))


@pytest.mark.parametrize("how", ["cut", "pages of noise", "bytes of noise", "bounds of pages"])
def test_a_damaged_large_index_is_made_again(po, sink, how):
    print(f"PO_TEST_SEED={SEED}")
    po.relay(sink.port)
    count = fill(po)
    assert data_file(po).stat().st_size > 2 << 20 and not (po.spool / "index" / "writing").exists()
    damage(po, how, random.Random(f"{SEED} {how}"))
    for args in (("--list",), ("--list", "--json"), ("--stats",), ("--check",), ("--show", po.files("queue")[0].name)):
        done = po.queue(*args, ok=False)
        assert done.returncode not in CRASHES, (args, done.returncode, done.stderr)
        if done.returncode not in (0, 2):
            assert "index" in done.stderr, (args, done)
    for _ in range(2):  # who meets the damage in the midst of its work ends; the next one makes the index again
        done = po.queue("-p", "2", ok=False)
        assert done.returncode not in CRASHES, (done.returncode, done.stderr)
    assert done.returncode == 0, done.stderr
    listed = po.list()
    assert len(listed) == count and {m["state"] for m in listed} == {"held"}
    check = po.queue("--check", ok=False)
    assert check.returncode == 0, check.stdout
    assert not (po.spool / "index" / "suspect").exists()


@pytest.mark.parametrize("how", ["cut", "pages of noise", "bounds of pages", "gone"])
def test_an_index_is_damaged_under_a_runner(po, sink, how):
    """It ends or goes on, but does not crash; each mail arrives once."""
    print(f"PO_TEST_SEED={SEED}")
    po.relay(sink.port)
    fill(po)
    po.queue("--release", "ALL")
    sink.pause("MAIL", 3)
    runner = po.start("-p", "1")
    sink.wait_paused()
    if how == "gone":
        data_file(po).unlink()
    else:
        damage(po, how, random.Random(f"{SEED} {how}"))
    sink.resume()
    wait_for(lambda: runner.poll() is not None, "the runner ends", 60)
    assert runner.returncode not in CRASHES, (runner.returncode, runner.output())
    for _ in range(3):
        done = po.queue("-p", "2", ok=False)
        assert done.returncode not in CRASHES, (done.returncode, done.stderr)
    assert done.returncode == 0, done.stderr
    doubts = sum(m["in_doubt"] for m in po.list_all())
    arrived = [r for m in sink.messages() for r in m.recipients]
    assert len(arrived) - len(set(arrived)) <= doubts * 250
    assert len(set(arrived)) == MANY or doubts > 0
    check = po.queue("--check", ok=False)
    assert check.returncode == 0, check.stdout
