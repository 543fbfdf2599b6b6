/* SPDX-License-Identifier: MIT */
/* FS082 shared-map-doubled. Memory that is shared by intent, or by chance: a fact to think about, no proof. */
#include "rules/rule.h"

/* The newest mapping that the child has from its creator. */
static const struct fs_ev_odd_call *find_map(const struct model *m, const struct process *child)
{
	const struct fs_ev_odd_call *found = NULL;

	for (size_t i = 0; i < model_fact_count(m, FS_EV_ODD_CALL); i++) {
		const struct fact *f = model_fact(m, FS_EV_ODD_CALL, i);
		const struct fs_ev_odd_call *e = (const void *)f->event;

		if (f->event->ts_ns > child->birth_ts)
			break;
		if (e->what == FS_ODD_SHARED_MAP && f->process == child->creator)
			found = e;
	}
	return found;
}

static int check(const struct rule *self, const struct model *m, struct findings *out)
{
	int err = 0;

	for (size_t i = 0; i < model_born_count(m) && err == 0; i++) {
		uint32_t process = model_born(m, i);
		const struct process *p = model_process(m, process);
		const struct fs_ev_odd_call *map = is_plain_copy(p) && p->creator != MODEL_NONE
							   ? find_map(m, p)
							   : NULL;
		struct found f = { .rule = self, .severity = SEVERITY_NOTE, .process = process };

		if (!map)
			continue;
		buffer_add_text(&f.detail, "POSSIBLE: ");
		add_process_name(&f.detail, m, process);
		buffer_add_text(&f.detail, " and ");
		add_process_name(&f.detail, m, p->creator);
		buffer_printf(&f.detail,
			      " share %llu bytes of memory (MAP_SHARED, at 0x%llx): an update that "
			      "is not atomic needs a lock there that is process-shared.",
			      (unsigned long long)map->args[1], (unsigned long long)map->ret);
		add_image_name(&f.key, m, process);
		err = finding_add(out, &f);
	}
	return err;
}

const struct rule rule_shared_map = {
	.id = "FS082",
	.name = "shared-map-doubled",
	.severity = SEVERITY_NOTE,
	.title = "parent and child can write to the same shared memory",
	.fix = "use atomics, or a mutex in that memory with PTHREAD_PROCESS_SHARED; or "
	       "MAP_PRIVATE",
	.text = "A mapping made with MAP_SHARED | MAP_ANONYMOUS is the same memory in parent "
		"and child after fork. Counters and lists in it that were safe before are "
		"then changed by both at once, and a mutex that was set up without "
		"PTHREAD_PROCESS_SHARED does not help. Only a note: sharing is what such "
		"memory is for, and whether updates are atomic cannot be seen from outside.",
	.check = check,
};
