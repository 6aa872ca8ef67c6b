#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""An exporter that speaks the control protocol and breaks it on purpose.

usage: lying_exporter.py PORT silent|refused|offers|messages|digests|resumes|crowd
Exit 0: the collector answered every lie as docs/control.md says; else the last line says which not.
"""
import json
import socket
import struct
import sys

from tls_peer import TlsSocket

CHUNK = 262144
transfers = 0


class Peer:
    """One control connection; says messages, hears answers."""

    def __init__(self):
        self.socket = TlsSocket(socket.create_connection(("127.0.0.1", int(sys.argv[1])), 20))
        self.stream = self.socket.makefile("rwb")

    def say(self, *messages):
        for message in messages:
            text = json.dumps(message).encode()
            self.stream.write(struct.pack(">I", len(text)) + text)
        self.stream.flush()

    def hear(self):
        """The next message, None at the end of the stream."""
        head = self.stream.read(4)
        if len(head) < 4:
            return None
        return json.loads(self.stream.read(struct.unpack(">I", head)[0]))

    def hear_until(self, *types):
        while True:
            message = self.hear()
            if message is None or message["type"] in types:
                return message

    def close(self):
        self.stream.close()
        self.socket.close()


def expect(what, message, kind, **fields):
    if message is None or message["type"] != kind:
        sys.exit("%s: %s instead of %s" % (what, message, kind))
    for name, value in fields.items():
        if message.get(name) != value:
            sys.exit("%s: %s is not %s in %s" % (what, name, value, message))
    if kind in ("refuse", "error", "cancel") and len(message["text"]) < 10:
        sys.exit("%s: no sentence in %s" % (what, message))


def hello(**changes):
    message = {
        "type": "hello", "versions": {"min": 1, "max": 1}, "role": "export", "features": [],
        "software": "lying exporter", "seal": "aes-128-gcm", "epoch": 5,
        "connection_id": "00000000000000aa",
        "address": {"mac": None, "ip": "127.0.0.1", "udp_port": 9, "mtu": 1500},
        "chunk_bytes": CHUNK, "payload_bytes": 1408, "window_bytes": 1 << 26}
    message.update(changes)
    return message


def file(path, size=10, kind="file"):
    return {"path": path, "size": size, "mtime_ns": 0, "mode": 420, "kind": kind}


def offer(*files, **changes):
    global transfers
    transfers += 1
    message = {
        "type": "offer", "transfer": "%032x" % transfers, "channel": 1, "chunk_bytes": CHUNK,
        "total_files": len(files), "total_bytes": sum(f["size"] or 0 for f in files),
        "files": list(files)}
    message.update(changes)
    return message


def greeted():
    peer = Peer()
    peer.say(hello())
    expect("hello", peer.hear(), "hello", role="collect", seal="aes-128-gcm", epoch=5)
    return peer


def accepted(*files):
    """A peer whose offer was accepted."""
    peer = greeted()
    peer.say(offer(*files))
    expect("an honest offer", peer.hear(), "accept", files_end=len(files), have=[])
    return peer


def silent():
    """One that says nothing is told so and left, within the ten seconds it has for its hello."""
    peer = Peer()
    expect("silence", peer.hear(), "error", code="idle")
    if peer.hear() is not None:
        sys.exit("silence: more is said after the error")
    peer.close()


def refused():
    Peer().close()
    for what, changes, code in (
            ("a later version", {"versions": {"min": 7, "max": 9}}, "version"),
            ("another collector", {"role": "collect"}, "protocol"),
            ("another cipher", {"seal": "aes-256-gcm"}, "seal"),
            ("no seal", {"seal": "clear"}, "seal"),
            ("other chunks", {"chunk_bytes": CHUNK * 2}, "limit")):
        peer = Peer()
        peer.say(hello(**changes))
        message = peer.hear()
        expect(what, message, "refuse", code=code)
        if code == "version" and message["versions"] != {"min": 1, "max": 1}:
            sys.exit("the versions spoken are not told: %s" % message)
        if code == "limit" and "--chunk" not in message["text"]:
            sys.exit("no word of --chunk in %s" % message)
        if peer.hear() is not None:
            sys.exit("%s: the collector goes on talking" % what)
        peer.close()


def offers():
    for what, files, changes, code in (
            ("a name twice", [file("a"), file("a")], {}, "bad_name"),
            ("a file that is a folder", [file("a"), file("a/b")], {}, "bad_name"),
            ("a folder that is a file", [file("a/b"), file("a")], {}, "bad_name"),
            ("more than fits", [file("a", 1 << 60)], {}, "space"),
            ("too many files", [file("a")], {"total_files": 1 << 29}, "limit"),
            ("chunks of another size", [file("a")], {"chunk_bytes": CHUNK // 2}, "limit")):
        peer = greeted()
        peer.say(offer(*files, **changes))
        message = peer.hear()
        expect(what, message, "refuse", code=code, channel=1)
        if code == "space" and message["needed_bytes"] <= message["available_bytes"]:
            sys.exit("the numbers do not explain it: %s" % message)
        # The connection goes on; its next transfer has another channel.
        peer.say(offer(file("b"), channel=2))
        expect("the offer after %s" % what, peer.hear(), "accept", channel=2)
        peer.close()
    # One transfer, under way twice.
    first = accepted(file("c"))
    second = greeted()
    second.say(offer(file("d"), transfer="%032x" % transfers))
    expect("a transfer twice", second.hear(), "refuse", code="busy")
    first.close()
    second.close()


def breaks(what, peer, *messages):
    peer.say(*messages)
    expect(what, peer.hear_until("error"), "error", code="protocol")
    if peer.hear() is not None:
        sys.exit("%s: the collector goes on talking" % what)
    peer.close()


def messages():
    item = {"file": 0, "size": 10, "digest": "0" * 32}
    peer = Peer()
    breaks("an offer before hello", peer, offer(file("a")))
    breaks("two hellos", greeted(), hello())
    breaks("a channel twice", accepted(file("a")), offer(file("b")))
    breaks("a channel that was not offered", greeted(),
           {"type": "last", "channel": 9, "files": 0})
    breaks("files that do not follow", accepted(file("a")),
           {"type": "offer_more", "transfer": "%032x" % transfers, "channel": 1, "first": 5,
            "files": [file("b")]})
    breaks("an empty offer_more", accepted(file("a")),
           {"type": "offer_more", "transfer": "%032x" % transfers, "channel": 1, "first": 1,
            "files": []})
    breaks("a wrong last", accepted(file("a")), {"type": "last", "channel": 1, "files": 7})
    breaks("two lasts", accepted(file("a")), {"type": "last", "channel": 1, "files": 1},
           {"type": "last", "channel": 1, "files": 1})
    breaks("files after the last", accepted(file("a")),
           {"type": "last", "channel": 1, "files": 1},
           {"type": "offer_more", "transfer": "%032x" % transfers, "channel": 1, "first": 1,
            "files": [file("b")]})
    breaks("same, of what nobody has", accepted(file("a")),
           {"type": "same", "channel": 1, "files": [[0, 0]]})
    breaks("same, of files that are not", accepted(file("a")),
           {"type": "different", "channel": 1, "files": [[5, 1000000]]})
    breaks("a digest of no file", accepted(file("a")),
           {"type": "digest", "channel": 1, "files": [dict(item, file=1)]})
    breaks("a digest of another size", accepted(file("a")),
           {"type": "digest", "channel": 1, "files": [dict(item, size=11)]})
    breaks("a digest of a folder", accepted(file("a", 0, "dir")),
           {"type": "digest", "channel": 1, "files": [dict(item, size=0)]})
    breaks("a skip of no file", accepted(file("a")),
           {"type": "skip", "channel": 1, "file": 3, "from": 0, "code": "cannot_read",
            "text": "gone"})
    breaks("a skip behind the end", accepted(file("a")),
           {"type": "skip", "channel": 1, "file": 0, "from": 11, "code": "cannot_read",
            "text": "gone"})
    breaks("a size that is known", accepted(file("a")),
           {"type": "file_end", "channel": 1, "file": 0, "size": 10})
    for kind, fields in (("stored", {"batch": 0, "files": [[0, 0]]}),
                         ("accept", {"transfer": "%032x" % transfers, "files_end": 1, "have": []}),
                         ("done", {"files": 1, "bytes": 1, "failed": 0}),
                         ("refetch", {"offset": 0, "bytes": 1}),
                         ("file_failed", {"file": 0, "code": "space", "text": "x"})):
        breaks("what a collector says: " + kind, accepted(file("a")),
               dict({"type": kind, "channel": 1}, **fields))


def digests():
    """Files whose data never come: given up, or ended with the path."""
    # All is said, nothing is sent: the path is silent for three seconds, and that ends it.
    peer = accepted(file("a"), file("b"))
    peer.say({"type": "last", "channel": 1, "files": 2})
    expect("a silent path", peer.hear_until("error"), "error", code="unreachable")
    peer.close()
    # All is given up: the transfer ends, though not well.
    peer = accepted(file("a"), file("b"))
    peer.say({"type": "last", "channel": 1, "files": 2},
             *({"type": "skip", "channel": 1, "file": i, "from": 0, "code": "cannot_read",
                "text": "it is gone"} for i in (1, 0)))
    expect("all given up", peer.hear_until("done"), "done", files=0, failed=2)
    peer.close()
    # Empty files and folders need no data; the digest of nothing is known.
    peer = accepted(file("liar/empty", 0), file("liar/folder", 0, "dir"))
    peer.say({"type": "last", "channel": 1, "files": 2},
             {"type": "digest", "channel": 1, "files": [
                 {"file": 0, "size": 0, "digest": "99aa06d3014798d86001c324468d497f"}]})
    expect("empty files", peer.hear_until("done"), "done", files=2, failed=0)
    peer.close()
    # A digest of nothing that is not.
    peer = accepted(file("liar/empty2", 0))
    peer.say({"type": "digest", "channel": 1, "files": [
        {"file": 0, "size": 0, "digest": "0" * 32}]})
    message = peer.hear_until("error", "file_failed")
    if message is None:
        sys.exit("a wrong digest of nothing is believed")
    peer.close()
    # Cancelled in the middle.
    peer = accepted(file("a", 1 << 20))
    peer.say({"type": "cancel", "channel": 1, "code": "cancelled", "text": "changed my mind"})
    peer.say(offer(file("a"), channel=2))
    expect("an offer after a cancel", peer.hear_until("accept", "error"), "accept", channel=2)
    peer.close()
    # Nothing at all to be sent.
    peer = accepted()
    peer.say({"type": "last", "channel": 1, "files": 0})
    expect("no files", peer.hear_until("done"), "done", files=0, failed=0)
    peer.close()


def resume(transfer, **changes):
    message = {"type": "resume", "transfer": transfer, "channel": 1, "chunk_bytes": CHUNK,
               "files": 1}
    message.update(changes)
    return message


def resumes():
    """Transfers that are nobody's, somebody else's, or under way."""
    nobody = "f" * 32
    breaks("a resume before hello", Peer(), resume(nobody))
    peer = greeted()
    for channel in (1, 2, 0xfffffffe):
        peer.say(resume(nobody, channel=channel))
        expect("a transfer of nobody", peer.hear(), "refuse", code="unknown", channel=channel)
    # Nothing has happened: the connection goes on.
    peer.say(offer(file("a"), channel=3))
    expect("the offer after it", peer.hear(), "accept", channel=3)
    peer.close()
    for what, changes in (("no channel", {"channel": 1 << 32}), ("no chunk", {"chunk_bytes": -1}),
                          ("a chunk that is none", {"chunk_bytes": 3}),
                          ("many files", {"files": 1 << 40}), ("an id", {"transfer": "12"})):
        breaks("a resume with " + what, greeted(), dict(resume(nobody), **changes))
    peer = greeted()
    peer.say(resume(nobody, chunk_bytes=CHUNK * 2))
    expect("chunks of another size", peer.hear(), "refuse", code="limit", channel=1)
    breaks("a channel twice", peer, resume(nobody))
    # What is under way here already.
    peer = accepted(file("b"))
    breaks("a resume of its own", peer, resume("%032x" % transfers, channel=2))
    # What is under way on another connection: that one ends.
    first = accepted(file("c", 1 << 20), file("d"))
    mine = "%032x" % transfers
    second = greeted()
    second.say(resume(mine, files=2))
    expect("the old connection", first.hear_until("error"), "error", code="superseded")
    message = second.hear_until("resumed", "refuse", "error")
    expect("the new connection", message, "resumed", channel=1, files_end=2, partial=[])
    third = greeted()
    third.say(resume(mine, files=1))
    expect("the old connection again", second.hear_until("error"), "error", code="superseded")
    expect("fewer files", third.hear_until("resumed", "refuse", "error"), "refuse",
           code="identity_changed")
    third.say(resume(mine, channel=2, files=5))
    expect("the same once more", third.hear_until("resumed", "refuse", "error"), "resumed",
           channel=2, files_end=2)
    # It is a transfer like any other now, and ends like one.
    third.say({"type": "cancel", "channel": 2, "code": "cancelled", "text": "changed my mind"})
    third.say(resume(mine, channel=7, files=2))
    message = third.hear_until("refuse", "resumed", "error")
    if message is None or message["type"] != "refuse" or \
            message["code"] not in ("cancelled", "unknown"):
        sys.exit("a cancelled transfer is resumed: %s" % message)
    first.close()
    second.close()
    third.close()
    # What says more than it may before it is answered; whoever closes then leaves nothing behind.
    first = accepted(file("e", 1 << 20))
    mine = "%032x" % transfers
    for _ in range(20):
        peer = greeted()
        peer.say(resume(mine))
        peer.close()
    peer = greeted()
    peer.say(resume(mine), {"type": "last", "channel": 1, "files": 1})
    peer.hear_until("error", "resumed")
    peer.close()
    first.close()


def mtus():
    """Packets of which no header fits, or no data: there is no way to such a port."""
    for mtu in (1, 27, 28, 29, 1000):
        peer = Peer()
        peer.say(hello(address={"mac": None, "ip": "127.0.0.1", "udp_port": 9, "mtu": mtu},
                       payload_bytes=16384))
        peer.hear_until("error", "refuse")
        peer.close()


def crowd():
    """More connections than one key may have: those above are told so, not left waiting."""
    peers = [greeted() for _ in range(36)]
    late = Peer()
    expect("one too many", late.hear(), "refuse", code="busy")
    late.close()
    peers.pop().close()
    for _ in range(100):
        again = Peer()
        again.say(hello())
        message = again.hear()
        if message and message["type"] == "hello":
            break
        again.close()
    else:
        sys.exit("a place that was given back is not taken")
    for peer in peers:
        peer.close()


if __name__ == "__main__":
    {"silent": silent, "refused": refused, "offers": offers, "messages": messages,
     "digests": digests, "resumes": resumes, "mtus": mtus, "crowd": crowd}[sys.argv[2]]()
