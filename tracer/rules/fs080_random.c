/* SPDX-License-Identifier: MIT */
/* FS080 random-duplicated. Two processes drew from copies of one generator in one state. */
#include "rules/births.h"

/* The process whose copy's copy it is. */
static uint32_t first_of(const struct model *m, uint32_t process)
{
	const struct process *p = model_process(m, process);

	while (p && is_plain_copy(p) && p->creator != MODEL_NONE && p->creator != process) {
		process = p->creator;
		p = model_process(m, process);
	}
	return process;
}

static int tell(const struct rule *self, const struct model *m, const struct fact *a,
		const struct fact *b, struct findings *out)
{
	struct found f = { .rule = self, .severity = SEVERITY_WARNING, .process = b->process };

	add_process_name(&f.detail, m, a->process);
	buffer_add_text(&f.detail, " and ");
	add_process_name(&f.detail, m, b->process);
	buffer_printf(
		&f.detail,
		" draw the same numbers from %s: fork copied the generator's state and neither "
		"was seeded since, or both were, with the same seed. The second draws",
		call_of(b)->status == 2 ? "rand_r"
		: call_of(b)->status	? "drand48 and its like"
					: "rand or random");
	add_fact_place(&f.detail, b);
	buffer_add_char(&f.detail, '.');
	add_image_name(&f.key, m, b->process);
	return finding_add(out, &f);
}

static int check(const struct rule *self, const struct model *m, struct findings *out)
{
	struct hashmap seen = { 0 };
	uint64_t earlier;
	int err = 0;

	for (size_t i = 0; i < model_fact_count(m, FS_EV_CALL) && err == 0; i++) {
		const struct fact *f = model_fact(m, FS_EV_CALL, i), *other;
		const struct fs_ev_call *e = call_of(f);
		uint64_t lineage;

		if (e->call != FS_LIBC_RANDOM || f->process == MODEL_NONE)
			continue;
		lineage = (uint64_t)first_of(m, f->process) << 2 | (e->status & 3);
		if (!hashmap_get(&seen, e->argument, lineage, &earlier)) {
			err = hashmap_put(&seen, e->argument, lineage, i);
			continue;
		}
		other = model_fact(m, FS_EV_CALL, earlier);
		if (other->process != f->process)
			err = tell(self, m, other, f, out);
	}
	hashmap_free(&seen);
	return err;
}

const struct rule rule_random = {
	.id = "FS080",
	.name = "random-duplicated",
	.severity = SEVERITY_WARNING,
	.title = "processes draw the same random numbers",
	.fix = "seed the generator anew in each child, or use getrandom, arc4random or "
	       "/dev/urandom",
	.text = "fork copies the state of a pseudo-random generator: the children, or parent "
		"and child, go on with the very same numbers, as names of files, as keys, as "
		"backoff times. Shown for rand, random, rand_r and the drand48 family: the "
		"preloaded "
		"library follows how each process's state came about, and two that began to "
		"draw in one and the same state are told; so are children that all seed by "
		"time(), within one second. Generators inside of a program or a "
		"library (numpy's, std::mt19937) are not seen.",
	.check = check,
};
