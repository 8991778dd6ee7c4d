# SPDX-License-Identifier: ISC
"""sendmail -bs behind a port: a socket unit's or inetd's connections, real clients, and clients that behave badly."""
import os
import re
import smtplib
import socket
import struct
import subprocess
import sys

import pytest

import mail
from caller import USER, need
from po import DEADLINE_S, IS_ROOT
from wait import wait_for

pytestmark = pytest.mark.skipif(not IS_ROOT, reason="needs root: a service of another uid")

A, B = "a@example.net", "b@example.net"
DIALOGUE = (b"EHLO x\r\n", b"MAIL FROM:<s@example.org> BODY=8BITMIME\r\n", b"RCPT TO:<a@example.net>\r\n", b"DATA\r\n",
            b"Subject: x\r\n", b"\r\n", b"text\r\n", b".\r\n", b"QUIT\r\n")
QUEUED = b"250 2.0.0 Ok: queued as "


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


class Service:
    """sendmail -bs as USER for each connection to a port of 127.0.0.1."""

    def __init__(self, po, how):
        self.po, self.port = po, free_port()
        self.listener = getattr(self, how)()
        wait_for(lambda: self.is_listening(), f"{how} listens: {self.listener.output()}")

    def systemd(self):
        need("systemd-socket-activate")
        return self.start("setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "systemd-socket-activate", "--accept",
                          "--inetd", f"--listen=127.0.0.1:{self.port}", f"--setenv=PO_CONFIG={self.po.config_file}",
                          *self.po.command("sendmail", "-bs"))

    def xinetd(self):
        need("xinetd")
        conf = self.po.base / "xinetd.conf"
        conf.write_text(f"""service po-smtp
{{
    type = UNLISTED
    socket_type = stream
    protocol = tcp
    wait = no
    bind = 127.0.0.1
    port = {self.port}
    user = www-data
    env = PO_CONFIG={self.po.config_file}
    server = {self.po.build}/sendmail
    server_args = -bs
}}
""")
        return self.start("xinetd", "-dontfork", "-f", conf, "-pidfile", self.po.base / "xinetd.pid")

    def inetd(self):
        need("/usr/sbin/inetd")
        conf = self.po.base / "inetd.conf"
        conf.write_text(f"127.0.0.1:{self.port} stream tcp nowait www-data {self.po.build}/sendmail sendmail -bs\n")
        return self.start("/usr/sbin/inetd", "-i", conf)

    def start(self, *command):
        po = self.po
        out = po.base / f"out.{len(po.children)}"
        with out.open("wb") as f:
            child = subprocess.Popen([*map(str, command)], stdin=subprocess.DEVNULL, stdout=f, stderr=subprocess.STDOUT,
                                     env=po.environment(), cwd="/", start_new_session=True)
        child.output = lambda: out.read_text(errors="replace")
        po.children.append(child)
        return child

    def is_listening(self):
        rows = open("/proc/net/tcp").read().splitlines()[1:]
        return any(row.split()[1] == f"0100007F:{self.port:04X}" and row.split()[3] == "0A" for row in rows)

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), DEADLINE_S)

    def servers(self):
        """The sendmails that serve somebody now."""
        return [pid for pid in self.po.processes(self.listener)
                if os.path.basename(os.readlink(f"/proc/{pid}/exe")) == "sendmail"] if self.listener.poll() is None else []

    def wait_idle(self):
        wait_for(lambda: quietly(self.servers) == [], "all connections are ended", DEADLINE_S)


def quietly(look):
    try:
        return look()
    except OSError:  # a process ended while it was looked at
        return None


@pytest.fixture(params=["systemd", "xinetd", "inetd"])
def any_service(system_po, sink, request):
    system_po.relay(sink.port)
    return Service(system_po, request.param)


@pytest.fixture
def service(system_po):
    return Service(system_po, "systemd")


def all_of(sock):
    """What comes until the other side closes; a reset ends it too."""
    got = b""
    try:
        while data := sock.recv(65536):
            got += data
    except ConnectionResetError:
        pass
    return got


def test_a_library_is_served(any_service, sink):
    """Several messages through one connection; they belong to whom the service runs as."""
    smtp = smtplib.SMTP("127.0.0.1", any_service.port, timeout=DEADLINE_S)
    for n in (1, 2):
        smtp.sendmail("s@example.org", [A, B], f"Subject: {n}\nBcc: kept@example.net\n\n.\n..\ntext\n",
                      rcpt_options=["NOTIFY=NEVER"])
    smtp.quit()
    any_service.wait_idle()
    assert {p.stat().st_uid for p in any_service.po.dropped()} == {USER} and len(any_service.po.dropped()) == 2
    any_service.po.queue("-p", "1")
    got = sink.messages()
    assert len(got) == 2
    for m in got:
        parsed = mail.split(m.content.replace(b"\r\n", b"\n"))
        assert (m.sender, sorted(m.recipients), parsed.body) == ("s@example.org", [A, B], b".\n..\ntext\n")
        assert f"from userid {USER}) with ESMTP" in mail.value(parsed, "Received")


CLIENTS = {
    "swaks": ["swaks", "--server", "127.0.0.1", "--port", "{port}", "--from", "s@example.org", "--to", f"{A},{B}",
              "--header", "Subject: Hi", "--body", "text"],
    "msmtp": ["msmtp", "--file=/dev/null", "--host=127.0.0.1", "--port={port}", "--tls=off", "--auth=off", "--from=s@example.org", A, B],
    "curl": ["curl", "-sS", "smtp://127.0.0.1:{port}", "--mail-from", "s@example.org", "--mail-rcpt", A, "--mail-rcpt", B, "-T", "-"],
    "perl": ["perl", "-MNet::SMTP", "-e", "my $s = Net::SMTP->new('127.0.0.1', Port => {port}) or die; $s->mail('s@example.org') && "
             f"$s->to('{A}', '{B}') && $s->data([<STDIN>]) && $s->quit or die $s->message"],
}


@pytest.mark.parametrize("client", CLIENTS)
def test_clients_are_served(system_po, sink, client):
    need(client)
    system_po.relay(sink.port)
    service = Service(system_po, "systemd")
    command = [word.replace("{port}", str(service.port)) for word in CLIENTS[client]]
    done = subprocess.run(command, input=b"Subject: Hi\n\ntext\n", capture_output=True, timeout=DEADLINE_S, cwd="/",
                          env=system_po.environment())
    assert done.returncode == 0, done
    service.wait_idle()
    system_po.queue("-p", "1")
    got, = sink.messages()
    parsed = mail.split(got.content.replace(b"\r\n", b"\n"))
    assert (got.sender, sorted(got.recipients), mail.value(parsed, "Subject")) == ("s@example.org", [A, B], "Hi")
    assert parsed.body.rstrip(b"\n") == b"text"


@pytest.mark.parametrize("end", ["close", "reset"])
def test_a_client_may_leave_at_any_point(service, end):
    """Each prefix of a dialogue, sent at once. Queued is what was answered, and nothing before the last dot."""
    whole = b"".join(DIALOGUE)
    ends_at = whole.index(b"\r\n.\r\n") + 5
    borders = [sum(map(len, DIALOGUE[:n])) for n in range(len(DIALOGUE) + 1)]
    cuts = sorted({min(len(whole), max(0, b + d)) for b in borders for d in (-1, 0, 1)})
    told = 0
    for cut in cuts:
        with service.connect() as sock:
            sock.sendall(whole[:cut])
            if end == "close":
                sock.shutdown(socket.SHUT_WR)
                told += (QUEUED in all_of(sock))
            else:  # the answers are not waited for
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    service.wait_idle()
    complete = sum(cut >= ends_at for cut in cuts)
    queued = len(service.po.dropped())
    if end == "close":
        assert queued == told == complete > 0
    else:
        assert queued <= complete
    assert [p.name for p in (service.po.spool / "drop").iterdir() if not p.name.startswith("n.")] == []


SILENT = [("before a word", 0), ("in a command", 10), ("before DATA", 90), ("in the text", len(b"".join(DIALOGUE[:6])) + 2)]


@pytest.mark.parametrize("sent", [s[1] for s in SILENT], ids=[s[0] for s in SILENT])
def test_a_client_that_is_silent_is_told_and_left(system_po, sent):
    system_po.configure(stdin_timeout="1s")
    service = Service(system_po, "systemd")
    with service.connect() as sock:
        sock.sendall(b"".join(DIALOGUE)[:sent])
        assert re.search(rb"^421 4\.4\.2 .*\r\n\Z", all_of(sock), re.M)
    service.wait_idle()
    assert list((system_po.spool / "drop").iterdir()) == []


def test_a_client_that_does_not_listen_is_left(system_po):
    system_po.configure(stdin_timeout="1s")
    service = Service(system_po, "systemd")
    with service.connect() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        with pytest.raises((ConnectionError, TimeoutError)):
            while True:
                sock.sendall(b"EHLO x\r\n" * 1000)
        service.wait_idle()


def test_a_whole_dialogue_may_be_written_before_anything_is_read(po):
    """More replies than a pipe holds; the writer reads only when it has written all."""
    child = subprocess.Popen(po.command("sendmail", "-bs"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=po.environment(),
                             cwd="/", **po._identity(None))
    child.stdin.write(b"NOOP\r\n" * 12000 + b"".join(DIALOGUE))
    child.stdin.close()
    said = child.stdout.read()
    child.stdout.close()
    assert child.wait(DEADLINE_S) == 0
    assert len(said) > 150000 and said.count(QUEUED) == len(po.dropped()) == 1


# runs in a network of its own, where this host has another address too
OTHER_HOST = """
import fcntl, os, socket, struct, subprocess, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
def ioctl(request, name, data):
    fcntl.ioctl(s, request, struct.pack("16s16s", name, data))
ioctl(0x8914, b"lo", struct.pack("h", 0x49))  # SIOCSIFFLAGS: up
ioctl(0x8916, b"lo:1", struct.pack("hH4s", socket.AF_INET, 0, socket.inet_aton("192.0.2.1")))  # SIOCSIFADDR
family = socket.AF_INET6 if sys.argv[1] == "::" else socket.AF_INET
server = socket.create_server((sys.argv[1], 0), family=family, dualstack_ipv6=family == socket.AF_INET6)
client = socket.create_connection((sys.argv[2], server.getsockname()[1]))
taken, _ = server.accept()
child = subprocess.Popen(sys.argv[3:], stdin=taken, stdout=taken, stderr=taken)
taken.close()
client.sendall(b"EHLO x\\r\\nMAIL FROM:<s@example.org>\\r\\nRCPT TO:<a@example.net>\\r\\nDATA\\r\\nx\\r\\n.\\r\\n")
client.shutdown(socket.SHUT_WR)
said = b""
try:
    while data := client.recv(65536):
        said += data
except ConnectionResetError:
    pass
os.write(1, said)
sys.exit(child.wait())
"""


@pytest.mark.parametrize("listen,address,served", [("0.0.0.0", "127.0.0.1", True), ("0.0.0.0", "192.0.2.1", False),
                                                   ("0.0.0.0", "127.7.7.7", True), ("::", "192.0.2.1", False),
                                                   ("::", "127.0.0.1", True), ("::", "::1", True)])
def test_other_hosts_are_turned_away(system_po, listen, address, served):
    """Should it be made to listen for them, for then anybody could send."""
    done = subprocess.run(["unshare", "--net", sys.executable, "-c", OTHER_HOST, listen, address,
                           "setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", *system_po.command("sendmail", "-bs")],
                          capture_output=True, timeout=DEADLINE_S, env=system_po.environment())
    if served:
        assert (done.returncode, done.stdout.count(QUEUED), len(system_po.dropped())) == (0, 1, 1), done
    else:
        # stderr was the connection too: nothing but the reply is on it
        assert done.returncode == 77 and re.fullmatch(rb"554 5\.7\.1 [^\r\n]+\r\n", done.stdout), done
        assert system_po.dropped() == []


def test_a_wrong_configuration_is_told_as_a_reply(system_po, sink):
    service = Service(system_po, "xinetd")
    system_po.config_file.write_text('domain = "a b";\n')
    with service.connect() as sock:
        assert re.fullmatch(rb"421 4\.3\.5 [^\r\n]*domain[^\r\n]*\r\n", all_of(sock))
    done = system_po.sendmail("-bs", uid=USER)
    assert done.returncode == 78 and done.stdout.startswith("421 4.3.5 ") and done.stderr.startswith("sendmail: ")


def test_a_spool_that_takes_nothing_is_told_as_a_reply(service):
    (service.po.spool / "drop").chmod(0o755)
    with service.connect() as sock:
        sock.sendall(b"".join(DIALOGUE))
        said = all_of(sock)
    assert re.search(rb"^45[12] 4\.\d+\.\d+ .*drop", said, re.M) and QUEUED not in said, said
