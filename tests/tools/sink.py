# SPDX-License-Identifier: ISC
"""The test's end of sink_server.py."""
import base64
import collections
import functools
import json
import os
import pathlib
import socket
import subprocess
import sys

from wait import wait_for

SERVER = pathlib.Path(__file__).with_name("sink_server.py")

Received = collections.namedtuple("Received", "n at sender mail_options recipients dsn content session tls helo user")


@functools.cache
def forker():
    """The process that makes sinks, and our end of its socket."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        return subprocess.Popen([sys.executable, str(SERVER)], stdin=theirs), ours


class Sink:
    """options: rules, keywords, cert, key, implicit, require_tls, users, mechanisms, delay, address, port (see sink_server.py)"""

    def __init__(self, folder, **options):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        read_commands, write_commands = os.pipe()
        read_answers, write_answers = os.pipe()
        with (self.folder / "stderr").open("w") as errors:
            socket.send_fds(forker()[1], [os.fsencode(self.folder)], [read_commands, write_answers, errors.fileno()])
        os.close(read_commands)
        os.close(write_answers)
        self.commands, self.answers = os.fdopen(write_commands, "wb"), os.fdopen(read_answers, "rb")
        self.port = self._ask(json.loads(json.dumps(options, default=str)))["port"]

    def _ask(self, command):
        self.commands.write((json.dumps(command) + "\n").encode())
        self.commands.flush()
        line = self.answers.readline()
        assert line, f"the sink died: {(self.folder / 'stderr').read_text()}"
        return json.loads(line)

    def status(self):
        return self._ask({"cmd": "status"})

    def rules(self, *rules):
        """Each {"stage": ..., "reply": ..., "match": REGEX, "times": N}; the first that fits answers."""
        return self._ask({"cmd": "rules", "rules": rules})

    def pause(self, stage, n):
        """Stop at the n-th event of this stage from the sink's start, before the reply."""
        return self._ask({"cmd": "pause", "stage": stage, "n": n})

    def resume(self):
        return self._ask({"cmd": "resume"})

    def wait_paused(self, deadline_s=20):
        wait_for(lambda: self.status()["paused"], "the sink reaches its pause", deadline_s)

    def count(self):
        return self.status()["messages"]

    def messages(self):
        path = self.folder / "messages.jsonl"
        found = []
        for line in path.read_text().splitlines() if path.exists() else []:
            fields = json.loads(line)
            fields["content"] = base64.b64decode(fields["content"])
            found.append(Received(**fields))
        return found

    def stop(self):
        """It serves nobody any more, and its port is free."""
        if not self.commands.closed:
            self.commands.close()
            self.answers.read()
            self.answers.close()
