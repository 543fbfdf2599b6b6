/* SPDX-License-Identifier: MIT */
/* FS081 dontfork-touched. A copy that died of SIGSEGV after its creator had used MADV_DONTFORK. */
#include <signal.h>
#include <sys/mman.h>

#include "rules/rule.h"

#define LOWEST_MAPPING 0x1000

/* Whether the process had marked memory before `until`: this address, or, with 0, any. */
static bool had_marked(const struct model *m, uint32_t process, uint64_t until, uint64_t address)
{
	for (size_t i = 0; i < model_fact_count(m, FS_EV_ODD_CALL); i++) {
		const struct fact *f = model_fact(m, FS_EV_ODD_CALL, i);
		const struct fs_ev_odd_call *e = odd_of(f);

		if (f->process == process && e->what == FS_ODD_DONTFORK &&
		    e->args[2] == MADV_DONTFORK && e->h.ts_ns < until &&
		    (!address || address - e->args[0] < e->args[1]))
			return true;
	}
	return false;
}

/* Where its last segmentation fault was; false: not known. */
static bool fault_of(const struct model *m, uint32_t process, uint64_t *ret)
{
	bool found = false;

	for (size_t i = 0; i < model_fact_count(m, FS_EV_ODD_CALL); i++) {
		const struct fact *f = model_fact(m, FS_EV_ODD_CALL, i);

		if (f->process != process || odd_of(f)->what != FS_ODD_FAULT)
			continue;
		*ret = odd_of(f)->args[0];
		found = true;
	}
	return found;
}

static int judge(const struct rule *self, const struct model *m, uint32_t process,
		 struct findings *out)
{
	const struct process *p = model_process(m, process);
	struct found f = { .rule = self, .severity = SEVERITY_WARNING, .process = process };
	uint64_t address = 0;
	bool known;

	if (!is_plain_copy(p) || !p->knows_status || (p->status & 0x7f) != SIGSEGV ||
	    p->killer != MODEL_NONE)
		return 0;
	known = fault_of(m, process, &address);
	/* Near zero it is a null pointer, and no mapping of anybody's. */
	if ((known && address < LOWEST_MAPPING) || !had_marked(m, p->creator, p->birth_ts, address))
		return 0;
	f.severity = known ? SEVERITY_BUG : SEVERITY_WARNING;
	buffer_add_text(&f.detail, known ? "PROVEN: " : "LIKELY: ");
	add_process_name(&f.detail, m, process);
	buffer_add_text(&f.detail, " died of SIGSEGV");
	if (known)
		buffer_printf(&f.detail, " at 0x%llx, in memory that ",
			      (unsigned long long)address);
	else
		buffer_add_text(&f.detail, "; there was memory that ");
	add_process_name(&f.detail, m, p->creator);
	buffer_add_text(&f.detail, " had marked with MADV_DONTFORK before it was forked.");
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
	.severity = SEVERITY_BUG,
	.title = "a forked child died in memory that its parent keeps from children",
	.fix = "do not use such memory (RDMA buffers, rings, secrets) in the child; map it anew "
	       "there",
	.text = "madvise(MADV_DONTFORK) leaves a mapping out of forked children, and "
		"MADV_WIPEONFORK empties it; libraries use them for rings and secrets. A child "
		"that "
		"touches the first dies of SIGSEGV. Proven by such a call of the parent before the "
		"fork, and a child that did not exec and died of a segmentation fault at an "
		"address in that range; likely where the address is not known.",
	.check = check,
};
