# SPDX-License-Identifier: BSD-3-Clause
"""Rows of bytes that come from memory and go nowhere: against the ceiling, and iperf3 and nuttcp."""
import json
import re

import ours
from programs import Failure, Skip, await_that, built, find, free_port, is_listening, run, running
from ratios import median, pair_row

BYTES = {True: 1 << 30, False: 8 << 30}
PAIRS = {True: 200, False: 400}
ROUNDS = 5
MTU = {8192: 9000, 1408: 1500}
FAIR_SHARE = 0.9  # of a processor, for a lane that never waits: below, the scheduler was measured
FAIR_PAIRS_MIN = 6


def fair(pairs):
    """Those in which each lane had a processor to itself, if there are any to speak of."""
    chosen = [pair for pair in pairs if pair[3] >= FAIR_SHARE]
    return chosen if len(chosen) >= FAIR_PAIRS_MIN else pairs


def ceilings(payload, seal, is_quick):
    """Ours, clear or sealed, and the raw forwarder, taking turns inside one pair of processes."""
    text = run([built("tests", "bench", "bench_pair"), str(payload), str(PAIRS[is_quick]), seal])
    pairs = [tuple(float(word) for word in line.split()[1:]) for line in text.splitlines()
             if line.startswith("pair ")]
    if not pairs:
        raise Failure("bench_pair measured nothing")
    share = median([pair[3] for pair in pairs])
    rounds, pairs = len(pairs), fair(pairs)
    best = {line.split()[1]: line.split()[2:5] for line in text.splitlines()
            if line.startswith("best ")}
    limited = {line.split()[1]: float(line.split()[2]) for line in text.splitlines()
               if line.startswith("limited ")}
    name = f"memif-{payload}-{seal}"
    for column, passes in ((1, seal), (2, "copy")):
        slots, burst, ring = best[passes]
        yield pair_row(name, [(pair[0], pair[column]) for pair in pairs],
                       f"ceiling-{payload}-{passes}", limited_by=limited,
                       rounds_made=rounds, processor_share=round(share, 3),
                       reference_slots_bytes=int(slots), reference_burst=int(burst),
                       reference_descriptors=(64, 256, 1024)[int(ring)])
    yield pair_row(f"ceiling-{payload}-{seal}", [(pair[1], pair[2]) for pair in pairs],
                   f"ceiling-{payload}-copy")


def iperf3(size):
    program, port = find("iperf3"), free_port()
    with running([program, "-s", "-1", "-p", str(port), "-B", "127.0.0.1"]) as server:
        await_that(lambda: is_listening(port), server, "iperf3 listens")
        result = json.loads(run([program, "-c", "127.0.0.1", "-p", str(port), "-l", "128K",
                                 "-n", str(size), "-J"]))
    return result["end"]["sum_received"]["bits_per_second"] / 1e9


def nuttcp(size):
    program, control, data = find("nuttcp"), free_port(), free_port()
    ports = ["-P", str(control), "-p", str(data)]
    with running([program, "-S", "--nofork", *ports]) as server:
        await_that(lambda: is_listening(control), server, "nuttcp listens")
        text = run([program, *ports, "-fparse", f"-n{size >> 20}m", "127.0.0.1"])
    found = re.search(r"rate_Mbps=([0-9.]+)", text)
    if not found:
        raise Failure(f"nuttcp said: {text.strip()}")
    return float(found.group(1)) / 1e3


REFERENCES = {"iperf3": ("iperf3", iperf3), "nuttcp": ("nuttcp", nuttcp)}


def against_kernel(folder, payloads, names, is_quick, skipped):
    """The programs themselves, in turns with others that move bytes over loopback."""
    size, pairs = BYTES[is_quick], {}
    for name in list(names):
        try:
            find(REFERENCES[name][0])
        except Skip as why:
            skipped(f"memif-clear against {name}", why)
            names.remove(name)
    for _ in range(ROUNDS):
        theirs = {name: REFERENCES[name][1](size) for name in names}
        for payload in payloads:
            mine = ours.goodput(folder, ["--generate", str(size)], ["--discard"], mtu=MTU[payload])
            for name in names:
                pairs.setdefault((payload, name), []).append((mine, theirs[name]))
    for (payload, name), measured in pairs.items():
        yield pair_row(f"memif-{payload}-clear", measured, name, moves="bytes from memory")


def live_loss(folder):
    """A transfer at 10 Gb/s that loses one packet in a hundred, against one that loses none."""
    sends = ["--generate", "4G", "--cc", "fixed", "--rate", "10G"]
    pairs = []
    for _ in range(ROUNDS):
        whole = ours.goodput(folder, sends, ["--discard"])
        lossy = ours.goodput(folder, sends + ["--impair", "loss=0.01"], ["--discard"])
        pairs.append((lossy, whole * 0.99))
    yield pair_row("loss-live-1e-2", pairs, "without loss, times 0.99")
