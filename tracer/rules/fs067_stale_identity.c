/* SPDX-License-Identifier: MIT */
/*
 * FS067 stale-identity. A failed wait for a sibling; a signal to a child that was reaped before; a signal to a thread
 * that only the parent has, or to the parent by a thread's number; notes of other signals to the creator or a sibling.
 */
#include <signal.h>
#include <sys/wait.h>

#include "rules/rule.h"

static int judge(const struct rule *self, const struct model *m, const struct fact *fact,
		 struct findings *out)
{
	const struct fs_ev_odd_call *e = odd_of(fact);
	struct found f = { .rule = self,
			   .severity = SEVERITY_WARNING,
			   .process = fact->process,
			   .at = fact->event->ts_ns };
	uint32_t child = model_find_process(m, (uint32_t)e->args[0], 0);
	const struct process *c = model_process(m, child), *p = model_process(m, fact->process);

	if (e->what != FS_ODD_WAIT_FAILED || !c || !p || !is_plain_copy(p) ||
	    c->parent == fact->process ||
	    (c->parent != p->creator && child != p->creator && child != fact->process))
		return 0;
	add_process_name(&f.detail, m, fact->process);
	buffer_add_text(&f.detail, " waited for ");
	add_process_name(&f.detail, m, child);
	buffer_add_text(&f.detail, ", which is no child of its own: it has that number from ");
	add_process_name(&f.detail, m, p->creator);
	buffer_add_char(&f.detail, '.');
	add_image_name(&f.key, m, fact->process);
	return finding_add(out, &f);
}

/* A number that was a child's until this process reaped it: it may be anybody's now. */
static int judge_reaped(const struct rule *self, const struct model *m, const struct fact *fact,
			struct findings *out)
{
	const struct fs_ev_odd_call *e = odd_of(fact);
	struct found f = { .rule = self,
			   .severity = SEVERITY_WARNING,
			   .process = fact->process,
			   .at = fact->event->ts_ns };
	uint32_t child = model_find_process(m, (uint32_t)e->args[0], 0);
	const struct process *c = model_process(m, child);

	if (e->what != FS_ODD_SIGNAL_FAILED || e->args[2] || !c || !c->reaped ||
	    c->reaper != fact->process || c->reap_ts > e->h.ts_ns)
		return 0;
	add_process_name(&f.detail, m, fact->process);
	buffer_printf(&f.detail, " sent signal %u to the number of ", (uint32_t)e->args[1]);
	add_process_name(&f.detail, m, child);
	buffer_add_text(&f.detail, ", which it had reaped ");
	add_duration(&f.detail, e->h.ts_ns - c->reap_ts);
	buffer_add_text(&f.detail, " before: the number may be another's by then.");
	buffer_add_text(&f.key, "reaped:");
	add_image_name(&f.key, m, fact->process);
	return finding_add(out, &f);
}

/* By the number that the forking thread has in its parent. */
static int judge_thread(const struct rule *self, const struct model *m, const struct fact *fact,
			struct findings *out)
{
	const struct fs_ev_odd_call *e = odd_of(fact);
	struct found f = { .rule = self,
			   .severity = SEVERITY_WARNING,
			   .process = fact->process,
			   .at = fact->event->ts_ns };
	const struct process *p = model_process(m, fact->process);

	if (e->what != FS_ODD_SIGNAL_FAILED || !p || !is_plain_copy(p) ||
	    (uint32_t)e->args[2] != p->creator_tid)
		return 0;
	add_process_name(&f.detail, m, fact->process);
	buffer_printf(&f.detail,
		      " sent signal %u to its thread %u, which it has not: that is the "
		      "number of the thread that forked it, in ",
		      (uint32_t)e->args[1], (uint32_t)e->args[2]);
	add_process_name(&f.detail, m, p->creator);
	buffer_add_char(&f.detail, '.');
	buffer_add_text(&f.key, "thread:");
	add_image_name(&f.key, m, fact->process);
	return finding_add(out, &f);
}

static bool ended_by_signal(const struct process *p, const struct fs_ev_signal *e)
{
	return p->ended && p->knows_status && WIFSIGNALED(p->status) &&
	       (uint32_t)WTERMSIG(p->status) == e->sig && p->end_ts >= e->h.ts_ns &&
	       p->end_ts - e->h.ts_ns < 100000000;
}

/* Meant for its parent, or for itself by a number from before the fork? Nobody can tell from outside. */
static int judge_signal(const struct rule *self, const struct model *m, const struct fact *fact,
			struct findings *out)
{
	const struct fs_ev_signal *e = (const void *)fact->event;
	struct found f = { .rule = self, .severity = SEVERITY_NOTE, .process = fact->process };
	const struct process *p = model_process(m, fact->process), *to;
	uint32_t at = model_find_process(m, e->to_pid, e->to_start_ns);
	bool died;

	to = model_process(m, at);
	if (!p || !to || !is_plain_copy(p) || !to->in_trace || at == fact->process || !e->sig ||
	    e->code > 0 || (at != p->creator && to->creator != p->creator))
		return 0;
	/* By a thread's number one means a thread of one's own: who means its parent has getppid and kill. */
	if (at == p->creator && e->code == SI_TKILL)
		f.severity = SEVERITY_WARNING;
	/* Who ends its parent by a signal that is for oneself may mean it; to be hit by one's own child is rare. */
	died = at == p->creator && e->sig != SIGKILL && ended_by_signal(to, e);
	if (died)
		f.severity = SEVERITY_WARNING;
	buffer_add_text(&f.detail, f.severity == SEVERITY_WARNING ? "LIKELY: " : "POSSIBLE: ");
	add_process_name(&f.detail, m, fact->process);
	buffer_printf(&f.detail, " sent signal %u to ", e->sig);
	add_process_name(&f.detail, m, at);
	buffer_printf(&f.detail,
		      ", its %s: by a number that it has from before the fork, if it meant %s.",
		      at == p->creator ? "parent" : "parent's child",
		      at == p->creator ? "itself" : "a child of its own");
	if (e->code == SI_TKILL)
		buffer_add_text(&f.detail, " It was sent to a thread, by tkill or tgkill.");
	if (died)
		buffer_add_text(&f.detail, " That one died of it.");
	buffer_add_text(&f.key, "signal:");
	add_image_name(&f.key, m, fact->process);
	return finding_add(out, &f);
}

static int check(const struct rule *self, const struct model *m, struct findings *out)
{
	int err = 0;

	for (size_t i = 0; i < model_fact_count(m, FS_EV_ODD_CALL) && err == 0; i++) {
		const struct fact *f = model_fact(m, FS_EV_ODD_CALL, i);

		err = judge(self, m, f, out);
		err = err < 0 ? err : judge_reaped(self, m, f, out);
		err = err < 0 ? err : judge_thread(self, m, f, out);
	}
	for (size_t i = 0; i < model_fact_count(m, FS_EV_SIGNAL) && err == 0; i++)
		err = judge_signal(self, m, model_fact(m, FS_EV_SIGNAL, i), out);
	return err;
}

const struct rule rule_stale_identity = {
	.id = "FS067",
	.name = "stale-identity",
	.severity = SEVERITY_WARNING,
	.title = "a process acted on a child that is not its own",
	.fix = "ask anew after fork (getpid, gettid); forget the list of children in the child",
	.text = "A forked child has its parent's notes: the list of children, a cached pid or "
		"thread number. Waiting for a process of that list fails, since it is a sibling; a "
		"signal to a cached number reaches the wrong one. Shown by a wait for one given "
		"process that failed with ECHILD, the process being a child of the waiter's "
		"creator; by a signal to the number of a child that the same process had reaped "
		"before; by a signal to a thread by the number that the forking thread has in the "
		"parent. A signal of such a child to its parent or a sibling is a note: it may be "
		"meant; a warning where the parent died of it, and it was not SIGKILL, or where it "
		"was sent to a thread's number.",
	.check = check,
};
