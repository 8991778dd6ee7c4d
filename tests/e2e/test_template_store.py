# SPDX-License-Identifier: ISC
"""po-template and the templates of a spool."""
import json
import pathlib
import shutil
import threading

import pytest


class Store:
    def __init__(self, po):
        self.po = po
        self.folder = po.base / "files"
        self.folder.mkdir()
        self.folder.chmod(0o755)

    def file(self, name, text):
        path = self.folder / name
        path.write_text(text)
        path.chmod(0o644)
        return path

    def __call__(self, *args, ok=True, **more):
        done = self.po.run("po-template", *args, **more)
        assert not ok or done.returncode == 0, (args, done.stderr)
        return done

    def add(self, name, *options, text=None, html=None, **more):
        if text is not None:
            options += ("--text", self.file("text", text))
        if html is not None:
            options += ("--html", self.file("html", html))
        return self("add", name, *options, **more)

    def render(self, name, context, *options, **more):
        return self("render", name, "--context-file", self.file("context", json.dumps(context)), *options, **more)


@pytest.fixture
def store(po):
    return Store(po)


def test_html_escapes_and_subject_and_text_do_not(store):
    store.add("mail/order", "--subject", "{{ n }}", text="{{ n }}", html="{{ n }}", )
    for part, text in (("subject", "A & B"), ("text", "A & B"), ("html", "A &amp; B")):
        assert store.render("mail/order", {"n": "A & B"}, "--part", part).stdout == text


def test_includes_are_the_same_part_in_the_nearest_language(store):
    store.add("foot", text="bye", html="<b>bye</b>")
    store.add("foot", "--lang", "de", text="tschüs")
    store.add("m", text='{% include "foot" %}', html='{% include "foot" %}')
    assert store.render("m", {}, "--part", "text", "--lang", "fr").stdout == "bye"
    assert store.render("m", {}, "--part", "html").stdout == "<b>bye</b>"
    done = store.render("m", {}, "--lang", "de-AT", ok=False)
    assert done.returncode == 65 and "'foot' has no html" in done.stderr and done.stdout == ""


@pytest.mark.parametrize("value", ("a\nBcc: x@example.org", "a\r", "\nb"))
def test_a_subject_with_a_line_end_is_an_error_and_nothing_is_printed(store, value):
    store.add("m", "--subject", " {{ s }}\n", text="text")
    assert store.render("m", {"s": "fine"}, "--part", "subject").stdout == "fine"
    done = store.render("m", {"s": value}, ok=False)
    assert done.returncode == 65 and done.stdout == "" and "subject" in done.stderr


def test_an_error_in_the_last_part_prints_nothing_of_the_first(store):
    store.add("m", "--subject", "s", text="t", html="{{ x|divisibleby:0 }}")
    done = store.render("m", {"x": 1}, ok=False)
    assert done.returncode == 65 and done.stdout == ""
    assert "html: m:1:1: divisibleby divides by zero" in done.stderr


def test_a_bad_template_is_not_saved(store):
    done = store.add("m", text="good", html="a\n{% bad %}", ok=False)
    assert done.returncode == 65 and "html: m:2:1: " in done.stderr
    assert store("list").stdout == ""


def test_history_and_restore(store):
    store.add("m", "--description", "first", text="one")
    store("remove", "m")
    store.add("m", text="two")
    store("restore", "m", "1")
    assert store("show", "m", "--part", "text").stdout == "one"
    rows = [json.loads(line) for line in store("history", "m", "--json").stdout.splitlines()]
    assert [r["version"] for r in rows] == [1, 2, 3]
    assert rows[2]["description"] == "first"
    assert store("restore", "m", "9", ok=False).returncode == 65


def test_show_in_json_is_one_object_with_the_texts(store):
    store.add("m", text='one "x"\n', html="<p>ü</p>")
    shown = json.loads(store("show", "m", "--json").stdout)
    assert (shown["text"], shown["html"], shown["parts"]) == ('one "x"\n', "<p>ü</p>", ["text", "html"])
    assert json.loads(store("show", "m", "--json", "--part", "html").stdout).keys() & {"text", "html"} == {"html"}
    assert store("show", "m").stdout.startswith("m ")  # it has no subject


@pytest.mark.parametrize("verb, args", (("edit", ("--subject", "x")), ("list", ("--part", "text")), ("remove", ("--json",)),
                                        ("show", ("-o", "f")), ("check", ("--text", "auto"))))
def test_an_option_of_another_verb_is_refused(store, verb, args):
    """edit --subject opened an editor over the subject that there was."""
    store.add("m", text="x")
    done = store(verb, "m", *args, ok=False)
    assert done.returncode == 64 and f"{verb} has no option {args[0]}; usage: " in done.stderr


def test_list_in_json_holds_any_name(store):
    name = 'Grüße "100%"\\/..'
    store.add(name, "--description", "a\nb", text="x")
    row, = [json.loads(line) for line in store("list", "--json").stdout.splitlines()]
    assert (row["name"], row["description"], row["version"], row["parts"]) == (name, "a\nb", 1, ["text"])
    assert [p.name for p in (store.po.spool / "templates").iterdir()] == ["Gr%C3%BC%C3%9Fe%20%22100%25%22%5C%2F.."]


def test_what_is_there_is_not_added_again(store):
    store.add("m", text="one")
    done = store.add("m", text="two", ok=False)
    assert done.returncode == 65 and "already" in done.stderr
    assert store("show", "m", "--part", "text").stdout == "one"


def test_check_with_a_sample(store):
    store.add("m", text='{{ x }}{% include "none" %}')
    assert "no template 'none'" in store("check", "m").stderr
    assert store("check", "m", "--strict", ok=False).returncode == 65
    store.add("v", text="{{ nope }}")
    sample = store.file("sample", "{}")
    assert store("check", "v", "--context-file", sample).returncode == 0
    assert store("check", "v", "--context-file", sample, "--strict", ok=False).returncode == 65


def editor(store, *steps):
    """The environment of an editor that runs one shell command a call, in the folder of the files."""
    for n, step in enumerate(steps):
        store.file(f"step{n}", step)
    count = store.file("count", "0")
    store.folder.chmod(0o777)
    (store.folder / "where").unlink(missing_ok=True)
    count.chmod(0o666)
    path = store.file("editor", f"""#!/bin/sh
n=$(cat {count}); echo $((n + 1)) > {count}
cd "$(dirname "$1")" && pwd > {store.folder}/where && . {store.folder}/step$n
""")
    path.chmod(0o755)
    return {"EDITOR": str(path), "TMPDIR": "/tmp"}


def test_edit_makes_a_version_and_keeps_the_description(store):
    store.add("m", "--subject", "s", "--description", "d", text="one")
    store("edit", "m", env=editor(store, "printf two > text.txt; rm subject.txt"))
    assert store("show", "m", "--part", "text").stdout == "two"
    row, = [json.loads(line) for line in store("list", "--json").stdout.splitlines()]
    assert (row["version"], row["description"], row["parts"]) == (2, "d", ["text"])
    assert not pathlib.Path((store.folder / "where").read_text().strip()).exists()


def test_edit_asks_again_until_it_is_sound(store):
    store.add("m", text="one")
    steps = editor(store, "printf %s '{% bad %}' > text.txt", "printf two > text.txt")
    done = store("edit", "m", env=steps, input=b"y\n")
    assert "unknown tag 'bad'" in done.stderr
    assert store("show", "m", "--part", "text").stdout == "two"


def test_what_was_given_up_is_kept_in_its_files(store):
    store.add("m", text="one")
    done = store("edit", "m", env=editor(store, "printf %s '{% bad %}' > text.txt"), ok=False)
    kept = pathlib.Path((store.folder / "where").read_text().strip())
    assert done.returncode == 65 and str(kept) in done.stderr
    assert (kept / "text.txt").read_text() == "{% bad %}"
    assert store("show", "m", "--part", "text").stdout == "one"
    shutil.rmtree(kept)


def test_edit_does_not_undo_what_another_saved(store):
    store.add("m", text="one")
    store("edit", "m", env=editor(store, "printf two > text.txt"))
    others = f"PO_CONFIG={store.po.config_file} {store.po.build}/po-template restore m 1; printf mine > text.txt"
    done = store("edit", "m", env=editor(store, others), ok=False)
    assert done.returncode == 75 and "version 3 is the current one" in done.stderr
    assert store("show", "m", "--part", "text").stdout == "one"
    shutil.rmtree((store.folder / "where").read_text().strip())


def test_root_edits_as_root_and_the_file_is_po_s(system_po):
    store = Store(system_po)
    store.add("m", text="one")
    store("edit", "m", env=editor(store, f"id -u > {store.folder}/who; printf two > text.txt"))
    assert (store.folder / "who").read_text() == "0\n"
    assert (system_po.spool / "templates" / "m" / "default" / "2").owner() == "po"
    assert not pathlib.Path((store.folder / "where").read_text().strip()).exists()
    done = store("edit", "m", env=editor(store, "printf x > text.txt"), uid=2101, ok=False)
    assert done.returncode == 77
    shutil.rmtree((store.folder / "where").read_text().strip())


def test_what_lies_about_is_no_template(store):
    store.add("m", text="x")
    top = store.po.spool / "templates"
    (top / "link").symlink_to("m")
    (top / ".git").mkdir()
    (top / "m" / "de").symlink_to("default")
    assert [json.loads(line)["lang"] for line in store("list", "--json").stdout.splitlines()] == ["default"]
    assert store("show", "link", ok=False).returncode != 0


def test_renders_beside_saves_see_whole_versions(store):
    """Subject and text are of one version at every moment."""
    for n in "12":
        store.add("m", "--subject", n, text=n)
        store("remove", "m")
    store("restore", "m", "1")
    context, stop, seen, bad = store.file("c", "{}"), threading.Event(), set(), []

    def watch():
        while not stop.is_set() or not seen:
            lines = store("render", "m", "--context-file", context).stdout.splitlines()
            seen.add(lines[1])
            bad.extend([lines] if lines[1] != lines[3] else [])
    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        for n in "21" * 20:
            store("restore", "m", n)
    finally:
        stop.set()
        watcher.join()
    assert seen and seen <= {"1", "2"} and not bad


def test_only_the_owner_changes_and_everybody_reads(system_po):
    store = Store(system_po)
    assert store.add("m", text="{{ x }}", uid=2101, ok=False).returncode == 77
    store.add("m", "--subject", "s", text="{{ x }}")  # root becomes po
    made = system_po.spool / "templates" / "m" / "default" / "1"
    assert made.owner() == "po" and made.stat().st_mode & 0o777 == 0o644
    assert store.render("m", {"x": 5}, "--part", "text", uid=2101).stdout == "5"
    assert store("remove", "m", uid=2101, ok=False).returncode == 77
    assert json.loads(store("list", "--json", uid=2101).stdout)["name"] == "m"


def test_usage(store):
    for args in (("add",), ("add", ""), ("add", "a\nb"), ("show", "m", "0"), ("history",), ("list", "--bad"),
                 ("render", "m", "--part", "nope"), ("add", "m", "--lang", "../x")):
        assert store(*args, ok=False).returncode == 64, args
    assert store.add("m", "--subject", "alone", ok=False).returncode == 64
    assert store("add", "m", "--text", pathlib.Path("/nowhere"), ok=False).returncode == 66
