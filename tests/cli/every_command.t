#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What every command must have: a man page that tells each option of --help, a help with examples, completion, errors
in one line, and a golden text of what it prints. A command without any of these fails here.

The golden texts are tests/cli/golden/COMMAND.txt: of one small, sequential program, with numbers and runs of spaces
made alike. FORKSCOPE_GOLDEN=write writes them anew; read what changed before you keep it.
"""

import json
import os
import re
import sys

sys.path.insert(0, "tests")
from tap import *  # noqa: E402,F403

SECTIONS = ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXIT STATUS", "EXAMPLES", "SEE ALSO"]
SHARED = "options of *forkscope-record*(1) on what to record and on the target"
USAGE_STATUS = {"record": 125, "trace": 125, "check": 2, "why": 2}
GOLDEN = "tests/cli/golden"
# One child at a time, and nothing that depends on the host.
PROGRAM = ["/bin/sh", "-c", "/bin/true; exit 3"]


def page(command):
    try:
        with open("doc/man/forkscope-%s.1.scd" % command) as f:
            return f.read()
    except FileNotFoundError:
        return ""


def options_of_help(text):
    return set(re.findall(r"^  (?:-\w, |    )(--[\w-]+)", text, re.M))


def options_of_page(text):
    return set(re.findall(r"\*(--[\w-]+)\*", text))


def check_page(command, told):
    text = page(command)
    ok(text.startswith("forkscope-%s(1)\n" % command), command + ": a man page")
    sections = re.findall(r"^# (.*)$", text, re.M)
    same([s for s in SECTIONS if s not in sections], [], command + ": its sections")
    written = options_of_page(text) | (options_of_page(page("record")) if SHARED in text else set())
    same(sorted(told - written), [], command + ": the page tells every option of --help")
    same(sorted(options_of_page(text) - told), [], command + ": and none that is not there")
    whole = open("doc/man/forkscope.1.scd").read()
    listed = whole.split("# COMMANDS", 1)[1].split("\n# ", 1)[0]
    ok("*forkscope-%s*(1)" % command in whole and "*%s*" % command in listed, command + ": forkscope(1) names it")


def check_words(command):
    result = forkscope(command, "--help")
    told = options_of_help(result.out)
    ok(result.status == 0 and result.err == "" and "--help" in told, command + ": --help", result)
    ok(len(re.findall(r"^  .*\bforkscope %s\b" % command, result.out, re.M)) >= 3, command + ": three examples",
       result.out[:400])
    offered = forkscope(command, "--complete-options").out.split()
    same({word.split("=")[0] for word in offered}, told, command + ": completion offers them all")
    result = forkscope(command, "--no-such-option")
    ok(result.status == USAGE_STATUS.get(command, 1) and result.out == "" and result.err.count("\n") == 1
       and result.err.startswith("forkscope: %s: " % command), command + ": a usage error is one line", result)
    return told


def alike(text, *names):
    """Without what differs from run to run: numbers, units, widths, places."""
    for name in names:
        text = text.replace(name, "PLACE")
    text = re.sub(r"0x[0-9a-f]+", "N", text)
    text = re.sub(r"\d[\d.,]*( (ns|us|ms|s|MB|kB))?(?![\w])", "N", text)
    text = re.sub(r"(?<![\w.])\d[\d.,]*", "N", text)
    return "\n".join(re.sub(r"[ \t]+", " ", line).rstrip() for line in text.split("\n"))


def page_parts(path):
    """Of a page: what is in its data, and its named parts."""
    text = open(path).read()
    data = json.loads(re.search(r'<script id="data" type="application/json">\n(.*?)\n</script>', text, re.S)[1])
    return "data: %s\nparts: %s\n" % (" ".join(sorted(data)), " ".join(sorted(re.findall(r'<\w+ id="([\w-]+)"', text))))


def printed(command, d):
    """What the command says of the program, or of a trace of it."""
    trace, out = d + "/trace", d + "/out"
    words = {
        "record": ["-o", d + "/again", "--status-fd=1", "--", *PROGRAM],
        "trace": ["-o", out, "--source=bpf", "--", *PROGRAM],
        "check": ["--", *PROGRAM],
        "export": ["--format=dot", trace],
        "view": ["-o", out, trace],
        "query": [trace, "SELECT id, start_method, exit_code FROM process ORDER BY id"],
        "why": [str(sleeper.pid)],
        "doctor": ["--json"],
    }.get(command, [trace])
    result = forkscope(command, *words)
    ok(result.status in (0, 1, 3), command + ": it runs", result)
    if command == "doctor":
        return " ".join(sorted(json.loads(result.out))) + "\n"  # what it tells is the host's
    if command == "why":
        return result.out.split("\n")[0] + "\n"
    if command == "view":
        return page_parts(out)
    if command == "trace":  # a vfork's end and its child's exec may come either way
        return "".join(sorted(open(out), key=lambda line: line.split()[2:]))
    return result.out + result.err


def check_golden(command, d):
    path = "%s/%s.txt" % (GOLDEN, command)
    got = alike(printed(command, d), d, os.uname().nodename, os.uname().release)
    if os.environ.get("FORKSCOPE_GOLDEN") == "write":
        os.makedirs(GOLDEN, exist_ok=True)
        with open(path, "w") as f:
            f.write(got)
    ok(os.path.exists(path), command + ": a golden text")
    if os.path.exists(path):
        same(got.split("\n"), open(path).read().split("\n"), command + ": prints what it did")


commands = forkscope("--complete-commands").out.split()
ok(len(commands) >= 13, "the commands", commands)
for command in commands:
    check_page(command, check_words(command))
if os.path.isdir(GOLDEN):
    same(sorted(name[:-4] for name in os.listdir(GOLDEN)), sorted(commands), "a golden text for each, and no other")
need_bpf()
sleeper = start(["/bin/sleep", "300"])
with private_dir() as d:
    recorded = run(["/bin/sh", "-c", 'exec "$0" "$@" >/dev/null 2>&1', FORKSCOPE, "record", "-o", d + "/trace", "--source=bpf", "--fds=full",
                    "--", *PROGRAM])
    same(recorded.status, 3, "the program is recorded, with nothing open but /dev/null")
    try:
        wait_until(lambda: "(sleep) S" in open("/proc/%d/stat" % sleeper.pid).read())
        for command in commands:
            check_golden(command, d)
    finally:
        stop(sleeper)
done()
