# SPDX-License-Identifier: MIT
"""FS071: a worker is joined before its queue is emptied; its feeder thread waits for room in the pipe for ever."""
import multiprocessing

context = multiprocessing.get_context("fork")


def work(results):
    results.put("x" * 1000000)


queue = context.Queue()
worker = context.Process(target=work, args=(queue,))
worker.start()
worker.join()
