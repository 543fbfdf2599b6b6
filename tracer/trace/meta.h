/* SPDX-License-Identifier: MIT */
/*
 * The META pairs of a trace: text keys and values, a later value in place of an earlier one.
 *
 * They come from a file that is not trusted, so both their number and their size have a limit; what is
 * beyond is refused. Few by nature (some ten), hence a plain list.
 */
#ifndef TRACER_TRACE_META_H
#define TRACER_TRACE_META_H

#include <stddef.h>

enum { META_KEYS_MAX = 256, META_BYTES_MAX = 16 << 20 };

struct meta {
	struct meta_pair {
		char *key, *value;
	} pairs[META_KEYS_MAX];
	size_t count;
	size_t bytes;
};

/* Takes a copy. 0, -ENOMEM, or -E2BIG: beyond the limits. */
int meta_set(struct meta *m, const char *key, const char *value);

const char *meta_get(const struct meta *m, const char *key);

void meta_free(struct meta *m);

#endif
