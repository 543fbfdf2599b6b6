#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Pages of `forkscope view` and pictures of them: CPython's fork server, and a storm of 10,000 processes.

    examples/view_pages.py [DIRECTORY]        default: build/pages

Run it from a built tree. Pictures need chromium and chromedriver (scripts/install-deps --view); pages do not.
"""

import os
import sys

os.chdir(os.path.dirname(os.path.abspath(__file__)) + "/..")
sys.path[:0] = ["tests", "tests/view"]
import browser  # noqa: E402
from tap import BUILD, forkscope, record, run  # noqa: E402

PROGRAMS = {
    "forkserver": (["--fds=full"], ["/usr/bin/python3", "examples/start_methods.py", "forkserver"]),
    "storm": ([], [BUILD + "/bench/storm", "-e", "/bin/true", "10000"]),
}
# What is clicked before the picture is taken.
SHOWN = {
    "forkserver": ["document.getElementById('show-inherit').click()",
                   "forkscope.choose({ process: forkscope.processes.find((p) => p.method === 'forkserver').n })"],
    "storm": ["for (let i = 0; i < 9; i++) document.getElementById('zoom-in').click()"],
}


def main():
    out = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else BUILD + "/pages")
    os.makedirs(out, exist_ok=True)
    run(["make", BUILD + "/bench/storm"])
    for name, (flags, command) in PROGRAMS.items():
        made = record("%s/%s.data" % (out, name), command, *flags)
        page = forkscope("view", "%s/%s.data" % (out, name), "-o", "%s/%s.html" % (out, name))
        if made.status != 0 or page.status != 0:
            sys.exit((made.err + page.err).strip())
        print("%s/%s.html" % (out, name))
    if browser.missing():
        print("no pictures: " + browser.missing())
        return
    for theme in ("light", "dark"):
        with browser.temporary() as b:
            for name, steps in SHOWN.items():
                b.open("%s/%s.html" % (out, name))
                b.js("if (document.documentElement.dataset.theme !== arguments[0]) document.getElementById('theme').click()", theme)
                for step in steps:
                    b.js(step)
                b.settle()
                b.screenshot("%s/%s-%s.png" % (out, name, theme))
                print("%s/%s-%s.png" % (out, name, theme))


main()
