#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The command line: help, one-line errors, bad files, full disks; each with its exit status.

Expected texts that matter to people are held loosely (one line, names the thing), statuses exactly.
"""

import os
import sys

sys.path.insert(0, "tests")
from tap import *  # noqa: E402,F403

RECORDING = ("record", "trace")
READING = ("report", "tree", "fds", "info", "export", "query", "view", "compare")
OTHER = ("doctor", "why")


def one_line(result, status, name, *mentions):
    lines = result.err.split("\n")
    ok(result.status == status and len(lines) == 2 and lines[1] == "" and lines[0].startswith("forkscope")
       and result.out == "" and all(m in result.err for m in mentions),
       "%s: status %d, one line" % (name, status), result)


def test_help():
    result = forkscope("--help")
    ok(result.status == 0 and result.err == "", "--help goes to stdout, status 0", result)
    for command in RECORDING + READING + OTHER:
        ok(command in result.out, "--help names %s" % command)
        text = forkscope(command, "--help")
        ok(text.status == 0 and text.err == "" and command in text.out, "%s --help" % command, text)
        ok(max(len(line) for line in text.out.split("\n")) <= 100, "%s --help: narrow" % command)
    result = forkscope("--version")
    ok(result.status == 0 and result.out.startswith("forkscope "), "--version", result)


def test_usage():
    one_line(forkscope("record"), 125, "record of nothing")
    one_line(forkscope("record", "--no-such-flag", "true"), 125, "record --no-such-flag", "no-such-flag")
    one_line(forkscope("record", "--fds=sometimes", "true"), 125, "record --fds=sometimes", "sometimes")
    one_line(forkscope("record", "--buffer=lots", "true"), 125, "record --buffer=lots", "lots")
    one_line(forkscope("record", "--source=guess", "true"), 125, "record --source=guess", "guess")
    one_line(forkscope("record", "--cgroup", "/nowhere/cgroup"), 125, "record --cgroup", "/nowhere/cgroup")
    one_line(forkscope("record", "--status-fd", "999", "true"), 125, "record --status-fd", "999")
    one_line(forkscope("trace"), 125, "trace of nothing")
    for command in READING:
        one_line(forkscope(command, "--no-such-flag"), 1, "%s --no-such-flag" % command, "no-such-flag")
    one_line(forkscope("export", "--format=papyrus", "/dev/null"), 1, "export --format=papyrus", "papyrus")
    one_line(forkscope("report", "a", "b", "c"), 1, "report of too many")


def test_files(d):
    files = {
        "missing": None,
        "empty": b"",
        "text": b"not a trace at all\n" * 50,
        "zeros": b"\0" * 5000,
    }
    for name, content in files.items():
        path = "%s/%s" % (d, name)
        if content is not None:
            with open(path, "wb") as f:
                f.write(content)
        for command in READING:
            if command == "compare":
                result = forkscope(command, path, path)
            elif command == "export":
                result = forkscope(command, "--format=json", path)
            elif command == "query":
                result = forkscope(command, path, "SELECT 1")
            else:
                result = forkscope(command, path)
            one_line(result, 1, "%s of a %s file" % (command, name), name)
    one_line(forkscope("report", d), 1, "report of a directory", d)
    one_line(forkscope("report", cwd=d), 1, "report without a file: forkscope.data", "forkscope.data")
    one_line(forkscope("report", "/dev/null"), 1, "report of /dev/null")
    os.mkfifo(d + "/fifo")
    result = forkscope("report", d + "/fifo", seconds=10)
    ok(result.status == 1, "report of a fifo does not hang", result)


def test_no_privilege(d):
    if os.getuid() != 0:
        skip("no privilege", "not root")
        return
    os.chmod(d, 0o777)
    result = run(["/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                  FORKSCOPE, "record", "-o", d + "/t", "--source=bpf", "--", "/bin/true"])
    if "setpriv" in result.err or "ermission denied" in result.err and "exec" in result.err:
        skip("no privilege", "the build folder is not open to others")
        return
    one_line(result, 125, "record --source=bpf without the capability", "CAP_BPF")


def test_recording_to(d):
    """Where the trace cannot be written: said in one line, the target undisturbed where it ran at all."""
    one_line(record("/nowhere/trace", ["/bin/true"]), 125, "record to a missing folder", "/nowhere/trace")
    one_line(record(d, ["/bin/true"]), 125, "record to a folder", d)
    result = record("/dev/full", ["/bin/sh", "-c", "/bin/true; echo ran > %s/ran; exit 3" % d])
    one_line(result, 125, "record to a full device", "/dev/full")
    if os.getuid() != 0:
        skip("full disk", "not root")
        return
    small = d + "/small"
    os.mkdir(small)
    if run(["/bin/mount", "-t", "tmpfs", "-o", "size=1m", "none", small]).status != 0:
        skip("full disk", "cannot mount")
        return
    try:
        result = record(small + "/t", [BUILD + "/bench/storm", "15000"])
        ok(result.status == 125 and result.err.count("\n") == 1, "a disk that fills up: one line, 125", result)
        same(json_lines(result.out)[0]["failed"], 0, "and the target has all its children")
        one = report(small + "/t")
        ok(one["incomplete"] and len(one["processes"]) > 10, "what fitted reads, and is marked incomplete",
           len(one["processes"]))
    finally:
        run(["/bin/umount", small])


def test_output(d):
    record(d + "/t", ["/bin/sh", "-c", "/bin/true; exit 0"])
    for command in ("report", "tree", "fds", "info"):
        result = forkscope(command, "-o", d + "/out", d + "/t")
        ok(result.status == 0 and result.out == "" and os.path.getsize(d + "/out") > 10,
           "%s -o FILE" % command, result)
        one_line(forkscope(command, "-o", "/nowhere/out", d + "/t"), 1, "%s -o to nowhere" % command,
                 "/nowhere/out")
        with open("/dev/full", "wb") as full:
            result = forkscope(command, d + "/t", stdout=full)
            one_line(result, 1, "%s to a full stdout" % command, "No space left")
        plain = forkscope(command, d + "/t").out
        ok("\033" not in plain, "%s: no colour into a file" % command)
        ok("\033" in forkscope(command, "--color=always", d + "/t").out or command == "info",
           "%s --color=always" % command)
    for command in ("report", "tree", "fds"):
        json.loads(forkscope(command, "--json", d + "/t").out)
        ok(True, "%s --json is JSON" % command)
    for arguments in (["view"], ["export", "--format=json"], ["export", "--format=sqlite"]):
        one_line(forkscope(*arguments, "-o", "/dev/full", d + "/t"), 1, "%s: a full disk" % " ".join(arguments),
                 "No space left")
    lines = json_lines(forkscope("export", "--format=json", d + "/t").out)
    ok(len(lines) > 5 and "type" in lines[1], "export --format=json: JSON lines")
    result = forkscope("trace", "--json", "--", "/bin/sh", "-c", "exit 4")
    same(result.status, 4, "trace: the target's status")
    ok(len(json_lines(result.err)) > 3, "trace --json: JSON lines on stderr", result)


def test_doctor():
    result = forkscope("doctor")
    ok(result.status in (0, 1) and len(result.out) > 50, "doctor says something", result)


test_help()
test_usage()
with private_dir() as one_dir:
    test_files(one_dir)
test_doctor()
reason = bpf_missing()
if reason and not REQUIRE_BPF:
    skip("recording", reason)
else:
    for test in (test_no_privilege, test_recording_to, test_output):
        with private_dir() as one_dir:
            test(one_dir)
done()
