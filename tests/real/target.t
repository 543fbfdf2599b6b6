#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What the recording must not change for its target, and what it hands back: stdio, status, signals."""

import os
import signal
import sys

sys.path.insert(0, "tests")
from tap import *  # noqa: E402,F403


def test_stdio(d):
    result = record(d + "/t", ["/bin/sh", "-c", "cat; echo to stderr >&2; ls -l /proc/self/fd | wc -l"],
                    text_in="line one\nline two\n")
    plain = run(["/bin/sh", "-c", "ls -l /proc/self/fd | wc -l"], text_in="x")
    same(result.out, "line one\nline two\n" + plain.out, "stdin, stdout and the fd table are its own")
    same(result.err, "to stderr\n", "stderr is its own, and record is quiet")
    same(os.stat(d + "/t").st_mode & 0o777, 0o600, "the trace is private")


def test_statuses(d):
    for code in (0, 1, 77, 125, 126, 127, 255):
        same(record(d + "/t", ["/bin/sh", "-c", "exit %d" % code]).status, code, "exit %d" % code)
    for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGSEGV, signal.SIGHUP, signal.SIGRTMIN + 2):
        result = record(d + "/t", ["/bin/sh", "-c", "kill -%d $$" % number], cwd=d)
        same(result.status, -number, "a target killed by %d: record dies of it" % number)
        one = report(d + "/t")
        same(one["target"]["exit"]["signal"], number, "and the trace says so")
    ok(not [f for f in os.listdir(d) if f.startswith("core")], "no core of record itself", os.listdir(d))


def test_not_run(d):
    result = record(d + "/t", ["/nowhere/program"])
    same(result.status, 127, "not found: 127")
    same(result.err.count("\n"), 1, "not found: one line: %s" % result.err.strip())
    result = record(d + "/t", ["/etc/passwd"])
    same(result.status, 126, "cannot execute: 126")
    same(result.err.count("\n"), 1, "cannot execute: one line: %s" % result.err.strip())
    result = record(d + "/t", ["no-such-program-in-the-path"])
    same(result.status, 127, "not in the PATH: 127")


def test_signals(d):
    script = ("for s in HUP TERM USR1 USR2 WINCH; do trap \"echo $s\" $s; done; trap 'exit 9' INT; "
              "echo ready; while :; do sleep 0.02; done")
    child = start([FORKSCOPE, "record", "-o", d + "/t", "--", "/bin/bash", "-c", script])
    try:
        same(child.stdout.readline(), b"ready\n", "the target runs")
        for name in ("HUP", "TERM", "USR1", "USR2", "WINCH"):
            child.send_signal(getattr(signal, "SIG" + name))
            same(child.stdout.readline(), name.encode() + b"\n", "SIG%s is passed on, once" % name)
        # As a terminal does: to the whole foreground group.
        os.killpg(child.pid, signal.SIGINT)
        same(child.wait(20), 9, "SIGINT reaches the target as in a shell, and record ends with it")
    finally:
        stop(child)
    same(report(d + "/t")["target"]["exit"], {"code": 9}, "the trace is finished")


def test_status_fd(d):
    r, w = os.pipe()
    result = record(d + "/t", ["/bin/sh", "-c", "echo $$; ls /proc/self/fd | tr '\\n' ' '; exit 5"],
                    "--status-fd", str(w), pass_fds=(w,))
    os.close(w)
    with os.fdopen(r) as f:
        lines = json_lines(f.read())
    pid, fds = result.out.split("\n")[:2]
    same(lines, [{"pid": int(pid)}, {"exit": {"code": 5}}], "--status-fd tells pid and end")
    ok(str(w) not in fds.split(), "the target does not inherit the status fd", fds)


def test_user(d):
    if os.getuid() != 0:
        skip("-u", "not root")
        return
    same(record(d + "/t", ["/usr/bin/id", "-u"], "-u", "nobody").out, "65534\n", "-u changes the uid")
    same(record(d + "/t", ["/usr/bin/id", "-G"], "-u", "nobody").out, "65534\n", "-u changes the groups")
    result = record(d + "/t", ["/usr/bin/id"], "-u", "no-such-user-here")
    same((result.status, result.err.count("\n")), (125, 1), "-u of nobody known: one line, 125")


def test_killed(d):
    script = "for i in 1 2 3; do /bin/true; done; echo ready; while [ ! -e '%s/go' ]; do sleep 0.05; done; " \
             "echo end > '%s/ended'" % (d, d)
    child = start([FORKSCOPE, "record", "-o", d + "/t", "--", "/bin/sh", "-c", script])
    try:
        child.stdout.readline()
        time.sleep(0.3)  # at most 100 ms of events are in memory only
        child.send_signal(signal.SIGKILL)
        child.wait(20)
        one = report(d + "/t")
        same(one["incomplete"], True, "the trace of a killed record reads, and says it is incomplete")
        ok(len([p for p in one["processes"] if p["images"] and p["images"][-1]["filename"] == "/bin/true"]) == 3,
           "what happened 100 ms before is in it", one["processes"])
        open(d + "/go", "w").close()
        ok(wait_until(lambda: os.path.exists(d + "/ended")), "the target runs on and ends by itself")
    finally:
        stop(child)


def test_bare(d):
    result = forkscope("--", "/bin/sh", "-c", "/bin/true; exit 6", cwd=d)
    same(result.status, 6, "the bare command hands the status on")
    ok("/bin/true" in result.out or "true" in result.out, "and prints the report", result)
    same(os.listdir(d), [], "its trace was temporary")


need_bpf()
for test in (test_stdio, test_statuses, test_not_run, test_signals, test_status_fd, test_user, test_killed,
             test_bare):
    with private_dir() as one_dir:
        test(one_dir)
done()
