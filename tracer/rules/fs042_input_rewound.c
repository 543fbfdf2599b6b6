/* SPDX-License-Identifier: MIT */
/* FS042 input-rewound. A copy that seeks back in an inherited file as it ends. */
#include "rules/rule.h"

#define AT_EXIT_NS 30000000ull

static int judge(const struct rule *self, const struct model *m, const struct fact *fact,
		 struct findings *out)
{
	const struct fs_ev_odd_call *e = odd_of(fact);
	const struct process *p = model_process(m, fact->process);
	struct found f = { .rule = self,
			   .severity = SEVERITY_BUG,
			   .process = fact->process,
			   .at = fact->event->ts_ns };
	uint32_t file = model_find_file(m, e->file);
	const struct table_entry *entry;

	if (e->what != FS_ODD_SEEK_BACK || !p || !is_plain_copy(p) || !p->ended ||
	    p->end_ts - e->h.ts_ns > AT_EXIT_NS)
		return 0;
	entry = table_find(p->table_at_start, (uint32_t)e->args[0]);
	if (!entry || entry->file != file)
		return 0;
	buffer_add_text(&f.detail, "PROVEN: ");
	add_process_name(&f.detail, m, fact->process);
	buffer_printf(&f.detail, " moved the offset of fd %u (", (unsigned)e->args[0]);
	add_file_name(&f.detail, m, file);
	buffer_printf(&f.detail, ") back by %lld bytes as it ended; it shares that offset with ",
		      -(long long)e->args[1]);
	add_process_name(&f.detail, m, p->creator);
	buffer_add_text(&f.detail, ", which will read them again.");
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

const struct rule rule_input_rewound = {
	.id = "FS042",
	.name = "input-rewound",
	.severity = SEVERITY_BUG,
	.title = "the child's exit moved the parent's place in a file",
	.fix = "leave the child with _exit (os._exit), not exit; or read the file with read(2)",
	.text = "stdio reads ahead. When a forked child that inherited a half-read stream calls "
		"exit, libc moves the file's offset back to where the stream stood; the offset is "
		"the parent's too, which then reads the same lines again, for ever. Proven by the "
		"record: a copy that did not exec moved an inherited file's offset backwards, and "
		"ended at once.",
	.check = check,
};
