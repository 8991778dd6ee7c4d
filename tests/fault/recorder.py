# SPDX-License-Identifier: ISC
"""A disk that writes down what is written to it.

Two things in one file: the plugin that nbdkit runs (nbdkit python recorder.py image=... log=...), and the tests' end,
which shows the image through FUSE as a file for a loop device.

The log is a row of records: when, by the monotonic clock, where, how many bytes, the bytes; a flush has no bytes. All
that was written before a flush was answered survives it; of what came later any part may.
"""
import collections
import os
import pathlib
import shutil
import struct
import subprocess
import time

API_VERSION = 2
RECORD = struct.Struct("=dQQ")
Write = collections.namedtuple("Write", "time offset data")  # data None: a flush

# ---------------------------------------------------------------- nbdkit's end

_settings = {}


def config(key, value):
    _settings[key] = value


def open(readonly):  # noqa: A001, nbdkit's name for it
    _settings["to"] = os.open(_settings["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    return os.open(_settings["image"], os.O_RDWR)


def get_size(fd):
    return os.fstat(fd).st_size


def pread(fd, space, offset, flags):
    os.preadv(fd, [space], offset)


def pwrite(fd, data, offset, flags):
    os.pwrite(fd, data, offset)
    os.writev(_settings["to"], [RECORD.pack(time.monotonic(), offset, len(data)), data])


def can_flush(fd):
    return True


def flush(fd, flags):
    os.write(_settings["to"], RECORD.pack(time.monotonic(), 0, 0))


# ---------------------------------------------------------------- the tests' end

def why_not():
    for program in ("nbdkit", "nbdfuse"):
        if shutil.which(program) is None:
            return f"no {program}"
    if not os.path.exists("/dev/fuse"):
        return "no /dev/fuse"
    if subprocess.run(["nbdkit", "--dump-plugin", "python"], capture_output=True).returncode != 0:
        return "no plugin python of nbdkit"
    return None


class Recorder:
    """While it is open, `device` is the image, and all writes to it are written down."""

    def __init__(self, folder, image):
        self.folder, self.log = pathlib.Path(folder) / "recorded", pathlib.Path(folder) / "writes"
        self.folder.mkdir()
        self.device = self.folder / "image"
        self.device.touch()
        self.process = subprocess.Popen(["nbdfuse", str(self.device), "--command", "nbdkit", "-s", "--exit-with-parent", "python",
                                         __file__, f"image={image}", f"log={self.log}"])
        end = time.monotonic() + 20
        while self.device.stat().st_size == 0:
            assert time.monotonic() < end and self.process.poll() is None, "nbdfuse shows no image"
            time.sleep(0.01)

    def close(self):
        subprocess.run(["umount", str(self.device)], check=True)
        self.process.wait(20)

    def writes(self):
        found, at = [], 0
        data = self.log.read_bytes()
        while at < len(data):
            when, offset, length = RECORD.unpack_from(data, at)
            at += RECORD.size
            found.append(Write(when, offset, data[at:at + length] if length else None))
            at += length
        return found
