/* SPDX-License-Identifier: MIT */
/* FS024 record-lock-lost. Locks that a close of another fd of the same file dropped, or that ended with a parent. */
#include <fcntl.h>

#include "rules/rule.h"

#define OUTLIVES_NS 100000000ull /* longer than who only sees its daemon start */

struct search {
	const struct model *m;
	const struct fact *lock;
	const struct file *locked;
	uint64_t until; /* it dropped the lock by itself; 0 never */
	uint32_t fd; /* whose close dropped it */
	bool found;
};

static bool same_file(const struct file *a, const struct file *b)
{
	return a->ino == b->ino && a->dev == b->dev && a->ino;
}

static int look(void *arg, const struct holding *h)
{
	struct search *s = arg;
	const struct file *f = model_file(s->m, h->file);

	if (!f || !same_file(f, s->locked) || h->fd == (uint32_t)odd_of(s->lock)->args[0])
		return 0;
	if ((h->lost != FD_HOW_CLOSED && h->lost != FD_HOW_REPLACED) ||
	    h->to_ts <= odd_of(s->lock)->h.ts_ns || (s->until && h->to_ts >= s->until))
		return 0;
	s->fd = h->fd;
	s->found = true;
	return 1;
}

static uint64_t unlocked_at(const struct model *m, const struct fact *lock)
{
	for (size_t i = 0; i < model_fact_count(m, FS_EV_ODD_CALL); i++) {
		const struct fact *f = model_fact(m, FS_EV_ODD_CALL, i);

		if (odd_of(f)->what == FS_ODD_RECORD_LOCK && f->process == lock->process &&
		    odd_of(f)->args[2] == F_UNLCK && odd_of(f)->h.ts_ns > odd_of(lock)->h.ts_ns &&
		    odd_of(f)->args[0] == odd_of(lock)->args[0])
			return odd_of(f)->h.ts_ns;
	}
	return 0;
}

static int judge(const struct rule *self, const struct model *m, const struct fact *fact,
		 struct findings *out)
{
	struct found f = { .rule = self,
			   .severity = SEVERITY_WARNING,
			   .process = fact->process,
			   .at = fact->event->ts_ns };
	struct search s = { .m = m, .lock = fact };
	uint32_t file = model_find_file(m, odd_of(fact)->file);

	s.locked = model_file(m, file);
	if (odd_of(fact)->what != FS_ODD_RECORD_LOCK || odd_of(fact)->args[2] == F_UNLCK ||
	    !s.locked)
		return 0;
	s.until = unlocked_at(m, fact);
	(void)model_holdings(m, fact->process, look, &s);
	if (!s.found)
		return 0;
	add_process_name(&f.detail, m, fact->process);
	buffer_add_text(&f.detail, " took a record lock on ");
	add_file_name(&f.detail, m, file);
	buffer_printf(&f.detail, " by fd %u, and lost it by closing fd %u of the same file.",
		      (unsigned)odd_of(fact)->args[0], s.fd);
	add_image_name(&f.key, m, fact->process);
	return finding_add(out, &f);
}

/* --- not inherited --- */

struct keeper {
	const struct model *m;
	const struct file *locked;
	uint64_t after;
	bool found;
};

static int look_at_keeper(void *arg, const struct holding *h)
{
	struct keeper *k = arg;
	const struct file *f = model_file(k->m, h->file);

	if (!f || !same_file(f, k->locked) || h->got != FD_HOW_INHERITED || !h->used ||
	    (h->to_ts && h->to_ts <= k->after))
		return 0;
	k->found = true;
	return 1;
}

static bool locks_itself(const struct model *m, uint32_t process, const struct file *locked)
{
	for (size_t i = 0; i < model_fact_count(m, FS_EV_ODD_CALL); i++) {
		const struct fact *f = model_fact(m, FS_EV_ODD_CALL, i);
		const struct file *file = model_file(m, model_find_file(m, odd_of(f)->file));

		if (odd_of(f)->what == FS_ODD_RECORD_LOCK && f->process == process && file &&
		    same_file(file, locked))
			return true;
	}
	return false;
}

/* A copy that goes on with the locked file after the end of who had locked it. */
static bool outlives_lock(const struct model *m, const struct process *owner, uint32_t process,
			  const struct file *locked, uint64_t since)
{
	const struct process *p = model_process(m, process);
	struct keeper k = { .m = m, .locked = locked, .after = owner->end_ts };

	if (!is_plain_copy(p) || p->birth_ts <= since ||
	    (p->ended && p->end_ts < owner->end_ts + OUTLIVES_NS))
		return false;
	(void)model_holdings(m, process, look_at_keeper, &k);
	return k.found && !locks_itself(m, process, locked);
}

static int judge_inherited(const struct rule *self, const struct model *m, const struct fact *fact,
			   struct findings *out)
{
	struct found f = { .rule = self, .severity = SEVERITY_WARNING, .process = MODEL_NONE };
	const struct process *owner = model_process(m, fact->process);
	uint32_t file = model_find_file(m, odd_of(fact)->file), at;

	if (odd_of(fact)->what != FS_ODD_RECORD_LOCK || odd_of(fact)->args[2] != F_WRLCK ||
	    !model_file(m, file) || !owner || !owner->ended || unlocked_at(m, fact))
		return 0;
	for (size_t i = 0; i < model_born_count(m) && f.process == MODEL_NONE; i++) {
		at = model_born(m, i);
		if (model_process(m, at)->creator == fact->process &&
		    outlives_lock(m, owner, at, model_file(m, file), odd_of(fact)->h.ts_ns))
			f.process = at;
	}
	if (f.process == MODEL_NONE)
		return 0;
	add_process_name(&f.detail, m, fact->process);
	buffer_add_text(&f.detail, " took a record lock on ");
	add_file_name(&f.detail, m, file);
	buffer_add_text(&f.detail, " and ended; ");
	add_process_name(&f.detail, m, f.process);
	buffer_add_text(&f.detail,
			", forked by it, went on with the file and did not inherit the lock.");
	buffer_add_text(&f.key, "inherited:");
	add_image_name(&f.key, m, fact->process);
	return finding_add(out, &f);
}

static int check(const struct rule *self, const struct model *m, struct findings *out)
{
	int err = 0;

	for (size_t i = 0; i < model_fact_count(m, FS_EV_ODD_CALL) && err == 0; i++)
		err = judge(self, m, model_fact(m, FS_EV_ODD_CALL, i), out);
	for (size_t i = 0; i < model_fact_count(m, FS_EV_ODD_CALL) && err == 0; i++)
		err = judge_inherited(self, m, model_fact(m, FS_EV_ODD_CALL, i), out);
	return err;
}

const struct rule rule_record_lock = {
	.id = "FS024",
	.name = "record-lock-lost",
	.severity = SEVERITY_WARNING,
	.title = "a record lock does not hold: it was dropped by a close, or not inherited",
	.fix = "keep one fd for a locked file and close no other of it; or use F_OFD_SETLK",
	.text = "Locks of fcntl(F_SETLK) belong to the process, not to the descriptor: closing any "
		"other "
		"fd of the same file drops them, also one that a library had opened. Shown by the "
		"record: "
		"a lock was taken, and then the process closed another fd of the same file before "
		"it "
		"dropped the lock itself. one that does not lock "
		"anew goes on with the file after its parent, who had locked it, has ended. Locks "
		"of F_OFD_SETLK stay with their open file.",
	.check = check,
};
