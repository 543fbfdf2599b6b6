#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""`forkscope why` on programs that really hang, one of each kind: the first line must name the root cause and the
right pids, within a second, as root and as the same ordinary user, and must leave the program as it was."""

import os
import re
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from tap import *  # noqa: E402,F403

HERE = os.path.dirname(os.path.abspath(__file__))
NOBODY = 65534

# Name: the cause in JSON, and what the first line says; {pid}, {culprit} and {victim} are the program's own word.
C_PROGRAMS = {
    "pipe_sibling": ("end-kept-open", r"^pid {culprit} `keeper` holds the only other write end of pipe:\[\d+\] "
                     r"\(fd \d+, inherited through {pid}\), so {victim} `hang` never sees end-of-file"),
    "pipe_grandchild": ("end-kept-open", r"^pid {culprit} `keeper` holds the only other write end of pipe:\[\d+\] "
                        r"\(fd 9, inherited\), so {victim} `hang` never sees end-of-file"),
    "pipe_self": ("end-kept-by-itself", r"^pid {victim} `hang` itself holds the only write end of pipe:\[\d+\]"),
    "pipe_full": ("end-kept-open", r"^pid {culprit} `keeper` holds the only other read end .* {victim} `hang` can "
                  r"write no more"),
    "socket_sibling": ("end-kept-open", r"^pid {culprit} `keeper` holds the only other end of socket:\[\d+\].* so "
                       r"{victim} `hang` never"),
    "tcp_keeper": ("end-kept-open", r"^pid {culprit} `keeper` holds the only other end of socket:\[\d+\].* so "
                   r"{victim} `hang` never"),
    "mutex_fork": ("lock-frozen-by-fork", r"^pid {culprit} `hang` waits (in take_mutex\(\) )?for a mutex whose "
                   r"owner, thread \d+, does not exist in this process: forked from {pid} while it held it"),
    "rwlock_fork": ("lock-frozen-by-fork", r"^pid {culprit} `hang` waits in take_rwlock\(\) for a rwlock whose "
                    r"owner, thread \d+, does not exist in this process: forked from {pid}"),
    "libc_fork": ("lock-frozen-by-fork", r"^pid {culprit} `hang` waits in \w+\(\) for a lock inside libc that no "
                  r"thread of this process can release: forked from {pid}"),
    "sem_killed": ("lock-orphaned", r"^pid {culprit} `hang` waits for a semaphore in shared memory that nobody alive "
                   r"can release"),
    "mutex_killed": ("lock-owner-gone", r"^pid {victim} `hang` waits for a mutex in shared memory whose owner "
                     r"{culprit} does not exist any more"),
    "lock_cycle": ("deadlock-cycle", r"^deadlock cycle: pid {culprit} `hang` waits for a mutex .* held by {victim} "
                   r"`hang`, which waits for a mutex .* held by {culprit}$"),
    "own_mutex": ("own-lock", r"^pid {victim} `hang`: thread {victim} waits for a mutex that it holds itself"),
    "flock_held": ("file-lock", r"^pid {culprit} `keeper` holds the lock on \S*/lock \(fd \d+\) that {victim} `hang` "
                   r"waits for"),
    "fcntl_held": ("file-lock", r"^pid {culprit} `keeper` holds the lock on \S*/lock \(fd \d+\) that {victim} `hang` "
                   r"waits for"),
    "ofd_held": ("file-lock", r"^pid {culprit} `keeper` holds the lock on \S*/lock \(fd \d+\) that {victim} `hang` "
                 r"waits for"),
    "each_other": ("deadlock-cycle", r"^deadlock cycle: pid {victim} `hang` reads pipe:\[\d+\] \(fd \d+\), for "
                   r"{culprit} `hang`, which reads pipe:\[\d+\] \(fd \d+\), for {victim}$"),
    "thread_holds": ("waits-for-idle", r"^pid {culprit} `hang`: thread \d+ waits for a signal, and thread {victim} waits "
                     r"for a mutex that it holds$"),
    "fifo_open": ("idle", r"^nothing is stuck: pid {victim} `hang` waits for somebody to open the other end of "
                  r"\S+/fifo, which nobody has open$"),
    "eventfd_alone": ("end-kept-by-itself", r"^pid {victim} `hang` itself is the only one to hold anon_inode:\[eventfd\] "
                      r"\(fd \d+\) and waits for it in its only thread, so nobody can ever write it$"),
    "wait_stopped": ("stopped", r"^pid {culprit} `hang` is stopped by a signal .*, and {victim} `hang` waits for it"),
    "eventfd_wait": ("waits-for-idle", r"^pid {culprit} `keeper` waits for a signal, and {victim} `hang` waits for it"),
    "busy": ("busy", r"^not hung: pid {culprit} `hang` is computing, in the tree of {pid}"),
    "idle": ("idle", r"^nothing is stuck: pid {pid} `keeper` waits for a signal"),
}
SYSV_PROGRAMS = {
    "held": ("waits-for-idle", r"^pid {culprit} `keeper` waits for a signal, and {victim} `hang_sysv` waits for it$"),
    "gone": ("idle", r"^nothing is stuck: pid {victim} `hang_sysv` waits for semaphore 0 of the System V set "
                  r"{semaphores}, last changed by {culprit}, which has ended$"),
    "queue": ("idle", r"^nothing is stuck: pid {victim} `hang_sysv` waits for a message in the System V queue {queue}$"),
}
PYTHON_PROGRAMS = {
    "pool_killed": ("lock-orphaned", r"^pid (\d+ `python3`, )?{culprit} `python3`.* wait for a semaphore in shared memory "
                    r"/dev/shm/sem\.\S+ that nobody alive can release: its holder ended"),
    "pool_idle": ("idle", r"^nothing is stuck: pid {pid} `python3` sleeps"),
    "pool_busy": ("busy", r"^not hung: pid {culprit} `python3` is computing"),
    "two_locks": ("lock-orphaned", r"^pid {culprit} `python3` waits for a semaphore .*, {victim} `python3` waits for "
                  r"a semaphore .* a deadlock cycle"),
    "lock_fork": ("lock-frozen-by-fork", r"^pid {culprit} `python3` waits in lock_fork\(\) \(hang.py:\d+\) for a Python lock that no thread "
                  r"of this process can release: forked from {pid}"),
}
NOTHING_STUCK = ("busy", "idle")


def processes(pid):
    """The states of a tree, as /proc tells: to see that nobody was disturbed."""
    found = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            fields = open("/proc/%s/stat" % name, errors="replace").read().rsplit(")", 1)[1].split()
            status = open("/proc/%s/status" % name, errors="replace").read()
        except OSError:
            continue
        if int(fields[3]) == pid:  # its session
            found[int(name)] = (fields[0], re.search(r"TracerPid:\s*(\d+)", status).group(1),
                                re.search(r"voluntary_ctxt_switches:\s*(\d+)", status).group(1))
    return found


def settled(pid, computes=False):
    """Waits until nobody runs any more, two looks long; of a tree that computes, for two equal looks alone."""
    before = None
    for _ in range(20 if computes else 100):
        now = processes(pid)
        if now == before and (computes or all(state != "R" for state, *_ in now.values())):
            return now
        before = now
        time.sleep(0.1)
    return before


def begin(command, directory, user):
    as_user = {"user": user, "group": user, "extra_groups": []} if user else {}
    child = start(command, env=dict(os.environ, HANG_DIR=directory), **as_user)
    line = child.stdout.readline()
    if not line:
        stop(child)
        raise RuntimeError("%s does not hang" % command)
    return child, json.loads(line), as_user


def check_one(name, command, cause, pattern, user):
    who = "%s%s: " % (name, " as a user" if user else "")
    with private_dir() as directory:
        os.chmod(directory, 0o777)
        child, word, as_user = begin(command, directory, user)
        try:
            before = settled(child.pid, cause == "busy")
            began = time.monotonic()
            told = forkscope("why", str(word["pid"]), **as_user)
            seconds = time.monotonic() - began
            after = processes(child.pid)
            told_json = forkscope("why", "--json", str(word["pid"]), **as_user)
        finally:
            stop(child)
            for flag, key in (("-s", "semaphores"), ("-q", "queue")):
                if key in word:
                    run(["ipcrm", flag, str(word[key])])
        first = told.out.split("\n")[0]
        ok(re.search(pattern.format(**word), first), who + "the first line names the root", "%s\n%s" % (first, word))
        same(told.status, 1 if cause in NOTHING_STUCK else 0, who + "exit status")
        same(told.err, "", who + "nothing on stderr")
        # It takes 50 ms; a machine that is busy with other things gets time to be it.
        ok(seconds < 5, who + "at once", "%.2f s" % seconds)
        if cause != "busy":
            same(after, before, who + "nobody was disturbed")
        one = json.loads(told_json.out)
        same((one["schema"], one["pid"], one["root"]["cause"]), ("forkscope.why/1", word["pid"], cause),
             who + "JSON")
        same(one["stuck"], cause not in NOTHING_STUCK, who + "JSON: stuck")
        return one, told.out, word


def frames(one, pid):
    process = [p for p in one["processes"] if p["pid"] == pid][0]
    return [f.split("+")[0] for t in process["threads"] for f in t["native"]]


hang = os.path.join(BUILD, "tests/why/hang")
users = [None]
if os.geteuid() == 0:
    readable = run([FORKSCOPE, "--version"], user=NOBODY, group=NOBODY, extra_groups=[])
    if readable.status == 0:
        users.append(NOBODY)
    else:
        skip("as an ordinary user", "this build cannot be run by others")

for user in users:
    for name, (cause, pattern) in C_PROGRAMS.items():
        one, out, word = check_one(name, [hang, name], cause, pattern, user)
        if name == "mutex_fork" and not one["not_seen"]["registers"]:
            found = frames(one, word["victim"])
            ok({"take_mutex", "frozen", "mutex_fork", "main"} <= set(found),
               "the stack of unoptimised code is whole", found)
        if user:
            ok("Not seen: " in out, name + " as a user: what was not seen is said", out[-300:])
    for name, (cause, pattern) in SYSV_PROGRAMS.items():
        check_one("sysv_" + name, [hang + "_sysv", name], cause, pattern, user)
    for name, (cause, pattern) in PYTHON_PROGRAMS.items():
        one, out, word = check_one(name, ["/usr/bin/python3", os.path.join(HERE, "hang.py"), name], cause, pattern,
                                   user)
        if name == "two_locks":
            process = [p for p in one["processes"] if p["pid"] == word["culprit"]][0]
            ok(re.match(r"take_both \(\S*hang.py:\d+\)$", process["threads"][0]["python"][0]) and
               "python: take_both (" in out, "the stack of Python is there, root or not", process["threads"])

# --- a hostile name ---

with private_dir() as directory:
    child, word, _ = begin([hang, "hostile"], directory, None)
    try:
        settled(child.pid)
        told = forkscope("why", "--color=never", str(word["pid"]))
        told_json = forkscope("why", "--json", str(word["pid"]))
    finally:
        stop(child)
    ok("\x1b" not in told.out + told_json.out, "no escape sequence of a name reaches the terminal")
    ok(told.out.startswith("pid %d `\\e[31m`\\n\\xff" % word["victim"]), "it is made visible", told.out[:100])
    names = [p["comm"] for p in json.loads(told_json.out)["processes"]]
    same(set(names), {'\x1b[31m`\n\xff"<b>'}, "JSON has it as it is")

# --- usage and trouble ---

for arguments in (["why"], ["why", "x"], ["why", "0"], ["why", "1", "2"], ["why", "4194303"]):
    told = forkscope(*arguments)
    ok(told.status == 2 and told.out == "" and told.err.count("\n") == 1,
       " ".join(arguments) + ": one line, status 2", told)
ok("forkscope why 4711" in forkscope("why", "--help").out, "--help has an example")

# --watch tells once, and ends when the process does.
with private_dir() as directory:
    child, word, _ = begin([hang, "pipe_self"], directory, None)
    settled(child.pid)  # before it waits there is another thing to be told
    watcher = start([FORKSCOPE, "why", "--watch", str(word["pid"])], text=True)
    first = watcher.stdout.readline()
    time.sleep(1.5)
    stop(child)
    rest = watcher.stdout.read()
    status = watcher.wait(20)
    stop(watcher)
    ok("itself holds the only write end" in first, "--watch tells", first)
    same(rest.count("itself holds"), 0, "--watch tells only news")
    same(status, 0, "--watch ends with the process")
done()
