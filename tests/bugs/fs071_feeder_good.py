# SPDX-License-Identifier: MIT
"""FS071: the same, and the queue is emptied first, though late; meanwhile the worker waits at its end."""
import multiprocessing
import time

context = multiprocessing.get_context("fork")


def work(results):
    results.put("x" * 1000000)


queue = context.Queue()
worker = context.Process(target=work, args=(queue,))
worker.start()
time.sleep(1)
assert len(queue.get()) == 1000000
worker.join()
