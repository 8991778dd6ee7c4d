# SPDX-License-Identifier: ISC
"""The examples of the manual and of README, run as printed where po was just installed.

A mount namespace has /etc, /usr/local and /var/spool of its own, in which `make install` and `po-queue --setup` were run.
Of EXAMPLES in each page every command is run ("$ ": as an ordinary user, "# ": as root), and every other block says
before it, in a comment, what it is:

    .\\" file NAME            what a file of that name holds, for the commands that follow
    .\\" conf                 settings of po.conf
    .\\" crontab              lines of /etc/cron.d
    .\\" inetd                lines of inetd.conf
    .\\" program INTERPRETER  what a program has in it
"""
import os
import pathlib
import re
import subprocess

import pytest

import host
from caller import USER, need
from po import DEADLINE_S, IS_ROOT

TOP = pathlib.Path(__file__).resolve().parents[2]
PAGES = sorted(TOP.glob("man/*.[158]"))
WITH_EXAMPLES = [page for page in PAGES if ".Sh EXAMPLES" in page.read_text()]
OVERLAYS = ("/etc", "/usr/local", "/var/spool")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# what the examples take for granted
FILES = {
    "message": "To: a@example.com\nSubject: x\n\nx\n",
    "report.csv": "a,b\n1,2\n",
    "report.txt": "this month\n",
    "text.txt": "Hello {{ name }}, your order: {{ total }}\n",
    "order.json": '{"total": 9, "name": "Ana"}\n',
}
# what a program's example has before it
PRELUDES = {
    "python3": "import types\ncustomers = [types.SimpleNamespace(address=f'c{n}@example.com', name='C', id=n) for n in range(3)]\n",
    "php": "<?php $to = 'ana@example.com'; $order = ['total' => 9, 'name' => 'Ana'];\n",
}
EPILOGUES = {"python3": "", "php": "\nexit($queued ? 0 : 1);\n"}

pytestmark = pytest.mark.skipif(not IS_ROOT, reason="needs root: a view of the machine where po is installed")


class Root:
    """Such a view, kept by a process that waits in it."""

    def __init__(self, base):
        layers = "".join(f"mkdir -p /mnt/{n}/u /mnt/{n}/w && mount -t overlay -o "
                         f"lowerdir={folder},upperdir=/mnt/{n}/u,workdir=/mnt/{n}/w overlay {folder} && "
                         for n, folder in enumerate(OVERLAYS))
        self.home = base / "home"
        self.home.mkdir()
        self.holder = subprocess.Popen(["unshare", "--mount", "sh", "-c", f"mount -t tmpfs -o mode=755 tmpfs /mnt && {layers}"
                                        "echo ready && exec cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.holder.stdout.readline() == b"ready\n"

    def run(self, command, uid=None, **more):
        """A shell's command line."""
        become = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups"] if uid else []
        return subprocess.run(["nsenter", "-t", str(self.holder.pid), "--mount", f"--wd={self.home}", *become, "sh", "-c", command],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=DEADLINE_S,
                              env={"PATH": PATH, "HOME": str(self.home), "LC_ALL": "C.UTF-8", "TZ": "UTC"}, **more)

    def ok(self, command, uid=None):
        done = self.run(command, uid)
        assert done.returncode == 0, f"{command}: status {done.returncode}, {done.stdout}{done.stderr}"
        return done.stdout

    def write(self, name, text):
        path = self.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        for each in (path.parent, path):
            os.chown(each, USER, USER)

    def close(self):
        self.holder.stdin.close()
        self.holder.wait(DEADLINE_S)
        self.holder.stdout.close()


@pytest.fixture(scope="module")
def root(folder):
    reason = host.why_not()
    if reason:
        pytest.skip(reason)
    build = pathlib.Path(os.environ.get("PO_BUILD", os.getcwd())).resolve()
    base = folder / "manual"
    base.mkdir()
    root = Root(base)
    try:
        os.chown(root.home, USER, USER)
        root.ok(f"make -C {build} install")
        # where the pages say that things are, and where the default prefix puts them
        root.ok("mkdir -p /usr/local/etc/po /etc/po /var/spool/po && mount --bind /usr/local/etc/po /etc/po")
        root.ok("po-queue --setup && mount --bind /usr/local/var/spool/po /var/spool/po")
        for name, text in FILES.items():
            root.write(name, text)
        for name in ("order", "news"):
            root.ok(f"po-template add {name} --subject 'Order {{{{ total }}}}' --text text.txt")
        yield root
    finally:
        root.close()


def blocks(page):
    """EXAMPLES as (kind, argument, text): what a comment says of it, or "command" with its prompt."""
    text = page.read_text()
    text = text[text.index(".Sh EXAMPLES"):]
    text = text[:text.index(".Sh ", 4)].replace("\\e", "\\").replace("\\(dq", '"').replace("\\-", "-").replace("\\&", "")
    marker = None
    for comment, line, block in re.findall(r'^\.\\" ([^\n]*)$|^\.Dl ([^\n]*)$|^\.Bd [^\n]*\n(.*?)^\.Ed$', text, re.M | re.S):
        if comment:
            marker = comment.split()
            continue
        if re.match(r"[$#] ", line or block):
            for command in re.split(r"\n(?=[$#] )", line or block):
                yield "command", command[0], command[2:]
        else:
            assert marker, f"{page.name}: what is this?\n{line or block}"
            yield marker[0], marker[1] if len(marker) > 1 else None, line or block
        marker = None


def run_command(root, prompt, command):
    """As it stands, but for an id and a month, which are those of now."""
    if "po-queue --show" in command:
        root.ok("echo x | sendmail a@example.com; po-queue --ingest")
        found = re.search(r"\b[0-9B-HJ-NP-TV-Z]{26}\b", root.ok("po-queue --list"))
        command = re.sub(r"\b[0-9B-HJ-NP-TV-Z]{26}\b", found[0], command)
    if "/history/" in command:
        root.ok("echo x | sendmail user@example.com; po-queue -p 1")
        command = re.sub(r"/history/\d{6}\*", root.ok("date +/history/%Y%m").strip() + "*", command)
    if "/queue" in command and "grep" in command:
        root.ok("printf 'X-PO-Schedule: +1h\\n\\nx\\n' | sendmail user@example.com; po-queue --ingest")
    root.ok(command, USER if prompt == "$" else None)


def run_crontab(root, text):
    for line in text.splitlines():
        *when, user, command = line.split(None, 6)
        assert len(when) == 5 and all(re.fullmatch(r"[\d*/,-]+", field) for field in when), line
        root.ok(f"su -s /bin/sh {user} -c '{command}'" if user != "root" else command)


def run_conf(root, text):
    root.ok("test -e /etc/po/password || install -o po -g po -m 0600 /dev/null /etc/po/password")
    root.write("some.conf", text)
    root.ok("PO_CONFIG=$PWD/some.conf po-queue --check-config")


def run_inetd(text):
    for line in text.splitlines():
        address, kind, protocol, wait, _, program, *argv = line.split()
        assert (kind, protocol, wait) == ("stream", "tcp", "nowait") and address.startswith("127.0.0.1:"), line
        assert argv[0] == os.path.basename(program) and argv[1:] == ["-bs"]


def run_program(root, interpreter, text):
    need(interpreter)
    root.write("program", PRELUDES[interpreter] + text + EPILOGUES[interpreter])
    root.ok(f"{interpreter} program", USER)


@pytest.mark.parametrize("page", WITH_EXAMPLES, ids=[page.name for page in WITH_EXAMPLES])
def test_the_examples_of_a_page_run_as_printed(root, page):
    found = list(blocks(page))
    assert found
    for kind, argument, text in found:
        if kind == "command":
            run_command(root, argument, text)
        elif kind == "file":
            root.write(argument, text)
        elif kind == "crontab":
            run_crontab(root, text)
        elif kind == "conf":
            run_conf(root, text)
        elif kind == "inetd":
            run_inetd(text)
        else:
            assert kind == "program"
            run_program(root, argument, text)


# What README shows and this test does not run, and why.
NOT_RUN = {
    "sh etc/quickstart.sh": "builds",
    "sh tests/run.sh": "runs this test",
    "autoreconf -fi": "builds",
    "./configure --prefix=/usr --sysconfdir=/etc --localstatedir=/var": "builds",
    "make": "builds",
    "make check": "builds",
    "make install": "has been run",
    "po-queue --watch -p 4": "stays",
}


def readme_commands():
    """Indented lines that begin like a command; what explains them stands behind two blanks."""
    text = re.sub(r"\\\n\s+", "", (TOP / "README").read_text())
    for line in re.findall(r"^    (\S.*)$", text, re.M):
        command = re.split(r"  +", line)[0]
        if re.match(r"(sh|autoreconf|\./configure|make|po-\w+|printf|install|sendmail|mailq)( |$)", command):
            yield from command.split(", ")


def test_what_readme_shows_runs_as_printed(root):
    commands = list(readme_commands())
    assert set(NOT_RUN) <= set(commands) and len(commands) > len(NOT_RUN) + 6
    for command in commands:
        if command not in NOT_RUN:
            root.ok(command)


def test_mail_arrives_in_the_default_installation(root):
    """Nothing leaves the host: it is captured. The spool lies on an overlay, as in containers, whose files are not on the
    device of its folders."""
    assert root.ok("stat -f -c %T /var/spool/po/drop").strip() == "overlayfs"
    root.ok("printf 'To: joe@example.com\\nSubject: hello\\n\\nunusual words\\n' | sendmail -t -i", USER)
    root.ok("po-queue -p 4")
    assert root.ok("grep -rl 'unusual words' /var/spool/po/capture/new").count("\n") == 1
    assert "capture" in root.ok("po-queue --check-config")


@pytest.mark.parametrize("name", ["sendmail", "mailq", "newaliases", "/usr/local/lib/sendmail", "/usr/local/bin/mailq"])
def test_each_name_is_found_and_does_its_job(root, name):
    if name.endswith("mailq"):
        assert re.search(r"Mail queue is empty|Kbytes in \d+ Request", root.ok(name, USER))
    elif name.endswith("newaliases"):
        root.ok(name)
    else:
        root.ok(f"echo x | {name} a@example.com", USER)


@pytest.mark.parametrize("name", ["sendmail", "mailq", "newaliases"])
def test_each_name_has_a_page(root, name):
    need("mandoc")
    text = root.ok(f"MANPATH=/usr/local/share/man man {name} 2>/dev/null || mandoc $(find /usr/local/share/man -name '{name}.[18]')")
    assert re.search(rf"NAME\n.*\b{name}\b", re.sub(r".\x08", "", text))
