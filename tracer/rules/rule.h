/* SPDX-License-Identifier: MIT */
/*
 * The family of rules. A rule is one file here that defines one struct rule, and one line in the table of
 * rules.c. It looks at a finished model and adds what it finds.
 */
#ifndef TRACER_RULES_RULE_H
#define TRACER_RULES_RULE_H

#include "model/finding.h"
#include "model/model.h"

struct rule {
	const char *id; /* "FS001", for ever */
	enum severity severity;
	const char *title; /* one line */
	const char *fix;
	int (*check)(const struct rule *self, const struct model *m, struct findings *out);
};

/* The table, NULL-terminated. */
extern const struct rule *const rules[];

/* Runs every rule. 0 or negative errno. */
int rules_run(const struct model *m, struct findings *out);

void findings_free(struct findings *f);

#endif
