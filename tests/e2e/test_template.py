# SPDX-License-Identifier: ISC
"""po-template: what it prints, its complaints, its exit status, and the examples of its page."""
import json
import pathlib
import re
import subprocess

import pytest

PAGE = pathlib.Path(__file__).resolve().parent.parent.parent / "man" / "po-template.1"


@pytest.fixture
def run(build, tmp_path):
    """run(verb, {file: text}, *options) in a folder of its own."""
    def run_in(verb, files, *options, stdin=b""):
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return subprocess.run([str(build / "po-template"), verb, *options], cwd=tmp_path, input=stdin,
                              capture_output=True, timeout=60, check=False)
    return run_in


def render(run, template, context, *options, files=None):
    return run("render", {"t": template, "c": json.dumps(context), **(files or {})}, "--template-file", "t",
               "--context-file", "c", *options)


def test_output_is_exact_and_autoescape_is_on(run):
    done = render(run, "Hi {{ name }}", {"name": "<Zoë>"})
    assert (done.returncode, done.stdout, done.stderr) == (0, "Hi &lt;Zoë&gt;".encode(), b"")


def test_autoescape_off(run):
    assert render(run, "{{ name }}\n", {"name": "a & b"}, "--autoescape", "off").stdout == b"a & b\n"


def test_now_stands_still_and_knows_the_zone(run):
    at = ("--now", "2026-07-01T22:30:00Z")
    assert render(run, '{% now "Y-m-d H:i T" %}', {}, *at).stdout == b"2026-07-01 22:30 UTC"
    assert render(run, '{% now "Y-m-d H:i T O I" %}', {}, *at, "--timezone", "Europe/Berlin").stdout == \
        b"2026-07-02 00:30 CEST +0200 1"


def test_templates_of_the_folder(run):
    files = {"d/base": "[{% block b %}{% endblock %}]", "d/sub/row": "({{ x }})",
             "d/main": '{% extends "base" %}{% block b %}{% include "./sub/row" %}{% endblock %}'}
    done = run("render", {**files, "c": '{"x": 1}'}, "--template-file", "d/main", "--template-dir", "d",
               "--context-file", "c")
    assert (done.returncode, done.stdout) == (0, b"[(1)]")


@pytest.mark.parametrize("name", ("../secret", "/etc/passwd", "d/../../secret", "", "."))
def test_no_name_leads_out_of_the_folder(run, name):
    done = run("render", {"secret": "seen", "d/main": "{% include n %}", "c": json.dumps({"n": name})},
               "--template-file", "d/main", "--template-dir", "d", "--context-file", "c")
    assert done.returncode == 65 and b"seen" not in done.stdout + done.stderr


def test_nothing_is_printed_when_the_render_fails(run):
    done = render(run, "text " * 100 + "\n\t{{ x|divisibleby:0 }}", {"x": 1})
    assert done.returncode == 65 and done.stdout == b""
    assert done.stderr.decode().splitlines() == [
        "po-template: t:2:2: divisibleby divides by zero",
        "    2 | \t{{ x|divisibleby:0 }}",
        "      | \t^"]


def test_the_place_is_counted_in_characters(run):
    done = run("check", {"t": "ü{# note #}ß{{ ä|nosuch }}"}, "--template-file", "t")
    assert done.returncode == 65
    assert done.stderr.decode().splitlines() == [
        "po-template: t:1:18: unknown filter 'nosuch'",
        "    1 | ü{# note #}ß{{ ä|nosuch }}",
        "      | " + " " * 17 + "^"]


def test_an_error_in_an_included_template_is_placed_there(run):
    done = run("render", {"d/main": 'x{% include "part" %}', "d/part": "\n{% if %}", "c": "{}"}, "--template-file",
               "d/main", "--template-dir", "d", "--context-file", "c")
    assert done.returncode == 65 and done.stderr.startswith(b"po-template: part:2:1: ")


@pytest.mark.parametrize("tag", ("url 'x'", "csrf_token", "load i18n", "debug", "trans 'x'", "static 'x'"))
def test_what_mail_cannot_have_is_refused_by_name(run, tag):
    done = run("check", {"t": "a\n b{% " + tag + " %}"}, "--template-file", "t")
    assert done.returncode == 65
    assert re.match(r"po-template: t:2:3: tag '" + tag.split()[0] + "' .*not supported in mail templates",
                    done.stderr.decode())


def test_check_follows_references_and_warns_of_missing_ones(run):
    files = {"d/a": '{% include "b" %}', "d/b": '{% include "none" %}{% include "a" %}'}
    options = ("--template-file", "d/a", "--template-dir", "d")
    done = run("check", files, *options)
    assert done.returncode == 0 and done.stdout == b""
    assert done.stderr == b"po-template: warning: b:1:1: there is no template 'none'\n"
    assert run("check", files, *options, "--strict").returncode == 65
    assert run("check", {**files, "d/b": "{% bad %}"}, *options).returncode == 65


def test_check_takes_a_file_by_its_path(run):
    done = run("check", {"t": "{{ x|nosuch }}"}, "./t")
    assert done.returncode == 65 and done.stderr.startswith(b"po-template: ./t:1:6: unknown filter 'nosuch'\n"), done.stderr
    files = {"d/a": '{% include "none" %}'}
    assert run("check", files, "./d/a", "--template-dir", "d").returncode == 0
    assert run("check", files, "./d/a", "--template-dir", "d", "--strict").returncode == 65


def test_strict_wants_every_variable(run):
    assert render(run, "[{{ x }}]", {}).stdout == b"[]"
    done = render(run, "[{{ x }}]", {}, "--strict")
    assert done.returncode == 65 and b"'x' is not defined" in done.stderr
    assert render(run, '{{ x|default:"d" }}{% if x %}{% endif %}', {}, "--strict").stdout == b"d"


@pytest.mark.parametrize("files", (
    {"m": '{% include "m" %}'},
    {"m": '{% extends "m" %}'},
    {"m": '{% extends "n" %}', "n": '{% extends "m" %}'},
    {"m": "{% for a in l %}{% for b in l %}{% for c in l %}{% for d in l %}{% for e in l %}{% for f in l %}x"
          "{% endfor %}" * 1 + "{% endfor %}" * 5},
    {"m": '{{ "x"|ljust:"50000000" }}'},
    {"m": "{% lorem 200000 p %}"},
    {"m": '{{ 1|stringformat:"030000000d" }}'},
    {"m": "{% if " + "not " * 400 + "x %}{% endif %}"},
    {"m": "{% if x %}" * 200 + "{% endif %}" * 200},
))
def test_hostile_templates_meet_a_limit(run, files):
    done = run("render", {**{"d/" + name: text for name, text in files.items()},
                          "c": json.dumps({"l": list(range(12)), "x": 1})},
               "--template-file", "d/m", "--template-dir", "d", "--context-file", "c")
    assert done.returncode == 65 and done.stdout == b""
    assert b"limit" in done.stderr or b"loop" in done.stderr


@pytest.mark.parametrize("context", ("[1]", "{", '{"a":1,"a":2}', '{"a":1e999}', '{"a":99999999999999999999}',
                                     '{"a":"\\u0000"}', '{"a":' + "[" * 100 + "]" * 100 + "}", b'{"a":"\xff"}', "nul"))
def test_bad_contexts_are_refused(run, context):
    done = run("render", {"t": "x", "c": context}, "--template-file", "t", "--context-file", "c")
    assert done.returncode == 65 and done.stdout == b"" and done.stderr.startswith(b"po-template: ")


def test_what_is_not_there_is_66(run):
    assert run("check", {}, "--template-file", "none").returncode == 66
    assert run("render", {"t": "x"}, "--template-file", "t", "--context-file", "none").returncode == 66
    assert run("check", {"t": "x"}, "--template-file", "t", "--template-dir", "none").returncode == 66


def test_standard_input_can_be_the_context(run):
    done = run("render", {"t": "{{ x }}"}, "--template-file", "t", "--context-file", "-", stdin=b'{"x": 5}')
    assert (done.returncode, done.stdout) == (0, b"5")


def test_a_full_disk_is_said(run, build, tmp_path):
    (tmp_path / "t").write_text("x" * 100000)
    (tmp_path / "c").write_text("{}")
    with open("/dev/full", "wb") as full:
        done = subprocess.run([str(build / "po-template"), "render", "--template-file", "t", "--context-file", "c"],
                              cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode not in (0, 65) and b"standard output" in done.stderr


def test_the_examples_of_the_page_run(build, tmp_path):
    """Every .Dl line of EXAMPLES, as a shell runs it, in a folder with the files that the page shows."""
    page = PAGE.read_text()
    examples = page[page.index(".Sh EXAMPLES"):page.index(".Sh SEE ALSO")]
    for name, text in re.findall(r"^\.\\\" file (\S+)\n\.Bd -literal[^\n]*\n(.*?)^\.Ed$", examples, re.M | re.S):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text.replace("\\e", "\\"))
    commands = [line[4:].replace("\\e", "\\") for line in examples.splitlines() if line.startswith(".Dl ")]
    assert len(commands) >= 3
    for command in commands:
        done = subprocess.run(command.replace("$ ", "", 1), shell=True, cwd=tmp_path, capture_output=True, text=True,
                              env={"PATH": f"{build}:/usr/bin:/bin"}, timeout=60, check=False)
        assert done.returncode == 0, (command, done.stderr)
