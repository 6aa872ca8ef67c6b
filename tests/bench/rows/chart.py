# SPDX-License-Identifier: BSD-3-Clause
"""Chart: goodput beside what it is compared with, drawn by gnuplot."""
import os
import subprocess
import tempfile

from programs import find

SCRIPT = """
set terminal svg size 900,{height} font "sans-serif,13" background "white" enhanced
set output "{output}"
set title "{title}" noenhanced
set style fill solid 0.9 noborder
set boxwidth 0.7
set xlabel "Gb/s of payload"
set xrange [0:{most}]
set yrange [{rows}-0.4:-0.6]
set ytics nomirror scale 0 noenhanced
set grid xtics lc rgb "#dddddd"
unset key
set border 3
plot "{data}" using ($2/2):0:($2/2):(0.36):3:ytic(1) with boxxyerrorbars lc rgb variable, \\
     "" using ($2):0:(sprintf("%.1f", $2)) with labels left offset 0.5,0 noenhanced
"""

OURS, THEIRS = 0x1f6fb4, 0xb8bec6


def bars(rows):
    """A bar for each thing measured: ours once, at the median over what it was paired with."""
    seen, result = set(), []
    for row in rows:
        if "reference_gbps" not in row or not row["name"].startswith(
                ("memif-", "udp-", "veth-", "disk-")):
            continue
        key = (row["name"], row.get("moves", ""))
        if key not in seen:
            seen.add(key)
            what = row.get("moves", "bytes from memory, beside its ceiling")
            result.append((f"{row['name']}: {what}", row["goodput_gbps"], OURS))
        result.append((row["reference"], row["reference_gbps"], THEIRS))
    return result


def draw(rows, output, title):
    """Writes an SVG. Nothing to draw: writes nothing, returns False."""
    found = bars(rows)
    if not found:
        return False
    with tempfile.TemporaryDirectory() as folder:
        data = os.path.join(folder, "bars")
        with open(data, "w", encoding="utf-8") as file:
            for name, value, colour in found:
                file.write(f'"{name}" {value} {colour}\n')
        script = SCRIPT.format(output=output, title=title, data=data, rows=len(found),
                               most=max(value for _, value, _ in found) * 1.15,
                               height=120 + 24 * len(found))
        subprocess.run([find("gnuplot", "gnuplot-nox")], input=script, text=True, check=True)
    return True
