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
    "ready_ns": lambda p: p["ready_ns"] - p["asked_ns"] if p["ready_ns"] is not None else None,
    "born_ns": lambda p: p["start_ns"] - p["asked_ns"] if p["fork_call_ns"] is not None else None,
    "exec_ns": lambda p: p["images"][0]["ts_ns"] - p["asked_ns"] if p["images"] else None,
    "ready_calls": lambda p: p["ready_calls"],
    "suspended_ns": lambda p: p["suspended_ns"] if p["mechanism"] != "fork" else 0,
    "creator_rss_kb": lambda p: p.get("creator_rss_kb"),
    "creator_pgtables_kb": lambda p: p.get("creator_pgtables_kb"),
    "major_faults": lambda p: p["major_faults"],
    "copied_kb": lambda p: (0 if p["mechanism"] != "fork" else
                            None if p["images"] or p["minor_faults"] is None else 4 * p["minor_faults"]),
    "cpu_ns": lambda p: p["cpu_ns"],
    "lifetime_ns": lambda p: p["end_ns"] - p["start_ns"] if p["end_ns"] is not None else None,
}


def spread(values):
    values = sorted(v for v in values if v is not None)
    n = len(values)
    if not n:
        return None
    middle = values[n // 2] if n % 2 else (values[n // 2 - 1] + values[n // 2]) // 2
    return {"n": n, "median": middle, "min": values[0], "max": values[-1]}


def ends(trace, one):
    """From the ledger of open files: of each child what it kept for nothing, when the last copy of what it held of
    pipes and sockets was closed, and when somebody read their end."""
    files = {f["file"]: f for f in read_json("fds", "--json", trace)["files"]}
    eof = {}
    for line in forkscope("export", "--format=json", trace).out.splitlines():
        event = json.loads(line)
        if event.get("type") == "fd_eof":
            eof.setdefault(event["file"], event["ts_ns"])
    found = {p["id"]: {"leaked": 0, "closed": [], "eof": [], "end": p["end_ns"],
                       "known": p["fds"]["never_used"] is not None} for p in one["processes"]}
    for f in files.values():
        released = [h["to_ns"] for h in f["holders"]]
        for h in f["holders"]:
            mine = found.get(h["process"])
            if not mine or h["fd"] <= 2 or h["lost"] not in ("exit", "held"):
                continue
            mine["leaked"] += h["got"] == "inherited" and not h["used"]
            if not f["other_ends"] or mine["end"] is None:
                continue
            if None not in released and max(released) >= mine["end"]:
                mine["closed"].append(max(released) - mine["end"])
            for other in f["other_ends"]:
                at = eof.get(files[other]["identity"]) if other in files else None
                if at is not None and at >= mine["end"]:
                    mine["eof"].append(at - mine["end"])
    return found


def steps(p, mine):
    """In which order a child went."""
    at = [("exit", 0)]
    if p["zombie_ns"] is not None:
        at.append(("reap", p["zombie_ns"]))
    if mine["closed"]:
        at.append(("last close", max(mine["closed"])))
    if mine["eof"]:
        at.append(("end-of-file", min(mine["eof"])))
    return tuple(name for name, _ in sorted(at, key=lambda step: step[1]))


AFTER_EXEC = 2  # of enum fs_table_when


def told_by_events(trace, one):
    """Of each child, from the events alone: how many fds it had after its first exec, and how many its fork server had
    received since the fork before it."""
    ids = {(p["pid"], p["start_ns"]): p["id"] for p in one["processes"]}
    found = {p["id"]: {"after_exec": None, "passed": 0} for p in one["processes"]}
    methods = {p["id"]: p["start_method"] for p in one["processes"]}
    born, tables, received = {}, {}, {}
    for line in forkscope("export", "--format=json", trace).out.splitlines()[1:]:
        e = json.loads(line)
        who = (e["pid"], e["start_ns"])
        if e["type"] == "fork":
            child = ids.get((e["child_pid"], e["ts_ns"]))
            born[(e["child_pid"], e["child_start_ns"])] = child
            if methods.get(child) == "forkserver":
                found[child]["passed"] = received.get(who, 0)
            received[who] = 0
        elif e["type"] == "fd_recv":
            received[who] = received.get(who, 0) + len(e["fds"])
        elif e["type"] == "fd_table" and e["when"] == AFTER_EXEC and born.get(who) and tables.get(who) != "whole":
            tables[who] = tables.get(who, 0) + len(e["fds"])
            if e["last"]:
                found[born[who]]["after_exec"] = tables[who]
                tables[who] = "whole"
    return found


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
        ledger = ends(os.path.join(keep, trace + ".data"), one)
        events = told_by_events(os.path.join(keep, trace + ".data"), one)
        for group in [g for g in table["groups"] if g["trace"] == trace]:
            children = [p for p in one["processes"] if p["start_method"] == group["start_method"]]
            name = "%s, %s children: " % (trace, group["start_method"])
            same(group["starts"], len(children), name + "as many as in the trace")
            for key, read in READ.items():
                want = spread([read(p) for p in children])
                ok(close(group[key], want), name + key, "got %s, want %s" % (group[key], want))
            for key, event_key in (("fds_after_exec", "after_exec"), ("fds_passed", "passed")):
                want = spread([events[p["id"]][event_key] for p in children])
                ok(close(group[key], want), name + key + " by the events", "got %s, want %s" % (group[key], want))
            mine = [ledger[p["id"]] for p in children]
            for key, values in (("fds_leaked", [e["leaked"] if e["known"] else None for e in mine]),
                                ("last_close_ns", [max(e["closed"]) if e["closed"] else None for e in mine]),
                                ("eof_ns", [min(e["eof"]) if e["eof"] else None for e in mine])):
                want = spread(values)
                ok(close(group[key], want), name + key, "got %s, want %s" % (group[key], want))
            orders = {}
            for p in children:
                if p["end_ns"] is not None:
                    order = steps(p, ledger[p["id"]])
                    orders[order] = orders.get(order, 0) + 1
            same({tuple(o["order"]): o["n"] for o in group["end_orders"]}, orders, name + "the orders of their ends")
            same(set(group["started_by"]), {p["creator"] for p in children}, name + "who started them")
            rules = {}
            for f in one["findings"]:
                if f["process"] in [p["id"] for p in children]:
                    rules[f["rule"]] = rules.get(f["rule"], 0) + f["count"]
            same(group["findings"], rules, name + "findings")
    workers = [g for g in table["groups"] if g["trace"] == g["start_method"]]
    ok(all(g[key] for g in workers for key in ("ready_calls", "fds_leaked", "last_close_ns")) and
       any(g["eof_ns"] for g in workers), "all of these are known", workers)
    passed = {g["trace"]: g["fds_passed"]["max"] for g in workers}
    ok(passed["fork"] == passed["spawn"] == 0 < passed["forkserver"], "only a fork server is passed fds", passed)
    calls = {g["trace"]: g["ready_calls"]["median"] for g in workers}
    ok(calls["fork"] < calls["forkserver"] < calls["spawn"], "a fork needs the fewest system calls, a fresh image most",
       calls)
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

    # Two children alike but for a hundred calls.
    counted = ("import os\nr, w = os.pipe()\nfor n in (0, 100):\n    if os.fork() == 0:\n"
               "        for i in range(n): os.getppid()\n        os.write(w, b'x'); os._exit(0)\n    os.wait()\n")
    result = forkscope("compare", "--methods=fork", "--json", "--", "/usr/bin/python3", "-c", counted, env=environment)
    calls = json.loads(result.out)["groups"][0]["ready_calls"]
    same((calls["n"], calls["max"] - calls["min"]), (2, 100), "system calls are counted to the last one")

    late = "import os, time\nif os.fork() == 0:\n    time.sleep(0.5)\n"
    for follow in ([], ["--follow"]):
        result = forkscope("compare", "--methods=fork", *follow, "--json", "--", "/usr/bin/python3", "-c", late,
                           env=environment)
        group = json.loads(result.out)["groups"][0]
        same(group["lifetime_ns"] is not None, bool(follow), "%s: whether a late child's end is seen" % follow)

    for arguments in (["--follow", "x"], ["--methods=fork"], ["--methods=", "--", "true"], ["--methods=fork,fork", "--", "true"],
                      ["--methods=walk", "--", "true"], ["--keep=x", "y"]):
        result = forkscope("compare", *arguments, env=environment)
        ok(result.status == 1 and result.err.count("\n") == 1, "compare %s: one line, status 1" % arguments, result)
    result = forkscope("compare", "--methods=fork", "--", directory + "/none", env=environment)
    ok(result.status == 1 and "not found" in result.err, "no such command", result)
    same(os.listdir(temporary), [], "nothing stays after failures")
done()
