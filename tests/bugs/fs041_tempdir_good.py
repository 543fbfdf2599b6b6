#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""FS041: the child removes what it made itself, and leaves by os._exit, repaired."""
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
    os._exit(0)
os.waitpid(pid, 0)
sys.exit(os.path.exists(directory.name) == False)
