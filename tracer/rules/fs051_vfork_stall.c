/* SPDX-License-Identifier: MIT */
/* FS051 vfork-stall. The time between the birth of a child that shares memory and the return of the call. */
#include "rules/rule.h"

#define STALL_NS 250000000ull

static int judge(const struct rule *self, const struct model *m, uint32_t process,
		 struct findings *out)
{
	struct found f = { .rule = self, .severity = SEVERITY_WARNING, .process = process };
	const struct process *p = model_process(m, process);
	uint64_t ns;

	if (!process_suspended_ns(m, p, &ns) || ns < STALL_NS)
		return 0;
	add_process_name(&f.detail, m, p->creator);
	buffer_printf(&f.detail, " was suspended in thread %u for ", p->creator_tid);
	add_duration(&f.detail, ns);
	buffer_add_text(&f.detail, ", until its vfork child ");
	add_process_name(&f.detail, m, process);
	buffer_add_text(&f.detail, p->execed ? " had exec'ed." : " had ended.");
	add_image_name(&f.key, m, p->creator);
	return finding_add(out, &f);
}

static int check(const struct rule *self, const struct model *m, struct findings *out)
{
	int err = 0;

	for (size_t i = 0; i < model_born_count(m) && err == 0; i++)
		err = judge(self, m, model_born(m, i), out);
	return err;
}

const struct rule rule_vfork_stall = {
	.id = "FS051",
	.name = "vfork-stall",
	.severity = SEVERITY_WARNING,
	.title = "a thread was held up for long by its vfork or posix_spawn",
	.fix = "do in the vfork child nothing but exec; for slow set-up use fork, or a helper that "
	       "execs",
	.text = "vfork, and posix_spawn, which uses it, suspend the calling thread until the child "
		"has exec'ed or ended. A child that waits, connects, or execs from a slow file "
		"system holds up the parent's thread all that time. Told from a quarter of a "
		"second "
		"on, with the figure.",
	.check = check,
};
