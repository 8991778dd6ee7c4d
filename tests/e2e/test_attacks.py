# SPDX-License-Identifier: ISC
"""Attacks of local users that no other test makes; tests/attacks lists them all, each with its test.

Attackers are uids of their own. What the kernel's protected_* settings would forbid is tried with them off, and as Debian
has them: po must not need them.
"""
import os
import pathlib
import random
import re
import shutil
import signal
import stat
import subprocess
import time

import pytest

import mail
import message_file
from test_hostile import MALLORY, as_mallory, reasons, secret_file, subjects

ALICE, BOB = 2001, 2002
MESSAGE = b"Subject: x\n\nx\n"
SETTINGS = ("hardlinks", "symlinks", "fifos", "regular")
NAMES = [pathlib.Path(f"/proc/sys/fs/protected_{name}") for name in SETTINGS]


@pytest.fixture(params=[(0, 0, 0, 0), (1, 1, 1, 2)], ids=["unprotected", "as in Debian"])
def links(request, system_po):
    """The kernel's protection of folders that everybody may write to, off and on."""
    before = [name.read_text() for name in NAMES]
    try:
        for name, value in zip(NAMES, request.param):
            name.write_text(str(value))
    except OSError as e:
        pytest.skip(f"fs.protected_* cannot be set: {e}")
    yield request.param[0] == 1
    for name, value in zip(NAMES, before):
        name.write_text(value)


def needs(program):
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"{program} is not installed")


def run_as(uid, *argv, **more):
    return subprocess.run(argv, user=uid, group=uid, extra_groups=[], cwd="/", capture_output=True, text=True, timeout=120, **more)


# ------------------------------------------------------------------ names in drop/

def test_another_s_mail_is_neither_linked_nor_doubled_nor_stopped(links, system_po):
    """S2. Bob has learnt the name of Alice's file (which drop/ does not show) and links it, moves it, removes it."""
    po, drop = system_po, system_po.spool / "drop"
    po.submit(b"Subject: from alice\n\nx\n", "a@example.net", uid=ALICE)
    name, = po.dropped()
    assert run_as(BOB, "ls", str(drop)).returncode != 0
    for argv in (["cat", str(name)], ["rm", "-f", str(name)], ["mv", str(name), f"{drop}/n.{message_file.new_id()}"],
                 ["sh", "-c", f"echo > {name}"]):
        assert run_as(BOB, *argv).returncode != 0, argv
    linked = run_as(BOB, "ln", str(name), f"{drop}/n.{message_file.new_id()}")
    assert (linked.returncode != 0) if links else (linked.returncode == 0)
    po.submit(b"Subject: from bob\n\nx\n", "b@example.net", uid=BOB)
    po.queue(ok=False)
    assert subjects(po) == ["from alice", "from bob"]
    owners = {m["uid"] for m in po.list_all()}
    assert owners == {ALICE, BOB} and po.dropped() == []
    po.queue(ok=False)
    assert len(po.captured()) == 2


def test_a_link_to_a_secret_is_never_read(links, system_po):
    """S3, S7. By a hard link, where the kernel lets one be made, and by a symbolic one; the secret looks like mail."""
    po, drop = system_po, system_po.spool / "drop"
    secret = secret_file(po)
    shutil.chown(secret, ALICE, ALICE)
    hard = run_as(BOB, "ln", str(secret), f"{drop}/n.{message_file.new_id()}")
    if drop.stat().st_dev == secret.stat().st_dev:
        assert (hard.returncode != 0) if links else (hard.returncode == 0)
    run_as(BOB, "ln", "-s", str(secret), f"{drop}/n.{message_file.new_id()}", check=True)
    po.submit(MESSAGE, "a@example.net", uid=ALICE)
    po.queue(ok=False)
    po.queue(ok=False)
    assert subjects(po) == ["x"] and "the password" not in reasons(po) + po.log()
    assert secret.exists() and stat.S_IMODE(secret.stat().st_mode) == 0o600


def test_nodes_of_every_kind_are_passed_by(links, system_po):
    """S12 and more: FIFO, socket, folder with something in it, names with a line feed and with control bytes."""
    po, drop = system_po, system_po.spool / "drop"
    as_mallory("""
import os, socket, message_file as m
drop = sys.argv[1]
os.mkfifo(f"{drop}/n.{m.new_id()}", 0o666)
socket.socket(socket.AF_UNIX).bind(f"{drop}/n.{m.new_id()}")
os.mkdir(f"{drop}/n.{m.new_id()}")
full = f"{drop}/n.{m.new_id()}"
os.mkdir(full)
open(f"{full}/file", "w").close()
for name in ("n.line\\nfeed", "n.\\x1b]0;title\\x07", "n." + "A" * 200, "n.", "-rf", "t.\\n"):
    open(f"{drop}/{name}", "w").close()
""", drop)
    started = time.monotonic()
    for n in (1, 2):
        po.submit(MESSAGE, "a@example.net", uid=ALICE)
        po.queue(ok=False)
        assert len(po.captured()) == n
    assert time.monotonic() - started < 60
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f]", po.log())
    assert po.queue("--check", ok=False).returncode in (0, 1, 2)


def test_a_file_that_changes_hands_after_it_was_published(system_po):
    """Mode, group, an ACL, a second owner's group: taken, or left and said; nobody else waits for it."""
    po, drop = system_po, system_po.spool / "drop"
    for change in ("os.chmod(name, 0)", "os.chmod(name, 0o4777)", "os.chown(name, -1, os.getgid())", "os.truncate(name, 10)",
                   "os.utime(name, (0, 0))", "os.utime(name, (2**33, 2**33))"):
        as_mallory("""
import os, message_file as m
drop, change = sys.argv[1:]
queue_id = m.new_id()
m.submit(drop, queue_id, m.build(queue_id, ["m@example.net"], b"Subject: changed\\n\\nx\\n"))
name = f"{drop}/n.{queue_id}"
exec(change)
""", drop, change)
    po.submit(MESSAGE, "a@example.net", uid=ALICE)
    po.queue(ok=False)
    assert subjects(po).count("x") == 1
    assert all(s in ("x", "changed") for s in subjects(po))
    for file in (*po.files("queue"), *po.files("done")):
        assert file.owner() == "po" and stat.S_IMODE(file.stat().st_mode) == 0o600


@needs("setfacl")
def test_an_access_list_on_one_s_own_file_changes_nothing(system_po):
    po, drop = system_po, system_po.spool / "drop"
    queue_id = message_file.new_id()
    as_mallory("import message_file as m\nm.submit(sys.argv[1], sys.argv[2], m.build(sys.argv[2], ['m@example.net'], b'Subject: acl\\n\\nx\\n'))",
               drop, queue_id)
    if run_as(MALLORY, "setfacl", "-m", f"u:{BOB}:rw", f"{drop}/n.{queue_id}").returncode != 0:
        pytest.skip("no access lists here")
    po.queue(ok=False)
    assert subjects(po) == ["acl"]
    done, = po.files("done")
    assert run_as(BOB, "cat", str(done)).returncode != 0


def test_a_mount_over_a_file_is_not_crossed(system_po):
    """Users may mount what they have written (FUSE) over files of theirs: reading it could take for ever."""
    po, drop = system_po, system_po.spool / "drop"
    secret = secret_file(po)
    po.submit(b"Subject: covered\n\nx\n", "a@example.net", uid=ALICE)
    name, = po.dropped()
    po.submit(MESSAGE, "b@example.net", uid=ALICE)
    script = 'mount --bind "$1" "$2" || exit 99; shift 2; "$@"'
    done = subprocess.run(["unshare", "-m", "sh", "-c", script, "sh", str(secret), str(name), *po.command("po-queue", "-p", "1")],
                          capture_output=True, text=True, cwd="/", env=po.environment(), timeout=60)
    if done.returncode == 99 or "unshare:" in done.stderr:
        pytest.skip(f"nothing can be mounted here: {done.stderr}")
    assert subjects(po) == ["x"] and "the password" not in reasons(po)
    po.queue(ok=False)
    assert "secret" not in subjects(po) and subjects(po).count("covered") <= 1


@needs("chattr")
def test_a_file_that_cannot_be_removed_is_sent_once(system_po):
    """The immutable attribute, which root alone can give: the message is known by its id and not taken in again."""
    po, drop = system_po, system_po.spool / "drop"
    po.submit(b"Subject: stone\n\nx\n", "a@example.net", uid=ALICE)
    name, = po.dropped()
    if subprocess.run(["chattr", "+i", str(name)], capture_output=True).returncode != 0:
        pytest.skip("this file system has no immutable attribute")
    try:
        po.submit(MESSAGE, "b@example.net", uid=ALICE)
        po.queue(ok=False)
        po.queue(ok=False)
        assert subjects(po).count("stone") <= 1 and subjects(po).count("x") == 1
    finally:
        subprocess.run(["chattr", "-i", str(name)], check=True)
    po.queue(ok=False)
    assert sorted(subjects(po)) == ["stone", "x"] and po.dropped() == []


def test_a_hundred_thousand_empty_files_delay_nobody_for_ever(system_po):
    """One user's rubbish; another's mail leaves in the same run."""
    po, drop = system_po, system_po.spool / "drop"
    as_mallory("""
import os
for i in range(100000):
    os.close(os.open(f"{sys.argv[1]}/n.{i:026d}", os.O_CREAT | os.O_WRONLY, 0o640))
""", drop)
    po.submit(MESSAGE, "a@example.net", uid=ALICE)
    po.queue(ok=False, timeout=300)
    assert subjects(po) == ["x"]
    kept = [p for p in (po.spool / "bad").rglob("*") if p.is_file()]
    assert len(kept) <= 210, "bad/ is bounded for each uid"


def test_two_writers_of_one_name(system_po):
    """O5. Bob has guessed the id that Alice will have: whoever comes second is refused, and the first is untouched."""
    po, drop = system_po, system_po.spool / "drop"
    queue_id = message_file.new_id()
    script = """
import os, message_file as m
drop, queue_id, subject = sys.argv[1:]
try:
    m.submit(drop, queue_id, m.build(queue_id, ["a@example.net"], f"Subject: {subject}\\n\\nx\\n".encode()))
except FileExistsError:
    pass
"""
    as_mallory(script, drop, queue_id, "first")
    as_mallory(script, drop, queue_id, "second")
    po.queue(ok=False)
    as_mallory(script, drop, queue_id, "third")
    po.queue(ok=False)
    assert subjects(po) == ["first"] and "id" in reasons(po)


# ------------------------------------------------------------------ sendmail

def signals_kill():
    """Whatever these tests inherited."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def test_a_storm_of_signals_leaves_whole_mail_or_none(system_po):
    """S6. Ended at random places: what answered 0 arrives once, what answered otherwise never, of the rest nothing is half."""
    po = system_po
    draw = random.Random(6)
    body = b"text\n" * 20000
    codes = {}
    for i in range(120):
        child = subprocess.Popen(po.command("sendmail", "-i", f"r{i}@example.net"), stdin=subprocess.PIPE,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=po.environment(), cwd="/",
                                 user=ALICE, group=ALICE, extra_groups=[], preexec_fn=signals_kill)
        half = draw.randrange(len(body)) if i % 2 else len(body)
        try:
            child.stdin.write(f"Subject: {i}\n\n".encode() + body[:half])
            child.stdin.flush()
            if half == len(body):
                child.stdin.close()
            time.sleep(draw.random() * 0.006)
        except BrokenPipeError:
            pass
        child.send_signal(draw.choice((signal.SIGTERM, signal.SIGINT, signal.SIGHUP)))
        codes[str(i)] = child.wait(60)
    assert not [p for p in (po.spool / "drop").iterdir() if not p.name.startswith("n.")], "an unfinished file is left"
    po.queue("-p", "1", ok=False)
    got = subjects(po)
    assert len(got) == len(set(got))
    for i, code in codes.items():
        assert code in (0, 75) or code < 0, (i, code)
        if code == 0:
            assert i in got
        if code > 0:
            assert i not in got
    for message in po.captured():
        assert mail.split(message).body.replace(b"\r\n", b"\n") == body


def test_a_header_of_a_hundred_megabytes_in_little_memory(system_po):
    """S11. A limit of ours or of the caller's: told, and nothing queued."""
    po = system_po
    script = 'ulimit -v 100000; { printf "Subject: "; head -c 100000000 /dev/zero | tr "\\0" x; } | "$0" -i a@example.net'
    done = run_as(ALICE, "sh", "-c", script, *po.command("sendmail"), env=po.environment())
    assert done.returncode in (65, 69, 71, 75) and done.stderr.startswith("sendmail: "), done
    assert list((po.spool / "drop").iterdir()) == []


@needs("strace")
def test_sendmail_opens_no_secret_and_no_index(system_po, tmp_path):
    """S14. It has nothing that a caller could be after; others cannot read what the runner can."""
    po = system_po
    secret = po.base / "secret"
    secret.write_text("password\n")
    shutil.chown(secret, "root", "po")
    secret.chmod(0o640)
    po.configure(transport="smtp", relay={"host": "localhost", "user": "u", "password_file": secret})
    trace = tmp_path / "trace"
    done = subprocess.run(["strace", "-f", "-e", "trace=%file", "-o", str(trace), *po.command("sendmail", "-i", "a@example.net")],
                          input=MESSAGE, capture_output=True, env=po.environment(), timeout=60)
    if not trace.exists() or b"not permitted" in done.stderr:
        pytest.skip("strace may not trace")
    assert done.returncode == 0
    opened = trace.read_text()
    assert str(secret) not in opened and f"{po.spool}/index" not in opened and f"{po.spool}/queue" not in opened
    assert run_as(ALICE, "cat", str(secret)).returncode != 0
    for entry in ("queue", "done", "index", "history", "bad", "trash", "run"):
        assert run_as(ALICE, "ls", str(po.spool / entry)).returncode != 0, entry


@pytest.mark.parametrize("recipient", ("|touch {canary}", "/{canary}", ":include:{canary}", "a%b@example.net", "`touch {canary}`",
                                       "$(touch {canary})", "-oQ{canary}", "-X{canary}", "\\{canary}"))
def test_no_address_is_a_command_a_file_or_an_option(system_po, recipient):
    """S16, A3."""
    po = system_po
    canary = po.base / "canary"
    to = recipient.format(canary=canary)
    done = po.sendmail("-i", "--", to, input=MESSAGE, uid=ALICE)
    assert done.returncode in (0, 65)
    po.queue("-p", "1", ok=False)
    assert not canary.exists()
    assert len(po.captured()) == (done.returncode == 0)


def test_a_hostile_environment_is_the_caller_s_alone(system_po):
    """S21. What a folder and variables name is not looked at by a runner that was started with them."""
    po = system_po
    evil = po.base / "evil"
    evil.mkdir(mode=0o777)
    for name in ("openssl.cnf", "DB_CONFIG", "po.conf", "resolv.conf", "libc.so.6", "gconv-modules"):
        (evil / name).write_text("garbage\n")
    env = {"OPENSSL_CONF": f"{evil}/openssl.cnf", "SSL_CERT_FILE": f"{evil}/no", "SSL_CERT_DIR": f"{evil}/no", "TZDIR": str(evil),
           "LOCALDOMAIN": "evil", "RES_OPTIONS": "ndots:15 debug", "HOSTALIASES": f"{evil}/hosts", "TMPDIR": str(evil),
           "IFS": "x", "HOME": str(evil), "LANG": "../../evil", "LC_ALL": "../evil", "NLSPATH": f"{evil}/%N", "MALLOC_TRACE": f"{evil}/mtrace"}
    po.submit(MESSAGE, "a@example.net", uid=ALICE)
    done = subprocess.run(po.command("po-queue", "-p", "1"), cwd=evil, env=po.environment(**env), capture_output=True, timeout=60)
    assert done.returncode == 0, done
    assert subjects(po) == ["x"]
    assert sorted(p.name for p in evil.iterdir()) == sorted(("openssl.cnf", "DB_CONFIG", "po.conf", "resolv.conf", "libc.so.6", "gconv-modules"))


def test_what_comes_by_for_ever_is_refused(po):
    """N10. A message that ran through so many hosts runs in a loop."""
    hops = b"".join(b"Received: from a by b; Tue, 24 Nov 2026 06:00:00 +0000\n" for _ in range(50))
    po.submit(hops + MESSAGE, "a@example.net")
    done = po.sendmail("-i", "a@example.net", input=b"Received: by c\n" + hops + MESSAGE)
    assert done.returncode == 65 and "5.4.6" in done.stderr and len(po.dropped()) == 1
    said = po.sendmail("-bs", input=b"MAIL FROM:<s@example.org>\r\nRCPT TO:<a@example.net>\r\nDATA\r\nReceived: by c\r\n"
                       + hops.replace(b"\n", b"\r\n") + b"\r\nx\r\n.\r\nQUIT\r\n")
    assert re.search(r"(?m)^5\d\d .*5\.4\.6", said.stdout), said.stdout
    assert len(po.dropped()) == 1


# ------------------------------------------------------------------ root, and the spool's owner

VERBS = [("--check",), ("--cleanup",), ("--list",), ("--list", "--all"), ("--stats",), ("--status",), ("--ingest",), ("-p", "1"),
         ("--rebuild-index",), ("--hold", "ALL"), ("--release", "ALL"), ("--cancel", "ALL")]


def inside(text, spool):
    """The first path in a line of strace -y that lies below an entry of the spool (drop/x, not drop)."""
    for base, name in re.findall(r'\d+<([^>]*)>, "([^"]*)"', text):
        full = os.path.normpath(name if name.startswith("/") else os.path.join(base, name))
        if full.startswith(f"{spool}/") and full[len(str(spool)) + 1:].count("/") > 0:
            return full
    for name in re.findall(r'"(/[^"]*)"', text):
        if name.startswith(f"{spool}/") and os.path.normpath(name)[len(str(spool)) + 1:].count("/") > 0:
            return name
    return None


@needs("strace")
@pytest.mark.parametrize("args", VERBS, ids=[" ".join(v) for v in VERBS])
def test_root_touches_nothing_below_the_entries_before_it_is_po(system_po, tmp_path, args):
    """S17, O6. Every call that names a file, of every process, in their order."""
    po = system_po
    for _ in range(2):
        po.submit(MESSAGE, "a@example.net", uid=ALICE)
    po.queue("--ingest")
    po.submit(MESSAGE, "b@example.net", uid=ALICE)
    trace = tmp_path / "trace"
    done = subprocess.run(["strace", "-f", "-y", "-s", "4096", "-e", "trace=%file,setresuid,setreuid,setuid", "-o", str(trace),
                           *po.command("po-queue", *args)], capture_output=True, text=True, cwd="/", env=po.environment(), timeout=120)
    if not trace.exists() or "not permitted" in done.stderr:
        pytest.skip("strace may not trace")
    lines = trace.read_text().splitlines()
    uid = os.stat(po.spool / "queue").st_uid
    effective, as_root, as_po = 0, [], []
    for line in lines:
        changed = re.search(r"setresuid\((?:-1|\d+), (\d+), (?:-1|\d+)\) += 0", line)
        if changed:
            effective = int(changed[1])
        elif found := inside(line, po.spool):
            (as_po if effective == uid else as_root).append(found)
    assert as_root == []
    assert as_po or args == ("--status",), "the test sees paths"
    assert [line for line in lines if re.search(rf"setresuid\({uid}, {uid}, {uid}\) += 0", line)], "for good"


@pytest.mark.parametrize("entry", ("run/po-queue.lock", "public/status", "index/data.mdb", "history/20261124", "bad/x", "trash/x",
                                   "capture/new"))
def test_the_owner_of_the_spool_gains_nothing_of_root(system_po, entry):
    """S17, S22. Whoever has taken over po lays a link where root's tools come by: nothing of root's is made or changed."""
    po = system_po
    target = po.base / "made by root"
    precious = po.base / "precious"
    precious.write_text("root's\n")
    precious.chmod(0o600)
    po.submit(MESSAGE, "a@example.net", uid=ALICE)
    po.queue()
    owner = (po.spool / "run").stat().st_uid
    path = po.spool / entry
    for to in (target, precious):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        path.unlink(missing_ok=True)
        os.symlink(to, path)
        os.lchown(path, owner, owner)
        for args in VERBS + [("--setup",)]:
            po.queue(*args, ok=False)
            assert not target.exists(), args
            assert precious.read_text() == "root's\n" and precious.stat().st_uid == 0, args
            assert stat.S_IMODE(precious.stat().st_mode) == 0o600, args


@pytest.mark.parametrize("change", ("chmod 0666", "chown 2001", "chmod 04600", "chmod 0000"))
def test_a_queue_file_that_is_not_as_it_was_made_stops_no_other(system_po, change):
    """S20."""
    po = system_po
    for i in range(3):
        po.submit(f"Subject: {i}\n\nx\n".encode(), "a@example.net", uid=ALICE)
    po.queue("--ingest")
    file = po.files("queue")[1]
    subprocess.run([*change.split(), str(file)], check=True)
    for _ in range(2):
        po.queue("-p", "1", ok=False)
    assert len(po.captured()) >= 2, po.log()
    assert len(subjects(po)) == len(set(subjects(po)))
    accounted = len(po.captured()) + len(po.files("queue")) + len([p for p in (po.spool / "bad").rglob("*") if file.name in p.name
                                                                  and "reason" not in p.name])
    assert accounted == 3, "the third is on record"


def test_a_worker_has_no_descriptor_but_what_it_works_with(system_po, new_sink):
    """S19."""
    po, sink = system_po, new_sink()
    po.relay(sink.port)
    for _ in range(3):
        po.submit(MESSAGE, "a@example.net", uid=ALICE)
    sink.pause("RCPT", 1)
    runner = po.start("-p", "1")
    sink.wait_paused()
    worker, = [pid for pid in po.processes(runner) if po.is_connected(pid, sink.port)]
    known = re.compile(rf"socket:\[\d+\]|pipe:\[\d+\]|/dev/null|{re.escape(str(po.log_file))}|{re.escape(str(po.base))}/out\.\d+"
                       rf"|{re.escape(str(po.spool))}/(queue/../[0-9A-Z]{{26}}|run/po-queue\.lock|templates)|anon_inode:.*")
    fds = [os.readlink(fd) for fd in pathlib.Path(f"/proc/{worker}/fd").iterdir()]
    assert [fd for fd in fds if not known.fullmatch(fd)] == []
    assert sum(fd.startswith("socket:") for fd in fds) <= 3, fds
    sink.resume()
    assert runner.wait(60) == 0
    assert sink.count() == 3


def test_terminals_are_told_nothing(system_po, sink):
    """O2. Sender, recipient, subject and reply with escapes, C1 bytes and marks of direction, in every list."""
    po = system_po
    po.relay(sink.port)
    evil = "\x1b]0;title\x07\x9b31m\u202e\u2066"
    sink.rules({"stage": "RCPT", "reply": f"450 4.2.0 {evil} later", "times": -1})
    queue_id = message_file.new_id()
    as_mallory("""
import message_file as m
drop, queue_id, evil = sys.argv[1:]
m.submit(drop, queue_id, m.build(queue_id, ["a\\u202e@example.net"], f"Subject: {evil}\\n\\nx\\n".encode(), sender="s\\u2066@example.org"))
""", po.spool / "drop", queue_id, evil)
    po.sendmail("-i", "a@example.net", input=f"Subject: {evil}\n\nx\n".encode(), uid=MALLORY)
    po.queue("-p", "1", ok=False)
    for args in (("--list",), ("--list", "--all"), ("--list", "--json"), ("--stats",), ("--status",)):
        text = po.queue(*args, ok=False).stdout
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text), (args, text)
    assert po.list(), "there is something to show"


def test_garbage_at_the_service_stops_nobody(system_po):
    """S8. Noise instead of commands at `sendmail -bs`, each process its own; then a good message."""
    po = system_po
    draw = random.Random(8)
    for _ in range(40):
        done = po.sendmail("-bs", input=draw.randbytes(draw.choice((1, 100, 20000))), uid=MALLORY)
        assert done.returncode >= 0, done
    assert po.dropped() == []
    po.submit(MESSAGE, "a@example.net", uid=ALICE)
    po.queue()
    assert subjects(po) == ["x"]
    assert not re.search(r"killed by signal", po.log())
