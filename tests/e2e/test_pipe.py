# SPDX-License-Identifier: ISC
"""The transport pipe: what a command is given, what its end means, and that no address is an option of it."""
import os
import signal

import pytest

from po import IS_ROOT, OWNER, gone, state_of, wait_gone
from wait import wait_for

MESSAGE = b"From: s@example.org\nSubject: x\n\nhello\n"
HOUR = 3600


@pytest.fixture
def out(po):
    """A folder that commands may write to."""
    folder = po.base / "out"
    folder.mkdir()
    if IS_ROOT:
        os.chown(folder, OWNER, OWNER)
    return folder


def configure(po, script, *arguments, **more):
    """A shell script as the command."""
    command = po.base / "command"
    command.write_text("#!/bin/sh\n" + script)
    command.chmod(0o755)
    po.configure(transport="pipe", pipes=[{"name": "cmd", "command": " ".join([str(command), *arguments]), **more}])


def args_of(out, name="args"):
    return (out / name).read_bytes().decode().split("\n")[:-1]


def test_what_a_command_is_given(po, out):
    configure(po, f'printf "%s\\n" "$@" >{out}/args; cat >{out}/mail; env >{out}/env; pwd >{out}/pwd; id -u >{out}/uid; '
              f'ls /proc/self/fd | tr "\\n" " " >{out}/fds\n',
              "-f", "${sender}", "$user:$extension", "${mailbox}", "${domain}", "$nexthop", "--to=${recipient}", "$queue_id", "$size",
              flags="DFORhuB")
    po.submit(MESSAGE, "-f", "me@example.org", "Bob+Lists@Example.NET")
    po.queue("-p", "1")
    result, = po.results()
    assert (result["status"], result["dsn"], result["relay"]) == ("sent", "2.0.0", "pipe:cmd")
    args = args_of(out)
    assert args[:7] == ["-f", "me@example.org", "bob:lists", "bob+lists", "example.net", "example.net", "--to=Bob+Lists@Example.NET"]
    assert args[7] == result["id"]
    mail = (out / "mail").read_bytes()
    lines = mail.split(b"\n")
    assert lines[0].startswith(b"From me@example.org  ") and lines[1] == b"Return-Path: <me@example.org>"
    assert lines[2] == b"Delivered-To: Bob+Lists@Example.NET" and lines[3] == b"X-Original-To: Bob+Lists@Example.NET"
    content = mail.split(b"\n", 4)[4]
    assert content.endswith(MESSAGE[MESSAGE.index(b"\n\n"):] + b"\n") and len(content) - 1 == int(args[8])
    environment = dict(line.split("=", 1) for line in (out / "env").read_text().splitlines())
    assert set(environment) <= {"PATH", "PWD", "_", "SHLVL", "OLDPWD"}
    assert (out / "pwd").read_text() == "/\n"
    assert (out / "uid").read_text() == f"{OWNER if IS_ROOT else os.getuid()}\n", "as the user who runs po-queue"
    assert set((out / "fds").read_text().split()) <= {"0", "1", "2", "3"}


def test_no_flags_no_lines(po, out):
    configure(po, f"cat >{out}/mail\n")
    po.submit(MESSAGE, "-f", "me@example.org", "bob@example.net")
    po.queue("-p", "1")
    assert (out / "mail").read_bytes().splitlines()[0].startswith(b"Received:")


def test_each_recipient_has_a_run(po, out):
    configure(po, f'cat >{out}/"$1"; test "$1" != b || exit 67\n', "$user")
    po.submit(MESSAGE, "-N", "never", "a@example.net", "b@example.net", "c@example.net")
    po.queue("-p", "1")
    assert sorted((r["to"][0], r["status"]) for r in po.results()) == [("a", "sent"), ("b", "bounced"), ("c", "sent")]
    assert sorted(p.name for p in out.iterdir()) == ["a", "b", "c"]


EXITS = ((64, "5.3.0"), (65, "5.6.0"), (66, "5.3.0"), (67, "5.1.1"), (68, "5.1.2"), (69, "5.3.0"), (70, "5.3.0"), (71, "4.3.0"),
         (72, "5.3.0"), (73, "5.2.0"), (74, "4.3.0"), (75, "4.3.0"), (76, "5.5.0"), (77, "5.7.0"), (78, "5.3.5"), (1, "5.3.0"),
         (255, "5.3.0"))


def test_what_exit_statuses_mean(po, out):
    configure(po, 'echo "said $1"; exit $1\n', "$user")
    po.submit(MESSAGE, "-N", "never", *(f"{number}@example.net" for number, _ in EXITS))
    po.queue("-p", "1")
    got = {int(r["to"].partition("@")[0]): r for r in po.results()}
    for number, dsn in EXITS:
        assert got[number]["dsn"] == dsn, number
        assert got[number]["status"] == ("deferred" if dsn[0] == "4" else "bounced")
        assert got[number]["text"].endswith(f"(exit status {number}): said {number}")


def test_a_command_that_dies_or_is_missing_defers(po, out, shift_clock):
    configure(po, "kill -SEGV $$\n")
    po.submit(MESSAGE, "bob@example.net")
    po.queue("-p", "1")
    (po.base / "command").unlink()
    po.queue("-p", "1", env=shift_clock(HOUR))
    assert [(r["status"], r["dsn"]) for r in po.results()] == [("deferred", "4.3.0"), ("deferred", "4.3.5")]
    assert "signal 11" in po.results()[0]["text"] and "No such file" in po.results()[1]["text"]


def test_no_address_is_an_option(po, out):
    configure(po, f'printf "%s\\n" "$@" >>{out}/args\n', "-x", "$user", "$domain")
    hostile = ("-rf@example.net", "--help@example.net", "bob@-x")
    po.submit(MESSAGE, "-N", "never", "--", *hostile[:2], "fine-bob@example.net")
    po.queue("-p", "1")
    assert {(r["to"], r["status"], r["dsn"]) for r in po.results()} == {
        (hostile[0], "bounced", "5.1.3"), (hostile[1], "bounced", "5.1.3"), ("fine-bob@example.net", "sent", "2.0.0")}
    assert args_of(out) == ["-x", "fine-bob", "example.net"]


def test_behind_two_dashes_anything_goes(po, out):
    configure(po, f'printf "%s\\n" "$@" >{out}/args\n', "-t", "--", "$user")
    po.submit(MESSAGE, "--", "-rf@example.net")
    po.queue("-p", "1")
    assert args_of(out) == ["-t", "--", "-rf"]


def test_no_shell_sees_an_address(po, out):
    configure(po, f'printf "%s\\n" "$@" >{out}/args\n', "$mailbox", "${recipient}")
    po.submit(MESSAGE, '"$(touch pwned);`id` a b"@example.net')
    po.queue("-p", "1")
    assert args_of(out) == ["$(touch pwned);`id` a b", '"$(touch pwned);`id` a b"@example.net']


def test_the_null_sender(po, out):
    configure(po, f'printf "%s\\n" "$@" >{out}/args; cat >{out}/mail\n', "$sender", flags="FR")
    po.submit(MESSAGE, "-f", "<>", "bob@example.net")
    po.queue("-p", "1")
    assert args_of(out) == ["MAILER-DAEMON"]
    first, second = (out / "mail").read_bytes().split(b"\n")[:2]
    assert first.startswith(b"From MAILER-DAEMON  ") and second == b"Return-Path: <>"


def test_a_loop_is_found(po, out):
    configure(po, f"cat >{out}/mail\n", flags="D")
    po.submit(b"Delivered-To: Bob@example.net\n" + MESSAGE, "-N", "never", "bob@example.net")
    po.queue("-p", "1")
    result, = po.results()
    assert (result["status"], result["dsn"]) == ("bounced", "5.4.6") and not (out / "mail").exists()


@pytest.mark.parametrize("flags,action", (("", b"relayed"), ("X", b"delivered")))
def test_success_notices(po, out, flags, action):
    configure(po, "cat >/dev/null\n", flags=flags)
    po.configure(routes=[{"sender": "<>", "transport": "capture"}])
    po.submit(MESSAGE, "-N", "success", "-f", "me@example.org", "bob@example.net")
    po.queue("-p", "1")
    po.queue("-p", "1")
    notice, = po.captured()
    assert b"\nAction: " + action + b"\n" in notice


def test_the_time_limit_leaves_it_in_doubt(po, out):
    """It had all of the message, and may have done with it what it wanted."""
    configure(po, f"cat >{out}/mail; echo $$ >{out}/pid; sleep 1000\n", timeout="1s")
    po.submit(MESSAGE, "bob@example.net")
    po.queue("-p", "1")
    result, = po.results()
    assert result["status"] == "deferred" and "in doubt" in result["text"] and "time limit" in result["text"]
    assert po.list()[0]["in_doubt"] == 1
    assert gone([int((out / "pid").read_text())])


def test_a_command_that_reads_nothing_and_says_much(po, out):
    configure(po, "head -c 1000000 /dev/zero | tr '\\0' x; exit 75\n")
    po.submit(MESSAGE + b"y" * 900 + b"\n" * 200000, "bob@example.net")
    po.queue("-p", "1")
    result, = po.results()
    assert result["status"] == "deferred" and len(result["text"]) < 500


def test_a_killed_worker_leaves_it_in_doubt(po, out, shift_clock):
    """And the command had the whole message, however the worker died."""
    configure(po, f"cat >{out}/mail.$$; echo $$ >{out}/pid; while [ ! -e {out}/go ]; do sleep 0.05; done\n")
    po.submit(MESSAGE, "bob@example.net")
    runner = po.start("-p", "1")
    wait_for(lambda: (out / "pid").exists() and (out / "pid").read_text(), "the command runs")
    command = int((out / "pid").read_text())
    victim = int(next(line.split()[1] for line in open(f"/proc/{command}/status") if line.startswith("PPid:")))
    os.kill(victim, signal.SIGKILL)
    runner.wait(60)
    message, = po.list()
    assert (message["state"], message["in_doubt"]) == ("waiting", 1)
    (out / "go").touch()
    wait_gone([command])
    po.queue("-p", "1", env=shift_clock(HOUR))
    assert [m["state"] for m in po.list_all()] == ["sent"]
    first, second = (p.read_bytes() for p in out.glob("mail.*"))
    assert first == second and first.endswith(b"\n\nhello\n")


def test_sigterm_waits_for_the_command(po, out):
    configure(po, f"cat >{out}/mail; echo $$ >{out}/pid; while [ ! -e {out}/go ]; do sleep 0.05; done\n")
    po.submit(MESSAGE, "bob@example.net")
    runner = po.start("-p", "1")
    wait_for(lambda: (out / "pid").exists() and (out / "pid").read_text(), "the command runs")
    runner.send_signal(signal.SIGTERM)
    (out / "go").touch()
    assert runner.wait(60) == 0
    assert [(m["state"], m["in_doubt"]) for m in po.list_all()] == [("sent", 0)]
    assert state_of(int((out / "pid").read_text())) in "ZX"


def test_route_explains(po, out):
    configure(po, "exit 0\n", "-d", "$user", flags="DR", timeout="90s")
    lines = po.queue("--route", "bob@example.net").stdout.splitlines()
    for line in ("transport   pipe", "next hop    pipe:cmd", f"  command     {po.base}/command -d $user", "  flags       DR",
                 "  limits      one run within 90 s"):
        assert line in lines, lines


@pytest.mark.parametrize("pipe,complaint", (
    ({"command": "cat"}, "no absolute path"), ({"command": ""}, "no absolute path"), ({"command": "/bin/$user"}, "no absolute path"),
    ({"command": "/bin/cat $nobody"}, "no placeholder"), ({"command": "/bin/cat", "flags": "DQ"}, "only letters")))
def test_a_wrong_entry_is_refused(po, pipe, complaint):
    po.configure(transport="pipe", pipes=[{"name": "a", **pipe}])
    done = po.run("po-queue", "--check-config")
    assert done.returncode == 78 and complaint in done.stderr and f"{po.config_file}:" in done.stderr, done.stderr
