# SPDX-License-Identifier: ISC
"""Mail that is spooled as a template and a context, and becomes a mail when it is sent."""
import email
import email.policy
import json

import pytest

import message_file
from test_mail import delivered, mail, read
from test_template_store import Store, store  # noqa: F401

SECRET = "context-only"


def later(store, name="m", context=None, *args, to="a@b.example", **more):
    return mail(store, "--render-on-delivery", "-T", name, "--context", json.dumps(context or {"n": "ü & 1"}), *args,
                to, **more)


def save(store, name, text):
    """A new version."""
    store("remove", name)
    store.add(name, "--subject", "S {{ n }}", text=text)


def test_the_version_of_its_day_is_sent_whatever_was_saved_since(store, po, sink):
    store.add("foot", text="foot 1", html="<i>foot 1</i>")
    store.add("m", "--subject", "Hallo {{ n }}", text='{{ n }} {% include "foot" %}',
              html='<b>{{ n }}</b> {% include "foot" %}')
    done = later(store, "m", None, "-f", "Ü <s@example.org>", "-H", "X-A: b", "-a", store.file("ä.csv", "1,2\n"))
    save(store, "foot", "foot 2")
    save(store, "m", "new")
    spooled = po.dropped()[0].read_bytes()
    assert b"body=template\n" in spooled and b"template=m/default/1\ntemplate=foot/default/1\n" in spooled
    assert b"Hallo" not in spooled and b"foot 1" not in spooled  # the text is not stored
    (got, m), = delivered(po, sink)
    assert m["subject"] == "Hallo ü & 1" and m["x-a"] == "b" and m["from"] == "Ü <s@example.org>"
    assert m["message-id"] == f"<{done.stdout.strip()}@host.example>" and m["date"] and got.sender == "s@example.org"
    assert read(m.get_body(("plain",))) == "ü & 1 foot 1\n"
    assert read(m.get_body(("html",))) == "<b>ü &amp; 1</b> <i>foot 1</i>\n"
    assert [(a.get_filename(), a.get_content()) for a in m.iter_attachments()] == [("ä.csv", "1,2\n")]
    assert b"body=template" not in got.content and b'{"n"' not in got.content


def test_it_is_the_same_mail_as_one_rendered_at_once(store, po, sink):
    store.add("m", "--subject", "S {{ n }}", "--text", "auto", html="<h1>{{ n }}</h1><p>" + "x " * 600)
    context = json.dumps({"n": 'ü "q" \\ 日本', "f": 1.0, "i": 2**60, "deep": [[1, {"a": None}]]})
    args = ("-T", "m", "--context", context, "-f", "s@example.org", "-a", store.file("a.bin", "\0\r\n.\n"), "a@b.example")
    mail(store, *args)
    mail(store, "--render-on-delivery", *args)
    one, two = (m for _, m in delivered(po, sink, 2))
    for m in (one, two):
        for name in ("received", "message-id", "date"):
            del m[name]
    assert sorted(one.items()) == sorted(two.items())
    assert one.get_payload()[0].as_bytes() == two.get_payload()[0].as_bytes()
    assert one.get_payload()[1].as_bytes() == two.get_payload()[1].as_bytes()


@pytest.mark.parametrize("text, attached", ((None, True), ("{{ n }}", True), ("{{ n }}", False)))
def test_images_of_the_html_stand_where_they_would_at_once(store, po, sink, text, attached):
    store.add("m", "--subject", "s", text=text, html='<p>{{ n }} <img src="cid:one"><img src="cid:two@x">')
    big = store.folder / "big.png"
    big.write_bytes(bytes(range(256)) * 300)
    args = ["-T", "m", "--context", '{"n": "ü"}', "-f", "s@example.org", "--inline", f"one={big}",
            "--inline", f"two@x={store.file('b.gif', 'GIF')}", "a@b.example"]
    if attached:
        args += ["-a", store.file("c.txt", "\n--=_po-related--\n--=_po-mixed--\n")]
    mail(store, *args)
    mail(store, "--render-on-delivery", *args)
    one, two = (m for _, m in delivered(po, sink, 2))
    for m in (one, two):
        for name in ("received", "message-id", "date"):
            del m[name]
    assert one.as_bytes() == two.as_bytes()
    assert [p["content-id"] for p in two.walk() if p["content-id"]] == ["<one>", "<two@x>"]
    assert [p.get_content() for p in two.walk() if p["content-id"] == "<one>"] == [big.read_bytes()]


def test_images_need_an_html_that_shows_them(store, po):
    store.add("m", text="{{ n }}")
    for options in ((), ("--render-on-delivery",)):
        done = mail(store, *options, "-T", "m", "--inline", f"one={store.file('a.png', 'x')}", "a@b.example", ok=False)
        assert done.returncode == 65 and "there is none" in done.stderr and not po.dropped()


def test_dates_are_in_the_zone_of_whoever_queued_it(store, po, sink):
    store.add("m", "--subject", "s", text='{{ t|date:"U O" }} {% now "T" %}')
    context = {"t": "2026-07-01T12:00:00"}
    for zone in ("America/New_York", None, "Asia/Kathmandu"):
        later(store, "m", context, *(("--timezone", zone) if zone else ()), to=f"{len(zone or '')}@b.example")
    assert sorted(b"zone=" in f.read_bytes() for f in po.dropped()) == [False, True, True]
    po.relay(sink.port)
    po.queue("-p", "1", env={"TZ": "Asia/Tokyo"})
    got = {m.recipients[0].split("@")[0]: read(email.message_from_bytes(m.content, policy=email.policy.default)).split()
           for m in sink.messages()}
    assert got["0"] == ["1782907200", "+0000", "UTC"]
    assert got["14"] == ["1782886500", "+0545", "+0545"]
    assert got["16"][:2] == ["1782921600", "-0400"] and got["16"][2] in ("EST", "EDT")


def test_another_zone_is_another_mail_for_a_key(store, po):
    store.add("m", text="{{ n }}")
    for zone in ("Europe/Berlin", "Europe/Berlin", "Europe/Rome"):
        later(store, "m", None, "--key", "k", "--timezone", zone)
    po.queue()
    rows = [row["state"] for row in po.list_all() if row.get("tag") != "refused"]  # nor the notice of that
    assert sorted(rows) == ["duplicate", "refused", "sent"]


def test_a_zone_that_this_host_does_not_have_keeps_the_mail(store, po, sink):
    store.add("m", text="{{ n }}")
    queue_id = message_file.new_id()
    text = message_file.envelope_text(queue_id, ["a@b.example"], sender="", body="template", via="mail")
    text = text.replace("rcpt=", "zone=../../etc/passwd\ntemplate=m/default/1\nrcpt=", 1)
    message_file.submit(po.spool / "drop", queue_id,
                        message_file.build(queue_id, ["a@b.example"], b'To: a\n\n{"n": 1}\n', envelope=text),
                        owner=po.owner)
    po.relay(sink.port)
    po.queue()
    assert po.list()[0]["state"] == "waiting" and "no time zone" in po.log() and not sink.messages()


def test_many_by_one_worker_each_its_own(store, po, sink):
    for name in "ab":
        store.add(name, "--subject", name + "{{ n }}", text="{{ n }}")
    lines = [json.dumps({"to": f"u{n}@b.example", "template": "ab"[n % 2], "context": {"n": n}}) for n in range(40)]
    mail(store, "--render-on-delivery", "--batch", "-", input="\n".join(lines).encode())
    po.relay(sink.port)
    po.queue("-p", "1")
    got = {m.recipients[0]: email.message_from_bytes(m.content)["subject"] for m in sink.messages()}
    assert got == {f"u{n}@b.example": f"{'ab'[n % 2]}{n}" for n in range(40)}


def test_removing_a_template_removes_no_mail(store, po, sink):
    store.add("m", "--subject", "s", text="{{ n }}")
    later(store)
    store("remove", "m")
    (_, m), = delivered(po, sink)
    assert m["subject"] == "s"


def test_a_version_that_is_gone_fails_the_mail_and_tells_its_sender(store, po, sink):
    store.add("m", "--subject", "s", text="{{ n }}")
    later(store, "m", None, "-f", "s@example.org")
    for path in (po.spool / "templates/m/default").iterdir():
        path.unlink()
    po.relay(sink.port)
    po.queue()
    failed, = po.results(status="bounced")
    assert failed["dsn"] == "5.6.0" and "not there any more" in failed["text"]
    po.queue()
    notice, = sink.messages()
    assert notice.sender == "" and notice.recipients == ["s@example.org"]


def test_a_damaged_template_keeps_the_mail_waiting(store, po, sink):
    store.add("m", "--subject", "s", text="{{ n }}")
    later(store)
    file = po.spool / "templates/m/default/1"
    whole = file.read_bytes()
    file.write_bytes(whole[:-1] + b"!")
    po.relay(sink.port)
    po.queue()
    row, = po.list()
    assert row["state"] == "waiting" and "damaged" in po.log() and not (po.spool / "bad" / row["queue_id"]).exists()
    file.write_bytes(whole)
    po.queue("--flush")
    assert len(sink.messages()) == 1


@pytest.mark.parametrize("content", [
    b"", b"\n", b"To: a\n\n", b"To: a\n\n{}", b"To: a\n\n[1]\n", b"To: a\n\n{\"n\": \n}\n", b'{"n": 1}\n',
    b"To: a\n\n" + b"[" * 100000 + b"\n", b'To: a\n\n{"n": "x\\ny"}\n'], ids=range(9))
def test_a_forged_content_is_a_failure_and_no_half_mail(store, po, sink, content):
    store.add("m", "--subject", "{{ n }}", text="{{ n }}")
    queue_id = message_file.new_id()
    text = message_file.envelope_text(queue_id, ["a@b.example"], sender="", body="template", via="mail")
    text = text.replace("rcpt=", "template=m/default/1\nrcpt=", 1)
    message_file.submit(po.spool / "drop", queue_id,
                        message_file.build(queue_id, ["a@b.example"], content, envelope=text), owner=po.owner)
    po.relay(sink.port)
    po.queue()
    assert po.results(status="bounced")[0]["dsn"] == "5.6.0" and not sink.messages()


def test_a_notice_returns_the_header_and_never_the_context(store, po, sink):
    store.add("m", "--subject", "s", text="{{ n }}")
    later(store, "m", {"n": SECRET}, "-f", "s@example.org", "-H", "X-Mark: here", "-a", store.file("a", SECRET))
    sink.rules({"stage": "RCPT", "reply": "550 5.1.1 nobody", "match": "a@b"})
    po.relay(sink.port)
    po.queue()
    po.queue()
    notice, = sink.messages()
    assert b"X-Mark: here" in notice.content and SECRET.encode() not in notice.content
    m = email.message_from_bytes(notice.content)
    assert [p.get_content_type() for p in m.walk()][-1] == "text/rfc822-headers"


def test_a_deferred_mail_is_rendered_again(store, po, sink):
    store.add("m", "--subject", "s", text="{{ n }}")
    later(store)
    sink.rules({"stage": "DOT", "reply": "451 4.3.0 later", "times": 1})
    po.relay(sink.port)
    po.queue()
    assert not sink.messages() and po.list()[0]["state"] == "waiting"
    po.queue("--flush")
    m, = sink.messages()
    assert read(email.message_from_bytes(m.content, policy=email.policy.default)) == "ü & 1\n"


def test_show_and_list_tell_what_is_needed(store, po):
    store.add("m", text="{{ n }}")
    store.add("other", text="x")
    queue_id = later(store, "m", None, "--at", "+2h").stdout.strip()
    later(store, "m", None, "--at", "+2h")
    po.queue()
    assert "template    m/default/1\n" in po.queue("--show", queue_id).stdout
    rows = {row["name"]: row["waiting"] for row in map(json.loads, store("list", "--json").stdout.splitlines())}
    assert rows == {"m": 2, "other": 0}
    assert "(needed by 2 waiting mails)" in store("list").stdout
    po.queue("--cancel", queue_id)
    assert json.loads(store("list", "m", "--json").stdout)["waiting"] == 1


def test_cleanup_keeps_the_versions_that_mail_needs(store, po, shift_clock, sink):
    store.add("m", "--subject", "one", text="{{ n }}")
    later(store, "m", None, "--at", "+20d")
    save(store, "m", "two")
    save(store, "m", "three")
    po.queue()
    versions = po.spool / "templates/m/default"
    assert po.queue("--cleanup", env=shift_clock(6 * 86400)).returncode == 0
    assert sorted(p.name for p in versions.iterdir()) == ["1", "2", "3", "current"]
    po.queue("--cleanup", env=shift_clock(8 * 86400))
    assert sorted(p.name for p in versions.iterdir()) == ["1", "3", "current"]
    po.queue("--rebuild-index")
    po.queue("--cleanup", env=shift_clock(9 * 86400))
    assert sorted(p.name for p in versions.iterdir()) == ["1", "3", "current"]
    po.relay(sink.port)
    po.queue(env=shift_clock(21 * 86400))
    assert email.message_from_bytes(sink.messages()[0].content)["subject"] == "one"
    po.queue("--cleanup", "--days", "0", env=shift_clock(22 * 86400))
    assert sorted(p.name for p in versions.iterdir()) == ["3", "current"]


def test_a_name_that_is_known_only_then_is_refused(store, po):
    store.add("m", text="{% include n %}")
    store.add("x", text="x")
    done = later(store, "m", {"n": "x"}, ok=False)
    assert done.returncode == 65 and "known only when it is rendered" in done.stderr
    store.add("p", text="{% if n %}{% include 'none' %}{% endif %}")
    done = later(store, "p", {"n": 0}, ok=False)
    assert done.returncode == 65 and "'none'" in done.stderr
    assert not po.dropped()


def test_what_cannot_be_rendered_is_told_before_it_is_queued(store, po):
    store.add("m", "--subject", "{{ n }}", text="x")
    done = later(store, "m", {"n": "a\nBcc: b@c.example"}, ok=False)
    assert done.returncode == 65 and "subject" in done.stderr and not po.dropped()


def test_an_equal_repeat_with_a_key_is_a_duplicate_over_versions(store, po):
    store.add("m", "--subject", "s", text="{{ n }}")
    for _ in range(2):
        later(store, "m", None, "--key", "k")
        save(store, "m", "other")
    later(store, "m", {"n": 2}, "--key", "k")
    po.queue()
    assert sorted(row["state"] for row in po.list_all() if "tag" not in row or not row["tag"]) == ["duplicate", "refused", "sent"]


def test_every_uid_queues_and_the_runner_renders(system_po):
    store = Store(system_po)
    store.add("m", "--subject", "Hi {{ n }}", text="{{ n }}")
    for uid in (2101, 0):
        later(store, uid=uid)
    system_po.queue()
    assert [email.message_from_bytes(m, policy=email.policy.default)["subject"]
            for m in system_po.captured()] == ["Hi ü & 1"] * 2
