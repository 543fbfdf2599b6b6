#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Storms of 20,000 children: every one is in the trace, with its end and its reaper, and nothing is lost.

Pids come round here (pid_max is often 32,768), so that identity by pid alone would fail.
"""

import sys

sys.path.insert(0, "tests")
from tap import *  # noqa: E402,F403

STORM = BUILD + "/bench/storm"


def storm(d, name, count, arguments, flags=()):
    result = record(d + "/t", [STORM, *arguments, str(count)], *flags)
    if not ok(result.status == 0, "%s: runs" % name, result):
        return
    same(json.loads(result.out)["count"], count, "%s: made its children" % name)
    one = report(d + "/t")
    lossless(one, name)
    processes = one["processes"]
    same(len(processes), count + 1, "%s: number of processes" % name)
    root, children = processes[0], processes[1:]
    same(len([p for p in children if p["parent"] != root["id"]]), 0, "%s: parents" % name)
    same(len([p for p in children if p["exit"] != {"code": 0}]), 0, "%s: exits" % name)
    same(len([p for p in children if p["reaped_by"] != root["id"]]), 0, "%s: reapers" % name)
    want = "spawn" if "-e" in arguments else "fork"
    same(len([p for p in children if p["start_method"] != want]), 0, "%s: start methods" % name)
    same(len([p for p in children if p["end_ns"] is None or p["end_ns"] < p["start_ns"]]), 0,
         "%s: times" % name)
    same(len({p["id"] for p in processes}), count + 1, "%s: ids are their own" % name)


need_bpf()
for args in (("fork+exit", 20000, []),
             ("fork+exit, fd snapshots off", 20000, [], ["--fds=none"]),
             ("fork+exit, all fds", 5000, [], ["--fds=full"]),
             ("fork+exec+exit", 4000, ["-e", "/bin/true"]),
             ("vfork+exec+exit", 4000, ["-v", "-e", "/bin/true"]),
             ("from 8 threads", 20000, ["-t", "8"]),
             ("with 500 fds", 2000, ["-f", "500"])):
    with private_dir() as one_dir:
        storm(one_dir, *args)
done()
