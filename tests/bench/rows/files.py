# SPDX-License-Identifier: BSD-3-Clause
"""
Rows of a file in memory that becomes a file in memory: against programs that move files. Each is
called as its manual says for speed, over loopback; its time is from the sender's start until all
bytes are there and it has ended.
"""
import os
import shutil
import time

import ours
from programs import (Failure, Skip, await_that, ended, find, free_port, is_listening, run, running,
                      scratch, write_random)
from ratios import pair_row

FILE_BYTES = 1 << 30
FOLDER = "/dev/shm"
ROUNDS = 5


def gbps(target, size, began):
    seconds = time.monotonic() - began
    if os.path.getsize(target) != size:
        raise Failure(f"{target} has {os.path.getsize(target)} bytes of {size}")
    return size * 8 / seconds / 1e9


def is_whole(target, size):
    return os.path.exists(target) and os.path.getsize(target) == size


class Mover:
    """What others have in common: a source, and a folder to fill that is empty each time."""

    def __init__(self, folder, source):
        self.folder, self.source = folder, source
        self.size = os.path.getsize(source)
        self.into = os.path.join(folder, "into")
        self.target = os.path.join(self.into, os.path.basename(source))
        self.certificate = os.path.join(folder, "certificate.pem")
        self.key = os.path.join(folder, "key.pem")

    def fresh(self):
        shutil.rmtree(self.into, ignore_errors=True)
        os.mkdir(self.into)

    def certify(self):
        if not os.path.exists(self.key):
            run([find("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                 "-subj", "/CN=localhost", "-keyout", self.key, "-out", self.certificate])

    def socat(self):
        program, port = find("socat"), free_port()
        self.certify()
        with running([program, "-u", f"OPENSSL-LISTEN:{port},bind=127.0.0.1,verify=0,"
                      f"cert={self.certificate},key={self.key}",
                      f"OPEN:{self.target},creat,trunc"]) as receiver:
            await_that(lambda: is_listening(port), receiver, "socat listens")
            began = time.monotonic()
            run([program, "-u", "-b", "1048576", f"OPEN:{self.source}",
                 f"OPENSSL:127.0.0.1:{port},verify=0"])
            ended(receiver)
            return gbps(self.target, self.size, began)

    def rsync(self):
        program, port = find("rsync"), free_port()
        configuration = os.path.join(self.folder, "rsyncd.conf")
        with open(configuration, "w", encoding="utf-8") as file:
            file.write("use chroot = no\n" + ("uid = root\ngid = root\n" * (os.geteuid() == 0)) +
                       f"[into]\npath = {self.into}\nread only = no\n")
        with running([program, "--daemon", "--no-detach", f"--config={configuration}",
                      "--address=127.0.0.1", f"--port={port}"]) as daemon:
            await_that(lambda: is_listening(port), daemon, "rsync listens")
            began = time.monotonic()
            run([program, "--whole-file", "--inplace", self.source,
                 f"rsync://127.0.0.1:{port}/into/"])
            return gbps(self.target, self.size, began)

    def srt(self):
        # A file's name is lost now and then, and the file with it: then again.
        for _ in range(10):
            self.fresh()
            rate = self.srt_once()
            if rate is not None:
                return rate
        raise Failure("srt-file-transmit lost the file's name ten times")

    def srt_once(self):
        program, port = find("srt-file-transmit", "srt-tools"), free_port()
        with running([program, "-q", f"srt://:{port}?mode=listener&rcvbuf=268435456&fc=200000",
                      f"file://{self.into}/"]) as receiver:
            await_that(lambda: is_listening(port, "udp"), receiver, "srt-file-transmit listens")
            began = time.monotonic()
            run([program, "-q", f"file://{self.source}",
                 f"srt://127.0.0.1:{port}?sndbuf=268435456&fc=200000"])
            await_that(lambda: is_whole(self.target, self.size), receiver,
                       "the file arrives over SRT", 120, may_end=True)
            return gbps(self.target, self.size, began) if is_whole(self.target, self.size) else None

    def ngtcp2(self):
        server, client = find("gtlsserver", "ngtcp2-server"), find("gtlsclient", "ngtcp2-client")
        port = free_port()
        self.certify()
        with running([server, "-q", "-d", os.path.dirname(self.source), "127.0.0.1", str(port),
                      self.key, self.certificate]) as process:
            await_that(lambda: is_listening(port, "udp"), process, "gtlsserver listens")
            began = time.monotonic()
            run([client, "-q", "--exit-on-all-streams-close", f"--download={self.into}",
                 "--max-data=1G", "--max-stream-data-bidi-local=1G", "127.0.0.1", str(port),
                 f"https://127.0.0.1:{port}/{os.path.basename(self.source)}"])
            return gbps(self.target, self.size, began)

    def uftp(self):
        server, client, port = find("uftpd", "uftp"), find("uftp"), free_port()
        staging = os.path.join(self.folder, "uftp")
        os.makedirs(staging, exist_ok=True)
        with running([server, "-d", "-D", self.into, "-T", staging, "-p", str(port),
                      "-I", "lo"]) as process:
            await_that(lambda: is_listening(port, "udp"), process, "uftpd listens")
            began = time.monotonic()
            run([client, "-p", str(port), "-R", "4000000", "-b", "1400", "-I", "lo",
                 "-M", "127.0.0.1", self.source])
            return gbps(self.target, self.size, began)

    def mine(self, seal):
        return ours.goodput(self.folder, [self.source], ["--into", self.into], seal=seal)


REFERENCES = {
    "rsync": Mover.rsync,
    "socat+TLS": Mover.socat,
    "SRT": Mover.srt,
    "ngtcp2": Mover.ngtcp2,
    "UFTP": Mover.uftp,
}


ENCRYPTING = ["socat+TLS", "ngtcp2"]


def against_movers(names, skipped, seal="clear"):
    """One after the other, several times round."""
    names = list(names)
    pairs = {name: [] for name in names}
    with scratch(FOLDER, 2 * FILE_BYTES) as folder:
        source = os.path.join(folder, "source")
        write_random(source, FILE_BYTES)
        mover = Mover(folder, source)
        for _ in range(ROUNDS):
            mover.fresh()
            mine = mover.mine(seal)
            for name in list(names):
                mover.fresh()
                try:
                    pairs[name].append((mine, REFERENCES[name](mover)))
                except (Skip, Failure) as why:
                    skipped(f"memif-8192-{seal} against {name}", why)
                    names.remove(name)
    for name in names:
        yield pair_row(f"memif-8192-{seal}", pairs[name], name, moves="a file of 1 GiB in memory")
