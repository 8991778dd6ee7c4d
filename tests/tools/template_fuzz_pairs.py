#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Renders random templates over random contexts with Django and with po.

    template_fuzz_pairs.py --po PATH [--pairs N] [--seed S]
    template_fuzz_pairs.py --record FILE [--pairs N] [--seed S]

Each pair has a seed of its own, S, S + 1, ...; a pair that differs is printed
with its seed and files, so that --seed S --pairs 1 shows it again. Exit status
0: all are the same. Where Django raises an error po must exit with 65.

What po does differently on purpose is not generated: methods of strings and
lists, random text, filters on _("...") (Django's lazy text is no string).
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile

NOW = "2026-03-14T15:09:26+00:00"

WORDS = [
    "tea", "Mug", "O'Neil", "<b>", "a & b", "Straße", "ÉCLAIR", "x\ny", "  ",
    "日本語", "e\u0301", "https://example.org/a?b=1&c=2", "ana@example.org",
    "www.example.com.", "(see example.org)", "<p>one <i>two</i></p>", "'",
    '"q"', "\\", "1,2", "a,b,c", "ΟΔΥΣΣΕΥΣ", "it's 5 o'clock", "\t", "\r\n",
    "<br/>text", "&amp;", "5 > 3", "\u00a0", "ﬁne", "-", "_x", "a\n\nb",
    "👩‍👧", "x" * 30, "&lt;tag&gt;", "<a href='x'>link</a>", "%", "#",
    "one two three four five six seven",
]
SOUP = [
    "<", ">", "/", '"', "'", "=", "&", ";", "#", "<script>", "</script>",
    "<!--", "-->", "<![CDATA[", "]]>", "<?x", "<!doctype", "(", ")", ".", ":",
    "@", ".com", "http://", "https://", "%C3%A9", "ü", "[::1]", "?", "+", "a",
    "b", " ", "\n", "www.", ".org/", "=1", "&b=", "!", ",", "<b", "</b>",
    "<i >", "x", "&amp", "&lt;", "&#60;", "&#x3c", "ABC", "-", "<br/>", "[",
    "]", "日", "example", "//", "\\", "\u0301", "\u3000", "1", "ß", "Σ", "_",
]
TIMES = [
    "2026-02-28T23:59:01+00:00", "2026-03-14", "2025-12-31T12:00:00Z",
    "2024-02-29T01:02:03.5+05:30", "15:09:26", "00:00", "12:00",
    "2026-03-14T15:09:26", "2026-13-01", "2020-01-01T00:00:00", "2026-01-01",
    "1999-12-31T23:59:59", "2027-01-03T10:20:30-08:00",
]
NUMBERS = [
    0, 1, 2, 3, 7, -1, -5, 12, 100, 1023, 1024, 1048576, 123456789, 2**40,
    -2**33, 1.0, 0.5, 2.5, 1.005, -0.004, 99.995, 1e16, 1e-5,
    123456.789, 3.14159, -2.5, 0.1, 1e15, 12345678901234567,
]
HUGE_NUMBERS = [1e22, 1.5e300, -1e19, 5e-324, 1.7976931348623157e308, 1e200]
TEXT_NUMBERS = ["1", "0", "12.30", " 7 ", "-3", "1e3", "1_000", "abc", "", "٣",
                "１２", "-४.५", "\u00a05\u3000", "1٣", "²", "nan", "-inf", ".5"]
KEYS = ["a", "b", "name", "qty", "n", "größe", "tags", "x1"]
DATE_FORMATS = [
    "Y-m-d", "D, d M Y", "N j, P", "jS F y", "H:i", "c", "r", "U", "z W o",
    "a A f g", "e T O Z I", "\\Y\\o Y", "SHORT_DATE_FORMAT", "L l t w", "u s",
    "DATETIME_FORMAT", "b E n m", "P", "",
]
FORMATS = [
    "s", "d", "05d", ".3f", "r", "x", "10s", "-8s|", "e", "g", ".2s", "+d",
    "#x", "%", "", "c", "08.2f", " d", ".5d", "a", "o", "s s", "(a)s",
]


class Generator:
    """One pair."""

    def __init__(self, seed):
        self.r = random.Random(seed)
        self.names = []
        self.others = []
        self.blocks = 0

    def pick(self, *choices):
        return self.r.choice(choices)

    def chance(self, part):
        return self.r.random() < part

    # ---------------------------------------------------------- contexts

    def text(self):
        kind = self.r.random()
        if kind < 0.15:
            return self.r.choice(TIMES)
        if kind < 0.3:
            return self.r.choice(TEXT_NUMBERS)
        if kind < 0.45:
            return "".join(self.r.choice(SOUP)
                           for _ in range(self.r.randint(1, 12)))
        n = self.r.choice([0, 1, 1, 1, 2, 3])
        return self.pick("", " ").join(
            self.r.choice(WORDS) for _ in range(n))

    def scalar(self):
        kind = self.r.random()
        if kind < 0.5:
            return self.text()
        if kind < 0.85:
            return self.r.choice(NUMBERS)
        return self.pick(True, False, None)

    def record(self, depth):
        keys = self.r.sample(KEYS, self.r.randint(0, 4))
        return {key: self.value(depth - 1) for key in keys}

    def value(self, depth=2):
        kind = self.r.random()
        if depth <= 0 or kind < 0.5:
            return self.scalar()
        if kind < 0.7:
            return [self.value(depth - 1) for _ in range(self.r.randint(0, 4))]
        if kind < 0.8:
            keys = self.r.sample(KEYS, 2)
            return [{key: self.scalar() for key in keys}
                    for _ in range(self.r.randint(0, 4))]
        if kind < 0.87:
            one = self.pick(NUMBERS, WORDS, TIMES)
            return [self.r.choice(one) for _ in range(self.r.randint(0, 5))]
        return self.record(depth)

    def context(self):
        names = ["s", "t", "n", "f", "l", "m", "rows", "d", "at", "v", "größe"]
        context = {name: self.value() for name in names if self.chance(0.85)}
        if self.chance(0.8):
            context["n"] = self.r.choice(NUMBERS)
        if self.chance(0.8):
            context["s"] = self.text()
        if self.chance(0.8):
            context["at"] = self.r.choice(TIMES)
        if self.chance(0.7):
            context["l"] = [self.scalar() for _ in range(self.r.randint(0, 5))]
        if self.chance(0.7):
            keys = self.r.sample(KEYS, 3)
            context["rows"] = [{key: self.scalar() for key in keys}
                               for _ in range(self.r.randint(0, 5))]
        if self.chance(0.7):
            context["d"] = self.record(2)
        self.names = names
        return context

    # ---------------------------------------------------------- expressions

    def literal(self):
        kind = self.r.random()
        if kind < 0.6:
            word = self.r.choice(WORDS + TEXT_NUMBERS).replace("\\", "\\\\")
            word = word.replace("\n", " ").replace("\r", " ")
            quote = self.pick('"', "'")
            return quote + word.replace(quote, "\\" + quote) + quote
        return self.pick("0", "1", "2", "-3", "5", "2.5", "1e3", "10", ".5",
                         "007", "1_0", "True", "None", "False")

    def variable(self):
        name = self.r.choice(self.names)
        kind = self.r.random()
        if kind < 0.5:
            return name
        if kind < 0.7:
            return "%s.%d" % (name, self.r.randint(0, 3))
        if kind < 0.85:
            return "%s.%s" % (name, self.r.choice(KEYS))
        if kind < 0.9:
            return "%s.%d.%s" % (name, self.r.randint(0, 2),
                                 self.r.choice(KEYS))
        if kind < 0.95:
            return self.pick("forloop.counter", "forloop.last", "forloop.first",
                             "forloop.revcounter0", "forloop.counter0",
                             "forloop.parentloop.counter", "forloop.revcounter")
        return self.pick("nope", "d.items", "d.keys", "d.values", "nope.nada",
                         "d.nope")

    def argument(self, name):
        """An argument that fits the filter, mostly."""
        r = self.r
        if self.chance(0.06):
            return self.pick(self.variable(), self.literal())
        if name in ("date", "time"):
            return '"%s"' % r.choice(DATE_FORMATS).replace("\\", "\\\\")
        if name == "stringformat":
            return '"%s"' % r.choice(FORMATS)
        if name in ("truncatechars", "truncatewords", "truncatechars_html",
                    "truncatewords_html", "urlizetrunc"):
            return str(r.choice([0, 1, 2, 3, 5, 8, 20, -1]))
        if name in ("ljust", "rjust", "center"):
            return self.pick("5", '"12"', "0", "-1", "33")
        if name == "wordwrap":
            return self.pick("1", "5", "10", "20", "80")
        if name == "slice":
            return '"%s"' % self.pick(":2", "1:", "-2:", "::2", "::-1", "1:3",
                                      "2", ":-1", "x", "3:1", "-3:-1", "::0",
                                      "1:9:2", "-1:0:-2")
        if name == "floatformat":
            return self.pick("2", "0", "-2", '"3"', '"-1"', '"2g"', '"g"', '"x"',
                             "-3", "1")
        if name in ("dictsort", "dictsortreversed"):
            return self.pick('"a"', '"b"', '"n"', '"name"', "0", '"qty"', '"0"',
                             '"a.b"')
        if name in ("add",):
            return self.pick("1", '"2"', '"x"', "n", "l", "s", "-1", "1.5")
        if name in ("divisibleby", "get_digit", "length_is"):
            return self.pick("1", "2", "3", '"5"', "0", "10")
        if name == "cut":
            return self.pick('"a"', '" "', '"<"', '";"', '"&"', '""', "s")
        if name == "join":
            return self.pick('", "', '" & "', '"<br>"', "s", '""')
        if name == "pluralize":
            return self.pick('"es"', '"y,ies"', '"a,b,c"', '""')
        if name == "yesno":
            return self.pick('"y,n"', '"yes,no,maybe"', '"<,>,&"', '"x"', "s",
                             '"1,2,3,4"')
        if name == "urlencode":
            return self.pick('""', '"/:"', '"é"', "l", "n", "m")
        if name in ("timesince", "timeuntil"):
            return self.pick("at", '"2026-04-01"', '"2026-03-14T00:00:00"')
        if name == "json_script":
            return self.pick('"id"', '"a<b"')
        return self.pick(self.literal(), self.variable())

    ONE = [
        "addslashes", "capfirst", "escape", "escapejs", "filesizeformat",
        "first", "force_escape", "iriencode", "last", "length", "linebreaks",
        "linebreaksbr", "linenumbers", "lower", "make_list", "phone2numeric",
        "pprint", "safe", "safeseq", "slugify", "striptags", "title",
        "unordered_list", "upper", "urlize", "wordcount",
    ]
    MAY = ["date", "floatformat", "pluralize", "time", "timesince",
           "timeuntil", "urlencode", "yesno"]
    TWO = [
        "add", "center", "cut", "default", "default_if_none", "dictsort",
        "dictsortreversed", "divisibleby", "get_digit", "join", "json_script",
        "length_is", "ljust", "rjust", "slice", "stringformat",
        "truncatechars", "truncatechars_html", "truncatewords",
        "truncatewords_html", "urlizetrunc", "wordwrap",
    ]

    def filters(self, most=3):
        out = ""
        for _ in range(self.r.choice([0, 1, 1, 1, 2, most])):
            kind = self.r.random()
            if kind < 0.4:
                out += "|" + self.r.choice(self.ONE)
            elif kind < 0.55:
                name = self.r.choice(self.MAY)
                out += "|" + name
                if self.chance(0.6):
                    out += ":" + self.argument(name)
            else:
                name = self.r.choice(self.TWO)
                out += "|%s:%s" % (name, self.argument(name))
        return out

    def expression(self, most=3):
        start = self.variable() if self.chance(0.8) else self.literal()
        return start + self.filters(most)

    def simple(self):
        """An expression without blanks: one word of a tag."""
        for _ in range(20):
            found = self.expression(1)
            if not any(c in found for c in " \u00a0\t"):
                return found
        return "s"

    def condition(self):
        parts = []
        for i in range(self.r.choice([1, 1, 2, 3])):
            if i:
                parts.append(self.pick("and", "or"))
            if self.chance(0.2):
                parts.append("not")
            parts.append(self.simple())
            if self.chance(0.6):
                parts.append(self.pick("==", "!=", "<", ">", "<=", ">=", "in",
                                       "not in", "==", "!="))
                parts.append(self.simple())
            elif self.chance(0.15):
                parts += [self.pick("is", "is not"), self.pick("None", "True")]
        return " ".join(parts)

    # ---------------------------------------------------------- nodes

    def plain(self):
        return self.pick("\n", " ", "text ", "<p>", "</p>\n", "a { b }", "ü",
                         "<td> </td>", "{ ", "%} ", "}} ", "x: ", ", ", "&",
                         "{# note #}", "{# open\n", "<b>\n <i>")

    def body(self, depth):
        return "".join(self.node(depth - 1)
                       for _ in range(self.r.randint(0, 3)))

    def loop(self, depth):
        kind = self.r.random()
        old = self.names
        if kind < 0.6:
            names, over = ["i"], self.simple()
        elif kind < 0.8:
            names, over = ["k", "w"], self.pick("d.items", "rows", "l")
        else:
            names, over = ["row"], "rows"
        if self.chance(0.2):
            over += " reversed"
        self.names = old + names * 3
        out = "{%% for %s in %s %%}%s" % (
            self.pick(", ", ",").join(names), over, self.body(depth))
        self.names = old
        if self.chance(0.3):
            out += "{% empty %}" + self.body(depth)
        return out + "{% endfor %}"

    def block_if(self, depth):
        out = "{%% if %s %%}%s" % (self.condition(), self.body(depth))
        while self.chance(0.2):
            out += "{%% elif %s %%}%s" % (self.condition(), self.body(depth))
        if self.chance(0.4):
            out += "{% else %}" + self.body(depth)
        return out + "{% endif %}"

    def cycle(self):
        values = " ".join(self.simple() for _ in range(self.r.randint(2, 3)))
        kind = self.r.random()
        if kind < 0.5:
            return "{%% cycle %s %%}" % values
        out = "{%% cycle %s as z%s %%}{{ z }}" % (
            values, self.pick("", " silent"))
        if self.chance(0.3):
            out += "{% cycle z %}"
        if self.chance(0.3):
            out += "{% resetcycle z %}"
        return out

    def include(self):
        if not self.others:
            return ""
        out = '{%% include "%s"' % self.r.choice(self.others)
        if self.chance(0.4):
            out += " with s=%s q=%s" % (self.simple(), self.simple())
        if self.chance(0.3):
            out += " only"
        return out + " %}"

    def node(self, depth):
        kind = self.r.random()
        if depth <= 0 or kind < 0.3:
            return self.plain() if self.chance(0.4) else \
                "{{ %s }}" % self.expression()
        if kind < 0.42:
            return self.block_if(depth)
        if kind < 0.56:
            return self.loop(depth)
        if kind < 0.62:
            return self.cycle()
        if kind < 0.68:
            return self.include()
        return self.pick(*self.RARE)(self, depth)

    def with_tag(self, depth):
        old = self.names
        self.names = old + ["w", "w"]
        if self.chance(0.3):
            out = "{%% with %s as w %%}" % self.simple()
        else:
            out = "{%% with w=%s v=%s %%}" % (self.simple(), self.simple())
        out += self.body(depth) + "{{ w }}{% endwith %}"
        self.names = old
        return out

    def ifchanged(self, depth):
        out = "{%% ifchanged %s %%}" % self.pick(
            "", self.simple(), self.simple() + " " + self.simple())
        out += self.body(depth)
        if self.chance(0.4):
            out += "{% else %}" + self.body(depth)
        return out + "{% endifchanged %}"

    def ifequal(self, depth):
        tag = self.pick("ifequal", "ifnotequal")
        return "{%% %s %s %s %%}%s{%% else %%}%s{%% end%s %%}" % (
            tag, self.simple(), self.simple(), self.body(depth),
            self.body(depth), tag)

    def regroup(self, depth):
        return ("{%% regroup %s by %s as g %%}{%% for x in g %%}[{{ x.grouper }}"
                ":{%% for y in x.list %%}{{ y.%s }},{%% endfor %%}]{%% endfor %%}"
                % (self.pick("rows", 'rows|dictsort:"a"', "l"),
                   self.r.choice(KEYS), self.r.choice(KEYS)))

    def block(self, depth):
        self.blocks += 1
        name = self.pick("one", "two", "three") if self.chance(0.8) else \
            "b%d" % self.blocks
        return "{%% block %s %%}%s%s{%% endblock %%}" % (
            name, self.body(depth),
            "{{ block.super }}" if self.chance(0.2) else "")

    RARE = [
        with_tag, ifchanged, ifequal, regroup,
        lambda self, depth: "{%% autoescape %s %%}%s{%% endautoescape %%}" % (
            self.pick("on", "off"), self.body(depth)),
        lambda self, depth: "{%% filter %s %%}%s{%% endfilter %%}" % (
            (self.filters(1) or "|upper")[1:], self.body(depth)),
        lambda self, depth: "{%% spaceless %%}%s{%% endspaceless %%}" %
        self.body(depth),
        lambda self, depth: "{%% firstof %s %s %s %%}" % (
            self.simple(), self.simple(), self.literal()),
        lambda self, depth: "{%% firstof %s %s as z %%}{{ z }}" % (
            self.simple(), self.simple()),
        lambda self, depth: "{%% widthratio %s %s %s %%}" % (
            self.simple(), self.simple(), self.pick("100", "n", "7")),
        lambda self, depth: '{%% now "%s" %%}' % self.r.choice(
            DATE_FORMATS[:16]),
        lambda self, depth: "{%% lorem %d w %%}" % self.r.randint(0, 19),
        lambda self, depth: "{% lorem 1 p %}",
        lambda self, depth: "{%% templatetag %s %%}" % self.pick(
            "openblock", "closevariable", "opencomment"),
        lambda self, depth: "{% for a in 'xy' %}{{ forloop }}{% endfor %}",
        lambda self, depth: self.pick('{{ _("x") }}', "{{ _('a <b>') }}",
                                      '{{ _("5 % off") }}'),
        lambda self, depth: "{% verbatim %}{{ x }}{% if %}{% endverbatim %}",
        lambda self, depth: "{% comment %}{{ x|no }}{% endcomment %}",
    ]

    # ---------------------------------------------------------- templates

    def template(self, depth, blocks):
        out = ""
        used = set()
        for _ in range(self.r.randint(1, 5)):
            if blocks and self.chance(0.4):
                name = self.pick("one", "two", "three")
                if name in used:
                    continue
                used.add(name)
                out += "{%% block %s %%}%s%s{%% endblock %%}" % (
                    name, self.body(depth),
                    "{{ block.super }}" if self.chance(0.15) else "")
            else:
                out += self.node(depth)
        return out

    def pair(self):
        """Templates by name, the main one's name, the context, autoescape."""
        context = self.context()
        if self.chance(0.3):
            if self.chance(0.7):
                context["s"] = "".join(self.r.choice(SOUP)
                                       for _ in range(self.r.randint(1, 25)))
            if self.chance(0.1):
                context["s"] = self.r.choice(HUGE_NUMBERS)
            source = "{{ %s%s }}" % (
                self.pick("s", "s", self.variable()), self.filters())
            return {"main": source}, "main", context, self.chance(0.5)
        templates = {"row": self.template(1, False)}
        self.others = ["row"]
        if self.chance(0.5):
            templates["part"] = self.template(2, self.chance(0.3))
            self.others.append("part")
        if self.chance(0.3):
            templates["base"] = self.template(2, True)
            child = self.pick("", "text") + '{% extends "base" %}' + \
                self.template(2, True)
            if self.chance(0.4):
                templates["middle"] = child
                child = '{% extends "middle" %}' + self.template(2, True)
            templates["main"] = child
        else:
            templates["main"] = self.template(3, False)
        return templates, "main", context, self.chance(0.5)


def run_po(po, folder, templates, main, context, autoescape):
    """Exit status, output, complaints."""
    for name, source in templates.items():
        with open(os.path.join(folder, name), "w", encoding="utf-8",
                  newline="") as f:
            f.write(source)
    with open(os.path.join(folder, "context.json"), "w",
              encoding="utf-8") as f:
        json.dump(context, f, ensure_ascii=False)
    done = subprocess.run(
        [po, "render", "--template-file", os.path.join(folder, main),
         "--template-dir", folder, "--context-file",
         os.path.join(folder, "context.json"), "--autoescape",
         "on" if autoescape else "off", "--now", NOW],
        capture_output=True, timeout=60, check=False)
    return done.returncode, done.stdout, done.stderr.decode("utf-8", "replace")


def run_django(templates, main, context, autoescape):
    """The output, or None and what was raised."""
    import django_oracle
    try:
        text = django_oracle.render(templates, main,
                                    json.loads(json.dumps(context)), autoescape)
        return text.encode("utf-8", "surrogatepass"), ""
    except Exception as e:  # any error at all: po must fail, too
        return None, "%s: %s" % (type(e).__name__, e)


# What po does otherwise on purpose: limits, and two accidents of Django: a
# `filter` in a loop must not give a number, and a printed forloop shows where
# ifchanged keeps its state.
PO_ONLY = ["beyond 64 bits", "than the limit of", "cannot print more than"]
DJANGO_ONLY = ["expected str instance", "MemoryError"]


def compare(po, seed, folder):
    """Whether Django rendered it; None, or what differs."""
    templates, main, context, autoescape = Generator(seed).pair()
    want, why = run_django(templates, main, context, autoescape)
    status, got, complaint = run_po(po, folder, templates, main, context,
                                    autoescape)
    if any(text in complaint for text in PO_ONLY) or \
            any(text in why for text in DJANGO_ONLY) or \
            b"IfChangedNode object" in (want or b""):
        return False, None
    if want is None and status == 65:
        return False, None
    if want is not None and status == 0 and got == want:
        return True, None
    lines = ["seed %d differs (autoescape %s)" % (seed, autoescape)]
    for name, source in templates.items():
        lines.append("  %s: %r" % (name, source))
    lines.append("  context: %s" % json.dumps(context, ensure_ascii=False))
    lines.append("  Django: %s" % (why if want is None else repr(
        want.decode("utf-8", "replace"))))
    lines.append("  po: exit %d %r %s" % (
        status, got.decode("utf-8", "replace"), complaint.strip()))
    return want is not None, "\n".join(lines)


def record(seeds, path):
    """Write what Django renders for these seeds as vectors of the unit test."""
    vectors = []
    for seed in seeds:
        templates, name, context, autoescape = Generator(seed).pair()
        want, why = run_django(templates, name, context, autoescape)
        if not want or any(text in why for text in DJANGO_ONLY):
            continue
        vectors.append({
            "name": "pairs/%d" % seed, "part": "html" if autoescape else "text",
            "templates": templates, "main": name, "context": context,
            "autoescape": autoescape, "expected": want.decode(), "now": NOW})
    with open(path, "w", encoding="utf-8") as f:
        json.dump(vectors, f, ensure_ascii=False, indent=1)
        f.write("\n")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--po", help="the program po-template")
    parser.add_argument("--record", metavar="FILE",
                        help="write vectors of Django's results, compare nothing")
    parser.add_argument("--pairs", type=int, default=500)
    parser.add_argument("--seed", type=int,
                        default=random.SystemRandom().randrange(1 << 31))
    args = parser.parse_args()
    if args.record:
        record(range(args.seed, args.seed + args.pairs), args.record)
        return 0
    if not args.po:
        parser.error("--po is missing")
    print("%d pairs from seed %d" % (args.pairs, args.seed), flush=True)
    bad = rendered = 0
    for seed in range(args.seed, args.seed + args.pairs):
        with tempfile.TemporaryDirectory() as folder:
            ok, found = compare(args.po, seed, folder)
        rendered += ok
        if found:
            bad += 1
            print(found, flush=True)
    print("%d of %d differ; %d render, the others are errors in both" % (
        bad, args.pairs, rendered))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
