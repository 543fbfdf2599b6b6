/* SPDX-License-Identifier: MIT */
/*
 * Single events as JSON lines (schema forkscope.events/1; doc/trace-format.md tells the fields): the lines
 * of `export --format=json` and of `trace --json`, written by the same functions.
 */
#ifndef TRACER_TRACE_EVENT_JSON_H
#define TRACER_TRACE_EVENT_JSON_H

#include "base/json.h"
#include "forkscope/event.h"
#include "forkscope/trace_file.h"
#include "trace/meta.h"
#include "trace/reader.h"

/*
 * The first line. `whole` is the summary of a trace read to its end; NULL when the events are still to
 * come, and what only the end can tell is null.
 */
void event_json_header(struct json *j, const struct fs_trace_header *header,
		       const struct meta *meta, const struct trace_summary *whole);

/* One event, as a line. It must have passed event_problem(). start_ns is the trace's (header). */
void event_json_line(struct json *j, const struct fs_event *e, uint64_t start_ns);

/* For other outputs: the value {"exit": 3, ...} of counts by type, types without any left out. */
void event_json_counts(struct json *j, const uint64_t by_type[FS_EV_MAX]);

/* For other outputs: {"key": "value", ...} of all META. */
void event_json_meta(struct json *j, const struct meta *meta);

#endif
