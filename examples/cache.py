# SPDX-License-Identifier: MIT
"""A child that hangs for ever, since a thread had the lock when the process forked: see  forkscope check."""
import os, threading, time

lock = threading.Lock()
cache = {}


def refresh():
    while True:
        with lock:
            cache.update(rates=time.time())
            time.sleep(0.2)


def rates():
    with lock:
        return cache.get("rates")


threading.Thread(target=refresh, daemon=True).start()
time.sleep(0.1)
if os.fork() == 0:
    os._exit(0 if rates() else 1)
os.wait()
