/* SPDX-License-Identifier: MIT */
/*
 * The fd ledger: what each process held under which number, from when to when, and how it got it.
 *
 * The model keeps the table a process was born with (interned: alike siblings share one) and then only
 * changes. Holdings, which can be many more than events, are made by replay when somebody asks.
 */
#ifndef TRACER_MODEL_LEDGER_H
#define TRACER_MODEL_LEDGER_H

#include "model/model.h"

/* How a process came to hold an fd, and how it lost it. */
enum fd_how {
	FD_HOW_UNKNOWN, /* found in a table */
	FD_HOW_INHERITED, /* from its creator */
	FD_HOW_ATTACHED, /* held when the recording began */
	FD_HOW_OPENED,
	FD_HOW_DUPED,
	FD_HOW_PASSED, /* received by SCM_RIGHTS */
	FD_HOW_GETFD, /* pidfd_getfd */
	FD_HOW_HELD, /* still holds it at the end */
	FD_HOW_CLOSED,
	FD_HOW_REPLACED, /* dup2 over it */
	FD_HOW_EXEC, /* CLOEXEC */
	FD_HOW_EXIT, /* its holder ended */
	FD_HOW_GONE, /* missing from a later table */
};

const char *fd_how_name(enum fd_how how);

struct holding {
	uint64_t from_ts;
	uint64_t to_ts; /* 0: still held */
	uint32_t process;
	uint32_t file;
	uint32_t fd;
	uint32_t from; /* process it came from (inherited, passed, getfd), MODEL_NONE unknown */
	uint32_t from_fd; /* number there (dup: here); MODEL_NONE unknown */
	uint8_t got; /* enum fd_how */
	uint8_t lost; /* enum fd_how */
	uint32_t tid; /* the thread that opened, duplicated or received it; 0 unknown */
	uint64_t
		cloexec_on_ts; /* when close-on-exec was set, or cleared, in a later step; 0: never */
	uint64_t cloexec_off_ts;
	bool born_cloexec; /* as it came to be */
	bool cloexec;
	bool used;
};

typedef int (*holding_fn)(void *arg, const struct holding *h);

/* An upper bound for the number of holdings of a process, without replay. */
size_t model_holdings_bound(const struct model *m, uint32_t process);

/* Every holding of a process, in order of ending. Stops when fn returns non-zero and returns that. */
int model_holdings(const struct model *m, uint32_t process, holding_fn fn, void *arg);

#endif
