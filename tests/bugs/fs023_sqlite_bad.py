#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""FS023: a child goes on with its parent's connection to an SQLite database."""
import os
import sqlite3
import sys
import tempfile

with tempfile.TemporaryDirectory() as directory:
    connection = sqlite3.connect(os.path.join(directory, "base"))
    connection.execute("create table t (n)")
    connection.commit()
    pid = os.fork()
    if pid == 0:
        connection.execute("insert into t values (1)")
        connection.commit()
        os._exit(0)
    os.waitpid(pid, 0)
    connection.execute("insert into t values (2)")
    connection.commit()
sys.exit(0)
