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


class Way:
    """How data get across: what stands before each side's command, its port, and where control is."""

    def __init__(self, near=(), far=(), ports=None, host="127.0.0.1"):
        self.near, self.far, self.ports, self.host = near, far, ports, host


def commands(home, sends, takes, mtu=None, way=Way(), seal="clear"):
    """
    Command lines of both sides with all they leave in a folder, and the port for control. sends and
    takes: the arguments that say what is sent and where it goes. A way without ports is memif.
    """
    program, control = built("apps", "dpdk-streamd"), free_port()
    near, far = way.ports or 2 * (f"memif:{home}/memif.sock",)
    link = ["--state", os.path.join(home, "state"), "--json"]
    link += ["--clear"] if seal == "clear" else []
    link += ["--mtu", str(mtu)] if mtu else []
    host = f"{way.host}:{control}"
    return ([*way.far, program, "collect", *takes, "--control", host, "--once", "--port", far, *link],
            [*way.near, program, "export", "--to", host, "--port", near, *link, *sends], control)


def transfer(folder, sends, takes, **more):
    """Moves something once; the exporter's summary, with the collector's lanes in it."""
    with tempfile.TemporaryDirectory(dir=folder) as home:
        collect, export, control = commands(home, sends, takes, **more)
        environment = dict(os.environ, XDG_STATE_HOME=os.path.join(home, "state"))
        with running(collect, env=environment) as collector:
            await_that(lambda: is_listening(control, process=collector.pid), collector,
                       "collect listens")
            result = summary(run(export, env=environment))
            ended(collector, 30)
            result["collector_lanes"] = summary(collector.said())["lanes"]
    return result


def busy(result):
    """Percent of its time that the busiest lane of each side had something to do."""
    return {side: 100 * max(lane["busy"] for lane in result[lanes])
            for side, lanes in (("exporter", "lanes"), ("collector", "collector_lanes"))}


def goodput(*arguments, **more):
    """Gb/s of a transfer."""
    return transfer(*arguments, **more)["goodput_gbps"]
