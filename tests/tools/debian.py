# SPDX-License-Identifier: ISC
"""Real servers without installing them: Debian's packages, fetched once and unpacked below a cache folder. A server runs in
mount and process namespaces of its own, where its tree is laid over /usr, and its users exist only there.
"""
import fcntl
import os
import pathlib
import shutil
import signal
import socket
import subprocess

from wait import wait_for


def why_not():
    """The reason why they can't run here, or None."""
    if os.geteuid() != 0:
        return "needs root: they run in namespaces of their own"
    if not shutil.which("apt-get") or not shutil.which("dpkg"):
        return "needs Debian: they come from its packages"
    return None


class NotToBeHad(Exception):
    """A package can't be fetched."""


def unpacked(name, packages):
    """The folder with the packages in it."""
    cache = pathlib.Path(os.environ.get("PO_TEST_CACHE", "/var/tmp/po-tests")) / name
    cache.parent.mkdir(parents=True, exist_ok=True)
    with (cache.parent / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (cache / "complete").exists():
            shutil.rmtree(cache, ignore_errors=True)
            (cache / "deb").mkdir(parents=True)
            try:
                run(["apt-get", "download", "-q", *packages], cwd=cache / "deb")
            except AssertionError as error:
                raise NotToBeHad(error) from None
            for package in (cache / "deb").glob("*.deb"):
                run(["dpkg", "-x", str(package), str(cache / "tree")])
            (cache / "complete").touch()
    return cache / "tree"


def run(command, **kwargs):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, **kwargs)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def greets(port):
    """Does a server of this port of loopback say that it is there?"""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as s:
            return s.recv(100).startswith(b"220 ")
    except OSError:
        return False


START = """\
set -e
mount --make-rprivate /
mount -t proc proc /proc
mount -t overlay overlay -o lowerdir="$1/usr:/usr" /usr
mount -t overlay overlay -o lowerdir="$2/etc:/etc" /etc
{mounts}
exec {command}
"""


class Server:
    """One of them. A class of it has PACKAGES, USERS (name to number) and COMMAND; MOUNTS are lines of shell before that, where
    $2 is the folder. lay_out() writes the rest of the folder: what it has below etc/ stands in /etc.
    """

    MOUNTS = ""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.port = free_port()
        tree = unpacked(type(self).__name__.lower(), self.PACKAGES)
        (self.folder / "etc").mkdir(parents=True)
        passwd, group = (pathlib.Path(f).read_text() for f in ("/etc/passwd", "/etc/group"))
        own = tuple(f"{name}:" for name in self.USERS)
        passwd, group = ([line + "\n" for line in text.splitlines() if not line.startswith(own)] for text in (passwd, group))
        for name, number in self.USERS.items():
            passwd.append(f"{name}:x:{number}:{number}::/nonexistent:/bin/sh\n")
            group.append(f"{name}:x:{number}:\n")
        (self.folder / "etc" / "passwd").write_text("".join(passwd))
        (self.folder / "etc" / "group").write_text("".join(group))
        self.lay_out()
        script = START.format(mounts=self.MOUNTS, command=self.COMMAND)
        self.process = subprocess.Popen(
            ["unshare", "-m", "-p", "-f", "--kill-child", "sh", "-c", script, "sh", str(tree), str(self.folder)],
            stdin=subprocess.DEVNULL, stdout=(self.folder / "out").open("w"), stderr=subprocess.STDOUT)
        try:
            wait_for(lambda: greets(self.port), f"{type(self).__name__} answers", 90)
        except AssertionError as e:
            self.stop()
            raise AssertionError(f"{e}\n{self.log()}") from None

    def folder_of(self, user, *names):
        """Make folders that belong to a user."""
        for name in names:
            (self.folder / name).mkdir(parents=True)
            os.chown(self.folder / name, self.USERS[user], self.USERS[user])

    def log(self):
        return "".join(p.read_text(errors="replace") for p in (self.folder / "out", *(self.folder / "log").glob("*")))

    def messages(self):
        """All that arrived, as bytes."""
        return [p.read_bytes() for p in sorted((self.folder / "maildir" / "new").glob("*"))]

    def stop(self):
        # The first process of the namespace takes all others with it.
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        for pid in children.read_text().split() if children.exists() else []:
            os.kill(int(pid), signal.SIGKILL)
        self.process.kill()
        self.process.wait()
