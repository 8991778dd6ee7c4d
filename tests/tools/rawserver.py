# SPDX-License-Identifier: ISC
"""A server of raw bytes that follows a script: what no well-behaved server would say or do.

A script is a list of steps, one script a connection, the last one for all that follow:

    say(TEXT)        send, as it is            drip(TEXT)      send byte by byte
    flood(TEXT)      send it over and over until the client leaves
    hear(REGEX)      read a line that fits     content()       read up to the line "."
    chunk()          read BDAT n LAST and its bytes
    starttls()       handshake (needs cert, key)
    stall()          say nothing until the client leaves
    trickle(TEXT)    a byte now and then, over and over, until the client leaves
    deaf(EVENT)      read nothing any more, until the event
    sip(EVENT)       read a byte now and then, until the event
    part(N)          read N bytes of content
    drop()           end our side, read until the client leaves     reset()  close with RST

    with RawServer([say("220 x\\r\\n"), hear("EHLO"), ...], cert=..., key=..., tls=True) as server:
        server.port, server.connections (a list of what each one said, line by line, content as one entry)

Leaving the `with` fails when a line did not fit its script.
"""
import itertools
import re
import select
import socket
import ssl
import struct
import threading

DEADLINE_S = 30


class Gone(Exception):
    """The client has closed."""


class Connection:
    def __init__(self, sock, server, heard):
        self.sock, self.server, self.heard = sock, server, heard
        self.buffer = b""

    def wrap(self):
        self.sock = self.server.context.wrap_socket(self.sock, server_side=True)

    def send(self, data):
        try:
            self.sock.sendall(data)
        except OSError as error:
            raise Gone from error

    def more(self):
        try:
            data = self.sock.recv(65536)
        except ConnectionError:
            data = b""
        if not data:
            raise Gone
        self.buffer += data

    def until(self, end):
        while end not in self.buffer:
            self.more()
        head, self.buffer = self.buffer.split(end, 1)
        return head

    def drain(self):
        while True:
            self.more()
            self.buffer = b""


def say(text):
    return lambda c: c.send(as_bytes(text))


def drip(text):
    def step(c):
        for byte in as_bytes(text):
            c.send(bytes([byte]))
    return step


def flood(text):
    def step(c):
        while True:
            c.send(as_bytes(text))
    return step


def hear(regex):
    def step(c):
        line = c.until(b"\r\n").decode("utf-8", "surrogateescape")
        c.heard.append(line)
        assert re.match(regex, line), f"heard {line!r} where {regex!r} was to come"
    return step


def content():
    def step(c):
        if c.buffer.startswith(b".\r\n"):
            c.buffer = c.buffer[3:]
            c.heard.append(b"")
        else:
            c.heard.append(c.until(b"\r\n.\r\n") + b"\r\n")
    return step


def chunk():
    """BDAT n LAST and its n bytes."""
    def step(c):
        line = c.until(b"\r\n")
        size = re.match(rb"BDAT (\d+) LAST$", line)
        assert size, f"heard {line!r} where BDAT was to come"
        while len(c.buffer) < int(size[1]):
            c.more()
        c.heard.append(c.buffer[:int(size[1])])
        c.buffer = c.buffer[int(size[1]):]
    return step


def starttls():
    return lambda c: c.wrap()


NOW_AND_THEN_S = 0.05


def trickle(text):
    def step(c):
        for byte in itertools.cycle(as_bytes(text)):
            c.send(bytes([byte]))
            if select.select([c.sock], [], [], NOW_AND_THEN_S)[0]:
                c.more()
                c.buffer = b""
    return step


def deaf(until):
    return lambda c: until.wait(DEADLINE_S)


def sip(until):
    def step(c):
        while not until.wait(NOW_AND_THEN_S):
            c.sock.recv(1)
    return step


def part(size):
    def step(c):
        while len(c.buffer) < size:
            c.more()
        c.heard.append(c.buffer)
        c.buffer = b""
    return step


def stall():
    return lambda c: c.drain()


def drop():
    def step(c):
        c.sock.shutdown(socket.SHUT_WR)
        c.drain()
    return step


def reset():
    def step(c):
        c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        c.sock.close()
        raise Gone
    return step


def as_bytes(text):
    return text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")


class RawServer:
    def __init__(self, *scripts, cert=None, key=None, tls=False, host="127.0.0.1", port=0, window=None):
        self.scripts, self.tls = scripts, tls
        self.context = None
        if cert:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(cert, key)
        self.connections, self.errors, self.threads = [], [], []
        self.listener = socket.create_server((host, port))
        if window:
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        self.port = self.listener.getsockname()[1]
        self.acceptor = threading.Thread(target=self.accept, daemon=True)
        self.acceptor.start()

    def accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            heard = []
            script = self.scripts[min(len(self.connections), len(self.scripts) - 1)]
            self.connections.append(heard)
            thread = threading.Thread(target=self.follow, args=(script, sock, heard), daemon=True)
            self.threads.append(thread)
            thread.start()

    def follow(self, script, sock, heard):
        sock.settimeout(DEADLINE_S)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = Connection(sock, self, heard)
        try:
            if self.tls:
                connection.wrap()
            for step in script:
                step(connection)
            connection.drain()
        except Gone:
            pass
        except ssl.SSLError as error:
            heard.append(f"TLS: {error.reason}")
        except (AssertionError, OSError) as error:
            self.errors.append(error)
        finally:
            connection.sock.close()

    def stop(self):
        """No more connections; those that are open are ended by their clients."""
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.acceptor.join(DEADLINE_S)
        for thread in self.threads:
            thread.join(DEADLINE_S)
            assert not thread.is_alive(), "a connection of the raw server is still open"
        assert not self.errors, self.errors

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.stop()
        else:
            self.listener.close()
