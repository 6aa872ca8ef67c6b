# SPDX-License-Identifier: BSD-3-Clause
"""Machine: what the figures were measured on."""
import os
import platform
import subprocess


def first_line(path, start=""):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            for line in file:
                if line.startswith(start):
                    return line.split(":", 1)[-1].strip() if start else line.strip()
    except OSError:
        pass
    return ""


def caches():
    """Sizes of the first processor's caches, as the kernel tells them."""
    base = "/sys/devices/system/cpu/cpu0/cache"
    sizes = {}
    for entry in sorted(os.listdir(base)) if os.path.isdir(base) else []:
        level = first_line(f"{base}/{entry}/level")
        if first_line(f"{base}/{entry}/type") in ("Data", "Unified"):
            sizes[f"L{level}"] = first_line(f"{base}/{entry}/size")
    return sizes


def version(program):
    try:
        done = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=20,
                              check=False)
    except OSError:
        return []
    return done.stdout.strip().splitlines()


def describe(program):
    kib = first_line("/proc/meminfo", "MemTotal").split()
    return {
        "cpu": first_line("/proc/cpuinfo", "model name") or platform.machine(),
        "cpus": len(os.sched_getaffinity(0)),
        "caches": caches(),
        "memory_bytes": int(kib[0]) * 1024 if kib else 0,
        "hugepages_free": int(first_line("/proc/meminfo", "HugePages_Free") or 0),
        "kernel": platform.release(),
        "load": [round(load, 2) for load in os.getloadavg()],
        "versions": version(program),
    }
