/* SPDX-License-Identifier: MIT */
/*
 * Writes a trace file (include/forkscope/trace_file.h) while the recording runs.
 *
 * Whoever drains the kernel's ring must never wait for a disk: events are copied into chunks in memory,
 * and a thread of the writer's own (all signals blocked) checksums and writes them, a chunk when it is
 * full or 50 ms old. So the file can be read while the recording runs, and after a SIGKILL it holds all
 * but the last instants. An error (disk full, pipe closed) is latched: everything after it fails with it.
 *
 * All calls may come from any thread. Nothing here prints.
 */
#ifndef TRACER_TRACE_WRITER_H
#define TRACER_TRACE_WRITER_H

#include <stddef.h>
#include <stdint.h>

#include "base/fail.h"
#include "forkscope/event.h"
#include "forkscope/trace_file.h"

struct trace_writer;

/* Events that wait for the disk take at most so many bytes. */
#define TRACE_WRITER_QUEUE (32u << 20)

/* Fills a header for a recording that begins now: clocks, boot id, this process. */
void trace_header_now(struct fs_trace_header *ret);

/*
 * Creates the file with mode 0600, starts the thread and writes the header, so that a path that cannot be
 * written is known at once. A regular file that is there is removed first and made anew; a FIFO (waits
 * for its reader), a device or /dev/stdout is written to as it is. A symbolic link to a regular file is
 * refused: somebody may have planted it.
 */
int trace_writer_open(struct trace_writer **ret, const char *path,
		      const struct fs_trace_header *header, struct failure *why);

/* Adds one META pair. 0, -EINVAL (too long: 1 MB), -ENOBUFS, -ENOMEM, or the latched write error. */
int trace_writer_meta(struct trace_writer *w, const char *key, const char *value);

/*
 * Copies one event and never waits for the disk: -ENOBUFS when the queue is full (the caller counts the
 * loss), -EINVAL when event->size is no size, else 0 or the latched write error.
 */
int trace_writer_event(struct trace_writer *w, const struct fs_event *event);

/* Events accepted so far. */
uint64_t trace_writer_events(const struct trace_writer *w);

/* 0, or the latched write error. */
int trace_writer_error(struct trace_writer *w);

/* For tests, and for small machines: another size of the queue, in bytes. */
void trace_writer_set_queue(struct trace_writer *w, size_t bytes);

/*
 * Writes what waits, then the END chunk unless `end` is NULL (end->events is filled in by the writer), joins
 * the thread, closes the file and frees w, in every case. Returns the latched error and why, if any.
 */
int trace_writer_close(struct trace_writer *w, const struct fs_trace_end *end, struct failure *why);

#endif
