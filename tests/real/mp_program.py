#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A real multiprocessing program, for cpython.t: mp_program.py fork|spawn|forkserver process|pool

Two children that answer over pipes, or a Pool of two. Prints, as JSON, what a trace must say, as seen
from inside: the pids of main, workers, server and tracker, their parents, and which fds main sent to the
server for each worker.
"""

import json
import multiprocessing
import os
import sys
from multiprocessing import reduction


def answer(connection):
    connection.send((os.getpid(), os.getppid()))
    connection.recv()
    connection.close()


def who(_):
    import time
    time.sleep(0.1)
    return os.getpid(), os.getppid()


def run_processes(context):
    children = []
    for _ in range(2):
        ours, theirs = context.Pipe()
        child = context.Process(target=answer, args=(theirs,))
        child.start()
        theirs.close()
        children.append((child, ours))
    workers = [list(ours.recv()) for _, ours in children]
    for child, ours in children:
        ours.send("end")
        child.join()
        assert child.exitcode == 0
    return workers


def run_pool(context):
    with context.Pool(2) as pool:
        workers = sorted(set(pool.map(who, range(8), chunksize=1)))
        pool.close()
        pool.join()
    return [list(w) for w in workers]


def main():
    method, kind = sys.argv[1:]
    sent = []
    real_sendfds = reduction.sendfds

    def sendfds(sock, fds):
        sent.append(list(fds))
        real_sendfds(sock, fds)

    reduction.sendfds = sendfds
    context = multiprocessing.get_context(method)
    workers = run_pool(context) if kind == "pool" else run_processes(context)
    from multiprocessing import forkserver, resource_tracker
    print(json.dumps({
        "main": os.getpid(), "workers": workers, "sent": sent,
        "server": getattr(forkserver._forkserver, "_forkserver_pid", None),
        "tracker": getattr(resource_tracker._resource_tracker, "_pid", None)}))


if __name__ == "__main__":
    main()
