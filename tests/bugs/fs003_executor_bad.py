#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""FS003: the child asks a thread pool whose threads only the parent has."""
import concurrent.futures
import os
import time

pool = concurrent.futures.ThreadPoolExecutor(1)
pool.submit(int).result()
pid = os.fork()
if pid == 0:
    pass
    pool.submit(int).result()
    os._exit(0)
for _ in range(100):
    if os.waitpid(pid, os.WNOHANG)[0]:
        break
    time.sleep(0.01)
else:
    os.kill(pid, 9)
    os.waitpid(pid, 0)
