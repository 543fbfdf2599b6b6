#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""FS001: the child makes the lock anew."""
import os
import threading
import time

lock = threading.RLock()


def log(text):
    with lock:
        print(text)


def writes_slowly():
    with lock:
        time.sleep(0.5)


def child():
    global lock
    pid = os.fork()
    if pid == 0:
        lock = threading.RLock()
        log("from the child")
        os._exit(0)
    return pid


threading.Thread(target=writes_slowly).start()
time.sleep(0.1)
pid = child()
for _ in range(100):
    if os.waitpid(pid, os.WNOHANG)[0]:
        break
    time.sleep(0.01)
else:
    os.kill(pid, 9)
    os.waitpid(pid, 0)
