/* SPDX-License-Identifier: MIT */
/*
 * FS004 fork-in-signal-handler. Proven by a thread that hangs in fork() below a signal handler; likely where a
 * caught signal had come and was blocked, as it is in its handler, in the thread that forked.
 */
#include <linux/sched.h>

#include "rules/stuck_words.h"

/* A signal that the creator catches, and that its thread had blocked at the fork, but does not block by habit. */
static uint64_t blocked_by_handler(const struct model *m, const struct process *p)
{
	const struct process *creator = model_process(m, p->creator);
	const struct fs_ev_state *now = p->state_at_start, *usual;
	uint64_t set;

	if (!creator || !now)
		return 0;
	usual = creator->state_after_exec ? creator->state_after_exec : creator->state_at_start;
	set = now->sig_caught & p->creator_blocked;
	if (usual)
		set &= ~usual->sig_blocked;
	/* A handler blocks its own signal; who blocks many does it by hand. */
	if (__builtin_popcountll(p->creator_blocked) > 2)
		return 0;
	return set;
}

/* Whether such a signal came to the creator in the second before the fork. */
static bool signal_came(const struct model *m, const struct process *p, uint64_t set)
{
	const struct process *creator = model_process(m, p->creator);

	for (size_t i = 0; i < model_fact_count(m, FS_EV_SIGNAL); i++) {
		const struct fs_ev_signal *e = (const void *)model_fact(m, FS_EV_SIGNAL, i)->event;

		if (e->to_pid == creator->pid && e->sig && e->sig <= 64 &&
		    set & UINT64_C(1) << (e->sig - 1) && e->h.ts_ns < p->birth_ts &&
		    p->birth_ts - e->h.ts_ns < 1000000000ull)
			return true;
	}
	return false;
}

static int judge(const struct rule *self, const struct model *m, uint32_t process,
		 struct findings *out)
{
	const struct process *p = model_process(m, process);
	struct found f = { .rule = self, .severity = SEVERITY_WARNING, .process = process };
	uint64_t set;

	/* It may exec: the danger is in the parent. A vfork takes no locks. */
	if (!p->in_trace || !p->knows_fork || p->clone_flags & CLONE_VM || p->threads_at_fork < 2)
		return 0;
	set = blocked_by_handler(m, p);
	if (!set || !signal_came(m, p, set))
		return 0;
	/* SIGCHLD is blocked around fork by many who handle it, and comes often. */
	if (!(set & ~(UINT64_C(1) << 16)))
		f.severity = SEVERITY_NOTE;
	add_process_name(&f.detail, m, process);
	buffer_add_text(&f.detail, " was forked by ");
	add_process_name(&f.detail, m, p->creator);
	buffer_printf(&f.detail,
		      ", which had %u threads, while signal %d, which had just come, was blocked "
		      "in the forking thread as it is in its handler.",
		      p->threads_at_fork, __builtin_ctzll(set) + 1);
	add_image_name(&f.key, m, p->creator);
	return finding_add(out, &f);
}

static int check(const struct rule *self, const struct model *m, struct findings *out)
{
	size_t n = model_fact_count(m, FS_EV_FUTEX_STUCK);
	const struct fact *f;
	int err = 0;

	for (size_t i = 0; i < n && err == 0; i++) {
		f = model_fact(m, FS_EV_FUTEX_STUCK, i);
		if (model_process(m, f->process) && stuck_of(f)->proof & FS_PROOF_IN_FORK &&
		    is_in_handler(f))
			err = add_stuck(
				self, m, f, SEVERITY_BUG,
				"It called fork in a signal handler, which interrupted what held "
				"the lock.",
				out);
	}
	for (size_t i = 0; i < model_born_count(m) && err == 0; i++)
		err = judge(self, m, model_born(m, i), out);
	return err;
}

const struct rule rule_fork_in_handler = {
	.id = "FS004",
	.name = "fork-in-signal-handler",
	.severity = SEVERITY_BUG,
	.title = "fork() was called by a signal handler in a program with threads",
	.fix = "write to a pipe or eventfd in the handler and fork in the main loop; or use "
	       "_Fork() and exec",
	.text = "In a program with threads fork takes libc's locks, those of malloc among them: "
		"called by "
		"a handler that interrupted malloc it waits for itself, for ever, in the parent. "
		"POSIX no "
		"longer counts fork among the functions that a handler may call. Proven by a "
		"thread that "
		"hangs in fork with a signal handler's frame in its stack; a warning where a "
		"caught signal "
		"had just come to the process and was blocked, as it is in its handler, in the "
		"thread that "
		"forked, and few others were.",
	.check = check,
};
