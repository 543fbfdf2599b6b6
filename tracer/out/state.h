/* SPDX-License-Identifier: MIT */
/* What differs between two states of a process (cwd, umask, signals, limits, ids ...), in words. */
#ifndef TRACER_OUT_STATE_H
#define TRACER_OUT_STATE_H

#include "model/model.h"

#define STATE_CHANGES_MAX 48

struct state_change {
	char what[24];
	char *from, *to; /* owned; NULL: no memory */
};

/* Fills at most STATE_CHANGES_MAX and returns how many. Handlers are not told: every exec resets them. */
size_t state_changes(const struct fs_ev_state *a, const struct fs_ev_state *b,
		     struct state_change *ret);
void state_changes_free(struct state_change *changes, size_t n);

#endif
