# SPDX-License-Identifier: ISC
"""Stored templates and plain files: import, export, diff; what po-template shows of an error; text made from html."""
import json
import os
import pathlib
import shutil
import subprocess

import pytest

from test_template_store import Store, store  # noqa: F401

HOSTILE = ("mail/order", "..", ".", "a%2Fb", "Grüße 100%", "x -rf", "'$(x)'", "a\\b", "current", "ü" * 42)


def folder(store, name="tree"):
    """One that the store's owner may write."""
    path = store.folder / name
    path.mkdir(exist_ok=True)
    path.chmod(0o777)
    return path


def tree(top):
    return {str(p.relative_to(top)): p.read_bytes() for p in sorted(top.rglob("*")) if p.is_file()}


def write(top, name, lang="default", **parts):
    where = top / name / lang
    where.mkdir(parents=True)
    for part, text in parts.items():
        where.joinpath(part + (".html" if part == "html" else ".txt")).write_text(text)
    for path in (where.parent, where):
        path.chmod(0o755)


def rows(done):
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_what_is_exported_is_imported_the_same(store, po):
    for n, name in enumerate(HOSTILE):
        store.add(name, "--subject", f" {{{{ x }}}} {n}\n", "--description", "two\nlines", text="t\r\n\n", html="<b>ä")
    store.add("m", "--lang", "zh-Hant-TW", text="")
    store.add("auto", "--text", "auto", html="<p>x")
    top = folder(store)
    assert len(rows(store("export", top / "a", "--json"))) == len(HOSTILE) + 2
    before = tree(top / "a")
    assert before["mail%2Forder/default/subject.txt"] == b" {{ x }} 0\n"
    assert before["auto/default/text.auto"] == b"" and "auto/default/text.txt" not in before
    for row in rows(store("list", "--json")):
        store("remove", row["name"], "--lang", row["lang"])
    changes = rows(store("import", top / "a", "--json"))
    assert {c["change"] for c in changes} == {"new"} and len(changes) == len(HOSTILE) + 2
    store("export", top / "b")
    assert tree(top / "b") == before
    assert {c["change"] for c in rows(store("import", top / "b", "--json"))} == {"same"}
    assert all(len(rows(store("history", name, "--json"))) == 2 for name in HOSTILE)


def test_an_export_takes_files_of_parts_away_that_are_gone(store):
    store.add("m", "--subject", "s", "--description", "d", text="t", html="h")
    top = folder(store)
    store("export", top)
    store("remove", "m")
    store.add("m", text="t")
    store("export", top)
    assert list(tree(top)) == ["m/default/text.txt"]


def test_one_bad_template_and_nothing_is_imported(store):
    top = folder(store)
    write(top, "a", text="good")
    write(top, "z", lang="de", text="fine", html="line\nsome {% bad %}")
    done = store("import", top, ok=False)
    assert done.returncode == 65
    assert "html: de: z:2:6: " in done.stderr and "    2 | some {% bad %}\n      |      ^\n" in done.stderr
    assert store("list").stdout == ""


def test_import_knows_what_comes_with_it(store):
    top = folder(store)
    write(top, "a", text='{% include "b" %}{% include "c" %}')
    write(top, "b", text="b")
    done = store("import", top, "--strict", ok=False)
    assert done.returncode == 65 and "'c'" in done.stderr and "'b'" not in done.stderr
    assert store("list").stdout == ""
    done = store("import", top)
    assert "warning" in done.stderr and "'c'" in done.stderr
    assert [r["name"] for r in rows(store("list", "--json"))] == ["a", "b"]


def test_a_dry_run_changes_nothing(store):
    top = folder(store)
    write(top, "a", text="one")
    assert rows(store("import", top, "--dry-run", "--json")) == [{"name": "a", "lang": "default", "change": "new"}]
    assert store("list").stdout == ""
    store("import", top)
    (top / "a/default/text.txt").write_text("two")
    assert rows(store("import", top, "--dry-run", "--json"))[0]["change"] == "changed"
    assert store("show", "a", "--part", "text").stdout == "one"
    store("export", top / "new", "--dry-run")
    assert not (top / "new").exists()


@pytest.mark.parametrize("make, why", [
    (lambda d: (d / "subject.text").write_text(""), "no file of a template"),
    (lambda d: os.mkfifo(d / "text.txt"), "no regular file"),
    (lambda d: (d / "text.txt").symlink_to("/etc/passwd"), "a link"),
    (lambda d: (d / "text.txt").mkdir(), "no regular file"),
    (lambda d: (d / "text.txt").write_bytes(b"\xff"), "no UTF-8"),
    (lambda d: (d / "text.txt").write_bytes(b"x" * (1 << 20) + b"y"), "too large"),
    (lambda d: (d / "text.auto").write_text(""), "a text made from html needs html"),
    (lambda d: (d / "subject.txt").write_text("alone"), "neither a text nor an html part"),
])
def test_what_is_no_template_is_refused(store, make, why):
    top = folder(store)
    write(top, "a", text="good")
    write(top, "x")
    make(top / "x" / "default")
    done = store("import", top, ok=False)
    assert done.returncode == 65 and why in done.stderr and len(done.stderr.splitlines()) == 1
    assert store("list").stdout == ""


@pytest.mark.parametrize("name, lang", [("a b", "default"), ("%2e", "default"), ("a", "DE"), ("a", "de_AT"), ("a%2f", "de")])
def test_names_are_written_in_one_way_only(store, name, lang):
    top = folder(store)
    write(top, name, lang, text="x")
    assert store("import", top, ok=False).returncode == 65
    assert store("import", top / "nowhere", ok=False).returncode == 66


def test_what_lies_beside_is_passed_over(store):
    top = folder(store)
    write(top, "a", text="x")
    (top / "README").write_text("about")
    (top / ".git").mkdir()
    (top / "a/default/.text.txt.swp").write_text("x")
    store("import", top)
    assert [r["name"] for r in rows(store("list", "--json"))] == ["a"]


def test_root_exports_as_root_and_reads_as_po(system_po):
    store = Store(system_po)
    store.add("m", text="x")
    secret = store.folder / "secret"
    secret.mkdir(mode=0o700)
    store("export", secret / "tree")
    made = secret / "tree/m/default/text.txt"
    assert made.read_text() == "x" and made.owner() == "root"
    shutil.rmtree(secret / "tree/m/default")
    write(secret / "tree", "n", text="y")
    shutil.rmtree(secret / "tree/m")
    store("import", secret / "tree")
    assert (system_po.spool / "templates/n/default/1").owner() == "po"
    assert store("import", folder(store), uid=2101, ok=False).returncode == 77


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
@pytest.mark.parametrize("args", [("list",), ("show", "m"), ("render", "m", "--context-file", "-"), ("history", "m"),
                                  ("check", "m"), ("remove", "m"), ("export", "/dev/shm/nowhere", "--dry-run")])
def test_root_opens_nothing_below_the_spool(system_po, args):
    store = Store(system_po)
    store.add("m", text="x")
    trace = system_po.base / "trace"
    done = subprocess.run(["strace", "-f", "-o", str(trace), "-e",
                           "trace=open,openat,openat2,setresuid,setreuid,setuid",
                           *system_po.command("po-template", *args)], input=b"{}", capture_output=True, timeout=60,
                          env=system_po.environment())
    if "Operation not permitted" in done.stderr.decode():
        pytest.skip("strace may not trace")
    assert done.returncode == 0, done.stderr
    lines = trace.read_text().splitlines()
    became = min(n for n, line in enumerate(lines) if "set" in line.split("(")[0] and "uid" in line.split("(")[0])
    opened = min(n for n, line in enumerate(lines) if f"{system_po.spool}/templates" in line)
    assert became < opened


def test_diff(store):
    store.add("m", "--subject", "s", text="a\nb\nc\n")
    assert "one version only" in store("diff", "m", ok=False).stderr
    top = folder(store)
    store("export", top)
    (top / "m/default/text.txt").write_text("a\nx\nc\n")
    (top / "m/default/html.html").write_text("<b>")
    store("import", top)
    (top / "m/default/text.txt").write_text("a\nx\n")
    store("import", top)
    first = ("--- m/default/1/text\n+++ m/default/2/text\n@@ -1,3 +1,3 @@\n a\n-b\n+x\n c\n"
             "--- /dev/null\n+++ m/default/2/html\n@@ -0,0 +1,1 @@\n+<b>\n\\ No newline at end of file\n")
    assert store("diff", "m", "1", "2").stdout == first
    assert store("diff", "m").stdout == "--- m/default/2/text\n+++ m/default/3/text\n@@ -1,3 +1,2 @@\n a\n x\n-c\n"
    assert store("diff", "m", "3", "3").stdout == ""
    assert "+++ m/default/3/html" in store("diff", "m", "1").stdout
    assert store("diff", "m", "1", "9", ok=False).returncode == 65
    assert store("diff", "m", "x", ok=False).returncode == 64


def test_an_error_in_a_stored_template_shows_its_line(store):
    store.add("part", text="one\ntwo {{ x|divisibleby:0 }}")
    store.add("m", "--subject", "  {{ x|divisibleby:y }}", text='{% include "part" %}')
    done = store.render("m", {"x": 1, "y": 1}, ok=False)
    assert done.returncode == 65
    assert "text: part:2:5: " in done.stderr and "    2 | two {{ x|divisibleby:0 }}\n      |     ^\n" in done.stderr
    done = store.render("m", {"x": 1, "y": 0}, ok=False)
    assert "subject: m:1:1: " in done.stderr and "    1 | {{ x|divisibleby:y }}\n      | ^\n" in done.stderr
    done = store.add("bad", text="ä\n  {% if %}", ok=False)
    assert "    2 |   {% if %}\n      |   ^\n" in done.stderr


def test_a_zone_and_a_configuration_of_its_own(store, tmp_path):
    store.add("m", text='{% now "H:i" %}')
    args = ("--now", "2026-07-01T12:00:00Z", "--part", "text")
    assert store.render("m", {}, *args).stdout == "12:00"
    assert store.render("m", {}, "--timezone", "Europe/Berlin", *args).stdout == "14:00"
    for zone in ("Mars/Olympus", "../passwd", "/etc/passwd", ""):
        assert store.render("m", {}, "--timezone", zone, ok=False).returncode == 64
    done = store("list", "--config", store.po.config_file, env={"PO_CONFIG": "/nowhere"})
    assert done.stdout.startswith("m ")
    assert store("list", "--config", "/nowhere", ok=False).returncode == 78


def test_a_text_made_from_html(store):
    store.add("m", "--text", "auto", html='<h1>{{ n }}</h1><p><a href="https://example.org/{{ n|urlencode }}">go</a>')
    assert store.render("m", {"n": "A & B"}, "--part", "text").stdout == \
        "A & B\n=====\n\ngo [1]\n\n[1] https://example.org/A%20%26%20B\n"
    assert store("add", "n", "--text", "auto", ok=False).returncode == 64
