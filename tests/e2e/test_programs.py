# SPDX-License-Identifier: ISC
"""What every program owes: --help, --version, exit codes, and the few libraries of sendmail."""
import re
import subprocess

import pytest

PROGRAMS = ("sendmail", "po-queue", "po-template")


@pytest.mark.parametrize("program", PROGRAMS)
def test_help_and_version(po, program):
    done = po.run(program, "--version")
    assert done.returncode == 0 and re.match(r"^\S+ \(?po\)? ?\d+\.\d+|^\S+ .*\d+\.\d+", done.stdout) and not done.stderr
    done = po.run(program, "--help")
    assert done.returncode == 0 and not done.stderr
    assert re.search(r"usage: " + program, done.stdout, re.I)


@pytest.mark.parametrize("program,args", (("po-queue", ("--no-such-option",)), ("po-queue", ("-p", "0")),
                                          ("po-queue", ("-p", "x")), ("po-queue", ("--only", "nonsense")), ("po-queue", ("--hold", "nonsense")),
                                          ("po-queue", ("stray",)), ("sendmail", ("-X/tmp/x", "a@b.example")),
                                          ("sendmail", ()), ("po-template", ()), ("po-template", ("stray",)),
                                          ("po-template", ("render",)), ("po-template", ("check", "--no-such-option")),
                                          ("po-template", ("check", "--template-file", "x", "--autoescape", "maybe"))))
def test_wrong_use_is_64_and_one_line(po, program, args):
    done = po.run(program, *args)
    assert done.returncode == 64 and done.stdout == ""
    assert done.stderr.count("\n") in (1, 2) and done.stderr.startswith(f"{program}: ")


def test_sendmail_links_libc_and_libconfig_only(build):
    """What the linker was asked for; a sanitizer's own libraries aside. Nothing is left to load where it is static."""
    out = subprocess.run(["readelf", "-d", str(build / "sendmail")], capture_output=True, text=True, check=True).stdout
    needed = set(re.findall(r"\(NEEDED\).*\[(.*?)\]", out))
    assert {n.split(".so")[0] for n in needed} - {"libasan", "libubsan"} in ({"libc", "libconfig"}, set()), needed


def test_before_the_first_run_all_figures_are_nought(po):
    status, stats = po.queue("--status").stdout, po.queue("--stats", "--prometheus").stdout
    assert status.startswith("runner: none\nwaiting: 0 messages, 0 bytes\n")
    assert 'po_messages{state="waiting"} 0\n' in stats and "po_runner_up 0\n" in stats
    show = po.queue("--show", "01L9Y5T4T8M6W2Q0Z7XK4N3C1D", ok=False)
    assert show.returncode == 65 and "no such message" in show.stderr
    po.submit(b"Subject: s\n\nx\n", "a@example.net")
    po.queue("--ingest")
    assert "waiting: 1 messages" in po.queue("--status").stdout


def test_setup_is_idempotent(po):
    before = sorted((str(p.relative_to(po.spool)), oct(p.stat().st_mode), p.stat().st_uid) for p in po.spool.rglob("*"))
    po.submit(b"Subject: x\n\nx\n", "a@example.net")
    po.setup()
    assert len(po.dropped()) == 1
    po.queue()
    assert len(po.captured()) == 1
    assert before


def test_the_system_spool_has_the_modes_of_the_layout(system_po):
    po = system_po
    import grp
    import pwd
    user, group = pwd.getpwnam("po"), grp.getgrnam("po")
    assert group.gr_mem == [] and user.pw_gid == group.gr_gid

    def seen(name):
        st = (po.spool / name).stat()
        return st.st_uid, st.st_gid, oct(st.st_mode & 0o7777)
    assert (po.spool.stat().st_uid, oct(po.spool.stat().st_mode & 0o7777)) == (0, "0o755")
    assert seen("drop") == (user.pw_uid, group.gr_gid, "0o3733")
    for name in ("queue", "done", "index", "history", "bad", "trash", "run"):
        assert seen(name) == (user.pw_uid, group.gr_gid, "0o700"), name
    assert seen("public") == (user.pw_uid, group.gr_gid, "0o755")
    check = po.queue("--check", ok=False)
    assert check.returncode == 0, check.stdout + check.stderr
    # No program needs a set-id bit, and nothing in the spool but drop/ has one.
    assert [p for p in po.spool.rglob("*") if p.stat().st_mode & 0o6000] == [po.spool / "drop"]


def test_any_uid_adds_to_drop_and_nobody_reads_it(system_po):
    po = system_po
    po.submit(b"Subject: x\n\nx\n", "a@example.net", uid=2001)
    for command in (["ls", f"{po.spool}/drop"], ["cat", str(po.dropped()[0])], ["rm", "-f", str(po.dropped()[0])],
                    ["ls", f"{po.spool}/queue"]):
        done = subprocess.run(command, capture_output=True, user=2002, group=2002, extra_groups=[])
        assert done.returncode != 0, command
    assert len(po.dropped()) == 1
    assert oct(po.dropped()[0].stat().st_mode & 0o777) == "0o640"
