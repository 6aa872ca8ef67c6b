#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""An exporter that goes on with transfers in ways no honest one does.

usage: lying_resumer.py PORT unknown|ended|numbers|order|races|attach
       lying_resumer.py PORT steal TRANSFER    one that somebody else is at
       lying_resumer.py PORT claimed TRANSFER  one that another collector is at
Exit 0: the collector answered as docs/protocol.md section 10 says; else the last line says where not.
"""
import os
import sys
import time

from lying_exporter import CHUNK, breaks, expect, file, greeted, hello, offer, resume, Peer


def name():
    """A transfer that nobody else has named."""
    return os.urandom(16).hex()


def offered(peer, *files, **changes):
    transfer = name()
    peer.say(offer(*files, transfer=transfer, **changes))
    expect("an honest offer", peer.hear_until("accept", "refuse", "error"), "accept")
    return transfer


def parked(*files):
    """A transfer whose connection is gone."""
    peer = greeted()
    transfer = offered(peer, *files)
    peer.close()
    return transfer


def refused(what, transfer, codes, **changes):
    """And the connection goes on: it can still offer."""
    peer = greeted()
    peer.say(resume(transfer, **dict({"files": 2}, **changes)))
    message = peer.hear_until("refuse", "resumed", "error")
    expect(what, message, "refuse", channel=1)
    if message["code"] not in codes:
        sys.exit("%s: %s" % (what, message))
    offered(peer, file(name()), channel=2)
    peer.close()


def resumed(what, peer, transfer, files=2, **fields):
    """The collector may need a moment to let go of the connection before."""
    channel = 1
    for _ in range(100):
        peer.say(resume(transfer, channel=channel, files=files))
        message = peer.hear_until("refuse", "resumed", "error")
        if message is None or message["type"] != "refuse" or message["code"] != "busy":
            break
        channel += 1
        time.sleep(0.05)
    expect(what, message, "resumed", transfer=transfer, channel=channel, **fields)
    return channel


def unknown():
    refused("a transfer that never was", name(), ["unknown"])
    refused("a transfer of zeros", "0" * 32, ["unknown"])
    refused("one more file than can be", name(), ["unknown"], files=(1 << 30) - 1)


def ended():
    peer = greeted()
    transfer = offered(peer, file("liar/folder", 0, "dir"))
    peer.say({"type": "last", "channel": 1, "files": 1})
    expect("a folder", peer.hear_until("done", "error"), "done", files=1, failed=0)
    peer.close()
    refused("a transfer that has ended", transfer, ["finished", "unknown"], files=1)
    peer = greeted()
    transfer = offered(peer, file(name(), 1 << 20))
    peer.say({"type": "cancel", "channel": 1, "code": "cancelled", "text": "changed my mind"})
    offered(peer, file(name()), channel=2)
    peer.close()
    refused("a cancelled transfer", transfer, ["cancelled", "unknown"])


def numbers():
    transfer = parked(file(name(), 1 << 20), file(name()))
    refused("other chunks", transfer, ["limit"], chunk_bytes=CHUNK // 2)
    for what, changes in (
            ("chunks of nothing", {"chunk_bytes": 0}),
            ("chunks of no power", {"chunk_bytes": 300000}),
            ("chunks without end", {"chunk_bytes": 1 << 61}),
            ("files without end", {"files": 1 << 62}),
            ("less than no files", {"files": -1}),
            ("no channel", {"channel": (1 << 32) - 1}),
            ("a channel below all", {"channel": -1}),
            ("a short name", {"transfer": "00"}),
            ("a name of something else", {"transfer": "g" * 32}),
            ("no name", {"transfer": None})):
        breaks(what, greeted(), dict(resume(transfer, files=2), **changes))
    # None of it has done the transfer any harm.
    peer = greeted()
    resumed("after all lies", peer, transfer, files_end=2, partial=[])
    peer.close()


def order():
    peer = Peer()
    breaks("a resume before hello", peer, resume(name()))
    transfer = parked(file(name(), 1 << 20), file(name()))
    peer = greeted()
    offered(peer, file(name()))
    breaks("a channel that is taken", peer, resume(transfer, files=2))
    item = {"file": 0, "size": 1 << 20, "digest": "0" * 32}
    more = {"type": "offer_more", "transfer": transfer, "channel": 1, "files": [file(name())]}
    for what, message in (
            ("files that do not follow", dict(more, first=1)),
            ("files from nowhere", dict(more, first=3)),
            ("a last that is too early", {"type": "last", "channel": 1, "files": 1}),
            ("a digest of no file", {"type": "digest", "channel": 1, "files": [dict(item, file=9)]}),
            ("a digest of another size",
             {"type": "digest", "channel": 1, "files": [dict(item, size=9)]}),
            ("a skip behind the end",
             {"type": "skip", "channel": 1, "file": 1, "from": 11, "code": "cannot_read",
              "text": "it is gone"}),
            ("what a collector says",
             {"type": "resumed", "transfer": transfer, "channel": 1, "files_end": 2,
              "partial": []})):
        peer = greeted()
        channel = resumed("before " + what, peer, transfer, files_end=2)
        breaks(what, peer, dict(message, channel=channel))
    # Who broke the rules has not ended the transfer.
    peer = greeted()
    channel = resumed("after all that", peer, transfer, files_end=2, partial=[])
    peer.say({"type": "last", "channel": channel, "files": 2},
             *({"type": "skip", "channel": channel, "file": i, "from": 0, "code": "cannot_read",
                "text": "it is gone"} for i in (0, 1)))
    expect("all given up", peer.hear_until("done", "error"), "done", files=0, failed=2)
    peer.close()


def superseded(what, peer):
    expect(what, peer.hear_until("error"), "error", code="superseded")
    peer.close()


def races():
    """Who comes last has it."""
    first = greeted()
    transfer = offered(first, file(name(), 1 << 20), file(name()))
    second = greeted()
    resumed("one that seems alive", second, transfer, files_end=2)
    superseded("the first of two", first)
    peers = [greeted() for _ in range(8)]
    for peer in peers:
        peer.say(resume(transfer, files=2))
    alive = 0
    for peer in peers:
        message = peer.hear_until("resumed", "refuse", "error")
        while message is not None and message["type"] == "resumed":
            # Either it is superseded, or it is the one.
            alive += 1
            break
        peer.close()
    if alive == 0:
        sys.exit("races: none of eight has it")
    superseded("the second", second)
    last = greeted()
    resumed("after the race", last, transfer, files_end=2)
    last.close()


def attach(transfer, epoch, **changes):
    return dict({"type": "attach", "transfer": transfer, "channel": 1, "epoch": epoch}, **changes)


def of_epoch(epoch):
    peer = Peer()
    peer.say(hello(epoch=epoch))
    expect("hello", peer.hear(), "hello", epoch=epoch)
    return peer


def not_attached(what, transfer, epoch, code):
    """And the connection goes on: it can resume, or offer."""
    peer = greeted()
    peer.say(attach(transfer, epoch))
    expect(what, peer.hear_until("refuse", "attached", "error"), "refuse", code=code, channel=1)
    return peer


def attached(what, transfer, epoch, files):
    peer = greeted()
    peer.say(attach(transfer, epoch))
    expect(what, peer.hear_until("refuse", "attached", "error"), "attached", transfer=transfer,
           channel=1, files_end=files, offered_end=files)
    return peer


def attaches():
    """A path belongs to who has its epoch, and to the last of them."""
    not_attached("a transfer that never was", name(), 1, "unknown").close()
    mine, yours = of_epoch(1001), of_epoch(1002)
    transfers = [offered(peer, file(name(), 1 << 20), file(name())) for peer in (mine, yours)]
    not_attached("an epoch that never was", transfers[0], 4711, "superseded").close()
    not_attached("somebody else's transfer", transfers[0], 1002, "superseded").close()
    for what, message in (
            ("another channel", attach(transfers[0], 1001, channel=2)),
            ("no channel", attach(transfers[0], 1001, channel=(1 << 32) - 1)),
            ("no epoch", attach(transfers[0], None)),
            ("an epoch below all", attach(transfers[0], -1)),
            ("an epoch above all", attach(transfers[0], 1 << 63)),
            ("a short name", attach("00", 1001)),
            ("what a collector says", {"type": "attached", "transfer": transfers[0], "channel": 1,
                                       "files_end": 2, "offered_end": 2})):
        breaks(what, greeted(), message)
    breaks("an attach before hello", Peer(), attach(transfers[0], 1001))
    breaks("an attach beside a transfer of its own", yours, attach(transfers[0], 1001))
    # None of it has done the transfer any harm: who has it can still say so.
    mine.say({"type": "skip", "channel": 1, "file": 1, "from": 0, "code": "cannot_read",
              "text": "it is gone"})
    # The last one has it, whether the connection before seems alive or not; it says what it will again.
    peer = attached("a path that goes on", transfers[0], 1001, 2)
    superseded("the first of three", mine)
    peer.say({"type": "skip", "channel": 1, "file": 1, "from": 0, "code": "cannot_read",
              "text": "it is gone"})
    peer.socket.shutdown(2)
    peer.close()
    other = attached("a path that was left", transfers[0], 1001, 2)
    # A resume takes it all, and its epoch is another.
    peer = greeted()
    resumed("what is attached", peer, transfers[0], files_end=2)
    superseded("the third", other)
    not_attached("an old epoch", transfers[0], 1001, "superseded").close()
    # Nothing comes over its path: it parks, and on the same connection it can be resumed.
    peer.close()
    time.sleep(2)
    peer = not_attached("a transfer that is parked", transfers[0], 5, "parked")
    resumed("after all lies", peer, transfers[0], files_end=2)
    peer.say({"type": "last", "channel": 1, "files": 2},
             {"type": "skip", "channel": 1, "file": 0, "from": 0, "code": "cannot_read",
              "text": "it is gone"})
    expect("all given up", peer.hear_until("done", "error"), "done", files=0, failed=2)
    peer.close()


def claimed():
    refused("a transfer that another collector has", sys.argv[3], ["busy"], files=1 << 20)


def steal():
    """Whoever knows a transfer's id may go on with it."""
    transfer = sys.argv[3]
    peer = greeted()
    resumed("a transfer that is under way", peer, transfer, files=1 << 20)
    peer.close()


{"unknown": unknown, "ended": ended, "numbers": numbers, "order": order, "races": races, "attach": attaches,
 "steal": steal, "claimed": claimed}[sys.argv[2]]()
