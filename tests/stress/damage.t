#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""300 traces cut or damaged at random: an answer marked incomplete, or a one-line error. Never a crash.

The seed is printed; FORKSCOPE_SEED repeats a run.
"""

import os
import random
import sys
import time
import zlib

sys.path.insert(0, "tests")
from tap import *  # noqa: E402,F403

COUNT = 300


def damage(dice, whole):
    """Returns (what was done, the damaged bytes)."""
    data = bytearray(whole)
    kind = dice.choice(["cut", "flip", "zero", "swap", "repeat", "grow"])
    at = dice.randrange(len(data))
    if dice.random() < 0.3:
        at = dice.randrange(min(len(data), 256))  # headers deserve more than their share
    length = dice.randrange(1, 200)
    if kind == "cut":
        del data[at:]
    elif kind == "flip":
        data[at] ^= 1 << dice.randrange(8)
    elif kind == "zero":
        data[at:at + length] = bytes(len(data[at:at + length]))
    elif kind == "swap":
        to = dice.randrange(len(data))
        data[at], data[to] = data[to], data[at]
    elif kind == "repeat":
        data[at:at] = data[at:at + length]
    else:
        data += os.urandom(length)
    return "%s at %d" % (kind, at), bytes(data)


def judge(path, original):
    """Returns what is wrong with how a damaged file was read, or None."""
    for words in (["report", "--json"], ["info"]):
        result = forkscope(*words, path, seconds=20)
        if result.status is None:
            return "%s hangs" % words[0]
        if result.status == 1:
            if result.err.count("\n") != 1 or result.out:
                return "%s: not one line: %s" % (words[0], result)
        elif result.status != 0 or result.err:
            return "%s: %s" % (words[0], result)
        elif words[0] == "report":
            one = json.loads(result.out)
            if not one["incomplete"] and one != original:
                return "report: another story, and not marked incomplete"
    return None


need_bpf()
seed = int(os.environ.get("FORKSCOPE_SEED", time.time_ns() % 1000000))
note("FORKSCOPE_SEED=%d" % seed)
dice = random.Random(seed)
with private_dir() as d:
    # Long enough for several chunks.
    result = record(d + "/t", ["/bin/sh", "-c", "for i in 1 2 3 4 5 6 7 8; do /bin/true; sleep 0.05; done"],
                    "--fds=full")
    same(result.status, 0, "a trace to damage")
    original = report(d + "/t")
    with open(d + "/t", "rb") as f:
        whole = f.read()
    wrong = []
    for _ in range(COUNT):
        what, data = damage(dice, whole)
        with open(d + "/damaged", "wb") as f:
            f.write(data)
        complaint = judge(d + "/damaged", original)
        if complaint:
            wrong.append("%s: %s" % (what, complaint))
    ok(not wrong, "%d damaged traces: incomplete, or one line" % COUNT,
       "%d wrong\n%s" % (len(wrong), "\n".join(wrong[:8])))
    for field, at in (("major", 8), ("minor", 10)):
        for version in (0, 2, 999):
            # magic, major, minor ...; the header's checksum is its last field, of what is before it
            data = bytearray(whole)
            data[at:at + 2] = version.to_bytes(2, "little")
            data[60:64] = zlib.crc32(bytes(data[:60])).to_bytes(4, "little")
            with open(d + "/version", "wb") as f:
                f.write(data)
            result = forkscope("report", "--json", d + "/version")
            if field == "minor":
                ok(result.status == 0, "minor version %d: read as far as known" % version, result)
            else:
                ok(result.status == 1 and result.err.count("\n") == 1 and "version" in result.err,
                   "major version %d: one line that says so" % version, result)
    # Cut anywhere, what comes before the last whole chunk is told.
    told = []
    for tenth in range(1, 11):
        with open(d + "/damaged", "wb") as f:
            f.write(whole[:len(whole) * tenth // 10])
        result = forkscope("report", "--json", d + "/damaged")
        told.append(len(json.loads(result.out)["processes"]) if result.status == 0 else 0)
    ok(told == sorted(told) and told[-1] == len(original["processes"]) and told[-2] > 0,
       "a cut trace tells what is before the cut", told)
done()
