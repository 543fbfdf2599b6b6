#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The examples run and say what their comments promise; `procpool bench` measures every figure."""

import os
import re
import sys

sys.path.insert(0, "tests")
from tap import *  # noqa: E402,F403

EXAMPLES = os.path.join(BUILD, "examples")
TOTAL = "%d\n" % sum(i * i for i in range(1000000))

for method in ("", "-fork", "-spawn", "-forkserver", "-thread"):
    got = run([os.path.join(EXAMPLES, "million" + method)])
    same((got.status, got.out, got.err), (0, TOTAL, ""), "million" + method)

got = run([os.path.join(EXAMPLES, "forkserver_preload")])
ok(got.status == 0 and got.err == "" and "row 1 holds 2654435761" in got.out
   and "there is no row 1000000" in got.out and "once" in got.out, "forkserver_preload", got)

got = run([os.path.join(EXAMPLES, "event_loop")])
same((got.status, got.out, got.err), (0, "the timer went on while the pool worked\n2870\n", ""), "event_loop")

got = run([os.path.join(EXAMPLES, "crash")])
want = """behave    done     'fine' (attempts: 1)
segfault  died     signal 11 (attempts: 2)
exit      died     exit status 3 (attempts: 2)
overrun   timeout  (attempts: 1)
fail      failed   code 42: nothing to be done (attempts: 1)
stumble   done     'fine' (attempts: 2)
behave    done     'fine' (attempts: 1)
"""
same((got.status, got.err), (0, ""), "crash")
same(re.sub(" +", " ", got.out), re.sub(" +", " ", want), "crash tells each end")

with open("examples/million.c") as f:
    text = f.read()
with open("README.md") as f:
    ok(text[text.index("#define N"):] in f.read(), "the README shows it as it is")
code = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
lines = [line for line in code.splitlines() if line.strip()]
ok(len(lines) <= 42, "million.c is short", len(lines))

got = run([os.path.join(BUILD, "procpool"), "bench", "--start=fork", "--plain", "--only", "apply"])
ok(got.status == 0 and re.fullmatch(r"fork apply [0-9.e+]+\n", got.out), "procpool bench --plain", got)
got = run([os.path.join(BUILD, "procpool"), "bench", "--only", "start4"])
ok(got.status == 0 and len(got.out.splitlines()) == 2 and "forkserver" in got.out, "procpool bench", got)
got = run([os.path.join(BUILD, "procpool"), "bench", "--only", "nothing"])
ok(got.status == 2 and got.err.count("\n") == 1, "procpool bench --only nothing", got)
done()
