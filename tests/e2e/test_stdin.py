# SPDX-License-Identifier: ISC
"""Where sendmail reads its message from: pipes, files, terminals, sockets, nothing, and what never ends."""
import fcntl
import os
import pathlib
import pty
import socket
import subprocess
import time

import pytest

import mail
from po import DEADLINE_S, IS_ROOT, state_of
from wait import wait_for

MESSAGE = b"Subject: x\n\nx\n"
TO = "a@example.net"


def start(po, stdin, *args):
    child = subprocess.Popen(po.command("sendmail", *args, TO), stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             env=po.environment(), cwd="/", **po._identity(None))
    po.children.append(child)
    return child


def end(child, status=0):
    out, err = child.communicate(timeout=DEADLINE_S)
    assert (child.returncode, out) == (status, b"") and (status != 0 or err == b""), (child.returncode, out, err)
    assert err == b"" or err.startswith(b"sendmail: ") and err.count(b"\n") == 1
    return err.decode()


def body(po):
    po.queue("-p", "1")
    message, = po.captured()
    return mail.split(message).body


def nothing_is_left(po):
    return list((po.spool / "drop").iterdir()) == []


def asleep(child):
    """It waits for input: what was written so far is read."""
    wait_for(lambda: state_of(child.pid) == "S" and "poll" in
             pathlib.Path(f"/proc/{child.pid}/wchan").read_text() + pathlib.Path(f"/proc/{child.pid}/stack").read_text()
             if IS_ROOT else state_of(child.pid) == "S", "sendmail waits for input")


def test_a_file_is_read_from_where_it_stands(po):
    """As anacron gives it."""
    file = po.base / "message"
    file.write_bytes(b"the job's own\n" * 1000 + MESSAGE)
    with file.open("rb") as f:
        f.seek(14 * 1000)
        end(start(po, f.fileno()))
    assert body(po) == b"x\n"


def test_an_empty_file_and_dev_null(po):
    for _ in range(2):
        end(start(po, subprocess.DEVNULL))
    po.queue("-p", "1")
    assert [mail.split(m).body for m in po.captured()] == [b"", b""]


def test_a_file_at_its_end(po):
    file = po.base / "message"
    file.write_bytes(MESSAGE)
    with file.open("rb") as f:
        f.seek(0, 2)
        end(start(po, f.fileno()))
    assert body(po) == b""


@pytest.mark.parametrize("what", ["a folder", "a file that is only written to"])
def test_what_cannot_be_read_is_66(po, what):
    fd = os.open(po.base, os.O_RDONLY) if what == "a folder" else os.open(po.base / "x", os.O_WRONLY | os.O_CREAT)
    err = end(start(po, fd), 66)
    os.close(fd)
    assert "read the message: " in err and nothing_is_left(po)


def test_byte_by_byte_through_a_pipe_that_does_not_block(po):
    reader, writer = os.pipe()
    fcntl.fcntl(reader, fcntl.F_SETFL, os.O_NONBLOCK)
    child = start(po, reader, "-i")
    os.close(reader)
    for byte in b"Subject: x\r\n\r\na\r\n.\r\nb":
        os.write(writer, bytes([byte]))
    asleep(child)
    os.close(writer)
    end(child)
    assert body(po) == b"a\n.\nb\n"


def test_a_socket_that_is_shut_down(po):
    ours, theirs = socket.socketpair()
    child = start(po, theirs.fileno())
    theirs.close()
    ours.sendall(MESSAGE)
    ours.shutdown(socket.SHUT_WR)
    end(child)
    ours.close()
    assert body(po) == b"x\n"


@pytest.mark.parametrize("args,typed,arrives", [(["-i"], b".\ntyped\n\x04", b".\ntyped\n"), ([], b"typed\n.\n", b"typed\n"),
                                                ([], b"..\ntyped\n\x04", b".\ntyped\n")])
def test_a_terminal(po, args, typed, arrives):
    main, side = pty.openpty()
    child = start(po, side, *args)
    os.write(main, b"Subject: x\n\n" + typed)
    end(child)
    os.close(main)
    os.close(side)
    assert body(po) == arrives


def test_what_is_behind_the_lone_dot_is_not_waited_for(po):
    reader, writer = os.pipe()
    child = start(po, reader)
    os.close(reader)
    os.write(writer, MESSAGE + b".\n")
    end(child)
    os.close(writer)
    assert body(po) == b"x\n"


def test_what_never_ends_is_refused_at_the_limit(po):
    po.configure(message_size_limit="100k")
    yes = subprocess.Popen(["yes"], stdout=subprocess.PIPE)
    child = start(po, yes.stdout)
    yes.stdout.close()
    err = end(child, 65)
    assert yes.wait(DEADLINE_S) != 0 and "message_size_limit" in err and nothing_is_left(po)


@pytest.mark.parametrize("already", [b"", b"Sub", MESSAGE], ids=["nothing", "half a header", "a message"])
def test_what_does_not_end_in_time_is_given_up(po, already):
    po.configure(stdin_timeout="1s")
    reader, writer = os.pipe()
    child = start(po, reader)
    os.close(reader)
    os.write(writer, already)
    err = end(child, 75)
    os.close(writer)
    assert "stdin_timeout" in err and nothing_is_left(po)


def test_drops_that_keep_coming_do_not_make_the_time_longer(po):
    """The limit is for the whole message."""
    po.configure(stdin_timeout="2s")
    reader, writer = os.pipe()
    child = start(po, reader)
    os.close(reader)
    begun = time.monotonic()
    try:
        while time.monotonic() < begun + DEADLINE_S:
            os.write(writer, b"x\n")
            try:
                child.wait(0.1)
                break
            except subprocess.TimeoutExpired:
                pass
    except BrokenPipeError:
        pass
    os.close(writer)
    assert "stdin_timeout" in end(child, 75) and time.monotonic() - begun < 30 and nothing_is_left(po)


def large(po, n):
    """A body of n bytes without a line end, under a limit of 16 MiB of address space."""
    script = f'ulimit -v 16384; {{ printf "Subject: x\\n\\n"; head -c {n} /dev/zero | tr "\\0" "\\145"; }} | "$0" "$@"'
    done = subprocess.run(["sh", "-c", script, *po.command("sendmail", "-i", TO)], capture_output=True, env=po.environment(),
                          timeout=600, **po._identity(None))
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    file, = po.dropped()
    size = file.stat().st_size
    file.unlink()
    # behind 998 bytes, then each 997, one LF and one blank are added
    assert n * 999 // 997 < size < n * 999 // 997 + 10000


def test_300_MB_need_16_MiB_of_memory_at_most(po):
    po.configure(message_size_limit="1G")
    large(po, 300000000)


@pytest.mark.skipif("PO_TEST_LONG" not in os.environ, reason="takes minutes: set PO_TEST_LONG")
def test_2_GB_need_16_MiB_of_memory_at_most(po, tmp_path):
    tmp_path.chmod(0o755)
    for parent in tmp_path.parents[:3]:
        parent.chmod(parent.stat().st_mode | 0o055)
    if IS_ROOT:
        os.chown(tmp_path, po.owner, po.owner)
    po.spool = tmp_path / "spool"
    po.configure(spool=po.spool, message_size_limit="3G")
    po.setup()
    large(po, 1 << 31)
