# SPDX-License-Identifier: ISC
"""The interface of sendmail as a table: a command line, a message, and what comes of them.

Each row is one call by an ordinary user. All calls are made first, one run of the queue delivers what they submitted, and
each row then looks at what arrived of it at a server. A row that fails must have queued nothing and said why in one line
on stderr; nothing but the modes that print ever writes to stdout.
"""
import collections
import os
import re
import subprocess

import pytest

import message_file
from po import IS_ROOT, Po
from sink import Sink

UID = 2200 if IS_ROOT else os.geteuid()  # has no name on the machine where the tests run as root
S, T, A, B = "s@example.org", "t@example.org", "a@example.net", "b@example.net"
HEADER = b"Subject: x\n\n"
MESSAGE = HEADER + b"x\n"
LIMIT = 200000  # message_size_limit

Row = collections.namedtuple("Row", "args stdin status says out program sender to body has hasnt envelope mail_options env")
ROWS = {}


def row(name, args, stdin=MESSAGE, *, status=0, says="", out="", program="sendmail", sender=S, to=(A,), body=b"x\n", has=(),
        hasnt=(), envelope=(), mail_options=(), env=None, queued=None):
    """args: a list, or one string of words; -f S stands in front of them unless `sender` is None.

    says, out: regular expressions for stderr and the whole of stdout. has, hasnt: for the header that arrived, its lines
    ended by LF. envelope: lines of the envelope. mail_options: what MAIL FROM had. env: more environment.
    """
    assert name not in ROWS, name
    args = args.split() if isinstance(args, str) else list(args)
    queued = status == 0 if queued is None else queued
    if sender is S and queued:
        args = ["-f", S, *args]
    ROWS[name] = Row(args, stdin, status, says, out, program, sender, sorted(to) if queued else None, body, has, hasnt,
                     envelope, mail_options, env or {})


def refused(name, args, status, says, stdin=MESSAGE, **more):
    row(name, args, stdin, status=status, says=says, **more)


# ------------------------------------------------------------------ flags: joined, separate, empty, at the end, in clusters

IGNORED_VALUE = {"A": "c", "C": "/etc/hosts", "L": "tag", "e": "m", "h": "5", "p": "smtp:host", "O": "QueueDirectory=/tmp",
                 "o": "r0s"}
for letter, value in IGNORED_VALUE.items():
    row(f"-{letter}{value} is passed over", [f"-{letter}{value}", A])
    row(f"-{letter} {value} is passed over with its value", [f"-{letter}", value, A])
    row(f"-{letter} '' is passed over with its value", [f"-{letter}", "", A])
for word in ("-Am", "-ep", "-eq", "-ew", "-ee", "-odb", "-odq", "-om", "-o7", "-oA/tmp/x", "-oQ/tmp/x", "-oX/tmp/x",
             "-OTimeout.queuereturn=1d", "-ODeliveryMode=b", "-OErrorMode=m", "-d", "-d9", "-d0.1", "-E", "-G", "-m", "-n",
             "-s", "-c", "-U", "-v", "-x", "-bm"):
    row(f"{word} is passed over", [word, A], envelope=["priority=medium"])
row("-b m, apart", ["-b", "m", A])
for letter in "ABCFLNORVefhopr":
    refused(f"-{letter} at the end wants a value", ["-i", f"-{letter}"], 64, f"-{letter} wants a value")
refused("-b at the end wants a value", ["-i", "-b"], 64, "-b wants a value")
for letter in sorted(set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789?!@#%+=_.,:;~") -
                     set("ABCDEFGILMNOQRUVXbcdefhimnopqrstvx")):
    refused(f"-{letter} is unknown", [f"-{letter}", A], 64, f"unknown option -{re.escape(letter)}")
refused("an unknown letter in a cluster", "-tiyv " + A, 64, "unknown option -y")
refused("a letter that is no ASCII", ["-\xe9", A], 64, r"unknown option -\\x")
refused("a long option that is unknown", ["--queue", A], 64, "unknown option --queue")
refused("a long option with a control character", ["--\x1b[2J", A], 64, r"unknown option --\\x1b")
for word in ("-X/tmp/x", "-X /tmp/x", "-D/tmp/x", "-D /tmp/x", "-Mxv", "-M id", "-Q", "-Qreason", "-ba", "-bd", "-bD", "-bP",
             "-bt", "-be", "-bS", "-bpx", "-bmx", "-iX/tmp/x", "-qGgroup"):
    refused(f"{word} is refused", [*word.split(), A], 64, "not supported")
refused("-b '' is refused", ["-b", "", A], 64, "-b is not supported")

row("-t", "-t", f"To: {A}\n\nx\n".encode(), has=[f"To: {A}\n"])
row("-i -t in one", "-it", f"To: {A}\n\n.\nx\n".encode(), body=b".\nx\n")
row("-ti, as Rails", "-ti", f"To: {A}\n\n.\nx\n".encode(), body=b".\nx\n")
row("-tif ADDRESS", ["-tif", T], f"To: {A}\n\n.\n".encode(), sender=T, body=b".\n")
row("-tifADDRESS", [f"-tif{T}"], f"To: {A}\n\n.\n".encode(), sender=T, body=b".\n")
row("-itf ADDRESS, then options still", ["-itf", "no@example.org", "-f", T], f"To: {A}\n\n.\n".encode(), sender=T, body=b".\n")
row("-vvvti", "-vvvti", f"To: {A}\n\n.\n".encode(), body=b".\n")
row("-tvd9, the rest of the word is the value", "-tvd9i", f"To: {A}\n\na\n.\nb\n".encode(), body=b"a\n")
row("-iF NAME", ["-iF", "Joe User", A], HEADER + b".\n", body=b".\n", has=[f"From: Joe User <{S}>\n"])
row("-oi is -i", ["-oi", A], HEADER + b".\nx\n", body=b".\nx\n")
row("-oi in a cluster", ["-toi"], f"To: {A}\n\n.\n".encode(), body=b".\n")

row("-B8BITMIME", ["-B8BITMIME", A], envelope=["mime=8bit"])
row("-B 8bitmime", ["-B", "8bitmime", A], envelope=["mime=8bit"])
row("-B7BIT", ["-B7BIT", A], envelope=["mime=7bit"])
for letter, value in (("B", "BINARYMIME"), ("B", ""), ("N", "always"), ("N", "never,delay"), ("N", ""), ("N", "success,"),
                      ("R", "all"), ("R", ""), ("V", "a+zz"), ("V", "a b"), ("V", ""), ("V", "x" * 101), ("O", "Priority=urgent")):
    row(f"-{letter} {value[:20]!r} is warned of and the mail is sent", [f"-{letter}", value, A], says=f"warning: -{letter} ")
row("-N never", ["-N", "never", A], envelope=["notify=never"])
row("-Nsuccess,Failure,DELAY", ["-Nsuccess,Failure,DELAY", A, B], to=(A, B), envelope=["notify=success,failure,delay"])
row("-R full", ["-R", "full", A], envelope=["ret=full"])
row("-Rhdrs", ["-Rhdrs", A], envelope=["ret=hdrs"])
row("-V ENVID", ["-V", "id+2B1", A], envelope=["envid=id+2B1"])
row("-VENVID", [f"-V{'x' * 100}", A], envelope=["envid=" + "x" * 100])
row("-odi is now", ["-odi", A], envelope=["priority=now"])
row("-o di, apart", ["-o", "di", A], envelope=["priority=now"])
row("-ODeliveryMode=interactive", ["-O", "DeliveryMode=interactive", A], envelope=["priority=now"])
row("-OPriority=HIGH", ["-OPriority=HIGH", A], envelope=["priority=high"])
row("-O 'Priority = low'", ["-O", "Priority = low", A], envelope=["priority=low"])
row("-O without '='", ["-O", "Priority", A], says="warning: -O Priority")
row("the last -O counts", ["-OPriority=low", "-OPriority=high", A], envelope=["priority=high"])

row("-F NAME", ["-F", "Joe User", A], has=[f"From: Joe User <{S}>\n"])
row("-FNAME", ["-FCronDaemon", A], has=[f"From: CronDaemon <{S}>\n"])
row("-F ''", ["-F", "", A], has=[f"From: {S}\n"])
row("-F with specials is quoted", ["-F", 'Doe, "J" (x) \\', A], has=[f'From: "Doe, \\\\"J\\\\" \\(x\\) \\\\\\\\" <{S}>\n'])
row("-F that is no ASCII is encoded", ["-F", "J\u00fcrgen", A], has=[rf"From: =\?UTF-8\?\S+\?= <{S}>\n"])
row("-F changes no From field", ["-F", "Joe", A], b"From: me <me@example.org>\n\nx\n", has=["From: me <me@example.org>\n"], hasnt=["Joe"])
row("-F with a line feed makes no field", ["-F", "x\nBcc: evil@example.net\n\nbody", A], has=["From: "], hasnt=["\nBcc"])
row("the last -F counts", ["-F", "One", "-F", "Two", A], has=[f"From: Two <{S}>\n"])

for how in (["-f", T], [f"-f{T}"], ["-r", T], [f"-r{T}"], ["-f", "no@example.org", "-r", T], ["-r", "no@example.org", f"-if{T}"],
            ["-f", f"T <{T}>"], ["-f", f"<{T}>"], ["-f", f" {T} "]):
    row(f"{' '.join(how)} is the sender", [*how, A], sender=T)
row("-f '' is the null sender", ["-f", "", A], sender="", has=["From: Mail Delivery System <MAILER-DAEMON@example.org>\n"])
row("-f <> is the null sender", ["-f<>", A], sender="")
row("-f without a domain", ["-f", "joe", A], sender="joe@example.org")
row("an option behind -f is its value", ["-f", "-t", A], status=65, says="begins with '-'")
row("-f with an option in it, as CVE-2016-10033", ["-f", '"x" -oQ/tmp -X/tmp/x @example.org', A], status=65, says="two words")
row("-f with a quoted blank is one address", ["-f", '"a -X/tmp/x b"@example.org', A], sender='"a -X/tmp/x b"@example.org')
for bad in ("a b@example.org", "a@b@c", "a@", "@example.org", "a@example.org, b@example.org", "g: a@example.org;", "undisclosed:;"):
    refused(f"-f {bad!r} is no sender", ["-f", bad, A], 65, "address")

row("--, then a recipient that looks like an option", ["--", "-x@example.net"], to=("-x@example.net",))
row("-- behind -t", ["-t", "--"], f"To: {A}\n\nx\n".encode())
refused("- alone is a recipient, and no good one", ["-"], 65, "begins with '-'")
refused("an option behind a recipient is none", [A, "-v"], 65, "begins with '-'")
refused("-X behind a recipient is none", [A, "-X/tmp/x"], 65, "begins with '-'")
refused("-t behind a recipient is none", [A, "-t"], 65, "begins with '-'")
row("an address in a list that begins with '-', behind --", ["--", f"{A}, -x@example.net"], to=(A, "-x@example.net"))

# ------------------------------------------------------------------ modes

row("newaliases", [], program="newaliases", queued=False)
for word in ("-bi", "-I", "-bh", "-bH"):
    row(f"{word} does nothing", [word], queued=False)
    row(f"{word} does nothing, with a recipient too", [word, A], queued=False)
row("-bv prints and never sends", ["-bv", "root", f"A <{A}>", "g: b@example.net;"], queued=False,
    out=r"root@example.org\.\.\. deliverable\na@example.net\.\.\. deliverable\nb@example.net\.\.\. deliverable\n")
row("-bv of a bad address", ["-bv", A, "a b"], status=67, says='"a b": two words', out=r"a@example.net\.\.\. deliverable\n")
row("mailq of a stranger", [], program="mailq", queued=False, out=r"(-- \d+ Kbytes in \d+ Requests?\.|Mail queue is empty)\n")
row("-bp of a stranger", ["-bp"], queued=False, out=r"(-- \d+ Kbytes in \d+ Requests?\.|Mail queue is empty)\n")
if IS_ROOT:
    for word in ("-q", "-q30m", "-qIx", "-qRx", "-qSx", "-q!Ix"):
        refused(f"{word} of a stranger", [word], 77, "only root and the owner of the spool")
row("the last mode counts", ["-bp", "-bm", A])
row("-bs with other options and arguments", ["-bs", "-t", "-i", A], b"QUIT\r\n", queued=False, out=r"220 .*\r\n221 .*\r\n")
row("--version", ["--version"], queued=False, out=r"sendmail \(po .*\)\n")
row("--help", ["--help"], queued=False, out=r"usage: sendmail (.|\n)*")

# ------------------------------------------------------------------ recipients

row("each argument is a recipient", [A, B], to=(A, B))
row("two in one argument", [f"{A},{B}"], to=(A, B))
row("two in one argument, blanks and an empty place", [f" {A} , , {B} "], to=(A, B))
row("a name", [f"Joe <{A}>", '"B, b" <b@example.net>'], to=(A, B))
row("a group", [f"G: {A}, Joe <{B}>;"], to=(A, B))
row("comments", [f"{A} (Joe, (the) man)", "(x) b@example.net"], to=(A, B))
row("a bare login is qualified", ["root"], to=("root@example.org",))
row("a quoted local part", ['"john doe"@example.net'], to=('"john doe"@example.net',))
row("a domain literal", ["a@[192.0.2.1]"], to=("a@[192.0.2.1]",))
row("each once, domains without case, local parts with", [A, A, "a@EXAMPLE.net", "A@example.net"], to=(A, "A@example.net"))
row("a command and a file are names", ["|touch@example.net", "/tmp/x"], to=("|touch@example.net", "/tmp/x@example.org"))
refused("a command with a blank is no address", ["|touch /tmp/x"], 65, "two words")
refused("a file to include is no address", [":include:/etc/passwd"], 65, "group")
row("a line feed between addresses", [f"{A},\n {B}"], to=(A, B))
row("an international address", ["j\u00fcrgen@example.net"], to=("j\u00fcrgen@example.net",), mail_options=["SMTPUTF8"])
refused("an address that is no UTF-8", [b"j\xfcrgen@example.net"], 65, "UTF-8")
for bad, why in (("a@@example.net", "second '@'"), ("a b@example.net", "two words"), ("a@", "no domain"), ("@example.net", "before"),
                 ("<a@example.net", "without '>'"), ("a@example..net", "empty label"), ("(x", "comment"), ('"x', "does not end"),
                 ("", "empty"), (" ", "empty"), (",", "empty"), ("<>", "nobody"), ("a@example.net\nRCPT TO:<x@y>", "quotes"),
                 ("a\x1b@example.net", "control"), ("a@example.net\r\nDATA", "two words|quotes"), ("-x@example.net", "'-'"),
                 ('"a\nb"@example.net', "control"), (f"{A}\n{B}", "second '@'|two words")):
    refused(f"{bad!r} is no recipient", ["-i", A, bad], 65, why)
refused("no recipient", ["-i"], 64, "no recipients")
refused("no recipient but --", ["-i", "--"], 64, "no recipients")
row("10,000 arguments", [f"r{i}@example.net" for i in range(10000)], to=[f"r{i}@example.net" for i in range(10000)])
refused("10,001 recipients", [f"r{i}@example.net" for i in range(10001)], 65, "recipient_limit")
row("an argument of 128 kB", [(A + ",") * 9362], to=(A,))
refused("an address of 128 kB", ["x" * 131000], 65, "longer")
refused("a list of 128 kB with one that is bad at its end", [(A + ",") * 9000 + "a b"], 65, '"a b"')

row("-t: To, Cc and Bcc", "-t", f"To: {A}\nCc: C <c@example.net>\nBcc: {B}\n\nx\n".encode(), to=(A, B, "c@example.net"),
    has=[f"To: {A}\n", "Cc: C <c@example.net>\n"], hasnt=["(?i)^bcc:"])
row("-t and arguments: the union, each once", ["-t", A, "d@example.net"], f"To: {A}, {B}\n\nx\n".encode(), to=(A, B, "d@example.net"))
row("-t and an argument behind --, as older Rails", ["-i", "-t", "--", B], f"To: {A}\n\nx\n".encode(), to=(A, B))
row("-t: fields more than once, folded, in any case", "-t", f"TO: {A},\n\t{B}\nto : c@example.net\ncC:\n d@example.net\n\nx\n".encode(),
    to=(A, B, "c@example.net", "d@example.net"))
row("-t: undisclosed recipients and Bcc", "-t", f"To: undisclosed-recipients:;\nBcc: {A}\n\nx\n".encode(),
    has=["To: undisclosed-recipients:;\n"])
row("-t: an empty group and an argument", ["-t", A], b"To: undisclosed-recipients:;\n\nx\n")
refused("-t: an empty group alone", ["-t"], 64, "no recipients", b"To: undisclosed-recipients:;\n\nx\n")
refused("-t: no field", ["-t"], 64, "no recipients in To, Cc or Bcc")
refused("-t: nothing on stdin", ["-t"], 64, "no recipients", b"")
refused("-t: a bad address", ["-t"], 65, 'bad address "a b@example.net"', f"To: {A}, a b@example.net\n\nx\n".encode())
refused("-t: a bad address in Bcc", ["-t"], 65, "second '@'", f"To: {A}\nBcc: a@@b\n\nx\n".encode())
row("a bad address in To is left alone without -t", [A], b"To: see below, (\n\nx\n", has=[r"To: see below, \(\n"])
row("-t: only Bcc, and nothing stands for it", "-t", f"Bcc: {A}\n\nx\n".encode(), hasnt=["(?i)^(bcc|cc|to|apparently-to):"])
row("Bcc goes without -t too", [A], f"To: {A}\nBcc: {B}\n {B}\nX: y\n\nx\n".encode(), has=["X: y\n"], hasnt=["(?i)^bcc:", B])
row("-t of a resent message: only Resent fields", "-t", f"Resent-To: {A}\nResent-Bcc: {B}\nTo: c@example.net\nBcc: d@example.net\n\nx\n".encode(),
    to=(A, B), has=[f"Resent-To: {A}\n", "To: c@example.net\n", "Resent-Date: ", "Resent-Message-ID: <", f"Resent-From: {S}\n"],
    hasnt=["(?i)^(resent-)?bcc:"])
row("-t: the newest block of Resent fields", "-t",
    f"Resent-To: {A}\nResent-From: me\nReceived: x\nResent-To: {B}\nResent-From: you@example.net\nTo: c@example.net\n\nx\n".encode(), to=(A,))
row("-t: an address begins with '-'", "-t", b"To: -x@example.net\n\nx\n", to=("-x@example.net",))

# ------------------------------------------------------------------ the header

ADDED = [r"^Received: by host\.example \(po, from userid %d\)\n\tid [0-9A-Z]{26}; " % UID, r"\nDate: \w{3}, \d\d \w{3} \d{4} [\d:]{8} \+0000\n",
         r"\nMessage-ID: <[0-9A-Z]{26}@host\.example>\n", f"\nFrom: {S}\n"]
row("what is missing is added", [A], has=ADDED + ["\nSubject: x\n"], hasnt=["(?i)^(sender|x-authentication-warning|return-path|to):", r"\d+\.\d+\.\d+\.\d+"])
row("what is missing is added where there is no empty line", [A], b"Subject: x\n", body=b"", has=ADDED)
row("what is empty is as good as missing", [A], b"From:\nDate: \nMessage-Id:\nTo:\nSubject: x\n\nx\n", has=ADDED, hasnt=[r"(?i)^to:"])
row("what is there stays", [A], b"From: Me <me@example.org>\nDate: Fri, 21 Nov 1997 09:55:06 -0600\nmessage-id: <1@example.org>\n\nx\n",
    has=["From: Me <me@example.org>\nDate: Fri, 21 Nov 1997 09:55:06 -0600\nmessage-id: <1@example.org>\n$"])
row("addresses of the header are qualified", [A], b"From: joe\nTo: root, \"R\" <root> (x)\nReply-To: g: a;\nSubject: root\n\nx\n",
    has=["From: joe@example.org\n", r'To: root@example.org, "R" <root@example.org> \(x\)\n', "Reply-To: g: a@example.org;\n", "Subject: root\n"])
row("Return-Path goes", [A], b"Return-Path: <evil@example.net>\nSubject: x\n\nx\n", hasnt=["Return-Path", "evil"])
row("a From_ line goes, and means nothing", [A], b"From evil@example.net Fri Nov 21 09:55:06 1997\nSubject: x\n\nx\n", has=ADDED, hasnt=["evil", "1997"])
row("a >From_ line goes", [A], b">From evil Fri Nov 21 1997\nFrom evil\nSubject: x\n\nx\n", has=ADDED, hasnt=["evil"])
row("text without a header", [A], b"no header here\nsecond: line\n", body=b"no header here\nsecond: line\n", has=ADDED)
row("text behind the header without an empty line", [A], b"Subject: x\nno header here\nsecond line\n", has=["\nSubject: x\n"],
    body=b"no header here\nsecond line\n")
row("an empty line first", [A], b"\nSubject: y\n", body=b"Subject: y\n", hasnt=["Subject"])
row("an indented line first", [A], b" Subject: y\nTo: b\n", body=b" Subject: y\nTo: b\n", hasnt=["Subject"])
row("nothing on stdin", [A], b"", body=b"", has=ADDED)
row("a name of the environment is only a name", [A], sender=f"{UID}@example.org" if IS_ROOT else None,
    env={"NAME": "Joe, User", "LOGNAME": "root", "USER": "root", "MAIL_CONFIG": "/tmp", "TZ": ":/etc/passwd", "IFS": "x",
         "HOSTNAME": "evil.example", "MAILHOST": "evil.example"},
    has=[r'From: "Joe, User" <\S+@example\.org>\n', r"\+0000\n"], hasnt=["root", "evil"])
row("no -f: the real uid", [A], sender=f"{UID}@example.org" if IS_ROOT else None)
row("From is not the envelope sender", [A], b"From: boss@example.org\n\nx\n", sender=f"{UID}@example.org" if IS_ROOT else None)
row("a field of 100 kB, folded", [A], b"X-Long: " + b"word " * 20000 + b"\n\nx\n", has=[r"X-Long: (word[ \n]+){20000}"])
row("8-bit in the header", [A], b"Subject: gr\xfc\xdfe\n\nx\n", has=["Subject: gr\xfc\xdfe\n"], mail_options=["BODY=8BITMIME"])
refused("a header of 2 MB", [A], 65, "the header is larger than", b"X: " + b"y\n " * 700000 + b"\n")
refused("a header of 20,001 fields", [A], 65, "more than 20000 fields", b"X: y\n" * 20001)

# ------------------------------------------------------------------ lines and dots

for name, flags, stdin, body in (
        ("CRLF", "-i", b"a\r\nb\r\n", b"a\nb\n"), ("CRLF and LF mixed", "-i", b"a\r\nb\nc\r\n", b"a\nb\nc\n"),
        ("CR CR LF", "-i", b"a\r\r\nb\n", b"a\nb\n"), ("a lone CR is a blank", "-i", b"a\rb\n\rc\n", b"a b\n c\n"),
        ("a lone CR at the end", "-i", b"a\r", b"a\n"), ("NUL goes", "-i", b"a\0b\0\n\0", b"ab\n"),
        ("no final newline", "-i", b"x", b"x\n"), ("empty lines", "-i", b"\n\nx\n\n\n", b"\n\nx\n\n\n"),
        ("From at the beginning of a line", "-i", b"From here\n>From there\n", b"From here\n>From there\n"),
        ("blanks at the ends", "-i", b"  x  \n\t\n \n", b"  x  \n\t\n \n"), ("tabs and form feeds", "-i", b"\ta\fb\v\n", b"\ta\fb\v\n"),
        ("a line of 998", "-i", b"y" * 998 + b"\n", b"y" * 998 + b"\n"),
        ("a line of 999 is folded", "-i", b"y" * 999 + b"\n", b"y" * 998 + b"\n y\n"),
        ("a line of 5,000 is folded", "-i", b"y" * 5000, b"y" * 998 + b"\n" + 4 * (b" " + b"y" * 997 + b"\n") + b" " + b"y" * 14 + b"\n"),
        ("with -i a dot is a dot", "-i", b".\n..\n.x\n...\n", b".\n..\n.x\n...\n"),
        ("a lone dot ends", "-v", b"a\n.\nnever\n", b"a\n"), ("a lone dot ends, CRLF", "-v", b"a\r\n.\r\nnever\r\n", b"a\n"),
        ("a lone dot without its line end", "-v", b"a\n.", b"a\n"), ("a dot and a CR CR LF", "-v", b"a\n.\r\r\nnever\n", b"a\n"),
        ("a dot and a blank are text", "-v", b"a\n. \nb\n", b"a\n. \nb\n"), ("a dot behind a lone CR is text", "-v", b"a\r.\nb\n", b"a .\nb\n"),
        ("doubled dots are halved, others stay", "-v", b"..a\n.b\n...\n..\nx..\n", b".a\n.b\n..\n.\nx..\n"),
        ("smuggling", "-i", b"a\n.\r\nMAIL FROM:<e@x>\r\n\r.\r\r\n.\r\n", b"a\n.\nMAIL FROM:<e@x>\n .\n.\n"),
        ("UTF-8", "-i", "Gr\u00fc\u00dfe \U0001f4ee\n".encode(), "Gr\u00fc\u00dfe \U0001f4ee\n".encode())):
    row(name, [flags, A], HEADER + stdin, body=body)
row("CRLF in the header, as PHP", ["-ti"], f"To: {A}\r\nSubject: x\r\nX: a\n b\r\n\tc\n\r\nx\r\n".encode(), has=["\nX: a\n b\n\tc\n"])
row("a lone CR in a field hides no other field", [A], b"X: a\rBcc: b@example.net\n\nx\n", has=["X: a Bcc: b@example.net\n"])
row("NUL in a field", [A], b"X: a\0b\nS\0ubject: y\n\nx\n", has=["X: ab\n", "Subject: y\n"])
row("the dot ends also in the header", [A], b"Subject: x\n.\nTo: never\n\nx\n", body=b"", hasnt=["never"])
row("8-bit body without -B", ["-i", A], HEADER + b"\xfc\n", body=b"\xfc\n", mail_options=["BODY=8BITMIME"])
row("ASCII", ["-i", A], HEADER + b"u\n", body=b"u\n", mail_options=[])
row("as large as is taken", ["-i", A], HEADER + b"y" * 79 + (b"\n" + b"y" * 79) * 2400 + b"\n", body=b"y" * 79 + (b"\n" + b"y" * 79) * 2400 + b"\n")
refused("larger than is taken", ["-i", A], 65, f"{LIMIT} bytes .message_size_limit", HEADER + b"y" * LIMIT)

# ------------------------------------------------------------------ dangers

refused("-be '${run{...}}'", ["-be", "${run{/bin/touch /tmp/x}}"], 64, "-be")
refused("CR LF in -V", ["-V", "x\r\nRCPT TO:<e@x>", A], 65, "control")
row("CR LF in -N", ["-N", "never\r\nRCPT TO:<e@x>", A], says=r"warning: -N never\\x0d\\x0aRCPT", envelope=[], hasnt=["e@x"])
row("CR LF in -R and -B", ["-R", "full\r\nX", "-B", "7BIT\r\nX", A], says=r"warning: -R full\\x0d")
refused("CR LF in -f", ["-f", "s@example.org>\r\nRCPT TO:<e@x", A], 65, "address")
row("an expansion is text", ["-F", "${run{id}} $(id) `id` %n", A], has=[r"\$\{run\{id\}\} \$\(id\) `id` %n"])


# ------------------------------------------------------------------ all calls, one delivery

Outcome = collections.namedtuple("Outcome", "status stdout stderr files left arrived")


def call(po, r):
    before = {p.name for p in (po.spool / "drop").iterdir()}
    done = po.run(r.program, *map(os.fsdecode, r.args), input=r.stdin, env=r.env,
                  uid=UID if IS_ROOT else None)
    new = [p for p in (po.spool / "drop").iterdir() if p.name not in before]
    files = {p.name[2:]: message_file.read_envelope(p) for p in new if p.name.startswith("n.")}
    return Outcome(done.returncode, done.stdout, done.stderr, files, len(new), {})


@pytest.fixture(scope="module")
def outcomes(build, folder):
    po = Po(build, system=IS_ROOT)
    sink = Sink(folder / "interface-sink")
    try:
        po.configure(message_size_limit=LIMIT, uid_messages=0)
        po.setup().relay(sink.port)
        yield deliver(po, sink, {name: call(po, r) for name, r in ROWS.items()})
    finally:
        sink.stop()
        po.close()


def deliver(po, sink, made):
    po.queue("-p", "2")
    for m in sink.messages():
        assert not re.search(rb"(?<!\r)\n|\r(?!\n)|\0", m.content), "a bare CR, a bare LF or a NUL on the wire"
        queue_id = re.search(rb"\sid ([0-9A-Z]{26});", m.content)[1].decode()
        for outcome in made.values():
            if queue_id in outcome.files:
                outcome.arrived.setdefault(queue_id, []).append(m)
    return made


@pytest.mark.parametrize("name", ROWS)
def test_row(outcomes, name):
    wanted, got = ROWS[name], outcomes[name]
    assert got.status == wanted.status, got
    assert re.fullmatch(wanted.out, got.stdout), got.stdout
    line = "sendmail: [ -~]+\n" if got.status else "(sendmail: warning: [ -~]+\n)+"
    assert re.fullmatch(line if wanted.says else "", got.stderr) and re.search(wanted.says, got.stderr), got.stderr
    if wanted.to is None:
        assert (got.files, got.left) == ({}, 0)
        return
    (queue_id, envelope), = got.files.items()
    assert got.left == 1
    for line in wanted.envelope:
        assert line in envelope.splitlines(), envelope
    arrived = got.arrived[queue_id]
    assert sorted(r for m in arrived for r in m.recipients) == wanted.to
    header, _, body = arrived[0].content.replace(b"\r\n", b"\n").partition(b"\n\n")
    header = header.decode("latin-1") + "\n"
    assert wanted.sender is None or {m.sender for m in arrived} == {wanted.sender}
    assert body == wanted.body
    for pattern in wanted.has:
        assert re.search(pattern, header, re.M), f"{pattern} not in {header[:3000]}"
    for pattern in (*wanted.hasnt, "(?i)^bcc:"):
        assert not re.search(pattern, header, re.M), f"{pattern} in {header[:3000]}"
    assert set(wanted.mail_options) <= set(arrived[0].mail_options)
    if name == "ASCII":
        assert not set(arrived[0].mail_options) & {"BODY=8BITMIME", "SMTPUTF8"}


# ------------------------------------------------------------------ files

REFUSED_WITH_A_FILE = ("-X{}", "-X {}", "-D{}", "-D {}", "-M{}", "-M {}", "-Q{}", "-be{}", "-bt{}", "-bd -X{}", "-iX{}", "-P{}", "--log={}")
PASSED_WITH_A_FILE = ("-C{}", "-C {}", "-OQueueDirectory={}", "-O LogFile={}", "-oQ{}", "-oA{}", "-oX{}", "-oP{}", "-oS {}", "-d{}", "-p{}",
                      "-A{}", "-L{}", "-h{}", "-e{}", "-F{}", "-V{}", "-N{}", "-R{}", "-B{}")


def files_of(po, trace, args):
    """Calls that name a file, as strace wrote them; what loads the program aside."""
    done = subprocess.run(["strace", "-f", "-s", "4096", "-e", "trace=%file", "-o", str(trace), *po.command("sendmail", *args)],
                          input=MESSAGE, capture_output=True, env=po.environment(), timeout=60, **po._identity(None))
    calls = [line for line in trace.read_text().splitlines() if re.search(r"^\d+ +\w+\(", line)]
    return done, [line for line in calls if not re.search(r'execve\(|"(/etc/ld\.so|/lib|/usr/lib|/proc/self/exe)', line)]


@pytest.mark.parametrize("args", REFUSED_WITH_A_FILE)
def test_a_refused_flag_opens_nothing(po, args):
    """CVE-2016-10033 and its kin: neither the file it names nor any other."""
    canary = po.base / "canary"
    done, calls = files_of(po, po.base / "trace", [*args.format(canary).split(), A])
    assert done.returncode == 64 and calls == [] and not canary.exists(), (done, calls)


@pytest.mark.parametrize("args", PASSED_WITH_A_FILE)
def test_a_file_in_a_value_is_not_touched(po, args):
    canary = po.base / "canary"
    done, calls = files_of(po, po.base / "trace", [*args.format(canary).split(), A])
    assert done.returncode == 0 and calls and not canary.exists()
    assert [line for line in calls if str(canary) in line] == []


def test_an_unreadable_file_behind_C_is_not_told(po):
    secret = po.base / "secret"
    secret.write_text("the = password;\n")
    done = po.sendmail("-C", secret, A, input=MESSAGE)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
