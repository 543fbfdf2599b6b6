#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Completion in bash: every command and every option that --help tells, and the values of choices."""

import os
import re
import sys

sys.path.insert(0, "tests")
from tap import *  # noqa: E402,F403

SCRIPT = """
source scripts/forkscope.bash-completion
COMP_LINE=$1 COMP_POINT=${#1}
# As bash splits a line: at spaces and around "=".
read -ra words <<<"${1//=/ = }"
[[ $1 == *[[:space:]] ]] && words+=("")
COMP_WORDS=("${words[@]}") COMP_CWORD=$((${#words[@]} - 1))
_forkscope
printf '%s\\n' "${COMPREPLY[@]}"
"""


def complete(line):
    """What bash would offer behind this line."""
    env = {**os.environ, "PATH": BUILD + ":" + os.environ["PATH"]}
    result = run(["bash", "-c", SCRIPT, "bash", line], env=env)
    if result.status != 0 or result.err:
        ok(False, "complete %r" % line, result)
    return [word for word in result.out.split("\n") if word]


commands = forkscope("--complete-commands").out.split()
ok(len(commands) >= 10 and all(re.search(r"^  %s " % c, forkscope("--help").out, re.M) for c in commands),
   "the commands are those of --help", commands)
same(sorted(complete("forkscope ")), sorted(commands), "all commands")
same(complete("forkscope exp"), ["export"], "a command by its beginning")
for command in commands:
    told = set(re.findall(r"^  (?:-\w, |    )(--[\w-]+)", forkscope(command, "--help").out, re.M))
    offered = {word.split("=")[0] for word in complete("forkscope %s --" % command)}
    ok(told and told == offered, "all options of " + command, (sorted(told), sorted(offered)))
same(complete("forkscope export --format="), ["json", "perfetto", "sqlite", "dot", "mermaid", "chrome"], "values behind the =")
same(complete("forkscope export --format=s"), ["sqlite"], "a value by its beginning")
same(complete("forkscope record --fds=f"), ["full"], "an option of record")
ok("--fds=full" in complete("forkscope --fd"), "an option of the bare command")
same(complete("forkscope record -- ls --"), [], "nothing behind --: the command has options of its own")
same(complete("forkscope report x"), [], "a file is bash's own business")
done()
