/* SPDX-License-Identifier: MIT */
/* A pool of byte strings; see intern.h. */
#include "base/intern.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define BLOCK_SIZE ((size_t)256 << 10)
#define LEN_MAX ((size_t)1 << 30)

struct intern_block {
	struct intern_block *next;
	size_t used;
	size_t room;
	char data[] __attribute__((aligned(8)));
};

/* Eight bytes a step: tables of thousands of fds pass through here at every fork. */
static uint32_t hash_bytes(uint64_t seed, const void *data, size_t len)
{
	const unsigned char *p = data;
	uint64_t h = seed ^ (len * 0x9e3779b97f4a7c15ull), v;

	for (; len >= 8; p += 8, len -= 8) {
		memcpy(&v, p, 8);
		h = (h ^ v) * 0xff51afd7ed558ccdull;
		h ^= h >> 32;
	}
	v = 0;
	if (len)
		memcpy(&v, p, len);
	h = (h ^ v) * 0xc4ceb9fe1a85ec53ull;
	return (uint32_t)(h ^ (h >> 29));
}

static int make_room(struct intern_pool *pool)
{
	size_t room = pool->room ? pool->room * 2 : 256, i, at;
	struct interned **slots;

	if (pool->count * 4 < pool->room * 3)
		return 0;
	slots = calloc(room, sizeof(*slots));
	if (!slots)
		return -1;
	for (i = 0; i < pool->room; i++) {
		if (!pool->slots[i])
			continue;
		at = pool->slots[i]->hash & (room - 1);
		while (slots[at])
			at = (at + 1) & (room - 1);
		slots[at] = pool->slots[i];
	}
	free(pool->slots);
	pool->slots = slots;
	pool->room = room;
	return 0;
}

static struct interned *cut(struct intern_pool *pool, size_t len)
{
	size_t need = (sizeof(struct interned) + len + 1 + 7) & ~(size_t)7;
	struct intern_block *b = pool->blocks;
	struct interned *s;

	if (!b || b->room - b->used < need) {
		size_t room = need > BLOCK_SIZE ? need : BLOCK_SIZE;

		b = malloc(sizeof(*b) + room);
		if (!b)
			return NULL;
		b->used = 0;
		b->room = room;
		b->next = pool->blocks;
		pool->blocks = b;
	}
	s = (struct interned *)(b->data + b->used);
	b->used += need;
	return s;
}

const struct interned *intern(struct intern_pool *pool, const void *data, size_t len)
{
	struct interned *s;
	uint32_t hash;
	size_t at;

	if (len > LEN_MAX)
		return NULL;
	if (!pool->seed && getrandom(&pool->seed, sizeof(pool->seed), GRND_NONBLOCK) < 0)
		pool->seed = (uintptr_t)pool;
	if (make_room(pool) < 0)
		return NULL;
	hash = hash_bytes(pool->seed, data, len);
	for (at = hash & (pool->room - 1); (s = pool->slots[at]); at = (at + 1) & (pool->room - 1))
		if (s->hash == hash && s->len == len && (!len || memcmp(s->data, data, len) == 0))
			return s;
	s = cut(pool, len);
	if (!s)
		return NULL;
	s->len = (uint32_t)len;
	s->hash = hash;
	if (len)
		memcpy(s->data, data, len);
	s->data[len] = '\0';
	pool->slots[at] = s;
	pool->count++;
	return s;
}

void intern_free(struct intern_pool *pool)
{
	struct intern_block *b, *next;

	for (b = pool->blocks; b; b = next) {
		next = b->next;
		free(b);
	}
	free(pool->slots);
	*pool = (struct intern_pool){ 0 };
}
