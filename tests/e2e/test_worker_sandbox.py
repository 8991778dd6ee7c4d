# SPDX-License-Identifier: ISC
"""A child that somebody took over: a worker reaches its session and the files of its jobs, the ingester what takes mail in."""
import os
import pathlib
import subprocess

import pytest

from wait import wait_for


def status(pid):
    return dict(line.split(":\t", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line)


def paused_worker(po, sink, stage="RCPT", **runner):
    """A runner with one worker that stands in the midst of a session."""
    po.relay(sink.port)
    po.submit(b"Subject: x\n\nx\n", "a@example.net")
    po.submit(b"Subject: other\n\nx\n", "-N", "never", "held@example.net")
    sink.pause(stage, 1)
    child = po.start("-p", "1", **runner)
    sink.wait_paused()
    worker, = [pid for pid in po.processes(child) if po.is_connected(pid, sink.port)]
    return child, worker


def test_a_worker_has_dropped_what_it_does_not_need(po, sink):
    child, worker = paused_worker(po, sink)
    now = status(worker)
    assert now["NoNewPrivs"] == "1" and now["Seccomp"] == "2", now
    limits = pathlib.Path(f"/proc/{worker}/limits").read_text()
    assert "Max core file size        0                    0" in limits
    open_now = [os.readlink(fd) for fd in pathlib.Path(f"/proc/{worker}/fd").iterdir()]
    spool = str(po.spool)
    folders = [f for f in open_now if f.startswith(spool) and os.path.isdir(f)]
    assert folders == [], "no folder of the spool is open"
    assert not any("/index/" in f for f in open_now)
    sink.resume()
    assert child.wait(60) == 0, child.output()
    assert sink.count() == 2


def test_sandboxed_workers_resolve_connect_speak_tls_and_capture(po, new_sink, ca):
    """By name, with a certificate that is verified, and into the Maildir of capture."""
    pair = ca.server("good")
    sink = new_sink(cert=pair.cert, key=pair.key)
    po.relay(sink.port, tls="verify", implicit_tls="no", ca_file=ca.ca_file)
    po.submit(b"Subject: x\n\nx\n", "a@example.net")
    po.queue("-p", "2")
    assert sink.messages()[0].tls and po.results(status="sent")
    po.configure(transport="capture", relay=None)
    po.submit(b"Subject: y\n\ny\n", "a@example.net")
    po.queue("-p", "2")
    assert len(po.captured()) == 1
    assert "sandbox" not in po.log()


def test_it_can_be_switched_off(po, sink):
    po.configure(sandbox=False)
    child, worker = paused_worker(po, sink)
    assert status(worker)["NoNewPrivs"] == "1" and status(worker)["Seccomp"] == "0"
    sink.resume()
    assert child.wait(60) == 0


def test_the_log_is_followed_when_it_is_rotated(po, sink):
    """The one file outside that a worker opens for writing."""
    po.relay(sink.port)
    watcher = po.start("--watch", "-p", "1")
    po.submit(b"Subject: x\n\nx\n", "a@example.net")
    wait_for(lambda: po.results(status="sent"), "the first")
    po.log_file.rename(po.log_file.with_suffix(".1"))
    po.submit(b"Subject: y\n\ny\n", "b@example.net")
    wait_for(lambda: po.results(status="sent"), "the second")
    watcher.terminate()
    assert watcher.wait(30) == 0


@pytest.fixture(scope="session")
def old_kernel(folder):
    """What stands before a program so that it finds neither seccomp nor landlock."""
    program = folder / "old_kernel"
    source = pathlib.Path(__file__).parent.parent / "tools" / "seccomp_exec.c"
    subprocess.run([os.environ.get("CC", "cc").split()[-1], "-O1", "-o", str(program), str(source)], check=True)
    return [str(program), "-o"]


def test_what_the_kernel_lacks_is_left_out_and_said_once(po, sink, old_kernel):
    po.relay(sink.port)
    for i in range(3):
        po.submit(b"Subject: x\n\nx\n", f"a{i}@example.net")
    done = subprocess.run([*old_kernel, *po.command("po-queue", "-p", "2")], capture_output=True, text=True, cwd="/",
                          env=po.environment(), timeout=60, **po._identity(None))
    assert done.returncode == 0, done
    assert sink.count() == 3
    said = [line for line in po.log().splitlines() if "sandbox: " in line]
    assert len(said) == 2 and "seccomp" in said[0] and "landlock" in said[1], said


def test_the_ingester_is_in_a_sandbox_too(po, sink):
    child, worker = paused_worker(po, sink)
    ingester, = [pid for pid in po.processes(child)[1:] if pid != worker]
    now = status(ingester)
    assert now["NoNewPrivs"] == "1" and now["Seccomp"] == "2", now
    sink.resume()
    assert child.wait(60) == 0
