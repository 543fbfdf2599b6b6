#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""`procpool exec` from outside: a command a line, outputs whole and in order, failures, signals."""

import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, "tests")
from tap import *  # noqa: E402,F403

PROCPOOL = os.path.join(BUILD, "procpool")
METHODS = ("fork", "spawn", "forkserver")


def pexec(text_in, *arguments, **more):
    return run([PROCPOOL, "exec", *arguments], text_in=text_in, **more)


def check_order_and_wholeness():
    # Later ones end first, and each writes in two pieces.
    text = "".join("%d\n" % i for i in range(20))
    want = "".join("begin %d\nend %d\n" % (i, i) for i in range(20))
    script = 'echo begin $1; sleep 0.0$((19 - $1 % 20)); echo end $1'
    for method in METHODS:
        got = pexec(text, "-j", "6", "--start=" + method, "--", "sh", "-c", script, "sh", "{}")
        same((got.status, got.out == want, got.err), (0, True, ""), method + ": whole and in order")
    got = pexec(text, "-j", "6", "--unordered", "--", "sh", "-c", script, "sh", "{}")
    blocks = [got.out.splitlines()[i:i + 2] for i in range(0, 40, 2)]
    ok(got.status == 0 and all(a.replace("begin", "end") == b for a, b in blocks) and len(blocks) == 20,
       "--unordered: whole", got)


def check_places():
    got = pexec("a b\n$HOME;'\"\n\n", "--", "printf", "<%s>\\n", "{}")
    same((got.status, got.out), (0, "<a b>\n<$HOME;'\"\n<>\n".replace("\"\n", "\">\n")), "no shell between")
    got = pexec("x\ny\n", "-j", "1", "--", "echo", "-{}-{}-", "{}")
    same(got.out, "-x-x- x\n-y-y- y\n", "{} anywhere, more than once")
    got = pexec("x\ny\n", "-j", "1", "--", "echo", "got")
    same(got.out, "got x\ngot y\n", "without {} the line comes last")
    got = pexec("echo\ntrue\n", "-j", "1", "--", "{}", "word")
    same((got.status, got.out), (0, "word\n"), "{} as the command")
    got = pexec("a\nb", "-j", "1", "--", "echo")
    same(got.out, "a\nb\n", "no final newline")
    got = pexec("", "--", "echo")
    same((got.status, got.out, got.err), (0, "", ""), "no lines")


def check_failures():
    got = pexec("0\n3\n0\n200\n", "-j", "2", "--", "sh", "-c", "echo out $0; exit $0", "{}")
    same((got.status, got.out), (1, "out 0\nout 3\nout 0\nout 200\n"), "a failing command's output is kept")
    same(got.err, "procpool: line 2: exit status 3\nprocpool: line 4: exit status 200\n", "and told")
    got = pexec("KILL\nSEGV\n", "-j", "2", "--", "sh", "-c", "kill -$0 $$", "{}")
    ok(got.status == 1 and "line 1: killed by signal 9" in got.err and "line 2: killed by signal 11" in got.err,
       "signals are told", got)
    got = pexec("x\n", "--", "/nonexistent/command")
    ok(got.status == 1 and "/nonexistent/command" in got.err and "line 1: exit status 127" in got.err,
       "a missing command", got)
    got = pexec("x\n", "--", "/etc/passwd")
    ok(got.status == 1 and "line 1: exit status 126" in got.err, "one that cannot be executed", got)
    got = pexec("a\nb\n", "-j", "1", "--", "sh", "-c", "echo words of $0 >&2; false", "{}")
    same(got.err, "words of a\nprocpool: line 1: exit status 1\nwords of b\nprocpool: line 2: exit status 1\n",
         "a command's stderr comes before ours about it")
    begin = time.monotonic()
    got = pexec("30\n0\n", "-j", "2", "--timeout", "0.3", "--", "sh", "-c", "sleep $0; echo $0", "{}")
    same((got.status, got.out, got.err), (1, "0\n", "procpool: line 1: timeout: killed\n"), "--timeout")
    ok(time.monotonic() - begin < 5, "its process group is killed too")


def check_large_output():
    got = pexec("1\n2\n3\n", "-j", "3", "--", "sh", "-c", "head -c 20000000 /dev/zero | tr '\\0' $0", "{}")
    ok(got.status == 0 and got.out == "".join(c * 20000000 for c in "123"), "20 MB each, whole",
       "%d bytes" % len(got.out))


def check_many():
    text = "".join("%d\n" % i for i in range(3000))
    for method in METHODS:
        begin = time.monotonic()
        got = pexec(text, "-j", "2", "--start=" + method, "--", "echo", "{}")
        note("%s: %.0f commands/s" % (method, 3000 / (time.monotonic() - begin)))
        same((got.status, got.out == text, got.err), (0, True, ""), method + ": 3,000 commands")


def check_stdin_and_descriptors():
    got = pexec("x\ny\n", "-j", "1", "--", "sh", "-c", "cat; ls /proc/self/fd | tr '\\n' ' '; echo")
    ok(got.status == 0 and got.out == "0 1 2 3 \n0 1 2 3 \n", "stdin is empty, no descriptor too many", got)


def check_trouble():
    for arguments, text in ((["-j", "x", "--", "echo"], ""), ([], ""), (["--"], ""), (["--wrong"], ""),
                            (["--start=thread", "--", "echo"], ""), (["--", "echo"], "a\0b\n")):
        got = pexec(text, *arguments)
        ok(got.status == 2 and got.err.count("\n") == 1, "trouble: %r" % arguments, got)


def check_signals():
    for sig in (signal.SIGINT, signal.SIGTERM):
        child = start([PROCPOOL, "exec", "-j", "2", "--", "sleep", "{}"], stdin=subprocess.PIPE)
        child.stdin.write(b"0\n" + b"1000\n" * 10)
        child.stdin.close()
        time.sleep(0.5)
        child.send_signal(sig)
        status = child.wait()
        err = child.stderr.read().decode()
        alive = os.popen("ps -o pid= --sid %d" % child.pid).read().strip()
        same((status, alive), (-sig, ""), sig.name + " ends all")
        ok("interrupted: 1 commands done" in err and err.count("\n") == 1, "and says what was not done", err)
        child.stdin = None
        stop(child)
    child = start([PROCPOOL, "exec", "-j", "2", "--", "sleep", "{}"], stdin=subprocess.PIPE)
    child.stdin.write(b"1000\n" * 10)
    child.stdin.flush()
    time.sleep(0.3)
    child.kill()
    child.wait()
    gone = wait_until(lambda: not os.popen(
        "ps -o pid= -o stat= --sid %d | grep -v Z" % child.pid).read().strip(), 3)
    ok(gone, "kill -9 leaves no command")
    stop(child)
    endless = start(["yes"])
    child = start([PROCPOOL, "exec", "-j", "2", "--", "echo"], stdin=endless.stdout)
    child.stdout.readline()
    child.stdout.close()
    child.stdout = None
    status = child.wait()
    same((status, child.stderr.read()), (-signal.SIGPIPE, b""), "a closed output ends it quietly")
    stop(child)
    stop(endless)


for check in (check_order_and_wholeness, check_places, check_failures, check_large_output, check_many,
              check_stdin_and_descriptors, check_trouble, check_signals):
    if len(sys.argv) < 2 or check.__name__ in sys.argv[1:]:
        check()
done()
