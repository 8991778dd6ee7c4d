# SPDX-License-Identifier: ISC
"""The transport maildir: each recipient's own Maildir, unknown users, and what is in the way."""
import os
import pathlib
import re
import signal
import stat

import pytest

from po import IS_ROOT, OWNER
from wait import wait_for

MESSAGE = b"From: s@example.org\nSubject: x\n\nhello\n"
HOUR = 3600


@pytest.fixture
def boxes(po):
    """The folder of mailboxes; bob and carol have one."""
    top = po.base / "boxes"
    for name in (top, top / "example.net", top / "example.net" / "bob", top / "example.net" / "carol"):
        name.mkdir()
        if IS_ROOT:
            os.chown(name, OWNER, OWNER)
    configure(po, top)
    return top / "example.net"


def configure(po, top, path="$domain/$user", **more):
    po.configure(transport="maildir", maildirs=[{"name": "boxes", "path": f"{top}/{path}", **more}])


def mails(box):
    return [p.read_bytes() for p in sorted((box / "new").glob("*"))]


def test_each_recipient_in_his_own(po, boxes):
    po.submit(MESSAGE, "-N", "never", "-f", "me@example.org", "bob@example.net", "Carol+lists@Example.NET", "dave@example.net")
    po.queue("-p", "1")
    assert {r["to"]: (r["status"], r["dsn"]) for r in po.results()} == {
        "bob@example.net": ("sent", "2.0.0"), "Carol+lists@Example.NET": ("sent", "2.0.0"),
        "dave@example.net": ("bounced", "5.1.1")}
    assert {r["relay"] for r in po.results()} == {"maildir:boxes"}
    bob, = mails(boxes / "bob")
    assert bob.startswith(b"Return-Path: <me@example.org>\nDelivered-To: bob@example.net\nX-Original-To: bob@example.net\n")
    assert bob.endswith(MESSAGE[MESSAGE.index(b"\n\n"):])
    carol, = mails(boxes / "carol")
    assert b"\nDelivered-To: Carol+lists@Example.NET\n" in carol
    assert not (boxes / "dave").exists() and list((boxes / "bob" / "tmp").iterdir()) == []
    file, = (boxes / "bob" / "new").iterdir()
    assert re.search(rf",S={len(bob)}$", file.name)


def test_modes_and_what_is_made(po, boxes):
    configure(po, boxes.parent, "$domain/$user/Maildir/.$extension", create=True, mode="0660")
    po.submit(MESSAGE, "new@example.com", "new+ext@example.com")
    po.queue("-p", "1")
    box = boxes.parent / "example.com" / "new" / "Maildir"
    assert len(mails(box)) == 1 and len(mails(box / ".ext")) == 1
    for path in [box.parent.parent, box.parent, box, box / "new", box / "tmp", box / "cur"]:
        assert stat.S_IMODE(path.stat().st_mode) == 0o770, path
    file, = (box / "new").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o660


def test_the_default_modes_are_private(po, boxes):
    configure(po, boxes.parent, create=True)
    po.submit(MESSAGE, "new@example.com")
    po.queue("-p", "1")
    file, = (boxes.parent / "example.com" / "new" / "new").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_no_address_leads_out(po, boxes):
    configure(po, boxes.parent, create=True)
    before = sorted(p for p in po.base.rglob("*") if "spool" not in p.parts)
    hostile = ['"../../out"@example.net', '".."@example.net', "a/b@example.net", '".hidden"@example.net', '"a/../../b"@example.net']
    po.submit(MESSAGE, "-N", "never", *hostile)
    po.queue("-p", "1")
    assert {(r["status"], r["dsn"]) for r in po.results()} == {("bounced", "5.1.3")} and len(po.results()) == len(hostile)
    after = sorted(p for p in po.base.rglob("*") if "spool" not in p.parts)
    assert [p for p in after if p not in before and "log" not in p.parts] == []


def test_a_link_is_not_followed(po, boxes):
    elsewhere = po.base / "elsewhere"
    elsewhere.mkdir()
    elsewhere.chmod(0o777)
    (boxes / "link").symlink_to(elsewhere)
    (boxes / "carol" / "new").symlink_to(elsewhere)
    po.submit(MESSAGE, "link@example.net", "carol@example.net")
    po.queue("-p", "1")
    assert {(r["to"], r["status"]) for r in po.results()} == {("link@example.net", "deferred"), ("carol@example.net", "deferred")}
    assert list(elsewhere.iterdir()) == []


def test_a_disk_that_is_not_there_defers(po, boxes, shift_clock):
    boxes.parent.rename(po.base / "unmounted")
    po.submit(MESSAGE, "bob@example.net", "dave@example.net")
    po.queue("-p", "1")
    assert {r["status"] for r in po.results()} == {"deferred"} and "No such file" in po.results()[0]["text"]
    (po.base / "unmounted").rename(boxes.parent)
    po.queue("-p", "1", env=shift_clock(HOUR))
    assert len(mails(boxes / "bob")) == 1
    assert [r["status"] for r in po.results(to="dave@example.net")] == ["deferred", "bounced"]


def test_a_mailbox_of_somebody_else_defers_only_itself(po, boxes):
    if not IS_ROOT:
        pytest.skip("needs root: a mailbox of another user")
    os.chown(boxes / "bob", 0, 0)
    (boxes / "bob").chmod(0o700)
    po.submit(MESSAGE, "bob@example.net", "carol@example.net")
    po.submit(MESSAGE, "carol@example.net")
    po.queue("-p", "1")
    assert sorted((r["to"], r["status"]) for r in po.results()) == [
        ("bob@example.net", "deferred"), ("carol@example.net", "sent"), ("carol@example.net", "sent")]
    assert len(mails(boxes / "carol")) == 2


def test_a_success_notice_says_delivered(po, boxes):
    po.submit(MESSAGE, "-N", "success", "-f", "carol@example.net", "bob@example.net")
    po.queue("-p", "1")
    po.queue("-p", "1")
    notice, = mails(boxes / "carol")
    assert b"\nAction: delivered\n" in notice and b"Remote-MTA" not in notice


def test_a_worker_killed_between_copies_is_in_doubt(po, boxes, shift_clock):
    """Some of a group have their copies when the worker dies, and nobody knows who: only those in doubt may get a second."""
    many = 2000
    configure(po, boxes.parent, create=True)
    po.submit(MESSAGE + b"x" * 10000 + b"\n", "-N", "never", *(f"u{n}@example.net" for n in range(many)))
    runner = po.start("-p", "1")
    wait_for(lambda: (boxes / "u50" / "new").exists(), "the first copies")
    victim, = [pid for pid in po.processes(runner)[1:] if has_open(pid, po.files("queue")[0])]
    os.kill(victim, signal.SIGKILL)
    runner.wait(60)
    first = sum(len(mails(box)) for box in boxes.iterdir())
    message, = po.list()
    in_doubt = message["in_doubt"]
    assert 0 < first < many and in_doubt <= 100, "a transaction has at most 100"
    po.queue("-p", "1", env=shift_clock(HOUR))
    message, = po.list_all()
    assert message["state"] == "sent"
    copies = [len(mails(boxes / f"u{n}")) for n in range(many)]
    assert min(copies) == 1 and sum(copies) - many <= in_doubt


def has_open(pid, file):
    for fd in pathlib.Path(f"/proc/{pid}/fd").glob("*"):
        try:
            if os.readlink(fd) == str(file):
                return True
        except OSError:
            pass  # closed meanwhile
    return False


def test_route_explains(po, boxes):
    text = po.queue("--route", "Bob+x@example.net").stdout
    assert "transport   maildir\n" in text and "next hop    maildir:boxes\n" in text
    assert f"  path        {boxes}/bob\n" in text and "is an unknown user" in text
    assert "it can have no mailbox here" in po.queue("--route", '".."@example.net').stdout


WRONG = (
    ([], [], "which of 0 maildirs"), ([{"name": "a", "path": "/x"}, {"name": "b", "path": "/y"}], [], "which of 2 maildirs"),
    ([{"name": "a", "path": "x"}], [], "absolute path"), ([{"name": "a", "path": "/x/$sender"}], [], "no placeholder"),
    ([{"name": "a", "path": "/x"}] * 2, [], "twice"), ([{"name": "a b", "path": "/x"}], [], "cannot be a name"),
    ([{"name": "a", "path": "/x"}], [{"transport": "maildir", "maildir": "z"}], 'no "z" in maildirs'),
    ([{"name": "a", "path": "/x"}], [{"transport": "capture", "maildir": "a"}], "has no maildir"),
    ([{"name": "a", "path": "/x"}], [{"transport": "maildir", "relays": "r"}], "has no relays"))


@pytest.mark.parametrize("maildirs,routes,complaint", WRONG, ids=[w[2] for w in WRONG])
def test_a_wrong_entry_is_refused(po, maildirs, routes, complaint):
    po.configure(transport="maildir", maildirs=maildirs, routes=routes)
    done = po.run("po-queue", "--check-config")
    assert done.returncode == 78 and complaint in done.stderr, done.stderr
