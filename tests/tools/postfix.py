# SPDX-License-Identifier: ISC
"""Debian's Postfix on loopback, without installing it: the package is fetched and unpacked below a cache folder, and
runs in mount and process namespaces of its own (its /usr is an overlay, its users exist only there), so that no service,
user or file of the machine is touched. TLS on each listener, AUTH wanted, all mail into one Maildir. Without a listener
it is there for its queue: run() calls its programs inside.
"""
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys

import debian
from wait import wait_for

PACKAGES = ("postfix", "libnsl2", "libtirpc3", "libsasl2-2", "libdb5.3", "libicu72")
HERE = pathlib.Path(__file__).parent

MAIN_CF = """\
compatibility_level = 3.6
queue_directory = {dir}/queue
data_directory = {dir}/data
maillog_file = {dir}/log/maillog
maillog_file_prefixes = {dir}/log
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
meta_directory = {dir}/etc
shlib_directory = /usr/lib/postfix
mail_owner = postfix
setgid_group = postdrop
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mx.example
mydestination =
alias_maps =
alias_database =
local_recipient_maps =
virtual_mailbox_domains = static:all
virtual_mailbox_base = {dir}/maildir
virtual_mailbox_maps = static:all/
virtual_minimum_uid = 1
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{uid}
mynetworks =
smtpd_client_restrictions =
smtpd_relay_restrictions = permit_sasl_authenticated, reject
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = {dir}/auth/socket
smtpd_tls_security_level = encrypt
smtpd_tls_auth_only = yes
smtpd_tls_loglevel = 1
smtpd_peername_lookup = no
message_size_limit = 104857600
mailbox_size_limit = 0
virtual_mailbox_limit = 0
"""

MASTER_CF = """\
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
pickup unix n - n 60 1 pickup
showq unix n - n - - showq
smtp unix - - n - - smtp
"""

LISTENER = """\
127.0.0.1:{port} inet n - n - - smtpd
  -o smtpd_tls_cert_file={cert}
  -o smtpd_tls_key_file={key}
  -o smtpd_tls_wrappermode={wrapped}
"""

START = """\
set -e
mount --make-rprivate /
mount -t proc proc /proc
mount -t overlay overlay -o lowerdir="$1/usr:/usr" /usr
mount --bind "$2/etc/passwd" /etc/passwd
mount --bind "$2/etc/group" /etc/group
exec /usr/sbin/postfix -c "$2/etc" start-fg
"""

USERS = {"postfix": 2990, "postdrop": 2991, "vmail": 2992}
VMAIL = USERS["vmail"]


class Postfix:
    """ports[(kind, wrapped)] is where the certificate `kind` is shown: wrapped (implicit TLS) or after STARTTLS."""

    user, password = "joe", "correct horse"

    def __init__(self, folder, ca=None, kinds=("good", "wrong-name", "unknown-ca", "expired")):
        self.folder = pathlib.Path(folder)
        self.ports = {(kind, wrapped): debian.free_port() for kind in kinds for wrapped in (False, True)}
        tree = debian.unpacked("postfix", PACKAGES)
        self._lay_out(tree, ca)
        self.auth = subprocess.Popen([sys.executable, str(HERE / "sasl_auth.py"), str(self.folder / "auth" / "socket"),
                                      self.user, self.password])
        self.process = subprocess.Popen(
            ["unshare", "-m", "-p", "-f", "--kill-child", "sh", "-c", START, "sh", str(tree), str(self.folder)],
            stdin=subprocess.DEVNULL, stdout=(self.folder / "out").open("w"), stderr=subprocess.STDOUT)
        try:
            wait_for(self._answers, "Postfix answers on all its ports", 90)
        except AssertionError as e:
            self.stop()
            raise AssertionError(f"{e}\n{self.log()}") from None

    def _lay_out(self, tree, ca):
        for name in ("etc", "queue", "data", "log", "maildir", "auth"):
            (self.folder / name).mkdir(parents=True)
        os.chown(self.folder / "data", USERS["postfix"], 0)
        os.chown(self.folder / "maildir", VMAIL, VMAIL)
        etc = self.folder / "etc"
        (etc / "main.cf").write_text(MAIN_CF.format(dir=self.folder, uid=VMAIL))
        master = MASTER_CF
        for (kind, wrapped), port in self.ports.items():
            pair = ca.server(kind)
            master += LISTENER.format(port=port, cert=pair.cert, key=pair.key, wrapped="yes" if wrapped else "no")
        (etc / "master.cf").write_text(master)
        for name in ("postfix-files", "postfix-script", "post-install"):
            shutil.copy(tree / "etc" / "postfix" / name, etc)
        shutil.copy(tree / "usr" / "share" / "postfix" / "dynamicmaps.cf", etc)
        passwd, group = (pathlib.Path(f).read_text() for f in ("/etc/passwd", "/etc/group"))
        for name, number in USERS.items():
            passwd += f"{name}:x:{number}:{number}::/nonexistent:/bin/false\n"
            group += f"{name}:x:{number}:\n"
        (etc / "passwd").write_text(passwd)
        (etc / "group").write_text(group)

    def run(self, program, *args, input=b""):
        """Run one of Postfix's programs where it lives; what it printed, as bytes."""
        inside, = self._inside()
        done = subprocess.run(["nsenter", "-t", inside, "-m", "-p", "--", f"/usr/sbin/{program}", *map(os.fsencode, args)],
                              input=input, capture_output=True, timeout=60, cwd="/",
                              env={"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "MAIL_CONFIG": str(self.folder / "etc"),
                                   "TZ": "UTC"})
        assert done.returncode == 0, f"{program} {args}: {done}\n{self.log()}"
        return done.stdout

    def configure(self, **settings):
        """Settings of main.cf that count instead of those above, from now on."""
        self.run("postconf", "-e", *(f"{name} = {value}" for name, value in settings.items()))
        self.run("postfix", "reload")

    def listed(self):
        """The queue, as dicts."""
        return [json.loads(line) for line in self.run("postqueue", "-j").decode().splitlines()]

    def _inside(self):
        """The first process of the namespace."""
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return children.read_text().split() if children.exists() else []

    def _answers(self):
        if not (self.folder / "queue" / "public" / "showq").exists():
            return False
        for (_, wrapped), port in self.ports.items():
            try:
                with socket.create_connection(("127.0.0.1", port), timeout=5) as s:
                    if not wrapped and not s.recv(100).startswith(b"220 "):
                        return False
            except OSError:
                return False
        return True

    def log(self):
        return "".join(p.read_text() for p in (self.folder / "out", self.folder / "log" / "maillog") if p.exists())

    def maildir(self, address):
        """The messages that arrived for an address, as bytes."""
        every = (p.read_bytes() for p in sorted((self.folder / "maildir" / "all" / "new").glob("*")))
        return [m for m in every if f"\nX-Original-To: {address}\n".encode() in m]

    def stop(self):
        # The first process of the namespace takes all others with it.
        for pid in self._inside():
            os.kill(int(pid), signal.SIGKILL)
        for process in (self.process, self.auth):
            process.kill()
            process.wait()


def without_trace(message):
    """A delivered message without what Postfix put on top of it: Return-Path, X-Original-To, Delivered-To, Received."""
    lines = message.split(b"\n")
    at = 0
    for name in (b"Return-Path:", b"X-Original-To:", b"Delivered-To:", b"Received:"):
        assert lines[at].startswith(name), f"expected {name} in {lines[:8]}"
        at += 1
        while lines[at][:1] in (b" ", b"\t"):
            at += 1
    return b"\n".join(lines[at:])
