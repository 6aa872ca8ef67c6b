# SPDX-License-Identifier: BSD-3-Clause
"""
Rows of the port over kernel sockets: against iperf3 with datagrams of the same size, at the highest
rate at which it loses none, and against iperf3 over TCP; on loopback, and between two namespaces.
"""
import contextlib
import json
import os

import ours
from machine import first_line
from memory import MTU
from programs import Failure, Skip, await_that, find, free_port, is_listening, run, running
from ratios import median, pair_row

ROUNDS = 7
BYTES = 2 << 30
ENVELOPE_BYTES = 56
IPERF_SECONDS = 1
# Of the sent ones. None at all would ask how quiet the machine is, and that in iperf3's disfavour.
LOST_MOST = 1e-4
STEP = 0.9
STEPS_MOST = 12
BUFFER_BYTES = 4 << 20


@contextlib.contextmanager
def loopback():
    yield ours.Way(ports=("udp:127.0.0.1", "udp:127.0.0.2"), host="127.0.0.2")


@contextlib.contextmanager
def veth():
    """Two network namespaces and a cable, offloads as the kernel has them."""
    if os.geteuid() != 0:
        raise Skip("only root may make network namespaces")
    program = find("ip", "iproute2")
    spaces = [f"dps-bench-{os.getpid()}-{side}" for side in "ab"]
    with contextlib.ExitStack() as undo:
        for space in spaces:
            try:
                run([program, "netns", "add", space])
            except Failure as why:
                raise Skip(f"no network namespace can be made here: {why}") from None
            undo.callback(run, [program, "netns", "delete", space])
        run([program, "-n", spaces[0], "link", "add", "wire", "mtu", "9000", "type", "veth",
             "peer", "name", "wire", "mtu", "9000", "netns", spaces[1]])
        for number, space in enumerate(spaces, 1):
            run([program, "-n", space, "address", "add", f"10.79.0.{number}/24", "dev", "wire"])
            for device in ("lo", "wire"):
                run([program, "-n", space, "link", "set", device, "up"])
        near, far = ([program, "netns", "exec", space] for space in spaces)
        yield ours.Way(near, far, ("udp:10.79.0.1", "udp:10.79.0.2"), "10.79.0.2")


WAYS = {"udp": loopback, "veth": veth}
NAMES = [f"{way}-{payload}-{seal}" for way in WAYS for seal in ("clear", "sealed")
         for payload in MTU]


def iperf3(way, *arguments):
    """What iperf3 says of one run."""
    program, port = find("iperf3"), str(free_port())
    with running([*way.far, program, "-s", "-1", "-p", port, "-B", way.host]) as server:
        await_that(lambda: is_listening(int(port), process=server.pid), server, "iperf3 listens")
        return json.loads(run([*way.near, program, "-c", way.host, "-p", port, "-J",
                               *arguments]))["end"]


def buffer_bytes():
    """What iperf3 may have for its sockets; it refuses to run with less than it asks for."""
    limits = [first_line(f"/proc/sys/net/core/{way}mem_max") for way in "rw"]
    return min([BUFFER_BYTES, *(int(limit) for limit in limits if limit)])


def iperf3_udp(way, datagram_bytes, rate_gbps):
    """Gb/s that arrived when so much was sent (0: as much as it can), and the share that did not."""
    total = iperf3(way, "-u", "-l", str(datagram_bytes), "-b", f"{rate_gbps * 1e9:.0f}",
                   "-w", str(buffer_bytes()), "-t", str(IPERF_SECONDS))["sum"]
    lost = total["lost_packets"] / max(total["packets"], 1)
    return total["bits_per_second"] / 1e9 * (1 - lost), lost


def loss_free(way, datagram_bytes):
    """
    The highest of rates a tenth apart, downwards from all it can, at which next to none is lost in
    the better of two tries. None when there is no such rate, as while others have the machine.
    """
    rate = 0
    for _ in range(STEPS_MOST):
        for _ in range(2):
            arrived, lost = iperf3_udp(way, datagram_bytes, rate)
            if lost <= LOST_MOST:
                return arrived
        rate = STEP * (min(rate, arrived) if rate else arrived)
    return None


def iperf3_tcp(way):
    return iperf3(way, "-l", "128K", "-n", str(BYTES))["sum_received"]["bits_per_second"] / 1e9


def measure(folder, names):
    """All that go the same way in the same rounds, so that they share what they are compared with."""
    with WAYS[names[0].split("-")[0]]() as way:
        pairs, resent = {}, {}
        for _ in range(ROUNDS):
            tcp, free = iperf3_tcp(way), {}
            for name in names:
                payload, seal = int(name.split("-")[1]), name.split("-")[2]
                result = ours.transfer(folder, ["--generate", str(BYTES)], ["--discard"],
                                       mtu=MTU[payload], seal=seal, way=way)
                if payload not in free:
                    free[payload] = loss_free(way, payload + ENVELOPE_BYTES)
                mine = result["goodput_gbps"]
                if free[payload]:
                    pairs.setdefault((name, "iperf3-udp"), []).append((mine, free[payload]))
                pairs.setdefault((name, "iperf3-tcp"), []).append((mine, tcp))
                resent.setdefault(name, []).append(
                    100 * result["retransmitted_packets"] / max(result["data_packets"], 1))
    for (name, reference), measured in pairs.items():
        yield pair_row(name, measured, reference, moves="bytes from memory",
                       resent_percent=round(median(resent[name]), 3))
