/* SPDX-License-Identifier: MIT */
/*
 * FS001 deadlock-after-fork. A child that is a copy has one thread; when all of its threads wait in locks, and the
 * lock names an owner that is not there, or a lock's own code waits, or no signal is caught, nobody can wake it.
 */
#include "rules/stuck_words.h"

static bool is_of_fork(const struct model *m, const struct fact *f)
{
	const struct fs_ev_futex_stuck *e = stuck_of(f);
	const struct process *p = model_process(m, f->process);

	if (!p || !is_plain_copy(p) || e->shared || e->proof & (FS_PROOF_POOL | FS_PROOF_FEEDER) ||
	    !waits_for_lock(m, f))
		return false;
	/* A semaphore or a futex of unknown kind may be a way to wait for work. */
	if (e->owner == FS_OWNER_HERE)
		return false;
	/* With one thread at the fork it can only be a lock that the forking thread itself held. */
	return has_lost_threads(m, f->process) || e->proof & FS_PROOF_OWNER;
}

static int check(const struct rule *self, const struct model *m, struct findings *out)
{
	size_t n = model_fact_count(m, FS_EV_FUTEX_STUCK);
	const struct fact *f;
	bool proven;
	int err;

	for (size_t i = 0; i < n; i++) {
		f = model_fact(m, FS_EV_FUTEX_STUCK, i);
		if (!is_of_fork(m, f))
			continue;
		proven = stuck_of(f)->proof &
			 (FS_PROOF_OWNER | FS_PROOF_LOCK_CODE | FS_PROOF_NO_HANDLER);
		if (!proven && ended_by_itself(model_process(m, f->process)))
			continue;
		err = add_stuck(self, m, f, severity_of_stuck(f, proven),
				"The lock was taken when the process forked; its holder was not "
				"copied, so nobody in the child can release it.",
				out);
		if (err < 0)
			return err;
	}
	return 0;
}

const struct rule rule_deadlock = {
	.id = "FS001",
	.name = "deadlock-after-fork",
	.severity = SEVERITY_BUG,
	.title = "a forked child waits for ever on a lock that nobody in it can release",
	.fix = "fork before threads are started; or exec at once (posix_spawn); or take and "
	       "release the "
	       "lock around fork with pthread_atfork",
	.text = "After fork the child has one thread, the one that forked, and a copy of every "
		"lock as "
		"it was at that instant. A lock that another thread held then stays taken for "
		"ever: its "
		"holder is not in the child. The same happens with a recursive or error-checking "
		"lock "
		"that the forking thread itself holds, since it bears the parent's thread number. "
		"Shown "
		"by looking at the child while it hangs: all its threads wait without a time limit "
		"in "
		"memory that is theirs alone, and either the lock's owner is no thread of the "
		"child, or "
		"the code of a lock waits, or no signal is caught; a child that spins is stepped "
		"until "
		"its registers and memory come back to the same. Locks inside libc (time zone, "
		"environment, resolver), of runtimes and of the Python interpreter count. Exec at "
		"once "
		"after fork, use posix_spawn, fork before the first thread, or use pthread_atfork.",
	.check = check,
};
