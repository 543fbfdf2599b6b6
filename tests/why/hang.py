# SPDX-License-Identifier: MIT
"""CPython programs that hang as its users' do: `hang.py NAME` prints the pids that matter, then hangs."""

import json
import multiprocessing
import os
import signal
import sys
import threading
import time

READ, FUTEX = {"aarch64": ("63", "98")}.get(os.uname().machine, ("0", "202"))


def tell(culprit, victim):
    print(json.dumps({"pid": os.getpid(), "culprit": culprit, "victim": victim}), flush=True)


def pool_killed():
    """A worker dies while it holds the lock of the pool's task queue: the others wait for ever."""
    context = multiprocessing.get_context("fork")
    pool = context.Pool(2)
    # Of two idle workers one reads the queue and holds its lock, and the other waits for that.
    calls = []
    while sorted(calls) != sorted([READ, FUTEX]):
        time.sleep(0.05)
        calls = [open("/proc/%d/syscall" % w.pid).read().split()[0] for w in pool._pool]
    readers = [w for w, call in zip(pool._pool, calls) if call == READ]
    os.kill(readers[0].pid, signal.SIGKILL)
    others = [w.pid for w in pool._pool if w.pid != readers[0].pid]
    result = pool.map_async(abs, range(3))
    time.sleep(0.5)
    tell(others[0], others[0])
    result.wait()


def pool_idle():
    """Nothing hangs: the pool has no work."""
    pool = multiprocessing.get_context("fork").Pool(2)
    pool.map(abs, range(3))
    tell(0, os.getpid())
    time.sleep(1000)


def pool_busy():
    """Nothing hangs: a worker computes."""
    pool = multiprocessing.get_context("fork").Pool(1)
    result = pool.apply_async(spin)
    time.sleep(0.3)
    tell(pool._pool[0].pid, os.getpid())
    result.wait()


def spin():
    while True:
        pass


def two_locks():
    """Two processes take two locks in opposite order."""
    context = multiprocessing.get_context("fork")
    locks = context.Lock(), context.Lock()
    gate = context.Barrier(2)
    children = [context.Process(target=take_both, args=(gate, locks[i], locks[not i])) for i in (0, 1)]
    for child in children:
        child.start()
    time.sleep(0.5)
    tell(children[0].pid, children[1].pid)
    children[0].join()


def take_both(gate, first, second):
    first.acquire()
    gate.wait()
    second.acquire()


def lock_fork():
    """A thread holds a lock while another forks; the child wants it."""
    lock = threading.Lock()
    lock.acquire()
    threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
    child = os.fork()
    if child == 0:
        lock.acquire()
        os._exit(0)
    time.sleep(0.3)
    tell(child, child)
    os.waitpid(child, 0)


if __name__ == "__main__":
    globals()[sys.argv[1]]()
