/* SPDX-License-Identifier: MIT */
/* FS009 shared-lock-orphaned. A lock in shared memory whose owner lives nowhere on this machine. */
#include "rules/stuck_words.h"

#define WAKING_NS 300000000ull

/* It was seen between its holder's end and its own waking up (a robust lock): it went on and ended well. */
static bool went_on(const struct process *p, const struct fact *f)
{
	return p->ended && p->knows_status && !(p->status & 0x7f) &&
	       p->end_ts < f->event->ts_ns + WAKING_NS;
}

static bool is_relative(const struct process *p, uint32_t process, const struct process *q)
{
	return q->creator == p->creator || q->creator == process;
}

/* Somebody who may have had the lock and ended before: best who did not end well. MODEL_NONE: nobody. */
static uint32_t ended_relative(const struct model *m, uint32_t process, uint64_t before,
			       bool only_killed)
{
	const struct process *p = model_process(m, process), *q;
	uint32_t found = MODEL_NONE;

	for (size_t i = 0; i < model_born_count(m); i++) {
		uint32_t at = model_born(m, i);

		q = model_process(m, at);
		if (at == process || !is_plain_copy(q) || !q->ended || !q->knows_status ||
		    q->end_ts >= before || !is_relative(p, process, q) ||
		    (only_killed && !(q->status & 0x7f)))
			continue;
		if (found == MODEL_NONE || q->status)
			found = at;
	}
	return found;
}

static void add_end(struct buffer *b, const struct process *p)
{
	if (p->status & 0x7f)
		buffer_printf(b, "killed before by signal %u", p->status & 0x7f);
	else
		buffer_printf(b, "which ended before with status %u", p->status >> 8);
}

/* how: what it waits for. besides: what else is known. */
static int tell(const struct model *m, const struct fact *fact, struct found *f, const char *how,
		const char *besides, uint32_t gone, struct findings *out)
{
	size_t len;
	const char *stack = fact_stack(fact, &len);

	add_process_name(&f->detail, m, fact->process);
	buffer_add_text(&f->detail, how);
	add_stack(&f->detail, stack, len);
	buffer_add_text(&f->detail, besides);
	add_process_name(&f->detail, m, gone);
	buffer_add_text(&f->detail, ", ");
	add_end(&f->detail, model_process(m, gone));
	buffer_add_text(&f->detail, ", may have had it.");
	add_culprit(&f->key, stack, len);
	return finding_add(out, f);
}

/* Nothing that lives can release it, and who may have taken it is gone. */
static int judge_alone(const struct rule *self, const struct model *m, const struct fact *fact,
		       struct findings *out)
{
	struct found f = { .rule = self, .severity = SEVERITY_WARNING, .process = fact->process };
	uint32_t gone = ended_relative(m, fact->process, fact->event->ts_ns, false);

	/* Who ended by itself had been given it, by somebody from outside. */
	if (gone == MODEL_NONE || ended_by_itself(model_process(m, fact->process)))
		return 0;
	buffer_add_text(&f.detail, "LIKELY: ");
	return tell(m, fact, &f, " waits for a lock or semaphore in shared memory, at ",
		    ", and all else that lives of its tree waits as well; ", gone, out);
}

static bool is_told_alone(const struct model *m, uint32_t process)
{
	for (size_t i = 0; i < model_fact_count(m, FS_EV_FUTEX_STUCK); i++) {
		const struct fact *f = model_fact(m, FS_EV_FUTEX_STUCK, i);

		if (f->process == process && stuck_of(f)->proof & FS_PROOF_ALONE)
			return true;
	}
	return false;
}

/* A semaphore names no owner: that its holder was killed is only possible. */
static int judge_semaphore(const struct rule *self, const struct model *m, const struct fact *fact,
			   struct findings *out)
{
	struct found f = { .rule = self, .severity = SEVERITY_NOTE, .process = fact->process };
	const struct process *p = model_process(m, fact->process);
	uint32_t killed;

	/* Who went on, and ended by itself, had been given it. */
	if (!p->ended || !p->knows_status || !(p->status & 0x7f))
		return 0;
	/* Not those who were killed together with it. */
	killed = ended_relative(m, fact->process, p->end_ts - WAKING_NS, true);
	if (killed == MODEL_NONE || is_told_alone(m, fact->process))
		return 0;
	buffer_add_text(&f.detail, "POSSIBLE: ");
	return tell(m, fact, &f,
		    " waited for a semaphore in shared memory until it was killed, at ", "; ",
		    killed, out);
}

static int check(const struct rule *self, const struct model *m, struct findings *out)
{
	size_t n = model_fact_count(m, FS_EV_FUTEX_STUCK);
	const struct fs_ev_futex_stuck *e;
	const struct fact *f;
	int err;

	for (size_t i = 0; i < n; i++) {
		f = model_fact(m, FS_EV_FUTEX_STUCK, i);
		e = stuck_of(f);
		if (!model_process(m, f->process) || !e->shared ||
		    went_on(model_process(m, f->process), f))
			continue;
		if (!(e->proof & FS_PROOF_OWNER)) {
			err = 0;
			if (e->proof & FS_PROOF_ALONE)
				err = judge_alone(self, m, f, out);
			else if (e->kind == FS_WAIT_SEMAPHORE)
				err = judge_semaphore(self, m, f, out);
			if (err < 0)
				return err;
			continue;
		}
		err = add_stuck(
			self, m, f, SEVERITY_BUG,
			"The lock lies in shared memory; its holder ended without releasing it.",
			out);
		if (err < 0)
			return err;
	}
	return 0;
}

const struct rule rule_shared_lock = {
	.id = "FS009",
	.name = "shared-lock-orphaned",
	.severity = SEVERITY_BUG,
	.title = "a lock in shared memory is held by a process that died",
	.fix = "make the mutex robust (PTHREAD_MUTEX_ROBUST) and handle EOWNERDEAD, or use a lock "
	       "the "
	       "kernel drops (flock, fcntl)",
	.text = "A process-shared mutex or semaphore stays taken when its holder is killed: "
		"whoever "
		"wants it next waits for ever. Shown by a wait without a time limit on memory that "
		"is "
		"mapped as shared, for a lock whose owner, by its own word, is a thread that no "
		"longer "
		"exists. A semaphore has no owner: a wait for one while nothing that lives of the "
		"tree moves any more, and after a relative has ended, is a warning; one that "
		"lasts until the waiter is killed, with a relative killed before, a note. Robust "
		"mutexes tell the "
		"next taker (EOWNERDEAD); file locks are dropped "
		"by the "
		"kernel.",
	.check = check,
};
