#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""`forkscope compare --methods` on CPython: each method is taken without touching the program, and each figure of
the table is what the traces say, computed here once more from their reports."""

import glob
import os
import sys

sys.path.insert(0, "tests")
from tap import *  # noqa: E402,F403

PROGRAM = """
import multiprocessing, os, sys
def square(x): return x * x
if __name__ == "__main__":
    import sitecustomize
    with multiprocessing.Pool(3) as pool:
        total = sum(pool.map(square, range(10)))
    print(os.environ["FORKSCOPE_START_METHOD"], multiprocessing.get_start_method(), total,
          getattr(sitecustomize, "MINE", "none"), os.environ["PYTHONPATH"].count(":"), flush=True)
"""
OWN_CHOICE = """
import multiprocessing
multiprocessing.set_start_method("fork")
print(multiprocessing.get_start_method(), flush=True)
"""
METHODS = ["fork", "spawn", "forkserver"]

# The figures that a report has of each process, by their key in the comparison.
READ = {
    "fork_call_ns": lambda p: p["fork_call_ns"],
    "threads_at_fork": lambda p: p["threads_at_fork"],
    "fds_inherited": lambda p: p["fds"]["inherited"],
    "fds_after_exec": lambda p: p["fds"]["after_exec"],
    "fds_never_used": lambda p: p["fds"]["never_used"],
    "minor_faults": lambda p: p["minor_faults"],
    "peak_rss_kb": lambda p: p["peak_rss_kb"],
    "teardown_ns": lambda p: p["zombie_ns"],
    "lifetime_ns": lambda p: p["end_ns"] - p["start_ns"] if p["end_ns"] is not None else None,
}


def spread(values):
    values = sorted(v for v in values if v is not None)
    n = len(values)
    if not n:
        return None
    middle = values[n // 2] if n % 2 else (values[n // 2 - 1] + values[n // 2]) // 2
    return {"n": n, "median": middle, "min": values[0], "max": values[-1]}


def close(got, want):
    """The median of an even number may be rounded either way."""
    if got is None or want is None:
        return got == want
    return all(abs(got[k] - want[k]) <= (k == "median") for k in want)


need_bpf()
with private_dir() as directory:
    temporary = os.path.join(directory, "tmp")
    own = os.path.join(directory, "own")
    os.mkdir(temporary)
    os.mkdir(own)
    program = os.path.join(directory, "prog.py")
    open(program, "w").write(PROGRAM)
    open(os.path.join(own, "sitecustomize.py"), "w").write("MINE = 'mine'\n")
    keep = os.path.join(directory, "kept")
    environment = dict(os.environ, TMPDIR=temporary, PYTHONPATH=own)
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    result = forkscope("compare", "--methods=" + ",".join(METHODS), "--keep", keep, "--json", "--",
                       "/usr/bin/python3", program, env=environment)
    same(result.status, 0, "it ends well")
    lines = result.out.split("\n")
    for method in METHODS:
        ok("%s %s 285 mine 1" % (method, method) in lines,
           method + ": the program saw the method, its own sitecustomize and its own path", result.out[:500])
    table = json.loads([line for line in lines if line.startswith("{")][0])
    same([t["trace"] for t in table["traces"]], METHODS, "one column a method")
    same(sum(t["lost"] for t in table["traces"]), 0, "nothing lost")
    found = {(g["trace"], g["start_method"]) for g in table["groups"]}
    ok({("fork", "fork"), ("spawn", "spawn"), ("forkserver", "forkserver")} <= found,
       "each method started children of its kind", found)
    for trace in METHODS:
        one = report(os.path.join(keep, trace + ".data"))
        for group in [g for g in table["groups"] if g["trace"] == trace]:
            children = [p for p in one["processes"] if p["start_method"] == group["start_method"]]
            name = "%s, %s children: " % (trace, group["start_method"])
            same(group["starts"], len(children), name + "as many as in the trace")
            for key, read in READ.items():
                want = spread([read(p) for p in children])
                ok(close(group[key], want), name + key, "got %s, want %s" % (group[key], want))
    same(os.listdir(temporary), [], "nothing stays in the temporary directory")

    # Two tables of the same traces are the same, run or read.
    again = read_json("compare", "--json", *[os.path.join(keep, m + ".data") for m in METHODS])
    same([{k: v for k, v in g.items() if k != "trace"} for g in again["groups"]],
         [{k: v for k, v in g.items() if k != "trace"} for g in table["groups"]], "the kept traces give the same table")

    open(program, "w").write(OWN_CHOICE)
    result = forkscope("compare", "--methods=spawn", "--", "/usr/bin/python3", program, env=environment)
    ok(result.out.startswith("fork\n"), "a program that chooses for itself keeps its choice", result)

    result = forkscope("compare", "--methods=fork,thread", "--", "sh", "-c", "echo =$FORKSCOPE_START_METHOD; exit 3",
                       env=environment)
    ok("=fork" in result.out and "=thread" in result.out, "any program finds the method's name", result)
    same((result.status, result.err.count("ended with status 3")), (0, 2), "how it ended is said")

    for arguments in (["--methods=fork"], ["--methods=", "--", "true"], ["--methods=fork,fork", "--", "true"],
                      ["--methods=walk", "--", "true"], ["--keep=x", "y"]):
        result = forkscope("compare", *arguments, env=environment)
        ok(result.status == 1 and result.err.count("\n") == 1, "compare %s: one line, status 1" % arguments, result)
    result = forkscope("compare", "--methods=fork", "--", directory + "/none", env=environment)
    ok(result.status == 1 and "not found" in result.err, "no such command", result)
    same(os.listdir(temporary), [], "nothing stays after failures")
done()
