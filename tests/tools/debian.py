# SPDX-License-Identifier: ISC
"""Real servers without installing them: Debian's packages, fetched once and unpacked below a cache folder. A server runs in
mount and process namespaces of its own, where its tree is laid over /usr.
"""
import fcntl
import os
import pathlib
import shutil
import socket
import subprocess


def why_not():
    """The reason why they can't run here, or None."""
    if os.geteuid() != 0:
        return "needs root: they run in namespaces of their own"
    if not shutil.which("apt-get") or not shutil.which("dpkg"):
        return "needs Debian: they come from its packages"
    return None


def unpacked(name, packages):
    """The folder with the packages in it."""
    cache = pathlib.Path(os.environ.get("PO_TEST_CACHE", "/var/tmp/po-tests")) / name
    cache.parent.mkdir(parents=True, exist_ok=True)
    with (cache.parent / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (cache / "complete").exists():
            shutil.rmtree(cache, ignore_errors=True)
            (cache / "deb").mkdir(parents=True)
            run(["apt-get", "download", "-q", *packages], cwd=cache / "deb")
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
