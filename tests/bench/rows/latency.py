# SPDX-License-Identifier: BSD-3-Clause
"""
Rows of time: from the last word before data to the first byte of it, and from the last byte to the
word that all is stored. Taken from packets on loopback, so both programs are as users run them.
"""
import contextlib
import os
import signal
import struct
import tempfile
import time

from ours import summary
from programs import (Failure, Skip, await_that, built, ended, find, free_port, is_listening, running,
                      scratch, write_random)
from ratios import interval, median

ROUNDS = 11
FILE_BYTES = 64 << 20
DATA = 1  # the type of a data packet, low half of its first byte


def segments(path):
    """Packets of a capture as (time, protocol, source, destination, flags, payload)."""
    with open(path, "rb") as file:
        head = file.read(24)
        scale = {0xa1b2c3d4: 1e6, 0xa1b23c4d: 1e9}[struct.unpack("<I", head[:4])[0]]
        while len(record := file.read(16)) == 16:
            seconds, rest, kept, _ = struct.unpack("<IIII", record)
            packet = file.read(kept)
            header = 14 + (packet[14] & 15) * 4
            source, target = struct.unpack_from(">HH", packet, header)
            if packet[23] == 6:
                payload = header + (packet[header + 12] >> 4) * 4
                length = struct.unpack_from(">H", packet, 16)[0] + 14 - payload
                yield seconds + rest / scale, "tcp", source, target, packet[header + 13], length
            elif packet[23] == 17:
                kind = packet[header + 8] & 15 if len(packet) > header + 8 else 0
                yield seconds + rest / scale, "udp", source, target, kind, 0


def times(path, control):
    """Milliseconds from the collector's last word to the first data, and from the last to its."""
    first_data = last_data = word_before = word_after = None
    # Written in the order of the processors that saw them.
    for at, protocol, source, _, kind, length in sorted(segments(path)):
        if protocol == "udp" and kind == DATA:
            first_data = first_data or at
            last_data, word_after = at, None
        elif protocol == "tcp" and source == control and length > 0:
            if first_data is None:
                word_before = at
            word_after = at
    if None in (word_before, first_data, word_after):
        raise Failure("the capture lacks packets")
    return (first_data - word_before) * 1e3, (word_after - last_data) * 1e3


@contextlib.contextmanager
def capturing(path, control):
    command = [find("dumpcap", "wireshark-common"), "-q", "-P", "-i", "lo", "-s", "96", "-B", "256",
               "-w", path, "-f", f"tcp port {control} or udp portrange 1024-65535"]
    with running(command) as process:
        await_that(lambda: "File:" in process.said(), process, "dumpcap captures")
        yield
        time.sleep(0.3)  # what it has not written yet, it does not write at the end
        process.send_signal(signal.SIGINT)
        process.wait(10)


def arguments(home, control):
    common = ["--port", "udp:127.0.0.1", "--clear", "--state", os.path.join(home, "state")]
    program = built("apps", "dpdk-streamd")
    return ([program, "collect", "--into", os.path.join(home, "into"), "--control",
             f"127.0.0.1:{control}", *common, "-q"],
            [program, "export", "--to", f"127.0.0.1:{control}", *common, "--json",
             os.path.join(home, "source")])


def measure(folder, source, is_killed):
    """One transfer; with is_killed the exporter dies half way, and the same command goes on."""
    with tempfile.TemporaryDirectory(dir=folder) as home:
        control = free_port()
        collect, export = arguments(home, control)
        os.link(source, os.path.join(home, "source"))
        os.mkdir(os.path.join(home, "into"))
        capture = os.path.join(home, "capture")
        with running(collect) as collector:
            await_that(lambda: is_listening(control), collector, "collect listens")
            if is_killed:
                with running(export + ["--rate", "200M"]) as exporter:
                    await_that(lambda: '"accepted"' in exporter.said(), exporter, "it is accepted")
                    time.sleep(0.15)
                    os.kill(exporter.pid, signal.SIGKILL)
                    exporter.wait()
            with capturing(capture, control):
                with running(export) as exporter:
                    ended(exporter, 60)
                    if not summary(exporter.said())["stored"]:
                        raise Failure("the transfer is not stored")
            return times(capture, control)


def row(name, values):
    low, high = interval(values)
    return {"name": name, "value": round(median(values), 3), "unit": "ms",
            "value_low": round(low, 3), "value_high": round(high, 3), "rounds": len(values)}


def latencies():
    if os.geteuid() != 0:
        raise Skip("packets on loopback are captured by root only")
    with scratch(os.environ.get("TMPDIR", "/var/tmp"), 3 * FILE_BYTES) as folder:
        source = os.path.join(folder, "source")
        write_random(source, FILE_BYTES)
        whole = [measure(folder, source, False) for _ in range(ROUNDS)]
        resumed = [measure(folder, source, True) for _ in range(ROUNDS)]
    yield row("latency-first-byte", [first for first, _ in whole])
    yield row("latency-resume", [first for first, _ in resumed])
    yield row("latency-done", [last for _, last in whole])
