/* SPDX-License-Identifier: MIT */
/*
 * A map from a number, or a pair of numbers such as (pid, start_ns), to a number or pointer.
 *
 * Open addressing in one array, no allocation per entry. Keys may come from a hostile trace, so the
 * hash is seeded anew in every process: nobody can choose keys that all collide.
 *
 * Starts as all zeros (struct hashmap m = { 0 };). A key of one number has b = 0. Values are uint64_t;
 * who stores a pointer casts through uintptr_t, and owns what it points to.
 */
#ifndef TRACER_BASE_HASHMAP_H
#define TRACER_BASE_HASHMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hashmap_slot {
	uint64_t a, b;
	uint64_t value;
	uint64_t used; /* 0: free */
};

struct hashmap {
	struct hashmap_slot *slots;
	size_t room; /* a power of two, or 0 */
	size_t count;
};

/* Sets the value of a key, new or old. Returns 0, or -ENOMEM (the map is as before). */
int hashmap_put(struct hashmap *m, uint64_t a, uint64_t b, uint64_t value);

/* Whether the key is there; its value goes to ret_value, which may be NULL. */
bool hashmap_get(const struct hashmap *m, uint64_t a, uint64_t b, uint64_t *ret_value);

/* Where a key's value lies, to be changed in place; NULL: not there. Valid until the next put or remove. */
uint64_t *hashmap_find(const struct hashmap *m, uint64_t a, uint64_t b);

/* Whether it was there. */
bool hashmap_remove(struct hashmap *m, uint64_t a, uint64_t b);

/*
 * Walks all entries, in no order: start with *at = 0; NULL is the end. The map must not change meanwhile,
 * values apart.
 */
struct hashmap_slot *hashmap_next(const struct hashmap *m, size_t *at);

void hashmap_free(struct hashmap *m);

#endif
