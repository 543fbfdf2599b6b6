#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The page of `forkscope view` with 10,000 processes: how long it takes to make, to load and to draw.

    bench/view.py [--count N]

Headless Chromium, five loads, medians; "loaded" is until the first drawing is on the screen. Figures of this
machine at this moment: nothing here fails because a machine is slow.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time

os.chdir(os.path.dirname(os.path.abspath(__file__)) + "/..")
sys.path[:0] = ["tests", "tests/view"]
import browser  # noqa: E402
from tap import BUILD, forkscope, record  # noqa: E402

LOADED = """const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now())))"""
# A frame each: as fast as the page can draw while the time line is zoomed and moved.
FRAMES = """const done = arguments[0]; let left = 60, longest = 0; const began = performance.now();
    (function next() { longest = Math.max(longest, forkscope.drawn.ms);
        if (!left--) return done([(performance.now() - began) / 60, longest]);
        document.getElementById(left % 2 ? 'zoom-in' : 'zoom-out').click(); requestAnimationFrame(next); })()"""


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--count", type=int, default=10000)
    count = options.parse_args().count
    if browser.missing():
        print("view: " + browser.missing())
        return
    with tempfile.TemporaryDirectory() as d:
        made = record(d + "/t", [BUILD + "/bench/storm", "-e", "/bin/true", str(count)])
        if made.status != 0:
            print("view: cannot record here: " + made.err.strip())
            return
        began = time.monotonic()
        forkscope("view", d + "/t", "-o", d + "/t.html")
        took = time.monotonic() - began
        with browser.Browser(d) as b:
            loads, frames = [], []
            for _ in range(5):
                b.open(d + "/t.html")
                loads.append(b.call("POST", "/execute/async", {"script": LOADED, "args": []}) / 1000)
                frames.append(b.call("POST", "/execute/async", {"script": FRAMES, "args": []}))
            b.click("#pack")
            alone = b.call("POST", "/execute/async", {"script": FRAMES, "args": []})
    print("forkscope view, %d processes" % count)
    print("  made in               %6.2f s" % took)
    print("  loaded and drawn in   %6.2f s   (bar: 3 s)" % statistics.median(loads))
    print("  one drawing, at most  %6.1f ms  (a lane each: %.1f ms)" % (max(f[1] for f in frames), alone[1]))


main()
