# SPDX-License-Identifier: ISC
"""sendmail where other MTAs' set-id helpers fail: any uid, no privilege at all, almost nothing of the system."""
import os
import pathlib
import shutil
import signal
import stat
import subprocess

import pytest

from po import DEADLINE_S

MESSAGE = b"Subject: x\n\nx\n"
STRANGER = 2200  # a uid without a name

NOBODY = ["setpriv", f"--reuid={STRANGER}", f"--regid={STRANGER}", "--clear-groups"]

# name, what stands before the program's path
CAGES = [
    ("an ordinary uid", NOBODY),
    ("no new privileges", [*NOBODY, "--no-new-privs"]),
    ("an empty capability set", [*NOBODY, "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all"]),
    ("root without capabilities", ["setpriv", "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all"]),
    ("a user namespace", [*NOBODY, "unshare", "--user", "--map-current-user"]),
    ("a user namespace where it is root", [*NOBODY, "unshare", "--user", "--map-root-user"]),
    ("no network", ["unshare", "--net", *NOBODY]),
    ("umask 077", [*NOBODY, "sh", "-c", 'umask 077; exec "$0" "$@"']),
    ("umask 777", [*NOBODY, "sh", "-c", 'umask 777; exec "$0" "$@"']),
    ("no PATH", [*NOBODY, "env", "PATH="]),
    ("a relative home", [*NOBODY, "env", "HOME=.."]),
    ("a home that is missing", [*NOBODY, "env", "HOME=/nonexistent"]),
    ("few open files", [*NOBODY, "sh", "-c", 'ulimit -n 8; exec "$0" "$@"']),
    ("16 MiB of memory", [*NOBODY, "sh", "-c", 'ulimit -v 16384; exec "$0" "$@"']),
    ("stdout closed", [*NOBODY, "sh", "-c", 'exec "$0" "$@" >&-']),
    ("stdout and stderr closed", [*NOBODY, "sh", "-c", 'exec "$0" "$@" >&- 2>&-']),
    ("a relative folder that is no home", [*NOBODY, "env", "HOME=", "PWD=x"]),
    ("100 kB of environment", [*NOBODY, "env", *(f"X{i}={'x' * 1000}" for i in range(100))]),
    ("signals ignored", [*NOBODY, "sh", "-c", """trap '' PIPE CHLD ALRM HUP INT TERM XFSZ; exec "$0" "$@\""""]),
    ("signals blocked", [*NOBODY, "env", "--block-signal=PIPE,CHLD,ALRM,HUP,INT,TERM,XFSZ,IO,USR1"]),
    ("no core, little stack, little time", [*NOBODY, "sh", "-c", 'ulimit -c 0; ulimit -s 128; ulimit -t 10; exec "$0" "$@"']),
    ("files of 64 kB at most", [*NOBODY, "sh", "-c", 'ulimit -f 128; exec "$0" "$@"']),
    ("descriptors left open", [*NOBODY, "sh", "-c", 'exec 3</ 4>/dev/null 7</ 9</; exec "$0" "$@"']),
    ("a language that is not installed", [*NOBODY, "env", "LC_ALL=xx_XX.UTF-8", "LANG=xx"]),
]


def call(po, before, *args, input=MESSAGE, env=None, **more):
    return subprocess.run([*before, *po.command("sendmail", *args)], input=input, capture_output=True,
                          env=po.environment() if env is None else env, timeout=DEADLINE_S, **more)


def assert_queued(po, n=1):
    files = po.dropped()
    assert len(files) == n
    for file in files:
        status = file.stat()
        assert stat.S_IMODE(status.st_mode) == 0o640 and status.st_nlink == 1
    return files


@pytest.mark.parametrize("before", [c[1] for c in CAGES], ids=[c[0] for c in CAGES])
def test_queues_in_a_cage(system_po, before):
    done = call(system_po, before, "-i", "a@example.net")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b""), done
    file, = assert_queued(system_po)
    group = (system_po.spool / "drop").stat().st_gid
    assert file.stat().st_gid == group
    system_po.queue("-p", "1")
    assert len(system_po.captured()) == 1


@pytest.fixture(scope="session")
def seccomp(folder):
    program = folder / "seccomp_exec"
    source = pathlib.Path(__file__).parent.parent / "tools" / "seccomp_exec.c"
    subprocess.run([os.environ.get("CC", "cc"), "-O1", "-o", str(program), str(source)], check=True)
    return str(program)


@pytest.mark.parametrize("args,input,text", [(["-i", "a@example.net"], MESSAGE, b""),
                                             (["-bs"], b"MAIL FROM:<>\r\nRCPT TO:<a>\r\nDATA\r\n.\r\n", b"queued as")])
def test_queues_with_the_system_calls_of_a_service(system_po, seccomp, args, input, text):
    done = call(system_po, [*NOBODY, seccomp], *args, input=input)
    assert (done.returncode, done.stderr) == (0, b"") and text in done.stdout, done
    assert_queued(system_po)


def test_the_filter_of_system_calls_kills(seccomp):
    assert subprocess.run([seccomp, "/bin/mkdir", "/var/tmp/never"], capture_output=True).returncode == -signal.SIGSYS


# name, what stands before the program, what stderr says (glibc's words|musl's)
TOO_SMALL = [
    ("files of 8 kB at most", 'ulimit -f 16; exec "$0" "$@"', "{drop}: File too large"),
    ("no file at all", 'ulimit -f 0; exec "$0" "$@"', "{drop}: File too large"),
    ("no descriptor free", 'ulimit -n 3; exec "$0" "$@"', "Too many open files|No file descriptors"),
]


@pytest.mark.parametrize("script,says", [c[1:] for c in TOO_SMALL], ids=[c[0] for c in TOO_SMALL])
def test_a_limit_that_is_too_small_is_told(system_po, script, says):
    message = b"Subject: x\n\n" + b"0123456789abcde\n" * 4000
    done = call(system_po, [*NOBODY, "sh", "-c", script], "-i", "a@example.net", input=message)
    text = done.stderr.decode()
    assert done.returncode in (75, 78) and done.stdout == b"", done
    assert text.startswith("sendmail: ") and text.count("\n") == 1
    assert any(words.format(drop=system_po.spool / "drop") in text for words in says.split("|")), text
    assert list((system_po.spool / "drop").iterdir()) == []


def test_a_warning_that_nobody_reads_loses_no_mail(system_po):
    """stderr is a pipe whose reader is gone."""
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([*NOBODY, *system_po.command("sendmail", "-N", "bad", "-i", "a@example.net")], input=MESSAGE,
                          stdout=subprocess.PIPE, stderr=writer, env=system_po.environment(), timeout=DEADLINE_S)
    os.close(writer)
    assert done.returncode == 0 and done.stdout == b""
    assert_queued(system_po)


def test_queues_with_a_clean_environment(system_po):
    """PO_CONFIG must be there for this rig; nothing else is."""
    done = call(system_po, NOBODY, "a@example.net", env={"PO_CONFIG": str(system_po.config_file)}, cwd="/")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b""), done
    assert_queued(system_po)


def test_queues_in_a_folder_that_is_gone(system_po, tmp_path):
    gone = tmp_path / "gone"
    gone.mkdir()
    done = call(system_po, [*NOBODY, "sh", "-c", 'rmdir "$PWD"; exec "$0" "$@"'], "a@example.net", cwd=gone)
    assert done.returncode == 0, done
    assert_queued(system_po)


@pytest.mark.parametrize("dev", ["/dev/null", "no /dev"])
@pytest.mark.parametrize("closed", range(8))
def test_closed_descriptors_do_not_reach_the_message(system_po, closed, dev):
    """The file in drop/ must never be descriptor 0, 1 or 2: what is said (a warning here) would be written into it."""
    script = "" if dev == "/dev/null" else (
        "mount --bind /dev/shm /mnt && mount -t tmpfs none /dev && mkdir /dev/shm && mount --bind /mnt /dev/shm && "
        "! [ -e /dev/null ] && ")
    script += 'exec "$0" "$@" ' + " ".join(f"{fd}{'<' if fd == 0 else '>'}&-" for fd in range(3) if closed & 1 << fd)
    before = ["unshare", "--mount", "sh", "-c", script] if dev != "/dev/null" else ["sh", "-c", script]
    done = call(system_po, [*before, *NOBODY], "-f", "s@example.org", "-N", "bad", "-i", "a@example.net")
    assert done.returncode == 0 and done.stdout == b"", done
    assert (b"warning: -N bad" in done.stderr) == (closed & 4 == 0), done
    assert_queued(system_po)
    system_po.queue("-p", "1")
    message, = system_po.captured()
    assert message.endswith(b"\n\n" if closed & 1 else b"\n\nx\n") and b"sendmail:" not in message


def test_queues_on_a_read_only_root_with_only_drop_writable(system_po):
    spool, drop = system_po.spool, system_po.spool / "drop"
    script = f"""
        mount --rbind / /mnt && mount --bind {spool} /mnt{spool} && mount -o remount,bind,ro /mnt{spool} &&
        mount --bind {drop} /mnt{drop} && mount -o remount,bind,ro /mnt &&
        ! touch /mnt/x /mnt{spool}/x 2>/dev/null && [ ! -e /mnt/x ] && [ ! -e {spool}/x ] &&
        exec chroot /mnt "$0" "$@"
    """
    done = call(system_po, ["unshare", "--mount", "sh", "-c", script, *NOBODY], "-i", "a@example.net")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b""), done
    assert_queued(system_po)


@pytest.mark.parametrize("mask", ["022", "777"])
def test_queues_without_proc(system_po, mask):
    """The file has a name from the beginning then; nothing of that is left behind."""
    script = f'mount -t tmpfs none /proc && umask {mask} && exec "$0" "$@"'
    done = call(system_po, ["unshare", "--mount", "sh", "-c", script, *NOBODY], "-i", "a@example.net")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b""), done
    assert_queued(system_po)
    assert list((system_po.spool / "drop").glob("t.*")) == []


def test_queues_from_a_nosuid_noexec_nodev_spool(system_po):
    drop = system_po.spool / "drop"
    script = f'mount --bind {drop} {drop} && mount -o remount,bind,nosuid,noexec,nodev {drop} && exec "$0" "$@"'
    done = call(system_po, ["unshare", "--mount", "sh", "-c", script, *NOBODY], "-i", "a@example.net")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b""), done
    assert_queued(system_po)


# name, what is done to the spool, what stderr must name
UNWRITABLE = [
    ("no spool", lambda po: shutil.rmtree(po.spool), "{drop}"),
    ("no drop/", lambda po: shutil.rmtree(po.spool / "drop"), "{drop}"),
    ("a wrong mode", lambda po: (po.spool / "drop").chmod(0o755), "0755"),
    ("a link", lambda po: ((po.spool / "drop").rename(po.spool / "x"), (po.spool / "drop").symlink_to(po.spool / "x")),
     "{drop}"),
    ("a file", lambda po: (shutil.rmtree(po.spool / "drop"), (po.spool / "drop").touch()), "{drop}"),
    ("no room", lambda po: po.configure(min_free="500T"), "min_free"),
]


@pytest.mark.parametrize("spoil,names", [u[1:] for u in UNWRITABLE], ids=[u[0] for u in UNWRITABLE])
@pytest.mark.parametrize("status", [75, 74, 71])
def test_not_queued_is_the_status_that_was_configured(system_po, spoil, names, status):
    spoil(system_po)
    system_po.configure(not_queued_exit=status)
    done = call(system_po, NOBODY, "a@example.net")
    text = done.stderr.decode()
    assert (done.returncode, done.stdout) == (status, b""), done
    assert text.startswith("sendmail: ") and text.count("\n") == 1
    assert names.format(drop=system_po.spool / "drop") in text


def test_a_configuration_that_cannot_be_read_is_78(system_po):
    system_po.config_file.write_text('spool = "')
    done = call(system_po, NOBODY, "a@example.net")
    assert done.returncode == 78 and done.stderr.count(b"\n") == 1, done
    system_po.config_file.write_text('domain = "a b";')
    done = call(system_po, NOBODY, "a@example.net")
    assert done.returncode == 78 and done.stderr.count(b"\n") == 1, done


def test_a_program_that_is_stopped_leaves_nothing(system_po):
    child = subprocess.Popen([*NOBODY, *system_po.command("sendmail", "-i", "a@example.net")], stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=system_po.environment())
    child.stdin.write(MESSAGE)
    child.stdin.flush()
    child.terminate()
    child.wait(DEADLINE_S)
    child.stdin.close()
    assert list((system_po.spool / "drop").iterdir()) == []
