# SPDX-License-Identifier: ISC
"""What one user may have waiting and hand in: beyond it mail is held and visible, never dropped, and let go in order."""
import json
import shutil
import subprocess

import pytest

import mail
import message_file
from wait import wait_for

ALICE, BOB = 2001, 2002


def submit(po, n, uid=ALICE, body="body", first=0):
    for i in range(first, first + n):
        po.submit(f"Subject: m{i:02}\n\n{body}\n".encode(), "a@example.net", uid=uid)


def states(po, uid=ALICE):
    """State and reason of each message, in the order of their ids."""
    return [m["state"] + ("/" + m["hold"] if "hold" in m else "")
            for m in sorted(po.list_all(), key=lambda m: m["queue_id"]) if m["uid"] == uid]


def order(messages):
    return [mail.value(mail.split(m), "Subject") for m in messages]


def status(po):
    return dict(line.split("=", 1) for line in (po.spool / "public" / "status").read_text().splitlines())


def test_beyond_the_waiting_messages_mail_is_held_and_let_go_in_order(system_po, sink):
    po = system_po
    po.relay(sink.port)
    po.configure(uid_messages=3)
    submit(po, 7)
    submit(po, 2, uid=BOB)
    submit(po, 5, uid=0)
    po.queue("--ingest")
    assert states(po) == ["waiting"] * 3 + ["held/quota"] * 4
    assert states(po, BOB) == ["waiting"] * 2 and states(po, 0) == ["waiting"] * 5
    assert (status(po)["held"], status(po)["over_quota"], status(po)["messages"]) == ("4", "4", "14")
    listed = po.queue("--list").stdout
    assert listed.count("! ") == 4 and listed.count("(over the queue quota of its user)") == 4
    held = [m for m in po.list() if m["state"] == "held"][0]["queue_id"]
    assert "over the queue quota of its user" in po.queue("--show", held).stdout
    po.queue("-p", "1")
    assert states(po) == ["sent"] * 7
    mine = [m.content for m in sorted(sink.messages(), key=lambda m: m.n) if b"userid 2001" in m.content]
    assert order(mine) == [f"m{i:02}" for i in range(7)] and status(po)["over_quota"] == "0"


def test_beyond_the_bytes_one_message_alone_is_let_through(system_po):
    po = system_po
    po.configure(uid_bytes="2K")
    submit(po, 3, body="x" * 3000)
    po.queue("--ingest")
    assert states(po) == ["waiting", "held/quota", "held/quota"]
    po.queue()
    assert states(po) == ["sent"] * 3


def test_a_rate_holds_what_is_beyond_until_its_window_ends(system_po, shift_clock):
    po = system_po
    po.configure(uid_per_minute=2, uid_per_hour=5)
    submit(po, 8)
    po.queue()
    assert states(po) == ["sent"] * 2 + ["held/rate"] + ["held/rate"] * 5
    po.queue()
    assert states(po).count("sent") == 2, "the rate is kept over runs"
    po.queue("--rebuild-index")
    po.queue()
    assert states(po).count("sent") == 2, "and over a rebuild"
    for seconds, sent in ((61, 4), (122, 5), (300, 5), (3700, 7), (3800, 8)):
        po.queue(env=shift_clock(seconds))
        assert states(po).count("sent") == sent, seconds
    assert sorted(order(po.captured())) == [f"m{i:02}" for i in range(8)]


def test_entries_of_limits_replace_what_is_for_everybody(system_po):
    po = system_po
    po.configure(uid_messages=1, limits=[{"uid": ALICE, "messages": 2}, {"uid": BOB}, {"login": "root", "messages": 1}])
    for uid in (ALICE, BOB, 0, 2003):
        submit(po, 3, uid=uid)
    po.queue("--ingest")
    waiting = {uid: states(po, uid).count("waiting") for uid in (ALICE, BOB, 0, 2003)}
    assert waiting == {ALICE: 2, BOB: 3, 0: 1, 2003: 1}


@pytest.mark.parametrize("limits, why", [
    ([{"messages": 1}], "names a uid or a login"),
    ([{"uid": 1, "login": "x"}], "names a uid or a login"),
    ([{"uid": 1}, {"uid": 1}], "has an entry already"),
])
def test_entries_that_name_nobody_or_one_twice_are_refused(po, limits, why):
    po.configure(limits=limits)
    done = po.queue("--check-config", ok=False)
    assert done.returncode == 78 and why in done.stderr


def test_changed_limits_count_at_the_next_run(system_po):
    po = system_po
    po.configure(uid_messages=1)
    submit(po, 4)
    po.queue("--ingest")
    assert states(po).count("held/quota") == 3
    po.configure(uid_messages=0)
    po.queue()
    assert states(po) == ["sent"] * 4


def test_only_an_administrator_releases_what_a_limit_holds(system_po):
    po = system_po
    po.configure(uid_messages=1)
    submit(po, 3)
    po.queue("--ingest")
    held = [m["queue_id"] for m in sorted(po.list(), key=lambda m: m["queue_id"]) if m["state"] == "held"]
    runner = po.start("--watch", "-o", "transport=smtp", "-o", "relay.host=127.0.0.1", "-o", "relay.port=1",
                      "-o", "relay.tls=none")
    wait_for(lambda: status(po)["runner"] == "watch", "a runner")
    name, path = f"a.{message_file.new_id()}", po.spool / "drop"
    script = f'umask 0; printf "po-act 1\\nverb=release\\nid={held[0]}\\n" > {path}/t.x && exec 3<>{path}/t.x && ' \
        f'chmod 660 {path}/t.x && mv {path}/t.x {path}/{name} && ' \
        f'while [ -e {path}/{name} ]; do sleep 0.05; done; tail -n +4 /proc/self/fd/3'
    done = subprocess.run(["setpriv", f"--reuid={ALICE}", f"--regid={ALICE}", "--clear-groups", "sh", "-c", script],
                          capture_output=True, text=True, timeout=60)
    assert "only root and the spool's owner may release it" in done.stdout, done
    po.queue("--release", held[1])
    assert states(po)[1:] == ["held/quota", "waiting"]
    runner.terminate()
    runner.wait(60)


def test_what_did_not_come_through_sendmail_is_held_when_it_is_too_large(po):
    po.configure(message_size_limit="1M")
    queue_id = message_file.new_id()
    message_file.submit(po.spool / "drop", queue_id,
                        message_file.build(queue_id, ["a@example.net"], b"Subject: x\n\n" + b"" +
                                           b"line of text\n" * 200000), po.owner)
    po.queue()
    assert [(m["state"], m["hold"]) for m in po.list()] == [("held", "size")]
    po.queue("--release", queue_id)
    po.queue()
    assert len(po.captured()) == 1


def test_a_rebuild_counts_as_before(system_po):
    po = system_po
    po.configure(uid_messages=2, uid_per_day=3)
    submit(po, 5)
    submit(po, 3, uid=BOB)
    po.queue("--ingest")
    before = [json.dumps(m, sort_keys=True) for m in sorted(po.list_all(), key=lambda m: m["queue_id"])]
    shutil.rmtree(po.spool / "index" / "live")
    po.queue("--rebuild-index")
    assert [json.dumps(m, sort_keys=True) for m in sorted(po.list_all(), key=lambda m: m["queue_id"])] == before
    submit(po, 1)
    po.queue("--ingest")
    assert states(po) == ["waiting"] * 2 + ["held/quota"] * 4 and status(po)["over_quota"] == "5"
    assert po.queue("--check").returncode == 0
