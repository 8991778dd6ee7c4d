# SPDX-License-Identifier: ISC
"""Mail of every shape to the servers that are out there: Debian's Postfix, OpenSMTPD, Exim, and Dovecot by LMTP."""
import email
import itertools

import pytest

from wait import wait_for

LINE_ENDS = ("\r", "\n", "\r\n")
SERVERS = ("postfix", "opensmtpd", "exim", "dovecot")
HEADER = b"From: s@example.org\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n"

SHAPES = {
    "plain": ("7bit", "first\n.\n..\n.dot\nFrom here\n\n\nlast\n"),
    "8-bit": ("8bit", "Gr\u00fc\u00dfe, \u20ac and \U0001f4ee\n.\n"),
    "a long line": ("7bit", "x" * 5000 + "\n.\n" + "y" * 998 + "\n"),
    "a long line of 8 bits": ("8bit", "\u00fc" * 3000 + "\nend\n"),
    "large": ("7bit", "".join(f"line {i} of many\n.\n" for i in range(60000))),
}


class Way:
    """How mail gets to one of them, and what it has taken."""

    def __init__(self, request, name):
        self.name = name
        fixture = {"postfix": "real_server", "opensmtpd": "open_smtpd", "exim": "exim4", "dovecot": "mailboxes"}[name]
        self.server, self.ca = request.getfixturevalue(fixture), request.getfixturevalue("ca")
        self.before = self.everything()

    def open(self, po):
        if self.name == "postfix":
            po.relay(self.server.ports[("good", False)], tls="verify", ca_file=self.ca.ca_file, user=self.server.user,
                     password=self.server.password)
        elif self.name == "dovecot":
            po.configure(transport="lmtp", relay={"host": f"unix:{self.server.socket}"})
        else:
            po.relay(self.server.port)

    def everything(self):
        if self.name == "postfix":
            return [p.read_bytes() for p in sorted((self.server.folder / "maildir" / "all" / "new").glob("*"))]
        return self.server.maildir("bob") if self.name == "dovecot" else self.server.messages()

    def arrived(self, count):
        """The messages that have come since, once there are so many, parsed; more are a failure."""
        wait_for(lambda: len(self.everything()) >= len(self.before) + count, f"{count} messages at {self.name}", 60)
        new = [m for m in self.everything() if m not in self.before]
        assert len(new) == count
        return [email.message_from_bytes(m) for m in new]


@pytest.fixture(params=SERVERS)
def way(request):
    return Way(request, request.param)


def of_subject(messages, subject):
    found = [m for m in messages if m["Subject"] == subject]
    assert len(found) == 1, [m["Subject"] for m in messages]
    return found[0]


def test_all_line_ends_round_the_dot_make_one_message(po, way):
    """27 messages go out, each with what would be a second one after any of the ends; 27 arrive, with that in their text."""
    way.open(po)
    ends = list(itertools.product(LINE_ENDS, repeat=3))
    for number, (before, behind, last) in enumerate(ends):
        smuggled = last.join(("MAIL FROM:<evil@example.net>", "RCPT TO:<bob@mailbox.example>", "DATA", "Subject: smuggled", "",
                              "evil", ".", ""))
        po.submit(f"From: s@example.org\nSubject: end {number}\n\na{before}.{behind}{smuggled}".encode(), "bob@mailbox.example")
    po.queue("--ingest")
    po.queue("-p", "2")
    assert [r["status"] for r in po.results()] == ["sent"] * len(ends), po.log()
    for message in way.arrived(len(ends)):
        assert message["Subject"].startswith("end ")
        words = " ".join(message.get_payload().split())
        assert words == "a . MAIL FROM:<evil@example.net> RCPT TO:<bob@mailbox.example> DATA Subject: smuggled evil .", words


def test_every_shape_arrives_as_it_was(po, way):
    way.open(po)
    for shape, (encoding, body) in SHAPES.items():
        po.submit(HEADER + f"Subject: {shape}\nContent-Transfer-Encoding: {encoding}\n\n{body}".encode(), "bob@mailbox.example")
    po.queue("--ingest")
    po.queue("-p", "2")
    assert [r["status"] for r in po.results()] == ["sent"] * len(SHAPES), po.log()
    messages = way.arrived(len(SHAPES))
    for shape, (_, body) in SHAPES.items():
        got = of_subject(messages, shape).get_payload(decode=True).replace(b"\r\n", b"\n")
        assert max(map(len, got.split(b"\n"))) <= 998  # RFC 5322, 2.1.1: what is longer goes on behind a blank
        assert got.replace(b"\n ", b"").decode() == body, f"{shape}: {got[:200]!r}"


def test_many_recipients_get_one_each(po, way):
    """250, in transactions of at most 100."""
    way.open(po)
    recipients = [f"bob+{i}@mailbox.example" for i in range(250)]
    po.submit(b"From: s@example.org\nSubject: to many\n\nhello\n", *recipients)
    po.queue("-p", "2")
    assert sorted(r["to"] for r in po.results(status="sent")) == sorted(recipients)
    assert [m["Subject"] for m in way.arrived(len(recipients))] == ["to many"] * len(recipients)
