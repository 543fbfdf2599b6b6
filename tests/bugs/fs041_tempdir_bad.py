#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""FS041: a child that leaves Python by sys.exit removes its parent's temporary directory.

 * severity: warning
"""
import os
import sys
import tempfile
import time

directory = tempfile.TemporaryDirectory()
time.sleep(0.05)
pid = os.fork()
if pid == 0:
    with tempfile.TemporaryDirectory():
        pass
    sys.exit(0)
os.waitpid(pid, 0)
sys.exit(os.path.exists(directory.name) == True)
