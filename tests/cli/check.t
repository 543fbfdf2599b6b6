#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""forkscope check: its exit statuses, outputs, choices, suppressions; and that its texts and the manual agree."""
import os
import re
import sys
import xml.etree.ElementTree as ET

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
from tap import *  # noqa: E402

BAD = os.path.join(BUILD, "tests/bugs/fs060_zombies_bad")
GOOD = os.path.join(BUILD, "tests/bugs/fs060_zombies_good")


def check(*arguments, **options):
    return forkscope("check", *arguments, **options)


def plain(text):
    return re.sub(r"\s+", " ", text.replace("\\", "")).strip()


# --- without recording ---

rules = [line.split()[0] for line in check("--rules").out.splitlines()]
ok(len(rules) > 20 and rules == sorted(set(rules)), "--rules: sorted, each once", rules)
page = plain(open("doc/man/forkscope-rules.7.scd").read())
missing = [r for r in rules if any(plain(part).removesuffix(".") not in page
                                   for part in check("--explain", r).out.split("\n\n")[1:])]
same(missing, [], "the manual page has each rule's text (scripts/rules-page writes it)")
table = open("doc/rules.md").read()
same([r for r in rules if "| %s |" % r not in table], [], "doc/rules.md has each rule")
same(set(re.findall(r"^\| (FS\d+) \|", table, re.M)) - set(rules), set(), "and no other")
sources = {r.lower() for r in rules} - {os.path.basename(f)[:5] for f in os.listdir("tests/bugs")}
same(sources, {"fs008", "fs083", "fs084"}, "a bad and a good program for each, measurements apart")
same(check("--explain", "fs001").out, check("--explain", "deadlock-after-fork").out, "--explain by id or name")
for flags, word in ((["--explain", "FS999"], "FS999"), (["--disable", "nonsense"], "nonsense"),
                    (["--expect", "peace"], "peace"), (["--nonsense"], "nonsense"),
                    (["--suppressions", "/nonexistent"], "/nonexistent"), (["/nonexistent"], "/nonexistent"),
                    (["--hang-timeout", "soon", "--", "true"], "soon")):
    result = check(*flags)
    ok(result.status == 2 and word in result.err and result.err.count("\n") == 1,
       "%s: status 2 and one line" % " ".join(flags), result)

# --- recording ---

need_bpf()
result = check("--", GOOD)
ok(result.status == 0 and "0 bugs, 0 warnings" in result.out, "a clean program: 0", result)
result = check("--", "false")
ok(result.status == 0, "the command's own status does not matter", result)
result = check("--", "/nonexistent/program")
ok(result.status == 2 and result.out == "", "a command that is not there: 2", result)
result = check("--", BAD)
ok(result.status == 1 and "FS060 warning" in result.out and "fix: " in result.out, "a finding: 1", result)
key = re.search(r"suppress: (\S+)", result.out).group(1)

with private_dir() as d:
    result = check("--json", "-o", d + "/r.json", "--junit", d + "/r.xml", "--", BAD)
    one = json.load(open(d + "/r.json"))
    ok(result.status == 1 and result.out == "" and one["schema"] == "forkscope.report/1", "--json -o", result)
    same([(f["rule"], f["severity"], f["count"]) for f in one["findings"]], [("FS060", "warning", 3)],
         "one cause is one finding, counted")
    ok(one["findings"][0]["process"] in [p["id"] for p in one["processes"]], "its process is in the report")
    suite = ET.parse(d + "/r.xml").getroot()
    result = check("--keep", d + "/kept", "--", BAD)
    again = check(d + "/kept")
    same((result.status, result.out != ""), (again.status, again.out != ""), "--keep: the trace gives the findings again")
    result = check("--keep", d + "/other", d + "/kept")
    ok(result.status == 2 and result.err.count("\n") == 1 and not os.path.exists(d + "/other"),
       "--keep without a command: one line, status 2", result)
    same((suite.get("tests"), suite.get("failures")), (str(len(rules)), "1"), "--junit counts")
    same([c.get("name") for c in suite if c.find("failure") is not None], ["FS060"], "--junit names the rule")

    result = record(d + "/t", [BAD], "--fds=full")
    ok(check(d + "/t").status == 1, "a trace is checked as well")
    ok(check("--disable", "FS060", d + "/t").status == 0, "--disable")
    ok(check("--only", "FS001,FS003", d + "/t").status == 0, "--only")
    ok(check("--only", "zombies", d + "/t").status == 1, "--only, by name")
    for line, status in ((key, 0), ("FS060", 0), ("FS060:*", 0), ("FS061:*", 1), ("# FS060", 1)):
        with open(d + "/s", "w") as f:
            f.write("# why\n\n%s\n" % line)
        same(check("--suppressions", d + "/s", d + "/t").status, status, "suppression %r" % line)
    result = check("--disable=FS060", "--expect=all-children-reaped", d + "/t")
    ok(result.status == 1 and "all-children-reaped bug" in result.out, "--expect is breached", result)
    result = check("--disable=FS060", "--expect=no-fork-with-threads,no-orphans", d + "/t")
    ok(result.status == 0, "--expect is met", result)
    text = check(d + "/t", "-o", "/dev/full")
    ok(text.status == 2, "a full disk: 2", text)

    # A hang: found while it lasts, ended, and nothing is left.
    hang = os.path.join(BUILD, "tests/bugs/fs001_spinlock_bad")
    begun = time.monotonic()
    result = check("--hang-timeout=300ms", "--", hang)
    ok(result.status == 1 and "FS001 bug" in result.out, "a hang is found and ended", result)
    ok(time.monotonic() - begun < 30, "well before the program would end it")
    same(run(["pgrep", "-fx", hang]).out, "", "nothing is left of it")  # by its whole path: others may test too

    # The story of a deadlock: the lock, who had it, since where, and what that thread was doing; with the kernel
    # witness alone, and where the shim cannot go, the same stack.
    deadlock = os.path.join(BUILD, "tests/bugs/fs001_semaphore_bad")
    for flags in ([], ["--source=bpf"]):
        result = check("--only=FS001", *flags, "--", deadlock)
        told = [w for w in ("a semaphore, lock (", "holder+", "fs001_semaphore_bad.c:15", "main+",
                            "fs001_semaphore_bad.c:29", "which fork did not copy") if w not in result.out]
        same(told, [], "the story of a lock %s" % " ".join(flags))
    ok("taken at" not in result.out, "where it was taken only the shim knows", result)
    result = check("--only=FS001", "--", os.path.join(BUILD, "tests/bugs/fs001_semaphore_bad"))
    ok("taken at holder+" in result.out and "It was forked at main+" in result.out, "and it does", result)

    # The README's.
    result = check("--only=FS001", "--hang-timeout=1s", "--", "/usr/bin/python3", "examples/cache.py")
    told = [w for w in ("FS001 bug", "at rates (", "examples/cache.py:17) <-", "which fork did not copy",
                        "line 23 in <module>", "suppress: FS001:rates:python3",
                        "1 bug, 0 warnings, 0 notes in 2 processes") if w not in result.out]
    same((result.status, told), (1, []), "the story of a Python lock")

    # What is not proven to hang is ended by --timeout alone.
    result = check("--timeout=1s", "--", "sh", "-c", "sleep 60 & wait")
    ok(result.status == 2 and "--timeout" in result.err, "--timeout: 2 without findings", result)
    result = check("--timeout=1s", "--expect=no-fork-without-exec", "--", "sh", "-c", "(sleep 60; :) & wait")
    ok(result.status == 1 and "--timeout" in result.err, "--timeout: 1 with findings", result)
done()
