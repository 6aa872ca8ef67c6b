# SPDX-License-Identifier: BSD-3-Clause
"""Row of a relay between two peers, against a raw one, in turns in the same three processes."""
import os

from programs import Failure, built, run
from ratios import pair_row

NAMES = ["relay-8192-clear"]
ROUNDS = {True: 18, False: 102}  # each way to share two processors as often


def against_raw(is_quick):
    """Where there are fewer than three processors, the three processes share what there is."""
    text = run([built("tests", "bench", "bench_relay"), str(ROUNDS[is_quick])])
    pairs = [tuple(float(word) for word in line.split()[1:3]) for line in text.splitlines()
             if line.startswith("pair ")]
    if not pairs:
        raise Failure("bench_relay measured nothing")
    yield pair_row(NAMES[0], pairs, "relay-raw", processes=3,
                   processors=len(os.sched_getaffinity(0)))
