/* SPDX-License-Identifier: MIT */
/* FS084 slow-fork. Duration of the call, for copies. */
#include "rules/rule.h"

#define SLOW_NS 10000000ull

static int judge(const struct rule *self, const struct model *m, uint32_t process,
		 struct findings *out)
{
	const struct process *p = model_process(m, process);
	struct found f = { .rule = self, .severity = SEVERITY_NOTE, .process = process };
	uint64_t ns;

	if (!p->knows_fork || p->clone_flags & 0x100 || !process_call_ns(p, &ns) || ns < SLOW_NS)
		return 0;
	add_process_name(&f.detail, m, p->creator);
	buffer_add_text(&f.detail, " spent ");
	add_duration(&f.detail, ns);
	buffer_printf(&f.detail,
		      " in the fork call that made p%u, with %llu MB of memory and %llu KB of page "
		      "tables.",
		      p->number, (unsigned long long)(p->creator_rss_kb >> 10),
		      (unsigned long long)p->creator_pgtables_kb);
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

const struct rule rule_slow_fork = {
	.id = "FS084",
	.name = "slow-fork",
	.severity = SEVERITY_NOTE,
	.title = "a fork call took long",
	.fix = "use posix_spawn or vfork and exec, whose cost does not grow with memory; or fork "
	       "early; or huge pages",
	.text = "fork copies the page tables: about 10 ms for each GB in 4 KB pages, during which "
		"the caller stands still. A measurement: told from 10 ms on, with the parent's "
		"memory and page tables.",
	.check = check,
};
