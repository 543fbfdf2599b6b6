#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What the shim costs the program it is in.

    bench/shim.py [--rounds N]

Runs are paired: each round runs each piece of work plain and under `record --source=shim`, and the program
times itself, so that start-up is not in it. The table shows medians over the rounds. Figures of this
machine at this moment: nothing here fails because a machine is slow.
"""

import argparse
import os
import statistics
import subprocess
import tempfile

BUILD = os.path.abspath(os.environ.get("FORKSCOPE_BUILD", "build"))
WORK = BUILD + "/bench/shim_work"


def measure(directory, work, flags):
    command = [WORK] + work
    if flags is not None:
        command = [BUILD + "/forkscope", "record", "-o", directory + "/t", "--source=shim"] + flags + \
            ["--"] + command
    return float(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)


def compare(directory, rounds, work, flags):
    pairs = [(measure(directory, work, None), measure(directory, work, flags)) for _ in range(rounds)]
    return (statistics.median(p[0] for p in pairs), statistics.median(p[1] for p in pairs),
            statistics.median(p[1] - p[0] for p in pairs))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as directory:
        rows = []

        def row(name, unit, scale, work, flags, bar):
            plain, shim, more = (x / scale for x in compare(directory, rounds, work, flags))
            limit = bar(plain)
            rows.append((name, "%.2f %s" % (plain, unit), "%.2f %s" % (shim, unit),
                         "%+.2f %s" % (more, unit), "%.2f %s" % (limit, unit),
                         "held" if more <= limit else "MISSED"))

        row("lock and unlock, --locks", "ns", 1, ["lock", "20000000"], ["--locks"], lambda _: 10)
        row("lock and unlock, without", "ns", 1, ["lock", "20000000"], [], lambda _: 0.5)
        row("fork, native stack", "us", 1e3, ["fork", "2000"], ["--stacks=native"], lambda _: 10)
        row("fork, 10 other threads", "us", 1e3, ["fork", "1000", "10"], ["--stacks=native", "--locks"],
            lambda _: 10 + 10 * 5)
        row("neither forks nor locks", "ns", 1, ["plain", "20000000"], [], lambda plain: plain / 100)
    titles = ("work", "plain", "with the shim", "more", "bar", "")
    widths = [max(len(r[i]) for r in rows + [titles]) for i in range(len(titles))]
    for r in [titles] + rows:
        print("  ".join(text.ljust(width) if i == 0 else text.rjust(width)
                        for i, (text, width) in enumerate(zip(r, widths))))


main()
