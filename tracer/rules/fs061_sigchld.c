/* SPDX-License-Identifier: MIT */
/* FS061 sigchld-ignored. State at exec, and failed waits for children that were dropped. */
#include "rules/births.h"

#define CHLD (UINT64_C(1) << 16)

static int judge_exec(const struct rule *self, const struct model *m, uint32_t process,
		      struct findings *out)
{
	const struct process *p = model_process(m, process);
	const struct fs_ev_state *s = p->state_after_exec;
	struct found f = { .rule = self, .severity = SEVERITY_WARNING, .process = process };
	bool ignored, blocked;

	if (!s || p->is_target)
		return 0;
	ignored = s->sig_ignored & ~signals_from_before(m, p, true) & CHLD;
	blocked = s->sig_blocked & ~signals_from_before(m, p, false) & CHLD;
	if (!ignored && !blocked)
		return 0;
	if (runs_same_program(m, process))
		f.severity = SEVERITY_NOTE;
	add_process_name(&f.detail, m, process);
	buffer_printf(&f.detail, " began its image with SIGCHLD %s, as ",
		      ignored ? "ignored" : "blocked");
	add_process_name(&f.detail, m, p->creator);
	buffer_add_text(&f.detail, " left it.");
	buffer_add_text(&f.key, f.severity == SEVERITY_NOTE ? "own:" : "");
	buffer_add_text(&f.key, ignored ? "ignored:" : "blocked:");
	add_image_name(&f.key, m, p->creator);
	return finding_add(out, &f);
}

static int judge_wait(const struct rule *self, const struct model *m, const struct fact *fact,
		      struct findings *out)
{
	const struct fs_ev_odd_call *e = (const void *)fact->event;
	struct found f = { .rule = self,
			   .severity = SEVERITY_WARNING,
			   .process = fact->process,
			   .at = fact->event->ts_ns };
	uint32_t child = model_find_process(m, (uint32_t)e->args[0], 0);
	const struct process *c = model_process(m, child);

	if (e->what != FS_ODD_WAIT_FAILED || !c || c->parent != fact->process || !c->autoreaped)
		return 0;
	add_process_name(&f.detail, m, fact->process);
	buffer_add_text(&f.detail, " waited for its child ");
	add_process_name(&f.detail, m, child);
	buffer_add_text(&f.detail,
			" and got ECHILD: SIGCHLD is ignored, so the kernel had dropped it.");
	buffer_add_text(&f.key, "wait:");
	add_image_name(&f.key, m, fact->process);
	return finding_add(out, &f);
}

static int check(const struct rule *self, const struct model *m, struct findings *out)
{
	int err = 0;

	for (size_t i = 0; i < model_born_count(m) && err == 0; i++)
		err = judge_exec(self, m, model_born(m, i), out);
	for (size_t i = 0; i < model_fact_count(m, FS_EV_ODD_CALL) && err == 0; i++)
		err = judge_wait(self, m, model_fact(m, FS_EV_ODD_CALL, i), out);
	return err;
}

const struct rule rule_sigchld = {
	.id = "FS061",
	.name = "sigchld-ignored",
	.severity = SEVERITY_WARNING,
	.title = "SIGCHLD is ignored or blocked in a program that was not told, or whose own wait "
		 "fails for it",
	.fix = "restore SIGCHLD (SIG_DFL, unblocked) before exec; do not wait for children you "
	       "told the kernel to forget",
	.text = "Dispositions that are SIG_IGN and blocked signals pass through exec. A program "
		"that starts with SIGCHLD ignored cannot wait for its children: system(), pclose() "
		"and waitpid() fail with ECHILD. Shown by what a new image began with, where the "
		"command itself began without it; and by waits of a process for a child of its own "
		"that the kernel had dropped since SIGCHLD was ignored.",
	.check = check,
};
