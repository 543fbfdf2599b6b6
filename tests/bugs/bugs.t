#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Each program with a hazard is found out, under its rule and no other; its repaired twin gets nothing.

A file fsNNN_name_bad.c belongs to rule FSNNN; a line " * also: FSNNN" in its opening comment allows another.
FORKSCOPE_BUGS names some to run, as a glob.
"""
import fnmatch
import glob
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
from tap import *  # noqa: E402

need_bpf()
chosen = os.environ.get("FORKSCOPE_BUGS", "*")


def check(program, *flags):
    got = forkscope("check", "--json", "--hang-timeout", "1s", *flags, "--", *program, seconds=60)
    if got.status not in (0, 1):
        return got, None
    # What the program prints comes first.
    return got, json.loads(got.out[got.out.index('{"schema":'):])


for source in sorted(glob.glob("tests/bugs/fs*_*.c") + glob.glob("tests/bugs/fs*_*.py")):
    name = os.path.splitext(os.path.basename(source))[0]
    if not fnmatch.fnmatch(name, chosen):
        continue
    program = [os.path.join(BUILD, "tests/bugs", name)]
    if source.endswith(".py"):
        program = ["/usr/bin/python3", source]
    text = open(source).read()
    rule = "FS" + name[2:5]
    allowed = {rule} | set(re.findall(r"FS\d+", " ".join(re.findall(r"^ \* also: (.*)", text, re.M))))
    got, report_ = check(program)
    if not report_:
        ok(False, name, got)
        continue
    if '{"skip":' in got.out:
        skip(name, "cannot be built here")
        continue
    found = [(f["rule"], f["severity"]) for f in report_["findings"]]
    loud = {r for r, severity in found if severity != "note"}
    want = re.search(r"^ \* severity: (\w+)", text, re.M)
    want = want.group(1) if want else None
    detail = "\n".join("%s %s: %s" % (f["rule"], f["severity"], f["detail"]) for f in report_["findings"])
    if name.endswith("_good"):
        ok(not loud and got.status == 0, name, detail)
    else:
        best = [s for r, s in found if r == rule]
        passed = best and loud <= allowed and (not want or want in best)
        if source.endswith(".py"):
            passed = passed and any(os.path.basename(source) in f["detail"] for f in report_["findings"])
        ok(passed and got.status == (1 if loud else 0), name, detail or "nothing found")
done()
