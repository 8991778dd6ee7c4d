# SPDX-License-Identifier: ISC
"""Debian's Exim on loopback (see debian.py): takes mail for anybody, each recipient's into one Maildir."""
import debian

CONF = """\
primary_hostname = mx.example
spool_directory = {dir}/spool
log_file_path = {dir}/log/%slog
pid_file_path = {dir}/spool/pid
local_interfaces = 127.0.0.1
daemon_smtp_ports = {port}
deliver_drop_privilege
host_lookup =
acl_smtp_rcpt = accept
smtp_accept_queue_per_connection = 0
begin acl
begin routers
all:
  driver = accept
  transport = box
begin transports
box:
  driver = appendfile
  maildir_format
  directory = {dir}/maildir
  envelope_to_add
  return_path_add
"""


class Exim(debian.Server):
    PACKAGES = ("exim4-daemon-light", "exim4-base", "libdb5.3", "libnsl2", "libtirpc3", "libgnutls-dane0", "libunbound8", "libidn12",
                "libevent-2.1-7")
    USERS = {"Debian-exim": 2996}
    COMMAND = "/usr/sbin/exim4 -bdf -q1h"

    def lay_out(self):
        (self.folder / "etc" / "exim4").mkdir()
        (self.folder / "etc" / "exim4" / "exim4.conf").write_text(CONF.format(port=self.port, dir=self.folder))
        self.folder_of("Debian-exim", "spool", "log", "maildir")
