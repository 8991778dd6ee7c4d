# SPDX-License-Identifier: ISC
"""po-mail: what comes out at a real server is what was asked for, byte for byte."""
import base64
import email
import email.policy
import json
import pathlib
import shutil
import subprocess
import sys
import time

import pytest

from test_template_store import Store, store  # noqa: F401

HTML = '<p>Grüße, <b>{{ n }}</b> <img src="cid:logo@x"></p>'


def delivered(po, sink, n=1):
    """Run the queue; what the server got, parsed, with envelope recipients."""
    po.relay(sink.port)
    po.queue()
    got = sink.messages()
    assert len(got) == n, po.log()
    return [(m, email.message_from_bytes(m.content, policy=email.policy.default)) for m in got]


def mail(store, *args, ok=True, **more):
    done = store.po.run("po-mail", *args, **more)
    assert not ok or done.returncode == 0, (args, done.stderr)
    return done


def parts(message):
    return [(p.get_content_type(), p.get_filename()) for p in message.walk()]


def read(part):
    """Its text; line ends within base64 are those of the wire."""
    return part.get_content().replace("\r\n", "\n")


def show(store, *args, **more):
    return email.message_from_string(mail(store, "-n", *args, **more).stdout, policy=email.policy.default)


def test_text_html_image_and_attachments_at_the_server(store, po, sink):
    blob = bytes(range(256)) * 400 + b"\r\n.\r\nFrom x\n"
    for name in ("data.bin", "logo.png"):
        (store.folder / name).write_bytes(blob)
        (store.folder / name).chmod(0o644)
    done = mail(store, "-f", "Jürgen Müller <j@example.org>", "-t", '"Änne, B." <a@b.example>, c@b.example',
                "-c", "d@b.example", "-b", "Hidden <e@b.example>", "-s", "Größe: {{ n }}", "--html",
                store.file("h", HTML), "--text", store.file("t", ".dot\nFrom me\n{{ n }} = ü\n" + "x" * 2000),
                "-a", f"Übersicht 2026 – Zahlen und Bilder.pdf={store.folder}/data.bin", "-a",
                store.folder / "data.bin", "--inline", f"logo@x={store.folder}/logo.png", "--context", '{"n": "A & B"}',
                "-H", "X-Note: ü: 日本語", "--reply-to", "r@example.org")
    (got, m), = delivered(po, sink)
    assert done.stdout.strip() in got.content.decode() and got.sender == "j@example.org"
    assert sorted(got.recipients) == ["a@b.example", "c@b.example", "d@b.example", "e@b.example"]
    assert m["from"] == "Jürgen Müller <j@example.org>" and m["subject"] == "Größe: A & B"
    assert [a.addr_spec for a in m["to"].addresses] == ["a@b.example", "c@b.example"]
    assert m["to"].addresses[0].display_name == "Änne, B."
    assert m["cc"] == "d@b.example" and "bcc" not in m and b"e@b.example" not in got.content
    assert m["x-note"] == "ü: 日本語" and m["reply-to"] == "r@example.org"
    assert parts(m) == [("multipart/mixed", None), ("multipart/alternative", None), ("text/plain", None),
                        ("multipart/related", None), ("text/html", None), ("image/png", "logo.png"),
                        ("application/pdf", "Übersicht 2026 – Zahlen und Bilder.pdf"),
                        ("application/octet-stream", "data.bin")]
    text, html, image, *files = [p for p in m.walk() if not p.is_multipart()]
    assert read(text).rstrip("\n") == ".dot\nFrom me\nA & B = ü\n" + "x" * 2000
    assert read(html).rstrip("\n") == HTML.replace("{{ n }}", "A &amp; B")
    assert image["content-id"] == "<logo@x>" and image.get_content() == blob
    assert [f.get_content() for f in files] == [blob, blob]
    assert max(map(len, got.content.splitlines())) <= 100 and all(b < 128 for b in got.content)


@pytest.mark.parametrize("text, encoding", [
    ("plain\n", "7bit"), ("", "7bit"), ("no end", "7bit"), ("a\tb \n", "7bit"), ("x" * 998 + "\n", "7bit"),
    ("x" * 999, "quoted-printable"), ("ü", "base64"), ("=" * 40 + "é \t\nz ", "base64"),
    ("日本語" * 50 + "\n", "base64"), ("--=_po-mixed--\n", "quoted-printable"), ("a\x00b\x1b", "quoted-printable"),
    ("ab é " * 300 + "\n.\n..\nFrom\n", "quoted-printable"),
], ids=range(12))
def test_a_text_comes_out_as_it_went_in(store, text, encoding):
    m = show(store, "a@b.example", "--html", store.file("h", "<p>"), "--text", store.file("t", text))
    part = next(p for p in m.walk() if p.get_content_type() == "text/plain")
    assert part["content-transfer-encoding"] == encoding
    assert read(part) == (text if text.endswith("\n") or not text else text + "\n")


def test_line_ends_of_a_text_are_those_of_mail(store):
    m = show(store, "a@b.example", input="a\r\nb\rcé\n".encode())
    assert read(m) == "a\nb\ncé\n"


def test_the_same_mail_has_the_same_bytes_and_its_key_is_known(store, po, sink):
    args = ("-s", "s", "--html", store.file("h", "<p>ü"), "--text", "auto", "-a", store.file("a.csv", "1,2\n"),
            "--key", "k", "a@b.example")
    first, second = mail(store, *args).stdout.strip(), mail(store, *args).stdout.strip()
    delivered(po, sink)
    states = {row["queue_id"]: row["state"] for row in po.list_all()}
    assert (states[first], states[second]) == ("sent", "duplicate")


def test_priority_schedule_expiry_tag_reach_the_queue(store, po):
    mail(store, "--priority", "high", "--at", "+2h", "--expires", "+3h", "--tag", "T", "a@b.example", input=b"x")
    po.queue()
    row, = po.list()
    assert row["priority"] == "high" and row["tag"] == "T"
    assert 7100 < row["due"] - time.time() < 7300 and 10700 < row["expires"] - time.time() < 10900
    content = po.files("queue")[0].read_bytes()
    assert b"X-PO-" not in content and b"via=mail\n" in content


def test_a_batch_tells_of_each_line_and_a_bad_one_stops_nobody(store, po, sink):
    store.add("news", "--subject", "{{ n|capfirst }}", text="{{ n }}", html="<i>{{ n }}</i>")
    attached = base64.b64encode(b"\0\xff").decode()
    lines = [json.dumps(x, ensure_ascii=False) for x in (
        {"to": ["ä <a@b.example>", "b@b.example"], "context": {"n": "ü & 1"}},
        {"to": "c@b.example", "context": {"n": "a\nBcc: x@y.example"}},
        {"to": "c@b.example", "context": {"n": "2"}, "headers": {"X-A": "1\n2"}},
        {"to": "c@b.example", "contxt": {}}, {"cc": []},
        {"to": "d@b.example", "template": None, "subject": "own", "text": "own", "tag": "T",
         "attachments": [{"name": "x.png", "content": attached}]},
        {"to": "d@b.example", "template": "none"}, {"to": "@@"}, ["x"])]
    lines[2:2] = ["", "{"]
    done = mail(store, "--template", "news", "--from", "n@example.org", "--batch", "-",
                input="\n".join(lines).encode(), ok=False)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 65 and [r["line"] for r in rows] == [1, 2, 4, 5, 6, 7, 8, 9, 10, 11]
    assert [r["line"] for r in rows if "id" in r] == [1, 8]
    assert "subject" in rows[1]["error"] and "contxt" in rows[4]["error"] and "none" in rows[7]["error"]
    (one, first), (_, own) = sorted(delivered(po, sink, 2), key=lambda m: m[1]["subject"] == "own")
    assert sorted(one.recipients) == ["a@b.example", "b@b.example"] and first["subject"] == "Ü & 1"
    assert read(first.get_body(("html",))).strip() == "<i>ü &amp; 1</i>"
    assert next(own.iter_attachments()).get_content() == b"\0\xff"


def test_a_batch_answers_while_it_runs(store, po):
    """A program may wait for each answer, or write a thousand lines first."""
    line = b'{"to": "a@b.example", "text": "x"}\n'
    with subprocess.Popen(po.command("po-mail", "--batch", "-"), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          env=po.environment(), **po._identity(None)) as child:
        for n in range(1, 4):
            child.stdin.write(line)
            child.stdin.flush()
            answer = json.loads(child.stdout.readline())
            assert answer["line"] == n and (po.spool / "drop" / f"n.{answer['id']}").exists()
        child.stdin.close()
        assert child.wait(60) == 0
    done = mail(store, "--batch", "-", input=line * 1000)
    assert len({json.loads(row)["id"] for row in done.stdout.splitlines()}) == 1000 == len(po.dropped()) - 3


def test_a_batch_ends_where_nothing_can_be_queued(store, po):
    shutil.rmtree(po.spool / "drop")
    done = mail(store, "--batch", "-", input=b'{"to": "a@b.example", "text": "x"}\n' * 3, ok=False)
    assert done.returncode == 75 and len(done.stdout.splitlines()) == 1


@pytest.mark.parametrize("args, status, why", [
    ((), 64, "nobody"), (("a@b@c",), 65, "bad address"), (("--nope",), 64, "no option"), (("-s",), 64, "missing"),
    (("-s", "a\nBcc: x@y", "a@b.c"), 65, "line end"), (("-H", "X-A: 1\r\n2", "a@b.c"), 65, "line end"),
    (("-H", "Content-Type: x", "a@b.c"), 65, "not set so"), (("-H", "X-PO-Key: x", "a@b.c"), 65, "not set so"),
    (("-H", "nothing", "a@b.c"), 64, "no header field"), (("-H", "a b: c", "a@b.c"), 65, "no header field"),
    (("-f", "a@b.c\nX: y", "a@b.c"), 65, ""), (("--tag", "a\nb", "a@b.c"), 65, "line end"),
    (("-t", "a@b.c\nBcc: x@y.z"), 65, "line end"), (("-a", "/nowhere", "a@b.c"), 66, "/nowhere"),
    (("-T", "none", "a@b.c"), 65, "no template"), (("-T", "none", "-s", "x", "a@b.c"), 64, "a template brings"),
    (("--lang", "de", "a@b.c"), 64, "language"), (("--render-on-delivery", "a@b.c"), 64, "only a template"),
    (("--context", "[]", "a@b.c"), 65, "object"), (("--context", "{", "a@b.c"), 65, "context"),
    (("--text", "auto", "a@b.c"), 64, "html"), (("--priority", "urgent", "a@b.c"), 65, "now, high"),
    (("--at", "soon", "a@b.c"), 65, "X-PO-Schedule"), (("--inline", "x", "a@b.c"), 64, "CID=PATH"),
    (("--inline", "a b=/etc/hosts", "a@b.c"), 65, "image"), (("--json", "-", "--batch", "-"), 64, "either"),
    (("--json", "/nowhere"), 66, "/nowhere"), (("--config", "/nowhere", "a@b.c"), 78, ""),
    (("--timezone", "Mars", "a@b.c"), 64, "zone"),
])
def test_what_is_wrong_is_said_and_nothing_is_queued(store, po, args, status, why):
    done = mail(store, *args, ok=False, input=b"{}" if "--json" in args else b"text")
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (status, "", 1), done.stderr
    assert why in done.stderr and done.stderr.startswith("po-mail: ") and not po.dropped()


def test_a_render_error_queues_nothing(store, po):
    store.add("m", "--subject", "s", text="fine", html="{{ x|divisibleby:0 }}")
    done = mail(store, "-T", "m", "--context", '{"x": 1}', "a@b.example", ok=False)
    assert done.returncode == 65 and "html: m:1:1: divisibleby" in done.stderr and not po.dropped()


def test_every_uid_sends_by_template_as_itself(system_po):
    store = Store(system_po)
    store.add("m", "--subject", "Hi {{ n }}", text="{{ n }}")
    for uid in (2101, 0):
        mail(store, "-T", "m", "--context", '{"n": "x"}', "a@b.example", uid=uid)
    system_po.queue()
    assert sorted(row["uid"] for row in system_po.list_all()) == [0, 2101]
    assert sorted(email.message_from_bytes(m)["subject"] for m in system_po.captured()) == ["Hi x", "Hi x"]


def test_a_large_attachment_streams(store, po):
    big = store.folder / "big"
    with big.open("wb") as f:
        f.truncate(150 << 20)
    big.chmod(0o644)
    po.configure(message_size_limit="400M")
    shell = 'ulimit -v 400000; exec "$@"'
    done = subprocess.run(["sh", "-c", shell, "sh", "/usr/bin/time", "-f", "%M", *po.command("po-mail", "-a", big,
                          "a@b.example")], input=b"x", capture_output=True, env=po.environment(), timeout=120,
                          **po._identity(None))
    assert done.returncode == 0, done.stderr
    assert int(done.stderr.split()[-1]) < 32 * 1024  # KiB
    assert po.dropped()[0].stat().st_size > 200 << 20


def test_preview_is_the_whole_mail(store):
    store.add("m", "--subject", "Hallo {{ n }}", text="t {{ n }}", html="<p>{{ n }}")
    context = store.file("c", '{"n": "ü"}')
    folder = store.folder / "out"
    folder.mkdir()
    folder.chmod(0o777)
    out = folder / "m.eml"
    store("preview", "m", "--context-file", context, "-o", out)
    m = email.message_from_bytes(out.read_bytes(), policy=email.policy.default)
    assert m["subject"] == "Hallo ü" and m["date"] and m["to"] == "undisclosed-recipients:;"
    assert read(m.get_body(("plain",))) == "t ü\n" and read(m.get_body(("html",))) == "<p>ü\n"
    assert store("preview", "m", "--context-file", context).stdout.startswith("Subject: ")
    assert store("preview", "none", "--context-file", context, ok=False).returncode == 65


def test_preview_opens_the_html_part_in_a_browser(store):
    store.add("m", "--subject", "s", text="t {{ n }}", html="<p>{{ n }}</p>")
    context = store.file("c", '{"n": "<b>"}')
    folder = store.folder / "out"
    folder.mkdir()
    folder.chmod(0o777)
    browser = store.file("browser", f'#!/bin/sh\ncat "$2" > {folder}/seen-$1; echo "$2" >> {folder}/names\n')
    browser.chmod(0o755)
    call = ("preview", "m", "--context-file", context)
    browsing = {"BROWSER": f"{browser} x", "TMPDIR": str(folder)}
    name = store(*call, "--open", env=browsing).stdout.strip()
    assert (folder / "seen-x").read_text().strip() == "<p>&lt;b&gt;</p>"
    assert name == (folder / "names").read_text().strip() and name.startswith(str(folder)) and name.endswith(".html")
    assert pathlib.Path(name).stat().st_mode & 0o777 == 0o600
    out = folder / "p.txt"
    store(*call, "--part", "text", "-o", out)
    assert out.read_text().strip() == "t <b>"
    failed = store(*call, "--open", env={"BROWSER": "/nonexistent", "TMPDIR": str(folder)}, ok=False)
    assert failed.returncode == 65 and "/nonexistent" in failed.stderr
    assert store(*call, "--open", "-o", "-", ok=False).returncode == 64
    store.add("plain", "--subject", "s", text="t")
    left = set(folder.iterdir())
    assert store("preview", "plain", "--context-file", context, "--open", env=browsing, ok=False).returncode == 65
    assert set(folder.iterdir()) == left  # no empty file is left


PHP = """<?php $p = popen(getenv('PO_MAIL') . ' --json -', 'w');
fwrite($p, json_encode(['to' => 'a@b.example', 'template' => 'order', 'context' => ['n' => "ü"]]));
exit(pclose($p));"""
PYTHON = """import json, os, subprocess
mails = [{"to": f"{n}@b.example", "context": {"n": n}, "key": f"news-{n}"} for n in "ab"]
subprocess.run([os.environ["PO_MAIL"], "--template", "order", "--batch", "-"], check=True,
               input="\\n".join(map(json.dumps, mails)), text=True)"""
SHELL = 'echo "{\\"n\\": 5}" | "$PO_MAIL" -T order -C - --at +12h --key order-17 ana@example.org'


@pytest.mark.parametrize("program, script, n", [("php", PHP, 1), (sys.executable, PYTHON, 2), ("sh", SHELL, 1)])
def test_callers_in_any_language(store, po, program, script, n):
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    store.add("order", "--subject", "{{ n }}", text="{{ n }}")
    flag = {"php": "-r"}.get(program, "-c")
    script = script.removeprefix("<?php ") if program == "php" else script
    done = subprocess.run([program, flag, script], env=po.environment(PO_MAIL=str(po.build / "po-mail")), timeout=60,
                          capture_output=True, cwd="/", **po._identity(None))
    assert done.returncode == 0, done.stderr
    assert len(po.dropped()) == n


def test_the_man_page_knows_every_option(store):
    page = (pathlib.Path(__file__).resolve().parents[2] / "man" / "po-mail.1").read_text()
    usage = mail(store, "--help").stdout
    options = {word.strip(",") for word in usage.split() if word.startswith("--")} - {"--help", "--version"}
    assert len(options) > 25
    for option in options:
        assert f"{option[1:]} " in page or f"{option[1:]}\n" in page, option
