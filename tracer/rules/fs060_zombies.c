/* SPDX-License-Identifier: MIT */
/* FS060 zombies. Ended, never reaped, with a parent that lived on. */
#include "rules/rule.h"

#define LIVED_ON_NS 300000000ull

static int judge(const struct rule *self, const struct model *m, uint32_t process,
		 struct findings *out)
{
	struct found f = { .rule = self, .severity = SEVERITY_WARNING, .process = process };
	const struct process *p = model_process(m, process), *parent = model_process(m, p->parent);
	uint64_t end;

	if (!p->ended || p->reaped || p->autoreaped || p->reparented_to != MODEL_NONE ||
	    !p->knows_fork || !parent || !parent->in_trace)
		return 0;
	/* Who was killed may have been about to. */
	if (parent->ended && parent->knows_status && parent->status & 0x7f)
		return 0;
	end = parent->ended ? parent->end_ts : model_last_ts(m);
	if (end < p->end_ts + LIVED_ON_NS ||
	    model_lost_between(m, FS_EV_REAP, p->end_ts, parent->end_ts))
		return 0;
	f.at = p->end_ts;
	add_process_name(&f.detail, m, process);
	buffer_add_text(&f.detail, " ended and was a zombie for ");
	add_duration(&f.detail, end - p->end_ts);
	buffer_add_text(&f.detail, ", to the end of its parent ");
	add_process_name(&f.detail, m, p->parent);
	buffer_add_text(&f.detail, ", which never waited for it.");
	add_image_name(&f.key, m, p->parent);
	return finding_add(out, &f);
}

static int check(const struct rule *self, const struct model *m, struct findings *out)
{
	int err = 0;

	for (size_t i = 0; i < model_born_count(m) && err == 0; i++)
		err = judge(self, m, model_born(m, i), out);
	return err;
}

const struct rule rule_zombies = {
	.id = "FS060",
	.name = "zombies",
	.severity = SEVERITY_WARNING,
	.title = "children that ended were never waited for, while the parent lived on",
	.fix = "wait for every child (waitpid in a SIGCHLD handler or loop, pidfds), or set "
	       "SA_NOCLDWAIT",
	.text = "An ended child stays in the process table until its parent waits for it; a server "
		"that never does runs out of processes. Told when the parent lived on for 300 ms "
		"or "
		"more after the end and never waited. Not told of children that init takes over, "
		"nor where the parent has said that it will not wait.",
	.check = check,
};
