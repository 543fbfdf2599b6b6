#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""FS041: a child that leaves Python by sys.exit removes a directory that its parent made just before the fork.

 * severity: warning
"""
import atexit
import os
import shutil
import sys
import tempfile

directory = tempfile.mkdtemp()
atexit.register(shutil.rmtree, directory, ignore_errors=True)
open(directory + "/data", "w").close()
pid = os.fork()
if pid == 0:
    sys.exit(0)
os.waitpid(pid, 0)
sys.exit(os.path.exists(directory))
