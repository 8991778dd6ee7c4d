# SPDX-License-Identifier: ISC
"""The programs under test and a spool of their own.

An own spool belongs to an ordinary user (OWNER when the tests run as root); a system spool belongs to the user po, and
is there for every uid of the machine. Everything lies below one folder that is removed at the end.
"""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile

from wait import wait_for

OWNER = 2100  # owns own spools when the tests run as root
IS_ROOT = os.geteuid() == 0
DEADLINE_S = 120

# Nov 24 06:00:00 host po/smtp[123]: ID: to=<a@b>, relay=..., delay=..., dsn=2.0.0, status=sent (...)
LINE = re.compile(r"^(\w{3} [ \d]\d \d\d:\d\d:\d\d) (\S+) po/(\w+)\[(\d+)\]: (.*)$")
RESULT = re.compile(r"^(?P<id>[0-9B-HJ-NP-TV-Z]{26}): to=<(?P<to>.*?)>, (?:orig_to=<.*?>, )?relay=(?P<relay>.*?), "
                    r".*?delay=(?P<delay>[\d.]+), .*?dsn=(?P<dsn>\d\.\d+\.\d+), status=(?P<status>\S+) \((?P<text>.*)\)$")


def libconfig(settings, depth=0):
    """A dict as libconfig text."""
    lines = []
    for name, value in settings.items():
        if isinstance(value, dict):
            text = "{\n" + libconfig(value, depth + 1) + "    " * depth + "}"
        elif isinstance(value, list):
            text = "( " + ", ".join("{\n" + libconfig(v, depth + 1) + "}" for v in value) + " )"
        elif isinstance(value, bool):
            text = "true" if value else "false"
        elif isinstance(value, int):
            text = str(value)
        else:
            text = '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'
        lines.append("    " * depth + f"{name} = {text};\n")
    return "".join(lines)


def spool_place():
    """Where spools are made: $PO_TEST_DIR, or memory where there is enough of it, for no test here needs a disk."""
    if "PO_TEST_DIR" in os.environ:
        return os.environ["PO_TEST_DIR"]
    try:
        v = os.statvfs("/dev/shm")
        return "/dev/shm" if v.f_bavail * v.f_frsize > 1 << 30 else "/var/tmp"
    except OSError:
        return "/var/tmp"


class Po:
    def __init__(self, build, system=False):
        self.build = pathlib.Path(build)
        self.system = system
        self.base = pathlib.Path(tempfile.mkdtemp(prefix="po-e2e-", dir=spool_place()))
        self.base.chmod(0o755)
        self.owner = None if system or not IS_ROOT else OWNER
        self.spool = self.base / "spool"
        self.config_file = self.base / "po.conf"
        self.log_file = self.base / "log" / "po.log"
        self.log_file.parent.mkdir()
        if not system and self.owner:
            os.chown(self.log_file.parent, self.owner, self.owner)
        self.settings = {}
        self.children = []
        if self.owner:
            os.chown(self.base, self.owner, self.owner)
        self.configure(spool=self.spool, hostname="host.example", domain="example.org",
                       log={"target": "file", "file": self.log_file, "level": "info"})

    # ---------------------------------------------------------------- configuration

    def configure(self, **settings):
        """Change settings (None takes one away) and write the file."""
        self.settings.update(settings)
        text = libconfig({k: v for k, v in self.settings.items() if v is not None})
        self.config_file.write_text(text)
        self.config_file.chmod(0o644)

    def relay(self, port, tls="none", **more):
        """Deliver by SMTP to a port of this host."""
        password = more.pop("password", None)
        relay = {"host": "localhost", "port": port, "tls": tls, **more}
        if password is not None:
            file = self.base / "password"
            file.write_text(password + "\n")
            file.chmod(0o600)
            if self.owner:
                os.chown(file, self.owner, self.owner)
            relay["password_file"] = file
        self.configure(transport="smtp", relay=relay)

    # ---------------------------------------------------------------- programs

    def environment(self, **more):
        return {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "PO_CONFIG": str(self.config_file), "TZ": "UTC",
                "LC_ALL": "C.UTF-8", "HOME": str(self.base), **more}

    def _identity(self, uid):
        uid = self.owner if uid is None else uid
        return {"user": uid, "group": uid, "extra_groups": []} if IS_ROOT and uid else {}

    def command(self, program, *args):
        return [str(self.build / program), *map(str, args)]

    def run(self, program, *args, uid=None, input=b"", env=None, timeout=DEADLINE_S, **more):
        """Run to the end; the result has returncode, stdout and stderr as text."""
        done = subprocess.run(self.command(program, *args), input=input, capture_output=True, timeout=timeout,
                              env=self.environment(**(env or {})), cwd="/", **self._identity(uid), **more)
        done.stdout = done.stdout.decode("utf-8", "surrogateescape")
        done.stderr = done.stderr.decode("utf-8", "surrogateescape")
        return done

    def installed_at(self):
        """The folder that the programs are configured for: sendmail looks for po-queue there."""
        place, = re.findall(rb"(/[\w./-]+)/po-queue\0", (self.build / "sendmail").read_bytes())
        return os.fsdecode(place)

    def installed_command(self, program, *args, uid=None):
        """The argv that runs it where the programs lie at that place."""
        place = self.installed_at()
        uid = self.owner if uid is None else uid
        become = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups"] if uid else []
        script = 'mount --bind "$1" "$2" && shift 2 && exec "$@"'
        return ["unshare", "-m", "sh", "-c", script, "sh", str(self.build), place, *become, f"{place}/{program}", *args]

    def run_installed(self, program, *args, uid=None, input=b""):
        return subprocess.run(self.installed_command(program, *args, uid=uid), input=os.fsdecode(input),
                              capture_output=True, text=True, timeout=DEADLINE_S, env=self.environment(), cwd="/")

    def setup(self):
        done = self.run("po-queue", "--setup", *([] if self.system else ["--user"]))
        assert done.returncode == 0, f"--setup: {done.stdout}{done.stderr}"
        if self.system:  # the log is the runner's, as in /var/log
            self.log_file.parent.chmod(0o755)
            shutil.chown(self.log_file.parent, "po", "po")
        return self

    def sendmail(self, *args, input=b"", **more):
        return self.run("sendmail", *args, input=input, **more)

    def submit(self, message, *args, uid=None):
        """Submit with -i and the arguments; must succeed silently."""
        done = self.sendmail("-i", *args, input=message, uid=uid)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), f"sendmail {args}: {done}"

    def queue(self, *args, ok=True, **more):
        done = self.run("po-queue", *args, **more)
        assert not ok or done.returncode == 0, f"po-queue {args}: {done.returncode} {done.stdout}{done.stderr}"
        return done

    def start(self, *args, program="po-queue", uid=None, env=None):
        """Start in the background, in a process group of its own, ended with the test if not before."""
        out = (self.base / f"out.{len(self.children)}").open("wb")
        child = subprocess.Popen(self.command(program, *args), stdin=subprocess.DEVNULL, stdout=out,
                                 stderr=subprocess.STDOUT, env=self.environment(**(env or {})), cwd="/",
                                 start_new_session=True, **self._identity(uid))
        out.close()
        child.output = lambda path=out.name: pathlib.Path(path).read_text(errors="replace")
        self.children.append(child)
        return child

    def processes(self, child):
        """The pids of a started program and of all that descend from it, parent first."""
        found, at = [child.pid], 0
        while at < len(found):
            try:
                for task in pathlib.Path(f"/proc/{found[at]}/task").glob("*/children"):
                    found += [int(pid) for pid in task.read_text().split()]
            except OSError:
                pass  # it ended meanwhile
            at += 1
        return found

    # ---------------------------------------------------------------- what can be seen

    def list(self, *args, untaken=False):
        """Every message that --list knows, as dicts; or those that lie in drop/."""
        text = self.queue("--list", "--json", *args).stdout
        return [m for m in map(json.loads, text.splitlines()) if (m["queue_name"] == "maildrop") == untaken]

    def list_all(self):
        """Finished ones too."""
        return self.list("--all")

    def log(self):
        return self.log_file.read_text(errors="surrogateescape") if self.log_file.exists() else ""

    def results(self, **wanted):
        """The log's lines about recipients, as dicts with id, to, relay, delay, dsn, status, text, tag, pid."""
        found = []
        for line in self.log().splitlines():
            outer = LINE.match(line)
            inner = outer and RESULT.match(outer[5])
            if inner:
                found.append({**inner.groupdict(), "tag": outer[3], "pid": int(outer[4])})
        return [r for r in found if all(r[k] == v for k, v in wanted.items())]

    def captured(self):
        """The messages in the capture Maildir, as bytes."""
        return [p.read_bytes() for p in sorted((self.spool / "capture" / "new").glob("*"))]

    def files(self, folder):
        """Message files below queue/ or done/."""
        return sorted(p for p in (self.spool / folder).glob("*/*") if p.is_file())

    def dropped(self):
        return sorted((self.spool / "drop").glob("n.*"))

    def is_connected(self, pid, port):
        """Has the process a connection to this port?"""
        remote = f":{port:04X}"
        sockets = set()
        for family in ("tcp", "tcp6"):
            rows = pathlib.Path(f"/proc/net/{family}").read_text().splitlines()[1:]
            sockets |= {f"socket:[{row.split()[9]}]" for row in rows if row.split()[2].endswith(remote)}
        for fd in pathlib.Path(f"/proc/{pid}/fd").glob("*"):
            try:
                if os.readlink(fd) in sockets:
                    return True
            except OSError:
                pass  # closed meanwhile
        return False

    # ---------------------------------------------------------------- the end

    def kill(self, child, whom=signal.SIGKILL):
        child.send_signal(whom)
        return child.wait(DEADLINE_S)

    def close(self):
        for child in self.children:
            if child.poll() is None:
                for pid in reversed(self.processes(child)):
                    try:
                        os.kill(pid, signal.SIGKILL)
                    except ProcessLookupError:
                        pass
                child.wait()
        shutil.rmtree(self.base)


def state_of(pid):
    """The kernel's letter for what a process does ("T" stopped, "Z" zombie), or "X" when it is gone."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return "X"


def gone(pids):
    """True when none of these processes runs any more (a zombie does not run)."""
    return all(state_of(pid) in "ZX" for pid in pids)


def wait_gone(pids, deadline_s=60):
    wait_for(lambda: gone(pids), f"processes {pids} end", deadline_s)
