/* SPDX-License-Identifier: MIT */
/*
 * See hashmap.h. Linear probing, at most two thirds full; removal moves later entries of the run back,
 * so there are no tombstones and a map in steady use never degrades.
 */
#include "base/hashmap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

enum { SMALLEST = 16 };

/* Sixteen random bytes that the kernel gives every process; no system call. */
static const uint64_t *seed(void)
{
	static uint64_t words[2];

	if (!words[0]) {
		const void *random = (const void *)getauxval(AT_RANDOM);

		if (random)
			memcpy(words, random, sizeof(words));
		words[0] |= 1;
	}
	return words;
}

/* The product's two halves folded: each bit of both factors reaches each bit of the result. */
static uint64_t fold(uint64_t x, uint64_t y)
{
	unsigned __int128 product = (unsigned __int128)x * y;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static size_t hash(uint64_t a, uint64_t b)
{
	const uint64_t *s = seed();

	return (size_t)fold(fold(a ^ s[0], 0x9e3779b97f4a7c15u) ^ b ^ s[1], 0xd6e8feb86659fd93u);
}

/* The key's slot, or the free one where it would go. There is always a free one. */
static struct hashmap_slot *slot_of(const struct hashmap *m, uint64_t a, uint64_t b)
{
	size_t i = hash(a, b) & (m->room - 1);

	while (m->slots[i].used && (m->slots[i].a != a || m->slots[i].b != b))
		i = (i + 1) & (m->room - 1);
	return &m->slots[i];
}

static int grow(struct hashmap *m)
{
	struct hashmap bigger = { .room = m->room ? m->room * 2 : SMALLEST, .count = m->count };
	size_t i;

	bigger.slots = calloc(bigger.room, sizeof(*bigger.slots));
	if (!bigger.slots)
		return -ENOMEM;
	for (i = 0; i < m->room; i++)
		if (m->slots[i].used)
			*slot_of(&bigger, m->slots[i].a, m->slots[i].b) = m->slots[i];
	free(m->slots);
	*m = bigger;
	return 0;
}

int hashmap_put(struct hashmap *m, uint64_t a, uint64_t b, uint64_t value)
{
	struct hashmap_slot *slot = m->room ? slot_of(m, a, b) : NULL;

	if (slot && slot->used) {
		slot->value = value;
		return 0;
	}
	if ((m->count + 1) * 3 > m->room * 2) {
		if (grow(m) < 0)
			return -ENOMEM;
		slot = slot_of(m, a, b);
	}
	*slot = (struct hashmap_slot){ .a = a, .b = b, .value = value, .used = 1 };
	m->count++;
	return 0;
}

uint64_t *hashmap_find(const struct hashmap *m, uint64_t a, uint64_t b)
{
	struct hashmap_slot *slot = m->room ? slot_of(m, a, b) : NULL;

	return slot && slot->used ? &slot->value : NULL;
}

bool hashmap_get(const struct hashmap *m, uint64_t a, uint64_t b, uint64_t *ret_value)
{
	const uint64_t *value = hashmap_find(m, a, b);

	if (value && ret_value)
		*ret_value = *value;
	return value;
}

bool hashmap_remove(struct hashmap *m, uint64_t a, uint64_t b)
{
	struct hashmap_slot *slot = m->room ? slot_of(m, a, b) : NULL;
	size_t mask = m->room - 1, hole, i;

	if (!slot || !slot->used)
		return false;
	hole = (size_t)(slot - m->slots);
	/* An entry may fill the hole unless its own place lies between hole and entry, cyclically. */
	for (i = (hole + 1) & mask; m->slots[i].used; i = (i + 1) & mask) {
		size_t home = hash(m->slots[i].a, m->slots[i].b) & mask;

		if (((i - home) & mask) < ((i - hole) & mask))
			continue;
		m->slots[hole] = m->slots[i];
		hole = i;
	}
	m->slots[hole] = (struct hashmap_slot){ 0 };
	m->count--;
	return true;
}

struct hashmap_slot *hashmap_next(const struct hashmap *m, size_t *at)
{
	while (*at < m->room) {
		struct hashmap_slot *slot = &m->slots[(*at)++];

		if (slot->used)
			return slot;
	}
	return NULL;
}

void hashmap_free(struct hashmap *m)
{
	free(m->slots);
	*m = (struct hashmap){ 0 };
}
