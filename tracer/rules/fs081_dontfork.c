/* SPDX-License-Identifier: MIT */
/* FS081 dontfork-touched. A copy that died of SIGSEGV after its creator had used MADV_DONTFORK. */
#include <signal.h>
#include <sys/mman.h>

#include "rules/rule.h"

static const struct fs_ev_odd_call *odd_of(const struct fact *f)
{
	return (const struct fs_ev_odd_call *)(const void *)f->event;
}

static uint64_t advised_at(const struct model *m, uint32_t process)
{
	for (size_t i = 0; i < model_fact_count(m, FS_EV_ODD_CALL); i++) {
		const struct fact *f = model_fact(m, FS_EV_ODD_CALL, i);

		if (f->process == process && odd_of(f)->what == FS_ODD_DONTFORK &&
		    odd_of(f)->args[2] == MADV_DONTFORK)
			return odd_of(f)->h.ts_ns;
	}
	return 0;
}

static int judge(const struct rule *self, const struct model *m, uint32_t process,
		 struct findings *out)
{
	const struct process *p = model_process(m, process);
	struct found f = { .rule = self, .severity = SEVERITY_WARNING, .process = process };
	uint64_t advised;

	if (!is_plain_copy(p) || !p->knows_status || (p->status & 0x7f) != SIGSEGV ||
	    p->killer != MODEL_NONE)
		return 0;
	advised = advised_at(m, p->creator);
	if (!advised || advised > p->birth_ts)
		return 0;
	add_process_name(&f.detail, m, process);
	buffer_add_text(&f.detail, " died of SIGSEGV; ");
	add_process_name(&f.detail, m, p->creator);
	buffer_add_text(&f.detail, " had marked memory with MADV_DONTFORK before it was forked.");
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

const struct rule rule_dontfork = {
	.id = "FS081",
	.name = "dontfork-touched",
	.severity = SEVERITY_WARNING,
	.title = "a forked child died in memory that its parent keeps from children",
	.fix = "do not use such memory (RDMA buffers, rings, secrets) in the child; map it anew "
	       "there",
	.text = "madvise(MADV_DONTFORK) leaves a mapping out of forked children, and "
		"MADV_WIPEONFORK empties it; libraries use them for rings and secrets. A child "
		"that "
		"touches the first dies of SIGSEGV. Shown by such a call of the parent before the "
		"fork, and a child that did not exec and was killed by a segmentation fault of its "
		"own.",
	.check = check,
};
