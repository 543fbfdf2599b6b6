#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""info and export on whole, cut, damaged and foreign files: an answer or one line, never anything else.

Needs no BPF: build/tests/fuzz/make_corpus writes the traces. FORKSCOPE_SEED repeats a run.
"""

import json
import os
import random
import re
import subprocess
import sys
import time

sys.path.insert(0, "tests")
from tap import *  # noqa: E402,F403

MAKE_TRACE = [BUILD + "/tests/fuzz/make_corpus", "--trace"]
DAMAGED = 300


def one_line(result, status=1):
    """Exactly one line on stderr, with forkscope's name, and nothing on stdout."""
    return (result.status == status and result.out == "" and result.err.count("\n") == 1
            and result.err.startswith("forkscope: ") and result.err.endswith("\n"))


def unique(pairs):
    assert len(dict(pairs)) == len(pairs), pairs
    return dict(pairs)


def lines_of(text):
    return [json.loads(line, object_pairs_hook=unique) for line in text.split("\n") if line]


def test_whole(d):
    path = d + "/t"
    result = forkscope("export", "--format=json", path)
    lines = lines_of(result.out)
    head = lines[0]
    ok(result.status == 0 and result.err == "" and len(lines) == 5001 and head["type"] == "header"
       and head["events"] == 5000 and head["incomplete"] is False, "export: a header, and a line an event", result)
    ok(head["lost"] == sum(e["count"] for e in lines[1:] if e["type"] == "lost") > 0
       and head["lost_by"] == {"fd_use": head["lost"]}, "export: losses in the header", head)
    ok(all({"type", "ts_ns", "source", "pid", "tid"} <= set(e) for e in lines[1:]), "export: common fields")
    ok(lines[1]["ts_ns"] == 1000000, "export: times count from the trace's start", lines[1])
    info = json.loads(forkscope("info", "--json", path).out)
    counts = {}
    for event in lines[1:]:
        counts[event["type"]] = counts.get(event["type"], 0) + 1
    ok(info["events_by"] == counts and info["events"] == 5000 and info["lost"] == head["lost"]
       and info["bytes"] == os.path.getsize(path), "info --json agrees with export", info)
    ok(info["command"] == ["sh", "-c", "true \x1b[31m"], "info --json: the command", info["command"])
    ok(len(info["gaps"]) == counts["lost"] and info["gaps"][0]["to_ns"] > info["gaps"][0]["from_ns"], "info: gaps")
    text = forkscope("info", path).out
    ok("sh -c $'true \\e[31m'" in text and "\x1b" not in text, "info: the command, quoted", text)
    for i, e in enumerate(lines):
        bad = [c for c in json.dumps(e, ensure_ascii=False) if ord(c) < 32 or 127 <= ord(c) < 160]
        if bad:
            ok(False, "export: no control character in line %d" % i, e)


COMMON = {"type", "ts_ns", "source", "pid", "tid", "ns_pid", "start_ns", "cpu", "cut", "compat", "unreadable"}
# Texts that an event need not have.
OPTIONAL = {"argv", "argv_text", "text", "name", "interp", "filename"}


def test_documented(d):
    """doc/trace-format.md lists the types that event_info.c knows, and the fields that export writes."""
    told = open("doc/trace-format.md").read().split("### Event types", 1)[1]
    rows = re.findall(r"^\| (\w+) \| [^|]+ \| ([\w, ]+) \|$", told, re.M)
    fields = {name: set(words.split(", ")) for name, words in rows if name != "type"}
    known = re.findall(r'^\tTYPE(?:_COMM)?\(FS_EV_\w+, "(\w+)"', open("tracer/trace/event_info.c").read(), re.M)
    ok(len(known) > 50, "event_info.c: its table is read", known)
    same((sorted(set(known) - set(fields)), sorted(set(fields) - set(known))), ([], []),
         "doc/trace-format.md: every event type, and no other")
    page = open("doc/man/forkscope-trace-file.5.scd").read().split("\n*type*\n", 1)[1].split("_doc/", 1)[0]
    same(re.findall(r"\w+", page), [name for name in fields], "forkscope-trace-file(5): the same types")
    written = {}
    for e in lines_of(forkscope("export", "--format=json", d + "/t").out)[1:]:
        written.setdefault(e["type"], set()).update(set(e) - COMMON)
    wrong = {t: (keys - fields[t], fields[t] - keys - OPTIONAL) for t, keys in written.items()
             if keys - fields[t] or fields[t] - keys - OPTIONAL}
    ok(len(written) > 50 and not wrong, "doc/trace-format.md: the fields that are written, and no other", wrong)


def test_outputs(d):
    path = d + "/t"
    want = forkscope("export", "--format=json", path).out
    result = forkscope("export", "--format=json", path, "-o", d + "/out")
    ok(result.status == 0 and result.out == "" and open(d + "/out").read() == want, "export -o")
    with open(path, "rb") as f:
        got = lines_of(forkscope("export", "--format=json", "-", stdin=f).out)
    ok(got[0]["incomplete"] is None and got[1:] == lines_of(want)[1:], "export of stdin: what is not known is null")
    fifo = run(["bash", "-c", '"$0" info --json <(cat "$1")', FORKSCOPE, path])
    ok(fifo.status == 0 and json.loads(fifo.out)["incomplete"] is False, "info of a pipe", fifo)
    before = open(path, "rb").read()
    ok(one_line(forkscope("export", "--format=json", path, "-o", path)) and open(path, "rb").read() == before,
       "export -o onto the trace itself is refused")
    for words in (["export", "--format=json"], ["info"], ["info", "--json"]):
        for sink in ("/dev/full", d + "/no/such"):
            result = forkscope(*words, path, "-o", sink)
            ok(one_line(result) and sink in result.err, "%s -o %s" % (" ".join(words), sink), result)
    with open("/dev/full", "wb") as full:
        result = forkscope("info", path, stdout=full)
    ok(result.status == 1 and result.err.count("\n") == 1, "info to a full disk", result)
    ok(one_line(forkscope("export", path)), "export without a format")
    default = forkscope("info", "--json", cwd=d)
    ok(one_line(default) and "'forkscope.data'" in default.err, "no FILE is forkscope.data", default)


def on_terminal(*words, **env):
    """What a person sees whose terminal this is."""
    master, slave = os.openpty()
    child = subprocess.Popen([FORKSCOPE, *words], stdin=subprocess.DEVNULL, stdout=slave, stderr=slave,
                             env={**os.environ, "TERM": "xterm", **env})
    os.close(slave)
    seen = b""
    while True:
        try:
            part = os.read(master, 65536)
        except OSError:  # EIO: the last holder of the other side is gone
            break
        if not part:
            break
        seen += part
    os.close(master)
    return child.wait(timeout=30), seen


def test_pager(d):
    path = d + "/t"
    status, seen = on_terminal("info", path, PAGER="sed 's/^/paged: /'")
    ok(status == 0 and seen.startswith(b"paged: trace "), "on a terminal: through the pager", seen)
    for words, env in ((("info", path), {"PAGER": "cat"}), (("info", path), {"PAGER": ""}),
                       (("info", "--no-pager", path), {"PAGER": "false"}),
                       (("info", "--json", path), {"PAGER": "false"})):
        status, seen = on_terminal(*words, **env)
        ok(status == 0 and b"fork" in seen and b"paged" not in seen, "no pager: %s %s" % (words[:-1], env), seen)
    status, seen = on_terminal("info", path, PAGER="sed -n 1q")
    ok(status in (0, -13) and seen == b"", "a pager that leaves early", (status, seen))


def test_cut(d, whole):
    last = -1
    good = True
    for tenth in range(11):
        data = whole[:64 + (len(whole) - 64) * tenth // 10]
        with open(d + "/cut", "wb") as f:
            f.write(data)
        result = forkscope("export", "--format=json", d + "/cut")
        lines = lines_of(result.out)
        complete = tenth == 10
        good = good and result.status == 0 and lines[0]["incomplete"] is not complete \
            and result.err.count("\n") == (0 if complete else 1) and len(lines) - 1 >= last
        last = len(lines) - 1
    ok(good and last == 5000, "a cut trace: what is before the cut, and a warning", result)


def damage(dice, whole):
    data = bytearray(whole)
    at = dice.randrange(len(data))
    if dice.random() < 0.5:
        at = dice.randrange(200)  # headers deserve more than their share
    kind = dice.choice(["cut", "flip", "zero", "repeat", "splice"])
    if kind == "cut":
        del data[at:]
    elif kind == "flip":
        data[at] ^= 1 << dice.randrange(8)
    elif kind == "zero":
        length = min(len(data) - at, dice.randrange(1, 300))
        data[at:at + length] = bytes(length)
    elif kind == "repeat":
        data[at:at] = data[at:at + dice.randrange(1, 3000)]
    else:
        del data[at:at + dice.randrange(1, 3000)]
    return "%s at %d" % (kind, at), bytes(data)


def judge(path, whole, data):
    """What is wrong with the answers to a damaged file, or None."""
    info = forkscope("info", "--json", path)
    export = forkscope("export", "--format=json", path)
    if info.status != export.status or info.status not in (0, 1):
        return "info: %s\nexport: %s" % (info, export)
    if info.status == 1:
        return None if one_line(info) and one_line(export) else "%s\n%s" % (info, export)
    lines = lines_of(export.out)
    told = json.loads(info.out)
    if told["events"] != len(lines) - 1 or told["incomplete"] != lines[0]["incomplete"]:
        return "info and export differ: %s\n%s" % (told, lines[0])
    if not told["incomplete"] and data[:len(whole)] != whole:
        return "damage was not noticed"
    return None


def test_damaged(d, whole):
    seed = int(os.environ.get("FORKSCOPE_SEED", time.time_ns() % 1000000))
    note("FORKSCOPE_SEED=%d" % seed)
    dice = random.Random(seed)
    wrong = []
    for _ in range(DAMAGED):
        what, data = damage(dice, whole)
        with open(d + "/damaged", "wb") as f:
            f.write(data)
        complaint = judge(d + "/damaged", whole, data)
        if complaint:
            wrong.append("%s: %s" % (what, complaint))
    ok(not wrong, "%d damaged traces" % DAMAGED, "%d wrong\n%s" % (len(wrong), "\n".join(wrong)))


with private_dir() as d:
    run(MAKE_TRACE + [d + "/t", "5000"])
    with open(d + "/t", "rb") as f:
        whole = f.read()
    test_whole(d)
    test_documented(d)
    test_outputs(d)
    test_pager(d)
    test_cut(d, whole)
    # Smaller, so that every part of the file is hit often.
    run(MAKE_TRACE + [d + "/t", "100"])
    with open(d + "/t", "rb") as f:
        test_damaged(d, f.read())
done()
