/* SPDX-License-Identifier: MIT */
/*
 * Lines in, results out: the loop of `procpool map`.
 *
 * Lines are gathered into batches; each batch is one asynchronous map of the library, and in ordered mode
 * batches leave in the order they came. Nothing here waits for one thing alone: input, output, signals and
 * the pool are polled together, so a slow input never holds back results that are ready, and an output
 * that nobody reads stops the reading. Memory is bounded by the limits in stream.c, not by the input.
 */
#ifndef PROCPOOL_CMD_STREAM_H
#define PROCPOOL_CMD_STREAM_H

#include <sys/stat.h>

#include "cmd/cmd.h"
#include "cmd/lines.h"
#include "cmd/outbuf.h"
#include "cmd/progress.h"

struct batch;

struct stream {
	/* set by the caller */
	struct pp_pool *pool;
	const char *task;
	const char *module; /* the file it is in, */
	struct stat module_then; /* as it was when it was loaded */
	unsigned workers;
	size_t chunk; /* lines handed over at once; 0: by the tasks' speed */
	bool unordered;
	int signal_fd;
	struct lines lines;
	struct outbuf out;
	struct progress progress;

	/* what came of it */
	uint64_t lines_read, done, failed;
	int signal; /* it was interrupted by this one */
	bool trouble; /* told already */
	bool unread; /* the output's reader has gone */

	/* the loop's own */
	struct batch *first, *last, *building;
	size_t running; /* batches not ended */
	size_t held_lines, held_bytes;
	size_t auto_chunk;
	uint64_t ended, rate_ended;
	int64_t rate_since;
	bool input_ready;
};

/* Runs until all is done, or trouble, or a signal; then frees what it holds. */
void stream_run(struct stream *stream);

#endif
