/* SPDX-License-Identifier: MIT */
/* Inputs produced in place, in the arena that workers read. */
#include <errno.h>

#include "pool.h"

struct pp_buffer {
	struct pp_pool *pool;
	uint64_t off;
	size_t len;
};

int pp_pool_buffer(struct pp_pool *pool, size_t len, struct pp_buffer **ret_buffer)
{
	struct pp_buffer *b;
	int r;

	if (is_foreign(&pool->owned))
		return fail_foreign();
	if (len > PP_PAYLOAD_MAX)
		return fail(-EMSGSIZE, "a buffer of %zu bytes: at most %zu", len, PP_PAYLOAD_MAX);
	b = malloc(sizeof(*b));
	if (!b)
		return fail(-ENOMEM, "out of memory");
	b->pool = pool;
	b->len = len;
	pthread_mutex_lock(&pool->lock);
	r = arena_get(&pool->arena, len, &b->off);
	if (r == 0)
		__atomic_add_fetch(&pool->refs, 1, __ATOMIC_RELAXED);
	pthread_mutex_unlock(&pool->lock);
	if (r < 0) {
		free(b);
		return fail(r, "no room for a buffer of %zu bytes", len);
	}
	*ret_buffer = b;
	return 0;
}

void *pp_buffer_data(struct pp_buffer *b, size_t *ret_len)
{
	if (ret_len)
		*ret_len = b->len;
	return b->pool->arena_base + b->off;
}

uint64_t buffer_offset(const struct pp_buffer *b, size_t *ret_len)
{
	*ret_len = b->len;
	return b->off;
}

/* Its memory is the future's now. */
void buffer_taken(struct pp_buffer *b)
{
	struct pp_pool *pool = b->pool;

	free(b);
	pool_unref(pool);
}

void pp_buffer_free(struct pp_buffer *b)
{
	struct pp_pool *pool;

	if (!b)
		return;
	pool = b->pool;
	if (!is_foreign(&pool->owned)) {
		pthread_mutex_lock(&pool->lock);
		if (pool->arena_base)
			arena_put(&pool->arena, b->off, b->len);
		pthread_mutex_unlock(&pool->lock);
	}
	free(b);
	pool_unref(pool);
}
