/* SPDX-License-Identifier: MIT */
/* FS064 pdeathsig-thread. A signal that a thread sent after its end, while its process lived. */
#include "rules/rule.h"

/* When the thread ended while others of its process lived; 0: not so. */
static uint64_t thread_end(const struct model *m, const struct process *p, uint32_t tid)
{
	if (tid == p->pid)
		return p->leader_exit_ts;
	for (uint32_t at = p->first_thread; at != MODEL_NONE; at = model_thread(m, at)->next)
		if (model_thread(m, at)->tid == tid)
			return model_thread(m, at)->end_ts;
	return 0;
}

/* Whether the sender's process was at work after that: it waited for the victim, or lived on for a while. */
static bool lived_on(const struct fs_ev_signal *e, uint32_t sender, const struct process *from,
		     const struct process *to)
{
	if (to->reaped && to->reaper == sender && to->reap_ts > e->h.ts_ns)
		return true;
	return !from->ended || from->end_ts >= e->h.ts_ns + 50000000ull;
}

static int judge(const struct rule *self, const struct model *m, const struct fact *fact,
		 struct findings *out)
{
	const struct fs_ev_signal *e = (const void *)fact->event;
	const struct process *from = model_process(m, fact->process), *to;
	struct found f = { .rule = self, .severity = SEVERITY_BUG, .at = fact->event->ts_ns };
	uint64_t ended;

	if (!from || !from->in_trace || e->to_pid == e->h.pid)
		return 0;
	ended = thread_end(m, from, e->h.tid);
	/* When the whole process ends, its threads end together. */
	if (!ended || e->h.ts_ns < ended)
		return 0;
	f.process = model_find_process(m, e->to_pid, e->to_start_ns);
	to = model_process(m, f.process);
	if (!to || (to->ended && to->end_ts <= e->h.ts_ns) || !lived_on(e, fact->process, from, to))
		return 0;
	buffer_add_text(&f.detail, "PROVEN: ");
	add_process_name(&f.detail, m, f.process);
	buffer_printf(&f.detail, " got signal %u as its parent death signal when thread %u of ",
		      e->sig, e->h.tid);
	add_process_name(&f.detail, m, fact->process);
	buffer_add_text(&f.detail, " ended; that process lived on.");
	add_image_name(&f.key, m, fact->process);
	return finding_add(out, &f);
}

static int check(const struct rule *self, const struct model *m, struct findings *out)
{
	int err = 0;

	for (size_t i = 0; i < model_fact_count(m, FS_EV_SIGNAL) && err == 0; i++)
		err = judge(self, m, model_fact(m, FS_EV_SIGNAL, i), out);
	return err;
}

const struct rule rule_pdeathsig = {
	.id = "FS064",
	.name = "pdeathsig-thread",
	.severity = SEVERITY_BUG,
	.title = "PR_SET_PDEATHSIG fired because a thread ended, not the process",
	.fix = "fork from a thread that lives as long as the process; or watch the parent by a "
	       "pipe or pidfd",
	.text = "The parent death signal is bound to the thread that forked, not to its process: "
		"when a worker thread that started a child ends, the child is told that its parent "
		"died, and is killed. Proven by the record: the signal was sent by a thread that "
		"had just ended, of a process that lived on.",
	.check = check,
};
