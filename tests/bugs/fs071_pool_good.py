#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""FS071, repaired: the executor tells that a worker was killed."""
import concurrent.futures
import concurrent.futures.process
import multiprocessing
import os
import signal


def work(n):
    if n == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return n


if __name__ == "__main__":
    context = multiprocessing.get_context("fork")
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as pool:
        try:
            list(pool.map(work, range(4)))
        except concurrent.futures.process.BrokenProcessPool:
            pass
