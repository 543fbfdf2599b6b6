#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""FS041: a child makes and removes a directory of its own: at once, or before and after it starts children."""
import os
import subprocess
import sys
import tempfile
import time

pid = os.fork()
if pid == 0:
    directory = tempfile.TemporaryDirectory()
    sys.exit(0)
os.waitpid(pid, 0)

pid = os.fork()
if pid == 0:
    directory = tempfile.TemporaryDirectory()
    time.sleep(0.05)
    subprocess.run(["/bin/true"])
    grandchild = os.fork()
    if grandchild == 0:
        os._exit(0)
    os.waitpid(grandchild, 0)
    sys.exit(0)
os.waitpid(pid, 0)
