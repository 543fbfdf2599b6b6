#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What recording costs, and what it sees: forkscope beside other tools, in one run.

    bench/record.py [--rounds N] [--count N] [--only storm|exec|true|report]

Runs are paired: every round runs each tool once on the same work, in an order that rotates, and is
compared with the untraced run of its own round; the table shows medians over the rounds. Storms time
themselves, so that start-up is not in their ratio. Completeness is what the tool reported of what
happened; one that watches the whole machine may count others' too. A tool that is not installed is
left out. Figures of this machine at this moment: nothing here fails because a machine is slow.
"""

import argparse
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

BUILD = os.path.abspath(os.environ.get("FORKSCOPE_BUILD", "build"))
FORKSCOPE = BUILD + "/forkscope"
STORM = BUILD + "/bench/storm"
RING_MB = 8  # record's default --buffer
bars = []


def bar(text, held):
    bars.append((text, held))


def command(words, **options):
    """Runs to the end; returns (status, stdout, seconds)."""
    with tempfile.TemporaryFile() as out:
        start = time.monotonic()
        child = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=out,
                                 stderr=subprocess.DEVNULL, **options)
        child.wait()
        took = time.monotonic() - start
        out.seek(0)
        return child.returncode, out.read().decode("utf-8", "replace"), took


# A process's peak includes that of the one that started it, until its exec; so a small one starts it.
MEASURE = """
import os, sys, time
start = time.monotonic()
pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ,
                     file_actions=[(os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0)])
_, status, usage = os.wait4(pid, 0)
print(os.waitstatus_to_exitcode(status), time.monotonic() - start, usage.ru_maxrss)
"""


def measured(words):
    """Returns (status, seconds, peak RSS in kB); what the command prints is thrown away."""
    _, text, _ = command([sys.executable, "-S", "-E", "-c", MEASURE, *words])
    status, seconds, peak = text.split()
    return int(status), float(seconds), int(peak)


def count_lines(path, pattern):
    try:
        with open(path, encoding="utf-8", errors="replace") as f:
            return len(re.findall(pattern, f.read(), re.M))
    except OSError:
        return 0


# --- tools: each runs a storm, returns (its ns, how many children or execs it saw, or None)

class Tool:
    """One way to watch a command; `see` counts what it saw, from what it wrote to `out`."""

    def __init__(self, name, prefix, see):
        self.name, self.prefix, self.see = name, prefix, see

    def run(self, work, out):
        status, text, _ = command([w.replace("OUT", out) for w in self.prefix] + work)
        match = re.search(r"\{.*\}", text)
        if status != 0 or not match:
            raise RuntimeError("%s: status %s" % (self.name, status))
        return json.loads(match.group(0))["ns"], self.see(out)


class Beside(Tool):
    """A tool that watches the whole machine from beside; it is given time to attach and to finish."""

    def run(self, work, out):
        with open(out, "wb") as f:
            watcher = subprocess.Popen([w.replace("OUT", out) for w in self.prefix], stdout=f,
                                       stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
            try:
                time.sleep(2.5)
                _, text, _ = command(work)
                time.sleep(1)
                watcher.send_signal(signal.SIGINT)
                watcher.wait(30)
            except subprocess.TimeoutExpired:
                watcher.kill()
                watcher.wait()
        return json.loads(text)["ns"], self.see(out)


def report_of(out):
    status, text, _ = command([FORKSCOPE, "report", "--json", out])
    return json.loads(text) if status == 0 else {"processes": [], "lost": None}


def seen_forks(out):
    processes = report_of(out)["processes"]
    return len([p for p in processes[1:] if p["exit"] and p["reaped_by"]])


def seen_execs(out):
    return len([p for p in report_of(out)["processes"][1:] if p["images"]])


def tools(exec_program):
    """The tools there are, for a storm of forks or, with a program, of execs."""
    see = seen_execs if exec_program else seen_forks
    found = [Tool("untraced", [], lambda out: None)]
    # The kernel witness by itself; what the shim adds has bars of its own, in bench/shim.py.
    for level in ("none", "snapshot", "full"):
        found.append(Tool("forkscope record --fds=" + level,
                          [FORKSCOPE, "record", "-o", "OUT", "--source=bpf", "--fds=" + level, "--"], see))
    found.append(Tool("  and the shim, with stacks", [FORKSCOPE, "record", "-o", "OUT", "--source=both", "--"], see))
    strace_sees = (lambda out: count_lines(out, r"execve(\(| resumed).*= 0$") - 1) if exec_program else (
        lambda out: count_lines(out, r"\+\+\+ exited with") - 1)
    if shutil.which("strace"):
        found.append(Tool("strace -f", ["strace", "-f", "-o", "OUT"], strace_sees))
        found.append(Tool("strace -f --seccomp-bpf -e %process",
                          ["strace", "-f", "--seccomp-bpf", "-e", "trace=%process", "-o", "OUT"],
                          strace_sees))
    if shutil.which("perf"):
        pattern = r"execve\(.*= 0$" if exec_program else r"\bexit_group\("
        found.append(Tool("perf trace", ["perf", "trace", "-o", "OUT", "--"],
                          lambda out: count_lines(out, pattern) - 1))
    if shutil.which("forkstat"):
        kind = "exec" if exec_program else "exit"
        found.append(Beside("forkstat", ["forkstat", "-l", "-e", kind],
                            lambda out: count_lines(out, r"\b%s\b.*(storm|true)" % kind)))
    execsnoop = next((p for p in ("/usr/sbin/execsnoop.bt", "/usr/share/bpftrace/tools/execsnoop.bt")
                      if os.path.exists(p)), None)
    if exec_program and execsnoop and shutil.which("bpftrace"):
        found.append(Beside("bpftrace execsnoop", ["bpftrace", execsnoop],
                            lambda out: count_lines(out, r"\s%s\s*$" % exec_program)))
    return found


def storm(title, work, count, rounds, exec_program=None):
    names, ratios, saw, each, broken = [], {}, {}, {}, {}
    everyone = tools(exec_program)
    with tempfile.TemporaryDirectory(prefix="forkscope-bench-") as directory:
        for number in range(rounds):
            base = None
            order = [everyone[0]] + everyone[1 + number % 3:] + everyone[1:1 + number % 3]
            for tool in order:
                out = directory + "/out"
                if tool.name in broken:
                    continue
                try:
                    ns, seen = tool.run(work, out)
                except (RuntimeError, ValueError, OSError) as error:
                    broken[tool.name] = str(error)
                    continue
                finally:
                    if os.path.exists(out):
                        os.unlink(out)
                base = base or ns
                ratios.setdefault(tool.name, []).append(ns / base)
                each.setdefault(tool.name, []).append(ns / count / 1000)
                saw.setdefault(tool.name, []).append(seen)
    print("\n%s: %d children, median of %d paired runs" % (title, count, rounds))
    print("  %-40s %10s %9s %22s" % ("", "us/child", "x bare", "seen (worst run)"))
    for tool in everyone:
        name = tool.name
        if name in broken:
            print("  %-40s did not run: %s" % (name, broken[name]))
            continue
        worst = min((s for s in saw[name] if s is not None), default=None)
        seen = "-" if worst is None else "%d of %d (%.1f %%)" % (worst, count, 100 * worst / count)
        print("  %-40s %10.1f %9.3f %22s" % (name, statistics.median(each[name]),
                                            statistics.median(ratios[name]), seen))
        names.append(name)
    return {n: (statistics.median(ratios[n]), min((s for s in saw[n] if s is not None), default=None))
            for n in names}


def between(work, levels, pairs):
    """The ratio of each level to untraced: every run is set against the mean of the untraced runs just
    before and just after it, since a few per cent drown in how the machine drifts between rounds."""
    by_name = {tool.name: tool for tool in tools(None)}
    ratios = {level: [] for level in levels}
    with tempfile.TemporaryDirectory(prefix="forkscope-bench-") as directory:
        before = by_name["untraced"].run(work, directory + "/out")[0]
        for _ in range(pairs):
            for level in levels:
                traced = by_name["forkscope record --fds=" + level].run(work, directory + "/out")[0]
                after = by_name["untraced"].run(work, directory + "/out")[0]
                ratios[level].append(2 * traced / (before + after))
                before = after
    return {level: statistics.median(ratios[level]) for level in levels}


def bench_storm(arguments):
    count = arguments.count
    limits = {"none": 1.05, "snapshot": 1.15}
    work = [STORM, str(count)]
    result = storm("fork+exit storm", work, count, arguments.rounds)
    ratios = between(work, limits, 3 * arguments.rounds)
    for level, limit in limits.items():
        got = result.get("forkscope record --fds=" + level)
        bar("fork+exit storm, --fds=%s: at most %.2f x untraced" % (level, limit),
            None if not got else (ratios[level] <= limit,
                                  "%.3f (median of %d between two)" % (ratios[level], 3 * arguments.rounds)))
        bar("fork+exit storm, --fds=%s: every child seen" % level,
            None if not got else (got[1] == count, "%d of %d" % (got[1], count)))


def bench_exec(arguments):
    count = max(arguments.count // 4, 1)
    result = storm("fork+exec storm", [STORM, "-e", "/bin/true", str(count)], count, arguments.rounds,
                   "/bin/true")
    got = result.get("forkscope record --fds=snapshot")
    bar("fork+exec storm: every exec seen", None if not got else (got[1] == count, "%d of %d" % (got[1], count)))


def bench_true(arguments):
    bare, traced = [], []
    with tempfile.TemporaryDirectory(prefix="forkscope-bench-") as directory:
        for _ in range(max(arguments.rounds, 15)):
            bare.append(command(["/bin/true"])[2] * 1000)
            traced.append(command([FORKSCOPE, "record", "-o", directory + "/t", "--", "/bin/true"])[2] * 1000)
    extra = statistics.median(t - b for t, b in zip(traced, bare))
    print("\nrecord -- true: %.1f ms bare, %.1f ms recorded, %.1f ms more (medians of %d pairs)" %
          (statistics.median(bare), statistics.median(traced), extra, len(bare)))
    bar("record -- true: at most 60 ms more", (extra <= 60, "%.1f ms" % extra))


def record_storm(trace, children):
    """Returns (events, peak RSS in kB) of a recording of so many children, from two threads."""
    status, _, rss = measured([FORKSCOPE, "record", "-o", trace, "--fds=none", "--", STORM, "-t", "2",
                               str(children)])
    if status != 0:
        return 0, rss
    return json.loads(command([FORKSCOPE, "info", "--json", trace])[1]).get("events", 0), rss


def bench_report(arguments):
    with tempfile.TemporaryDirectory(prefix="forkscope-bench-") as directory:
        trace = directory + "/t"
        sample, _ = record_storm(trace, 2000)
        if not sample:
            bar("report on a million events", None)
            return
        children = 2000 * 1020000 // sample
        happened, rss = record_storm(trace, children)
        print("\nreport on a trace of %d events (%d children, %.0f MB)" %
              (happened, children, os.path.getsize(trace) / 1e6))
        for words in (["report", "--json"], ["report"]):
            runs = [measured([FORKSCOPE, *words, trace]) for _ in range(5)]
            if any(r[0] != 0 for r in runs):
                print("  %-20s failed" % " ".join(words))
                bar("%s on a million events" % " ".join(words), None)
                continue
            seconds = statistics.median(r[1] for r in runs) * 1000000 / happened
            peak = max(r[2] for r in runs) / 1024
            print("  %-20s %6.2f s a million events, peak %.0f MB" % (" ".join(words), seconds, peak))
            bar("%s on a million events: at most 1 s" % " ".join(words), (seconds <= 1, "%.2f s" % seconds))
            bar("%s on a million events: at most 300 MB" % " ".join(words), (peak <= 300, "%.0f MB" % peak))
        print("  record's own peak RSS, ring included: %.0f MB" % (rss / 1024))
        bar("record's own peak RSS: at most 50 MB and the ring",
            (rss <= (50 + RING_MB) * 1024, "%.0f MB" % (rss / 1024)))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--count", type=int, default=3000, help="children of a storm")
    parser.add_argument("--only", choices=["storm", "exec", "true", "report"])
    arguments = parser.parse_args()
    if not os.access(STORM, os.X_OK) or not os.access(FORKSCOPE, os.X_OK):
        sys.exit("bench: build first: make bench")
    for name, bench in (("storm", bench_storm), ("exec", bench_exec), ("true", bench_true),
                        ("report", bench_report)):
        if arguments.only in (None, name):
            bench(arguments)
    print("\nbars:")
    for text, held in bars:
        word = "not measured" if held is None else "%-6s %s" % ("holds" if held[0] else "MISSED", held[1])
        print("  %-60s %s" % (text, word))


if __name__ == "__main__":
    main()
