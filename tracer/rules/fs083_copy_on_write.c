/* SPDX-License-Identifier: MIT */
/* FS083 copy-on-write-blowup. Faults of a plain copy of a large process. */
#include "rules/rule.h"

#define PAGE_KB 4
#define LARGE_KB (64u << 10)

static int judge(const struct rule *self, const struct model *m, uint32_t process,
		 struct findings *out)
{
	const struct process *p = model_process(m, process);
	struct found f = { .rule = self, .severity = SEVERITY_NOTE, .process = process };

	if (!is_plain_copy(p) || !p->ended || p->creator_rss_kb < LARGE_KB ||
	    p->minor_faults * PAGE_KB < LARGE_KB)
		return 0;
	add_process_name(&f.detail, m, process);
	buffer_printf(&f.detail,
		      " took %llu page faults, about %llu MB, as a copy of a process of %llu MB.",
		      (unsigned long long)p->minor_faults,
		      (unsigned long long)(p->minor_faults * PAGE_KB >> 10),
		      (unsigned long long)(p->creator_rss_kb >> 10));
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

const struct rule rule_copy_on_write = {
	.id = "FS083",
	.name = "copy-on-write-blowup",
	.severity = SEVERITY_NOTE,
	.title = "much memory was copied after a fork",
	.fix = "exec small helpers; fork before loading data; keep read-only data apart (gc.freeze "
	       "in Python)",
	.text = "After fork each page that either side writes to is copied. A measurement, not a "
		"verdict: told when a child that did not exec took page faults for 64 MB or more, "
		"and its parent was at least that large.",
	.check = check,
};
