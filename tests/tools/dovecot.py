# SPDX-License-Identifier: ISC
"""Debian's Dovecot as the mailboxes behind LMTP (see debian.py): on a TCP port of loopback and on a Unix socket.

Mailboxes of mailbox.example: bob and carol take mail; full is over quota, for now (452) or, as overflow, for ever (552);
broken cannot be written to (451). Anybody else is unknown (550 5.1.1).

On another socket, `auth`, another server can ask who somebody is: joe, by his password; whoever comes with a token, by what
the server of tokens on the port `tokens` says to it, which a test runs.
"""
import os

import debian

DOMAIN = "mailbox.example"

CONF = """\
protocols = lmtp
base_dir = {dir}/run
state_dir = {dir}/state
log_path = {dir}/log/all
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
auth_mechanisms = {mechanisms} oauthbearer xoauth2
passdb {{
  driver = oauth2
  mechanisms = oauthbearer xoauth2
  args = {dir}/oauth2.conf
}}
passdb {{
  driver = passwd-file
  mechanisms = {mechanisms}
  args = {dir}/users
}}
userdb {{
  driver = passwd-file
  args = {dir}/users
}}
plugin {{
  quota = maildir:User quota
}}
service auth {{
  unix_listener {dir}/auth {{
    mode = 0666
  }}
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

MECHANISMS = "plain login cram-md5 scram-sha-1 scram-sha-256"

TOKENS_CONF = """\
introspection_mode = post
introspection_url = http://127.0.0.1:{port}/
username_attribute = username
active_attribute = active
active_value = true
"""

USERS_FILE = """\
joe@mailbox.example:{{PLAIN}}{password}:{uid}:{uid}::::
bob@mailbox.example:{{PLAIN}}x:{uid}:{uid}::::
carol@mailbox.example:{{PLAIN}}x:{uid}:{uid}::::
full@mailbox.example:{{PLAIN}}x:{uid}:{uid}::::userdb_quota_rule=*:storage=1K userdb_quota_full_tempfail=yes
overflow@mailbox.example:{{PLAIN}}x:{uid}:{uid}::::userdb_quota_rule=*:storage=1K
broken@mailbox.example:{{PLAIN}}x:{uid}:{uid}::::userdb_mail=maildir:/proc/nowhere
"""


class Dovecot(debian.Server):
    PACKAGES = ("dovecot-core", "dovecot-lmtpd", "libapparmor1", "libexttextcat-2.0-0", "liblua5.4-0", "libsodium23",
                "libstemmer0d", "libunwind8", "libwrap0")
    USERS = {"dovecot": 2993, "dovenull": 2994, "vmail": 2992}
    user, password = "joe@mailbox.example", "correct horse"
    COMMAND = '/usr/sbin/dovecot -F -c "$2/dovecot.conf"'

    def lay_out(self):
        self.socket = self.folder / "socket"
        for name in ("run", "state", "log"):
            (self.folder / name).mkdir()
        self.folder_of("vmail", "maildir")
        (self.folder / "users").write_text(USERS_FILE.format(uid=self.USERS["vmail"], password=self.password))
        (self.folder / "dovecot.conf").write_text(CONF.format(dir=self.folder, port=self.port,
                                                                      mechanisms=MECHANISMS))
        self.auth, self.tokens = self.folder / "auth", debian.free_port()
        (self.folder / "oauth2.conf").write_text(TOKENS_CONF.format(port=self.tokens))

    def maildir(self, user):
        """The messages that arrived for a mailbox, as bytes."""
        return [p.read_bytes() for p in sorted((self.folder / "maildir" / user / "new").glob("*"))]
