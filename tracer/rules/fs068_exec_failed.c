/* SPDX-License-Identifier: MIT */
/* FS068 exec-failed-falls-through. A child that failed to exec and did not leave with an error. */
#include <string.h>

#include "rules/rule.h"

#define LIVED_ON_NS 1000000000ull

static uint32_t children_after(const struct model *m, uint32_t process, uint64_t ts)
{
	uint32_t n = 0;

	for (size_t i = 0; i < model_born_count(m); i++) {
		const struct process *p = model_process(m, model_born(m, i));

		n += p->creator == process && p->birth_ts > ts;
	}
	return n;
}

static int judge(const struct rule *self, const struct model *m, uint32_t process,
		 struct findings *out)
{
	const struct process *p = model_process(m, process);
	const struct image *last = model_failed_exec(m, p->last_failed_exec);
	struct found f = { .rule = self, .process = process };
	uint32_t children;

	if (!last || p->execed || !p->knows_fork || !p->ended || p->end_ts < last->ts)
		return 0;
	children = children_after(m, process, last->ts);
	if (!children && p->end_ts - last->ts < LIVED_ON_NS && !(p->knows_status && p->status == 0))
		return 0;
	f.at = last->ts;
	f.severity = children ? SEVERITY_BUG : SEVERITY_WARNING;
	add_process_name(&f.detail, m, process);
	buffer_printf(&f.detail, " could not execute %s (%s)", last->filename->data,
		      strerrordesc_np(last->error) ? strerrordesc_np(last->error) : "?");
	buffer_add_text(&f.detail, " and ran on for ");
	add_duration(&f.detail, p->end_ts - last->ts);
	if (children)
		buffer_printf(&f.detail, ", starting %u process%s", children,
			      children == 1 ? "" : "es");
	if (p->knows_status && p->status == 0)
		buffer_add_text(&f.detail, ", to end with status 0");
	buffer_add_char(&f.detail, '.');
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

const struct rule rule_exec_failed = {
	.id = "FS068",
	.name = "exec-failed-falls-through",
	.severity = SEVERITY_BUG,
	.title = "exec failed, and the child went on running the parent's program",
	.fix = "call _exit(127) after exec",
	.text = "When exec fails it returns: a child without an _exit behind it goes on as a "
		"second "
		"copy of the parent, and does its work twice. Shown by a child none of whose execs "
		"succeeded and that afterwards started processes, lived for long, or ended with "
		"status 0. Proven where it started processes.",
	.check = check,
};
