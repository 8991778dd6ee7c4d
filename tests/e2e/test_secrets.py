# SPDX-License-Identifier: ISC
"""Where a password and a private key can be found: in the one buffer of who needs them, and nowhere else.

Memory is read as root reads it (/proc/PID/mem), so that freed memory is looked at too.
"""
import base64
import os
import pathlib
import re
import subprocess

import pytest

from po import IS_ROOT
from wait import wait_for

pytestmark = pytest.mark.skipif(not IS_ROOT, reason="only root may read the memory of these processes")

PASSWORD = "correct-horse-battery-staple-7431"
USER = "joe-the-user"


def memory(pid):
    """All that the process can write to, in pieces."""
    maps = pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines()
    with open(f"/proc/{pid}/mem", "rb", 0) as mem:
        for line in maps:
            place, rights = line.split()[:2]
            if rights[:2] != "rw":
                continue
            begin, end = (int(x, 16) for x in place.split("-"))
            mem.seek(begin)
            try:
                yield mem.read(end - begin)
            except OSError:
                pass  # [vvar] and its like


def count(pid, needle):
    return sum(piece.count(needle) for piece in memory(pid))


def forms(password, user=USER):
    """What goes over the wire instead of it."""
    plain = base64.b64encode(f"\0{user}\0{password}".encode())
    return [plain, plain[4:-4], base64.b64encode(password.encode()).rstrip(b"=")[:-1]]


def children(po, runner):
    """(ingester, workers)"""
    ingester, workers = None, []
    for pid in po.processes(runner)[1:]:
        fds = [os.readlink(fd) for fd in pathlib.Path(f"/proc/{pid}/fd").iterdir()]
        if str(po.spool / "drop") in fds:
            ingester = pid
        else:
            workers.append(pid)
    return ingester, workers


def delivered(po, n):
    wait_for(lambda: len(po.results(status="sent")) == n, f"{n} are sent")


def test_the_scan_would_find_one():
    """A process that frees what it knew is not clean."""
    child = subprocess.Popen(["python3", "-c", f"import sys; x = '{PASSWORD[:9]}' + '{PASSWORD[9:]}'; y = x + 'x'; del x, y; "
                              "print(flush=True); sys.stdin.read()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    child.stdout.readline()
    assert count(child.pid, PASSWORD.encode()) > 0
    child.communicate()


@pytest.mark.parametrize("mechanism", ("PLAIN", "LOGIN"))
@pytest.mark.parametrize("tls", ("none", "verify"))
def test_a_password_is_in_one_buffer_of_who_needs_it(po, new_sink, ca, tls, mechanism):
    """After its use, of which the worker's session is closed or not, it is in memory once, and in no other form."""
    pair = ca.server("good")
    more = {"cert": pair.cert, "key": pair.key} if tls == "verify" else {}
    sink = new_sink(users={USER: PASSWORD}, mechanisms=[mechanism], **more)
    po.relay(sink.port, tls=tls, user=USER, password=PASSWORD, **({"ca_file": ca.ca_file} if more else {}))
    runner = po.start("--watch", "-p", "1")
    for n in (1, 2):
        po.submit(b"Subject: x\n\nx\n", "a@example.net")
        delivered(po, n)
        ingester, (worker,) = children(po, runner)
        raw = PASSWORD.encode()
        for pid, most in ((runner.pid, 1), (worker, 1), (ingester, 0)):
            assert count(pid, raw) <= most, (pid, most)
            for form in forms(PASSWORD):
                assert count(pid, form) == 0, (pid, form)
        assert count(worker, raw) == 1, "the scan sees the buffer"
        wait_for(lambda: not po.is_connected(worker, sink.port), "the idle worker says goodbye")
    runner.terminate()
    assert runner.wait(30) == 0, runner.output()


@pytest.mark.parametrize("status,text", ((535, "5.7.8 wrong"), (454, "4.7.0 later")))
def test_a_refused_password_leaves_no_trace(po, new_sink, status, text):
    """Log, history, status, listing, standard error."""
    sink = new_sink(users={USER: "another"})
    po.relay(sink.port, user=USER, password=PASSWORD)
    sink.rules({"stage": "AUTH", "reply": f"{status} {text}", "times": -1})
    po.configure(log={**po.settings["log"], "level": "debug"})
    po.submit(b"Subject: x\n\nx\n", "a@example.net")
    said = po.queue("-p", "1", ok=False)
    listed = po.queue("--list", "--json").stdout + po.queue("--stats", ok=False).stdout
    probe = po.queue("--probe", "a@example.net", ok=False)
    text = po.log() + said.stdout + said.stderr + listed + probe.stdout + probe.stderr
    for file in po.spool.rglob("*"):
        if file.is_file():
            text += file.read_bytes().decode("latin-1")
    assert "5.7.8" in text or "4.7" in text
    for secret in (PASSWORD, *(f.decode() for f in forms(PASSWORD))):
        assert secret not in text


def test_no_process_shows_it(po, sink):
    """argv and environment, of the programs that a runner starts too; no core, and nothing of /proc for its own uid."""
    shown = po.base / "shown"
    shown.touch()
    shown.chmod(0o666)
    po.relay(sink.port)
    command = f"sh:{{ tr '\\0' '\\n' < /proc/self/environ; tr '\\0' ' ' < /proc/$PPID/cmdline; }} > {shown}; cat {po.base}/pw"
    (po.base / "pw").write_text(PASSWORD)
    (po.base / "pw").chmod(0o644)
    po.configure(relay={**po.settings["relay"], "user": USER, "password_command": command})
    runner = po.start("--watch", "-p", "1", env={"PO_TEST_SECRET": PASSWORD + "-env"})
    wait_for(lambda: po.processes(runner)[1:], "it begins")
    po.submit(b"Subject: x\n\nx\n", "a@example.net")
    wait_for(lambda: po.results(), "an attempt")
    assert PASSWORD not in shown.read_text()
    for pid in po.processes(runner):
        assert PASSWORD not in pathlib.Path(f"/proc/{pid}/cmdline").read_text()
        limits = pathlib.Path(f"/proc/{pid}/limits").read_text()
        assert re.search(r"Max core file size +0 +0 ", limits), (pid, limits)
        hidden = subprocess.run(["cat", f"/proc/{pid}/environ"], capture_output=True, **po._identity(None))
        assert hidden.returncode != 0, "its own uid can read it"
    runner.terminate()
    assert runner.wait(30) == 0, runner.output()


def test_a_private_key_is_where_it_is_needed(po, new_sink, ca):
    """The text of its file is in no memory, freed or not, and the ingester has no part of it."""
    pair = ca.server("good")
    sink = new_sink(cert=pair.cert, key=pair.key)
    key = po.base / "key.pem"
    key.write_bytes(pathlib.Path(pair.key).read_bytes())
    key.chmod(0o600)
    os.chown(key, po.owner, po.owner)
    po.relay(sink.port, tls="verify", ca_file=ca.ca_file, cert_file=pair.cert, key_file=key)
    runner = po.start("--watch", "-p", "1")
    po.submit(b"Subject: x\n\nx\n", "a@example.net")
    delivered(po, 1)
    ingester, (worker,) = children(po, runner)
    lines = [line.encode() for line in key.read_text().splitlines() if not line.startswith("-") and len(line) == 64]
    der = base64.b64decode("".join(line for line in key.read_text().splitlines() if not line.startswith("-")))
    # 20 bytes of the middle, as they stand and as OpenSSL keeps numbers
    part = der[-60:-40]
    for pid in (runner.pid, worker, ingester):
        assert [line for line in lines if count(pid, line)] == [], pid
        assert count(pid, part) == 0, pid
    assert count(ingester, part[::-1]) == 0
    runner.terminate()
    assert runner.wait(30) == 0, runner.output()
