#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A buffer made too small loses events: how many of which class is told everywhere, the rest is right."""

import sys

sys.path.insert(0, "tests")
from tap import *  # noqa: E402,F403

STORM = BUILD + "/bench/storm"
COUNT = 8000


def provoke(d, *flags):
    """Records until something is lost: the reader may keep up with a small ring when it has a CPU to itself."""
    for fds in (50, 200, 800):
        result = record(d + "/t", [STORM, "-t", "4", "-f", str(fds), str(COUNT)], "--fds=full",
                        "--buffer", "4K", *flags)
        one = report(d + "/t")
        if one["lost"]:
            break
    return result, one


need_bpf()
with private_dir() as one_dir:
    result, one = provoke(one_dir)
    if ok(one["lost"] > 0, "a tiny --buffer under a storm loses events", result):
        same(result.status, 0, "the target's status is handed on all the same")
        same(sum(one["lost_by"].values()), one["lost"], "lost_by adds up to lost")
        ok(all(isinstance(k, str) and v > 0 for k, v in one["lost_by"].items()), "by class", one["lost_by"])
        ok(one["gaps"] and all(g["from_ns"] <= g["to_ns"] for g in one["gaps"]), "gaps on the time line",
           one["gaps"][:5])
        ok(0 < len(one["processes"]) <= COUNT + 1, "no process is invented", len(one["processes"]))
        ids = {p["id"] for p in one["processes"]}
        ok(all(p["parent"] is None or p["parent"] in ids for p in one["processes"]), "parents hang together")
        wrong = [p for p in one["processes"][1:] if p["exit"] not in (None, {"code": 0})]
        same(wrong, [], "no end is made up")
        for command in ("report", "info"):
            text = forkscope(command, one_dir + "/t").out
            ok("lost" in text and str(one["lost"]) in text.replace(",", "").replace(" ", "").replace("'", "")
               or str(one["lost"]) in text, "%s says how many were lost" % command, text[-400:])
        result, one = provoke(one_dir, "--fail-on-loss")
        if one["lost"]:
            same(result.status, 125, "--fail-on-loss: 125")
            same(result.err.count("\n"), 1, "in one line: " + result.err.strip())
with private_dir() as one_dir:
    result = record(one_dir + "/t", ["/bin/sh", "-c", "exit 3"], "--fail-on-loss")
    same(result.status, 3, "--fail-on-loss without a loss: the target's status")
done()
