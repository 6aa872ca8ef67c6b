#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Peers that break the rules of docs/control.md and docs/protocol.md, written from these alone.

bad_peer.py frames PORT      to a collector: what is no control frame, or no message
bad_peer.py order PORT       to a collector: messages out of order, or with wrong fields
bad_peer.py idle PORT        to a collector: a hello, and nothing more
bad_peer.py asking PORT      to a collector: 5000 times for what is not there
bad_peer.py names PORT       to a collector: names that leave its folder
bad_peer.py sizes PORT       to a collector: sizes and counts that are lies
bad_peer.py packets PORT     to a collector: an honest offer, then packets that lie
bad_peer.py collect FILE HOW to an exporter: a collector that misbehaves; writes its port to FILE
bad_peer.py spray SECONDS ADDRESS PORT ...  garbage, and cut and damaged packets, to UDP ports

Ends with a sentence and status 1 when it gets another answer than it should.
"""
import itertools
import json
import os
import random
import select
import socket
import struct
import sys
import time

from tls_peer import TlsSocket

CHUNK = 262144
numbers = itertools.count(1)
seal = "aes-128-gcm"


class Peer:
    def __init__(self, connection):
        self.socket = connection
        self.socket.settimeout(10)
        self.stream = connection.makefile("rb")

    def say(self, *messages):
        for message in messages:
            text = message if isinstance(message, bytes) else json.dumps(message).encode()
            self.socket.sendall(struct.pack(">I", len(text)) + text)

    def hear(self):
        """The next message; None at the end of the stream."""
        try:
            head = self.stream.read(4)
            if len(head) < 4:
                return None
            return json.loads(self.stream.read(struct.unpack(">I", head)[0]))
        except (ConnectionResetError, BrokenPipeError):
            return None

    def hear_until(self, *types):
        """The first message of one of these types."""
        while True:
            message = self.hear()
            if message is None or message["type"] in types:
                return message

    def close(self):
        self.stream.close()
        self.socket.close()


def dial(port):
    return Peer(TlsSocket(socket.create_connection(("127.0.0.1", port), 10)))


def hello(role, **changes):
    message = {
        "type": "hello", "versions": {"min": 1, "max": 1}, "role": role, "features": [],
        "software": "bad peer", "seal": seal, "epoch": 1,
        "connection_id": "%016x" % random.getrandbits(64),
        "address": {"mac": None, "ip": "127.0.0.1", "udp_port": 9, "mtu": 1500},
        "chunk_bytes": CHUNK, "payload_bytes": 1408, "window_bytes": 1 << 26}
    message.update(changes)
    return message


def file(path, size=1, **changes):
    entry = {"path": path, "size": size, "mtime_ns": 0, "mode": 420, "kind": "file"}
    entry.update(changes)
    return {name: value for name, value in entry.items() if value is not None or name == "size"}


def offer(*files, **changes):
    message = {
        "type": "offer", "transfer": "%032x" % random.getrandbits(128), "channel": 0,
        "chunk_bytes": CHUNK, "total_files": len(files),
        "total_bytes": min(sum(one["size"] or 0 for one in files), (1 << 62) - 1),
        "files": list(files)}
    message.update(changes)
    return message


def fail(what):
    sys.exit("bad_peer.py: " + what)


def expect(what, message, types, code=None):
    if message is None:
        if None not in types:
            fail("%s: the connection was closed without %s" % (what, types))
    elif message["type"] not in types or (code and message.get("code") != code):
        fail("%s: got %s instead of %s %s" % (what, message, types, code or ""))
    print("%s: %s" % (what, message and (message.get("code"), message.get("text"))))


def refused(port, what, messages, code=None, types=("refuse", "error", "file_failed")):
    """Says the messages; the answer has to be a refusal with the code."""
    peer = dial(port)
    try:
        peer.say(messages[0])
        if len(messages) > 1 and isinstance(messages[0], dict) and messages[0]["type"] == "hello":
            expect("hello", peer.hear(), ("hello",))
        peer.say(*messages[1:])
    except OSError:
        pass  # closed already: what it said is still to be read
    expect(what, peer.hear_until("refuse", "error", "file_failed", "done"), types, code)
    peer.close()


# ---- to a collector: frames

def frames(port):
    raw = {
        "nothing": b"", "HTTP": b"GET / HTTP/1.0\r\n\r\n", "4 GiB": b"\xff\xff\xff\xff" + b"x" * 4096,
        "cut": struct.pack(">I", 1 << 20) + b"x", "empty": struct.pack(">I", 0),
        "1 MiB and one": struct.pack(">I", (1 << 20) + 1) + b"x" * 10}
    for seed in range(24):
        raw["random %d" % seed] = random.Random(seed).randbytes(1 + 97 * seed)
    for what, data in raw.items():
        peer = dial(port)
        try:
            peer.socket.sendall(data)
            peer.socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        message = peer.hear_until("error")
        expect(what, message, (None, "error"), "protocol")
        peer.close()
    texts = {
        "no JSON": b"{", "a list": b"[]", "deep": b"[" * 500000,
        "deep objects": b'{"a":' * 100000, "wide": b'{"type":"hello","x":[' + b"0," * 400000 + b"0]}",
        "bytes": b"\xff\xfe\x00", "twice": b'{"type":"hello","type":"hello"}', "no type": b"{}",
        "large number": b'{"type":"hello","epoch":' + b"9" * 4000 + b"}",
        "nul": b'{"type":"hello","software":"a\\u0000b"}'}
    for what, text in texts.items():
        refused(port, what, [text], "protocol")


def order(port):
    first = hello("export")
    refused(port, "version", [hello("export", versions={"min": 2, "max": 9})], "version")
    refused(port, "two collectors", [hello("collect")], "protocol")
    refused(port, "seal", [hello("export", seal="aes")], "seal")
    refused(port, "chunk", [hello("export", chunk_bytes=4096)], "limit")
    refused(port, "no hello", [offer(file("a"))], "protocol")
    refused(port, "two hellos", [first, first], "protocol")
    refused(port, "epoch", [hello("export", epoch="x")], "protocol")
    refused(port, "fraction", [hello("export", epoch=1.5)], "protocol")
    refused(port, "UDP port", [hello("export", address={"udp_port": 0})], "protocol")
    for message in (
            {"type": "accept", "transfer": "%032x" % 1, "channel": 0, "files_end": 1, "have": []},
            {"type": "stored", "channel": 0, "batch": 0, "files": [[0, 0]]},
            {"type": "digest", "channel": 3, "files": []},
            {"type": "last", "channel": 9, "files": 0, "bytes": 0},
            {"type": "skip", "channel": 0, "file": 0, "from": 0, "code": "other", "text": ""},
            {"type": "same", "channel": 0, "files": [[5, 3]]},
            {"type": "offer_more", "transfer": "%032x" % 1, "channel": 4, "first": 0, "files": []}):
        refused(port, message["type"] + " before an offer", [first, message], "protocol")
    refused(port, "channel twice", [first, offer(file("a")), offer(file("b"))], "protocol")
    refused(port, "last of others",
            [first, offer(file("a")), {"type": "last", "channel": 0, "files": 5, "bytes": 0}],
            "protocol")
    refused(port, "mode", [first, offer(file("a", mode=0o7777777))], "protocol")
    refused(port, "kind", [first, offer(file("a", kind="symlink"))], "protocol")
    refused(port, "folder with a size", [first, offer(file("a", 5, kind="dir"))], "protocol")
    refused(port, "base64", [first, offer(file(None, path_b64="!!!"))], "protocol")


def idle(port):
    refused(port, "nothing is offered", [hello("export")], "idle")


def asking(port):
    peer = dial(port)
    peer.say(hello("export"))
    expect("hello", peer.hear(), ("hello",))
    for part in range(50):
        peer.say(*[{"type": "attach", "transfer": "%032x" % one, "channel": one, "epoch": 5}
                   for one in range(part * 100, part * 100 + 100)])
        for _ in range(100):
            if peer.hear_until("refuse") is None:
                fail("the connection was closed")
    peer.close()


def names(port):
    for path in ("../escape", "a/../../escape", "/tmp/dps-escape", "..", "a/..", "way-out/escape",
                 "a//b", "a/", "./a", ".dpdk-streamd/a", "x" * 300):
        refused(port, path[:40], [hello("export"), offer(file(path))],
                types=("refuse", "file_failed"))
    for path in ("", "x/" * 3000):
        refused(port, "%d bytes" % len(path), [hello("export"), offer(file(path))], "protocol")
    refused(port, "way out in base64",
            [hello("export"), offer(file(None, path_b64="Li4vZXNjYXBl"))], "bad_name")
    refused(port, "one name twice", [hello("export"), offer(file("a"), file("a"))], "bad_name")
    refused(port, "below a file", [hello("export"), offer(file("a"), file("a/b"))], "bad_name")


def sizes(port):
    largest = (1 << 62) - 1
    refused(port, "4 EiB", [hello("export"), offer(file("a", largest))], "space")
    # Their sum is 2^64: nothing, when it wraps.
    refused(port, "a sum that wraps",
            [hello("export"), offer(*[file("f%d" % i, largest) for i in range(4)],
                                    file("g", 4), total_bytes=4)], "space")
    refused(port, "files", [hello("export"), offer(file("a"), total_files=1 << 29)], "limit")
    refused(port, "more files", [hello("export"), offer(file("a"), total_files=1 << 60)],
            "protocol")
    refused(port, "negative", [hello("export"), offer(file("a", -1))], "protocol")


# ---- to a collector: packets

def make_crc_table():
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


CRC = make_crc_table()
DATA, ACK, PROBE, PING, CLOSE = range(1, 6)
DIGEST, OPTIONS = 0x08, 0x80


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ CRC[(crc ^ byte) & 255]
    return crc ^ 0xFFFFFFFF


def packet(connection, number, kind, payload=b"", offset=0, channel=0, flags=0, version=1,
           length=None, floor=0, damage=0):
    head = struct.pack(">BBHIQQQII", version << 4 | kind, flags,
                       len(payload) if length is None else length, 0, connection, number, offset,
                       floor, channel)
    return head + struct.pack(">I12x", crc32c(head + payload) ^ damage) + payload


def lies(connection, count):
    """Packets with a right checksum, and what they say is not."""
    def make(kind, *arguments, **more):
        return packet(connection, next(count), kind, *arguments, **more)

    def ack(largest, ranges, channels=0, body=b""):
        return struct.pack(">QIIIIIIHHI", largest, 0, 0, 0, 0, 0, 0, ranges, channels, 0) + body

    top = 1 << 62
    yield make(DATA, b"x" * 100, offset=top)
    yield make(DATA, b"x" * 100, offset=top - 50)
    yield make(DATA, b"x" * 100, offset=(1 << 64) - 50)
    yield make(DATA, b"x" * 100, offset=1 << 40)  # beyond the credit
    yield make(DATA, b"x" * 1000, offset=99990)  # across the end of the file
    yield make(DATA, b"x" * 10, offset=100010)  # padding
    yield make(DATA, b"")
    yield make(DATA, b"x" * 100, channel=77)
    yield make(DATA, b"x" * 100, channel=0xFFFFFFFF)
    yield make(DATA, b"x" * 10, flags=DIGEST)  # shorter than a digest
    yield make(DATA, b"x" * 116, flags=DIGEST)  # no end of a piece
    yield make(DATA, b"x" * 100, offset=99900)  # an end without a digest
    yield make(DATA, b"x" * 16, offset=99999, flags=DIGEST)  # no data behind it
    yield make(DATA, b"\xff\xff" + b"x" * 50, flags=OPTIONS)
    yield make(DATA, b"\x00\x00" + b"x" * 50, flags=OPTIONS)
    yield make(DATA, b"\x00\x04\x80\x00" + b"x" * 50, flags=OPTIONS)  # to be understood
    yield make(DATA, b"x", flags=OPTIONS)
    yield make(DATA, b"x" * 50, length=60000)
    yield make(DATA, b"x" * 50, length=10)
    yield make(DATA, b"x" * 50, damage=1)
    yield make(DATA, b"x" * 20000)
    yield packet(connection, (1 << 54) + 5, PING, b"\0" * 8)
    yield packet(connection, (1 << 64) - 1, PING, b"\0" * 8)
    yield packet(connection ^ 1, next(count), PING, b"\0" * 8)
    yield make(ACK, ack(1 << 40, 1, body=struct.pack(">II", 0, 1)))  # never sent
    yield make(ACK, ack(5, 1, body=struct.pack(">II", 0, 100)))  # below zero
    yield make(ACK, ack(5, 1, body=struct.pack(">II", 3, 1)))
    yield make(ACK, ack(5, 0))
    yield make(ACK, ack(5, 65535, 65535))
    yield make(ACK, ack(5, 64, 16, b"\0" * 8))
    yield make(ACK, b"")
    yield make(ACK, ack(1, 1, 1, struct.pack(">IIIIQQQ", 0, 1, 0, 0, (1 << 64) - 1, top, top)))
    yield make(PROBE, b"")
    yield make(PING, b"\xff" * 8)
    yield make(CLOSE, b"\0")
    for kind in (0, 6, 9, 15):
        yield make(kind, b"x" * 64)
    for version in (0, 2, 15):
        yield make(PING, b"\0" * 8, version=version)
    yield make(PING, b"\0" * 8, floor=0xFFFFFFFF)


def packets(port):
    data = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    data.bind(("127.0.0.1", 0))
    data.setblocking(False)
    peer = dial(port)
    peer.say(hello("export", address={"mac": None, "ip": "127.0.0.1",
                                      "udp_port": data.getsockname()[1], "mtu": 65535},
                   payload_bytes=16384))
    answer = peer.hear_until("hello", "refuse", "error")
    expect("hello", answer, ("hello",))
    connection = int(answer["connection_id"], 16)
    to = (answer["address"]["ip"] or "127.0.0.1", answer["address"]["udp_port"])
    # One file of 100000 bytes, then padding.
    peer.say(offer(file("lies", 100000)), {"type": "last", "channel": 0, "files": 1, "bytes": 100000})
    expect("accept", peer.hear_until("accept", "refuse", "error"), ("accept",))
    count = itertools.count()
    answers = 0
    for _ in range(3):
        for each in lies(connection, count):
            try:
                data.sendto(each, to)
            except OSError:
                pass  # larger than the interface takes
            for cut in (0, 1, 39, 40, 55, 56, len(each) - 1):
                data.sendto(each[:cut], to)
            while select.select([data], [], [], 0)[0]:
                data.recv(65536)
                answers += 1
    # Its bytes, and each time a wrong digest: fetched again, then given up.
    kind = "refetch"
    while kind == "refetch":
        # A busy machine may lose some of them.
        for _ in range(20):
            for at in range(0, 100000, 1000):
                head = b"\x55" * 16 if at == 99000 else b""
                data.sendto(packet(connection, next(count), DATA, head + bytes(1000), at,
                                   flags=DIGEST if head else 0), to)
            if select.select([peer.socket], [], [], 0.5)[0]:
                break
        message = peer.hear_until("refetch", "file_failed", "error", "cancel")
        expect("a wrong digest", message, ("refetch", "file_failed"))
        kind = message["type"]
    peer.say({"type": "digest", "channel": 0,
              "files": [{"file": 0, "size": 100000, "digest": "%032x" % 5}]})
    expect("the end", peer.hear_until("done", "error", "cancel"), ("done",))
    if answers == 0:
        fail("no packet was ever answered")
    peer.close()


# ---- to an exporter

MISBEHAVIOURS = {
    "version": lambda peer: peer.say({"type": "refuse", "code": "version", "text": "speaks 7 to 9",
                                      "versions": {"min": 7, "max": 9}}),
    "versions": lambda peer: peer.say(hello("collect", versions={"min": 2, "max": 3})),
    "role": lambda peer: peer.say(hello("export")),
    "seal": lambda peer: peer.say(hello("collect", seal="aes")),
    "chunk": lambda peer: peer.say(hello("collect", chunk_bytes=4096)),
    "busy": lambda peer: peer.say({"type": "refuse", "code": "busy", "text": "full"}),
    "http": lambda peer: peer.socket.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
    "bomb": lambda peer: peer.say(b"[" * 500000),
    "gibberish": lambda peer: peer.socket.sendall(random.Random(1).randbytes(5000)),
    "stored": lambda peer: peer.say({"type": "stored", "channel": 1, "batch": 0, "files": [[0, 0]]}),
    "hang_up": lambda peer: peer.socket.shutdown(socket.SHUT_RDWR),
    "dead_path": lambda peer: peer.say(hello("collect")),
    "silent": lambda peer: None,
}


def collect(name, how):
    listener = socket.create_server(("127.0.0.1", 0))
    with open(name + ".new", "w", encoding="ascii") as out:
        out.write(str(listener.getsockname()[1]))
    os.rename(name + ".new", name)
    peer = Peer(TlsSocket(listener.accept()[0], True))
    peer.socket.settimeout(None)
    expect("hello", peer.hear(), ("hello",))
    try:
        MISBEHAVIOURS[how](peer)
    except OSError:
        pass
    if how in ("silent", "dead_path"):
        # It does not even close: whoever waits for it needs a deadline.
        time.sleep(30)
    peer.hear_until()
    peer.close()


# ---- anybody

def spray(seconds, address, ports):
    source = random.Random(7)
    out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    until = time.monotonic() + seconds
    sent = 0
    while time.monotonic() < until:
        for port in ports:
            for _ in range(20):
                kind = source.randrange(4)
                body = source.randbytes(source.randrange(1400))
                if kind == 1:
                    body = packet(source.getrandbits(64), sent, DATA, body[:100])
                elif kind == 2:
                    body = packet(source.getrandbits(64), sent, ACK, body[:100])[:source.randrange(90)]
                elif kind == 3:
                    body = bytes(source.randrange(40000))
                try:
                    out.sendto(body, (address, port))
                    sent += 1
                except OSError:
                    pass
        time.sleep(0.001)
    print(sent)


def main(command, *arguments):
    global seal
    if command == "packets":
        seal = "clear"  # it makes packets of its own, and has no keys for them
    if command == "collect":
        collect(*arguments)
    elif command == "spray":
        spray(float(arguments[0]), arguments[1], [int(port) for port in arguments[2:]])
    else:
        {"frames": frames, "order": order, "idle": idle, "asking": asking, "names": names, "sizes": sizes,
         "packets": packets}[command](int(arguments[0]))


main(*sys.argv[1:])
