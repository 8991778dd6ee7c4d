# SPDX-License-Identifier: ISC
"""File systems on loop devices, in a mount namespace of the tests' own: nothing of them is seen outside, nothing is left.

A Disk lies in an image file. What the kernel has not written there is what a power cut loses: cut() goes on with the
image as it is.
"""
import ctypes
import os
import pathlib
import shutil
import subprocess
import tempfile
import uuid

from po import spool_place

CLONE_NEWNS = 0x20000
MIB = 1 << 20
BOOT_ID = "/proc/sys/kernel/random/boot_id"

# What makes one, its smallest size here, and what keeps the kernel from writing by itself.
KINDS = {
    "ext4": (["mkfs.ext4", "-q", "-F", "-m", "0"], 24 * MIB, "noatime,commit=600"),
    "xfs": (["mkfs.xfs", "-q", "-f"], 300 * MIB, "noatime"),
    "btrfs": (["mkfs.btrfs", "-q", "-f", "-M"], 110 * MIB, "noatime,commit=600"),
}


def _call(*argv):
    done = subprocess.run([str(a) for a in argv], capture_output=True, text=True)
    assert done.returncode == 0, f"{argv}: {done.stderr}"
    return done.stdout.strip()


_namespace = {}


def why_not(kind="ext4"):
    """None, or why there can be no such disk here. The first call enters the namespace."""
    if kind not in _namespace:
        _namespace[kind] = _try(kind)
    return _namespace[kind]


def _try(kind):
    if os.geteuid() != 0:
        return "needs root: file systems on loop devices"
    maker = KINDS[kind][0][0]
    if shutil.which(maker) is None:
        return f"no {maker}"
    if "entered" not in _namespace:
        if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNS) == -1:
            return f"no mount namespace: {os.strerror(ctypes.get_errno())}"
        subprocess.run(["mount", "--make-rprivate", "/"], check=True)
        _namespace["entered"] = None
    with tempfile.TemporaryDirectory(dir=spool_place()) as folder:
        at = pathlib.Path(folder) / "at"
        at.mkdir()
        try:
            Disk(pathlib.Path(folder) / "image", at, kind).unmount()
        except (AssertionError, OSError) as e:
            return f"no {kind} on a loop device: {e}"
    return None


def new_boot():
    """From now on the kernel seems to have been started anew."""
    if "boot" not in _namespace:
        with tempfile.NamedTemporaryFile(dir="/dev/shm") as f:
            os.chmod(f.name, 0o644)
            _call("mount", "--bind", f.name, BOOT_ID)
        _namespace["boot"] = None
    pathlib.Path(BOOT_ID).write_text(f"{uuid.uuid4()}\n")


class Disk:
    def __init__(self, image, at, kind="ext4", size=None, options=()):
        """Made and mounted at `at`, which keeps its owner and mode; `options` are the maker's."""
        self.image, self.at, self.kind = pathlib.Path(image), pathlib.Path(at), kind
        self.source = self.image
        make, least, self.options = KINDS[kind]
        was = self.at.stat()
        with self.image.open("wb") as f:
            f.truncate(size or least)
        _call(*make, *options, self.image)
        self.mount()
        lost_and_found = self.at / "lost+found"
        if lost_and_found.exists():
            lost_and_found.rmdir()
        os.chown(self.at, was.st_uid, was.st_gid)
        self.at.chmod(was.st_mode & 0o7777)
        self.settle()

    def mount(self, more=""):
        _call("mount", "-t", self.kind, "-o", ",".join(filter(None, [self.options, more, "loop"])), self.source, self.at)

    def unmount(self):
        _call("umount", self.at)

    def settle(self):
        """All of it reaches the image."""
        self.unmount()
        self.mount()

    def copy(self, to):
        _call("cp", "--sparse=always", self.image, to)

    def load(self, copy):
        _call("cp", "--sparse=always", copy, self.image)

    def cut(self):
        """The power fails now, and comes back: another boot."""
        found = self.image.with_suffix(".cut")
        self.copy(found)
        self.unmount()
        found.rename(self.image)
        self.mount()
        new_boot()

    def close(self):
        subprocess.run(["umount", "-l", str(self.at)], capture_output=True)
        self.image.unlink(missing_ok=True)
