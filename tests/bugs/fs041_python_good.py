# SPDX-License-Identifier: MIT
"""FS041: the same, and the child ends by os._exit."""
import atexit
import os
import shutil
import sys
import tempfile

scratch = tempfile.mkdtemp()
atexit.register(shutil.rmtree, scratch, True)
pid = os.fork()
if pid == 0:
    os._exit(0)
os.waitpid(pid, 0)
sys.exit(not os.path.exists(scratch))
