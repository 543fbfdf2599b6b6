/* SPDX-License-Identifier: MIT */
/* FS007 raw-clone. A plain copy that was made by another system call than libc makes. */
#include "rules/rule.h"

static int judge(const struct rule *self, const struct model *m, uint32_t process,
		 struct findings *out)
{
	const struct process *p = model_process(m, process);
	struct found f = { .rule = self, .process = process };
	const char *name = mechanism_name(p->mechanism);

	if (!is_plain_copy(p) || !p->raw_call)
		return 0;
	f.severity = p->threads_at_fork > 1 ? SEVERITY_WARNING : SEVERITY_NOTE;
	add_process_name(&f.detail, m, process);
	buffer_printf(&f.detail, " was made by a bare %s system call of ", name ? name : "fork");
	add_process_name(&f.detail, m, p->creator);
	buffer_printf(&f.detail, ", which had %u thread%s, and did not exec.", p->threads_at_fork,
		      p->threads_at_fork == 1 ? "" : "s");
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

const struct rule rule_raw_clone = {
	.id = "FS007",
	.name = "raw-clone",
	.severity = SEVERITY_WARNING,
	.title = "a process was forked past libc, and libc is used in the child",
	.fix = "call fork() or posix_spawn(), or exec at once after the raw call",
	.text = "A fork made by syscall(SYS_clone) or syscall(SYS_fork) goes past libc: no fork "
		"handlers are run, malloc's and stdio's locks are not taken before and freed "
		"after, "
		"the cached thread number is the parent's. What libc does in such a child may hang "
		"or corrupt memory. Shown by the shape of the system call, which is not that of "
		"libc's fork, and a child that did not exec. A warning where the parent had more "
		"than one thread, else a note.",
	.check = check,
};
