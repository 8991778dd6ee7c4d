# SPDX-License-Identifier: ISC
"""What the end-to-end tests share. $PO_BUILD is the folder of the programs under test."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import pytest

TESTS = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TESTS / "tools"))

from ca import Ca  # noqa: E402
from po import IS_ROOT, Po  # noqa: E402
from sink import Sink  # noqa: E402
import caller  # noqa: E402
import debian  # noqa: E402
import dovecot  # noqa: E402
import exim  # noqa: E402
import host  # noqa: E402
import opensmtpd  # noqa: E402
import postfix  # noqa: E402


@pytest.fixture(scope="session")
def build(folder):
    """Copies of the programs where every uid can run them."""
    built = pathlib.Path(os.environ.get("PO_BUILD", os.getcwd())).resolve()
    copies = folder / "bin"
    copies.mkdir()
    for program in ("sendmail", "po-queue", "po-template", "po-mail"):
        if not os.access(built / program, os.X_OK):
            pytest.exit(f"no {program} in {built}: set PO_BUILD to the folder where po was built", 2)
        shutil.copy(built / program, copies)
    for name in ("mailq", "newaliases"):
        (copies / name).symlink_to("sendmail")
    return copies


@pytest.fixture(scope="session")
def folder():
    """A folder for the session that every uid can enter."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="po-e2e-", dir=os.environ.get("PO_TEST_DIR", "/var/tmp")))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="session")
def ca(folder):
    return Ca(folder / "certificates")


@pytest.fixture(scope="session")
def shift_clock(folder):
    """The environment of a program that lives so many seconds later."""
    library = folder / "shift_clock.so"
    subprocess.run([os.environ.get("CC", "cc"), "-shared", "-fPIC", "-O1", "-o", str(library),
                    str(TESTS / "tools" / "shift_clock.c")], check=True)
    return lambda seconds: {"LD_PRELOAD": str(library), "PO_TEST_SHIFT": str(int(seconds)),
                            "ASAN_OPTIONS": "verify_asan_link_order=0"}


@pytest.fixture
def po(build):
    """An own spool, set up, with the capture transport."""
    rig = Po(build)
    try:
        yield rig.setup()
    finally:
        rig.close()


@pytest.fixture
def system_po(build):
    """A system spool, for many uids."""
    if not IS_ROOT:
        pytest.skip("needs root: a system spool is for several uids")
    rig = Po(build, system=True)
    try:
        yield rig.setup()
    finally:
        rig.close()


@pytest.fixture(scope="session")
def a_host_is_possible():
    reason = host.why_not()
    if reason:
        pytest.skip(reason)


@pytest.fixture
def machine(a_host_is_possible, system_po, tmp_path):
    """A view of this host where po is the sendmail of every program."""
    machine = caller.Machine(system_po, tmp_path / "relay")
    try:
        yield machine
    finally:
        machine.sink.stop()


@pytest.fixture
def new_sink(tmp_path):
    """Makes sinks: new_sink(option=value, ...); see sink_server.py for the options."""
    made = []

    def make(**options):
        made.append(Sink(tmp_path / f"sink{len(made)}", **options))
        return made[-1]
    yield make
    for sink in made:
        sink.stop()


@pytest.fixture
def sink(new_sink):
    return new_sink()


def a_real(kind, *args):
    """A real server for the session, or why there is none."""
    reason = debian.why_not()
    if reason:
        pytest.skip(reason)
    try:
        server = kind(*args)
    except debian.NotToBeHad as error:
        pytest.skip(f"its package cannot be had: {error}")
    yield server
    server.stop()


@pytest.fixture(scope="session")
def real_server(folder, ca):
    """Debian's Postfix on loopback."""
    yield from a_real(postfix.Postfix, folder / "postfix", ca)


@pytest.fixture(scope="session")
def mailboxes(folder):
    """Debian's Dovecot, by LMTP on loopback and on a Unix socket."""
    yield from a_real(dovecot.Dovecot, folder / "dovecot")


@pytest.fixture(scope="session")
def open_smtpd(folder):
    """Debian's OpenSMTPD on loopback."""
    yield from a_real(opensmtpd.OpenSmtpd, folder / "opensmtpd")


@pytest.fixture(scope="session")
def exim4(folder):
    """Debian's Exim on loopback."""
    yield from a_real(exim.Exim, folder / "exim")
