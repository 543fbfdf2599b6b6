#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""CPython's multiprocessing under its three start methods, against what the program saw itself."""

import os
import sys

sys.path.insert(0, "tests")
from tap import *  # noqa: E402,F403

PROGRAM = os.path.abspath("tests/real/mp_program.py")


def check_workers(method, name, said, one, by_pid):
    parent = said["server"] if method == "forkserver" else said["main"]
    for pid, ppid in said["workers"]:
        worker = by_pid[pid]
        same(ppid, parent, "%s: the worker saw its parent" % name)
        same([worker["start_method"], worker["role"], worker["parent"], worker["logical_parent"],
              worker["exit"], worker["reaped_by"]],
             [method, "worker", by_pid[parent]["id"], by_pid[said["main"]]["id"], {"code": 0},
              by_pid[parent]["id"]],
             "%s: worker" % name)
        same(bool(worker["images"]), method == "spawn", "%s: worker execs only under spawn" % name)


def check_helpers(method, name, said, by_pid):
    if said["tracker"]:
        tracker = by_pid[said["tracker"]]
        same([tracker["start_method"], tracker["role"], tracker["parent"]],
             ["spawn", "resource_tracker", by_pid[said["main"]]["id"]], "%s: tracker" % name)
    ok(bool(said["tracker"]) == (method != "fork"), "%s: a tracker only where one is needed" % name)
    if method == "forkserver":
        server = by_pid[said["server"]]
        same([server["start_method"], server["role"], server["parent"]],
             ["spawn", "forkserver", by_pid[said["main"]]["id"]], "%s: server" % name)


def check_passes(method, name, said, one, by_pid):
    if method != "forkserver":
        same(one["fd_passes"], [], "%s: nothing passed" % name)
        return
    main, server = by_pid[said["main"]]["id"], by_pid[said["server"]]["id"]
    passes = [p for p in one["fd_passes"] if p["from"] == main and p["to"] == server]
    same(len(passes), 2, "%s: one passing for each worker" % name)
    same([[f["from_fd"] for f in p["files"]] for p in passes], said["sent"],
         "%s: the sender's numbers" % name)
    for p in passes:
        numbers = [f["to_fd"] for f in p["files"]]
        ok(all(isinstance(n, int) and n > 2 for n in numbers) and len(set(numbers)) == len(numbers),
           "%s: the receiver's numbers" % name, p)
        ok(all(f["kind"] == "pipe" and f["id"].startswith("pipe:[") or
               f["kind"] == "socket:unix" for f in p["files"]), "%s: kinds" % name, p)
        same(p["via"], "scm_rights", "%s: via" % name)
    same(sorted(p["for"] or "" for p in passes), sorted(by_pid[w]["id"] for w, _ in said["workers"]),
         "%s: each for its worker" % name)


def check_one(method, kind, directory):
    name = "%s, %s" % (method, kind)
    trace = "%s/%s-%s" % (directory, method, kind)
    result = record(trace, ["/usr/bin/python3", PROGRAM, method, kind], "--fds=full")
    if not ok(result.status == 0 and result.out.startswith("{"), "%s: runs" % name, result):
        return
    said = json.loads(result.out)
    one = report(trace)
    lossless(one, name)
    by_pid = {p["pid"]: p for p in one["processes"]}
    same(one["schema"], "forkscope.report/1", "%s: schema" % name)
    same(by_pid[said["main"]]["start_method"], "initial", "%s: main" % name)
    same(len(one["processes"]), 1 + len(said["workers"]) + bool(said["tracker"]) + bool(said["server"]),
         "%s: number of processes" % name)
    check_workers(method, name, said, one, by_pid)
    check_helpers(method, name, said, by_pid)
    check_passes(method, name, said, one, by_pid)


need_bpf()
with private_dir() as directory:
    for method in ("fork", "spawn", "forkserver"):
        for kind in ("process", "pool"):
            check_one(method, kind, directory)
done()
