# SPDX-License-Identifier: ISC
"""Runs a program with one fault in it, at every place where a fault can be.

The places are found by a run that only records them: see inject.c, which does the failing and the killing.
"""
import collections
import ctypes
import os
import pathlib
import random
import struct
import subprocess
import time

INJECT = pathlib.Path(__file__).with_name("inject.c")
RECORDS, FRAMES_BYTES = 65536, 8192
HEADER, RECORD = struct.Struct("=IIII"), struct.Struct("=12sI")
PR_SET_CHILD_SUBREAPER = 36
RUN_LIMIT_S = 40

SEED = int(os.environ.get("PO_TEST_SEED", "20261124"))
IS_LONG = bool(os.environ.get("PO_TEST_LONG"))
TIMES = int(os.environ.get("PO_TEST_FAULTS", "1"))  # a larger sample: so many times as many

# How each call may fail, and how often it is drawn for a sample (memory has by far the most sites).
DISK, KILL = ("EIO", "ENOSPC", "EDQUOT"), ("kill",)
WAYS = {
    "write": (DISK + ("short", "tear") + KILL, 4), "pwrite": (DISK + ("short", "tear") + KILL, 6),
    "writev": (DISK + ("short", "tear") + KILL, 4), "read": (("EIO", "short") + KILL, 2), "pread": (("EIO", "short") + KILL, 3),
    "fsync": (DISK + KILL, 4), "fdatasync": (DISK + KILL, 4), "syncfs": (DISK + KILL, 5), "msync": (DISK + KILL, 1),
    "ftruncate": (DISK + KILL, 1), "fchmod": (("EIO",) + KILL, 1), "mkdirat": (DISK + KILL, 1),
    "renameat": (DISK + KILL, 4), "renameat2": (DISK + KILL, 4), "linkat": (DISK + KILL, 4), "unlinkat": (("EIO",) + KILL, 3),
    "openat": (DISK + ("EMFILE", "ENOMEM") + KILL, 4), "openat2": (("EIO", "EMFILE") + KILL, 2),
    "open": (("EIO", "EMFILE") + KILL, 1), "mmap": (("ENOMEM",), 1), "fork": (("EAGAIN", "ENOMEM") + KILL, 1),
    "socketpair": (("EMFILE", "ENOMEM"), 1), "pipe2": (("EMFILE",), 1), "sendmsg": (("ENOBUFS",) + KILL, 4),
    "recvmsg": (KILL, 3), "malloc": (("ENOMEM",), 2), "calloc": (("ENOMEM",), 2), "realloc": (("ENOMEM",), 1),
}
MEMORY = ("malloc", "calloc", "realloc")
OURS = ("sendmail", "po-queue", "po-mail", "po-template")

Fault = collections.namedtuple("Fault", "call site n how")
Outcome = collections.namedtuple("Outcome", "status output fired in_library")


def become_reaper():
    """Orphans of a killed runner become children of this process, so that their end can be awaited."""
    assert ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0


def wait_group(group, deadline):
    """Until every process of this group has ended."""
    while True:
        try:
            pid, _ = os.waitpid(-group, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            assert time.monotonic() < deadline, "processes of the run do not end"
            time.sleep(0.002)


class Injector:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.library = self.folder / "inject.so"
        self.state = self.folder / "fault.state"
        subprocess.run([os.environ.get("CC", "cc").split()[-1], "-shared", "-fPIC", "-O1", "-o", str(self.library), str(INJECT), "-ldl"],
                       check=True)
        become_reaper()

    def environment(self, at=None):
        with self.state.open("wb") as f:
            f.truncate(HEADER.size + RECORDS * RECORD.size + FRAMES_BYTES)
        self.state.chmod(0o666)
        more = {} if at is None else {"PO_FAULT_AT": f"{at.call}:{at.site:x}:{at.n}:{at.how}"}
        return {"LD_PRELOAD": str(self.library), "PO_FAULT_STATE": str(self.state), **more}

    def frames(self):
        """Of the call that fired, innermost first: MODULE+0xOFFSET."""
        return self.state.read_bytes()[-FRAMES_BYTES:].split(b"\0")[0].decode().split()

    def where(self):
        """The same as source lines where they are known."""
        found = []
        for frame in self.frames():
            module, _, offset = frame.rpartition("+")
            offset = f"{int(offset, 16) - 1:#x}"  # a return address: the call is before it
            named = subprocess.run(["addr2line", "-fse", module, offset], capture_output=True, text=True)
            lines = named.stdout.split("\n") if named.returncode == 0 else ["??", ""]
            found.append(f"{lines[0]} ({lines[1]})" if "?" not in lines[0] else frame.rpartition("/")[2])
        return found

    def in_library(self):
        """Did the call that fired come from a library?"""
        frames = self.frames()
        return bool(frames) and os.path.basename(frames[0].rpartition("+")[0]) not in OURS

    def run(self, po, program, args, fault=None, input=b""):
        """Run it and wait for all that descends from it."""
        child = subprocess.Popen(po.command(program, *args), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                 env=po.environment(**self.environment(fault)), cwd="/", start_new_session=True,
                                 **po._identity(None))
        deadline = time.monotonic() + RUN_LIMIT_S
        try:
            output, _ = child.communicate(input, timeout=RUN_LIMIT_S)
            wait_group(child.pid, deadline)
        except (subprocess.TimeoutExpired, AssertionError):
            os.killpg(child.pid, 9)
            child.wait()
            raise AssertionError(f"{fault}: {program} {args} does not end within {RUN_LIMIT_S} s: {self.where()}") from None
        calls, met, fired, _ = HEADER.unpack_from(self.state.read_bytes())
        return Outcome(child.returncode, output.decode(errors="replace"), bool(fired), self.in_library())

    def sites(self):
        """{(call, site): how often} of the last run without a fault."""
        data = self.state.read_bytes()
        calls = HEADER.unpack_from(data)[0]
        assert calls <= RECORDS, "more calls than are recorded: use less work"
        found = collections.Counter()
        for i in range(calls):
            call, site = RECORD.unpack_from(data, HEADER.size + i * RECORD.size)
            found[call.rstrip(b"\0").split(b"\0")[0].decode(), site] += 1
        return found


def every_fault(sites):
    """Each way to fail at each site, at its first call and at its last."""
    found = []
    for (call, site), times in sorted(sites.items()):
        for how in WAYS[call][0]:
            found += [Fault(call, site, n, how) for n in sorted({1, times} if call not in MEMORY else {1})]
    return found


def sample(sites, count, name):
    """So many of them: a kind of call by its weight, a site of it, one of its calls, a way to fail."""
    draw = random.Random(f"{SEED} {name}")
    by_call = collections.defaultdict(list)
    for (call, site), times in sorted(sites.items()):
        by_call[call].append((site, times))
    calls = sorted(by_call)
    found = []
    for call in draw.choices(calls, [WAYS[c][1] for c in calls], k=count):
        site, times = draw.choice(by_call[call])
        found.append(Fault(call, site, draw.randint(1, times), draw.choice(WAYS[call][0])))
    return found


def faults(sites, count, name):
    return every_fault(sites) if IS_LONG else sample(sites, count * TIMES, name)
