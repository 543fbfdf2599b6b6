/* SPDX-License-Identifier: MIT */
/* FS069 kill-everything. kill with pid -1, and whether a fork had failed. */
#include "rules/rule.h"

static int judge(const struct rule *self, const struct model *m, const struct fact *fact,
		 struct findings *out)
{
	const struct fs_ev_odd_call *e = odd_of(fact);
	const struct process *p = model_process(m, fact->process);
	struct found f = { .rule = self, .process = fact->process, .at = fact->event->ts_ns };

	if (e->what != FS_ODD_KILL_ALL || !p)
		return 0;
	f.severity = p->failed_forks ? SEVERITY_BUG : SEVERITY_NOTE;
	add_process_name(&f.detail, m, fact->process);
	buffer_printf(&f.detail, " called kill(-1, %u)", (unsigned)e->args[1]);
	if (p->failed_forks)
		buffer_printf(&f.detail, " after %u fork%s of it had failed with the same -1",
			      p->failed_forks, p->failed_forks == 1 ? "" : "s");
	buffer_add_char(&f.detail, '.');
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

const struct rule rule_kill_everything = {
	.id = "FS069",
	.name = "kill-everything",
	.severity = SEVERITY_BUG,
	.title = "kill(-1): every process was meant",
	.fix = "check the result of fork before it is used as a pid",
	.text = "fork that fails returns -1; used as a pid without a look it makes kill(-1, sig), "
		"which signals every process the user may signal. Proven where a fork of the same "
		"process had failed before; else a note, since init-like programs mean it.",
	.check = check,
};
