# SPDX-License-Identifier: ISC
"""Edge cases of every filter and tag, each against Django itself."""
import importlib.util
import json
import os
import random
import subprocess

import pytest

SEED = int(os.environ.get("PO_TEST_SEED", random.SystemRandom().randrange(1 << 31)))
NOW = "2026-03-14T15:09:26+00:00"
VALUES = ["", " ", "a", "Tea & <b>\"Mug\"</b>'s", "straße ﬁne ΟΔΥΣΣΕΥΣ", "one two  three\tfour\n\nfive", "a\r\nb\rc", 0, 1, -1, 3,
          1.0, -0.5, 1.005, 1e16, 1e-7, 12345678901, True, False, None, [], [1, 2, 3], ["b", "a", ["c", []]], {}, {"a": 1},
          [{"a": 2, "b": "x"}, {"a": 1, "b": "y"}], "2026-03-14T15:09:26", "2026-02-30", "15:09:26", "http://x.org/?a=1&b=2",
          "<p>one <b>two</b> three</p>", "e\u0301👩‍👧", "1,234", "-7", "0x10", "a@b.org www.x.com", [None, "x"], "\\'\"\n", "  pad  "]
FILTERS = {
    "add": ["1", '"x"', "v", '"-3"'], "addslashes": [], "capfirst": [], "center": ["5", "0", '"x"', "40"], "cut": ['"a"', '" "', "1"],
    "date": ['"Y-m-d H:i:s"', '"D, d M Y"', '""', '"jS F, P"'], "default": ['"d"'], "default_if_none": ['"d"'],
    "dictsort": ['"a"', "0", '"b"'], "dictsortreversed": ['"a"'], "divisibleby": ["3", '"2"'], "escape": [], "escapejs": [],
    "filesizeformat": [], "first": [], "floatformat": ["", "2", "-2", "0", '"x"', "-0"], "force_escape": [], "get_digit": ["1", "2", "0", '"x"'],
    "iriencode": [], "join": ['", "', '"<"'], "json_script": ['"i"'], "last": [], "length": [], "length_is": ["3", '"x"'],
    "linebreaks": [], "linebreaksbr": [], "linenumbers": [], "ljust": ["5"], "lower": [], "make_list": [], "phone2numeric": [],
    "pluralize": ["", '"es"', '"y,ies"', '"a,b,c"'], "pprint": [], "rjust": ["5"], "safe": [], "safeseq": [],
    "slice": ['":2"', '"1:"', '"::-1"', '"x"', '"-2:"', '"::0"'], "slugify": [], "stringformat": ['"s"', '"05d"', '".2f"', '"x"', '"r"', '"q"'],
    "striptags": [], "time": ['"H:i"'], "timesince": [], "timeuntil": [], "title": [], "truncatechars": ["3", "0", '"x"', "-1"],
    "truncatechars_html": ["5", "0"], "truncatewords": ["2", "0"], "truncatewords_html": ["2"], "unordered_list": [], "upper": [],
    "urlencode": ["", '""', '"/:"'], "urlize": [], "urlizetrunc": ["8"], "wordcount": [], "wordwrap": ["3", "0"], "yesno": ["", '"y,n"', '"y,n,m"', '"y"'],
}
TAGS = """{% autoescape off %}{{ v }}{% endautoescape %}|{% comment "x" %}{{ v }{% if %}{% endcomment %}
{% for a, b in v %}{{ a }}{{ b }}{% endfor %}
{% for x in v reversed %}{{ forloop.revcounter0 }}{{ x }}{% empty %}E{% endfor %}
{% for x in v %}{% ifchanged %}{{ x }}{% else %}={% endifchanged %}{% cycle 'a' 'b' %}{% endfor %}
{% for x in v %}{% cycle 'a' v as c silent %}{% if forloop.first %}{% resetcycle %}{% endif %}{{ c }}{% endfor %}
{% firstof v "d" %}{% firstof v as f %}[{{ f }}]
{% if v and not v == 1 or v in v %}T{% elif v is None %}N{% else %}F{% endif %}
{% if v < 2 %}L{% endif %}{% if v >= "a" %}G{% endif %}{% if 1 in v %}I{% endif %}
{% ifequal v 1 %}E{% else %}D{% endifequal %}{% ifnotequal v "a" %}N{% endifnotequal %}
{% with a=v|upper b=v %}{{ a }}{{ b }}{% endwith %}{% with v as c %}{{ c }}{% endwith %}
{% regroup v by a as g %}{% for x in g %}{{ x.grouper }}:{{ x.list|length }}{% endfor %}
{% spaceless %}<p> <b>{{ v }}</b> </p>{% endspaceless %}
{% verbatim x %}{{ v }}{% endverbatim %}{% endverbatim x %}
{% widthratio v 10 100 %}{% widthratio 3 v 7 as w %}{{ w }}
{% filter upper|cut:"A" %}{{ v }}{% endfilter %}
{% templatetag openblock %}{% now "Y" %}{% now "D" as d %}{{ d }}
{% lorem 3 w %}|{% lorem 1 b %}
{% block b %}{{ v }}{% endblock b %}{{ block.super }}
{{ v.0 }}{{ v.a }}{{ v.items }}{{ v.keys }}{{ v.x.y }}{{ v.0.a }}
{{ _("x") }}{{ 1_0 }}{{ -5 }}{{ 1e3 }}{{ "q\\"x" }}{{ '<' }}""".split("\n")


def templates():
    for name, arguments in FILTERS.items():
        for argument in arguments or [""]:
            chain = f"{{{{ v|{name}{':' + argument if argument else ''} }}}}"
            yield chain
            yield chain.replace(" }}", "|length }}")
            yield chain.replace("v|", "v|safe|")
    yield from TAGS


def django_says(oracle, source, value):
    try:
        return 0, oracle.render({"m": source}, "m", {"v": value}, True)
    except Exception:  # whatever Django raises, po says 65
        return 65, ""


def po_says(build, path, value):
    done = subprocess.run([build / "po-template", "render", "--template-file", path, "--context-file", "-", "--now", NOW],
                          input=json.dumps({"v": value}).encode(), capture_output=True, timeout=60, check=False)
    return done.returncode, done.stdout.decode()


@pytest.mark.parametrize("source", templates())
def test_po_does_as_django_does(build, tmp_path, source):
    """A sixth of the values, others each time; PO_TEST_ALL takes all."""
    if importlib.util.find_spec("django") is None:
        pytest.skip("python3-django is not installed: there is nothing to compare with")
    import django_oracle
    path = tmp_path / "t"
    path.write_text(source)
    values = VALUES if "PO_TEST_ALL" in os.environ else random.Random(source + str(SEED)).sample(VALUES, len(VALUES) // 6)
    wrong = [(value, ours, theirs) for value in values
             if (ours := po_says(build, path, value)) != (theirs := django_says(django_oracle, source, value))]
    assert not wrong, f"PO_TEST_SEED={SEED}: {source}: {wrong}"
