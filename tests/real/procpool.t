#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""`procpool map` under each start method: who is a worker, a server, a spare, and who asked for whom."""

import os
import sys

sys.path.insert(0, "tests")
from tap import *  # noqa: E402,F403

# A program built with a sanitizer starts a process of its own at its end, to look for leaks.
NO_HELPER = {"ASAN_OPTIONS": "detect_leaks=0"}
TASK = os.path.join(BUILD, "examples", "tasks.so") + ":nap"


def story(method, directory):
    trace = os.path.join(directory, method)
    lines = os.path.join(directory, "lines")
    with open(lines, "w") as f:
        f.write("1\n" * 30)
    with open(lines) as f:
        run = record(trace, [os.path.join(BUILD, "procpool"), "map", "--no-progress", "--start=" + method,
                             "-j", "3", TASK], stdin=f, env=dict(os.environ, **NO_HELPER))
    same([run.status, run.out.splitlines()], [0, ["1"] * 30], "%s: what the map gave" % method)
    return report(trace)["processes"]


def check(method, directory):
    processes = story(method, directory)
    main = processes[0]
    workers = [p for p in processes if p["role"] == "worker"]
    servers = [p for p in processes if p["role"] == "forkserver"]
    same(len(workers), 3, "%s: three workers" % method)
    same(sorted(p["id"] for p in workers + servers + [main]), sorted(p["id"] for p in processes),
         "%s: nobody else" % method)
    same({p["start_method"] for p in workers}, {method}, "%s: their start method" % method)
    same({p["logical_parent"] for p in workers}, {main["id"]}, "%s: asked for by the caller" % method)
    same({p["parent"] for p in workers}, {main["id"]}, "%s: children of the caller" % method)
    same(main["role"], None, "%s: the caller has no role" % method)
    if method == "forkserver":
        same([[p["start_method"], p["parent"]] for p in servers], [["spawn", main["id"]]],
             "forkserver: one server, spawned by the caller")
        same({p["creator"] for p in workers}, {servers[0]["id"]}, "forkserver: it made the workers")
    else:
        same(servers, [], "%s: no server" % method)


def check_spares(method, directory):
    program = os.path.join(directory, "pool_spares")
    if not os.path.exists(program):
        built = run(["cc", "-D_GNU_SOURCE", "-rdynamic", "-Iinclude", "-o", program, "tests/real/pool_spares.c",
                     os.path.join(BUILD, "libprocpool.a"), "-ldl", "-pthread"])
        same(built.status, 0, "a program with spares compiles: " + built.err)
    trace = os.path.join(directory, "spares-" + method)
    same(record(trace, [program, method]).status, 0, "%s: a pool with spares" % method)
    roles = sorted(p["role"] or "" for p in report(trace)["processes"])
    want = ["", "spare", "spare", "worker", "worker"] + (["forkserver"] if method == "forkserver" else [])
    same(roles, sorted(want), "%s: the spares are told from the workers" % method)


need_bpf()
with private_dir() as directory:
    for method in ("fork", "spawn", "forkserver"):
        check(method, directory)
        if "san-" not in BUILD:
            check_spares(method, directory)
done()
