# SPDX-License-Identifier: ISC
"""What the tests of programs that call sendmail share: running them, and looking at what the relay got."""
import os
import re
import shutil

import pytest

import host
import mail
from sink import Sink
from wait import wait_for

USER = 33  # www-data: many of these programs do not start without a name
LOGIN = "www-data@example.org"
SENDER = "bounce@example.org"
TO, BCC = "a@example.net", "b@example.net"


def need(*paths):
    """Skip, saying so, where one of these programs or files is not there."""
    for path in paths:
        found = shutil.which(path) if "/" not in path else os.path.exists(path)
        if not found:
            pytest.skip(f"{path} is not installed")


def ok(done):
    assert done.returncode == 0, f"status {done.returncode}, stdout {done.stdout!r}, stderr {done.stderr!r}"
    return done


class Machine(host.Host):
    """A host whose sendmail is po; its relay is a sink that offers what relays offer."""

    def __init__(self, po, folder):
        super().__init__(po)
        self.sink = Sink(folder, keywords=["PIPELINING", "ENHANCEDSTATUSCODES", "DSN"])
        po.relay(self.sink.port)
        self.home = po.base / "home"
        self.home.mkdir()
        os.chown(self.home, USER, USER)

    def file(self, name, text, mode=0o600):
        """A file of USER's in his home."""
        path = self.home / name
        path.write_text(text)
        os.chown(path, USER, USER)
        path.chmod(mode)
        return path

    def account(self):
        """Mounts that give USER this home, and a shell."""
        passwd = self.po.base / "passwd"
        with open("/etc/passwd") as f:
            passwd.write_text(re.sub(rf"^(\S+:x:{USER}:.*):.*:.*$", rf"\1:{self.home}:/bin/sh", f.read(), flags=re.M))
        passwd.chmod(0o644)
        return f"mount --bind {passwd} /etc/passwd"

    def arrived(self):
        """Deliver all; what the sink got, each with its message parsed as `mail`, in the order of subjects."""
        self.po.queue("-p", "1")
        assert self.po.files("queue") == [] and self.po.dropped() == []
        got = []
        for m in self.sink.messages():
            assert not re.search(rb"(?<!\r)\n|\r(?!\n)|\0", m.content)
            parsed = mail.split(m.content.replace(b"\r\n", b"\n"))
            assert {"received", "from", "date", "message-id"} <= set(mail.names(parsed))
            assert not {"bcc", "resent-bcc", "return-path"} & set(mail.names(parsed))
            got.append(Arrived(m, parsed))
        return got

    def the_one(self, sender, recipients, subject, body):
        """Deliver; there is this message and no other. `sender`, `subject` and `body` may be patterns."""
        got, = self.arrived()
        assert got.recipients == sorted(recipients)
        assert fits(sender, got.sender), got.sender
        assert fits(subject, got.field("Subject"))
        assert fits(body, got.mail.body), got.mail.body
        return got

    def wait_queued(self, n=1):
        """For programs that leave sendmail behind."""
        wait_for(lambda: len(self.po.dropped()) >= n, f"{n} messages in drop/", 60)


class Arrived:
    """sender, recipients (sorted), mail_options, notify {recipient: [words]}, ret_envid (words of MAIL), mail"""

    def __init__(self, received, parsed):
        self.sender, self.recipients, self.mail = received.sender, sorted(received.recipients), parsed
        self.mail_options = received.mail_options
        self.ret_envid, self.notify = received.dsn

    def field(self, name):
        return mail.value(self.mail, name)

    def __iter__(self):
        return iter((self.sender, self.recipients, self.mail))


def fits(wanted, value):
    return wanted.fullmatch(value) if isinstance(wanted, re.Pattern) else wanted == value
