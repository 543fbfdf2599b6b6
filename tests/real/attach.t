#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Recording what already runs: -p with threads and fds primed, and --cgroup."""

import os
import sys

sys.path.insert(0, "tests")
from tap import *  # noqa: E402,F403

# A tree: a root with two threads more and a pipe at fd 30, and a child of it; at a line on stdin, the
# child forks a grandchild and ends, then the root.
TREE = """
import os, sys, threading, time
r, w = os.pipe()
os.dup2(r, 30)
go, said = os.pipe(), os.pipe()
child = os.fork()
if child == 0:
    os.read(go[0], 1)
    grandchild = os.fork()
    if grandchild == 0:
        os._exit(3)
    os.waitpid(grandchild, 0)
    os.write(said[1], b"%d" % grandchild)
    os._exit(4)
for _ in range(2):
    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
print(child, flush=True)
sys.stdin.readline()
os.write(go[1], b"x")
print(int(os.read(said[0], 20)), flush=True)
os.waitpid(child, 0)
os._exit(5)
"""


def start_tree():
    tree = start(["/usr/bin/python3", "-c", TREE], stdin=subprocess.PIPE)
    return tree, int(tree.stdout.readline())


def start_recording(d, *flags):
    """Returns when the recording has begun: the status fd or the trace says so."""
    recorder = start([FORKSCOPE, "record", "-o", d + "/t", *flags])
    wait_until(lambda: recorder.poll() is not None or
               (os.path.exists(d + "/t") and os.path.getsize(d + "/t") > 0))
    time.sleep(0.5)  # the probes are attached a moment after the file is there
    return recorder


def test_attach(d):
    tree, child = start_tree()
    recorder = start_recording(d, "--fds=full", "-p", str(tree.pid))
    try:
        tree.stdin.write(b"go\n")
        tree.stdin.flush()
        grandchild = int(tree.stdout.readline())
        same(tree.wait(20), 5, "-p: the target ends as it does")
        same(wait_until(lambda: recorder.poll() is not None and ("ended", recorder.returncode)), ("ended", 0),
             "-p: the recording ends with the last attached process, status 0")
    finally:
        stop(tree)
        stop(recorder)
    one = report(d + "/t")
    lossless(one, "-p")
    by_pid = {p["pid"]: p for p in one["processes"]}
    if not ok({tree.pid, child, grandchild} <= set(by_pid), "-p: the running tree and its new child", by_pid):
        return
    root, middle, last = by_pid[tree.pid], by_pid[child], by_pid[grandchild]
    same([root["start_method"], middle["start_method"], last["start_method"]],
         ["attached", "attached", "fork"], "-p: start methods")
    same([middle["parent"], last["parent"]], [root["id"], middle["id"]], "-p: parents")
    same([root["exit"], middle["exit"], last["exit"]], [{"code": 5}, {"code": 4}, {"code": 3}], "-p: ends")
    same([middle["reaped_by"], last["reaped_by"]], [root["id"], middle["id"]], "-p: reapers")
    same(root["threads"], 3, "-p: threads primed")
    same([root["fds"]["inherited"], middle["fds"]["inherited"]], [None, None], "-p: inherited unknown")
    ok(root["fds"]["at_start"] and root["fds"]["at_start"] >= 8, "-p: fds primed", root["fds"])
    ok(last["fds"]["inherited"] >= 7, "-p: what the new child inherits", last["fds"])
    ok("python3" in root["comm"], "-p: its name", root["comm"])


def test_attach_errors(d):
    for pid, why in (("999999999", "no such process"), ("x", "not a number"), ("0", "not a process")):
        result = forkscope("record", "-o", d + "/t", "-p", pid)
        same((result.status, result.err.count("\n")), (125, 1), "-p %s (%s): one line, 125: %s" %
             (pid, why, result.err.strip()))


def test_interrupt(d):
    for number in (signal.SIGINT, signal.SIGTERM):
        tree, _ = start_tree()
        recorder = start_recording(d, "-p", str(tree.pid))
        try:
            recorder.send_signal(number)
            same(recorder.wait(20), 0, "-p: %s ends the recording with status 0" % number.name)
            same(tree.poll(), None, "-p: and leaves the target running")
        finally:
            stop(tree)
            stop(recorder)
        same(report(d + "/t")["incomplete"], False, "-p: the trace is whole")


def make_cgroup():
    for root in ("/sys/fs/cgroup/unified", "/sys/fs/cgroup"):
        path = "%s/forkscope-test-%d" % (root, os.getpid())
        try:
            if os.path.exists(root + "/cgroup.procs"):
                os.mkdir(path)
                return path
        except OSError:
            pass
    return None


def test_cgroup(d):
    path = make_cgroup()
    if not path:
        skip("--cgroup", "no writable cgroup2")
        return
    member = start(["/bin/sh", "-c", "echo $$ > %s/cgroup.procs; exec sleep 60" % path])
    wait_until(lambda: open(path + "/cgroup.procs").read())
    recorder = start_recording(d, "--cgroup", path)
    try:
        result = run(["/bin/sh", "-c", "echo $$ > %s/cgroup.procs; /bin/true; (exit 3); exit 0" % path])
        same(result.status, 0, "--cgroup: a member runs")
        outside = run(["/bin/sh", "-c", "/bin/true; echo $$"])
        recorder.send_signal(signal.SIGINT)
        same(recorder.wait(20), 0, "--cgroup: ended by SIGINT, status 0")
    finally:
        stop(recorder)
        stop(member)
        wait_until(lambda: not open(path + "/cgroup.procs").read())
        os.rmdir(path)
    one = report(d + "/t")
    lossless(one, "--cgroup")
    names = sorted(p["images"][-1]["filename"] for p in one["processes"] if p["images"])
    ok("/bin/true" in names, "--cgroup: children of members are seen", names)
    ok([p["start_method"] for p in one["processes"] if p["pid"] == member.pid] == ["attached"],
       "--cgroup: who was in it before is attached")
    ok({"code": 3} in [p["exit"] for p in one["processes"]], "--cgroup: subshells too")
    ok(int(outside.out) not in [p["pid"] for p in one["processes"]], "--cgroup: others are not")


need_bpf()
for test in (test_attach, test_attach_errors, test_interrupt, test_cgroup):
    with private_dir() as one_dir:
        test(one_dir)
done()
