/* SPDX-License-Identifier: MIT */
/* FS070 fork-in-worker-thread. Possible only: from outside a thread's return and exit(0) look the same. */
#include "rules/rule.h"

static int judge(const struct rule *self, const struct model *m, uint32_t process,
		 struct findings *out)
{
	const struct process *p = model_process(m, process),
			     *creator = model_process(m, p->creator);
	struct found f = { .rule = self, .severity = SEVERITY_NOTE, .process = process };

	if (!is_plain_copy(p) || !creator || p->creator_tid == creator->pid || !p->ended ||
	    !p->knows_status || p->status)
		return 0;
	add_process_name(&f.detail, m, process);
	buffer_printf(&f.detail, " was forked by thread %u of ", p->creator_tid);
	add_process_name(&f.detail, m, p->creator);
	buffer_add_text(&f.detail,
			", not the main one, and ended with status 0 without exec. When its "
			"thread function returns, such a child ends so, silently: what the main "
			"thread would have done is never done.");
	add_image_name(&f.key, m, process);
	return finding_add(out, &f);
}

static int check(const struct rule *self, const struct model *m, struct findings *out)
{
	int err = 0;

	for (size_t i = 0; i < model_born_count(m) && err == 0; i++)
		err = judge(self, m, model_born(m, i), out);
	return err;
}

const struct rule rule_worker_thread = {
	.id = "FS070",
	.name = "fork-in-worker-thread",
	.severity = SEVERITY_NOTE,
	.title = "a child forked by a worker thread ended with status 0",
	.fix = "let the child leave by exec or _exit with a status of its own; fork in the main "
	       "thread",
	.text = "In a child forked by a worker thread that thread is the only one. When its "
		"function "
		"returns, the process ends with status 0, and main's code never runs in it; the "
		"parent sees "
		"success. A note, since from outside that looks like a wanted exit: told of "
		"children of other "
		"threads than the main one that ended with status 0 and did not exec.",
	.check = check,
};
