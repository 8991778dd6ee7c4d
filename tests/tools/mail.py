# SPDX-License-Identifier: ISC
"""Looking at mail byte for byte."""
import collections

Mail = collections.namedtuple("Mail", "fields body")  # fields: (name, raw lines with their LF), in order


def split(message):
    """LF-only bytes to fields and body; a field keeps its folding."""
    header, _, body = message.partition(b"\n\n")
    fields = []
    for line in (header + b"\n").splitlines(keepends=True):
        if line[:1] in (b" ", b"\t") and fields:
            fields[-1][1] += line
        else:
            fields.append([line.partition(b":")[0].decode("latin-1"), line])
    return Mail([tuple(f) for f in fields], body)


def names(mail):
    return [name.lower() for name, _ in mail.fields]


def value(mail, name):
    """The value of the only field of that name, unfolded."""
    found = [raw for n, raw in mail.fields if n.lower() == name.lower()]
    assert len(found) == 1, f"{len(found)} fields {name} in {mail.fields}"
    return b"".join(found[0].partition(b":")[2].splitlines()).strip().decode()


def without(mail, *added):
    """The fields but those that a submitter may leave to po."""
    return [f for f in mail.fields if f[0].lower() not in added]
