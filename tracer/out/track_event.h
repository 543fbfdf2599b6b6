/* SPDX-License-Identifier: MIT */
/*
 * A writer of Perfetto's track events: tracks, slices with a beginning and an end on them, notes and flows on a
 * slice. It knows the format and nothing of processes.
 *
 *     struct event_place at = slice_begin(&w, ts, lane, "exec", "true");
 *     note_u64(&w, "pid", true, 4711);
 *     event_end(&w, at);
 *     slice_end(&w, later, lane);
 *     ...
 *     track_flush(&w);                // w.error: the first failure
 *
 * Lanes are numbered from 0, which is the root and described first. Text must be escaped (base/escape.h).
 */
#ifndef TRACER_OUT_TRACK_EVENT_H
#define TRACER_OUT_TRACK_EVENT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/buffer.h"

struct track_writer {
	FILE *to;
	int64_t offset_ns; /* from times given to boot time */
	struct buffer b; /* packets not yet written */
	int error; /* negative errno */
};

/* A packet that is begun. */
struct event_place {
	size_t packet, event;
};

void track_describe(struct track_writer *w, uint32_t lane, uint32_t parent, const char *name);

struct event_place slice_begin(struct track_writer *w, uint64_t ts, uint32_t lane,
			       const char *category, const char *name);
struct event_place instant_begin(struct track_writer *w, uint64_t ts, uint32_t lane,
				 const char *category, const char *name);
/* Between the beginning and event_end: an argument (text NULL, not known: none), an arrow from or to here. */
void note_text(struct track_writer *w, const char *name, const char *text);
void note_u64(struct track_writer *w, const char *name, bool known, uint64_t value);
void flow_begins(struct track_writer *w, uint64_t flow);
void flow_ends(struct track_writer *w, uint64_t flow);
void event_end(struct track_writer *w, struct event_place at);

void slice_end(struct track_writer *w, uint64_t ts, uint32_t lane);

/* Hands all to the stream; the buffer stays the caller's to free. */
void track_flush(struct track_writer *w);

#endif
