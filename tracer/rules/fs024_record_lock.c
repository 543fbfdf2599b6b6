/* SPDX-License-Identifier: MIT */
/* FS024 record-lock-lost. Locks that a close of another fd of the same file dropped. */
#include <fcntl.h>

#include "rules/rule.h"

static const struct fs_ev_odd_call *odd_of(const struct fact *f)
{
	return (const struct fs_ev_odd_call *)(const void *)f->event;
}

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

static int check(const struct rule *self, const struct model *m, struct findings *out)
{
	int err = 0;

	for (size_t i = 0; i < model_fact_count(m, FS_EV_ODD_CALL) && err == 0; i++)
		err = judge(self, m, model_fact(m, FS_EV_ODD_CALL, i), out);
	return err;
}

const struct rule rule_record_lock = {
	.id = "FS024",
	.name = "record-lock-lost",
	.severity = SEVERITY_WARNING,
	.title = "a record lock does not hold: it was dropped by a close",
	.fix = "keep one fd for a locked file and close no other of it; or use F_OFD_SETLK",
	.text = "Locks of fcntl(F_SETLK) belong to the process, not to the descriptor: closing any "
		"other "
		"fd of the same file drops them, also one that a library had opened. Shown by the "
		"record: "
		"a lock was taken, and then the process closed another fd of the same file before "
		"it "
		"dropped the lock itself. Locks of F_OFD_SETLK stay with their open file.",
	.check = check,
};
