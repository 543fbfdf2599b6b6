/* SPDX-License-Identifier: MIT */
/* FS009 shared-lock-orphaned. A lock in shared memory whose owner lives nowhere on this machine. */
#include "rules/stuck_words.h"

static int check(const struct rule *self, const struct model *m, struct findings *out)
{
	size_t n = model_fact_count(m, FS_EV_FUTEX_STUCK);
	const struct fs_ev_futex_stuck *e;
	const struct fact *f;
	int err;

	for (size_t i = 0; i < n; i++) {
		f = model_fact(m, FS_EV_FUTEX_STUCK, i);
		e = stuck_of(f);
		if (!model_process(m, f->process) || !e->shared || !(e->proof & FS_PROOF_OWNER))
			continue;
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
		"exists. Robust mutexes tell the next taker (EOWNERDEAD); file locks are dropped "
		"by the "
		"kernel.",
	.check = check,
};
