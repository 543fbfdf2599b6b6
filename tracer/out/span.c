/* SPDX-License-Identifier: MIT */
/* Times on a time line; see span.h. */
#include "out/span.h"

static struct span span_of(const struct model *m, uint64_t from, uint64_t to)
{
	uint64_t start = model_options(m)->start_ns;
	struct span s = { from > start ? from : start, to ? to : model_last_ts(m) };

	if (s.to_ts < s.from_ts)
		s.to_ts = s.from_ts;
	return s;
}

struct span process_span(const struct model *m, const struct process *p)
{
	return span_of(m, p->birth_ts, p->end_ts);
}

struct span thread_span(const struct model *m, const struct thread *t)
{
	const struct process *p = model_process(m, t->process);

	return span_of(m, t->start_ts, t->end_ts ? t->end_ts : p ? p->end_ts : 0);
}

uint64_t span_clamp(struct span s, uint64_t ts)
{
	return ts < s.from_ts ? s.from_ts : ts > s.to_ts ? s.to_ts : ts;
}

bool next_gap(const struct model *m, size_t *at, struct span *ret)
{
	const struct gap *g = model_gap(m, *at);
	struct span s;

	if (!g)
		return false;
	s = (struct span){ g->from_ts, g->to_ts };
	while ((g = model_gap(m, ++*at)) && g->from_ts <= s.to_ts)
		if (g->to_ts > s.to_ts)
			s.to_ts = g->to_ts;
	*ret = s;
	return true;
}
