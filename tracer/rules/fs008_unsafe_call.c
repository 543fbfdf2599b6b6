/* SPDX-License-Identifier: MIT */
/* FS008 unsafe-call-after-fork. A plain copy of a process that had several threads, which did something before it ended. */
#include "rules/rule.h"

static int judge(const struct rule *self, const struct model *m, uint32_t process,
		 struct findings *out)
{
	const struct process *p = model_process(m, process);
	struct found f = { .rule = self, .severity = SEVERITY_NOTE, .process = process };

	if (!is_plain_copy(p) || p->threads_at_fork < 2)
		return 0;
	add_process_name(&f.detail, m, process);
	buffer_printf(&f.detail,
		      " is a copy of a process that had %u threads, and ran on in it without exec.",
		      p->threads_at_fork);
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

const struct rule rule_unsafe_call = {
	.id = "FS008",
	.name = "unsafe-call-after-fork",
	.severity = SEVERITY_NOTE,
	.title = "a child of a threaded process runs on without exec",
	.fix = "exec at once after fork, or fork before the first thread is started",
	.text = "In the child of a process with more than one thread only async-signal-safe "
		"functions may be called until exec: malloc, stdio, locks and most of libc may be "
		"in the middle of another thread's work. A note: most such children are lucky, and "
		"FS001 tells of those that were not.",
	.check = check,
};
