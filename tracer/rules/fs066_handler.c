/* SPDX-License-Identifier: MIT */
/* FS066 handler-before-exec. Signals to a child that had not yet exec'ed. */
#include "rules/rule.h"

static int judge(const struct rule *self, const struct model *m, const struct fact *fact,
		 struct findings *out)
{
	const struct fs_ev_signal *e = (const void *)fact->event;
	uint32_t to = model_find_process(m, e->to_pid, e->to_start_ns);
	const struct process *p = model_process(m, to);
	struct found f = { .rule = self, .severity = SEVERITY_WARNING, .process = to };
	const struct fs_ev_state *s;
	const struct image *first;
	uint64_t bit;

	if (!p || !p->knows_fork || !p->execed || !e->sig || e->sig > 64 || e->result)
		return 0;
	first = model_image(m, p->first_image);
	s = p->state_at_start;
	bit = UINT64_C(1) << (e->sig - 1);
	if (!first || !s || e->h.ts_ns < p->birth_ts || e->h.ts_ns >= first->ts ||
	    !(s->sig_caught & bit) || s->sig_blocked & bit)
		return 0;
	add_process_name(&f.detail, m, to);
	buffer_printf(&f.detail, " got signal %u ", e->sig);
	add_duration(&f.detail, first->ts - e->h.ts_ns);
	buffer_add_text(&f.detail, " before its exec, while it had the handlers of ");
	add_process_name(&f.detail, m, p->creator);
	buffer_add_char(&f.detail, '.');
	buffer_printf(&f.key, "%u:", e->sig);
	add_image_name(&f.key, m, p->creator);
	return finding_add(out, &f);
}

static int check(const struct rule *self, const struct model *m, struct findings *out)
{
	int err = 0;

	for (size_t i = 0; i < model_fact_count(m, FS_EV_SIGNAL) && err == 0; i++)
		err = judge(self, m, model_fact(m, FS_EV_SIGNAL, i), out);
	return err;
}

const struct rule rule_handler = {
	.id = "FS066",
	.name = "handler-before-exec",
	.severity = SEVERITY_WARNING,
	.title = "a signal handler of the parent ran in the child before its exec",
	.fix = "block signals around fork and restore default dispositions in the child before "
	       "unblocking and exec",
	.text = "Between fork and exec the child has the parent's handlers. A signal that comes "
		"then, often one that was sent to the whole group, runs a handler that writes to "
		"the parent's pipe or believes to be the parent. Shown by a signal sent to a child "
		"between its birth and its exec for which it had a handler and that it did not "
		"block.",
	.check = check,
};
