# SPDX-License-Identifier: ISC
"""A name server with a zone of a few lines, and with every way to answer badly.

    zone = {"example.net": {"MX": ["10 mx1.example.net", "20 mx2.example.net"]},
            "mx1.example.net": {"A": ["127.0.0.2"], "AAAA": ["::1"]},
            "alias.example": {"CNAME": ["example.net"]},
            "broken.example": "servfail"}          or "refused", "silent", "garbage", "loop"; bytes: sent as they are
    with NameServer(zone) as dns:
        dns.at        "127.0.0.1:PORT", by UDP and TCP
        dns.asked     (name, type) of each question, in order
        dns.zone      may be changed at any time

It follows aliases as a resolver does. A name that is not in the zone does not exist (NXDOMAIN), one that has nothing of
the type has no data. What is too large for UDP is told so, and sent by TCP.
"""
import socket
import struct
import threading

from dnslib import AAAA, CNAME, MX, QTYPE, RCODE, RR, A, DNSRecord

KINDS = {"MX": lambda text: MX(text.split()[1], int(text.split()[0])), "A": A, "AAAA": AAAA, "CNAME": CNAME}
MOST_ALIASES = 8


class NameServer:
    def __init__(self, zone):
        self.zone, self.asked = zone, []
        self.udp, self.tcp = self._bind()
        self.at = "127.0.0.1:%d" % self.udp.getsockname()[1]
        self.open = True
        self.threads = [threading.Thread(target=run, daemon=True) for run in (self._serve_udp, self._serve_tcp)]

    @staticmethod
    def _bind():
        """One port that is free for both."""
        while True:
            tcp, udp = socket.socket(), socket.socket(type=socket.SOCK_DGRAM)
            tcp.bind(("127.0.0.1", 0))
            try:
                udp.bind(tcp.getsockname())
            except OSError:
                tcp.close()
                udp.close()
                continue
            tcp.listen()
            return udp, tcp

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.open = False
        for sock in (self.udp, self.tcp):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # a socket of UDP wakes all the same
        for thread in self.threads:
            thread.join()
        self.udp.close()
        self.tcp.close()

    # ---------------------------------------------------------------- answers

    def _look_up(self, reply, name, kind):
        """Append what the zone has; the response code, or the word that says how to answer badly."""
        for _ in range(MOST_ALIASES):
            entry = self.zone.get(name.rstrip(".").lower())
            if entry is None:
                return "NXDOMAIN"
            if not isinstance(entry, dict):
                return entry
            if "CNAME" not in entry:
                for text in entry.get(kind, []):
                    reply.add_answer(RR(name, QTYPE.reverse[kind], rdata=KINDS[kind](text), ttl=60))
                return "NOERROR"
            reply.add_answer(RR(name, QTYPE.CNAME, rdata=CNAME(entry["CNAME"][0]), ttl=60))
            name = entry["CNAME"][0]
        return "SERVFAIL"

    def _answer(self, wire, limit):
        question = DNSRecord.parse(wire)
        name, kind = str(question.q.qname), QTYPE[question.q.qtype]
        self.asked.append((name.rstrip("."), kind))
        reply = question.reply()
        word = self._look_up(reply, name, kind)
        if isinstance(word, bytes):
            return wire[:2] + word
        if word == "silent":
            return None
        if word == "garbage":
            return wire[:2] + b"\x81\x80" + b"\xff" * 200
        if word == "loop":  # a compressed name that points at itself
            end = 12 + sum(len(label) + 1 for label in question.q.qname.label) + 1 + 4
            return (wire[:2] + struct.pack("!5H", 0x8180, 1, 1, 0, 0) + wire[12:end] + b"\xc0\x0c"
                    + struct.pack("!HHIHH", question.q.qtype, 1, 60, 4, 10) + struct.pack("!H", 0xC000 | end + 14))
        reply.header.rcode = getattr(RCODE, word.upper())
        packed = reply.pack()
        if len(packed) <= limit:
            return packed
        short = question.reply()
        short.header.tc = 1
        return short.pack()

    def _serve_udp(self):
        while self.open:
            wire, peer = self.udp.recvfrom(65535)
            answer = self._answer(wire, 512) if wire else None
            if answer is not None:
                self.udp.sendto(answer, peer)

    def _serve_tcp(self):
        while self.open:
            try:
                conn, _ = self.tcp.accept()
            except OSError:
                return
            threading.Thread(target=self._serve_connection, args=(conn,), daemon=True).start()

    def _serve_connection(self, conn):
        with conn:
            while head := conn.recv(2, socket.MSG_WAITALL):
                answer = self._answer(conn.recv(struct.unpack("!H", head)[0], socket.MSG_WAITALL), 65535)
                if answer is not None:
                    conn.sendall(struct.pack("!H", len(answer)) + answer)
