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
RECORDS, SEEN, PLACES_BYTES, FRAMES_BYTES = 65536, 16384, 4 << 20, 8192  # as in inject.c
HEADER, RECORD = struct.Struct("=IIII"), struct.Struct("=12sI")
PLACES_AT = HEADER.size + RECORDS * RECORD.size + 4 * SEEN + 4
STATE_BYTES = PLACES_AT + PLACES_BYTES + FRAMES_BYTES
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
    "send": (("ECONNRESET", "short") + KILL, 2), "recvmsg": (KILL, 3), "malloc": (("ENOMEM",), 2), "calloc": (("ENOMEM",), 2), "realloc": (("ENOMEM",), 1),
}
MEMORY = ("malloc", "calloc", "realloc")
OURS = ("sendmail", "po-queue", "po-mail", "po-template")

Place = collections.namedtuple("Place", "call site functions")  # the functions around it, innermost first
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
        self.names = {}
        subprocess.run([os.environ.get("CC", "cc").split()[-1], "-shared", "-fPIC", "-O1", "-o", str(self.library), str(INJECT), "-ldl"],
                       check=True)
        become_reaper()

    def environment(self, at=None, after=None, whole=False, env=None):
        """Of a run that records, or has a fault; `whole`: all of po ends with the fault."""
        with self.state.open("wb") as f:
            f.truncate(STATE_BYTES)
        self.state.chmod(0o666)
        found = {**(env or {}), "PO_FAULT_STATE": str(self.state)}
        found["LD_PRELOAD"] = " ".join([str(self.library), *found.get("LD_PRELOAD", "").split()])
        if at is not None:
            found["PO_FAULT_AT"] = f"{at.call}:{at.site:x}:{at.n}:{at.how}"
        if after is not None:
            found["PO_FAULT_AFTER"] = f"{after.call}:{after.site:x}"
        if whole:
            found["PO_FAULT_ALL"] = "1"
        return found

    def name(self, frames):
        """{frame: [(function, file:line)]}, of a frame with inlined functions the innermost first."""
        unknown = collections.defaultdict(set)
        for frame in set(frames) - self.names.keys():
            module, _, offset = frame.rpartition("+")
            unknown[module].add(f"{int(offset, 16) - 1:#x}")  # a return address: the call is before it
            self.names[frame] = []
        for module, offsets in unknown.items():
            named = subprocess.run(["addr2line", "-afise", module, *offsets], capture_output=True, text=True)
            lines = iter(named.stdout.splitlines())
            for line in lines:
                if line.startswith("0x"):
                    at = self.names[f"{module}+{int(line, 16) + 1:#x}"]
                elif "?" not in line:
                    at.append((line, next(lines)))
                else:
                    next(lines)
        return self.names

    def places(self):
        """Where the calls of the last run without a fault came from, in the order of the first from each."""
        text = self.state.read_bytes()[PLACES_AT:PLACES_AT + PLACES_BYTES].partition(b"\0")[0].decode()
        rows = [line.split() for line in text.splitlines()]
        named = self.name(frame for row in rows for frame in row[2:] if "/inject.so+" not in frame)
        return [Place(row[0], int(row[1], 16), [f for frame in row[2:] for f, _ in named.get(frame, [])]) for row in rows]

    def frames(self):
        """Of the call that fired, innermost first: MODULE+0xOFFSET."""
        return self.state.read_bytes()[-FRAMES_BYTES:].split(b"\0")[0].decode().split()

    def where(self):
        """The same as source lines where they are known."""
        frames = self.frames()
        named = self.name(frames)
        return [" in ".join(f"{f} ({at})" for f, at in named[frame]) or frame.rpartition("/")[2] for frame in frames]

    def in_library(self):
        """Did the call that fired come from a library?"""
        frames = self.frames()
        return bool(frames) and os.path.basename(frames[0].rpartition("+")[0]) not in OURS

    def run(self, po, program, args, fault=None, input=b"", after=None, whole=False, env=None):
        """Run it and wait for all that descends from it."""
        child = subprocess.Popen(po.command(program, *args), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                 env=po.environment(**self.environment(fault, after, whole, env)), cwd="/", start_new_session=True,
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
