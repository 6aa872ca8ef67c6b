# SPDX-License-Identifier: BSD-3-Clause
"""Programs: starts what is measured, waits for it, and leaves nothing behind."""
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
BUILD = os.environ.get("DPS_BUILD", os.path.join(TOP, "build"))
PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
TIMEOUT_S = 240


class Skip(Exception):
    """A row that cannot be measured here, and why."""


class Failure(Exception):
    """A measurement that went wrong."""


def find(program, package=None):
    """The path of a program, or Skip with the package that has it."""
    path = shutil.which(program, path=PATH)
    if path is None:
        raise Skip(f"{program} is not installed (Debian package {package or program})")
    return path


def built(*parts):
    """What the build folder holds under this name."""
    path = os.path.join(BUILD, *parts)
    if not os.path.exists(path):
        raise Skip(f"{path} is not built")
    return path


def last_words(text):
    lines = [line for line in (text or "").strip().splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"


def run(command, timeout=TIMEOUT_S, **more):
    """Runs a program to its end; its output. Failure when it fails or takes too long."""
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, errors="replace",
                              timeout=timeout, check=False, **more)
    except subprocess.TimeoutExpired:
        raise Failure(f"{os.path.basename(command[0])} took longer than {timeout} s") from None
    if done.returncode != 0:
        raise Failure(f"{os.path.basename(command[0])} ended with status {done.returncode}: "
                      f"{last_words(done.stderr or done.stdout)}")
    return done.stdout


@contextlib.contextmanager
def running(command, **more):
    """A program in the background; it is stopped at the end, if it still runs."""
    with tempfile.TemporaryFile("w+", errors="replace") as words:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=words, stderr=words,
                                   start_new_session=True, **more)

        def said():
            words.flush()
            words.seek(0)
            return words.read()

        process.said = said
        try:
            yield process
        finally:
            for number in (signal.SIGTERM, signal.SIGKILL):
                if process.poll() is not None:
                    break
                os.killpg(process.pid, number)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(5)


def ended(process, timeout=TIMEOUT_S):
    """Waits for a program in the background; Failure when it fails."""
    try:
        status = process.wait(timeout)
    except subprocess.TimeoutExpired:
        raise Failure(f"{process.args[0]} does not end") from None
    if status != 0:
        raise Failure(f"{os.path.basename(process.args[0])} ended with status {status}: "
                      f"{last_words(process.said())}")


def free_port():
    """A port of loopback that nobody has, TCP and UDP."""
    while True:
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
            tcp.bind(("127.0.0.1", 0))
            with contextlib.suppress(OSError):
                udp.bind(("127.0.0.1", tcp.getsockname()[1]))
                return tcp.getsockname()[1]


def is_listening(port, kind="tcp", process="self"):
    """Whether somebody listens there, in this process's network; looks, and does not knock."""
    wanted = f":{port:04X}"
    state = "0A" if kind == "tcp" else "07"
    for family in (kind, kind + "6"):
        with contextlib.suppress(OSError), open(f"/proc/{process}/net/{family}",
                                                    encoding="ascii") as table:
            for line in table:
                fields = line.split()
                if fields[1].endswith(wanted) and fields[3] == state:
                    return True
    return False


def await_that(condition, process, what, timeout=20, may_end=False):
    """Until a condition holds, while the process it depends on lives; may_end: or until then."""
    until = time.monotonic() + timeout
    while not condition():
        if process.poll() is not None:
            if may_end:
                return
            raise Failure(f"{os.path.basename(process.args[0])} ended early: "
                          f"{last_words(process.said())}")
        if time.monotonic() > until:
            raise Failure(f"{what}: not after {timeout} s")
        time.sleep(0.005)


@contextlib.contextmanager
def scratch(folder, bytes_needed):
    """A folder of one's own that goes away again, where there is room for so many bytes."""
    free = shutil.disk_usage(folder).free
    if free < bytes_needed + (1 << 30):
        raise Skip(f"{folder} has {free >> 20} MiB free, {(bytes_needed >> 20) + 1024} are needed")
    with tempfile.TemporaryDirectory(prefix="dps-bench-", dir=folder) as path:
        yield path


def write_random(path, size):
    """A file that does not compress; its pages are written, and out of the cache."""
    block = os.urandom(1 << 24)
    with open(path, "wb") as file:
        for _ in range(0, size, len(block)):
            file.write(block)
        file.flush()
        os.fsync(file.fileno())
    forget(path)


def forget(path):
    """Drops a file from the page cache."""
    with open(path, "rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
