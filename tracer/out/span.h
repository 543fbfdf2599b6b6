/* SPDX-License-Identifier: MIT */
/* Times on a time line that must be drawn whatever is unknown: lives with two ends, gaps that do not overlap. */
#ifndef TRACER_OUT_SPAN_H
#define TRACER_OUT_SPAN_H

#include "model/model.h"

struct span {
	uint64_t from_ts, to_ts; /* from <= to */
};

/*
 * A life within the trace: from birth (or the trace's start, for one that was there or whose birth is
 * unknown) to its end, or the last event's time.
 */
struct span process_span(const struct model *m, const struct process *p);
struct span thread_span(const struct model *m, const struct thread *t);

/* The instant nearest to ts within a span. */
uint64_t span_clamp(struct span s, uint64_t ts);

/* Gaps in order of time, those that touch as one. *at starts as 0. False: no more. */
bool next_gap(const struct model *m, size_t *at, struct span *ret);

#endif
