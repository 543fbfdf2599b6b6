#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""FS023: the child opens a connection of its own, repaired."""
import os
import sqlite3
import sys
import tempfile

with tempfile.TemporaryDirectory() as directory:
    name = os.path.join(directory, "base")
    connection = sqlite3.connect(name)
    connection.execute("create table t (n)")
    connection.commit()
    connection.close()
    pid = os.fork()
    connection = sqlite3.connect(name)
    connection.execute("insert into t values (1)")
    connection.commit()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
sys.exit(0)
