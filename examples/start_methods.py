#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A small real multiprocessing program, to be watched:  start_methods.py fork|spawn|forkserver

Two worker processes answer over pipes and a pool of two squares some numbers, all under one start method.
"""

import multiprocessing
import sys


def answer(connection):
    """Runs in a worker: says the square of each number it is asked for, until there are no more."""
    while True:
        number = connection.recv()
        if number is None:
            break
        connection.send(number * number)
    connection.close()


def square(number):
    return number * number


def ask_workers(context, numbers):
    workers = []
    for _ in range(2):
        ours, theirs = context.Pipe()
        worker = context.Process(target=answer, args=(theirs,))
        worker.start()
        theirs.close()
        workers.append((worker, ours))
    for i, number in enumerate(numbers):
        workers[i % 2][1].send(number)
    answers = [workers[i % 2][1].recv() for i in range(len(numbers))]
    for worker, ours in workers:
        ours.send(None)
        worker.join()
    return answers


def main():
    context = multiprocessing.get_context(sys.argv[1])
    numbers = list(range(8))
    by_workers = ask_workers(context, numbers)
    with context.Pool(2) as pool:
        by_pool = pool.map(square, numbers)
        pool.close()
        pool.join()
    assert by_workers == by_pool == [n * n for n in numbers]
    print("%s: %s" % (sys.argv[1], by_pool))


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in multiprocessing.get_all_start_methods():
        sys.exit("usage: start_methods.py fork|spawn|forkserver")
    main()
