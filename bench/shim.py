#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What the shim costs the program it is in.

    bench/shim.py [--rounds N]

Runs are paired: each round runs each piece of work plain and under `record --source=shim`, and the program
times itself, so that start-up is not in it. The table shows medians over the rounds. Figures of this
machine at this moment: nothing here fails because a machine is slow.

What neither forks nor locks should cost nothing, and 1 % of it is less than the noise of most machines. So these
pairs are many and short, in turns each way round, and the ratio is told with the bounds between which its median
lies (95 %): the bar is held when the upper one is below it, missed when the lower one is above, and else not known. And
where valgrind is installed its count of instructions is told, which no noise touches: what N more pieces of work
take, divided by N.
"""

import argparse
import glob
import math
import os
import re
import shutil
import statistics
import subprocess
import tempfile

BUILD = os.path.abspath(os.environ.get("FORKSCOPE_BUILD", "build"))
WORK = BUILD + "/bench/shim_work"


def recorded(directory, command, flags):
    if flags is None:
        return command
    return [BUILD + "/forkscope", "record", "-o", directory + "/t", "--source=shim"] + flags + ["--"] + command


def measure(directory, work, flags):
    command = recorded(directory, [WORK] + work, flags)
    return float(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)


def compare(directory, rounds, work, flags):
    pairs = [(measure(directory, work, None), measure(directory, work, flags)) for _ in range(rounds)]
    return (statistics.median(p[0] for p in pairs), statistics.median(p[1] for p in pairs),
            statistics.median(p[1] - p[0] for p in pairs))


def ratio(directory, rounds, work):
    """Of many pairs: the median of shim / plain, and the bounds of its 95 % interval (by order statistics)."""
    ratios = []
    for i in range(rounds):
        order = (None, []) if i % 2 == 0 else ([], None)
        took = {flags is None: measure(directory, work, flags) for flags in order}
        ratios.append(took[False] / took[True])
    ratios.sort()
    aside = max(0, math.floor(rounds / 2 - 0.98 * math.sqrt(rounds)))
    return statistics.median(ratios), ratios[aside], ratios[-1 - aside]


def instructions(directory, work, count, flags):
    """How many one piece of work takes."""
    totals = []
    for n in (count, 2 * count):
        for old in glob.glob(directory + "/callgrind.*"):
            os.unlink(old)
        subprocess.run(recorded(directory, ["valgrind", "-q", "--tool=callgrind",
                                            "--callgrind-out-file=" + directory + "/callgrind.%p", WORK, work,
                                            str(n)], flags), stdout=subprocess.DEVNULL, check=True)
        (name,) = glob.glob(directory + "/callgrind.*")
        with open(name, encoding="utf-8", errors="replace") as f:
            totals.append(int(re.search(r"^summary: (\d+)", f.read(), re.M).group(1)))
    return (totals[1] - totals[0]) / count


def idle_rows(directory, rounds):
    """Work that the shim has no part in."""
    print()
    for work, pieces in (("malloc", 2000000), ("stdio", 400000)):
        median, low, high = ratio(directory, rounds, [work, str(pieces)])
        verdict = "held" if high <= 1.01 else "MISSED" if low > 1.01 else "not known, too noisy"
        print("neither forks nor locks, %-6s  %.3f x plain (%.3f to %.3f), bar 1.01: %s"
              % (work, median, low, high, verdict))
        if shutil.which("valgrind"):
            plain, shim = (instructions(directory, work, 20000, flags) for flags in (None, []))
            print("    instructions for one piece: %.2f plain, %.2f with the shim" % (plain, shim))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--pairs", type=int, default=121, help="of the work that should cost nothing")
    options = parser.parse_args()
    rounds = options.rounds
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
    titles = ("work", "plain", "with the shim", "more", "bar", "")
    widths = [max(len(r[i]) for r in rows + [titles]) for i in range(len(titles))]
    for r in [titles] + rows:
        print("  ".join(text.ljust(width) if i == 0 else text.rjust(width)
                        for i, (text, width) in enumerate(zip(r, widths))))
    with tempfile.TemporaryDirectory() as directory:
        idle_rows(directory, options.pairs)


main()
