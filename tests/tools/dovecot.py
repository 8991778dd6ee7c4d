# SPDX-License-Identifier: ISC
"""Debian's Dovecot as the mailboxes behind LMTP (see debian.py): on a TCP port of loopback and on a Unix socket.

Mailboxes of mailbox.example: bob and carol take mail; full is over quota, for now (452) or, as overflow, for ever (552);
broken cannot be written to (451). Anybody else is unknown (550 5.1.1).
"""
import os
import pathlib
import signal
import socket
import subprocess

import debian
from wait import wait_for

PACKAGES = ("dovecot-core", "dovecot-lmtpd", "libapparmor1", "libexttextcat-2.0-0", "liblua5.4-0", "libsodium23",
            "libstemmer0d", "libunwind8", "libwrap0")
DOMAIN = "mailbox.example"

CONF = """\
protocols = lmtp
base_dir = {dir}/run
state_dir = {dir}/state
log_path = {dir}/log
ssl = no
hostname = mailbox.example
default_internal_user = dovecot
default_internal_group = dovecot
default_login_user = dovenull
first_valid_uid = 1
mail_location = maildir:{dir}/maildir/%n
mail_plugins = quota
lmtp_save_to_detail_mailbox = no
recipient_delimiter = +
passdb {{
  driver = passwd-file
  args = {dir}/users
}}
userdb {{
  driver = passwd-file
  args = {dir}/users
}}
plugin {{
  quota = maildir:User quota
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
service lmtp {{
  user = vmail
  unix_listener {dir}/socket {{
    mode = 0666
  }}
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {port}
  }}
}}
"""

USERS_FILE = """\
bob@mailbox.example:{{PLAIN}}x:{uid}:{uid}::::
carol@mailbox.example:{{PLAIN}}x:{uid}:{uid}::::
full@mailbox.example:{{PLAIN}}x:{uid}:{uid}::::userdb_quota_rule=*:storage=1K userdb_quota_full_tempfail=yes
overflow@mailbox.example:{{PLAIN}}x:{uid}:{uid}::::userdb_quota_rule=*:storage=1K
broken@mailbox.example:{{PLAIN}}x:{uid}:{uid}::::userdb_mail=maildir:/proc/nowhere
"""

START = """\
set -e
mount --make-rprivate /
mount -t proc proc /proc
mount -t overlay overlay -o lowerdir="$1/usr:/usr" /usr
mount --bind "$2/passwd" /etc/passwd
mount --bind "$2/group" /etc/group
exec /usr/sbin/dovecot -F -c "$2/dovecot.conf"
"""

USERS = {"dovecot": 2993, "dovenull": 2994, "vmail": 2992}


class Dovecot:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.port = debian.free_port()
        self.socket = self.folder / "socket"
        tree = debian.unpacked("dovecot", PACKAGES)
        self._lay_out()
        self.process = subprocess.Popen(
            ["unshare", "-m", "-p", "-f", "--kill-child", "sh", "-c", START, "sh", str(tree), str(self.folder)],
            stdin=subprocess.DEVNULL, stdout=(self.folder / "out").open("w"), stderr=subprocess.STDOUT)
        try:
            wait_for(self._answers, "Dovecot answers", 30)
        except AssertionError as e:
            self.stop()
            raise AssertionError(f"{e}\n{self.log()}") from None

    def _lay_out(self):
        for name in ("run", "state", "maildir"):
            (self.folder / name).mkdir(parents=True)
        os.chown(self.folder / "maildir", USERS["vmail"], USERS["vmail"])
        passwd, group = (pathlib.Path(f).read_text() for f in ("/etc/passwd", "/etc/group"))
        for name, number in USERS.items():
            passwd += f"{name}:x:{number}:{number}::/nonexistent:/bin/false\n"
            group += f"{name}:x:{number}:\n"
        (self.folder / "passwd").write_text(passwd)
        (self.folder / "group").write_text(group)
        (self.folder / "users").write_text(USERS_FILE.format(uid=USERS["vmail"]))
        (self.folder / "dovecot.conf").write_text(CONF.format(dir=self.folder, port=self.port))

    def _answers(self):
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as s:
                return s.recv(100).startswith(b"220 ")
        except OSError:
            return False

    def log(self):
        return "".join(p.read_text() for p in (self.folder / "out", self.folder / "log") if p.exists())

    def maildir(self, user):
        """The messages that arrived for a mailbox, as bytes."""
        return [p.read_bytes() for p in sorted((self.folder / "maildir" / user / "new").glob("*"))]

    def stop(self):
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        for pid in children.read_text().split() if children.exists() else []:
            os.kill(int(pid), signal.SIGKILL)
        self.process.kill()
        self.process.wait()
