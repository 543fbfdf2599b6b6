#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""`procpool map` from outside: order, failures, limits of input, signals, what it leaves."""

import os
import pty
import re
import resource
import select
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, "tests")
from tap import *  # noqa: E402,F403

PROCPOOL = os.path.join(BUILD, "procpool")
TASKS = os.path.join(BUILD, "examples", "tasks.so")
# What a sanitizer keeps of freed memory is not the program's.
ROOM_KB = 600000 if "san-" in BUILD else 0
METHODS = ("fork", "spawn", "forkserver", "thread")
PROCESS_METHODS = METHODS[:3]


def pmap(task, text_in, *options, **more):
    return run([PROCPOOL, "map", "-j", "2", *options, TASKS + ":" + task], text_in=text_in, **more)


def numbers(n):
    return "".join("%d\n" % i for i in range(n))


def check_same_as_serial():
    text = "".join("line %d é %s\n" % (i, "x" * (i % 97)) for i in range(20000))
    want = "".join(c.upper() if c.isascii() else c for c in text)
    for method in METHODS:
        got = pmap("upper", text, "--start=" + method)
        ok((got.status, got.err) == (0, "") and got.out == want, method + ": as the serial result", got)
    for chunk in ("1", "7", "100000"):
        got = pmap("upper", text, "--chunk", chunk)
        ok((got.status, got.err) == (0, "") and got.out == want, "--chunk " + chunk, got)
    got = pmap("upper", text, "--unordered")
    ok(got.status == 0 and sorted(got.out.split("\n")) == sorted(want.split("\n")), "--unordered", got)


def check_lines():
    for name, text in (("empty input", ""), ("one empty line", "\n"), ("empty lines", "\n\n\n"),
                       ("no final newline", "a\nb"), ("NUL bytes", "a\0b\n\0\n"),
                       ("a long line", "y" * 3000000 + "\nshort\n")):
        got = pmap("echo", text)
        want = text if not text or text.endswith("\n") else text + "\n"
        ok(got.status == 0 and got.out == want, name, "status %s, %d bytes" % (got.status, len(got.out)))


def peak_kb(pid):
    """By /proc: wait's maxrss would count this script's own memory, which the child began in."""
    try:
        with open("/proc/%d/status" % pid) as f:
            return int(next(line for line in f if line.startswith("VmHWM")).split()[1])
    except (OSError, StopIteration):
        return 0


def map_file(directory, text, *arguments):
    """Runs map from file to file. Returns its status, messages, seconds and highest memory in kB."""
    with open(directory + "/in", "w") as f:
        f.write(text)
    with open(directory + "/in") as f, open(directory + "/out", "w") as out:
        begin = time.monotonic()
        child = start([PROCPOOL, "map", "-j", "2", "--no-progress", *arguments], stdin=f, stdout=out)
        peak = 0
        while child.poll() is None and time.monotonic() - begin < SECONDS:
            peak = max(peak, peak_kb(child.pid))
            time.sleep(0.001)
        took = time.monotonic() - begin
        status, err = child.returncode, child.stderr.read().decode()
        stop(child)
    return status, err, took, peak


def check_million_lines():
    text = numbers(1000000)
    for method in METHODS:
        with private_dir() as d:
            status, err, took, peak = map_file(d, text, "--start=" + method, TASKS + ":echo")
            with open(d + "/out") as f:
                same((status, err, f.read() == text), (0, "", True), method + ": a million lines")
        # The lines at once, with a result and bookkeeping for each, would take 200 MB and more.
        ok(0 < peak < 120000 + ROOM_KB, method + ": bounded memory", "%d kB" % peak)
        note("%s: %.0f lines/s, %d kB" % (method, 1000000 / took, peak))


def check_memory_with_a_slow_line():
    """A line at the head that takes long must not make everything behind it pile up."""
    text = "1500\n" + "0\n" * 3000000
    with private_dir() as d:
        status, err, _, peak = map_file(d, text, TASKS + ":nap")
        same((status, err, os.path.getsize(d + "/out")), (0, "", len(text)), "a slow line before many")
    ok(0 < peak < 400000 + ROOM_KB, "and bounded memory", "%d kB" % peak)


def check_failures():
    lines = ["ok%d" % i for i in range(200)]
    for method in METHODS:
        bad = list(lines)
        bad[16] = "7"
        got = pmap("error", "\n".join(bad) + "\n", "--start=" + method)
        want = list(lines)
        want[16] = ""
        same((got.status, got.out.split("\n")[:-1] == want), (1, True), method + ": a failed line is empty")
        ok(re.fullmatch(r"procpool: line 17: failed with code 7: asked to fail with 7\n", got.err),
           method + ": told with its line number", got.err)
    for method in PROCESS_METHODS:
        for task, word, told in (("crash", "crash", "signal 11"), ("quit", "3", "3")):
            bad = list(lines)
            bad[0] = bad[99] = bad[199] = word
            got = pmap(task, "\n".join(bad) + "\n", "--start=" + method)
            want = ["" if i in (0, 99, 199) else lines[i] for i in range(200)]
            name = method + ": " + task
            same((got.status, got.out.split("\n")[:-1] == want), (1, True), name)
            err = got.err.splitlines()
            ok(len(err) == 3 and all(("line %d: died" % n) in e and told in e
                                     for n, e in zip((1, 100, 200), err)), name + " is told", got.err)
    for method in METHODS:
        got = pmap("nap", "1\n800\n2\n", "--start=" + method, "--timeout", "0.2")
        same((got.status, got.out), (1, "1\n\n2\n"), method + ": --timeout")
        ok("line 2: timeout" in got.err and got.err.count("\n") == 1, method + ": is told", got.err)


def check_retries():
    with private_dir() as d:
        for i, method in enumerate(PROCESS_METHODS):
            text = "a\ncrash once %s/%d\nb\n" % (d, i)
            got = pmap("crash", text, "--start=" + method, "--retries", "1")
            same((got.status, got.out, got.err), (0, "a\nsurvived\nb\n", ""), method + ": --retries")
    got = pmap("crash", "a\ncrash\nb\n", "--retries", "2")
    same((got.status, got.out), (1, "a\n\nb\n"), "retries run out")


def check_recycling():
    got = pmap("echo", numbers(1000), "--max-tasks", "10")
    same((got.status, got.out == numbers(1000), got.err), (0, True, ""), "--max-tasks")
    got = pmap("hog", "1\n60\n" * 10, "--max-rss", "50")
    same((got.status, got.out, got.err), (0, "ok\n" * 20, ""), "--max-rss")


def check_insights():
    got = pmap("echo", numbers(100), "--insights")
    ok(got.status == 0 and got.out == numbers(100), "--insights does not change the output", got)
    rows = [line.split() for line in got.err.splitlines()[1:3]]
    ok(len(rows) == 2 and sum(int(r[2]) for r in rows) == 100, "and counts the lines", got.err)


def check_preload():
    module = os.path.join(BUILD, "tests/pool/modules/preload.so")
    got = pmap("echo", "x\n", "--preload", module + ":load_tables")
    same((got.status, got.out, got.err), (0, "x\n", ""), "--preload")
    for bad in ("/nonexistent.so", module + ":refuse"):
        got = pmap("echo", "x\n", "--preload", bad)
        ok(got.status == 2 and got.out == "" and got.err.count("\n") == 1 and bad.split(":")[-1] in got.err,
           "a failing preload is told: " + os.path.basename(bad), got)
    got = pmap("echo", "x\n", "--preload", module, "--start=spawn")
    ok(got.status == 2 and got.err.count("\n") == 1, "--preload with another method", got)


def check_trouble():
    with private_dir() as d:
        with open(d + "/not-a-module.so", "w") as f:
            f.write("text")
        cases = [([TASKS + ":no_such_task"], "no_such_task"), ([d + "/missing.so:echo"], "missing.so"),
                 ([d + "/not-a-module.so:echo"], "not-a-module.so"), ([TASKS], "TASK"), ([], "TASK"),
                 (["--start=sporc", TASKS + ":echo"], "sporc"), (["-j", "0", TASKS + ":echo"], "-j"),
                 (["-j", "99999", TASKS + ":echo"], "-j"), (["-j", "-1", TASKS + ":echo"], "-j"),
                 (["--timeout", "x", TASKS + ":echo"], "--timeout"), (["--chunk"], "--chunk"),
                 (["--wrong", TASKS + ":echo"], "--wrong"), ([TASKS + ":echo", "more"], "TASK"),
                 (["a\x1b[31mb:c"], "\\x1b")]
        for method in METHODS:
            cases.append((["--start=" + method, TASKS + ":nothing"], "nothing"))
        for arguments, word in cases:
            got = run([PROCPOOL, "map", *arguments], text_in="x\n")
            ok(got.status == 2 and got.out == "" and got.err.count("\n") == 1 and word in got.err
               and "\x1b" not in got.err, "trouble: " + repr(arguments[-1:])[-40:], got)
    for arguments in ([], ["nonsense"], ["--nonsense"]):
        got = run([PROCPOOL, *arguments])
        ok(got.status == 2 and got.err.count("\n") == 1, "usage: %r" % arguments, got)
    for arguments in (["--help"], ["--version"], ["map", "--help"], ["exec", "--help"], ["bench", "--help"]):
        got = run([PROCPOOL, *arguments])
        ok(got.status == 0 and got.out and got.err == "", "help: %r" % arguments, got)


def check_wrong_build():
    """The module is replaced while lines are still to come, and workers must be replaced."""
    with private_dir() as d:
        module = d + "/m.so"
        shutil.copy(TASKS, module)
        for method in ("spawn", "forkserver"):
            shutil.copy(TASKS, module + ".new")
            os.rename(module + ".new", module)
            read, write = os.pipe()
            child = start([PROCPOOL, "map", "-j", "1", "--max-tasks", "1", "--start=" + method,
                           module + ":echo"], stdin=read)
            os.write(write, b"one\n")
            first = os.read(child.stdout.fileno(), 100)
            shutil.copy(os.path.join(BUILD, "tests/pool/modules/preload.so"), module + ".new")
            os.rename(module + ".new", module)
            try:
                os.write(write, b"two\nthree\nfour\n")
                os.close(write)
            except BrokenPipeError:
                pass
            os.close(read)
            out, err = child.communicate(timeout=20)
            stop(child)
            ok(child.returncode == 2 and first == b"one\n" and err.count(b"\n") == 1 and b"build" in err,
               method + ": another build of the module", "%s %r %r" % (child.returncode, out, err))


def check_slow_input():
    """What is done is given out although more may come."""
    read, write = os.pipe()
    child = start([PROCPOOL, "map", "-j", "2", TASKS + ":upper"], stdin=read)
    os.close(read)
    for word in (b"first\n", b"second\n"):
        os.write(write, word)
        ready = select.select([child.stdout], [], [], 10)[0]
        same(os.read(child.stdout.fileno(), 100) if ready else None, word.upper(), "a result while input waits")
    os.close(write)
    same(child.wait(10), 0, "and the end")
    stop(child)


def check_closed_output():
    for method in METHODS:
        endless = start(["yes"])
        child = start([PROCPOOL, "map", "-j", "2", "--start=" + method, TASKS + ":echo"],
                      stdin=endless.stdout)
        child.stdout.readline()
        child.stdout.close()
        child.stdout = None
        err = child.stderr.read()
        status = child.wait()
        stop(child)
        stop(endless)
        same((status, err), (-signal.SIGPIPE, b""), method + ": a closed output ends it quietly")


def check_signals():
    for method in METHODS:
        for sig in (signal.SIGINT, signal.SIGTERM):
            # Threads share our fate, so the naps are short enough to be waited for.
            child = start([PROCPOOL, "map", "-j", "2", "--start=" + method, TASKS + ":nap"],
                          stdin=subprocess.PIPE)
            child.stdin.write(b"1\n2\n" + b"400\n" * 50)
            child.stdin.flush()
            lines = [child.stdout.readline() for _ in range(2)]
            begin = time.monotonic()
            # As the terminal does: the whole group, workers included.
            os.killpg(child.pid, sig)
            status = child.wait()
            took = time.monotonic() - begin
            err = child.stderr.read().decode()
            alive = os.popen("ps -o pid= --sid %d" % child.pid).read().strip()
            name = "%s: %s" % (method, sig.name)
            same((status, lines, alive), (-sig, [b"1\n", b"2\n"], ""), name)
            ok(err.count("\n") == 1 and "interrupted: 2 lines done" in err, name + " is told", err)
            ok(took < 2, name + " is prompt", took)
            stop(child)


def check_killed():
    for method in PROCESS_METHODS:
        child = start([PROCPOOL, "map", "-j", "3", "--start=" + method, TASKS + ":nap"],
                      stdin=subprocess.PIPE)
        child.stdin.write(b"1\n" + b"60000\n" * 10)
        child.stdin.flush()
        child.stdout.readline()
        child.kill()
        child.wait()
        begin = time.monotonic()
        left = "?"
        while left and time.monotonic() - begin < 5:
            left = os.popen("ps -o pid= -o stat= --sid %d | grep -v Z" % child.pid).read().strip()
        ok(not left, method + ": kill -9 leaves no process", left)
        stop(child)


def check_worker_descriptors():
    for method in PROCESS_METHODS:
        got = pmap("descriptors", "x\n", "--start=" + method)
        fds = dict(f.split("=", 1) for f in got.out.split("|") if "=" in f)
        ok(len(fds) <= 6 and fds.get("0") == "/dev/null" and fds.get("1") == fds.get("2"),
           method + ": a worker's descriptors", got)
        ok("a task's own words on stdout" in got.err and got.status == 0,
           method + ": its stdout is our stderr", got.err)
    got = pmap("descriptors", "x\n", "--start=thread")
    ok("a task's own words" not in got.out, "thread: no words in the results", got)


def check_progress():
    """On a terminal alone, and never with --no-progress."""
    for options, wanted in (([], True), (["--no-progress"], False)):
        leader, follower = pty.openpty()
        text = "20\n" * 40
        with private_dir() as d:
            with open(d + "/in", "w") as f:
                f.write(text)
            with open(d + "/in") as f:
                child = start([PROCPOOL, "map", "-j", "2", *options, TASKS + ":nap"], stdin=f,
                              stderr=follower)
                out, _ = child.communicate(timeout=20)
        os.set_blocking(leader, False)
        try:
            drawn = os.read(leader, 100000).decode()
        except BlockingIOError:
            drawn = ""
        same(out.decode(), text, "output beside a terminal")
        if wanted:
            ok(all(w in drawn for w in ("done", "failed", "/s", "ETA", "%")), "the bar is drawn", repr(drawn[:200]))
            ok(drawn.endswith("\r\x1b[K"), "and taken away", repr(drawn[-40:]))
        else:
            same(drawn, "", "--no-progress draws nothing")
        os.close(leader)
        os.close(follower)
        stop(child)


def check_full_output():
    got = run([PROCPOOL, "map", TASKS + ":echo"], text_in=numbers(1000), stdout=open("/dev/full", "w"))
    ok(got.status == 2 and got.err.count("\n") == 1 and "No space left" in got.err, "a full disk", got)


def check_hostile_message():
    got = pmap("sum", "1 2\nx\x1b[2Jy\n")
    ok(got.status == 1 and "\x1b" not in got.err and "\\x1b" in got.err and got.out == "3\n\n",
       "control bytes of a task's message are escaped", got)


resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
for check in (check_same_as_serial, check_lines, check_million_lines, check_memory_with_a_slow_line,
              check_failures, check_retries, check_recycling, check_insights, check_preload, check_trouble,
              check_wrong_build, check_slow_input, check_closed_output, check_signals, check_killed,
              check_worker_descriptors, check_progress, check_full_output, check_hostile_message):
    if len(sys.argv) < 2 or check.__name__ in sys.argv[1:]:
        check()
done()
