# SPDX-License-Identifier: ISC
"""Every call that can fail fails, and the process is killed at it: nothing is lost, doubled, or sent though refused.

A sample, drawn by $PO_TEST_SEED (printed), or with $PO_TEST_LONG every site, its first call and its last, in every way.
"""
import os
import re
import shutil
import subprocess

import pytest

import judge
import sweep
from po import wait_gone

SCENARIOS = {}
# What a program may end with when the system fails it (sysexits.h; 1 and 2: the answers of --check; 66: its standard
# input cannot be read; 73: the log file of the configuration cannot be written).
STATUSES = {0, 1, 2, 66, 71, 73, 74, 75, 78}
# Where a buffer takes no more, what is to fill it may be told to be too large.
STATUSES_MEMORY = STATUSES | {64, 65}
CRASH = re.compile(r"killed by signal (4|6|7|8|11)\b")


class Scenario:
    """A state of the spool, a program that runs into the fault, and what may be expected of its mail.

    Recipients' addresses tell what becomes of them: sent@, bounced@ (550), deferred@ (451 the first time).
    """
    samples = 12
    later = 0  # the run lives so many seconds later
    program = "po-queue"
    args = ()
    input = b""
    # the mail that was accepted before the fault
    mail = ("sent@example.net", "bounced@example.net", "deferred@example.net", "two@example.net sent2@example.net")
    sent = {"sent@example.net", "two@example.net", "sent2@example.net", "deferred@example.net"}

    def prepare(self, po):
        for recipients in self.mail:
            po.submit(f"Subject: to {recipients}\n\nbody\n".encode(), "-f", "sender@example.org", *recipients.split())

    def arguments(self, po):
        return self.args

    def then(self, po):
        """What is done after the fault, before the runs that recover."""

    def expect(self, outcome):
        """(accepted, refused) when the program ended so."""
        return self.sent, set()


def scenario(cls):
    SCENARIOS[cls.__name__] = cls
    return cls


@scenario
class Submission(Scenario):
    """exit 0: it will arrive; another: never; killed: nobody knows."""
    program = "sendmail"
    args = ("-i", "-f", "sender@example.org", "new@example.net")
    input = b"Subject: x\n\n" + b"text\n" * 3000
    mail = ("sent@example.net",)

    def expect(self, outcome):
        before = {"sent@example.net"}
        if outcome.status == 0:
            return before | {"new@example.net"}, set()
        return before, set() if outcome.status < 0 else {"new@example.net"}


@scenario
class Run(Scenario):
    """Ingest, ticks, delivery, a notice, the end: all processes of a runner."""
    samples = 24
    args = ("-p", "2")


@scenario
class SecondRun(Scenario):
    """Mail that is deferred and due again, mail of the run that was killed before it, and new mail."""
    samples = 8
    args = ("-p", "2", "--flush")

    def prepare(self, po):
        super().prepare(po)
        po.queue("-p", "2")
        po.submit(b"Subject: new\n\nx\n", "-f", "sender@example.org", "new@example.net")

    def expect(self, outcome):
        return {"deferred@example.net", "new@example.net"}, set()


@scenario
class AfterKill(Scenario):
    """A run that finds what a killed one left: claims, slots in the middle of a delivery."""
    samples = 8
    args = ("-p", "2")

    def prepare(self, po):
        super().prepare(po)
        po.sink.pause("DOT", 2)
        runner = po.start("-p", "2")
        po.sink.wait_paused()
        pids = po.processes(runner)
        for pid in pids:
            os.kill(pid, 9)
        po.sink.resume()
        runner.wait(60)
        wait_gone(pids)

    def expect(self, outcome):
        return set(), set()  # what the killed run had sent came before


@scenario
class Cleanup(Scenario):
    """What is finished goes, what waits stays."""
    samples = 8
    args = ("--cleanup", "--days", "0")
    later = 2 * judge.HOUR  # nothing younger than an hour goes

    def prepare(self, po):
        super().prepare(po)
        po.queue("-p", "2")
        po.submit(b"Subject: new\n\nx\n", "-f", "sender@example.org", "new@example.net")
        po.queue("--ingest")

    def then(self, po):
        # spool-layout.md, row 24: a rebuild gives what a killed cleanup forgot its record, the next one removes it.
        po.queue("--rebuild-index")

    def expect(self, outcome):
        return {"deferred@example.net", "new@example.net"}, set()


@scenario
class Rebuild(Scenario):
    """Messages that wait, are deferred, finished, and one in drop/."""
    samples = 8
    args = ("--rebuild-index",)

    def prepare(self, po):
        super().prepare(po)
        po.queue("-p", "2")
        po.submit(b"Subject: new\n\nx\n", "-f", "sender@example.org", "new@example.net")
        po.queue("--ingest")
        po.submit(b"Subject: newer\n\nx\n", "-f", "sender@example.org", "newer@example.net")

    def expect(self, outcome):
        return {"deferred@example.net", "new@example.net", "newer@example.net"}, set()


class Act(Scenario):
    """A tool's act where no runner is alive: it takes the lock itself."""
    samples = 5
    verb = ""

    def prepare(self, po):
        super().prepare(po)
        po.queue("--ingest")

    def arguments(self, po):
        return (self.verb, "ALL")


@scenario
class Cancel(Act):
    verb = "--cancel"

    def expect(self, outcome):
        everybody = self.sent | {"bounced@example.net"}
        return set(), everybody if outcome.status == 0 else set()


@scenario
class Hold(Act):
    """What is held leaves only when it is released."""
    verb = "--hold"

    def then(self, po):
        po.queue("--release", "ALL", ok=False)


@scenario
class Release(Act):
    verb = "--release"

    def prepare(self, po):
        super().prepare(po)
        po.queue("--hold", "ALL")

    def then(self, po):
        po.queue("--release", "ALL", ok=False)


@scenario
class Requeue(Scenario):
    """What had failed is tried again."""
    samples = 5
    args = ("--requeue", "--all", "ALL")

    def prepare(self, po):
        super().prepare(po)
        po.queue("-p", "2")

    def then(self, po):
        po.queue("--requeue", "--all", "ALL", ok=False)  # row 26a: the tool was not answered, and asks again

    def expect(self, outcome):
        return {"deferred@example.net"}, set()


@scenario
class Compose(Scenario):
    """po-mail: exit 0 means it will arrive."""
    samples = 6
    program = "po-mail"
    args = ("--from", "sender@example.org", "--to", "new@example.net", "--subject", "x", "--text", "-")
    input = b"body\n" * 3000
    mail = ()

    def expect(self, outcome):
        if outcome.status == 0:
            return {"new@example.net"}, set()
        return set(), set() if outcome.status < 0 else {"new@example.net"}


def test_the_sweep_would_see_a_loss():
    """The judge is no yes-man."""
    one = {"id": "x", "in_doubt": 0, "recipients": [{"address": "a", "state": "sent"}]}
    arrived = {"recipients": ["a"]}
    judge.check_arrivals([arrived], [one], {"a"}, set())
    for bad in (([], {"a"}, set()), ([arrived, arrived], {"a"}, set()), ([arrived], set(), {"a"})):
        with pytest.raises(AssertionError):
            judge.check_arrivals(bad[0], [one], *bad[1:])


@pytest.fixture(scope="session")
def injector(folder, build):
    linked = subprocess.run(["ldd", str(build / "sendmail")], capture_output=True, text=True)
    if "libc.so" not in linked.stdout:
        pytest.skip("sendmail is linked statically: configure with --disable-static-sendmail")
    return sweep.Injector(folder)


class Rig:
    """A scenario's spool, put back before each fault."""

    def __init__(self, po, sink, shift_clock, injector, scenario):
        self.po, self.sink, self.shift_clock, self.injector, self.scenario = po, sink, shift_clock, injector, scenario
        self.arrivals = judge.Arrivals(sink)
        self.runs = self.fired = 0
        self.template = po.base / "template"
        po.sink = sink
        po.relay(sink.port)
        po.configure(stop_grace="1s", retry_first="5m")
        self.rules()
        scenario.prepare(po)
        self.args = scenario.arguments(po)
        subprocess.run(["cp", "-a", str(po.spool), str(self.template)], check=True)

    def restore(self):
        shutil.rmtree(self.po.spool)
        subprocess.run(["cp", "-a", str(self.template), str(self.po.spool)], check=True)
        self.po.log_file.unlink(missing_ok=True)
        self.rules()
        self.arrivals.new()

    def rules(self):
        self.sink.rules({"stage": "RCPT", "match": "bounced@", "reply": "550 5.1.1 nobody", "times": -1},
                        {"stage": "RCPT", "match": "deferred@", "reply": "451 4.2.1 later", "times": 1})

    def inject(self, fault=None):
        later = self.scenario.later
        return self.injector.run(self.po, self.scenario.program, self.args, fault, self.scenario.input,
                                 env=self.shift_clock(later) if later else None)

    def run(self, fault):
        self.restore()
        scenario = self.scenario
        outcome = self.inject(fault)
        self.fired += outcome.fired
        self.check_end(fault, outcome)
        scenario.then(self.po)
        judge.recover(self.po, self.shift_clock)
        self.runs += 1
        listed = judge.check_spool(self.po, sweep.IS_LONG or self.runs % 3 == 0)
        judge.check_arrivals(self.arrivals.new(), listed, *scenario.expect(outcome))

    def check_end(self, fault, outcome):
        """It says what it could not do, or is killed by the fault alone; no crash of any process."""
        # Libraries bear no lack of memory: they end the process or trip over it, which is no more than a kill.
        if fault.call in sweep.MEMORY and outcome.in_library:
            return
        if outcome.status < 0:
            assert outcome.fired and fault.how in ("kill", "tear") and outcome.status == -9, outcome
        else:
            assert outcome.status in (STATUSES_MEMORY if fault.call in sweep.MEMORY else STATUSES), outcome
            assert outcome.status == 0 or outcome.output.strip(), f"ends with {outcome.status} and says nothing"
        assert not CRASH.search(self.po.log()), self.po.log()


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_fault_is_borne(po, sink, shift_clock, injector, name):
    rig = Rig(po, sink, shift_clock, injector, SCENARIOS[name]())
    rig.restore()
    rig.inject()
    sites = injector.sites()
    chosen = sweep.faults(sites, rig.scenario.samples, name)
    print(f"PO_TEST_SEED={sweep.SEED} {name}: {len(chosen)} faults at {len(sites)} sites of {sum(sites.values())} calls")
    failures = []
    for fault in chosen:
        try:
            rig.run(fault)
        except AssertionError as e:
            failures.append(f"{fault}\n    at {' < '.join(injector.where())}\n    {str(e)[:1500]}")
            print(failures[-1], flush=True)
    print(f"{rig.fired} of them came to pass")
    assert not failures, f"{len(failures)} of {len(chosen)}:\n" + "\n".join(failures)
    assert rig.fired > len(chosen) / 2
