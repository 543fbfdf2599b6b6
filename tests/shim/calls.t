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


def test_stacks_unsaid(d):
    """All stacks, unless the leanest recording was asked for: that is the kernel witness's alone."""
    for flags, told, there in (([], True, True), (["--fds=none"], False, False),
                               (["--fds=none", "--stacks=native"], True, True),
                               (["--fds=none", "--locks"], True, False), (["--stacks=none"], True, False)):
        record(d + "/t", [PROGRAMS + "/storm", "1"], *flags)
        forks = by_type(d + "/t", "call", call="fork", phase="before")
        same(bool(forks), told, "stacks with %s: the shim took part" % flags)
        same(report(d + "/t")["sources"], {"bpf": True, "shim": told}, "stacks with %s: sources" % flags)
        same(bool(by_type(d + "/t", "stack")), there, "stacks with %s" % flags)


def test_trace(d):
    """A live line names who did it, and tells how children ended, without the kernel witness too."""
    result = forkscope("trace", "--source=shim", "-o", d + "/lines", "--", "/bin/sh", "-c",
                       "/bin/sleep 60 & kill $!; wait $!; (exit 3); exit 0")
    same(result.status, 0, "trace: runs")
    with open(d + "/lines", encoding="utf-8") as f:
        lines = f.read().splitlines()
    ended = [line.split(maxsplit=2)[2] for line in lines if "waited for" in line]
    same([(line.split()[0], line.split("which ")[-1]) for line in ended],
         [("sh", "died of SIGTERM"), ("sh", "exited with 3")], "trace: how each child ended, and whose it was")


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


def test_follow(d):
    command = "(sleep 0.2; /bin/sh -c 'sleep 0.2; exit 9') & exit 3"
    result = record(d + "/t", ["/bin/sh", "-c", command], "--source=shim", "--follow")
    same(result.status, 3, "follow: the target's status")
    one = report(d + "/t")
    same([p["exit"] for p in one["processes"] if p["exit"] not in ({"code": 0}, {"code": 3})], [{"code": 9}],
         "follow: until the last descendant has ended")
    same(len([p for p in one["processes"] if p["exit"] is None]), 0, "follow: nobody is left alive")


def test_namespace(d, source):
    if run(["unshare", "--pid", "--fork", "true"]).status:
        skip("pid namespace", "not allowed here")
        return
    command = ["unshare", "--pid", "--fork", "/bin/sh", "-c", "/bin/true; (exit 3); sh -c 'exit 5'; exit 4"]
    result = record(d + "/t", command, "--source=" + source)
    same(result.status, 4, "%s: in a pid namespace: works" % source)
    one = report(d + "/t")
    lossless(one, "%s: in a pid namespace: nothing lost" % source)
    same([(p["parent"], p["start_method"], p["exit"], p["ns_pid"]) for p in one["processes"][1:]],
         [("p0", "spawn", {"code": 4}, 1), ("p1", "spawn", {"code": 0}, 2), ("p1", "fork", {"code": 3}, 3),
          ("p1", "spawn", {"code": 5}, 4)], "%s: in a pid namespace: each is who it is outside" % source)
    ok(all(p["where"] for p in one["processes"][1:]), "%s: in a pid namespace: and where it was started" % source)


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


def test_sanitizer(d):
    with open(d + "/s.c", "w") as f:
        f.write('#include <stdio.h>\n#include <unistd.h>\nint main(void) { puts("clean"); fflush(stdout); return fork() < 0; }\n')
    for kind in ("address", "thread"):
        program = d + "/" + kind
        if run(["gcc", "-fsanitize=" + kind, "-o", program, d + "/s.c"]).status:
            skip(kind, "this sanitizer is not installed")
            continue
        plain = run([program])
        if plain.status:
            skip(kind, "does not run here: " + plain.err[:60])
            continue
        for command in ([program], ["/bin/sh", "-c", program + "; exit 0"]):
            result = record(d + "/t", command, "--source=shim")
            same((result.status, sorted(result.out), result.err), (0, sorted(plain.out), ""),
                 "%s sanitizer, %s: as without" % (kind, command[0][-7:]))
        gaps = [e["shim_gap"] for e in by_type(d + "/t", "call", phase="before") if e["name"] == program]
        same(gaps, ["sanitizer"], "%s sanitizer: said" % kind)


def test_confined(d):
    """A program that confines itself is killed by no system call of ours."""
    with open(d + "/c.c", "w") as f:
        f.write('''
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "forkscope.h"
static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
#define ALLOW(n) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, n, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
static int filter(int by_syscall)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		ALLOW(SYS_write), ALLOW(SYS_clone), ALLOW(SYS_wait4), ALLOW(SYS_exit_group), ALLOW(SYS_set_robust_list),
		ALLOW(SYS_execve), ALLOW(SYS_rt_sigprocmask),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS) };
	struct sock_fprog p = { sizeof(code) / sizeof(code[0]), code };
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) return 1;
	return by_syscall ? syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &p)
			  : prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &p);
}
int main(int argc, char **argv)
{
	int status = -1;
	pid_t pid = fork();
	if (pid == 0) _exit(0);
	waitpid(pid, &status, 0);
	if (argc < 2) return 2;
	if (!strcmp(argv[1], "strict")) {
		if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT)) return 3;
		pthread_mutex_lock(&m); pthread_mutex_unlock(&m);
		forkscope_mark("unseen");
		write(1, "alive\\n", 6);
		syscall(SYS_exit, 5);
	}
	if (filter(!strcmp(argv[1], "syscall"))) return 4;
	pthread_mutex_lock(&m); pthread_mutex_unlock(&m);
	forkscope_mark("unseen");
	pid = fork();
	if (pid == 0) _exit(6);
	waitpid(pid, &status, 0);
	write(1, WEXITSTATUS(status) == 6 ? "alive\\n" : "dead!\\n", 6);
	_exit(5);
}
''')
    built = run(["gcc", "-Iinclude", "-o", d + "/c", d + "/c.c"])
    same(built.status, 0, "confined: builds: " + built.err)
    for how in ("strict", "prctl", "syscall"):
        same((run([d + "/c", how]).status, run([d + "/c", how]).out), (5, "alive\n"), "confined, %s: works" % how)
        for flags in (["--stacks=all"], ["--locks"]):
            result = record(d + "/t", [d + "/c", how], "--source=shim", *flags)
            same((result.status, result.out, result.err), (5, "alive\n", ""),
                 "confined, %s, %s: as without" % (how, flags[0]))
        calls = [e["call"] for e in by_type(d + "/t", "call", phase="before")]
        same((calls.count("fork"), calls[-1]), (1, "seccomp"), "confined, %s: told until then, and why no more" % how)


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
        test_namespace(directory, one_source)
    test_alone(directory)
    test_stacks_unsaid(directory)
    test_trace(directory)
    test_unprivileged(directory)
    test_python(directory)
    test_surroundings(directory)
    test_passing(directory)
    test_follow(directory)
    test_gaps(directory)
    test_environment(directory)
    test_sanitizer(directory)
    test_confined(directory)
done()
