# SPDX-License-Identifier: ISC
"""Certificates for the tests, made by openssl(1) at test time: a CA of our own, and servers that are right or wrong.

    Ca(folder).server("good")          -> Pair(cert, key) for localhost, valid
    .server("wrong-name")              for mail.wrong.example
    .server("expired")                 ended in 2021
    .server("unknown-ca")              signed by a CA that ca_file does not hold
    .server("by-a-server")             signed by a certificate that is no CA's; and more, see KINDS
"""
import collections
import os
import pathlib
import subprocess

Pair = collections.namedtuple("Pair", "cert key")

CONFIG = """\
[ca]
default_ca = ours
[ours]
database = {dir}/index.txt
new_certs_dir = {dir}
rand_serial = yes
default_md = {md}
policy = any
email_in_dn = no
unique_subject = no
copy_extensions = none
[any]
commonName = supplied
[server]
basicConstraints = critical,CA:false
{extensions}
[root]
basicConstraints = critical,CA:true
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[req]
distinguished_name = dn
[dn]
"""

# kind: the name in the certificate, the CA's folder, begin and end (ASN.1 time)
KINDS = {
    "good": ("localhost", "ca", "20200101000000Z", "20991231000000Z"),
    "wrong-name": ("mail.wrong.example", "ca", "20200101000000Z", "20991231000000Z"),
    "expired": ("localhost", "ca", "20200101000000Z", "20210101000000Z"),
    "unknown-ca": ("localhost", "other-ca", "20200101000000Z", "20991231000000Z"),
    "not-yet": ("localhost", "ca", "20980101000000Z", "20991231000000Z"),
    **{kind: ("localhost", "ca", "20200101000000Z", "20991231000000Z")
       for kind in ("cn-only", "part-wildcard", "all-wildcard", "client-only", "short-key", "weak-digest", "by-a-server")},
}
# what is not as in the others
EXTENSIONS = {"cn-only": "extendedKeyUsage = serverAuth", "client-only": "subjectAltName = DNS:{name}\nextendedKeyUsage = clientAuth",
              "part-wildcard": "subjectAltName = DNS:local*", "all-wildcard": "subjectAltName = DNS:*"}
BITS, DIGESTS = {"short-key": 1024}, {"weak-digest": "sha1"}


def openssl(*args):
    done = subprocess.run(["openssl", *map(str, args)], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == 0, f"openssl {args}: {done.stderr}"


class Ca:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.made = {}
        for name in ("ca", "other-ca"):
            self._make_root(self.folder / name, f"po tests {name}")
        self.ca_file = self.folder / "ca" / "ca.pem"

    def _make_root(self, folder, common_name):
        folder.mkdir(parents=True)
        config = folder / "openssl.cnf"
        config.write_text(CONFIG.format(dir=folder, extensions="", md="sha256"))
        (folder / "index.txt").write_text("")
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", folder / "ca.key", "-out", folder / "ca.pem",
                "-days", "30", "-subj", f"/CN={common_name}", "-config", config, "-extensions", "root")

    def server(self, kind):
        if kind not in self.made:
            self.made[kind] = self._make_server(kind)
        return self.made[kind]

    def _make_server(self, kind):
        name, root_name, begin, end = KINDS[kind]
        root = self.folder / root_name
        issuer = self.server("good") if kind == "by-a-server" else Pair(root / "ca.pem", root / "ca.key")
        here = self.folder / kind
        here.mkdir()
        config = here / "openssl.cnf"
        extensions = EXTENSIONS.get(kind, "subjectAltName = DNS:{name}\nextendedKeyUsage = serverAuth")
        config.write_text(CONFIG.format(dir=root, extensions=extensions.format(name=name), md=DIGESTS.get(kind, "sha256")))
        key, request, cert = here / "key.pem", here / "request.pem", here / "cert.pem"
        openssl("req", "-new", "-newkey", f"rsa:{BITS.get(kind, 2048)}", "-nodes", "-keyout", key, "-out", request, "-subj", f"/CN={name}",
                "-config", config)
        openssl("ca", "-batch", "-notext", "-config", config, "-cert", issuer.cert, "-keyfile", issuer.key,
                "-in", request, "-out", cert, "-extensions", "server", "-startdate", begin, "-enddate", end)
        if kind == "by-a-server":
            cert.write_text(cert.read_text() + issuer.cert.read_text())
        os.chmod(key, 0o600)
        return Pair(cert, key)
