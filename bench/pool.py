#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""libprocpool beside its peers and the bare system calls, in one run: `make bench-pool`.

Each row is a bar of the design, both raw figures, their ratio, and whether it PASSes here or is MISSED. Rounds are
interleaved, ours and the peers' in turn; a ratio is the median of the rounds' own ratios: machines are noisy, what
two neighbours in time see of that is nearly the same.

    bench/pool.py [--rounds N] [--quick] [--only WORD] [--json FILE]
"""

import argparse
import importlib.util
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

BUILD = os.environ.get("FORKSCOPE_BUILD", "build")
PROCPOOL = os.path.join(BUILD, "procpool")
BARE = os.path.join(BUILD, "bench", "bare")
TASKS = os.path.join(BUILD, "examples", "tasks.so")
PEERS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "pool_peers.py")
METHODS = ("fork", "spawn", "forkserver")
HAS_JOBLIB = importlib.util.find_spec("joblib") is not None


def output(*command, **options):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, **options).stdout.decode()


def pool(figure, method="forkserver", caller_mb=0, workers=2):
    text = output(PROCPOOL, "bench", "--plain", "--start=" + method, "--only", figure, "-j", str(workers),
                  "--caller", str(caller_mb))
    return float(text.split()[2])


def process_cost(method, caller_mb):
    """One process for one task beside its bare twin, measured in turn inside one run: {figure: value}."""
    lines = output(PROCPOOL, "bench", "--plain", "--start=" + method, "--only", "process*", "--caller", str(caller_mb))
    return {line.split()[1]: float(line.split()[2]) for line in lines.splitlines()}


def peer(name, method, what, *numbers):
    return float(output("/usr/bin/python3", PEERS, name, method, what, *map(str, numbers)).split()[1])


def bare(*arguments):
    """The figures a bare run prints: {name: ns}."""
    lines = output(BARE, *map(str, arguments)).splitlines()
    return {line.split()[0]: float(line.split()[1]) for line in lines}


class Bench:
    def __init__(self, rounds, only):
        self.rounds, self.only, self.rows = rounds, only, []

    def wanted(self, group):
        return not self.only or self.only in group

    def rounds_of(self, **measures):
        """Runs each measure once a round, in turn; {name: median}."""
        samples = {name: [] for name in measures}
        for _ in range(self.rounds):
            for name, measure in measures.items():
                samples[name].append(measure())
        return {name: statistics.median(values) for name, values in samples.items()}

    def pair(self, ours, theirs):
        """Both in turn, each first as often as the other: medians of ours, of theirs, of theirs to ours."""
        samples = []
        for i in range(self.rounds):
            first, second = (ours, theirs) if i % 2 else (theirs, ours)
            a, b = first(), second()
            samples.append((a, b) if i % 2 else (b, a))
        return (statistics.median(a for a, _ in samples), statistics.median(b for _, b in samples),
                statistics.median(b / a for a, b in samples))

    def row(self, what, figure, bar, holds):
        self.rows.append({"what": what, "figure": figure, "bar": bar, "holds": bool(holds)})
        print("%-44s %-40s %-30s %s" % (what, figure, bar, "PASS" if holds else "MISSED"), flush=True)

    def note(self, what, figure):
        self.rows.append({"what": what, "figure": figure})
        print("%-44s %s" % (what, figure), flush=True)


def throughput(bench, scale):
    peers = {"%s %s" % (p, m): (p, m) for p in ("pool", "futures") for m in METHODS}
    if HAS_JOBLIB:
        peers["joblib loky"] = ("joblib", "loky")
    for what, numbers, bar, least_ratio in (
            ("tiny", (40000 * scale,), 2e6, 30), ("map", (1000000 * scale,), 20e6, 3),
            ("echo64", (64, 20000 * scale), 1e6, 0), ("echo4k", (4096, 10000 * scale), 5e5, 0),
            ("echo1m", (1 << 20, 100 * scale), 5e3, 0)):
        kind = what if what in ("tiny", "map") else "echo"
        # The slow peers get a quarter of the items: rates are compared.
        few = (*numbers[:-1], numbers[-1] // 4)
        measures = {name: (lambda p=p, m=m: peer(p, m, kind, *(numbers if p == "pool" else few)))
                    for name, (p, m) in peers.items()}
        for method in METHODS:
            measures["ours " + method] = lambda m=method: pool(what, m)
        got = bench.rounds_of(**measures)
        best = max(peers, key=lambda name: got[name])
        for name in peers:
            bench.note("  %s: %s" % (what, name), "%.0f/s" % got[name])
        for method in METHODS:
            ours = got["ours " + method]
            cpython = max(got["pool " + m] for m in METHODS)
            holds = ours >= bar and ours >= least_ratio * cpython
            bench.row("%s, %s" % (what, method), "%.0f/s, %.0f x Pool, %.0f x %s" %
                      (ours, ours / cpython, ours / got[best], best),
                      ">= %.0f/s%s" % (bar, ", >= %d x" % least_ratio if least_ratio else ""), holds)
    for method in METHODS:
        ours = bench.rounds_of(ours=lambda: pool("produce1m", method))["ours"]
        bench.row("1 MiB produced in place, " + method, "%.0f/s" % ours, ">= 20000/s", ours >= 20e3)


def latency(bench):
    for method in METHODS:
        got = bench.rounds_of(ours=lambda: pool("apply", method),
                              bare=lambda: bare("pingpong", 20000)["pingpong"])
        ratio = got["ours"] / got["bare"]
        bench.row("apply, there and back, " + method, "%.2f us, %.2f x futex ping-pong (%.2f us)" %
                  (got["ours"] / 1e3, ratio, got["bare"] / 1e3), "<= 2 x", ratio <= 2)


def start_up(bench):
    bars = {"fork": 9, "spawn": 45, "forkserver": 38}
    for workers in (1, 4, 16, 64):
        for method in METHODS:
            ours, cpython, ratio = bench.pair(lambda: pool("start%d" % workers, method),
                                              lambda: peer("pool", method, "start", workers))
            figure = "%.2f ms, CPython %.1f ms: %.1f x" % (ours / 1e6, cpython / 1e6, ratio)
            if workers == 64:
                bench.row("start, task each, stop, 64, " + method, figure, ">= %d x" % bars[method],
                          ratio >= bars[method])
            else:
                bench.note("start, task each, stop, %d, %s" % (workers, method), figure)
    fork, server, ratio = bench.pair(lambda: pool("start64", "fork"), lambda: pool("start64", "forkserver"))
    bench.row("64 workers, forkserver to fork", "%.2f ms, fork %.2f ms: %.2f x" % (server / 1e6, fork / 1e6, ratio),
              "<= 1.5 x", ratio <= 1.5)


def worker_start(bench, sizes):
    """Beside the twin of pool/cmd/bench_process.c: same caller, same image, the result by shared memory."""
    first = {}
    for megabytes in sizes:
        runs = [{method: process_cost(method, megabytes) for method in METHODS} for _ in range(bench.rounds)]
        for method in ("fork", "spawn"):
            got = {name: statistics.median(run[method][name] for run in runs) for name in runs[0][method]}
            bench.row("one process, %s, caller of %d MB" % (method, megabytes), "%.0f us, bare %.0f us: %.2f x" %
                      (got["process"] / 1e3, got["process_bare"] / 1e3, got["process_ratio"]), "<= 1.3 x",
                      got["process_ratio"] <= 1.3)
            bench.note("  beside a child that does nothing", "%.0f us: %.2f x" %
                       (got["process_empty"] / 1e3, got["process_empty_ratio"]))
        server = statistics.median(run["forkserver"]["process"] for run in runs)
        ratio = server / first.setdefault("forkserver", server)
        bench.row("one process, forkserver, caller of %d MB" % megabytes, "%.0f us, %.2f x that of %d MB" %
                  (server / 1e3, ratio, sizes[0]), "<= 1.3 x", ratio <= 1.3)


def processes_of(session):
    """Living processes of a session: {pid: state}."""
    found = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open("/proc/%s/stat" % name) as f:
                fields = f.read().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] not in "ZX":
            found[int(name)] = fields
    return found


def begin_map(method, workers, lines):
    child = subprocess.Popen([PROCPOOL, "map", "-j", str(workers), "--start=" + method, TASKS + ":nap"],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
    child.stdin.write(b"1\n" * workers * 4 + lines)
    child.stdin.flush()
    for _ in range(workers * 4):
        child.stdout.readline()
    return child


def end(child):
    child.kill()
    child.wait()
    child.stdin.close()
    child.stdout.close()


def deaths(bench):
    for method in METHODS:
        told = bench.rounds_of(ours=lambda: pool("death", method))["ours"]
        bench.row("a worker dies: told and replaced, " + method, "%.2f ms" % (told / 1e6), "<= 5 ms", told <= 5e6)
    for method in METHODS:
        child = begin_map(method, 8, b"600000\n" * 8)
        time.sleep(0.2)
        os.kill(child.pid, signal.SIGKILL)
        killed = time.monotonic()
        while processes_of(child.pid) and time.monotonic() - killed < 10:
            time.sleep(0.0005)
        took = time.monotonic() - killed
        end(child)
        bench.row("kill -9 of the caller, 8 busy workers, " + method, "the last gone after %.1f ms" %
                  (took * 1e3), "<= 100 ms", took <= 0.1)


def idle(bench):
    for method in METHODS:
        child = begin_map(method, 8, b"")
        time.sleep(0.3)

        def run_time():
            total = 0
            for pid in processes_of(child.pid):
                with open("/proc/%d/schedstat" % pid) as f:
                    total += int(f.read().split()[0])
            return total

        before = run_time()
        time.sleep(2)
        used = run_time() - before
        own = []
        for pid in processes_of(child.pid):
            with open("/proc/%d/smaps_rollup" % pid) as f:
                fields = dict(line.split(":")[0:2] for line in f if ":" in line)
            if pid != child.pid:
                own.append(int(fields["Private_Dirty"].split()[0]))
        end(child)
        bench.row("CPU of an idle pool of 8 for 2 s, " + method, "%.3f ms" % (used / 1e6), "0", used < 1e6)
        bench.row("an idle worker's own memory, " + method, "%d kB" % statistics.median(own), "<= 1 MB",
                  statistics.median(own) <= 1024)


def commands(bench, n):
    with tempfile.NamedTemporaryFile("w") as lines:
        lines.write("".join("%d\n" % i for i in range(n)))
        lines.flush()

        def rate(*command):
            with open(lines.name) as f:
                begin = time.monotonic()
                subprocess.run(command, stdin=f, stdout=subprocess.DEVNULL, check=True)
            return n / (time.monotonic() - begin)

        ways = {"exec " + m: (lambda m=m: rate(PROCPOOL, "exec", "-j", "2", "--start=" + m, "--", "/bin/true",
                                               "{}")) for m in METHODS}
        ways["xargs"] = lambda: rate("xargs", "-P", "2", "-n", "1", "/bin/true")
        if shutil.which("parallel"):
            ways["parallel"] = lambda: rate("parallel", "-j", "2", "/bin/true", "{}")
        got = bench.rounds_of(**ways)
        for name, value in got.items():
            bench.note("/bin/true, two at a time, " + name, "%.0f/s, %.2f x xargs" % (value, value / got["xargs"]))


def chaos(bench, kills):
    done = subprocess.run([os.path.join(BUILD, "tests", "pool", "test_chaos")], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, env={**os.environ, "FORKSCOPE_CHAOS": str(kills)})
    bench.row("%d random kill -9 a start method" % kills, "exit status %d" % done.returncode,
              "0 hangs, lost, doubled, leaked", done.returncode == 0)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="one round, small sizes")
    parser.add_argument("--only", help="groups whose name holds this: throughput, latency, start-up, "
                        "worker-start, deaths, idle, commands, chaos")
    parser.add_argument("--json", help="write the rows there too")
    options = parser.parse_args()
    bench = Bench(1 if options.quick else options.rounds, options.only)
    scale = 1 if options.quick else 4
    sizes = (10, 1000) if options.quick else (10, 1000, 4000)
    groups = {"throughput": lambda: throughput(bench, scale), "latency": lambda: latency(bench),
              "start-up": lambda: start_up(bench), "worker-start": lambda: worker_start(bench, sizes),
              "deaths": lambda: deaths(bench), "idle": lambda: idle(bench),
              "commands": lambda: commands(bench, 500 * scale), "chaos": lambda: chaos(bench, 250 * scale)}
    if not HAS_JOBLIB:
        bench.note("joblib", "not installed: left out")
    for name, group in groups.items():
        if bench.wanted(name):
            group()
    bars = [row for row in bench.rows if "bar" in row]
    print("%d of %d bars hold" % (sum(row["holds"] for row in bars), len(bars)))
    if options.json:
        with open(options.json, "w") as f:
            json.dump(bench.rows, f, indent=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
