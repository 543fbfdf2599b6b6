#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What the shim tells, alone and beside the kernel witness: every way to start a program, threads, locks,
pending bytes, where in the source."""

import os
import sys

sys.path.insert(0, "tests")
from tap import *  # noqa: E402,F403

PROGRAMS = os.path.join(BUILD, "tests", "shim")


def by_type(trace, kind, **fields):
    return [e for e in events(trace) if e["type"] == kind and
            all(e.get(k) == v for k, v in fields.items())]


def test_every_start(d, source):
    result = record(d + "/t", [PROGRAMS + "/starts"], "--source=" + source)
    same(result.status, 0, "%s: all starts work: %s" % (source, result.err))
    calls = {e["call"] for e in by_type(d + "/t", "call", phase="before")}
    missing = [name for name in result.out.split() if name not in calls]
    same(missing, [], "%s: each call is told" % source)
    one = report(d + "/t")
    lossless(one, "%s: nothing lost" % source)
    # fork _Fork vfork clone syscall; 2 spawns; 9 execs; system popen; wordexp; forkpty; daemon twice; itself.
    same(len(one["processes"]), 1 + 5 + 2 + 9 + 2 + 1 + 1 + 2 if source != "shim" else
         len(one["processes"]), "%s: each process is there, once" % source)
    # 9 execs (the kernel calls fexecve's file /dev/fd/N), 2 spawns; true is the shell's own command.
    execs = [p for p in one["processes"] if any("true" in i["filename"] for i in p["images"])]
    ok(len(execs) >= 10, "%s: each program that was run is there" % source, len(execs))
    known = [p for p in one["processes"] if p["where"]]
    ok(len(known) >= 19, "%s: where each was started is known" % source,
       [(p["pid"], p["mechanism"]) for p in one["processes"] if not p["where"]])
    one_fork = [p for p in known if p["where"]["call"] == "fork"][0]
    ok(any("forks" in f and "starts.c:" in f for f in one_fork["where"]["native"]),
       "%s: with function, file and line" % source, one_fork["where"])


def test_alone(d):
    result = record(d + "/t", ["/bin/sh", "-c", "/bin/true; (exit 3); exit 5"], "--source=shim")
    same(result.status, 5, "alone: the target's status")
    one = report(d + "/t")
    same(one["sources"], {"bpf": False, "shim": True}, "alone: and it says so")
    same([(p["parent"], p["exit"], p["start_method"]) for p in one["processes"]],
         [(None, {"code": 5}, "initial"), ("p0", {"code": 0}, "spawn"), ("p0", {"code": 3}, "fork")],
         "alone: processes, parents, ends")


def test_unprivileged(d):
    os.chmod(d, 0o777)
    result = run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", FORKSCOPE, "record",
                  "-o", d + "/u", "--source=shim", "--", "/bin/sh", "-c", "/bin/true; exit 4"])
    if result.status == 125 and "reach" in result.err or result.status in (126, 127):
        skip("without privilege", "the build folder is not for everybody: " + result.err.strip())
        return
    same(result.status, 4, "without privilege: works: " + result.err)
    same(len(report(d + "/u")["processes"]), 2, "without privilege: both processes are there")


def test_python(d):
    program = d + "/program.py"
    with open(program, "w") as f:
        f.write("import os, subprocess\n"
                "def begin():\n"
                "    pid = os.fork()\n"
                "    if pid == 0:\n"
                "        os._exit(0)\n"
                "    os.waitpid(pid, 0)\n"
                "begin()\n"
                "subprocess.run(['true'])\n")
    record(d + "/t", ["/usr/bin/python3", program], "--source=shim")
    processes = report(d + "/t")["processes"]
    same(processes[1]["where"]["python"], ["begin (%s:3)" % program, "<module> (%s:7)" % program],
         "python: the lines that led to a fork")
    ok(processes[2]["where"]["python"][-1] == "<module> (%s:8)" % program,
       "python: the lines that led to a subprocess", processes[2]["where"])
    record(d + "/t", ["/usr/bin/python3", program], "--source=shim", "--stacks=native")
    same(report(d + "/t")["processes"][1]["where"]["python"], None, "python: not with --stacks=native")
    record(d + "/t", ["/usr/bin/python3", program], "--source=shim", "--stacks=none")
    where = report(d + "/t")["processes"][1]["where"]
    same({k: where[k] for k in ("call", "native", "python")},
         {"call": "fork", "native": None, "python": None}, "no stacks with --stacks=none")


def test_surroundings(d):
    result = record(d + "/t", [PROGRAMS + "/held"], "--source=shim", "--locks")
    said = json.loads(result.out.split("\n")[0])
    other = by_type(d + "/t", "fork_snapshot", other_tid=said["holder"])
    same(len(other), 1, "the other thread is told")
    same((other[0]["comm"], other[0]["start_routine"]), ("holder", said["routine"]),
         "with its name, and where it was started")
    ok(other[0]["sp"] != "0x0" and other[0]["syscall"] == 202, "and where it stands", other[0])
    held = by_type(d + "/t", "lock_held", holder_tid=said["holder"])
    same([(h["lock"], h["kind"]) for h in held if h["kind"] == 1], [(said["mutex"], 1)],
         "the mutex that it holds is told")
    pending = by_type(d + "/t", "stdio_pending", fd=1)
    same([(p["bytes"], p["direction"], p["text"]) for p in pending], [(7, 1, "pending")],
         "bytes that were not yet written are told")
    handlers = by_type(d + "/t", "handler")
    ok(said["prepare"] in [h["function"] for h in handlers], "the fork handler is told", handlers)
    where = [h for h in report(d + "/t")["processes"][1]["where"]["handlers"] if h["object"] == PROGRAMS + "/held"]
    same([(h["kind"], said["prepare"] in h["functions"]) for h in where if h["kind"] == "fork"], [("fork", True)],
         "a child's record has the fork handlers that ran, and whose they are")
    same([h["kind"] for h in where].count("exit"), 2, "and the exit handlers that it inherited")
    same(by_type(d + "/t", "lock_held", holder_tid=0), [], "nobody holds what nobody holds")


def test_passing(d):
    """Without the kernel witness: who asked the fork server for whom, with which fds."""
    program = d + "/server.py"
    with open(program, "w") as f:
        f.write("import multiprocessing as mp\n"
                "def double(x):\n"
                "    return 2 * x\n"
                "if __name__ == '__main__':\n"
                "    mp.set_start_method('forkserver')\n"
                "    with mp.Pool(2) as p:\n"
                "        print(p.map(double, range(4)))\n")
    result = record(d + "/t", ["/usr/bin/python3", program], "--source=shim")
    same((result.status, result.out), (0, "[0, 2, 4, 6]\n"), "passing: works")
    one = report(d + "/t")
    lossless(one, "passing: nothing lost")
    server = [p["id"] for p in one["processes"] if p["role"] == "forkserver"]
    workers = [p for p in one["processes"] if p["start_method"] == "forkserver"]
    same((len(server), len(workers), {p["logical_parent"] for p in workers}, {p["parent"] for p in workers}),
         (1, 2, {"p0"}, set(server)), "passing: a fork server's workers, and who asked")
    same(sorted((m["from"], m["to"], m["for"]) for m in one["fd_passes"]),
         sorted(("p0", server[0], p["id"]) for p in workers), "passing: one message for each")
    files = [f for m in one["fd_passes"] for f in m["files"]]
    ok(files and all(f["from_fd"] > 2 and f["to_fd"] > 2 and f["kind"] == "pipe" for f in files),
       "passing: with both numbers of each fd, and what it is", files)
    program = ("import socket, os\n"
               "a, b = socket.socketpair()\n"
               "try:\n"
               "    socket.send_fds(a, [b'x'], [99])\n"
               "except OSError as e:\n"
               "    print(e.errno)\n")
    result = record(d + "/t", ["/usr/bin/python3", "-c", program], "--source=shim")
    same(result.out, "9\n", "passing: a send that fails, fails")
    same([m["errno"] for m in report(d + "/t")["failed_fd_sends"]], [9], "passing: and is told so")


def test_gaps(d):
    shutil.copy("/bin/true", d + "/setuid")
    os.chmod(d + "/setuid", 0o4755)
    static = os.path.join(BUILD, "tests", "cases", "static")
    command = "%s/setuid; %s >/dev/null; exit 0" % (d, static)
    result = record(d + "/t", ["/bin/sh", "-c", command], "--source=shim")
    same((result.status, result.err), (0, ""), "where the shim cannot go it is silent")
    gaps = {e["name"]: e["shim_gap"] for e in by_type(d + "/t", "call", phase="before") if e["name"]}
    same(gaps.get(d + "/setuid"), "setuid or capabilities", "a setuid file: said")
    same(gaps.get(static), "static", "a static one: said")
    bits32 = os.path.join(BUILD, "tests", "cases", "bits32")
    with open(bits32, "rb") as f:
        if f.read(5)[4:] == b"\x01":
            result = record(d + "/t", ["/bin/sh", "-c", bits32 + " > /dev/null; exit 0"], "--source=shim")
            same(result.err, "", "a 32-bit one: nothing on stderr")
            gaps = [e["shim_gap"] for e in by_type(d + "/t", "call", phase="before") if e["name"] == bits32]
            same(gaps, ["other ELF class"], "a 32-bit one: said")
            same(record(d + "/t", [bits32], "--source=auto").err, "", "a 32-bit target: nothing on stderr")
        else:
            skip("32-bit", "no 32-bit program here")


def test_environment(d):
    result = record(d + "/t", ["/usr/bin/env", "-i", "/bin/sh", "-c", "/usr/bin/env -i /bin/true"],
                    "--source=shim")
    same(result.status, 0, "env -i: works")
    exes = [e["exe"] for e in by_type(d + "/t", "shim_hello")]
    ok("/usr/bin/true" in exes and len(exes) == 4, "env -i: followed all the way", exes)
    result = record(d + "/t", ["/bin/sh", "-c", "echo $LD_PRELOAD"], "--source=shim",
                    env=dict(os.environ, LD_PRELOAD=PROGRAMS + "/early"))
    same(result.out.strip().split(":")[1:], [PROGRAMS + "/early"], "other preloads stay, behind ours")
    early = by_type(d + "/t", "call", call="fork", phase="before")
    ok(len(early) == 1, "a fork in a library's constructor, before ours, is told", early)


with private_dir() as directory:
    sources = ["shim"]
    if bpf_missing() is None and forkscope("record", "-o", directory + "/p", "--source=bpf", "true").status == 0:
        sources.append("both")
    for one_source in sources:
        test_every_start(directory, one_source)
    test_alone(directory)
    test_unprivileged(directory)
    test_python(directory)
    test_surroundings(directory)
    test_passing(directory)
    test_gaps(directory)
    test_environment(directory)
done()
