# SPDX-License-Identifier: ISC
"""What is seen of the queue, and by whom: Postfix's layout beside Postfix itself, and the programs that read it."""
import os
import re
import socket
import subprocess
import time

import pytest

import debian
import postfix
from wait import wait_for

HEADING = "-Queue ID-  --Size-- ----Arrival Time---- -Sender/Recipient-------\n"


# ---------------------------------------------------------------- beside Postfix

# sender, recipients, body
MAILS = (
    ("one@example.org", ["first@d.example"], b"hello\n"),
    ("several@example.org", ["first@d.example", "same1@d.example", "same2@d.example", "second@d.example"], b"hello\n"),
    ("same@example.org", ["same1@d.example", "same2@d.example", "same3@d.example"], b"hello\n"),
    ("", ["first@d.example"], b"hello\n"),
    ("long@example.org", ["long@d.example"], b"hello\n"),
    ('"john doe"@example.org', ['"jane doe"@d.example', '"quo\\"te"@d.example'], b"hello\n"),
    ("jürgen@bücher.example", ["ünï@d.example"], b"hello\n"),
    ("x" * 60 + "@" + "y" * 60 + ".example", ["z" * 60 + "@d.example"], b"hello\n"),
    ("big@example.org", ["same1@d.example"], b"0123456789abcde\n" * 500000),
    ("held@example.org", ["first@d.example"], b"hello\n"),
)
RULES = (
    {"stage": "RCPT", "match": "same", "reply": "451 4.7.1 the same reason"},
    {"stage": "RCPT", "match": "long", "reply": "451 4.7.1 " + "a long reason " * 12 + "ends here"},
    {"stage": "RCPT", "match": "second", "reply": "450 4.2.1 another reason (with brackets)"},
    {"stage": "RCPT", "match": ".", "reply": "450 4.2.1 mailbox busy"},
)
FIRST_LINE = re.compile(r"([0-9A-Z]+)([*!#]?) +(\d+) (\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d)  (.*)\n")


def blocks(listing):
    """Sender -> its block, with what must differ taken out: id, the digits of the size, the time; and the last line."""
    assert listing.startswith(HEADING), listing
    *parts, last = listing[len(HEADING):].split("\n\n")
    found = {}
    for part in parts:
        first = FIRST_LINE.match(part + "\n")
        assert first, part
        assert part.split(first[4])[0].endswith(f" {int(first[3]):7d} "), part  # right-aligned, 7 at the least
        digits = len(first[3])
        found[first[5]] = f"ID{first[2]} {'#' * digits:>7} TIME  {first[5]}\n" + part[len(first[0]):]
    return found, last


@pytest.fixture(scope="module")
def beside(folder):
    """A Postfix for its queue, relaying to a port that a test sets."""
    reason = debian.why_not()
    if reason:
        pytest.skip(reason)
    rig = postfix.Postfix(folder / "postfix-queue", kinds=())
    yield rig
    rig.stop()


def same_queue(po, beside, sink, stalled):
    """All of MAILS deferred, one held, one in delivery, in both."""
    beside.configure(smtputf8_enable="yes", virtual_mailbox_domains="",
                     transport_maps=f"inline:{{ {{stalled.example = smtp:[127.0.0.1]:{stalled}}} }}",
                     default_transport=f"smtp:[localhost]:{sink.port}", smtp_host_lookup="native")
    po.relay(sink.port)
    mails = (*MAILS, ("active@example.org", ["a@stalled.example"], b"hello\n"))
    for sender, recipients, body in mails:
        message = b"Subject: x\n\n" + body
        beside.run("sendmail", "-i", "-f", sender, *recipients, input=message)
        if sender != "active@example.org":
            po.submit(message, "-f", sender, *recipients)
    wait_for(lambda: len(beside.listed()) == len(mails) and all(
        m["queue_name"] == ("active" if m["sender"] == "active@example.org" else "deferred") for m in beside.listed()),
        "Postfix has tried all", 60)
    beside.run("postsuper", "-h", *(m["queue_id"] for m in beside.listed() if m["sender"] == "held@example.org"))
    po.queue()
    po.queue("--hold", *(m["queue_id"] for m in po.list() if m["sender"] == "held@example.org"))
    po.relay(stalled)
    po.submit(b"Subject: x\n\nhello\n", "-f", "active@example.org", "a@stalled.example")
    po.start("--watch")
    wait_for(lambda: any(m["queue_name"] == "active" for m in po.list()), "po delivers one", 60)


def test_the_layout_is_postfix_s(po, beside, new_sink):
    """Blocks, columns, reasons and their grouping, the last line: all as Postfix prints the same queue."""
    sink = new_sink(rules=RULES, keywords=["SMTPUTF8", "8BITMIME"])
    assert beside.run("postqueue", "-p").decode() == po.queue("--list").stdout == "Mail queue is empty\n"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        same_queue(po, beside, sink, listener.getsockname()[1])
        theirs, their_last = blocks(beside.run("postqueue", "-p").decode())
        ours, our_last = blocks(po.queue("--list").stdout)
        for sender in theirs:
            assert ours[sender] == theirs[sender], f"{ours[sender]}\nis not Postfix's\n{theirs[sender]}"
        assert ours.keys() == theirs.keys() and len(ours) == len(MAILS) + 1
        form = re.compile(r"-- \d+ Kbytes in 11 Requests\.\n")
        assert form.fullmatch(their_last) and form.fullmatch(our_last)
        their_json = {m["sender"]: m for m in beside.listed()}
        for m in po.list():
            like = their_json[m["sender"]]
            assert set(like) <= set(m) and like["queue_name"] == m["queue_name"]
            for theirs, ours in zip(like["recipients"], m["recipients"]):
                assert theirs.items() <= ours.items()


def test_a_reader_that_has_seen_enough_is_no_error(po):
    """mailq | head -1, and a caller that ignores SIGPIPE as Python's children do: quiet, exit 0."""
    for _ in range(40):
        po.submit(b"X-PO-Schedule: +2h\nSubject: x\n\nx\n", "-f", "s@example.org",
                  *(f"{'r' * 60}{i}@{'d' * 60}.example" for i in range(100)))
    po.queue()
    listing = subprocess.Popen(["env", "--ignore-signal=PIPE", *po.command("po-queue", "--list")], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, env=po.environment(), cwd="/", **po._identity(None))
    assert listing.stdout.readline() == HEADING.encode()
    listing.stdout.close()
    assert listing.stderr.read() == b"" and listing.wait(60) == 0
    listing.stderr.close()


# ---------------------------------------------------------------- acts of ordinary users, and -q beside a runner

def test_everybody_acts_on_mail_of_his_own(system_po):
    """Another's mail does not exist for him, and requeue is the administrator's."""
    po = system_po
    po.start("--watch")
    for uid in (2001, 2002):
        po.submit(b"X-PO-Schedule: +2h\nSubject: x\n\nx\n", "a@example.net", uid=uid)
    wait_for(lambda: len(po.list()) == 2, "both are taken in")
    own, other = (next(m["queue_id"] for m in po.list() if m["uid"] == uid) for uid in (2001, 2002))

    def states():
        return [next(m["state"] for m in po.list_all() if m["queue_id"] == i) for i in (own, other)]
    for verb, state in (("--hold", "held"), ("--release", "waiting"), ("--hold", "held"), ("--cancel", "cancelled")):
        done = po.queue(verb, own, uid=2001)
        assert (done.stdout, done.stderr) == (f"{own}\n", "") and states() == [state, "waiting"]
        done = po.queue(verb, other, uid=2001, ok=False)
        assert done.returncode == 65 and f"{other}: no such message" in done.stderr and states() == [state, "waiting"]
    done = po.queue("--requeue", own, uid=2001, ok=False)
    assert done.returncode == 65 and "only root" in done.stderr
    for refused in (("--list",), ("--show", own), ("--flush",), ("--cleanup",), ("--status",)):
        done = po.queue(*refused, uid=2001, ok=False)
        assert done.returncode == 77 and done.stderr.count("\n") == 1 and done.stdout == "", refused


def test_flush_and_only_are_asked_of_a_runner(po, sink):
    """sendmail -q and -qIID run these: with a service at work they must not do nothing."""
    po.relay(sink.port)
    sink.rules({"stage": "RCPT", "match": ".", "reply": "450 4.2.1 later"})
    for name in ("a", "b", "c"):
        po.submit(b"Subject: x\n\nx\n", f"{name}@example.net")
    po.start("--watch")
    wait_for(lambda: len(po.list()) == 3 and all(m["queue_name"] == "deferred" for m in po.list()), "all are deferred")
    ids = {m["recipients"][0]["address"]: m["queue_id"] for m in po.list()}
    sink.rules()
    assert po.queue("--only", ids["b@example.net"]).returncode == 0
    wait_for(lambda: sink.count() == 1, "it is sent")
    assert [m.recipients for m in sink.messages()] == [["b@example.net"]] and len(po.list()) == 2
    assert po.queue("--flush").stdout == "2 messages due now\n"
    wait_for(lambda: sink.count() == 3 and po.list() == [], "the others are sent")


# ---------------------------------------------------------------- figures

SAMPLE = re.compile(r'([a-z_]+)(?:\{([a-z_]+)="((?:[^"\\\n]|\\["\\n])*)"\})? (\d+)')


def exposition(text):
    """(name, label) -> value, and the rules of the text format: HELP and TYPE once and before the values of a name, which
    stand together; no sample twice."""
    values, typed = {}, []
    for line in text.splitlines():
        if line.startswith("# HELP "):
            name = line.split()[2]
            assert name not in typed and len(line.split()) > 3
            typed.append(name)
        elif line.startswith("# TYPE "):
            assert line == f"# TYPE {typed[-1]} gauge"
        else:
            name, _, label, n = SAMPLE.fullmatch(line).groups()
            assert name == typed[-1] and (name, label) not in values
            values[name, label] = int(n)
    assert text.endswith("\n")
    return values


def test_mail_that_is_not_taken_in_yet_is_seen(system_po, sink):
    """Between two runs of cron, and above all when there are none any more."""
    po = system_po
    po.relay(sink.port)
    po.queue()
    assert po.queue("--list").stdout == "Mail queue is empty\n" and po.sendmail("-bp", uid=2002).stderr == ""
    po.submit(b"Subject: x\n\nx\n", "a@example.net", uid=2001)
    m, = po.list(untaken=True)
    assert (m["uid"], m["state"], m["recipients"]) == (2001, "waiting", []) and po.list() == []
    text = po.queue("--list").stdout
    assert text.startswith(f"{HEADING}{m['queue_id']}  ") and "(handed in, not taken in yet)\n" in text
    assert text.endswith("\n-- 0 Kbytes in 1 Request.\n")
    got = exposition(po.queue("--stats", "--prometheus").stdout)
    assert got["po_untaken_messages", None] == 1 and 0 <= got["po_untaken_oldest_seconds", None] < 600
    assert "not taken in: 1 messages\n" in po.queue("--status").stdout
    assert po.list("--sender", "x", untaken=True) == []
    later = time.time() + 2  # figures are of whole seconds
    os.utime(po.spool / "drop", (later, later))
    stranger = po.sendmail("-bp", uid=2002)
    assert (stranger.stdout, stranger.stderr) == ("Mail queue is empty\n", "")  # no terminal: nobody to read a note
    po.queue()
    assert po.list(untaken=True) == [] and sink.count() == 1


def test_figures_of_the_queue(po, sink):
    po.relay(sink.port)
    sink.rules({"stage": "RCPT", "match": "later", "reply": "450 4.2.1 later"})
    for address in ("later1@example.net", "later2@example.net", "sent@example.net"):
        po.submit(b"Subject: x\n\nx\n", address)
    po.submit(b"X-PO-Schedule: +2h\nSubject: x\n\nx\n", "held@example.net")
    po.queue()
    po.queue("--hold", "--recipient", "held@")
    got = exposition(po.queue("--stats", "--prometheus").stdout)
    by_state = {m: sum(1 for x in po.list_all() if x["state"] == m) for m in ("waiting", "held", "sent", "failed")}
    assert by_state == {"waiting": 2, "held": 1, "sent": 1, "failed": 0}
    for state, n in by_state.items():
        assert got["po_messages", state] == n
    assert got["po_deferred_messages", None] == 2 and got["po_unfinished_attempts", None] == 2
    assert got["po_finished_last_hour", "sent"] == 1 and got["po_runner_up", None] == 0
    assert got["po_content_bytes", "waiting"] == sum(m["message_size"] for m in po.list() if m["state"] == "waiting")
    assert 0 <= got["po_oldest_seconds", "waiting"] < 600
    hop, = (label for name, label in got if name == "po_hop_waiting")
    assert got["po_hop_waiting", hop] == 2 and f"{sink.port}" in hop
    plain = po.queue("--stats").stdout
    assert {tuple(line.split()[:-1]) for line in plain.splitlines()} == {
        (name, label) if label else (name,) for name, label in got}
    po.start("--watch")
    wait_for(lambda: exposition(po.queue("--stats", "--prometheus").stdout)["po_runner_up", None] == 1, "a runner")
    assert po.queue("--list", "--prometheus", ok=False).returncode == 64
