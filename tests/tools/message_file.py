# SPDX-License-Identifier: ISC
"""Message files by another hand: written from spool-layout.md, without po's code, so that each proves the other.

    submit(drop, build(id, recipients, content, ...))     the way in, as any program could do it
    read_envelope(path), read(path) -> File(envelope, head, stamp, slots, content, whole)
"""
import collections
import os
import secrets
import time

CELL = 64
DIGITS = "0123456789BCDEFGHJKLMNPQRSTVWXYZ"
ENVELOPE_AT = 5 * CELL

File = collections.namedtuple("File", "envelope head stamp slots content whole")
Head = collections.namedtuple("Head", "generation state priority attempts due expires changed")
Slot = collections.namedtuple("Slot", "generation state attempt time reply status")


def _table():
    table = []
    for n in range(256):
        for _ in range(8):
            n = n >> 1 ^ (0x82F63B78 if n & 1 else 0)
        table.append(n)
    return table


TABLE = _table()


def crc32c(data, crc=0):
    crc ^= 0xFFFFFFFF
    for byte in data:
        crc = TABLE[(crc ^ byte) & 255] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def new_id(now=None):
    ms = int((time.time() if now is None else now) * 1000)
    number = ms << 80 | secrets.randbits(80)
    return "".join(DIGITS[number >> 5 * i & 31] for i in reversed(range(26)))


def folder_of(queue_id):
    number = 0
    for digit in queue_id:
        number = number << 5 | DIGITS.index(digit)
    return f"{number & 255:02x}"


def cell(text):
    body = text.encode().ljust(55)
    return body + f"{crc32c(body):08x}\n".encode()


BLANK = b" " * (CELL - 1) + b"\n"


def envelope_text(queue_id, recipients, sender="sender@example.org", **keys):
    """The keys in the order that the layout wants; `recipients` are addresses."""
    order = ("ret", "envid", "body", "mime", "smtputf8", "priority", "via", "due", "expires", "late", "tag", "key", "msgid")
    keys = {"body": "mail", "priority": "medium", "via": "sendmail", **keys}
    lines = [f"id={queue_id}", f"sender={sender}"]
    lines += [f"{k}={keys[k]}" for k in order if keys.get(k) is not None]
    lines += [f"rcpt={r}" for r in recipients]
    return "".join(line + "\n" for line in lines)


def build(queue_id, recipients, content, envelope=None, **keys):
    """The bytes of a file for drop/. `envelope` replaces the text that the other arguments make."""
    text = (envelope or envelope_text(queue_id, recipients, **keys)).encode()
    padded = text + b"\n" * (-len(text) % CELL)
    preamble = cell(f"PO1 {len(text):08x} {len(recipients):08x}")
    longest = max(len(line) for line in content.split(b"\n"))
    trailer = cell(f"T1 {len(content):016x} {crc32c(preamble + padded + content):08x} {longest:08x} "
                   f"{'8' if any(b > 127 for b in content) else '7'}")
    return preamble + 4 * BLANK + padded + len(recipients) * BLANK + content + trailer


def submit(drop, queue_id, data, owner=None):
    """Without a name until it is whole, linked, then synced; root may submit as somebody else."""
    own = os.stat(drop).st_mode & 0o7777 == 0o700
    folder = os.open(drop, os.O_PATH)
    fd = os.open(drop, os.O_TMPFILE | os.O_WRONLY, 0o600)
    try:
        os.write(fd, data)
        if owner:
            os.fchown(fd, owner, owner)
        os.fchmod(fd, 0o600 if own else 0o640)
        # Only with a folder's descriptor does Python call linkat(2), which follows the link in /proc.
        os.link(f"/proc/self/fd/{fd}", f"n.{queue_id}", dst_dir_fd=folder, follow_symlinks=True)
        os.fsync(fd)
    finally:
        os.close(fd)
        os.close(folder)


def _cell_ok(data):
    return len(data) == CELL and data[63:] == b"\n" and data[55:63] == f"{crc32c(data[:55]):08x}".encode()


def _head(data):
    if not _cell_ok(data):
        return None
    t = data.decode()
    return Head(int(t[3:11], 16), t[12], t[13], int(t[15:21], 16), int(t[22:32], 16), int(t[33:43], 16), int(t[44:54], 16))


def _slot(data):
    if not _cell_ok(data):
        return None
    t = data.decode()
    return Slot(int(t[3:11], 16), t[12], int(t[14:20], 16), int(t[21:31], 16), int(t[32:35]), t[36:47].strip())


def read_envelope(path):
    """The envelope's text, of a file in drop/ too."""
    with open(path, "rb") as f:
        data = f.read()
    return data[ENVELOPE_AT:ENVELOPE_AT + int(data[4:12], 16)].decode()


def read(path):
    with open(path, "rb") as f:
        data = f.read()
    length, slots = int(data[4:12], 16), int(data[13:21], 16)
    slots_at = ENVELOPE_AT + -(-length // CELL) * CELL
    content_at = slots_at + slots * CELL
    heads = [h for h in (_head(data[at:at + CELL]) for at in (64, 128)) if h]
    content, trailer = data[content_at:-CELL], data[-CELL:].decode("latin-1")
    summed = data[:CELL] + data[ENVELOPE_AT:slots_at] + content
    whole = _cell_ok(data[:CELL]) and _cell_ok(data[-CELL:]) and int(trailer[20:28], 16) == crc32c(summed)
    return File(data[ENVELOPE_AT:ENVELOPE_AT + length].decode(), max(heads) if heads else None,
                (int(data[195:203], 16), int(data[204:214], 16)) if _cell_ok(data[192:256]) else None,
                [_slot(data[slots_at + i * CELL:slots_at + (i + 1) * CELL]) for i in range(slots)], content, whole)
