/* SPDX-License-Identifier: MIT */
/* All holdings a filter asks for, sorted by open file: what both outputs of `fds` are made from. */
#ifndef TRACER_OUT_HOLDERS_H
#define TRACER_OUT_HOLDERS_H

#include "model/ledger.h"
#include "out/out.h"

struct holders {
	struct holding *list; /* by file, then by time */
	size_t count, room;
	bool *wanted; /* per file: the filter asks for it, or for its other end */
};

/* 0, -ENOMEM, -E2BIG (too many), -ENOENT (the filter matches nothing). */
int holders_gather(struct holders *h, const struct model *m, const struct fds_filter *filter);
void holders_free(struct holders *h);

/* The run of holdings of one file; returns its length. */
size_t holders_of(const struct holders *h, uint32_t file, const struct holding **ret);

/* "f12": names one open file description, also where two share an inode. */
void file_key(char key[16], uint32_t file);

#endif
