#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""CPython's own tests pass, fail and skip under the shim as they do without it. With `all` as argument those
that take long too (make check-cpython)."""

import os
import re
import sys

sys.path.insert(0, "tests")
from tap import *  # noqa: E402,F403

SHORT = ["test_subprocess", "test_os", "test_posix", "test_fork1"]
LONG = ["test_threading", "test_multiprocessing_fork", "test_multiprocessing_spawn",
        "test_multiprocessing_forkserver", "test_concurrent_futures"]
RESULT = re.compile(r"^(test\w+ \(.*?\))[^\n]*? \.\.\. (?:.*?)(ok|FAIL|ERROR|skipped|expected failure)\b", re.M)


def verdicts(text):
    found = {}
    for name, verdict in RESULT.findall(text):
        found.setdefault(name, []).append(verdict)
    return found


def compare(d, suite, seconds):
    command = ["/usr/bin/python3", "-m", "test", "-v", suite]
    plain = run(command, seconds=seconds, cwd=d)
    result = record(d + "/t", command, "--source=shim", "--locks", seconds=seconds, cwd=d)
    same(result.status, plain.status, "%s: status" % suite)
    # Most tests print their verdict on stderr, all of them somewhere.
    want, got = verdicts(plain.out + plain.err), verdicts(result.out + result.err)
    differ = ["%s: %s, with the shim %s" % (name, want.get(name), got.get(name))
              for name in sorted(want.keys() | got.keys()) if want.get(name) != got.get(name)]
    ok(not differ, "%s: %d tests end the same" % (suite, len(want)), "\n".join(differ[:20]))
    ok(len(want) > 1, "%s: there are tests" % suite, plain.err[-300:])
    lossless(report(d + "/t"), "%s: nothing lost" % suite)


if not os.path.exists("/usr/lib/python3.11/test/test_subprocess.py"):
    skip_all("Debian's libpython3.11-testsuite is not installed")
with private_dir() as directory:
    for one in SHORT + (LONG if "all" in sys.argv[1:] else []):
        compare(directory, one, 200 if one in SHORT else 900)
done()
