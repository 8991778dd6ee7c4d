# SPDX-License-Identifier: ISC
"""The sink: an SMTP server (aiosmtpd) in a process of its own that writes down exactly what it was given.

    /usr/bin/python3 sink_server.py   forks a sink for each packet on the socket at stdin, which is the name of a FOLDER and
                                      brings its stdin, stdout and stderr; ends when the socket is closed

A sink's stdin has JSON lines: options on the first, then commands; it ends with its stdin.
FOLDER/messages.jsonl has one line for each message whose last dot was seen, written before the reply is sent:
{"n", "at" (seconds, of a clock that no test shifts), "sender", "mail_options", "recipients", "dsn", "content" (base64, CRLF, unstuffed), "session", "tls", "user", "helo"}.
"dsn" has what RFC 3461 adds, where the keyword DSN is offered: [the words of MAIL, {recipient: its words}].
"bears" in the options is what it bears: {"connections": N, "per_second": X, "reply": to MAIL beyond X}; what is beyond is
refused (421 to those who connect), and counted. A rule answers a stage with a reply of the test's choice; a pause stops the n-th event of a stage, before it is answered,
until "resume". All state is in this process; sink.py is the test's end of it.
"""
import asyncio
import base64
import json
import os
import re
import signal
import socket
import ssl
import sys
import time

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

STAGES = ("CONNECT", "EHLO", "AUTH", "MAIL", "RCPT", "DATA", "DOT")
DSN_WORD = re.compile(r" (RET|ENVID|NOTIFY|ORCPT)=\S+", re.I)
ACCEPTED = {"MAIL": "250 2.1.0 Ok", "RCPT": "250 2.1.5 Ok", "DOT": "250 2.0.0 Ok: queued as {n}"}


class State:
    def __init__(self, folder, options):
        self.options = options
        self.rules = list(options.get("rules", []))
        self.pauses = []  # [stage, n, asyncio.Event, reached]
        self.counts = dict.fromkeys(STAGES, 0)
        self.sessions = 0
        self.connections = 0
        self.most_connections = 0
        self.messages = 0
        self.taken = []  # when MAIL was let through, of late
        self.too_many = {"CONNECT": 0, "MAIL": 0}
        self.log = os.open(os.path.join(folder, "messages.jsonl"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def rule(self, stage, text):
        for rule in self.rules:
            if rule["stage"] == stage and re.search(rule.get("match", ""), text) and rule.get("times", 1) != 0:
                return rule
        return None

    def beyond(self, stage):
        """The reply to what is more than it bears, or None."""
        bears, now, reply = self.options.get("bears", {}), time.monotonic(), None
        if stage == "CONNECT" and self.connections > bears.get("connections", self.connections):
            reply = "421 4.7.0 too many connections from you"
        if stage == "MAIL" and "per_second" in bears:
            self.taken = [at for at in self.taken if now - at < 1]
            if len(self.taken) >= bears["per_second"]:
                reply = bears.get("reply", "450 4.7.1 slow down")
            else:
                self.taken.append(now)
        if reply:
            self.too_many[stage] += 1
        return reply

    async def event(self, stage, text):
        """Counts an event, waits where a pause stands, and returns a rule's reply or None."""
        self.counts[stage] += 1
        if self.options.get("delay"):
            await asyncio.sleep(self.options["delay"])
        for pause in self.pauses:
            if pause["stage"] == stage and self.counts[stage] >= pause["n"]:
                pause["reached"] = True
                await pause["go"].wait()
        reply = self.beyond(stage)
        rule = None if reply else self.rule(stage, text)
        if rule is None:
            return reply
        rule["times"] = rule.get("times", 0) - 1
        return rule["reply"]


class Handler:
    def __init__(self, state):
        self.state = state

    async def handle_EHLO(self, server, session, envelope, hostname, responses):
        session.host_name = hostname
        reply = await self.state.event("EHLO", hostname)
        if reply:
            return [reply]
        extra = ["250-" + word for word in self.state.options.get("keywords", ["PIPELINING", "ENHANCEDSTATUSCODES"])]
        return responses[:-1] + extra + responses[-1:]

    async def handle_MAIL(self, server, session, envelope, address, mail_options):
        reply = await self.state.event("MAIL", address or "")
        if reply is None or reply.startswith("2"):
            envelope.mail_from = address
            envelope.mail_options.extend(mail_options)
            envelope.dsn = [server.dsn_words, {}]
        return reply or ACCEPTED["MAIL"]

    async def handle_RCPT(self, server, session, envelope, address, rcpt_options):
        reply = await self.state.event("RCPT", address)
        if reply is None or reply.startswith("2"):
            envelope.rcpt_tos.append(address)
            envelope.dsn[1][address] = server.dsn_words
        return reply or ACCEPTED["RCPT"]

    async def handle_DATA(self, server, session, envelope):
        """After the last dot. What a rule refuses is not written down; a pause comes after the writing."""
        text = envelope.content.decode("latin-1")
        rule = self.state.rule("DOT", text)
        if rule is None or rule["reply"].startswith("2"):
            self._write_down(server, session, envelope)
        reply = await self.state.event("DOT", text)
        return reply or ACCEPTED["DOT"].format(n=self.state.messages)

    def _write_down(self, server, session, envelope):
        self.state.messages += 1
        line = {
            "n": self.state.messages, "at": time.monotonic(),
            "sender": "" if envelope.mail_from == "<>" else envelope.mail_from, "recipients": envelope.rcpt_tos,
            "mail_options": envelope.mail_options, "dsn": envelope.dsn, "content": base64.b64encode(envelope.content).decode(),
            "session": server.number,
            "tls": server.transport.get_extra_info("ssl_object") is not None, "helo": session.host_name,
            "user": getattr(session, "auth_data", None),
        }
        os.write(self.state.log, (json.dumps(line) + "\n").encode())


class Session(SMTP):
    """aiosmtpd's server with the two stages that it has no hook for."""

    def __init__(self, state, **kwargs):
        self.state = state
        state.sessions += 1
        self.number = state.sessions
        super().__init__(Handler(state), **kwargs)
        self.line_length_limit = 1 << 24
        self.command_size_limits.default_factory = lambda: 4096

    async def _handle_client(self):
        self.state.connections += 1
        self.state.most_connections = max(self.state.most_connections, self.state.connections)
        try:
            reply = await self.state.event("CONNECT", "")
            if reply:
                await self.push(reply)
                if reply.startswith(("4", "5")):
                    self.transport.close()
                    return
            await super()._handle_client()
        finally:
            self.state.connections -= 1

    def _take_dsn(self, arg):
        """aiosmtpd knows nothing of DSN: its words are taken out of the command before."""
        self.dsn_words = []
        if arg is None or "DSN" not in self.state.options.get("keywords", ()):
            return arg
        self.dsn_words = [found[0].strip() for found in DSN_WORD.finditer(arg)]
        return DSN_WORD.sub("", arg)

    async def smtp_MAIL(self, arg):
        await super().smtp_MAIL(self._take_dsn(arg))

    async def smtp_RCPT(self, arg):
        await super().smtp_RCPT(self._take_dsn(arg))

    async def smtp_AUTH(self, arg):
        await self.state.event("AUTH", "")
        await super().smtp_AUTH(arg)

    async def smtp_DATA(self, arg):
        reply = await self.state.event("DATA", arg or "") if self.envelope and self.envelope.rcpt_tos else None
        if reply:
            await self.push(reply)
            return
        await super().smtp_DATA(arg)


def authenticator(users):
    def check(server, session, envelope, mechanism, data):
        if not isinstance(data, LoginPassword):
            return AuthResult(success=False, handled=False)
        user, password = data.login.decode(), data.password.decode()
        return AuthResult(success=users.get(user) == password, handled=False, auth_data=user)
    return check


def session_maker(state):
    options = state.options
    context = None
    if options.get("cert"):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(options["cert"], options["key"])
    implicit = bool(options.get("implicit"))
    users = options.get("users")

    def make():
        return Session(state, hostname="sink.example", data_size_limit=1 << 30, enable_SMTPUTF8=True, ident="sink",
                       tls_context=None if implicit else context, require_starttls=bool(options.get("require_tls")),
                       auth_required=bool(users), auth_require_tls=False if implicit else bool(context),
                       auth_exclude_mechanism={"LOGIN", "PLAIN"} - set(options.get("mechanisms", ["LOGIN", "PLAIN"])),
                       authenticator=authenticator(users or {}), timeout=60)
    return make, context if implicit else None


def obey(state, command):
    name = command["cmd"]
    if name == "rules":
        state.rules = command["rules"]
    elif name == "pause":
        state.pauses.append({"stage": command["stage"], "n": command["n"], "go": asyncio.Event(), "reached": False})
    elif name == "resume":
        for pause in state.pauses:
            pause["go"].set()
        state.pauses = []
    elif name != "status":
        return {"error": f"unknown command {name}"}
    return {"counts": state.counts, "messages": state.messages, "connections": state.connections,
            "most_connections": state.most_connections, "too_many": state.too_many, "paused": any(p["reached"] for p in state.pauses)}


async def sink(folder):
    reader = asyncio.StreamReader(limit=1 << 24)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(0, "rb"))
    options = json.loads(await reader.readline())
    state = State(folder, options)
    make, context = session_maker(state)
    server = await loop.create_server(make, options.get("address", "127.0.0.1"), options.get("port", 0), ssl=context, backlog=1024)
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    while line := await reader.readline():
        print(json.dumps(obey(state, json.loads(line))), flush=True)
    os._exit(0)  # as if killed: whoever is being served is served no further


def main():
    """To load the server takes longer than most of what is done with it."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    requests = socket.socket(fileno=os.dup(0))
    while True:
        folder, fds, _, _ = socket.recv_fds(requests, 4096, 3)
        if not folder:
            return
        if os.fork() == 0:
            requests.close()
            for to, fd in enumerate(fds):
                os.dup2(fd, to)
                os.close(fd)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            asyncio.run(sink(os.fsdecode(folder)))
        for fd in fds:
            os.close(fd)


if __name__ == "__main__":
    main()
