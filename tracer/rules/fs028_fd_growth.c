/* SPDX-License-Identifier: MIT */
/* FS028 fd-growth. A row of births, no sibling alive, each with a larger table. */
#include "rules/rule.h"

#define ROW_MIN 5

/* Whether a sibling lived when this one was born. */
static bool has_live_sibling(const struct model *m, size_t number)
{
	const struct process *p = model_process(m, model_born(m, number)), *q;

	for (size_t i = number; i-- > 0;) {
		q = model_process(m, model_born(m, i));
		if (q->creator == p->creator && (!q->ended || q->end_ts > p->birth_ts))
			return true;
		if (number - i > 64)
			break;
	}
	return false;
}

static int judge(const struct rule *self, const struct model *m, uint32_t creator,
		 struct findings *out)
{
	struct found f = { .rule = self, .severity = SEVERITY_WARNING, .process = creator };
	uint32_t row = 0, first = 0, last = 0, best = 0, from = 0, to = 0;

	for (size_t i = 0; i < model_born_count(m); i++) {
		const struct process *p = model_process(m, model_born(m, i));

		if (p->creator != creator || !p->knows_at_start || p->shares_table)
			continue;
		if (has_live_sibling(m, i) || (row && p->fds_at_start <= last))
			row = 0;
		if (row++ == 0)
			first = p->fds_at_start;
		last = p->fds_at_start;
		if (row > best) {
			best = row;
			from = first;
			to = last;
		}
	}
	if (best < ROW_MIN)
		return 0;
	add_process_name(&f.detail, m, creator);
	buffer_printf(&f.detail,
		      " started %u processes one after the other; the first was born with %u open "
		      "fds, the "
		      "last with %u, and none was alive any more when the next one was started.",
		      best, from, to);
	add_image_name(&f.key, m, creator);
	return finding_add(out, &f);
}

static int check(const struct rule *self, const struct model *m, struct findings *out)
{
	int err = 0;

	for (size_t i = 0; i < model_born_count(m) && err == 0; i++)
		if (model_process(m, model_born(m, i))->children >= ROW_MIN)
			err = judge(self, m, model_born(m, i), out);
	return err;
}

const struct rule rule_fd_growth = {
	.id = "FS028",
	.name = "fd-growth",
	.severity = SEVERITY_WARNING,
	.title = "each spawned process leaves descriptors behind in its parent",
	.fix = "close both ends of the pipes of a child that has ended, and its pidfd; also on "
	       "error paths",
	.text = "A parent that forgets to close the pipe ends, pidfds or log files of children "
		"that "
		"have ended grows until it has none left. Shown by five or more children in a row, "
		"no other child being alive at their births, each of which was born with more open "
		"fds than the one before.",
	.check = check,
};
