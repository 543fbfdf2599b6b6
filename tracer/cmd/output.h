/* SPDX-License-Identifier: MIT */
/*
 * Where a reading command's data goes: stdout, a pager in front of it, or -o FILE.
 *
 *     struct output out;
 *     if (output_open(&out, &o.read, trace_path, &why) < 0) ...
 *     ... write to out.to, with colours if out.color ...
 *     if (output_close(&out, &why) < 0) ...      // a full disk is noticed here at the latest
 */
#ifndef TRACER_CMD_OUTPUT_H
#define TRACER_CMD_OUTPUT_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

#include "base/fail.h"
#include "cmd/options.h"

struct output {
	FILE *to;
	const char *path; /* for messages */
	bool color; /* --color, NO_COLOR, TERM and where it goes, all weighed */
	bool terminal; /* a person reads along, perhaps in a pager */
	int width; /* columns of the terminal; 0: no terminal, do not cut */
	pid_t pager; /* 0: none */
};

/*
 * Decides and opens. A pager ($PAGER, else less) only for text, on a terminal, unless --no-pager; when it
 * cannot be started, stdout it is. -o FILE is refused when it is the very file `input`, which is about to be
 * read (NULL: none).
 */
int output_open(struct output *ret, const struct read_options *options, const char *input,
		struct failure *why);

/* Flushes, closes, waits for the pager. Negative errno and why when not all could be written. */
int output_close(struct output *out, struct failure *why);

#endif
