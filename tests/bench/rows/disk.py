# SPDX-License-Identifier: BSD-3-Clause
"""Rows of a file on disk that becomes a file on disk: against fio, rsync and cp; how busy lanes are."""
import json
import os
import time

import ours
from files import Mover
from programs import Failure, Skip, find, forget, run, scratch, write_random
from ratios import interval, median, pair_row

FILE_BYTES = 4 << 30
ROUNDS = 5
FIO_S = 5


def check_direct(folder):
    """The figures mean something only where reads and writes pass the page cache by."""
    path = os.path.join(folder, "direct")
    try:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_DIRECT))
    except OSError as error:
        raise Skip(f"{folder} knows no O_DIRECT ({error.strerror}); set TMPDIR") from None
    os.unlink(path)


class DiskMover(Mover):
    """What is read comes from the disk, and what is written is there when the clock stops."""

    def moved(self):
        return ours.transfer(self.folder, [self.source], ["--into", self.into])

    def fio(self):
        """The smaller side of reading one file and writing another at the same time, in Gb/s."""
        common = ["--bs=256k", "--direct=1", "--ioengine=io_uring", "--iodepth=64",
                  f"--runtime={FIO_S}", "--time_based", "--end_fsync=1", f"--size={self.size}"]
        text = run([find("fio"), "--output-format=json", "--group_reporting=0",
                    "--name=read", f"--filename={self.source}", "--rw=read", *common,
                    "--name=write", f"--filename={self.target}", "--rw=write", *common])
        jobs = {job["jobname"]: job for job in json.loads(text[text.index("{"):])["jobs"]}
        return min(jobs["read"]["read"]["bw_bytes"], jobs["write"]["write"]["bw_bytes"]) * 8 / 1e9

    def timed(self, move):
        forget(self.source)
        began = time.monotonic()
        move()
        with open(self.target, "rb") as file:
            os.fsync(file.fileno())
        seconds = time.monotonic() - began
        if os.path.getsize(self.target) != self.size:
            raise Failure(f"{self.target} is not whole")
        return self.size * 8 / seconds / 1e9

    def rsync_stored(self):
        return self.timed(self.rsync)

    def cp(self):
        return self.timed(lambda: run([find("cp", "coreutils"), self.source, self.target]))


REFERENCES = {"fio, smaller side": DiskMover.fio, "rsync": DiskMover.rsync_stored,
              "cp": DiskMover.cp}


def busy_row(sides, rates):
    """The side whose lane has more to do is what counts."""
    most = [max(side.values()) for side in sides]
    low, high = interval(most)
    return {"name": "lane-busy-disk", "value": round(median(most), 1), "unit": "%",
            "value_low": round(low, 1), "value_high": round(high, 1), "rounds": len(sides),
            "at_gbps": round(median(rates), 3),
            **{name: round(median([side[name] for side in sides]), 1) for name in sides[0]}}


def disk_to_disk(wanted, skipped):
    """The rows of these names."""
    names = list(REFERENCES) if "disk-to-disk" in wanted else []
    sides, rates = [], []
    pairs = {name: [] for name in names}
    where = os.environ.get("TMPDIR", "/var/tmp")
    with scratch(where, 2 * FILE_BYTES) as folder:
        check_direct(folder)
        source = os.path.join(folder, "source")
        write_random(source, FILE_BYTES)
        mover = DiskMover(folder, source)
        for _ in range(ROUNDS):
            mover.fresh()
            forget(source)
            result = mover.moved()
            sides.append(ours.busy(result))
            mine = result["goodput_gbps"]
            rates.append(mine)
            for name in list(names):
                mover.fresh()
                try:
                    pairs[name].append((mine, REFERENCES[name](mover)))
                except (Skip, Failure) as why:
                    skipped(f"disk-to-disk against {name}", why)
                    names.remove(name)
    for name in names:
        yield pair_row("disk-to-disk", pairs[name], name, moves="a file of 4 GiB on disk")
    if "lane-busy-disk" in wanted:
        yield busy_row(sides, rates)
