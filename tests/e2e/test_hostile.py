# SPDX-License-Identifier: ISC
"""drop/ belongs to everybody: what a hostile user of the machine may do there, and what must not come of it."""
import os
import random
import re
import subprocess
import sys

import message_file
import mail
from wait import wait_for

MALLORY = 2666


def as_mallory(script, *args, wait=True):
    """Run Python text as another user, with tests/tools in its path."""
    tools = os.path.dirname(message_file.__file__)
    child = subprocess.Popen([sys.executable, "-c", f"import sys; sys.path.insert(0, {tools!r})\n" + script, *map(str, args)],
                             user=MALLORY, group=MALLORY, extra_groups=[], cwd="/", stderr=subprocess.PIPE, text=True,
                             env={"PYTHONDONTWRITEBYTECODE": "1"})
    if wait:
        _, err = child.communicate(timeout=120)
        assert child.returncode == 0, err
    return child


def reasons(po):
    return "".join(p.read_text() for p in (po.spool / "bad").rglob("*reason*"))


def subjects(po):
    return sorted(mail.value(mail.split(m), "Subject") for m in po.captured())


def secret_file(po):
    secret = po.base / "secret"
    data = message_file.build(message_file.new_id(), ["mallory@example.net"], b"Subject: secret\n\nthe password\n")
    secret.write_bytes(data)
    secret.chmod(0o600)
    return secret


def test_a_hard_link_to_a_foreign_file_is_not_mail(system_po):
    """What a kernel without protected_hardlinks would let anybody do."""
    po = system_po
    secret = secret_file(po)
    os.link(secret, po.spool / "drop" / f"n.{message_file.new_id()}")
    po.submit(b"Subject: good\n\nx\n", "a@example.net", uid=2001)
    po.queue(ok=False)
    assert subjects(po) == ["good"] and "the password" not in reasons(po)
    assert secret.exists() and oct(secret.stat().st_mode & 0o777) == "0o600"


def test_two_names_for_one_file_are_not_two_mails(system_po):
    """The envelope tells which of the names is the message's; the other one is refused."""
    po = system_po
    one, two = message_file.new_id(), message_file.new_id()
    as_mallory("""
import os, message_file as m
drop, one, two = sys.argv[1:]
m.submit(drop, one, m.build(one, ["a@example.net"], b"Subject: linked\\n\\nx\\n"))
os.link(f"{drop}/n.{one}", f"{drop}/n.{two}")
""", po.spool / "drop", one, two)
    po.queue(ok=False)
    assert subjects(po) == ["linked"] and po.dropped() == []
    assert two in po.log() and "id" in reasons(po)


def test_symlinks_swapped_with_mail_never_leak(system_po):
    """The name is a good file and a link to a secret by turns while the runner takes in."""
    po = system_po
    secret = secret_file(po)
    watcher = po.start("--watch")
    as_mallory("""
import os, message_file as m
drop, secret, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
for i in range(rounds):
    queue_id = m.new_id()
    name = f"{drop}/n.{queue_id}"
    data = m.build(queue_id, ["a@example.net"], f"Subject: round{i}\\n\\nx\\n".encode())
    for _ in range(3):
        try:
            m.submit(drop, queue_id, data)
            os.unlink(name)
        except FileNotFoundError:
            break
        except FileExistsError:
            pass
        try:
            os.symlink(secret, name)
            os.unlink(name)
        except (FileExistsError, FileNotFoundError):
            pass
""", po.spool / "drop", secret, 300)
    po.submit(b"Subject: after\n\nx\n", "a@example.net", uid=2001)
    wait_for(lambda: "after" in subjects(po), "the runner still works")
    watcher.terminate()
    assert watcher.wait(30) == 0, watcher.output()
    arrived = subjects(po)
    assert "secret" not in arrived and len(arrived) == len(set(arrived))
    assert "the password" not in reasons(po) and secret.exists()


def test_a_file_rewritten_while_it_is_taken_in_is_whole_or_bad(system_po):
    """The owner keeps his descriptor and writes on: what is sent has passed its checksum as a copy."""
    po = system_po
    watcher = po.start("--watch")
    as_mallory("""
import os, message_file as m
drop, rounds = sys.argv[1], int(sys.argv[2])
for i in range(rounds):
    queue_id = m.new_id()
    data = m.build(queue_id, ["a@example.net"], b"Subject: whole\\n\\n" + b"A" * 70 * 500 + b"\\n")
    other = data.replace(b"A" * 1000, b"B" * 1000)
    m.submit(drop, queue_id, data)
    try:
        fd = os.open(f"{drop}/n.{queue_id}", os.O_WRONLY)
    except FileNotFoundError:
        continue
    for _ in range(4):
        os.pwrite(fd, other, 0)
        os.pwrite(fd, data, 0)
    if i % 3 == 0:
        os.ftruncate(fd, 100)
    os.close(fd)
""", po.spool / "drop", 150)
    wait_for(lambda: po.dropped() == [], "all is taken in")
    po.submit(b"Subject: after\n\nx\n", "a@example.net", uid=2001)
    wait_for(lambda: "after" in subjects(po), "the runner still works")
    watcher.terminate()
    assert watcher.wait(30) == 0, watcher.output()
    for message in po.captured():
        assert b"B" not in mail.split(message).body, "sent what failed its checksum"


def test_a_flood_of_rubbish_does_not_stop_mail(system_po):
    po = system_po
    as_mallory("""
import os, message_file as m
drop = sys.argv[1]
for i in range(3000):
    open(f"{drop}/n.{m.new_id()}", "w").close()
os.mkdir(f"{drop}/n.{m.new_id()}")
open(f"{drop}/line\\nfeed", "w").close()
os.mkfifo(f"{drop}/n.{m.new_id()}")
""", po.spool / "drop")
    po.submit(b"Subject: good\n\nx\n", "a@example.net", uid=2001)
    po.queue(ok=False)
    assert subjects(po) == ["good"]
    kept = [p for p in (po.spool / "bad").rglob("*") if p.is_file() and "reason" not in p.name]
    assert len(kept) <= 100, "bad/ is bounded for each uid"
    assert len(po.dropped()) <= 1
    assert not re.search(r"line\nfeed", po.log())


def test_the_sender_s_identity_is_the_owner_of_the_file(system_po):
    """Whatever the envelope claims."""
    po = system_po
    as_mallory("""
import message_file as m
m.submit(sys.argv[1], sys.argv[2], m.build(sys.argv[2], ["a@example.net"], b"Subject: x\\n\\nx\\n", sender="root@example.org"))
""", po.spool / "drop", message_file.new_id())
    po.queue("--ingest")
    message, = po.list()
    assert message["uid"] == MALLORY


def test_root_s_tools_do_not_follow_links_in_po_s_folders(system_po):
    """CVE-2020-28008 and its kin: the user po is not trusted by root."""
    po = system_po
    target = po.base / "made by root"
    po.submit(b"Subject: x\n\nx\n", "a@example.net", uid=2001)
    po.queue("--ingest")
    owner = (po.spool / "run").stat().st_uid
    lock = po.spool / "run" / "po-queue.lock"
    lock.unlink()
    os.symlink(target, lock)
    os.lchown(lock, owner, owner)
    for args in (("--check",), ("--cleanup",), ("--list",), ("-p", "1"), ("--setup",)):
        po.queue(*args, ok=False)
        assert not target.exists(), args
    lock.unlink()
    po.queue()
    assert len(po.captured()) == 1


def test_one_message_to_many_is_the_same_for_all(po, new_sink):
    """Twenty recipients over eight workers: nobody shares a file offset."""
    sink = new_sink()
    po.relay(sink.port)
    draw = random.Random(1)
    body = "".join(f"{draw.getrandbits(200):050x}\n" for _ in range(5000)).encode()
    for i in range(20):
        po.submit(b"Subject: x\n\n" + body, f"r{i}@example.net", f"s{i}@example.net")
    po.queue("-p", "8")
    got = sink.messages()
    assert sorted(r for m in got for r in m.recipients) == sorted(f"{c}{i}@example.net" for c in "rs" for i in range(20))
    assert {m.content.split(b"\r\n\r\n", 1)[1].replace(b"\r\n", b"\n") for m in got} == {body}


def test_log_lines_cannot_be_forged(po, sink):
    po.relay(sink.port)
    po.submit(b"Subject: x\n\nx\n", "-N", "never", '"a) status=sent (x"@example.net')
    sink.rules({"stage": "RCPT", "reply": "550 5.1.1 no), status=sent (250 2.0.0 Ok"})
    po.queue()
    result, = po.results()
    assert result["status"] == "bounced"
