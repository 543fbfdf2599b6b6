# SPDX-License-Identifier: MIT
"""FS041: a child of os.fork that ends as the program does runs the atexit functions of its parent.

The parent's scratch directory is gone when the child has ended.
"""
import atexit
import os
import shutil
import sys
import tempfile

scratch = tempfile.mkdtemp()
atexit.register(shutil.rmtree, scratch, True)
pid = os.fork()
if pid == 0:
    sys.exit(0)
os.waitpid(pid, 0)
sys.exit(os.path.exists(scratch))
