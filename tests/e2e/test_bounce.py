# SPDX-License-Identifier: ISC
"""What senders are told of mail that does not arrive: the report, whom it goes to, how often, over crashes too."""
import email
import email.policy
import os
import shutil
import signal

import pytest

import message_file
from rawserver import RawServer, content, hear, say
from po import wait_gone
from wait import wait_for

SENDER = "me@here.example"
NO_SUCH_USER = "550 5.1.1 no such user"


def reports(sink):
    """The notices that arrived, parsed: (message, human text, report for the message, reports for recipients)."""
    found = []
    for m in sink.messages():
        if m.sender:
            continue
        parsed = email.message_from_bytes(m.content.replace(b"\r\n", b"\n"), policy=email.policy.default)
        assert parsed.get_content_type() == "multipart/report" and parsed.get_param("report-type") == "delivery-status"
        assert not parsed.defects, parsed.defects
        parts = list(parsed.iter_parts())
        assert all(not p.defects for p in parts)
        status = parts[1].get_payload()
        if parts[1].get_content_type() == "message/global-delivery-status":  # which Python takes for a mail
            status += [email.message_from_string(block, policy=email.policy.default)
                       for block in status[0].get_content().rstrip("\n").split("\n\n")]
        found.append((parsed, parts[0].get_content(), status[0], status[1:], parts[2:], m.recipients))
    return found


@pytest.mark.parametrize("stage, reply, status", (
    ("MAIL", "550 5.7.1 not you", "5.7.1"), ("RCPT", NO_SUCH_USER, "5.1.1"), ("RCPT", "550 no such user", "5.0.0"),
    ("DATA", "554 5.5.0 no", "5.5.0"), ("DOT", "554 5.6.0 spam", "5.6.0"), ("MAIL", "552 5.3.4 too big", "5.3.4")))
def test_a_failure_in_any_phase_is_told_once(po, sink, stage, reply, status):
    po.relay(sink.port)
    sink.rules({"stage": stage, "reply": reply, "times": 1})
    po.submit(b"Subject: Hello\nMessage-ID: <m1@here.example>\n\nbody\n", "-f", SENDER, "bob@example.net")
    po.queue()
    po.queue("--flush")
    (message, text, general, (recipient,), (original,), to), = reports(sink)
    assert to == [SENDER]
    assert message["From"] == "Mail Delivery System <MAILER-DAEMON@example.org>"
    assert (message["Subject"], message["To"]) == ("Undelivered Mail Returned to Sender", SENDER)
    assert message["Auto-Submitted"] == "auto-replied" and message["In-Reply-To"] == "<m1@here.example>"
    assert general["Reporting-MTA"] == "dns; host.example" and general["Arrival-Date"]
    assert recipient["Final-Recipient"] == "rfc822; bob@example.net"
    assert (recipient["Action"], recipient["Status"]) == ("failed", status)
    assert recipient["Diagnostic-Code"] == f"smtp; {reply}" and recipient["Remote-MTA"] == "dns; localhost"
    assert "<bob@example.net>" in text and reply in text.replace("\n    ", " ") and "Hello" in text
    assert original.get_content_type() == "message/rfc822" and b"\n\nbody\n" in original.get_payload(0).as_bytes()


def test_each_recipient_is_told_of_once_however_they_end(po, sink):
    po.relay(sink.port)
    sink.rules({"stage": "RCPT", "match": "^later", "reply": "450 4.2.1 busy", "times": 1},
               {"stage": "RCPT", "match": "^(never|later)", "reply": NO_SUCH_USER})
    po.submit(b"Subject: x\n\nx\n", "-f", SENDER, *(f"{n}@example.net" for n in ("never1", "never2", "good", "later1")))
    po.queue()
    po.queue("--flush")
    told = [[r["Final-Recipient"] for r in recipients] for _, _, _, recipients, _, _ in reports(sink)]
    assert told == [["rfc822; never1@example.net", "rfc822; never2@example.net"], ["rfc822; later1@example.net"]]


@pytest.mark.parametrize("notify, kinds", (
    ("never", []), ("success", []), ("failure", ["failed"]), ("delay", []), ("failure,delay", ["failed"])))
def test_notify_is_honoured_for_failures(po, sink, notify, kinds):
    po.relay(sink.port)
    sink.rules({"stage": "RCPT", "match": "^never", "reply": NO_SUCH_USER})
    po.submit(b"Subject: x\n\nx\n", "-f", SENDER, "-N", notify, "never@example.net")
    po.queue()
    assert [r[3][0]["Action"] for r in reports(sink)] == kinds


def test_envelope_id_and_header_alone(po, sink):
    po.relay(sink.port)
    sink.rules({"stage": "RCPT", "match": "^never", "reply": NO_SUCH_USER})
    po.submit(b"Subject: x\n\nsecret body\n", "-f", SENDER, "-R", "hdrs", "-V", "env1", "never@example.net")
    po.queue()
    (_, _, general, _, (original,), _), = reports(sink)
    assert general["Original-Envelope-Id"] == "env1"
    assert original.get_content_type() == "text/rfc822-headers" and "secret" not in original.as_string()


def test_a_large_message_sends_its_header_alone(po, sink):
    po.relay(sink.port)
    po.configure(bounce_size="10k")
    sink.rules({"stage": "RCPT", "match": "^never", "reply": NO_SUCH_USER})
    po.submit(b"Subject: x\n\n" + b"0123456789" * 2000 + b"\n", "-f", SENDER, "never@example.net")
    po.queue()
    (_, text, _, _, (original,), _), = reports(sink)
    assert original.get_content_type() == "text/rfc822-headers" and "Its header is attached" in text


def test_success_is_told_by_us_where_the_next_hop_does_not(po, sink):
    po.relay(sink.port)
    po.submit(b"Subject: x\n\nx\n", "-f", SENDER, "-N", "success", "good@example.net")
    po.queue()
    (message, _, _, (recipient,), _, _), = reports(sink)
    assert message["Subject"] == "Successful Mail Delivery Report"
    assert (recipient["Action"], recipient["Status"][0]) == ("relayed", "2")


def test_success_is_passed_on_to_a_server_with_dsn(po):
    script = [say("220 x\r\n"), hear("EHLO"), say("250-x\r\n250 DSN\r\n"), hear("MAIL .* RET=HDRS ENVID=env1"),
              say("250 ok\r\n"), hear("RCPT .* NOTIFY=SUCCESS$"), say("250 ok\r\n"), hear("DATA"),
              say("354 go\r\n"), content(), say("250 ok\r\n"), hear("QUIT")]
    with RawServer(script) as server:
        po.relay(server.port)
        po.submit(b"Subject: x\n\nx\n", "-f", SENDER, "-N", "success", "-R", "hdrs", "-V", "env1", "good@example.net")
        po.queue()
    assert [m["state"] for m in po.list_all()] == ["sent"], "no notice of ours"


def test_who_is_late_is_told_once(po, sink, shift_clock):
    po.relay(sink.port)
    po.configure(delay_warning="4h")
    sink.rules({"stage": "RCPT", "match": "^later", "reply": "450 4.2.1 busy"})
    po.submit(b"Subject: x\n\nx\n", "-f", SENDER, "later@example.net")
    for hours in (0, 5, 7, 9):
        po.queue("--flush", env=shift_clock(hours * 3600))
    (message, text, _, (recipient,), _, _), = reports(sink)
    assert message["Subject"] == "Delayed Mail (still being retried)" and "WARNING ONLY" in text
    assert recipient["Action"] == "delayed" and recipient["Will-Retry-Until"]


def by(po, parameter):
    done = po.sendmail("-bs", input=f"MAIL FROM:<{SENDER}> {parameter}\r\nRCPT TO:<later@example.net>\r\n"
                                    "DATA\r\nSubject: x\r\n\r\nx\r\n.\r\n".encode())
    assert "queued as" in done.stdout, done.stdout


def test_deliver_by_with_n_tells_once_when_that_time_is_over(po, sink, shift_clock):
    """RFC 2852, and no delay_warning: the seconds of BY count."""
    po.relay(sink.port)
    sink.rules({"stage": "RCPT", "match": "^later", "reply": "450 4.2.1 busy"})
    by(po, "BY=3000;N")
    for seconds in (0, 2900):
        po.queue("--flush", env=shift_clock(seconds))
    assert reports(sink) == []
    for seconds in (3100, 9000, 20000):
        po.queue("--flush", env=shift_clock(seconds))
    (message, _, _, (recipient,), _, _), = reports(sink)
    assert recipient["Action"] == "delayed" and recipient["Will-Retry-Until"]
    by(po, "BY=-5;NT")
    po.queue()
    assert len(reports(sink)) == 2, "late from the beginning"


def test_deliver_by_with_r_returns_what_is_not_delivered_by_then(po, sink, shift_clock):
    po.relay(1)
    by(po, "BY=3000;R")
    po.queue(ok=False)
    assert len(po.list()) == 1
    po.relay(sink.port)
    po.queue(env=shift_clock(3100))
    (_, _, _, (recipient,), _, _), = reports(sink)
    assert recipient["Action"] == "failed"
    assert sink.count() == 1, "the mail itself is not sent any more"


def test_expiry_is_told_with_the_last_answer(po, sink, shift_clock):
    po.relay(sink.port)
    po.configure(give_up_after="1d")
    sink.rules({"stage": "RCPT", "match": "^later", "reply": "450 4.2.1 busy"})
    po.submit(b"Subject: x\n\nx\n", "-f", SENDER, "later@example.net")
    po.queue()
    po.queue(env=shift_clock(25 * 3600))
    (_, text, _, (recipient,), _, _), = reports(sink)
    assert (recipient["Action"], recipient["Status"]) == ("failed", "4.2.1")
    assert "given up" in text and "450 4.2.1 busy" in text


@pytest.mark.parametrize("header", (b"Auto-Submitted: auto-replied\n",
                                    b"Content-Type: multipart/report; report-type=delivery-status; boundary=x\n"))
def test_the_answer_of_a_machine_is_not_answered(po, sink, header):
    po.relay(sink.port)
    sink.rules({"stage": "RCPT", "match": "^never", "reply": NO_SUCH_USER})
    po.submit(b"Subject: x\n" + header + b"\nx\n", "-f", SENDER, "never@example.net")
    po.queue()
    assert reports(sink) == [] and "it is the answer of a machine" in po.log()


def test_the_null_sender_is_not_answered(po, sink):
    po.relay(sink.port)
    sink.rules({"stage": "RCPT", "match": "^never", "reply": NO_SUCH_USER})
    po.submit(b"Subject: x\n\nx\n", "-f", "<>", "never@example.net")
    po.queue()
    assert reports(sink) == [] and len(po.list_all()) == 1


@pytest.mark.parametrize("postmaster_exists", (True, False))
def test_a_notice_that_fails_goes_to_the_postmaster_once_and_no_further(po, sink, postmaster_exists):
    po.relay(sink.port)
    sink.rules({"stage": "RCPT", "match": "^(never|me)" if postmaster_exists else ".", "reply": NO_SUCH_USER})
    po.submit(b"Subject: x\n\nx\n", "-f", SENDER, "never@example.net")
    po.queue()
    assert [r[5] for r in reports(sink)] == ([["postmaster@example.org"]] if postmaster_exists else [])
    assert len(po.list_all()) == 3, "the message, its notice, the postmaster's"


def test_two_spools_that_bounce_to_each_other_come_to_an_end(po, sink):
    """Everything is refused everywhere: the mails made are counted, not endless."""
    po.relay(sink.port)
    sink.rules({"stage": "RCPT", "reply": NO_SUCH_USER})
    for i in range(5):
        po.submit(b"Subject: x\n\nx\n", "-f", f"s{i}@here.example", f"never{i}@example.net")
    for _ in range(3):
        po.queue("--flush")
    assert len(po.list_all()) == 15 and all(m["state"] == "failed" for m in po.list_all())


def test_a_storm_of_notices_becomes_a_digest_over_restarts(po, sink, shift_clock):
    po.relay(sink.port)
    po.configure(bounce_storm_count=3, bounce_storm_time="1h")
    sink.rules({"stage": "RCPT", "match": "^never", "reply": NO_SUCH_USER})

    def fail(n, sender, **more):
        for i in range(n):
            po.submit(b"Subject: x\n\nx\n", "-f", sender, f"never{i}@example.net")
        po.queue(**more)

    fail(2, SENDER)
    fail(3, SENDER)
    fail(1, "other@here.example")
    assert sorted(m.recipients[0] for m in sink.messages()) == [SENDER] * 3 + ["other@here.example"]
    po.queue(env=shift_clock(1800))
    assert len(sink.messages()) == 4
    po.queue(env=shift_clock(3700))
    digest = sink.messages()[4]
    assert (digest.sender, digest.recipients) == ("", [SENDER])
    assert b"Auto-Submitted: auto-replied" in digest.content and b"\n2 more notices about messages" in digest.content
    fail(1, SENDER, env=shift_clock(3800))
    assert len(sink.messages()) == 6, "counted anew"


def test_an_international_message_gets_an_international_report(po, sink):
    po.relay(sink.port)
    sink.rules({"stage": "RCPT", "match": "^j", "reply": NO_SUCH_USER})
    po.submit("Subject: Gr\u00fc\u00dfe\n\nx\n".encode(), "-f", SENDER, "j\u00fcrgen@example.net")
    po.queue()
    (message, text, _, (recipient,), (original,), _), = reports(sink)
    kinds = [p.get_content_type() for p in message.iter_parts()]
    assert kinds == ["text/plain", "message/global-delivery-status", "message/global"]
    assert "j\u00fcrgen@example.net" in text and recipient["Action"] == "failed"
    assert "\nFinal-Recipient: utf-8; j\u00fcrgen@example.net\n".encode() in message.as_bytes()


def test_the_server_s_words_cannot_make_parts_or_fields(po, sink):
    evil = "550 5.1.1 x\x1b[2J --boundary Status: 2.0.0"
    po.relay(sink.port)
    sink.rules({"stage": "RCPT", "match": "^never", "reply": evil})
    po.submit(b"Subject: x\n\nx\n", "-f", SENDER, "never@example.net")
    po.queue()
    (message, _, _, (recipient,), _, _), = reports(sink)
    assert recipient["Status"] == "5.1.1" and len(list(message.iter_parts())) == 3
    assert "\x1b" not in message.as_string()


def test_a_killed_runner_loses_no_notice_and_doubles_none(po, sink):
    """kill -9 at any time while 60 messages fail: in the end each sender has exactly one notice."""
    po.relay(sink.port)
    sink.rules({"stage": "RCPT", "match": "^never", "reply": NO_SUCH_USER})
    for i in range(60):
        po.submit(b"Subject: x\n\nx\n", "-f", f"s{i}@here.example", f"never{i}@example.net")
    for kills in range(6):
        child = po.start("-p", "2")
        wait_for(lambda want=(kills + 1) * 6: child.poll() is not None or len(po.files("done")) >= want,
                 "some are finished", 60)
        po.kill(child, signal.SIGKILL)
        wait_for(lambda: po.queue("--status", ok=False).returncode is not None, "the lock can be asked", 10)
    wait_for(lambda: po.queue("--fail-if-locked", ok=False).returncode == 0, "a last run gets the lock", 60)
    po.queue()
    told = sorted(r[5][0] for r in reports(sink))
    assert told == sorted(f"s{i}@here.example" for i in range(60))
    assert po.queue("--check").returncode == 0


@pytest.mark.parametrize("index", ("as it was", "lost", "rebuilt"))
@pytest.mark.parametrize("settled", (False, True))
def test_what_failed_is_told_once_whatever_becomes_of_the_index(po, sink, index, settled):
    """The runner dies between the worker's result and its own commit, or right behind all of it."""
    po.relay(sink.port)
    sink.rules({"stage": "RCPT", "match": "^never", "reply": NO_SUCH_USER})
    po.submit(b"Subject: x\n\nx\n", "-f", SENDER, "never@example.net")
    if settled:
        po.queue("-p", "1")
    else:
        sink.pause("RCPT", 1)
        runner = po.start("-p", "1")
        sink.wait_paused()
        pids = po.processes(runner)
        os.kill(pids[0], signal.SIGSTOP)
        sink.resume()
        wait_for(lambda: message_file.read(po.files("queue")[0]).slots[0].state == "F", "the result is in its slot", 30)
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        runner.wait(60)
        wait_gone(pids)
    if index == "lost":
        shutil.rmtree(po.spool / "index" / "live")
    elif index == "rebuilt":
        po.queue("--rebuild-index")
    for _ in range(2):
        po.queue("-p", "1")
    (_, _, _, (recipient,), _, to), = reports(sink)
    assert to == [SENDER] and recipient["Final-Recipient"] == "rfc822; never@example.net"
    assert [m["state"] for m in po.list_all() if m["sender"] == SENDER] == ["failed"]
    assert po.queue("--check").returncode == 0 and po.files("queue") == []
