/* SPDX-License-Identifier: MIT */
/*
 * A pool of byte strings in which equal ones are kept once.
 *
 * A trace repeats itself: 20,000 children have the same argv, the same fd table, the same limits. Interned
 * they cost a pointer each, and equality is pointer equality. Strings never move and live as long as
 * the pool. A NUL stands behind each; data is aligned for any struct.
 */
#ifndef TRACER_BASE_INTERN_H
#define TRACER_BASE_INTERN_H

#include <stddef.h>
#include <stdint.h>

struct interned {
	uint32_t len;
	uint32_t hash;
	char data[] __attribute__((aligned(8)));
};

struct intern_block;

struct intern_pool {
	struct interned **slots; /* open addressing; a power of two, or none */
	size_t room;
	size_t count;
	struct intern_block *blocks; /* the newest first; strings are cut from it */
	uint64_t seed; /* so that a hostile trace cannot choose strings that collide */
};

/* Starts as all zeros. Returns the one copy of these bytes; NULL: no memory (or longer than 1 GB). */
const struct interned *intern(struct intern_pool *pool, const void *data, size_t len);

void intern_free(struct intern_pool *pool);

#endif
