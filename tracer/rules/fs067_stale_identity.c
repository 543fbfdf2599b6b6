/* SPDX-License-Identifier: MIT */
/* FS067 stale-identity. A failed wait for a sibling. */
#include "rules/rule.h"

static const struct fs_ev_odd_call *odd_of(const struct fact *f)
{
	return (const struct fs_ev_odd_call *)(const void *)f->event;
}

static int judge(const struct rule *self, const struct model *m, const struct fact *fact,
		 struct findings *out)
{
	const struct fs_ev_odd_call *e = odd_of(fact);
	struct found f = { .rule = self,
			   .severity = SEVERITY_WARNING,
			   .process = fact->process,
			   .at = fact->event->ts_ns };
	uint32_t child = model_find_process(m, (uint32_t)e->args[0], 0);
	const struct process *c = model_process(m, child), *p = model_process(m, fact->process);

	if (e->what != FS_ODD_WAIT_FAILED || !c || !p || !is_plain_copy(p) ||
	    c->parent == fact->process ||
	    (c->parent != p->creator && child != p->creator && child != fact->process))
		return 0;
	add_process_name(&f.detail, m, fact->process);
	buffer_add_text(&f.detail, " waited for ");
	add_process_name(&f.detail, m, child);
	buffer_add_text(&f.detail, ", which is no child of its own: it has that number from ");
	add_process_name(&f.detail, m, p->creator);
	buffer_add_char(&f.detail, '.');
	add_image_name(&f.key, m, fact->process);
	return finding_add(out, &f);
}

static int check(const struct rule *self, const struct model *m, struct findings *out)
{
	int err = 0;

	for (size_t i = 0; i < model_fact_count(m, FS_EV_ODD_CALL) && err == 0; i++)
		err = judge(self, m, model_fact(m, FS_EV_ODD_CALL, i), out);
	return err;
}

const struct rule rule_stale_identity = {
	.id = "FS067",
	.name = "stale-identity",
	.severity = SEVERITY_WARNING,
	.title = "a process acted on a child that is not its own",
	.fix = "ask anew after fork (getpid, gettid); forget the list of children in the child",
	.text = "A forked child has its parent's notes: the list of children, a cached pid or "
		"thread number. Waiting for a process of that list fails, since it is a sibling; a "
		"signal to a cached number reaches the wrong one. Shown by a wait for one given "
		"process that failed with ECHILD, the process being a child of the waiter's "
		"creator.",
	.check = check,
};
