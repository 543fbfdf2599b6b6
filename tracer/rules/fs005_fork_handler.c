/* SPDX-License-Identifier: MIT */
/* FS005 fork-handler-deadlock. A thread that waits in fork() itself for a lock, and went on waiting to its end. */
#include "rules/stuck_words.h"

static int check(const struct rule *self, const struct model *m, struct findings *out)
{
	size_t n = model_fact_count(m, FS_EV_FUTEX_STUCK);
	const struct fs_ev_futex_stuck *e;
	const struct process *p;
	const struct fact *f;
	bool proven;
	int err;

	for (size_t i = 0; i < n; i++) {
		f = model_fact(m, FS_EV_FUTEX_STUCK, i);
		e = stuck_of(f);
		p = model_process(m, f->process);
		if (!p || !(e->proof & FS_PROOF_IN_FORK) || e->shared)
			continue;
		proven = e->stuck == e->threads || e->owner_tid == e->h.tid || is_in_handler(f);
		err = add_stuck(
			self, m, f, proven ? SEVERITY_BUG : SEVERITY_WARNING,
			"It waits inside fork(), before the child is made: a fork handler, or "
			"libc's own preparation, needs a lock whose holder waits too, or is the "
			"interrupted thread itself.",
			out);
		if (err < 0)
			return err;
	}
	return 0;
}

const struct rule rule_fork_handler = {
	.id = "FS005",
	.name = "fork-handler-deadlock",
	.severity = SEVERITY_BUG,
	.title = "the parent hangs inside fork()",
	.fix = "take locks in fork handlers in the same order as everywhere else; do not fork in "
	       "signal "
	       "handlers (or use _Fork())",
	.text = "Before fork makes the child it runs the prepare handlers of pthread_atfork, the "
		"last "
		"registered first, and in a threaded program takes libc's own locks. When a "
		"handler "
		"wants a lock whose holder wants one that an earlier handler has taken, or when "
		"fork is "
		"called by a signal handler that interrupted malloc, the parent waits for ever. "
		"Shown "
		"by a thread that does not move for half a second in a lock below fork(). Proven "
		"where "
		"every thread of the process waits, or the thread waits for its own lock.",
	.check = check,
};
