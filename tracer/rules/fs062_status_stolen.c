/* SPDX-License-Identifier: MIT */
/* FS062 status-stolen. A failed wait for a child that the process itself reaped before. */
#include "rules/rule.h"

/* Whether it went to a wait for any child; one for this very child stole nothing. */
static bool was_taken_by_any(const struct model *m, uint32_t process, const struct process *child)
{
	for (size_t i = 0; i < model_fact_count(m, FS_EV_ODD_CALL); i++) {
		const struct fact *f = model_fact(m, FS_EV_ODD_CALL, i);
		uint32_t number = (uint32_t)odd_of(f)->ret;

		if (f->process == process && odd_of(f)->what == FS_ODD_WAIT_ANY &&
		    (number == child->pid || number == child->ns_pid) &&
		    odd_of(f)->h.ts_ns >= child->end_ts)
			return true;
	}
	return false;
}

static int judge(const struct rule *self, const struct model *m, const struct fact *fact,
		 struct findings *out)
{
	const struct fs_ev_odd_call *e = odd_of(fact);
	struct found f = { .rule = self,
			   .severity = SEVERITY_BUG,
			   .process = fact->process,
			   .at = fact->event->ts_ns };
	uint32_t child = model_find_process(m, (uint32_t)e->args[0], 0);
	const struct process *c = model_process(m, child);

	if (e->what != FS_ODD_WAIT_FAILED || !c || c->parent != fact->process || !c->reaped ||
	    c->reaper != fact->process || c->reap_ts > e->h.ts_ns ||
	    !was_taken_by_any(m, fact->process, c))
		return 0;
	buffer_add_text(&f.detail, "PROVEN: ");
	add_process_name(&f.detail, m, fact->process);
	buffer_printf(&f.detail, " waited in thread %u for its child ", e->h.tid);
	add_process_name(&f.detail, m, child);
	buffer_add_text(&f.detail, " and got ECHILD: it had itself reaped it ");
	add_duration(&f.detail, e->h.ts_ns - c->reap_ts);
	buffer_add_text(&f.detail, " before.");
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

const struct rule rule_status_stolen = {
	.id = "FS062",
	.name = "status-stolen",
	.severity = SEVERITY_BUG,
	.title = "one part of a program reaped another part's child",
	.fix = "wait for the children you started, by number or pidfd; never wait(-1) in a library "
	       "or a signal handler",
	.text = "wait() and waitpid(-1) return any child. A library, or a SIGCHLD handler, that "
		"reaps everything takes the status that another part waits for; that one gets "
		"ECHILD. Proven by the record: a wait for one given child failed with ECHILD after "
		"the same process had reaped it.",
	.check = check,
};
