# SPDX-License-Identifier: ISC
"""Debian's OpenSMTPD on loopback (see debian.py): takes mail for anybody, each recipient's into one Maildir."""
import os

import debian

CONF = """\
listen on 127.0.0.1 port {port} hostname mx.example
action "box" maildir "{dir}/maildir" virtual {{ "@" = vmail }}
match from any for any action "box"
"""

QUEUE = {"offline": ("root", 0o770), "purge": ("opensmtpq", 0o700), "queue": ("opensmtpq", 0o700),
         "corrupt": ("opensmtpq", 0o700)}


class OpenSmtpd(debian.Server):
    PACKAGES = ("opensmtpd", "libevent-2.1-7", "libdb5.3")
    USERS = {"opensmtpd": 2997, "opensmtpq": 2998, "vmail": 2992}
    MOUNTS = 'mount --bind "$2/spool" /var/spool; mount --bind "$2/lib" /var/lib; mount -t tmpfs tmpfs /run'
    COMMAND = '/usr/sbin/smtpd -d -f "$2/smtpd.conf"'

    def lay_out(self):
        (self.folder / "smtpd.conf").write_text(CONF.format(port=self.port, dir=self.folder))
        (self.folder / "lib" / "opensmtpd" / "empty").mkdir(parents=True)
        (self.folder / "spool" / "smtpd").mkdir(parents=True, mode=0o711)
        for name, (user, mode) in QUEUE.items():
            place = self.folder / "spool" / "smtpd" / name
            place.mkdir()
            os.chown(place, self.USERS.get(user, 0), self.USERS["opensmtpq"] if name == "offline" else 0)
            place.chmod(mode)
        self.folder_of("vmail", "maildir")
