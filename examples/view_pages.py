#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Pages of `forkscope view` and pictures of them: CPython's fork server, the tasks of a pool, a child that hangs on a
lock, and a storm of 10,000 processes.

    examples/view_pages.py [DIRECTORY]        default: build/pages

Run it from a built tree. Pictures need chromium and chromedriver (scripts/install-deps --view); pages do not.
"""

import os
import sys
import time

os.chdir(os.path.dirname(os.path.abspath(__file__)) + "/..")
sys.path[:0] = ["tests", "tests/view"]
import browser  # noqa: E402
from tap import BUILD, forkscope, run  # noqa: E402

NAPS = "for ms in 40 15 60 25 80 10 35 50 20 70 15 30 5 45 60; do echo $ms; done"
# What makes each trace; its name follows the first word's flags.
PROGRAMS = {
    "forkserver": ["record", "--fds=full", "-o", "/usr/bin/python3", "examples/start_methods.py", "forkserver"],
    "pool": ["record", "--source=both", "-o", "sh", "-c", NAPS + " | %s/procpool map --start=forkserver -j 4 --chunk 1 "
             "%s/examples/tasks.so:nap" % (BUILD, BUILD)],
    "findings": ["check", "--hang-timeout=2", "--keep", BUILD + "/tests/bugs/fs001_mutex_bad"],
    "storm": ["record", "-o", BUILD + "/bench/storm", "-e", "/bin/true", "10000"],
}
# What is clicked before the picture is taken.
SHOWN = {
    "forkserver": ["document.getElementById('show-inherit').click()",
                   "forkscope.choose({ process: forkscope.processes.find((p) => p.method === 'forkserver').n })"],
    "pool": ["forkscope.choose({ process: forkscope.processes.find((p) => p.spans.length).n })"],
    "findings": ["forkscope.choose({ process: forkscope.processes.find((p) => p.findings.length).n })"],
    "storm": ["for (let i = 0; i < 9; i++) document.getElementById('zoom-in').click()"],
}


def main():
    out = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else BUILD + "/pages")
    os.makedirs(out, exist_ok=True)
    run(["make", BUILD + "/bench/storm", BUILD + "/tests/bugs/fs001_mutex_bad"])
    for name, words in PROGRAMS.items():
        trace = "%s/%s.data" % (out, name)
        file_at = next(i for i, word in enumerate(words) if word in ("-o", "--keep")) + 1
        made = forkscope(*words[:file_at], trace, "--", *words[file_at:])
        page = forkscope("view", trace, "-o", "%s/%s.html" % (out, name))
        # `check` has 1 for what it found.
        if made.status != (words[0] == "check") or page.status != 0:
            sys.exit((made.err + page.err).strip())
        print("%s/%s.html" % (out, name))
    if browser.missing():
        print("no pictures: " + browser.missing())
        return
    for theme in ("light", "dark"):
        with browser.temporary() as b:
            for name, steps in SHOWN.items():
                began = time.monotonic()
                b.open("%s/%s.html" % (out, name))
                b.settle()
                print("%s, %s: loaded and drawn in %.2f s" % (name, theme, time.monotonic() - began))
                b.js("if (document.documentElement.dataset.theme !== arguments[0]) document.getElementById('theme').click()", theme)
                for step in steps:
                    b.js(step)
                b.settle()
                b.screenshot("%s/%s-%s.png" % (out, name, theme))
                print("%s/%s-%s.png" % (out, name, theme))


main()
