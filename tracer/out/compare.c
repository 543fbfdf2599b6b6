/* SPDX-License-Identifier: MIT */
/* Start methods side by side: what is measured, and the groups; see compare.h. */
#include "out/compare.h"

#include <errno.h>
#include <stdlib.h>

#include "base/grow.h"

static bool call_ns(const struct model *m, const struct process *p, uint64_t passed, uint64_t *ret)
{
	(void)m;
	(void)passed;
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

static bool born_ns(const struct model *m, const struct process *p, uint64_t passed, uint64_t *ret)
{
	(void)passed;
	return p->knows_fork && since_asked(m, p, p->birth_ts, ret);
}

static bool exec_ns(const struct model *m, const struct process *p, uint64_t passed, uint64_t *ret)
{
	(void)passed;
	return p->images && since_asked(m, p, model_image(m, p->first_image)->ts, ret);
}

static bool creator_memory(const struct model *m, const struct process *p, uint64_t passed,
			   uint64_t *ret)
{
	(void)m;
	(void)passed;
	*ret = p->creator_rss_kb;
	return p->knows_fork && p->creator_rss_kb;
}

static bool creator_tables(const struct model *m, const struct process *p, uint64_t passed,
			   uint64_t *ret)
{
	(void)m;
	(void)passed;
	*ret = p->creator_pgtables_kb;
	return p->knows_fork && p->creator_pgtables_kb;
}

static bool major_faults(const struct model *m, const struct process *p, uint64_t passed,
			 uint64_t *ret)
{
	(void)m;
	(void)passed;
	*ret = p->major_faults;
	return p->knows_status;
}

static bool cpu_ns(const struct model *m, const struct process *p, uint64_t passed, uint64_t *ret)
{
	(void)m;
	(void)passed;
	*ret = p->cpu_ns;
	return p->knows_status;
}

static bool lifetime_ns(const struct model *m, const struct process *p, uint64_t passed,
			uint64_t *ret)
{
	(void)m;
	(void)passed;
	*ret = p->end_ts - p->birth_ts;
	return p->knows_fork && p->ended && p->end_ts >= p->birth_ts;
}

static bool ready_ns(const struct model *m, const struct process *p, uint64_t passed, uint64_t *ret)
{
	(void)passed;
	return since_asked(m, p, p->ready_ts, ret);
}

static bool suspended_ns(const struct model *m, const struct process *p, uint64_t passed,
			 uint64_t *ret)
{
	(void)passed;
	if (process_suspended_ns(m, p, ret))
		return true;
	/* Only vfork suspends: for the others it is known to be nothing. */
	*ret = 0;
	return p->mechanism == MECHANISM_FORK;
}

static bool inherited(const struct model *m, const struct process *p, uint64_t passed,
		      uint64_t *ret)
{
	(void)m;
	(void)passed;
	*ret = p->fds_inherited;
	return p->knows_at_start && !p->attached;
}

static bool after_exec(const struct model *m, const struct process *p, uint64_t passed,
		       uint64_t *ret)
{
	(void)m;
	(void)passed;
	*ret = p->fds_after_exec;
	return p->knows_after_exec;
}

static bool passed_for(const struct model *m, const struct process *p, uint64_t passed,
		       uint64_t *ret)
{
	(void)m;
	*ret = passed;
	return p->knows_received;
}

static bool never_used(const struct model *m, const struct process *p, uint64_t passed,
		       uint64_t *ret)
{
	(void)m;
	(void)passed;
	*ret = p->fds_never_used;
	return p->knows_never_used;
}

static bool threads_at_fork(const struct model *m, const struct process *p, uint64_t passed,
			    uint64_t *ret)
{
	(void)m;
	(void)passed;
	*ret = p->threads_at_fork;
	return p->knows_fork;
}

static bool minor_faults(const struct model *m, const struct process *p, uint64_t passed,
			 uint64_t *ret)
{
	(void)m;
	(void)passed;
	*ret = p->minor_faults;
	return p->knows_status;
}

static bool peak_rss(const struct model *m, const struct process *p, uint64_t passed, uint64_t *ret)
{
	(void)m;
	(void)passed;
	*ret = p->rss_peak_kb;
	return p->knows_status;
}

static bool zombie_ns(const struct model *m, const struct process *p, uint64_t passed,
		      uint64_t *ret)
{
	(void)m;
	(void)passed;
	return process_zombie_ns(p, ret);
}

const struct measure measures[] = {
	{ "fork_call_ns", "fork call", UNIT_NS, call_ns },
	{ "born_ns", "time to birth", UNIT_NS, born_ns },
	{ "exec_ns", "time to exec", UNIT_NS, exec_ns },
	{ "ready_ns", "time to ready", UNIT_NS, ready_ns },
	{ "suspended_ns", "parent suspended", UNIT_NS, suspended_ns },
	{ "creator_rss_kb", "memory of its maker", UNIT_KB, creator_memory },
	{ "creator_pgtables_kb", "its page tables", UNIT_KB, creator_tables },
	{ "threads_at_fork", "threads at fork", UNIT_COUNT, threads_at_fork },
	{ "fds_inherited", "fds inherited", UNIT_COUNT, inherited },
	{ "fds_after_exec", "fds after exec", UNIT_COUNT, after_exec },
	{ "fds_passed", "fds passed for it", UNIT_COUNT, passed_for },
	{ "fds_never_used", "fds never used", UNIT_COUNT, never_used },
	{ "minor_faults", "page faults", UNIT_COUNT, minor_faults },
	{ "major_faults", "faults from disk", UNIT_COUNT, major_faults },
	{ "cpu_ns", "CPU time", UNIT_NS, cpu_ns },
	{ "peak_rss_kb", "peak memory", UNIT_KB, peak_rss },
	{ "lifetime_ns", "lifetime", UNIT_NS, lifetime_ns },
	{ "teardown_ns", "exit to reap", UNIT_NS, zombie_ns },
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

/* How many fds were passed for each process. */
static uint64_t *count_passed(const struct model *m)
{
	uint64_t *passed = calloc(model_process_count(m) + 1, sizeof(*passed));
	const struct fd_pass *pass;
	size_t i;

	for (i = 0; passed && (pass = model_pass(m, i)); i++)
		if (pass->for_process != MODEL_NONE && pass->received_ts)
			passed[pass->for_process] += pass->files;
	return passed;
}

static int measure_group(struct group *g, const uint64_t *passed)
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
			    measures[k].read(m, p, passed[model_born(m, i)], &values[n]))
				n++;
		}
		g->spreads[k] = spread_of(values, n);
	}
	free(values);
	return 0;
}

static int add_groups(const struct compared *trace, struct group **groups, size_t *count,
		      size_t *room)
{
	static const enum start_method order[] = { START_FORK, START_SPAWN, START_FORKSERVER };
	uint64_t *passed = count_passed(trace->model);
	const struct process *p;
	size_t i, k;
	int err = passed ? 0 : -ENOMEM;

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
		if (err == 0) {
			err = measure_group(&g, passed);
			(*groups)[(*count)++] = g;
		}
	}
	free(passed);
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

	for (i = 0; i < n; i++)
		free(groups[i].spreads);
	free(groups);
}
