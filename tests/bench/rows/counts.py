# SPDX-License-Identifier: BSD-3-Clause
"""Rows that no noise of the machine touches: instructions counted, links simulated."""
import concurrent.futures
import os
import subprocess

from programs import TOP, Failure, Skip, built, find, last_words, run

SEEDS = 10
INSTRUCTIONS = os.path.join(TOP, "tests", "bench", "instructions.sh")


def loss_names():
    """The rows that the simulator knows."""
    return run([built("tests", "bench", "bench_loss"), "0"]).split()


def loss_row(name):
    text = run([built("tests", "bench", "bench_loss"), str(SEEDS), name], timeout=900)
    _, goodput, reference, ratio, least, most, seeds = text.split()
    is_fair = name.endswith("-fair")
    return {
        "name": name,
        "goodput_gbps": float(goodput),
        "reference": "min(link x (1 - P), RFC 9438)" if is_fair else "link x (1 - P)",
        "reference_gbps": float(reference),
        "ratio": float(ratio),
        "ratio_low": float(least),
        "ratio_high": float(most),
        "rounds": int(seeds),
    }


def losses(names):
    """One simulated world at a time on each processor; the interval is that of the seeds."""
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        yield from pool.map(loss_row, names)


def instructions(wanted, skipped):
    """What callgrind counts, for each data packet or rejected one."""
    if not os.path.exists(INSTRUCTIONS):
        raise Skip("tests/bench/instructions.sh is not in this tree")
    find("valgrind")
    names = {"garbage-instructions": ["garbage-instructions"],
             "instructions-per-packet": ["instructions-per-packet"],
             "instructions-per-packet-sealed": ["instructions-per-packet-sealed"],
             "transfers-10000": ["transfers-1", "transfers-10000"]}
    rows = [row for name in wanted for row in names[name]]
    done = subprocess.run([INSTRUCTIONS, *rows], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=1500, check=False)
    if done.returncode == 77:
        raise Skip(last_words(done.stderr))
    if done.returncode != 0:
        raise Failure(f"instructions.sh: {last_words(done.stderr)}")
    values = {}
    for line in done.stdout.splitlines():
        words = line.split()
        if len(words) == 2:
            values[words[0]] = float(words[1])
    for row in rows:
        found = [name for name in values if name == row or name.startswith(row + "-")]
        if not found:
            skipped(row, "instructions.sh does not count it")
    for name, value in values.items():
        yield {"name": name, "value": round(value, 1), "unit": "instructions"}
    if values.get("transfers-1") and "transfers-10000" in values:
        yield {"name": "transfers-10000", "reference": "transfers-1", "unit": "times",
               "value": round(values["transfers-10000"] / values["transfers-1"], 4)}
