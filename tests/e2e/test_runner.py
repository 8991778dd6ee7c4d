# SPDX-License-Identifier: ISC
"""The runner has no work, or far too much of it."""
import os
import resource
import shutil
import subprocess
import sys

import pytest

from po import IS_ROOT
from wait import wait_for

TOOLS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "tools")
MALLORY = 2003
REQUESTS = 20000


@pytest.mark.skipif(not shutil.which("strace"), reason="no strace")
def test_an_idle_watcher_sleeps(po):
    """After a delivery, for longer than a heartbeat, the runner and its children make a handful of system calls."""
    watcher = po.start("--watch")
    po.submit(b"Subject: x\n\nx\n", "a@example.net")
    wait_for(lambda: po.results(status="sent"), "the delivery")
    wait_for(lambda: not any((po.spool / "trash").iterdir()), "the children's last work")
    traces = po.base / "calls"
    traces.mkdir()
    pids = [argument for pid in po.processes(watcher) for argument in ("-p", str(pid))]
    subprocess.run(["timeout", "-s", "INT", "12", "strace", "-ff", "-o", str(traces / "t"), *pids], check=False,
                   capture_output=True, timeout=60)
    calls = [line for file in traces.iterdir() for line in file.read_text().splitlines() if not line.startswith("---")]
    assert any(traces.iterdir()) and len(calls) < 80, "\n".join(calls[:200])
    watcher.terminate()
    assert watcher.wait(30) == 0, watcher.output()


def test_what_was_sent_is_told_while_the_next_one_stalls(po, sink):
    """A result is not kept until the server has answered to the message behind it."""
    po.relay(sink.port)
    sink.pause("DOT", 2)
    for name in ("first", "second"):
        po.submit(b"Subject: x\n\nx\n", f"{name}@example.net")
    po.queue("--ingest")
    runner = po.start("-p", "1")
    sink.wait_paused()
    wait_for(lambda: po.results(status="sent"), "the first is told of")
    assert [r["to"] for r in po.results()] == ["first@example.net"]
    sink.resume()
    assert runner.wait(30) == 0 and len(po.results(status="sent")) == 2


@pytest.mark.skipif(not IS_ROOT, reason="needs root for another uid")
def test_twenty_thousand_requests_of_one_uid_hold_nobody_up(system_po):
    """They are answered and removed, a few at a time; mail that comes behind them does not wait for the last."""
    po = system_po

    def requests():
        return len(list((po.spool / "drop").glob("a.*")))

    script = """
import os, sys, message_file as m
drop, n = sys.argv[1], int(sys.argv[2])
text = b"po-act 1\\nverb=cancel\\n" + b"".join(b"id=%s\\n" % m.new_id().encode() for _ in range(20))
os.umask(0)
for _ in range(n):
    fd = os.open(f"{drop}/a.{m.new_id()}", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o660)
    os.write(fd, text)
    os.close(fd)
"""
    subprocess.run([sys.executable, "-c", script, str(po.spool / "drop"), str(REQUESTS)], check=True, timeout=100,
                   env={"PYTHONPATH": TOOLS}, user=MALLORY, group=MALLORY, extra_groups=[])
    assert requests() == REQUESTS
    po.submit(b"Subject: behind\n\nx\n", "a@example.net", uid=2001)
    watcher = po.start("--watch")
    wait_for(lambda: po.results(status="sent"), "the mail of somebody else")
    left = requests()
    wait_for(lambda: requests() == 0, "the last request", 100)
    assert left > 0, "the mail waited for all of them"
    watcher.terminate()
    assert watcher.wait(30) == 0, watcher.output()


def test_an_index_that_cannot_be_written_ends_the_run_and_loses_nothing(po):
    """The disk is full for the index in the middle of a run: exit with an error; the next run sends each message once."""
    count = 300
    for i in range(count):
        po.submit(b"Subject: m%d\n\nx\n" % i, "a@example.net")
    po.queue("--ingest")
    size = (po.spool / "index" / "live" / "data.mdb").stat().st_size
    codes = []
    while 0 not in codes:
        limit = size + 8192 * len(codes)
        done = po.queue(ok=False, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
        assert done.returncode == 0 or (done.returncode in (74, 75) and "index: commit" in done.stderr), done
        codes.append(done.returncode)
    assert len(codes) > 1, "the index never was full"
    sent = [r["id"] for r in po.results(status="sent")]
    assert len(sent) == len(set(sent)) == count
    assert len(po.captured()) == count
