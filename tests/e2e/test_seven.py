# SPDX-License-Identifier: ISC
"""8-bit mail to a server that takes none (RFC 6152), UTF-8 in the header to one without SMTPUTF8: it arrives as it was meant,
read by Python's email package, or comes back."""
import email
import email.policy
import pathlib
import re

import pytest

from chunkserver import ChunkServer

SEEDS = pathlib.Path(__file__).resolve().parent.parent / "fuzz" / "corpus" / "seven"
OLD = ("PIPELINING", "SIZE 100000000")
UMLAUT = "Grüße, süß = gut \t\n.\n..\n\nFrom hier\n".encode()


def arrive(po, message, keywords=OLD, **relay):
    with ChunkServer(keywords=keywords) as server:
        po.relay(server.port, **relay)
        po.submit(message, "-N", "never", "-f", "s@example.org", "a@example.net")
        po.queue("-p", "1")
    assert [r["status"] for r in po.results()] == ["sent"], po.log()
    (_, _, content), = server.messages
    return content


def leaves(message):
    """(type, file name, decoded bytes without the last line end) of each part that is none of others."""
    parsed = email.message_from_bytes(message, policy=email.policy.compat32)
    for part in parsed.walk():
        if not part.is_multipart():
            body = part.get_payload(decode=True) or b""
            yield part.get_content_type(), body.replace(b"\r\n", b"\n").rstrip(b"\n")


def text_of(parsed):
    return parsed.get_content().replace("\r\n", "\n")


CONVERTED = ("plain", "latin1", "japanese", "mixed", "nested", "digest", "qp", "blanks")


@pytest.mark.parametrize("keywords,window", ((OLD, 1), ((*OLD, "CHUNKING"), 8)), ids=("DATA", "BDAT"))
@pytest.mark.parametrize("name", CONVERTED)
def test_every_part_says_the_same(po, name, keywords, window):
    message = (SEEDS / name).read_bytes()
    got = arrive(po, message, keywords, window=window)
    assert got.isascii() and all(len(line) <= 998 for line in got.split(b"\r\n"))
    wanted = list(leaves(message))
    if name == "qp":
        wanted = [(wanted[0][0], "ü und ü".encode())]
    assert list(leaves(got)) == wanted
    assert len(got) > len(message)


@pytest.mark.parametrize("keywords", (OLD, ()), ids=("ESMTP", "nothing-offered"))
def test_what_is_said_of_the_text(po, keywords):
    got = email.message_from_bytes(arrive(po, b"Subject: x\n\n" + UMLAUT, keywords), policy=email.policy.default)
    assert got["MIME-Version"] == "1.0" and got["Content-Transfer-Encoding"] == "quoted-printable"
    assert text_of(got) == UMLAUT.decode()


def test_the_shorter_encoding(po):
    body = "日本語のメール本文です。\n" * 30
    got = email.message_from_bytes(arrive(po, b"Subject: x\n\n" + body.encode()), policy=email.policy.default)
    assert got["Content-Transfer-Encoding"] == "base64" and text_of(got) == body


@pytest.mark.parametrize("keywords", (OLD, (*OLD, "8BITMIME")), ids=("7bit", "8BITMIME"))
def test_a_header_in_utf8_is_encoded(po, keywords):
    """Without SMTPUTF8 (RFC 6531): names, comments, text and parameters; the body alone needs 8BITMIME."""
    message = ('From: "Jörg Ü." <a@example.org> (nü)\nTo: Löwe <b@example.org>, c@example.org\nSubject: süße\n Grüße\n'
               'Content-Type: text/plain; charset=utf-8; name="ü \\"x.txt"\nContent-Transfer-Encoding: 8bit\n'
               'MIME-Version: 1.0\n\nübel\n').encode()
    raw = arrive(po, message, keywords)
    head, body = raw.split(b"\r\n\r\n", 1)
    got = email.message_from_bytes(raw, policy=email.policy.default)
    assert head.isascii() and body.isascii() != ("8BITMIME" in keywords)
    assert got["Subject"] == "süße Grüße" and got.get_filename() == 'ü "x.txt'
    assert [(a.display_name, a.addr_spec) for a in got["From"].addresses] == [("Jörg Ü.", "a@example.org")]
    assert [(a.display_name, a.addr_spec) for a in got["To"].addresses] == [("Löwe", "b@example.org"), ("", "c@example.org")]
    assert text_of(got) == "übel\n"


def test_where_smtputf8_is_offered_it_is_asked_for(po):
    """The header goes as it is, and the server is told (RFC 6531, 3.4)."""
    message = "From: s@example.org\nSubject: süß\n\nx\n".encode()
    with ChunkServer(keywords=(*OLD, "8BITMIME", "SMTPUTF8"), rules=[(r"MAIL FROM:<s@example\.org>.* SMTPUTF8.*", "250 utf8")]
                     ) as server:
        po.relay(server.port)
        po.submit(message, "-f", "s@example.org", "a@example.net")
        po.queue("-p", "1")
        assert not server.rules, "SMTPUTF8 was not said"


@pytest.mark.parametrize("name,status", (("signed", "5.6.3"), ("unknown", "5.6.3"), ("no-boundary", "5.6.3"),
                                         ("utf8-address", "5.6.7")))
def test_what_cannot_be_converted_comes_back(po, name, status):
    with ChunkServer(keywords=OLD) as server:
        po.relay(server.port)
        po.submit((SEEDS / name).read_bytes(), "-N", "never", "-f", "s@example.org", "a@example.net")
        po.submit(b"Subject: y\n\nx\n", "b@example.net")
        po.queue("-p", "1")
    assert {(r["to"], r["status"], r["dsn"]) for r in po.results()} == {
        ("a@example.net", "bounced", status), ("b@example.net", "sent", "2.0.0")}
    assert [to for _, to, _ in server.messages] == [["b@example.net"]]


def test_a_large_one_is_never_held(po):
    """20 MB: the worker's own memory stays below 12 MiB; SIZE is what arrives, but for the CR of line ends."""
    message = b"Subject: x\n\n" + ("ü" * 300 + "\n").encode() * 34000
    sizes, most = [], []
    with ChunkServer(keywords=OLD) as server:
        po.relay(server.port)
        po.submit(message, "-N", "never", "a@example.net")
        child = po.start("-p", "1")
        rule_for = server.rule_for

        def look(command):
            sizes.extend(int(n) for n in re.findall(r" SIZE=(\d+)", command))
            return rule_for(command)

        def memory():
            for pid in po.processes(child)[1:]:
                status = pathlib.Path(f"/proc/{pid}/status").read_text()
                most.append(int(re.search(r"RssAnon:\s+(\d+)", status)[1]))
        server.rule_for, server.taken = look, memory
        assert child.wait(120) == 0
    (_, _, content), = server.messages
    assert sizes == [len(content.replace(b"\r\n", b"\n"))]
    assert max(most) < 12 * 1024, most
