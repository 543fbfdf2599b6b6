#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""FS071: a worker of a Pool is killed while it has a task.

 * severity: bug
"""
import multiprocessing
import os
import signal


def work(n):
    if n == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return n


if __name__ == "__main__":
    multiprocessing.set_start_method("fork")
    with multiprocessing.Pool(2) as pool:
        pool.map(work, range(4), chunksize=1)
