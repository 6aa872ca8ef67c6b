# SPDX-License-Identifier: BSD-3-Clause
"""Ours: one transfer between two dpdk-streamd processes, and what its summary says."""
import json
import os
import tempfile

from programs import built, ended, free_port, is_listening, await_that, run, running, Failure


def summary(text):
    """The last object of a program's --json output."""
    for line in reversed(text.splitlines()):
        if line.startswith("{") and '"summary"' in line:
            return json.loads(line)
    raise Failure("dpdk-streamd printed no summary")


def transfer(folder, sends, takes, mtu=None, port="memif"):
    """
    Moves something once; the exporter's summary. sends and takes: the arguments that say what is
    sent and where it goes.
    """
    program = built("apps", "dpdk-streamd")
    with tempfile.TemporaryDirectory(dir=folder) as home:
        control = free_port()
        data = f"memif:{home}/memif.sock" if port == "memif" else port
        link = ["--port", data, "--clear"] + (["--mtu", str(mtu)] if mtu else [])
        environment = dict(os.environ, XDG_STATE_HOME=os.path.join(home, "state"))
        collect = [program, "collect", *takes, "--control", f"127.0.0.1:{control}", *link,
                   "--state", os.path.join(home, "state"), "--once", "-q"]
        export = [program, "export", "--to", f"127.0.0.1:{control}", *link,
                  "--state", os.path.join(home, "state"), "--json", *sends]
        with running(collect, env=environment) as collector:
            await_that(lambda: is_listening(control), collector, "collect listens")
            result = summary(run(export, env=environment))
            ended(collector, 30)
    return result


def goodput(*arguments, **more):
    """Gb/s of a transfer."""
    return transfer(*arguments, **more)["goodput_gbps"]
