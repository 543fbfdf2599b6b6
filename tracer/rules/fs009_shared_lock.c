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

/* Somebody who may have had the semaphore, and was killed: of the same family. MODEL_NONE: nobody. */
static uint32_t killed_relative(const struct model *m, uint32_t process, uint64_t before)
{
	const struct process *p = model_process(m, process), *q;

	for (size_t i = 0; i < model_born_count(m); i++) {
		uint32_t at = model_born(m, i);

		q = model_process(m, at);
		if (at != process && is_plain_copy(q) && q->ended && q->knows_status &&
		    q->status & 0x7f && q->end_ts < before &&
		    (q->creator == p->creator || q->creator == process))
			return at;
	}
	return MODEL_NONE;
}

/* A semaphore names no owner: that its holder was killed is only possible. */
static int judge_semaphore(const struct rule *self, const struct model *m, const struct fact *fact,
			   struct findings *out)
{
	struct found f = { .rule = self, .severity = SEVERITY_NOTE, .process = fact->process };
	const struct process *p = model_process(m, fact->process);
	size_t len;
	const char *stack = fact_stack(fact, &len);
	uint32_t killed;

	/* Who went on, and ended by itself, had been given it. */
	if (!p->ended || !p->knows_status || !(p->status & 0x7f))
		return 0;
	killed = killed_relative(m, fact->process, p->end_ts);
	if (killed == MODEL_NONE)
		return 0;
	buffer_add_text(&f.detail, "POSSIBLE: ");
	add_process_name(&f.detail, m, fact->process);
	buffer_add_text(&f.detail,
			" waited for a semaphore in shared memory until it was killed, at ");
	add_stack(&f.detail, stack, len);
	buffer_add_text(&f.detail, "; ");
	add_process_name(&f.detail, m, killed);
	buffer_printf(&f.detail, ", killed before by signal %u, may have had it.",
		      model_process(m, killed)->status & 0x7f);
	add_culprit(&f.key, stack, len);
	return finding_add(out, &f);
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
			err = e->kind == FS_WAIT_SEMAPHORE ? judge_semaphore(self, m, f, out) : 0;
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
		"exists. A semaphore has no owner: a wait for one that lasts until the waiter is "
		"killed, with a relative of it killed before, is a note. Robust mutexes tell the "
		"next taker (EOWNERDEAD); file locks are dropped "
		"by the "
		"kernel.",
	.check = check,
};
