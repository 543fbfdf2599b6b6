/* SPDX-License-Identifier: MIT */
/* Expectations of a project on its own program (--expect=...): stricter than rules, and asked for by name. */
#ifndef TRACER_RULES_EXPECT_H
#define TRACER_RULES_EXPECT_H

#include "rules/rule.h"

/* The table, NULL-terminated: rules whose ids are what --expect takes. */
extern const struct rule *const expectations[];

/* By name; NULL: there is none. */
const struct rule *expectation_find(const char *name, size_t len);

#endif
