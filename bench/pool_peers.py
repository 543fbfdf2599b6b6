# SPDX-License-Identifier: MIT
"""The peers of libprocpool, one measurement a run: pool_peers.py PEER METHOD WHAT [ARG].

PEER    pool (multiprocessing.Pool), futures (ProcessPoolExecutor), joblib (when installed)
METHOD  fork, spawn or forkserver (joblib: loky)
WHAT    tiny N      N tasks one by one, each its own message, pipelined   -> tasks/s
        map N       N tasks with the library's own chunks                 -> tasks/s
        echo SIZE N N payloads there and back, one a message              -> tasks/s
        start W     pool of W workers, one task each, stop                -> ns (median of 3)

Prints one line, "NAME VALUE UNIT". Tasks are the cheapest the peer can run.
"""
import concurrent.futures
import multiprocessing
import statistics
import sys
import time

WORKERS = 2


def echo(item):
    return item


def pool_of(peer, method, workers):
    context = multiprocessing.get_context(method)
    if peer == "pool":
        return context.Pool(workers)
    return concurrent.futures.ProcessPoolExecutor(workers, mp_context=context)


def run_all(peer, pool, items, chunk):
    """Maps echo over items; chunk None is the peer's own choice."""
    if peer == "pool":
        results = pool.map(echo, items, chunk)
    else:
        if chunk is None:
            chunk = max(1, len(items) // (WORKERS * 4))
        results = list(pool.map(echo, items, chunksize=chunk))
    if len(results) != len(items) or results[-1] != items[-1]:
        raise SystemExit(f"{peer}: wrong results")


def stop(peer, pool):
    if peer == "pool":
        pool.close()
        pool.join()
    else:
        pool.shutdown(wait=True)


def rate(peer, method, items, chunk):
    pool = pool_of(peer, method, WORKERS)
    run_all(peer, pool, items[:100], 1)
    start = time.monotonic_ns()
    run_all(peer, pool, items, chunk)
    taken = time.monotonic_ns() - start
    stop(peer, pool)
    return len(items) * 1e9 / taken


def start_stop(peer, method, workers):
    def once():
        start = time.monotonic_ns()
        pool = pool_of(peer, method, workers)
        run_all(peer, pool, list(range(workers)), 1)
        stop(peer, pool)
        return time.monotonic_ns() - start

    once()  # the fork server of the standard library is started once and stays: let it be warm
    return statistics.median(once() for _ in range(3))


def joblib_rate(items, chunk):
    import joblib

    parallel = joblib.Parallel(n_jobs=WORKERS, batch_size=chunk or "auto")
    parallel(joblib.delayed(echo)(i) for i in items[:10])
    start = time.monotonic_ns()
    parallel(joblib.delayed(echo)(i) for i in items)
    return len(items) * 1e9 / (time.monotonic_ns() - start)


def main(peer, method, what, *numbers):
    numbers = [int(n) for n in numbers]
    if what == "start":
        print("start", start_stop(peer, method, numbers[0]), "ns")
        return
    if what == "echo":
        items, chunk = [b"x" * numbers[0]] * numbers[1], 1
    else:
        items, chunk = range(numbers[0]), 1 if what == "tiny" else None
    items = list(items)
    value = joblib_rate(items, chunk) if peer == "joblib" else rate(peer, method, items, chunk)
    print(what, value, "tasks/s")


if __name__ == "__main__":
    main(*sys.argv[1:])
