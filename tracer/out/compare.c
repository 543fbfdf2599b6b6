/* SPDX-License-Identifier: MIT */
/* Start methods side by side: what is measured, and the groups; see compare.h. */
#include "out/compare.h"

#include <errno.h>
#include <linux/sched.h>
#include <stdlib.h>

#include "base/grow.h"

#define PAGE_KB 4

static bool call_ns(const struct model *m, const struct process *p, const struct extra *x,
		    uint64_t *ret)
{
	(void)m;
	(void)x;
	return process_call_ns(p, ret);
}

static bool since_asked(const struct model *m, const struct process *p, uint64_t ts, uint64_t *ret)
{
	uint64_t asked = process_asked_ts(m, p);

	if (!ts || !asked || ts < asked)
		return false;
	*ret = ts - asked;
	return true;
}

static bool born_ns(const struct model *m, const struct process *p, const struct extra *x,
		    uint64_t *ret)
{
	(void)x;
	return p->knows_fork && since_asked(m, p, p->birth_ts, ret);
}

static bool exec_ns(const struct model *m, const struct process *p, const struct extra *x,
		    uint64_t *ret)
{
	(void)x;
	return p->images && since_asked(m, p, model_image(m, p->first_image)->ts, ret);
}

static bool creator_memory(const struct model *m, const struct process *p, const struct extra *x,
			   uint64_t *ret)
{
	(void)m;
	(void)x;
	*ret = p->creator_rss_kb;
	return p->knows_fork && p->creator_rss_kb;
}

static bool creator_tables(const struct model *m, const struct process *p, const struct extra *x,
			   uint64_t *ret)
{
	(void)m;
	(void)x;
	*ret = p->creator_pgtables_kb;
	return p->knows_fork && p->creator_pgtables_kb;
}

static bool major_faults(const struct model *m, const struct process *p, const struct extra *x,
			 uint64_t *ret)
{
	(void)m;
	(void)x;
	*ret = p->major_faults;
	return p->knows_status;
}

static bool cpu_ns(const struct model *m, const struct process *p, const struct extra *x,
		   uint64_t *ret)
{
	(void)m;
	(void)x;
	*ret = p->cpu_ns;
	return p->knows_status;
}

static bool lifetime_ns(const struct model *m, const struct process *p, const struct extra *x,
			uint64_t *ret)
{
	(void)m;
	(void)x;
	*ret = p->end_ts - p->birth_ts;
	return p->knows_fork && p->ended && p->end_ts >= p->birth_ts;
}

static bool ready_ns(const struct model *m, const struct process *p, const struct extra *x,
		     uint64_t *ret)
{
	(void)x;
	return since_asked(m, p, p->ready_ts, ret);
}

static bool suspended_ns(const struct model *m, const struct process *p, const struct extra *x,
			 uint64_t *ret)
{
	(void)x;
	if (process_suspended_ns(m, p, ret))
		return true;
	/* Only vfork suspends: for the others it is known to be nothing. */
	*ret = 0;
	return p->mechanism == MECHANISM_FORK;
}

static bool inherited(const struct model *m, const struct process *p, const struct extra *x,
		      uint64_t *ret)
{
	(void)m;
	(void)x;
	*ret = p->fds_inherited;
	return p->knows_at_start && !p->attached;
}

static bool after_exec(const struct model *m, const struct process *p, const struct extra *x,
		       uint64_t *ret)
{
	(void)m;
	(void)x;
	*ret = p->fds_after_exec;
	return p->knows_after_exec;
}

static bool passed_for(const struct model *m, const struct process *p, const struct extra *x,
		       uint64_t *ret)
{
	(void)m;
	*ret = x->passed;
	return p->knows_received;
}

static bool never_used(const struct model *m, const struct process *p, const struct extra *x,
		       uint64_t *ret)
{
	(void)m;
	(void)x;
	*ret = p->fds_never_used;
	return p->knows_never_used;
}

static bool threads_at_fork(const struct model *m, const struct process *p, const struct extra *x,
			    uint64_t *ret)
{
	(void)m;
	(void)x;
	*ret = p->threads_at_fork;
	return p->knows_fork;
}

static bool minor_faults(const struct model *m, const struct process *p, const struct extra *x,
			 uint64_t *ret)
{
	(void)m;
	(void)x;
	*ret = p->minor_faults;
	return p->knows_status;
}

static bool peak_rss(const struct model *m, const struct process *p, const struct extra *x,
		     uint64_t *ret)
{
	(void)m;
	(void)x;
	*ret = p->rss_peak_kb;
	return p->knows_status;
}

static bool zombie_ns(const struct model *m, const struct process *p, const struct extra *x,
		      uint64_t *ret)
{
	(void)m;
	(void)x;
	return process_zombie_ns(p, ret);
}

static bool ready_calls(const struct model *m, const struct process *p, const struct extra *x,
			uint64_t *ret)
{
	(void)m;
	(void)x;
	*ret = p->ready_calls;
	return p->ready_calls > 0;
}

/* Of a plain copy each fault may have been one; who borrowed its creator's memory, or has its own, copies none. */
static bool copied_kb(const struct model *m, const struct process *p, const struct extra *x,
		      uint64_t *ret)
{
	bool borrows = p->clone_flags & CLONE_VM;

	(void)m;
	(void)x;
	*ret = borrows ? 0 : p->minor_faults * PAGE_KB;
	return p->knows_fork && (borrows || (p->knows_status && !p->execed));
}

static bool leaked(const struct model *m, const struct process *p, const struct extra *x,
		   uint64_t *ret)
{
	(void)m;
	*ret = x->leaked;
	return p->knows_never_used && x->knows_fds;
}

static bool last_close_ns(const struct model *m, const struct process *p, const struct extra *x,
			  uint64_t *ret)
{
	(void)m;
	*ret = x->last_close_ts - p->end_ts;
	return x->last_close_ts != 0;
}

static bool eof_ns(const struct model *m, const struct process *p, const struct extra *x,
		   uint64_t *ret)
{
	(void)m;
	*ret = x->eof_ts - p->end_ts;
	return x->eof_ts != 0;
}

const struct measure measures[] = {
	{ "fork_call_ns", "fork call", UNIT_NS, call_ns },
	{ "born_ns", "time to birth", UNIT_NS, born_ns },
	{ "exec_ns", "time to exec", UNIT_NS, exec_ns },
	{ "ready_ns", "time to ready", UNIT_NS, ready_ns },
	{ "ready_calls", "system calls till then", UNIT_COUNT, ready_calls },
	{ "suspended_ns", "parent suspended", UNIT_NS, suspended_ns },
	{ "creator_rss_kb", "memory of its maker", UNIT_KB, creator_memory },
	{ "creator_pgtables_kb", "its page tables", UNIT_KB, creator_tables },
	{ "threads_at_fork", "threads at fork", UNIT_COUNT, threads_at_fork },
	{ "fds_inherited", "fds inherited", UNIT_COUNT, inherited },
	{ "fds_after_exec", "fds after exec", UNIT_COUNT, after_exec },
	{ "fds_passed", "fds passed for it", UNIT_COUNT, passed_for },
	{ "fds_never_used", "fds never used", UNIT_COUNT, never_used },
	{ "fds_leaked", "fds leaked", UNIT_COUNT, leaked },
	{ "minor_faults", "page faults", UNIT_COUNT, minor_faults },
	{ "major_faults", "faults from disk", UNIT_COUNT, major_faults },
	{ "copied_kb", "memory copied, at most", UNIT_KB, copied_kb },
	{ "cpu_ns", "CPU time", UNIT_NS, cpu_ns },
	{ "peak_rss_kb", "peak memory", UNIT_KB, peak_rss },
	{ "lifetime_ns", "lifetime", UNIT_NS, lifetime_ns },
	{ "teardown_ns", "exit to reap", UNIT_NS, zombie_ns },
	{ "last_close_ns", "exit to last close", UNIT_NS, last_close_ns },
	{ "eof_ns", "exit to end-of-file", UNIT_NS, eof_ns },
};

const size_t measure_count = sizeof(measures) / sizeof(measures[0]);

static int by_value(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static struct spread spread_of(uint64_t *values, size_t n)
{
	struct spread s = { .n = n };

	if (!n)
		return s;
	qsort(values, n, sizeof(*values), by_value);
	s.min = values[0];
	s.max = values[n - 1];
	s.median = n % 2 ? values[n / 2]
			 : values[n / 2 - 1] / 2 + values[n / 2] / 2 +
				   (values[n / 2 - 1] % 2 + values[n / 2] % 2) / 2;
	return s;
}

static int measure_group(struct group *g, const struct extra *extras)
{
	const struct model *m = g->trace->model;
	uint64_t *values = calloc(g->starts + 1, sizeof(*values));
	const struct process *p;
	size_t i, k, n;

	g->spreads = calloc(measure_count, sizeof(*g->spreads));
	if (!values || !g->spreads) {
		free(values);
		return -ENOMEM;
	}
	for (k = 0; k < measure_count; k++) {
		for (i = n = 0; i < model_born_count(m); i++) {
			p = model_process(m, model_born(m, i));
			if (p->start_method == g->start &&
			    measures[k].read(m, p, &extras[model_born(m, i)], &values[n]))
				n++;
		}
		g->spreads[k] = spread_of(values, n);
	}
	free(values);
	return 0;
}

/* Who started them, how they ended, what was found of them. */
static int describe_group(struct group *g, const struct extra *extras)
{
	const struct model *m = g->trace->model;
	const struct findings *f = g->trace->findings;
	const struct process *p;
	int err = 0;
	size_t i;

	for (i = 0; i < model_born_count(m) && err == 0; i++) {
		p = model_process(m, model_born(m, i));
		if (p->start_method != g->start)
			continue;
		err = compare_note_starter(g, p->creator);
		compare_note_order(g, m, p, &extras[model_born(m, i)]);
	}
	for (i = 0; f && i < f->count && err == 0; i++) {
		p = model_process(m, f->list[i].process);
		if (p && p->start_method == g->start)
			err = compare_note_finding(g, &f->list[i]);
	}
	return err;
}

static int add_groups(const struct compared *trace, struct group **groups, size_t *count,
		      size_t *room)
{
	static const enum start_method order[] = { START_FORK, START_SPAWN, START_FORKSERVER };
	struct extra *extras;
	const struct process *p;
	size_t i, k;
	int err = compare_extras(trace->model, &extras);

	for (k = 0; k < 3 && err == 0; k++) {
		struct group g = { .trace = trace, .start = order[k] };

		for (i = 0; i < model_born_count(trace->model); i++) {
			p = model_process(trace->model, model_born(trace->model, i));
			g.starts += p->start_method == order[k];
			g.workers += p->start_method == order[k] && p->role == ROLE_WORKER;
		}
		if (!g.starts)
			continue;
		err = grow(groups, room, *count, 1, sizeof(**groups));
		if (err < 0)
			break;
		err = measure_group(&g, extras);
		if (err == 0)
			err = describe_group(&g, extras);
		(*groups)[(*count)++] = g;
	}
	free(extras);
	return err;
}

int compare_groups(const struct compared *traces, size_t n, struct group **ret, size_t *ret_count)
{
	struct group *groups = NULL;
	size_t count = 0, room = 0, i;
	int err = 0;

	for (i = 0; i < n && err == 0; i++)
		err = add_groups(&traces[i], &groups, &count, &room);
	if (err < 0) {
		compare_free(groups, count);
		return err;
	}
	*ret = groups;
	*ret_count = count;
	return 0;
}

void compare_free(struct group *groups, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		free(groups[i].spreads);
		free(groups[i].starters);
		free(groups[i].found);
	}
	free(groups);
}
