#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""That check.py compares what it claims to: every fact a case says, once falsified, must fail.

Some cases are recorded; then each value of each line they said is changed in turn.
"""

import copy
import sys

sys.path.insert(0, "tests/cases")
sys.path.insert(0, "tests")
import check  # noqa: E402
from tap import *  # noqa: E402,F403

CASES = ("vfork", "posix_spawn", "exec_failed", "argv_many", "hostile", "inherit_state", "clone_namespaces",
         "subreaper", "waits", "threads", "fd_dup", "pass_mmsg", "pidfd_getfd",
         "forkserver")


def falsify(value):
    """Another value of the same kind, far from the true one."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1000003
    if isinstance(value, str):
        # Hex digits stay hex digits.
        return ("00" if all(c in "0123456789abcdef" for c in value) else "?") + value.lstrip("*") + "00"
    return "neither null nor anything else"


def leaves(value, path=()):
    """Paths of all single values in a line."""
    if isinstance(value, dict):
        for key, inside in value.items():
            yield from leaves(inside, path + (key,))
    elif isinstance(value, list):
        for index, inside in enumerate(value):
            yield from leaves(inside, path + (index,))
    else:
        yield path


def change(line, path):
    line = copy.deepcopy(line)
    at = line
    for key in path[:-1]:
        at = at[key]
    # An upper bound is falsified by a lower one.
    upper = path[-2:] == ("fork_call_ms", 1)
    at[path[-1]] = -1 if upper else falsify(at[path[-1]])
    return line


def accepted(trace, line):
    try:
        trace.compare(line)
    except check.Wrong:
        return False
    return True


def bites(name, directory):
    case = check.Case(check.Live("%s/tests/cases/%s" % (BUILD, name), directory))
    _, lines = case.record()
    trace = case.load()
    lines = [line for line in lines if line.get("expect") not in (None, "no_fd_pass")]
    true = [line for line in lines if accepted(trace, line)]
    blind = [(line, path) for line in true for path in leaves(line)
             if path != ("expect",) and accepted(trace, change(line, path))]
    ok(true and not blind, "%s: every fact is compared" % name,
       "\n".join("%s: %s" % (path, json.dumps(line)) for line, path in blind) or "nothing was true")


need_bpf()
for case_name in CASES:
    with private_dir() as one_dir:
        bites(case_name, one_dir)
done()
