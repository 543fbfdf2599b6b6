#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The shim changes nothing that a program can see; and holds through storms, handlers and sudden ends."""

import ctypes
import os
import signal
import sys

sys.path.insert(0, "tests")
from tap import *  # noqa: E402,F403

PROGRAMS = os.path.join(BUILD, "tests", "shim")
# A network namespace of our own, where that is allowed: other recordings' sockets are not ours to count.
CLONE_NEWNET = 0x40000000
ctypes.CDLL(None).unshare(CLONE_NEWNET)


def abstract_sockets():
    with open("/proc/net/unix") as f:
        return [line for line in f if "@forkscope-" in line]


def test_same(d):
    plain = run([PROGRAMS + "/same"])
    for flags in (["--source=shim"], ["--source=shim", "--locks"], ["--source=auto"]):
        result = record(d + "/t", [PROGRAMS + "/same"], *flags)
        same((result.status, result.err), (plain.status, ""), "%s: status, and nothing on stderr" % flags)
        same(result.out, plain.out, "%s: fds, environment, signals, threads, errno are the same" % flags)


def test_programs(d):
    commands = {
        "dash": ["/bin/sh", "-c", "for i in 1 2 3; do echo $i | cat; done; ls /proc/self/fd | wc -l"],
        "bash": ["/bin/bash", "-c", "coproc cat; echo x >&${COPROC[1]}; read -u ${COPROC[0]} y; echo $y; "
                                    "cat <(echo sub); exit 7"],
        "make": ["make", "-s", "-j2", "-f", "/dev/stdin"],
        "perl": ["perl", "-e", "print `echo hi`; exit(system('exit 3') >> 8)"],
        "git": ["git", "--version"],
        "gcc": ["gcc", "-x", "c", "-", "-o", d + "/out"],
        "python threads": ["/usr/bin/python3", "-c",
                           "import subprocess, concurrent.futures as f\n"
                           "run = lambda i: subprocess.run(['echo', str(i)], capture_output=True).stdout\n"
                           "print(list(f.ThreadPoolExecutor(4).map(run, range(100))))"],
    }
    texts = {"make": "a: b c\n\t@echo a\nb c:\n\t@sleep 0.01\n", "gcc": "int main(void) { return 0; }\n"}
    for name, command in commands.items():
        if not shutil.which(command[0]):
            skip(name, "not installed")
            continue
        plain = run(command, text_in=texts.get(name, ""))
        result = record(d + "/t", command, "--source=shim", text_in=texts.get(name, ""))
        same((result.status, result.out, result.err), (plain.status, plain.out, plain.err),
             "%s: same output and status" % name)
        lossless(report(d + "/t"), "%s: nothing lost" % name)


def test_storm(d):
    result = record(d + "/t", [PROGRAMS + "/storm", "8", "1250"], "--source=shim", "--locks")
    same((result.status, result.out), (0, "10000\n"), "10,000 forks from 8 threads: all as they should be")
    one = report(d + "/t")
    lossless(one, "storm: nothing lost")
    same(len(one["processes"]), 10001, "storm: every child is there")
    children = [p for p in one["processes"] if p["parent"]]
    same([p for p in children if p["exit"] != {"code": 7} or not p["where"]][:3], [],
         "storm: with its end, and where it was started")


def test_handler(d):
    result = record(d + "/t", [PROGRAMS + "/handler", "200"], "--source=shim", "--locks")
    same((result.status, result.out), (0, "1\n"), "forks in a handler that interrupts forks")
    lossless(report(d + "/t"), "handler: nothing lost")


def test_recorder_killed(d):
    child = start([FORKSCOPE, "record", "-o", d + "/k", "--source=shim", "--", "/bin/sh", "-c",
                   "while :; do /bin/true; sleep 0.01; done & echo $!; wait"])
    loop = int(child.stdout.readline())
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    ok(wait_until(lambda: not abstract_sockets()), "recorder killed: its socket is gone")
    time.sleep(0.3)
    ok(os.path.exists("/proc/%d" % loop), "recorder killed: the target goes on")
    stop(child)
    ok(report(d + "/k")["incomplete"], "recorder killed: what it wrote can be read")


def test_target_killed(d):
    result = record(d + "/t", ["/bin/sh", "-c", "sleep 100 & kill -9 $!; kill -9 $$"], "--source=shim")
    same(result.status, -9, "target killed: its status")
    lossless(report(d + "/t"), "target killed: nothing lost")


def test_stranger(d):
    """Somebody who read the name in /proc/net/unix, and is another user, gets nothing."""
    child = start([FORKSCOPE, "record", "-o", d + "/s", "--source=shim", "--", "/bin/sleep", "30"])
    wait_until(abstract_sockets)
    name = abstract_sockets()[0].split("@")[1].strip()
    program = ("import socket, os\n"
               "os.setuid(65534)\n"
               "s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)\n"
               "s.connect('\\0%s')\n"
               "print(len(s.recv(100)))\n" % name)
    if os.getuid() == 0:
        same(run(["/usr/bin/python3", "-c", program]).out, "0\n", "a stranger gets nothing")
    else:
        skip("a stranger gets nothing", "needs root to be one")
    stop(child)


with private_dir() as directory:
    test_same(directory)
    test_programs(directory)
    test_storm(directory)
    test_handler(directory)
    test_recorder_killed(directory)
    test_target_killed(directory)
    test_stranger(directory)
    same(abstract_sockets(), [], "nothing is left")
done()
