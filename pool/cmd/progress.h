/* SPDX-License-Identifier: MIT */
/* One line on a terminal that is written over: done, failed, rate, time left. Silent elsewhere. */
#ifndef PROCPOOL_CMD_PROGRESS_H
#define PROCPOOL_CMD_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
	bool on;
	bool shown;
	int64_t start_ns, last_ns;
	uint64_t bytes_total; /* of the input; 0: unknown, no bar and no time left */
};

/* Off unless wanted and stderr is a terminal. input_fd: where its length is read from. */
void progress_start(struct progress *progress, bool wanted, int input_fd);

/* Draws at most ten times a second. bytes_done: of the input, for the bar. */
void progress_update(struct progress *progress, uint64_t done, uint64_t failed,
		     uint64_t bytes_done);

/* Clears the line: before any message, and at the end. */
void progress_clear(struct progress *progress);

#endif
