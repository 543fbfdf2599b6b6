/* SPDX-License-Identifier: MIT */
/*
 * FS003 lost-thread. As FS001, where the wait is not for a lock but for what another thread would do; and joins of
 * threads that are not there, which libc does not wait for.
 */
#include <string.h>

#include "rules/births.h"
#include "rules/stuck_words.h"

static int find_joins(const struct rule *self, const struct model *m, struct findings *out)
{
	int err = 0;

	for (size_t i = 0; i < model_fact_count(m, FS_EV_CALL) && err == 0; i++) {
		const struct fact *fact = model_fact(m, FS_EV_CALL, i);
		const struct fs_ev_call *e = (const void *)fact->event;
		const struct process *p = model_process(m, fact->process);
		struct found f = { .rule = self,
				   .severity = SEVERITY_WARNING,
				   .process = fact->process };

		if (e->call != FS_LIBC_JOIN || !p || !is_plain_copy(p) ||
		    !has_lost_threads(m, fact->process))
			continue;
		add_process_name(&f.detail, m, fact->process);
		buffer_add_text(&f.detail, " joins a thread");
		add_fact_place(&f.detail, fact);
		buffer_add_text(&f.detail, " which ran in ");
		add_process_name(&f.detail, m, p->creator);
		buffer_add_text(&f.detail,
				": fork did not copy it. libc says that it has ended; what "
				"it was to do was not done.");
		buffer_add_text(&f.key, "join:");
		add_image_name(&f.key, m, fact->process);
		err = finding_add(out, &f);
	}
	return err;
}

static int check(const struct rule *self, const struct model *m, struct findings *out)
{
	size_t n = model_fact_count(m, FS_EV_FUTEX_STUCK);
	const struct process *p;
	const struct fact *f;
	bool proven;
	int err;

	for (size_t i = 0; i < n; i++) {
		f = model_fact(m, FS_EV_FUTEX_STUCK, i);
		p = model_process(m, f->process);
		if (!p || !is_plain_copy(p) || !has_lost_threads(m, f->process) ||
		    stuck_of(f)->shared || stuck_of(f)->proof & (FS_PROOF_POOL | FS_PROOF_FEEDER) ||
		    waits_for_lock(m, f))
			continue;
		/* Threads of its own could still do it, were they not all waiting. */
		if (stuck_of(f)->stuck != stuck_of(f)->threads)
			continue;
		proven = stuck_of(f)->proof & FS_PROOF_NO_HANDLER ||
			 stuck_of(f)->kind == FS_WAIT_TEAM;
		if (!proven && ended_by_itself(model_process(m, f->process)))
			continue;
		err = add_stuck(
			self, m, f, severity_of_stuck(f, proven),
			"The thread that would do this ran in the parent; fork did not copy it.",
			out);
		if (err < 0)
			return err;
	}
	return find_joins(self, m, out);
}

const struct rule rule_lost_thread = {
	.id = "FS003",
	.name = "lost-thread",
	.severity = SEVERITY_BUG,
	.title = "a forked child waits for a thread that fork did not copy",
	.fix = "start worker threads (pools, OpenMP, Python executors) in the child, after fork; "
	       "or exec",
	.text = "fork copies the calling thread alone. A thread pool, an OpenMP team, a background "
		"flusher or a Python executor that was started before the fork has its queue and "
		"its "
		"condition variables in the child, but no threads: whoever waits for one of them "
		"waits "
		"for ever. Shown like FS001, where the stack tells that the wait is on a condition "
		"variable, a barrier, a join or a team of a runtime. A warning where the child "
		"joins a thread of the parent's and libc, which forgot it, says that it ended. "
		"Start such threads in the "
		"child "
		"(pthread_atfork's child handler, os.register_at_fork), or exec.",
	.check = check,
};
