/* SPDX-License-Identifier: MIT */
/*
 * FS004 fork-in-signal-handler. Proven by a thread that hangs in fork() below a signal handler; dangerous where fork's
 * stack leads through a handler; likely where a caught signal had come and was blocked, as it is in its handler, in the
 * thread that forked.
 */
#include <linux/sched.h>

#include "rules/births.h"
#include "rules/stuck_words.h"

static int judge(const struct rule *self, const struct model *m, uint32_t process,
		 struct findings *out)
{
	const struct process *p = model_process(m, process);
	const struct start_call *call = model_call(m, p->where);
	struct found f = { .rule = self, .severity = SEVERITY_WARNING, .process = process };
	uint64_t set;

	/* It may exec: the danger is in the parent. A vfork takes no locks, and _Fork neither. */
	if (!p->in_trace || !p->knows_fork || p->clone_flags & CLONE_VM || p->threads_at_fork < 2 ||
	    (call && call->call == FS_LIBC_FORK_BARE))
		return 0;
	set = forked_in_handler_of(m, p);
	if (!set && !(call && call->in_handler))
		return 0;
	/* SIGCHLD is blocked around fork by many who handle it, and comes often. */
	if (!(call && call->in_handler) && !(set & ~(UINT64_C(1) << 16)))
		f.severity = SEVERITY_NOTE;
	add_process_name(&f.detail, m, process);
	buffer_add_text(&f.detail, " was forked by ");
	add_process_name(&f.detail, m, p->creator);
	buffer_printf(&f.detail, ", which had %u threads, ", p->threads_at_fork);
	if (call && call->in_handler)
		buffer_add_text(&f.detail, "in a signal handler.");
	else
		buffer_printf(&f.detail,
			      "while signal %d, which had just come, was blocked in the forking "
			      "thread as it is in its handler.",
			      __builtin_ctzll(set) + 1);
	add_fork_place(&f.detail, m, process);
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
		"hangs in fork with a signal handler's frame in its stack; a warning where such a "
		"frame is in the stack of a fork that went well, or where a caught signal "
		"had just come to the process and was blocked, as it is in its handler, in the "
		"thread that "
		"forked, and few others were.",
	.check = check,
};
