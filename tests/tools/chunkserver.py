# SPDX-License-Identifier: ISC
"""An SMTP server that takes content by BDAT (RFC 3030) only, and can be told to misbehave.

    with ChunkServer(rules=[(REGEX, ACTION), ...], gather=N, rcpt_max=N) as server:
        server.port, server.messages (a list of (sender, recipients, content)), server.sessions (their number)

A rule's REGEX is matched against "VERB argument" of each command; a rule is used once. ACTION is a reply, or CLOSE
(close in place of the reply), or AFTER (take the message, then close without a reply), or a reply beginning with "421"
(say it and close). A refused BDAT leaves its transaction open until RSET: a client that goes on without one adds its
recipients to it. With gather, once a session has taken a message, replies are kept until N more have come whole: only a client
that sends so many ahead gets on. With rcpt_max, recipients beyond so many of a transaction get `too_many`.
"""
import re
import socket
import threading

CLOSE, AFTER = object(), object()
DEADLINE_S = 30


class ChunkServer:
    def __init__(self, rules=(), gather=1, keywords=("PIPELINING", "8BITMIME", "CHUNKING"), know_bdat=True,
                 rcpt_max=None, too_many="452 4.5.3 too many recipients"):
        self.rules, self.gather, self.keywords, self.know_bdat = list(rules), gather, keywords, know_bdat
        self.rcpt_max, self.too_many = rcpt_max, too_many
        self.messages, self.sessions = [], 0
        self.taken = lambda: None  # called when a message was taken
        self.lock = threading.Lock()
        self.threads = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.acceptor = threading.Thread(target=self._accept, daemon=True)
        self.acceptor.start()

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            self.sessions += 1
            thread = threading.Thread(target=Session(self, sock).run, daemon=True)
            self.threads.append(thread)
            thread.start()

    def rule_for(self, command):
        with self.lock:
            for i, (regex, action) in enumerate(self.rules):
                if re.match(regex, command):
                    del self.rules[i]
                    return action
        return None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.acceptor.join(DEADLINE_S)
        for thread in self.threads:
            thread.join(DEADLINE_S)


class Session:
    def __init__(self, server, sock):
        self.server, self.sock = server, sock
        self.sock.settimeout(DEADLINE_S)
        self.file = sock.makefile("rb")
        self.out, self.taken = b"", 0
        self.gathering = False  # replies are kept
        self.gathered = server.gather == 1
        self.reset()

    def reset(self):
        self.sender, self.recipients, self.content, self.data = None, [], b"", False

    def run(self):
        try:
            self.say("220 chunk.example ESMTP")
            self.flush()
            while True:
                line = self.file.readline()
                if not line or not self.handle(line.decode("latin-1").rstrip("\r\n")):
                    break
                if self.may_flush():
                    self.flush()
            self.flush()
        except (OSError, ValueError):
            pass
        finally:
            self.file.close()
            self.sock.close()

    def may_flush(self):
        if not self.gathered and self.taken > self.server.gather:
            self.gathered = True
        return self.gathered or not self.gathering

    def flush(self):
        self.gathering = self.taken > 0
        self.sock.sendall(self.out)
        self.out = b""

    def say(self, text):
        self.out += text.encode() + b"\r\n"

    def handle(self, line):
        verb, _, argument = line.partition(" ")
        verb = verb.upper()
        body = b""
        if verb == "BDAT" and self.server.know_bdat:
            size = int(argument.split()[0])
            body = self.file.read(size)
            if len(body) < size:
                return False
        action = self.server.rule_for(f"{verb} {argument} {self.sender or ''}".rstrip())
        if action is CLOSE:
            self.flush()
            return False
        if isinstance(action, str):
            self.say(action)
            return not action.startswith("421")
        return self.answer(verb, argument, body) and action is not AFTER

    def answer(self, verb, argument, body):
        if verb == "EHLO":
            lines = ["chunk.example", *self.server.keywords]
            for line in lines[:-1]:
                self.say(f"250-{line}")
            self.say(f"250 {lines[-1]}")
        elif verb == "QUIT":
            self.say("221 bye")
            self.flush()
            return False
        elif verb == "RSET":
            self.reset()
            self.say("250 reset")
        elif verb == "MAIL":
            if self.sender is not None:
                self.say("503 nested")
            else:
                self.sender = argument.split("<")[1].split(">")[0]
                self.say("250 sender")
        elif verb == "RCPT":
            if self.sender is None:
                self.say("503 MAIL first")
            elif self.server.rcpt_max is not None and len(self.recipients) >= self.server.rcpt_max:
                self.say(self.server.too_many)
            else:
                self.recipients.append(argument.split("<")[1].split(">")[0])
                self.say("250 recipient")
        elif verb == "BDAT" and self.server.know_bdat:
            self.chunk(argument, body)
        elif verb == "DATA" and self.recipients:
            self.say("354 go")
            self.flush()
            self.read_data()
        else:
            self.say("502 unknown")
        return True

    def chunk(self, argument, body):
        if not self.recipients:
            self.say("503 RCPT first")
            return
        self.content += body
        if not argument.upper().endswith("LAST"):
            self.say("250 chunk")
            return
        self.take()

    def read_data(self):
        lines = []
        while (line := self.file.readline()) != b".\r\n":
            if not line:
                return
            lines.append(line[1:] if line.startswith(b".") else line)
        self.content = b"".join(lines)
        self.take()

    def take(self):
        with self.server.lock:
            self.server.messages.append((self.sender, self.recipients, self.content))
            self.server.taken()
        self.taken += 1
        self.say("250 2.0.0 taken")
        self.reset()
