# SPDX-License-Identifier: ISC
"""What a message asks of the servers behind po: said where it is offered, and what becomes of it where it is not."""
import re

import pytest

from rawserver import RawServer, content, hear, say, starttls

BODY = b"From: s@example.org\r\nSubject: x\r\n\r\nhello\r\n"


def handed_in(po, *parameters):
    """A message through sendmail -bs, with parameters of MAIL."""
    mail = " ".join(["MAIL FROM:<s@example.org>", *parameters])
    done = po.sendmail("-bs", input=f"EHLO x\r\n{mail}\r\nRCPT TO:<a@example.net> NOTIFY=NEVER\r\nDATA\r\n".encode() +
                       BODY + b".\r\nQUIT\r\n")
    assert "\n250 2.0.0" in done.stdout.split("\n354 ")[1], done.stdout


def script(offers, mail, reply="250 ok\r\n"):
    lines = ["x", *offers]
    return [say("220 x\r\n"), hear("EHLO"), say("".join(f"250-{o}\r\n" for o in lines[:-1]) + f"250 {lines[-1]}\r\n"), hear(mail),
            say(reply), hear("RCPT"), say("250 ok\r\n"), hear("DATA"), say("354 go\r\n"), content(), say("250 2.0.0 taken\r\n"),
            hear("QUIT"), say("221 bye\r\n")]


def delivered(po, offers, mail, **relay):
    with RawServer(script(offers, mail)) as server:
        po.relay(server.port, **relay)
        po.queue("-p", "1")
    result, = po.results()
    assert result["status"] == "sent", result
    return server.connections[0]


def test_priority_is_passed_on(po):
    handed_in(po, "MT-PRIORITY=-2")
    delivered(po, ["MT-PRIORITY STANAG4406"], r"MAIL FROM:<s@example\.org> MT-PRIORITY=-4$")


def test_time_that_is_left_is_passed_on(po):
    handed_in(po, "BY=1000;RT")
    heard = delivered(po, ["DELIVERBY 60"], r"MAIL FROM:<s@example\.org> BY=\d+;RT$")
    left = int(re.search(r"BY=(\d+);", heard[1])[1])
    assert 900 < left <= 1000


def test_telling_when_late_goes_on_where_it_is_not_offered(po):
    handed_in(po, "BY=1000;N")
    delivered(po, ["SIZE"], r"MAIL FROM:<s@example\.org> SIZE=\d+$")


def refused(po, offers, **relay):
    """It comes back without a MAIL command."""
    lines = ["x", *offers]
    dialogue = [say("220 x\r\n"), hear("EHLO"), say("".join(f"250-{o}\r\n" for o in lines[:-1]) + f"250 {lines[-1]}\r\n"),
                hear("QUIT"), say("221 bye\r\n")]
    with RawServer(dialogue) as server:
        po.relay(server.port, **relay)
        po.queue("-p", "1")
    result, = po.results()
    assert result["status"] == "bounced" and server.connections == [[server.connections[0][0], "QUIT"]], result
    return result["dsn"]


@pytest.mark.parametrize("parameter,offer,status", (
    ("BY=1000;R", "SIZE", "5.3.3"), ("BY=1000;R", "DELIVERBY 5000", "5.4.7"), ("REQUIRETLS", "REQUIRETLS", "5.7.30"),
    ("SMTPUTF8", "SIZE", "5.6.7"), ("SIZE=100", "SIZE 10", "5.3.4")))
def test_it_comes_back_where_it_cannot_be_had(po, parameter, offer, status):
    """REQUIRETLS that is offered in the clear is not there at all."""
    handed_in(po, parameter)
    assert refused(po, [offer]) == status


def test_tls_all_the_way(po, ca):
    pair = ca.server("good")
    begin = [say("220 x\r\n"), hear("EHLO"), say("250-x\r\n250 STARTTLS\r\n"), hear("STARTTLS"), say("220 go\r\n"), starttls()]
    handed_in(po, "REQUIRETLS")
    with RawServer(begin + script(["REQUIRETLS"], r"MAIL FROM:<s@example\.org> REQUIRETLS$")[1:], cert=pair.cert,
                   key=pair.key) as server:
        po.relay(server.port, tls="verify", ca_file=ca.ca_file)
        po.queue("-p", "1")
    assert [r["status"] for r in po.results()] == ["sent"]


def test_a_certificate_that_nobody_verified_is_not_enough(po, ca):
    pair = ca.server("good")
    begin = [say("220 x\r\n"), hear("EHLO"), say("250-x\r\n250 STARTTLS\r\n"), hear("STARTTLS"), say("220 go\r\n"), starttls(),
             hear("EHLO"), say("250-x\r\n250 REQUIRETLS\r\n"), hear("QUIT"), say("221 bye\r\n")]
    handed_in(po, "REQUIRETLS")
    with RawServer(begin, cert=pair.cert, key=pair.key) as server:
        po.relay(server.port, tls="encrypt")
        po.queue("-p", "1")
    result, = po.results()
    assert (result["status"], result["dsn"]) == ("bounced", "5.7.30")


def test_no_more_messages_than_the_server_wants(po):
    """LIMITS MAILMAX: each connection carries two of five messages."""
    one = [hear("MAIL"), hear("RCPT"), hear("DATA"), say("250 ok\r\n250 ok\r\n354 go\r\n"), content(), say("250 2.0.0 taken\r\n")]
    dialogue = [say("220 x\r\n"), hear("EHLO"), say("250-x\r\n250-PIPELINING\r\n250 LIMITS MAILMAX=2\r\n")]
    end = [hear("QUIT"), say("221 bye\r\n")]
    for i in range(5):
        po.submit(b"Subject: x\n\nx\n", f"a{i}@example.net")
    with RawServer(dialogue + one * 2 + end, dialogue + one * 2 + end, dialogue + one + end) as server:
        po.relay(server.port)
        po.queue("-p", "1")
    assert [r["status"] for r in po.results()] == ["sent"] * 5 and len(server.connections) == 3
