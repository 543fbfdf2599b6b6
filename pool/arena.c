/* SPDX-License-Identifier: MIT */
/*
 * An allocator over shared memory, for large inputs (the caller allocates) and large results (the worker
 * does). Its metadata is private memory: the other side cannot damage it.
 *
 * Blocks come in power-of-two classes; a freed block keeps its pages, since touching fresh ones is what
 * costs (a 1 MiB payload through warm pages is 3 times faster), except large ones beyond a cache of 64 MiB.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "internal.h"

#define CLASS_MIN 15 /* 32 KiB */
#define KEEP_WARM (64ull << 20)

static unsigned class_of(size_t len)
{
	unsigned c = CLASS_MIN;

	while (((size_t)1 << c) < len)
		c++;
	return c;
}

/* Its address space stays. Memory of this process alone knows another word for it. */
static void drop_pages(const struct arena *arena, uint64_t off, uint64_t size)
{
	if (madvise(arena->base + off, size, MADV_REMOVE) < 0)
		(void)madvise(arena->base + off, size, MADV_DONTNEED);
}

size_t arena_block_size(size_t len)
{
	return (size_t)1 << class_of(len);
}

void arena_init(struct arena *arena, uint8_t *base, uint64_t size)
{
	memset(arena, 0, sizeof(*arena));
	arena->base = base;
	arena->size = size;
}

void arena_done(struct arena *arena)
{
	unsigned c;

	for (c = 0; c < ARRAY_SIZE(arena->free); c++)
		free(arena->free[c].offs);
	memset(arena, 0, sizeof(*arena));
}

static void start_again(struct arena *arena)
{
	unsigned c;

	for (c = 0; c < ARRAY_SIZE(arena->free); c++)
		arena->free[c].n = 0;
	if (arena->bump)
		drop_pages(arena, 0, arena->bump);
	arena->bump = 0;
}

int arena_get(struct arena *arena, size_t len, uint64_t *ret_off)
{
	unsigned c = class_of(len);
	struct block_list *list = &arena->free[c];

	if (list->n) {
		*ret_off = list->offs[--list->n];
		arena->used++;
		return 0;
	}
	/* When none is in use, what other classes had taken is free again. */
	if (((uint64_t)1 << c) > arena->size - arena->bump && !arena->used)
		start_again(arena);
	if (((uint64_t)1 << c) > arena->size - arena->bump)
		return -ENOMEM;
	*ret_off = arena->bump;
	arena->bump += (uint64_t)1 << c;
	arena->used++;
	return 0;
}

void arena_put(struct arena *arena, uint64_t off, size_t len)
{
	unsigned c = class_of(len);
	struct block_list *list = &arena->free[c];
	uint64_t size = (uint64_t)1 << c;

	arena->used--;
	if (list->n * size >= KEEP_WARM)
		drop_pages(arena, off, size);
	if (list->n == list->room) {
		uint32_t room = list->room ? 2 * list->room : 16;
		uint64_t *offs = realloc(list->offs, room * sizeof(*offs));

		if (!offs) {
			/* Its address space is lost, its memory is not. */
			drop_pages(arena, off, size);
			return;
		}
		list->offs = offs;
		list->room = room;
	}
	list->offs[list->n++] = off;
}
