#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""FS041: a child that leaves Python by sys.exit removes a temporary directory that it made itself."""
import os
import sys
import tempfile

pid = os.fork()
if pid == 0:
    directory = tempfile.TemporaryDirectory()
    sys.exit(0)
os.waitpid(pid, 0)
sys.exit(0)
