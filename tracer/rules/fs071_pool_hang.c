/* SPDX-License-Identifier: MIT */
/*
 * FS071 pool-hang. Proven where the watcher saw a pool's caller wait while all its workers wait for work, or a queue's
 * feeder and the reader of its pipe wait for each other. Else possible
 * only: a worker that died of a signal, one that took its place, and who may wait still.
 */
#include "rules/stuck_words.h"

#define LIVED_ON_NS 1000000000ull
#define REPLACED_NS 1000000000ull

static bool was_replaced(const struct model *m, const struct process *dead)
{
	for (size_t i = 0; i < model_born_count(m); i++) {
		const struct process *p = model_process(m, model_born(m, i));

		if (p->creator == dead->creator && p->birth_ts > dead->end_ts &&
		    p->birth_ts - dead->end_ts < REPLACED_NS)
			return true;
	}
	return false;
}

/* Told by the rule of what it hung in; its end is check's doing. */
static bool hung(const struct model *m, uint32_t process)
{
	for (size_t i = 0; i < model_fact_count(m, FS_EV_FUTEX_STUCK); i++)
		if (model_fact(m, FS_EV_FUTEX_STUCK, i)->process == process)
			return true;
	return false;
}

static int judge(const struct rule *self, const struct model *m, uint32_t process,
		 struct findings *out)
{
	const struct process *p = model_process(m, process),
			     *creator = model_process(m, p->creator);
	struct found f = { .rule = self, .severity = SEVERITY_NOTE, .process = process };
	uint64_t end;

	if (!is_plain_copy(p) || !creator || !p->ended || !p->knows_status || !(p->status & 0x7f) ||
	    p->killer == p->creator || hung(m, process))
		return 0;
	end = creator->ended ? creator->end_ts : model_last_ts(m);
	if (end < p->end_ts + LIVED_ON_NS || !was_replaced(m, p))
		return 0;
	add_process_name(&f.detail, m, process);
	buffer_printf(&f.detail, " died of signal %u and another took its place; ",
		      p->status & 0x7f);
	add_process_name(&f.detail, m, p->creator);
	buffer_add_text(&f.detail, " lived on for ");
	add_duration(&f.detail, end - p->end_ts);
	buffer_add_text(
		&f.detail,
		". A pool that does not tell the dead worker's task waits for it for ever.");
	add_image_name(&f.key, m, process);
	return finding_add(out, &f);
}

/* The last worker of it that had died when the wait was told. */
static uint32_t find_dead(const struct model *m, const struct fact *wait)
{
	uint32_t found = MODEL_NONE;

	for (size_t i = 0; i < model_born_count(m); i++) {
		const struct process *p = model_process(m, model_born(m, i));

		if (p->creator == wait->process && p->ended && p->knows_status && p->status &&
		    p->end_ts < wait->event->ts_ns)
			found = model_born(m, i);
	}
	return found;
}

static void add_death(struct buffer *b, const struct model *m, uint32_t worker)
{
	const struct process *p = model_process(m, worker);

	if (!p)
		return;
	buffer_add_char(b, ' ');
	add_process_name(b, m, worker);
	if (p->status & 0x7f)
		buffer_printf(b, " died of signal %u", p->status & 0x7f);
	else
		buffer_printf(b, " ended with status %u", p->status >> 8);
	buffer_add_text(b, ", and its task with it.");
}

/* "p0 (...) waits for it, as it did for 3 s, at ...": `what` says the middle. */
static void add_wait(struct buffer *b, const struct model *m, const struct fact *wait,
		     const char *what)
{
	const struct process *p = model_process(m, wait->process);
	uint64_t end = p->end_ts ? p->end_ts : model_last_ts(m), since = stuck_of(wait)->since_ns;
	size_t len;
	const char *stack = fact_stack(wait, &len);

	add_process_name(b, m, wait->process);
	buffer_add_text(b, what);
	add_duration(b, end > since ? end - since : 0);
	buffer_add_text(b, ", at ");
	add_stack(b, stack, len);
}

static int tell_proven(const struct rule *self, const struct model *m, const struct fact *wait,
		       struct findings *out)
{
	struct found f = { .rule = self, .severity = SEVERITY_BUG, .process = wait->process };
	size_t len;
	const char *stack = fact_stack(wait, &len);

	buffer_add_text(&f.detail, "PROVEN: ");
	add_wait(&f.detail, m, wait, " waits for a result that nobody will bring, as it did for ");
	buffer_add_text(&f.detail, ". All its workers wait for work.");
	add_death(&f.detail, m, find_dead(m, wait));
	buffer_add_text(&f.key, "wait:");
	add_culprit(&f.key, stack, len);
	return finding_add(out, &f);
}

static int tell_feeder(const struct rule *self, const struct model *m, const struct fact *wait,
		       struct findings *out)
{
	struct found f = { .rule = self, .severity = SEVERITY_BUG, .process = wait->process };

	if (stuck_of(wait)->proof & FS_PROOF_FOR_A_TIME)
		f.severity = SEVERITY_WARNING;
	buffer_add_text(&f.detail, f.severity == SEVERITY_BUG ? "PROVEN: " : "LIKELY: ");
	add_wait(&f.detail, m, wait, " cannot end, as it could not for ");
	buffer_add_text(&f.detail,
			". The feeder thread of its queue waits for room in the pipe, and "
			"who could read it waits for this process to end: take all from "
			"a queue before its writers are joined.");
	add_fork_place(&f.detail, m, wait->process);
	buffer_add_text(&f.key, "feeder:");
	add_image_name(&f.key, m, wait->process);
	return finding_add(out, &f);
}

static int check(const struct rule *self, const struct model *m, struct findings *out)
{
	bool proven = false;
	int err = 0;

	for (size_t i = 0; i < model_fact_count(m, FS_EV_FUTEX_STUCK) && err == 0; i++) {
		const struct fact *f = model_fact(m, FS_EV_FUTEX_STUCK, i);

		if (!model_process(m, f->process))
			continue;
		if (stuck_of(f)->proof & FS_PROOF_FEEDER)
			err = tell_feeder(self, m, f, out);
		if (!(stuck_of(f)->proof & FS_PROOF_POOL))
			continue;
		proven = true;
		err = tell_proven(self, m, f, out);
	}
	for (size_t i = 0; i < model_born_count(m) && err == 0 && !proven; i++)
		err = judge(self, m, model_born(m, i), out);
	return err;
}

const struct rule rule_pool_hang = {
	.id = "FS071",
	.name = "pool-hang",
	.severity = SEVERITY_BUG,
	.title = "a pool or a queue of processes waits for what will never come",
	.fix = "use a pool that tells how a task's worker died (concurrent.futures, libprocpool); "
	       "wait with a "
	       "timeout",
	.text = "Python's multiprocessing.Pool replaces a worker that was killed and forgets its "
		"task: the result never comes, and get() or map() waits for ever. Proven where the "
		"pool's caller, by its Python frames, waits for a result while a worker has died "
		"and all workers wait for work; or where a process waits at its end for "
		"its queue's feeder thread, which waits for room in the pipe, and who could read "
		"waits for that process to end (a warning where it does so for a limited "
		"time). A note where a forked worker died of a signal "
		"that its parent had not sent, a new one was forked within a second, and the "
		"parent lived on for a second or more: a good supervisor looks the same.",
	.check = check,
};
