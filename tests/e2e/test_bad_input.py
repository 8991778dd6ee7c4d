# SPDX-License-Identifier: ISC
"""Whatever is wrong gets a clear error, and nothing that was accepted is lost."""
import os
import re
import shutil
import signal
import subprocess
import time

import pytest

import mail
import message_file
from po import IS_ROOT, gone, state_of, wait_gone
from wait import wait_for

MESSAGE = b"Subject: hello\n\nbody\n"


def one_line(text, *wanted):
    """The text is one line and says all of this (regular expressions)."""
    assert text.endswith("\n") and text.count("\n") == 1, text
    for what in wanted:
        assert re.search(what, text, re.I), f"{what!r} not in {text!r}"


def accepted_is_delivered(po, count=1):
    """What was accepted before the trouble arrives after it."""
    po.queue()
    assert len(po.captured()) == count and po.files("queue") == []


# ---------------------------------------------------------------- submission

def test_drop_not_writable(system_po):
    po = system_po
    po.submit(MESSAGE, "a@example.net", uid=2001)
    (po.spool / "drop").chmod(0o755)
    done = po.sendmail("-i", "b@example.net", input=MESSAGE, uid=2001)
    assert done.returncode == 75 and done.stdout == ""
    one_line(done.stderr, f"{po.spool}/drop", "2001", "po-queue --setup")
    assert len(po.dropped()) == 1
    done = po.setup()
    accepted_is_delivered(po)


def test_spool_missing(po):
    po.configure(spool=po.base / "nowhere")
    done = po.sendmail("-i", "b@example.net", input=MESSAGE)
    assert done.returncode == 75
    one_line(done.stderr, "nowhere", "po-queue --setup")
    done = po.queue(ok=False)
    assert done.returncode != 0
    one_line(done.stderr, "nowhere", "po-queue --setup")


@pytest.fixture
def small_disk(po):
    """The spool moves to a file system of 4 MB with a floor of 1 MB."""
    if not IS_ROOT:
        pytest.skip("needs root: mounts a tmpfs")
    disk = po.base / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size=4m,mode=0755,uid={po.owner},gid={po.owner}", "tmpfs", str(disk)],
                   check=True)
    try:
        po.spool = disk / "spool"
        po.configure(spool=po.spool, min_free="1M")
        yield po.setup()
    finally:
        for child in po.children:
            po.kill(child)
        subprocess.run(["umount", str(disk)], check=True)


def test_disk_full_at_submission(small_disk):
    po = small_disk
    po.submit(MESSAGE, "a@example.net")
    big = b"Subject: big\n\n" + b"0123456789abcdef\n" * 300000  # 5 MB on a disk of 4
    done = po.sendmail("-i", "b@example.net", input=big)
    assert done.returncode == 75
    one_line(done.stderr, f"{po.spool}/drop", "free|space|full|room")
    assert len(po.dropped()) == 1 and len(list((po.spool / "drop").iterdir())) == 1, "no half file stays"
    po.configure(min_free="8M")
    done = po.sendmail("-i", "b@example.net", input=MESSAGE)
    assert done.returncode == 75
    one_line(done.stderr, "min_free", "free")
    accepted_is_delivered(po)


def test_disk_full_in_the_runner(small_disk):
    """The disk fills up between submission and the run: the run fails or defers with a cause, and the mail stays."""
    po = small_disk
    for i in range(5):
        po.submit(MESSAGE, f"a{i}@example.net")
    filler = po.spool.parent / "filler"
    with filler.open("wb", buffering=0) as f:
        try:
            while True:
                f.write(b"x" * 4096)
        except OSError:
            pass
    done = po.queue(ok=False)
    said = done.stderr + po.log()
    assert re.search(r"No space left|full|free", said), said
    left = len(po.dropped()) + len(po.files("queue")) + len(po.files("done"))
    assert left == 5
    filler.unlink()
    po.queue("--flush")
    assert len(po.captured()) == 5 and po.files("queue") == [] and po.dropped() == []


# ---------------------------------------------------------------- configuration

TYPOS = [
    ('relai = { host = "localhost"; };\n', 1, "relai", "relay"),
    ('workers = 4;\nretry_frist = "5m";\n', 2, "retry_frist", "retry_first"),
    ('relay = {\n host = "localhost";\n prot = 25;\n};\n', 3, "prot", "port"),
    ('workers = "many";\n', 1, "workers", "integer|number"),
    ("workers = 0;\n", 1, "workers", r"\b1\b.*\b64\b"),
    ('retry_first = "5 parsecs";\n', 1, "retry_first", "5m|duration|time"),
    ('transport = "pigeon";\n', 1, "transport", "capture.*smtp"),
    ('workers = 4;\nworkers = 5;\n', 2, "workers|duplicate", "duplicate|twice"),
    ("workers = = 4;\n", 1, "syntax error", ""),
]
OF_SENDMAIL = [
    ('message_size_limit = "5 parsecs";\n', 1, "message_size_limit", "10M|size"),
    ('domain = "two words";\n', 1, "domain", "two words"),
    ("workers = = 4;\n", 1, "syntax error", ""),
]


def with_typo(po, text):
    """The typo stands in front of a configuration that is right; what is said twice is said once."""
    rest = [line for line in po.config_file.read_text().splitlines(keepends=True)
            if line.split(" ")[0] not in re.findall(r"^(\w+) =", text, re.M)]
    po.config_file.write_text(text + "".join(rest))


def assert_refused(po, done, text, line, name, hint):
    assert done.returncode == 78, done
    where = re.escape(str(po.config_file)) + (f":{line}" if "domain" not in text else "|domain")
    one_line(done.stderr, where, name, hint)


@pytest.mark.parametrize("text,line,name,hint", TYPOS, ids=[t[0].split("=")[0].strip() + "-" + t[3][:6] for t in TYPOS])
def test_po_queue_refuses_a_typo(po, text, line, name, hint):
    po.submit(MESSAGE, "a@example.net")
    good = po.config_file.read_text()
    with_typo(po, text)
    for args in ((), ("--check-config",), ("--list",)):
        assert_refused(po, po.queue(*args, ok=False), text, line, name, hint)
    # sendmail takes mail all the same, unless it cannot read the file at all: what is queued is not lost.
    done = po.sendmail("-i", "b@example.net", input=MESSAGE)
    assert done.returncode == (78 if name == "syntax error" or "duplicate" in hint else 0), done
    po.config_file.write_text(good)
    accepted_is_delivered(po, 1 + (done.returncode == 0))


@pytest.mark.parametrize("text,line,name,hint", OF_SENDMAIL, ids=[t[0].split(" ")[0] for t in OF_SENDMAIL])
def test_sendmail_refuses_a_typo_in_its_own_settings(po, text, line, name, hint):
    with_typo(po, text)
    assert_refused(po, po.sendmail("-i", "b@example.net", input=MESSAGE), text, line, name, hint)
    assert po.dropped() == []


def test_secrets_that_others_can_read_are_refused(po, sink):
    po.relay(sink.port, user="u", password="secret")
    (po.base / "password").chmod(0o644)
    po.submit(MESSAGE, "a@example.net")
    done = po.queue(ok=False)
    assert done.returncode == 78
    one_line(done.stderr, f"{po.base}/password", "0644|mode|read")
    assert "secret" not in done.stderr + po.log()
    assert len(po.dropped()) + len(po.files("queue")) == 1


@pytest.mark.parametrize("name", ("password_file", "ca_file"))
def test_a_missing_file_of_the_relay_is_named_with_who_looked(po, sink, name):
    settings = {"user": "u"} if name == "password_file" else {"tls": "verify"}
    po.relay(sink.port, **settings, **{name: po.base / "nowhere"})
    po.submit(MESSAGE, "a@example.net")
    done = po.queue(ok=False)
    assert done.returncode == 78
    one_line(done.stderr, rf"relay\.{name} {po.base}/nowhere", r"uid \d+", "No such file")
    assert len(po.dropped()) + len(po.files("queue")) == 1


def test_a_configuration_that_not_everybody_can_read(system_po):
    po = system_po
    po.config_file.chmod(0o600)
    done = po.sendmail("-i", "b@example.net", input=MESSAGE, uid=2001)
    assert done.returncode == 78
    one_line(done.stderr, str(po.config_file), "2001", "whoever sends mail")


def test_check_says_a_thing_once(po):
    (po.spool / "drop").chmod(0o755)
    done = po.queue("--check", ok=False)
    assert done.returncode == 2
    lines = done.stdout.splitlines()
    assert len(lines) == len(set(lines)) and any("drop" in line and "0755" in line for line in lines), done.stdout


def test_check_config_says_where_each_value_comes_from(po):
    po.configure(workers=7)
    out = po.queue("--check-config").stdout
    line = next(n for n, text in enumerate(po.config_file.read_text().splitlines(), 1) if text.startswith("workers"))
    assert re.search(rf"^workers = 7\s+# {re.escape(str(po.config_file))}:{line}$", out, re.M), out
    assert re.search(r'^retry_first = "?5m"?\s+# default$', out, re.M), out


# ---------------------------------------------------------------- the index

def index_file(po):
    path, = (po.spool / "index").rglob("data.mdb")
    return path


def noise(path, at, length):
    with open(path, "r+b") as f:
        f.seek(at)
        f.write(os.urandom(length))


@pytest.mark.parametrize("at,length", ((0, 8192), (16, 64), (8192, 65536)), ids=("both metas", "one meta", "pages"))
def test_a_damaged_index_is_noticed_and_rebuilt(po, at, length):
    po.configure(transport="smtp", relay={"host": "localhost", "port": 1, "tls": "none"})
    for i in range(20):
        po.submit(MESSAGE, f"a{i}@example.net")
    po.queue()  # 20 deferred: nobody listens on port 1
    noise(index_file(po), at, length)
    po.configure(transport="capture", relay=None)
    done = po.queue("--flush", ok=False)
    if done.returncode != 0:
        one_line(done.stderr, "index", "--rebuild-index")
        po.queue("--rebuild-index")
        po.queue("--flush")
    assert len(po.captured()) == 20 and po.files("queue") == []
    assert po.queue("--check", ok=False).returncode == 0


def test_a_lost_index_is_rebuilt(po):
    po.submit(MESSAGE, "a@example.net")
    po.queue("--ingest")
    shutil.rmtree(index_file(po).parent)
    po.queue("--rebuild-index")
    accepted_is_delivered(po)


# ---------------------------------------------------------------- message files

def bad(po):
    """Files of bad/ but for the reasons, and all that the reasons say."""
    every = sorted(p for p in (po.spool / "bad").rglob("*") if p.is_file())
    reasons = [p for p in every if "reason" in p.name]
    return [p for p in every if p not in reasons], "".join(p.read_text() for p in reasons)


DAMAGE = [
    ("content", lambda d: d[:-100] + bytes([d[-100] ^ 1]) + d[-99:], "checksum|damaged"),
    ("cut", lambda d: d[:-10], "cut|trailer|damaged"),
    ("empty", lambda d: b"", "preamble|cut|short|empty|ends"),
    ("noise", lambda d: os.urandom(3000), "preamble|damaged"),
    ("longer", lambda d: d + b"more\n", "trailer|damaged|length"),
    ("preamble", lambda d: b"PO9" + d[3:], "preamble|version|damaged"),
]


@pytest.mark.parametrize("change,reason", [d[1:] for d in DAMAGE], ids=[d[0] for d in DAMAGE])
def test_a_damaged_file_in_drop_goes_to_bad(po, change, reason):
    po.submit(b"Subject: good\n\nx\n", "good@example.net")
    queue_id = message_file.new_id()
    data = message_file.build(queue_id, ["victim@example.net"], b"Subject: x\n\n" + b"y" * 200 + b"\n")
    put(po, queue_id, change(data))
    po.queue(ok=False)
    files, reasons = bad(po)
    assert [queue_id in f.name for f in files] == ([True] if change(data) else [])  # of nothing there is no copy
    assert re.search(reason, reasons, re.I), reasons
    assert queue_id in po.log() and re.search(reason, po.log(), re.I)
    assert len(po.captured()) == 1 and po.dropped() == []


ENVELOPES = [
    ("unknown key", lambda t: t.replace("body=", "colour=blue\nbody="), "unknown key"),
    ("key twice", lambda t: t.replace("body=mail\n", "body=mail\nbody=mail\n"), "repeated"),
    ("no recipient", lambda t: re.sub("rcpt=.*\n", "", t), "rcpt|recipient"),
    ("CR in the sender", lambda t: t.replace("sender=s", "sender=s\rRCPT TO:<x@y>"), "sender"),
    ("encoded LF in the sender", lambda t: t.replace("sender=s", "sender=s%0aRCPT TO:<x@y>"), "sender"),
    ("NUL in a recipient", lambda t: t.replace("rcpt=v", "rcpt=v\0"), "rcpt"),
    ("another id", lambda t: re.sub("id=.*", "id=" + message_file.new_id(), t), "id"),
]


@pytest.mark.parametrize("change,reason", [e[1:] for e in ENVELOPES], ids=[e[0] for e in ENVELOPES])
def test_a_forged_envelope_goes_to_bad(po, change, reason):
    queue_id = message_file.new_id()
    text = change(message_file.envelope_text(queue_id, ["victim@example.net"]))
    put(po, queue_id, message_file.build(queue_id, ["victim@example.net"], b"Subject: x\n\ny\n", envelope=text))
    po.queue(ok=False)
    files, reasons = bad(po)
    assert len(files) == 1 and re.search(reason, reasons), reasons
    assert po.captured() == [] and po.dropped() == []


def put(po, queue_id, data):
    """Into drop/ as the spool's owner would."""
    message_file.submit(po.spool / "drop", queue_id, data, po.owner)


def test_a_queue_file_that_rots_goes_to_bad_and_the_rest_is_sent(po):
    for i in range(3):
        po.submit(f"Subject: m{i}\n\n{'z' * 300}\n".encode(), f"m{i}@example.net")
    po.queue("--ingest")
    victim = next(p for p in po.files("queue") if "rcpt=m1@example.net" in message_file.read(p).envelope)
    noise(victim, 0, 200)
    done = po.queue(ok=False)
    files, reasons = bad(po)
    assert [victim.name in f.name for f in files] == [True] and reasons, (files, reasons)
    assert victim.name in po.log()
    assert sorted(mail.value(mail.split(m), "Subject") for m in po.captured()) == ["m0", "m2"]
    assert po.files("queue") == [], done.stderr


def test_an_id_that_is_taken_goes_to_bad_and_the_first_is_untouched(po):
    queue_id = message_file.new_id()
    put(po, queue_id, message_file.build(queue_id, ["first@example.net"], b"Subject: first\n\nx\n"))
    po.queue("--ingest")
    put(po, queue_id, message_file.build(queue_id, ["second@example.net"], b"Subject: second\n\nx\n"))
    po.queue(ok=False)
    _, reasons = bad(po)
    assert "id taken" in reasons
    message, = po.captured()
    assert mail.value(mail.split(message), "Subject") == "first"


def test_foreign_things_in_drop_hurt_nobody(system_po):
    """Links, FIFOs, folders and sockets that anybody may put there: never sent, never waited for."""
    po, drop = system_po, system_po.spool / "drop"
    secret = po.base / "secret"
    secret.write_text("root's\n")
    secret.chmod(0o600)
    po.submit(MESSAGE, "a@example.net", uid=2001)
    names = [f"{drop}/n.{message_file.new_id()}" for _ in range(4)]
    script = (f"ln -s {secret} {names[0]} && mkfifo {names[1]} && mkdir {names[2]} && touch {names[3]} "
              f"&& chmod 0000 {names[3]}; touch '{drop}/other name'")
    subprocess.run(["sh", "-c", script], check=True, user=2002, group=2002, extra_groups=[])
    po.queue(ok=False)
    assert len(po.captured()) == 1
    assert secret.read_text() == "root's\n" and b"root's" not in b"".join(po.captured())
    _, reasons = bad(po)
    assert "root's" not in reasons
    po.submit(MESSAGE, "b@example.net", uid=2001)
    po.queue(ok=False)
    assert len(po.captured()) == 2, "and the next mail passes by what is left"


# ---------------------------------------------------------------- the lock

def test_a_second_runner_says_who_holds_the_lock(po, sink):
    po.relay(sink.port)
    po.submit(MESSAGE, "a@example.net")
    sink.pause("DOT", 1)
    first = po.start("-p", "1")
    sink.wait_paused()
    second = po.queue("-p", "1", ok=False)
    assert second.returncode == 0
    one_line(second.stdout + second.stderr, rf"\b{first.pid}\b", r"since|\d\d:\d\d", "deliver|run|once")
    third = po.queue("-p", "1", "--fail-if-locked", ok=False)
    assert third.returncode == 75
    one_line(third.stdout + third.stderr, rf"\b{first.pid}\b", r"since|\d\d:\d\d")
    sink.resume()
    assert first.wait(60) == 0
    assert sink.count() == 1
    assert po.queue("-p", "1", "--fail-if-locked").returncode == 0


def test_a_stopped_runner_is_called_stopped(po, sink):
    po.relay(sink.port)
    po.submit(MESSAGE, "a@example.net")
    sink.pause("DOT", 1)
    first = po.start("-p", "1")
    sink.wait_paused()
    first.send_signal(signal.SIGSTOP)
    try:
        wait_for(lambda: state_of(first.pid) == "T", "the runner stands still")
        second = po.queue(ok=False)
        one_line(second.stdout + second.stderr, rf"\b{first.pid}\b", "stopped")
    finally:
        first.send_signal(signal.SIGCONT)
        sink.resume()
    assert first.wait(60) == 0


def test_orphan_workers_keep_the_lock_and_are_named(po, sink):
    po.relay(sink.port)
    po.configure(stop_grace="60s")
    po.submit(MESSAGE, "a@example.net")
    sink.pause("DOT", 1)
    first = po.start("-p", "1")
    sink.wait_paused()
    pids = po.processes(first)
    po.kill(first)
    second = po.queue("--fail-if-locked", ok=False)
    assert second.returncode == 75
    one_line(second.stdout + second.stderr, rf"\b{first.pid}\b", "dead|gone|ended", "worker|orphan|child")
    sink.resume()
    wait_gone(pids)
    assert po.queue("--fail-if-locked").returncode == 0
    message, = po.list_all()
    assert message["state"] == "sent" and sink.count() == 1, "the orphan wrote its result into the file"


@pytest.mark.parametrize("text", (b"", b"\0" * 4096, b"4294967296 soon\n", b"x" * 100000), ids=("empty", "zeros", "text", "long"))
def test_a_corrupted_lock_file_stops_nobody(po, text):
    po.queue()
    (po.spool / "run" / "po-queue.lock").write_bytes(text)
    po.submit(MESSAGE, "a@example.net")
    accepted_is_delivered(po)


def test_a_dead_runner_leaves_no_lock(po, sink):
    po.relay(sink.port)
    po.submit(MESSAGE, "a@example.net")
    sink.pause("EHLO", 1)
    runner = po.start("-p", "2")
    sink.wait_paused()
    pids = po.processes(runner)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    sink.resume()
    runner.wait(60)
    wait_for(lambda: gone(pids), "all are gone")
    po.queue("--fail-if-locked")
    assert sink.count() == 1


# ---------------------------------------------------------------- the relay

def test_no_relay_reachable(po, sink, shift_clock):
    sink.stop()
    po.relay(sink.port)
    po.configure(retry_first="5m", retry_max="1h")
    po.submit(MESSAGE, "a@example.net")
    po.queue()
    result, = po.results()
    assert result["status"] == "deferred" and re.search("refused", result["text"], re.I)
    message, = po.list()
    assert (message["state"], message["attempts"]) == ("waiting", 1)
    assert "refused" in po.queue("--list").stdout
    po.queue()
    assert len(po.results()) == 1, "not due yet: the second run tries nothing"
    assert_backoff_grows(po, shift_clock)


def assert_backoff_grows(po, shift_clock):
    """Each wait is the first one doubled, at most retry_max, plus up to a quarter (an attempt takes a second or so)."""
    shift = 0
    for attempt, least in enumerate((300, 600, 1200, 2400, 3600, 3600), 1):
        message, = po.list()
        assert message["attempts"] == attempt
        wait = message["due"] - (time.time() + shift)
        assert least - 5 <= wait <= least * 1.25 + 5, f"{wait} s after attempt {attempt}"
        shift = message["due"] - int(time.time()) - 10
        po.queue(env=shift_clock(shift))
        message, = po.list()
        assert message["attempts"] == attempt, "not tried before it is due"
        shift += 15
        po.queue(env=shift_clock(shift))


def test_an_unknown_relay_host(po):
    po.configure(transport="smtp", relay={"host": "relay.invalid", "port": 25, "tls": "none"})
    po.submit(MESSAGE, "a@example.net")
    po.queue()
    result, = po.results()
    assert result["status"] == "deferred" and "relay.invalid" in result["text"] + result["relay"]
    assert len(po.files("queue")) == 1
