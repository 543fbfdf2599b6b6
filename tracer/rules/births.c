/* SPDX-License-Identifier: MIT */
/* See births.h. */
#include "rules/births.h"

int births_find(struct births *b, const struct model *m)
{
	int err = 0;

	for (size_t i = 0; i < model_born_count(m) && err == 0; i++) {
		uint32_t process = model_born(m, i);
		const struct process *p = model_process(m, process);
		const struct start_call *c = model_call(m, p->where);

		if (c && c->id && is_plain_copy(p))
			err = hashmap_put(&b->by_call, c->id, 0, process);
	}
	return err;
}

void births_free(struct births *b)
{
	hashmap_free(&b->by_call);
}

uint32_t births_copy(const struct births *b, uint64_t call_id)
{
	uint64_t process;

	return call_id && hashmap_get(&b->by_call, call_id, 0, &process) ? (uint32_t)process
									 : MODEL_NONE;
}

/* A signal that the creator catches, and that its thread had blocked at the fork, but does not block by habit. */
static uint64_t blocked_by_handler(const struct model *m, const struct process *p)
{
	const struct process *creator = model_process(m, p->creator);
	const struct fs_ev_state *now = p->state_at_start, *usual;
	uint64_t set;

	if (!creator || !now)
		return 0;
	usual = creator->state_after_exec ? creator->state_after_exec : creator->state_at_start;
	set = now->sig_caught & p->creator_blocked;
	if (usual)
		set &= ~usual->sig_blocked;
	/* A handler blocks its own signal; who blocks many does it by hand. */
	if (__builtin_popcountll(p->creator_blocked) > 2)
		return 0;
	return set;
}

/* Whether such a signal came to the creator in the second before the fork. */
static bool signal_came(const struct model *m, const struct process *p, uint64_t set)
{
	const struct process *creator = model_process(m, p->creator);

	for (size_t i = 0; i < model_fact_count(m, FS_EV_SIGNAL); i++) {
		const struct fs_ev_signal *e = (const void *)model_fact(m, FS_EV_SIGNAL, i)->event;

		if (e->to_pid == creator->pid && e->sig && e->sig <= 64 &&
		    set & UINT64_C(1) << (e->sig - 1) && e->h.ts_ns < p->birth_ts &&
		    p->birth_ts - e->h.ts_ns < 1000000000ull)
			return true;
	}
	return false;
}

uint64_t forked_in_handler_of(const struct model *m, const struct process *p)
{
	uint64_t set = blocked_by_handler(m, p);

	return set && signal_came(m, p, set) ? set : 0;
}

void add_fact_place(struct buffer *b, const struct fact *f)
{
	if (!f->place || !f->place->len)
		return;
	buffer_add_text(b, " at ");
	buffer_append(b, f->place->data, f->place->len);
}

static uint64_t signals_of(const struct fs_ev_state *s, bool ignored)
{
	return ignored ? s->sig_ignored : s->sig_blocked;
}

uint64_t signals_from_before(const struct model *m, const struct process *child, bool ignored)
{
	const struct process *target = model_process(m, model_target(m));
	const struct process *creator = model_process(m, child->creator);
	uint64_t before;

	if (!target || !target->state_at_start)
		return UINT64_MAX;
	before = signals_of(target->state_at_start, ignored);
	if (creator && creator->state_after_exec)
		before |= signals_of(creator->state_after_exec, ignored);
	return before;
}
