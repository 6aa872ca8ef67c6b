# SPDX-License-Identifier: BSD-3-Clause
"""Row of the processor's time that threads take which are no lanes: control core, store, DPDK's."""
import json
import os
import signal
import tempfile
import time

import ours
from programs import Failure, await_that, is_listening, running
from ratios import interval, median

ROUNDS = 7
COUNTED_S = 2
BYTES = "100000G"  # more than anybody waits for


def threads(pid):
    """Nanoseconds on a processor so far, of each thread: its number and name."""
    times = {}
    for task in os.listdir(f"/proc/{pid}/task"):
        try:
            with open(f"/proc/{pid}/task/{task}/comm", encoding="utf-8") as file:
                name = file.read().strip()
            times[task, name] = thread_ns(f"/proc/{pid}/task/{task}")
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended
    return times


def thread_ns(folder):
    try:
        with open(f"{folder}/schedstat", encoding="ascii") as file:
            return int(file.read().split()[0])
    except FileNotFoundError:
        pass  # a kernel that counts by its tick only
    with open(f"{folder}/stat", encoding="ascii", errors="replace") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) * 1_000_000_000 // os.sysconf("SC_CLK_TCK")


def is_lane(name):
    """EAL's name of a thread that polls."""
    return "worker" in name


def split(before, after, seconds):
    """Percent of one processor that lanes and all others took meanwhile."""
    shares = {True: 0.0, False: 0.0}
    for thread, end_ns in after.items():
        shares[is_lane(thread[1])] += (end_ns - before.get(thread, 0)) / seconds / 1e7
    return {"lanes": shares[True], "others": shares[False]}


def has_progress(process):
    return '"progress"' in process.said()


def rate(said):
    """Gb/s of the last report of progress."""
    lines = [line for line in said.splitlines() if '"progress"' in line]
    return json.loads(lines[-1])["gbps"] if lines else 0.0


def measure(folder):
    """Shares of both sides while bytes from memory go nowhere."""
    with tempfile.TemporaryDirectory(dir=folder) as home:
        collect, export, control = ours.commands(home, ["--generate", BYTES], ["--discard"])
        with running(collect) as collector:
            await_that(lambda: is_listening(control), collector, "collect listens")
            with running(export) as exporter:
                await_that(lambda: has_progress(exporter), exporter, "bytes flow", 60)
                sides = {"exporter": exporter, "collector": collector}
                before = {name: threads(side.pid) for name, side in sides.items()}
                began = time.monotonic()
                time.sleep(COUNTED_S)
                seconds = time.monotonic() - began
                shares = {name: split(before[name], threads(side.pid), seconds)
                          for name, side in sides.items()}
                goodput = rate(exporter.said())
                for side in (exporter, collector):
                    side.send_signal(signal.SIGTERM)
                    side.wait(20)
    for name, share in shares.items():
        if share["lanes"] == 0:
            raise Failure(f"no thread of the {name} looks like a lane")
    return goodput, shares


def control(folder):
    """The side whose other threads take more is what counts."""
    rounds = [measure(folder) for _ in range(ROUNDS)]
    most = [max(side["others"] for side in shares.values()) for _, shares in rounds]
    low, high = interval(most)
    row = {"name": "cpu-control", "value": round(median(most), 2), "unit": "% of a processor",
           "value_low": round(low, 2), "value_high": round(high, 2), "rounds": len(rounds),
           "at_gbps": round(median([goodput for goodput, _ in rounds]), 3)}
    for side in ("exporter", "collector"):
        for part in ("lanes", "others"):
            row[f"{side}_{part}"] = round(median([shares[side][part] for _, shares in rounds]), 2)
    yield row
