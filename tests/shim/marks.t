#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Marks, spans, names (forkscope.h) and a pool's runs in a recording; nothing at all without one."""

import os
import sys

sys.path.insert(0, "tests")
from tap import *  # noqa: E402,F403

PROGRAM = os.path.join(BUILD, "tests", "shim", "marks")
PROCPOOL = os.path.join(BUILD, "procpool")
TASKS = os.path.join(BUILD, "examples", "tasks.so")


def test_marks(d, source):
    same(run([PROGRAM]).out, "4711 0\n", "marks: nothing without a recording")
    result = record(d + "/t", [PROGRAM], "--source=" + source)
    same((result.status, result.out, result.err), (0, "4711 1\n", ""), "%s: errno stays" % source)
    one = report(d + "/t")
    lossless(one, "%s: nothing lost" % source)
    marks = one["marks"]
    named = {m["name"]: m for m in marks}
    same([m["name"] for m in marks[:4]], ["first", "\033[31mred\n", "x" * 1000, None],
         "%s: names as they were, long ones cut" % source)
    same([m["value"] for m in marks if m["name"] == "many"], list(range(1000)),
         "%s: values, all, in order" % source)
    same(named["in handler"]["value"], 10, "%s: from a signal handler" % source)
    same((named["helper"]["kind"], named["helper"]["tid"] != named["first"]["tid"]), ("name", True),
         "%s: a name is its thread's" % source)
    ok(named["across threads"]["end_ns"] > named["across threads"]["ts_ns"],
       "%s: a span ends in another thread" % source, named["across threads"])
    same(named["left open"]["end_ns"], None, "%s: and not in another process" % source)
    same((named["first"]["process"], named["in child"]["process"]), ("p0", "p1"), "%s: whose it is" % source)
    text = forkscope("report", d + "/t").out
    ok("\\e[31mred" in text or "\\033[31mred" in text or "\\x1b[31mred" in text,
       "%s: escaped for the terminal" % source, text[-800:])
    ok("\033" not in text, "%s: no escape gets through" % source)
    ok("left open: did not end" in text, "%s: the report shows them" % source, text[-800:])


def test_outputs(d):
    record(d + "/t", [PROGRAM], "--source=shim")
    kinds = [e["type"] for e in events(d + "/t")]
    same((kinds.count("mark"), kinds.count("span_begin"), kinds.count("span_end"), kinds.count("name")),
         (1006, 2, 2, 1), "each as an event")
    result = forkscope("trace", "--source=shim", "--", PROGRAM)
    ok("marks first" in result.err and "begins " in result.err, "trace shows them live",
       result.err[-500:])
    same(forkscope("export", "--format=perfetto", d + "/t", "-o", d + "/p").status, 0, "perfetto takes them")
    with open(d + "/p", "rb") as f:
        data = f.read()
    ok(b"across threads" in data and b"in handler" in data, "and shows them")


def test_pool(d, source, method):
    name = "%s, %s: " % (source, method)
    result = record(d + "/t", [PROCPOOL, "map", "-j2", "--start=" + method, "--no-progress", TASKS + ":upper"],
                    "--source=" + source, text_in="a\n" * 200)
    same((result.status, result.out), (0, "A\n" * 200), name + "works")
    one = report(d + "/t")
    lossless(one, name + "nothing lost")
    same(len(one["pools"]), 1, name + "one pool")
    pool = one["pools"][0]
    same((pool["process"], pool["start_method"], pool["wanted"], pool["tasks"], pool["failed"]),
         ("p0", method, 2, 200, 0), name + "whose, how, how many")
    # What waited behind a long task is taken back and given to another worker: queued, never begun.
    runs = [r for r in pool["runs"] if r["start_ns"] is not None]
    tasks = sorted(n for r in runs for n in range(r["first"], r["first"] + r["count"]))
    same(tasks, list(range(200)), name + "each task once, by its number")
    same({r["task"] for r in pool["runs"]}, {"upper"}, name + "by its name")
    ok(all(r["queued_ns"] <= r["start_ns"] <= r["end_ns"] for r in runs), name + "queued, begun, ended", runs[:3])
    same({(r["worker"], r["tid"]) for r in pool["runs"]} <= {(w["process"], w["tid"]) for w in pool["workers"]},
         True, name + "by its workers")
    # Each worker is a process of the report, born as the method says.
    born = {p["id"]: p for p in one["processes"]}
    want = {"fork": "fork", "spawn": "spawn", "forkserver": "forkserver", "thread": "initial"}[method]
    if method != "forkserver" or source == "both":
        same({born[w["process"]]["start_method"] for w in pool["workers"]}, {want}, name + "workers born so")
    same([w["tasks"] for w in pool["workers"]],
         [sum(r["count"] for r in runs if (r["worker"], r["tid"]) == (w["process"], w["tid"]))
          for w in pool["workers"]], name + "counts agree")


def test_auto(d):
    """The shim comes by itself beside the kernel witness, for whatever is run."""
    for program in (PROGRAM, PROCPOOL, "/bin/true", TASKS):
        command = [program] if program != PROCPOOL else [PROCPOOL, "map", "-j1", "--no-progress", TASKS + ":upper"]
        if program == TASKS:
            with open(d + "/script", "w") as f:
                f.write("#!/bin/sh\nexit 0\n")
            os.chmod(d + "/script", 0o755)
            command = [d + "/script"]
        record(d + "/t", command, text_in="a\n")
        same(report(d + "/t")["sources"], {"bpf": True, "shim": True}, "auto: %s" % command[0])
    record(d + "/t", [PROGRAM], "--source=bpf")
    same(report(d + "/t")["sources"], {"bpf": True, "shim": False}, "--source=bpf is the kernel witness alone")


def test_death(d):
    result = record(d + "/t", [PROCPOOL, "map", "-j1", "--start=fork", "--chunk=1", "--no-progress",
                               TASKS + ":crash"], "--source=shim", text_in="a\nb\ncrash\nc\n")
    same(result.status, 1, "a worker's death: told")
    pool = report(d + "/t")["pools"][0]
    same(len(pool["workers"]), 2, "and another worker born")
    dead = [r for r in pool["runs"] if r["start_ns"] is not None and r["end_ns"] is None]
    same([r["first"] for r in dead], [2], "it died in this task")
    ok("died in 2" in forkscope("report", d + "/t").out, "the report says so")


def test_builds(d):
    """Every way a program may be built finds the shim, save the static one, which does without."""
    with open(d + "/m.c", "w") as f:
        f.write('#include "forkscope.h"\nint main(void) { uint64_t s = forkscope_span_begin("built");'
                ' forkscope_span_end(s); return s != 0; }\n')
    with open(d + "/m.cc", "w") as f:
        f.write('#include "forkscope.h"\nint main() { forkscope::span s("built"); return 0; }\n')
    for flags in ("-fPIE -pie", "-fno-pie -no-pie", "-fno-pie -no-pie -O2", "-fPIE -pie -O2 -flto", "-std=c99 -pedantic",
                  "-static"):
        built = run(["gcc"] + flags.split() + ["-Wall", "-Wextra", "-Werror", "-Iinclude", "-o", d + "/m", d + "/m.c"])
        same((built.status, built.err), (0, ""), "gcc %s: builds" % flags)
        same(run([d + "/m"]).status, 0, "gcc %s: runs alone" % flags)
        result = record(d + "/t", [d + "/m"], "--source=shim")
        same(result.status, 0 if "static" in flags else 1, "gcc %s: finds the shim" % flags)
    if shutil.which("g++"):
        built = run(["g++", "-std=c++98", "-Wall", "-Wextra", "-Werror", "-Iinclude", "-o", d + "/c", d + "/m.cc"])
        same((built.status, built.err), (0, ""), "C++: builds")
        record(d + "/t", [d + "/c"], "--source=shim")
        ok(report(d + "/t")["marks"][0]["end_ns"] is not None, "C++: a span ends with its block")
    else:
        skip("C++", "no g++")


with private_dir() as directory:
    sources = ["shim"]
    if bpf_missing() is None and forkscope("record", "-o", directory + "/p", "--source=bpf", "true").status == 0:
        sources.append("both")
    for one_source in sources:
        test_marks(directory, one_source)
        for start in ("fork", "spawn", "forkserver", "thread"):
            test_pool(directory, one_source, start)
    test_outputs(directory)
    if "both" in sources:
        test_auto(directory)
    test_death(directory)
    test_builds(directory)
done()
