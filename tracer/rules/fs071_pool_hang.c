/* SPDX-License-Identifier: MIT */
/* FS071 pool-hang. Possible only: a worker that died of a signal, one that took its place, and who may wait still. */
#include "rules/rule.h"

#define LIVED_ON_NS 1000000000ull
#define REPLACED_NS 1000000000ull

static bool was_replaced(const struct model *m, const struct process *dead)
{
	for (size_t i = 0; i < model_born_count(m); i++) {
		const struct process *p = model_process(m, model_born(m, i));

		if (p->creator == dead->creator && p->birth_ts > dead->end_ts &&
		    p->birth_ts - dead->end_ts < REPLACED_NS)
			return true;
	}
	return false;
}

static int judge(const struct rule *self, const struct model *m, uint32_t process,
		 struct findings *out)
{
	const struct process *p = model_process(m, process),
			     *creator = model_process(m, p->creator);
	struct found f = { .rule = self, .severity = SEVERITY_NOTE, .process = process };
	uint64_t end;

	if (!is_plain_copy(p) || !creator || !p->ended || !p->knows_status || !(p->status & 0x7f) ||
	    p->killer == p->creator)
		return 0;
	end = creator->ended ? creator->end_ts : model_last_ts(m);
	if (end < p->end_ts + LIVED_ON_NS || !was_replaced(m, p))
		return 0;
	add_process_name(&f.detail, m, process);
	buffer_printf(&f.detail, " died of signal %u and another took its place; ",
		      p->status & 0x7f);
	add_process_name(&f.detail, m, p->creator);
	buffer_add_text(&f.detail, " lived on for ");
	add_duration(&f.detail, end - p->end_ts);
	buffer_add_text(
		&f.detail,
		". A pool that does not tell the dead worker's task waits for it for ever.");
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

const struct rule rule_pool_hang = {
	.id = "FS071",
	.name = "pool-hang",
	.severity = SEVERITY_NOTE,
	.title = "a worker died, and its task may be waited for",
	.fix = "use a pool that tells how a task's worker died (concurrent.futures, libprocpool); "
	       "wait with a "
	       "timeout",
	.text = "Python's multiprocessing.Pool replaces a worker that was killed and forgets its "
		"task: the "
		"result never comes, and get() waits for ever. A note, since a good supervisor "
		"looks the same "
		"from outside: told when a forked worker died of a signal that its parent had not "
		"sent, a new "
		"one was forked within a second, and the parent lived on for a second or more.",
	.check = check,
};
