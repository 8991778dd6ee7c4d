# SPDX-License-Identifier: ISC
"""Passwords for Postfix: the server side of Dovecot's authentication protocol 1.1 on a Unix socket, PLAIN and LOGIN.

    /usr/bin/python3 sasl_auth.py SOCKET USER PASSWORD

Postfix (smtpd_sasl_type = dovecot) sends "AUTH id MECH key=value..." and gets OK, CONT or FAIL.
"""
import base64
import os
import socketserver
import sys


class Connection(socketserver.StreamRequestHandler):
    def say(self, *fields):
        self.wfile.write(("\t".join(fields) + "\n").encode())

    def judge(self, number, user, password):
        if (user, password) == (self.server.user, self.server.password):
            self.say("OK", number, f"user={user}")
        else:
            self.say("FAIL", number, f"user={user}", "reason=wrong password")

    def go_on(self, number, mechanism, response):
        if mechanism == "PLAIN":
            parts = response.split(b"\0")
            if len(parts) == 3:
                self.judge(number, parts[1].decode("latin-1"), parts[2].decode("latin-1"))
            else:
                self.say("FAIL", number)
            return
        self.login.setdefault(number, []).append(response.decode("latin-1"))
        if len(self.login[number]) == 2:
            self.judge(number, *self.login.pop(number))
        else:
            self.say("CONT", number, base64.b64encode(b"Password:").decode())

    def begin(self, number, mechanism, parameters):
        self.mechanisms[number] = mechanism
        given = [p[5:] for p in parameters if p.startswith("resp=")]
        if given:
            self.go_on(number, mechanism, base64.b64decode(given[0]))
        else:
            prompt = b"" if mechanism == "PLAIN" else b"Username:"
            self.say("CONT", number, base64.b64encode(prompt).decode())

    def handle(self):
        self.mechanisms, self.login = {}, {}
        for line in (("VERSION", "1", "1"), ("MECH", "PLAIN", "plaintext"), ("MECH", "LOGIN", "plaintext"),
                     ("SPID", str(os.getpid())), ("CUID", "1"), ("COOKIE", "0" * 32), ("DONE",)):
            self.say(*line)
        for line in self.rfile:
            verb, *rest = line.decode().rstrip("\n").split("\t")
            if verb == "AUTH":
                self.begin(rest[0], rest[1], rest[2:])
            elif verb == "CONT":
                self.go_on(rest[0], self.mechanisms.get(rest[0]), base64.b64decode(rest[1]))


class Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


def main():
    path, user, password = sys.argv[1:]
    with Server(path, Connection) as server:
        server.user, server.password = user, password
        os.chmod(path, 0o666)
        server.serve_forever()


if __name__ == "__main__":
    main()
