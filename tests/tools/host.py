# SPDX-License-Identifier: ISC
"""A view of this machine where po is the sendmail of the system.

Programs are run in a mount namespace of their own, in which /usr/sbin/sendmail, /usr/lib/sendmail, mailq and newaliases
are the programs under test. Nothing of it is seen outside, and it ends with the program. Needs root and overlayfs.
"""
import shlex
import subprocess

from po import DEADLINE_S

STAND_IN = """#!/bin/sh
# callers clean the environment: the configuration is named here
PO_CONFIG={config} exec {program} "$@"
"""


def why_not():
    """None, or why this machine cannot do it."""
    probe = subprocess.run(["unshare", "--mount", "sh", "-c",
                            "mount -t tmpfs t /mnt && mkdir /mnt/u /mnt/w && "
                            "mount -t overlay -o lowerdir=/usr/sbin,upperdir=/mnt/u,workdir=/mnt/w o /usr/sbin"],
                           capture_output=True, text=True)
    return None if probe.returncode == 0 else f"no overlay mount: {probe.stderr.strip()}"


class Host:
    def __init__(self, po):
        self.po = po
        self.tools = po.base / "tools"
        self.tools.mkdir()
        for name in ("sendmail", "mailq", "newaliases"):
            file = self.tools / name
            file.write_text(STAND_IN.format(config=shlex.quote(str(po.config_file)), program=shlex.quote(str(po.build / name))))
            file.chmod(0o755)

    def mounts(self, more=""):
        layers = "".join(f"""
            mkdir /mnt/{n} /mnt/{n}/u /mnt/{n}/w &&
            mount -t overlay -o lowerdir={folder},upperdir=/mnt/{n}/u,workdir=/mnt/{n}/w overlay {folder} &&
            """ for n, folder in enumerate(("/usr/sbin", "/usr/lib", "/usr/bin")))
        return f"""
            mount -t tmpfs -o mode=755 tmpfs /mnt && {layers}
            cp --remove-destination {self.tools}/sendmail {self.tools}/mailq {self.tools}/newaliases /usr/sbin/ &&
            cp --remove-destination {self.tools}/sendmail /usr/lib/sendmail &&
            cp --remove-destination {self.tools}/mailq {self.tools}/newaliases /usr/bin/ &&
            mount --bind {self.po.build} {self.po.installed_at()} &&
            {more or ':'} || exit 99
        """

    def run(self, *command, uid=None, input=b"", mounts="", env=None, timeout=DEADLINE_S):
        """Run in that view as `uid` (root when None); the result's outputs are text."""
        if uid is not None:
            command = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", *command]
        environment = {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL": "C.UTF-8", "HOME": "/nonexistent", **(env or {})}
        done = subprocess.run(["unshare", "--mount", "sh", "-c", self.mounts(mounts) + 'exec "$0" "$@"', *map(str, command)],
                              input=input, capture_output=True, timeout=timeout, env=environment, cwd="/")
        assert done.returncode != 99, done.stderr
        done.stdout = done.stdout.decode("utf-8", "replace")
        done.stderr = done.stderr.decode("utf-8", "replace")
        return done
