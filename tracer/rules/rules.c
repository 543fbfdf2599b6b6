/* SPDX-License-Identifier: MIT */
/* The table of rules, and running them. */
#include "rules/rule.h"

#include <stdlib.h>

const struct rule *const rules[] = {
	NULL,
};

int rules_run(const struct model *m, struct findings *out)
{
	size_t i;
	int err;

	for (i = 0; rules[i]; i++) {
		err = rules[i]->check(rules[i], m, out);
		if (err < 0)
			return err;
	}
	return 0;
}

void findings_free(struct findings *f)
{
	size_t i;

	for (i = 0; i < f->count; i++)
		free(f->list[i].detail);
	free(f->list);
	*f = (struct findings){ 0 };
}
