/* SPDX-License-Identifier: MIT */
/*
 * Reads a trace file, front to back, and trusts nothing in it.
 *
 * Every length is checked before it is used, every chunk has its checksum and number compared, and every
 * event passes event_problem() before the caller sees it. At the first damage reading ends as if the file
 * ended there: what came before is whole, and the summary says `incomplete` and why. What this version
 * does not know (chunk and event types) is skipped and counted.
 *
 * The file is read, never mapped, since others may cut it meanwhile; memory is that of the largest chunk.
 * Nothing here prints.
 */
#ifndef TRACER_TRACE_READER_H
#define TRACER_TRACE_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fail.h"
#include "forkscope/event.h"
#include "forkscope/trace_file.h"
#include "trace/meta.h"

struct trace_reader;

/* Of what was read so far. */
struct trace_summary {
	struct fs_trace_header header;
	struct fs_trace_end end;
	bool has_end;
	bool incomplete; /* final once trace_reader_next has returned 0 or an error */
	char incomplete_why[256]; /* one line */
	uint64_t bytes;
	uint64_t chunks;
	uint64_t events; /* given to the caller */
	uint64_t by_type[FS_EV_MAX]; /* of those */
	uint64_t unknown_chunks; /* skipped: types this version does not know */
	uint64_t unknown_events;
	uint64_t lost; /* sum over the FS_EV_LOST events */
	uint64_t lost_by_type[FS_EV_MAX]; /* the last one: types at or above */
	uint64_t first_ns, last_ns; /* smallest and largest time of an event; 0 without events */
};

/*
 * Opens a file ("-": stdin) and reads its header and the META chunks at its start. An error when it is no
 * trace that this version can read; a trace that ends or is damaged behind its header is opened.
 */
int trace_reader_open(struct trace_reader **ret, const char *path, struct failure *why);

/* Whether path can be read twice (a regular file), so that what its end tells can be known beforehand. */
bool trace_is_rereadable(const char *path);

/*
 * 1: *ret is the next event, valid until the next call. 0: no more, for whatever reason (see the summary).
 * Negative errno: the file could not be read any further (I/O error, no memory); incomplete_why says it too.
 */
int trace_reader_next(struct trace_reader *r, const struct fs_event **ret);

const struct trace_summary *trace_reader_summary(const struct trace_reader *r);

/* The value of a META key as far as was read, NULL if it has none. Valid until the next trace_reader_next. */
const char *trace_reader_meta(const struct trace_reader *r, const char *key);

/* All META as far as was read. */
const struct meta *trace_reader_metas(const struct trace_reader *r);

void trace_reader_free(struct trace_reader *r);

#endif
