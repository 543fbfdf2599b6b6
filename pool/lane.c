/* SPDX-License-Identifier: MIT */
/* Making, mapping and reading lanes; see lane.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "forkscope/raw_syscall.h"
#include "internal.h"
#include "lane.h"

/* Of all lanes of a block; so that some thousand fit into the address space. */
#define BLOCK_ARENAS_MAX (16ull << 40)

static void lay_out(struct lane_map *map, uint8_t *arena, uint64_t arena_size, uint8_t *hot)
{
	map->arena = arena;
	map->arena_size = arena_size;
	map->hot = hot;
	map->claims = (void *)(hot + LANE_CLAIM_OFF);
	map->worker = (void *)(hot + LANE_WORKER_OFF);
	map->comp = hot + LANE_COMP_OFF;
	map->caller = (void *)(hot + LANE_CALLER_OFF);
	map->boot = (void *)(hot + LANE_BOOT_OFF);
	map->sub = hot + LANE_SUB_OFF;
	map->cwd = (char *)hot + LANE_CWD_OFF;
	map->released = (void *)(hot + LANE_REL_OFF);
}

/* A lane's arena is address space, not memory; under a tight RLIMIT_AS or _FSIZE it gets smaller. */
int lane_create(struct lane_map *ret_map, int *ret_fd)
{
	uint64_t arena;
	void *base;
	int fd, r;

	for (arena = LANE_ARENA_MAX;; arena >>= 1) {
		uint64_t total = LANE_END_OFF + arena;

		r = memory_new("procpool-lane", total, &fd, &base);
		if (r == 0) {
			lay_out(ret_map, base, arena, (uint8_t *)base + arena);
			ret_map->caller->magic = LANE_MAGIC;
			ret_map->caller->total = total;
			*ret_fd = fd;
			return 0;
		}
		if ((r != -ENOMEM && r != -EFBIG) || arena <= LANE_ARENA_MIN)
			return r;
	}
}

int lane_create_private(struct lane_map *ret_map)
{
	uint64_t arena;

	for (arena = LANE_ARENA_MAX;; arena >>= 1) {
		uint64_t total = LANE_END_OFF + arena;
		void *base = mmap(NULL, total, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

		if (base != MAP_FAILED) {
			lay_out(ret_map, base, arena, (uint8_t *)base + arena);
			ret_map->caller->magic = LANE_MAGIC;
			ret_map->caller->total = total;
			return 0;
		}
		if (arena <= LANE_ARENA_MIN)
			return -errno;
	}
}

int lane_attach(struct lane_map *ret_map, int fd)
{
	struct lane_map map;
	struct stat st;
	uint64_t total;
	void *base;

	if (fstat(fd, &st) < 0)
		return -errno;
	total = (uint64_t)st.st_size;
	if (total < LANE_END_OFF + LANE_ARENA_MIN)
		return -EBADMSG;
	base = mmap(NULL, total, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (base == MAP_FAILED)
		return -errno;
	lay_out(&map, base, total - LANE_END_OFF, (uint8_t *)base + total - LANE_END_OFF);
	if (map.caller->magic != LANE_MAGIC || map.caller->total != total) {
		lane_unmap(&map);
		return -EBADMSG;
	}
	*ret_map = map;
	return 0;
}

void lane_enter(const struct lane_map *map)
{
	store_relaxed(&map->worker->run, RUN_NONE);
	store_release(&map->caller->entered, 1);
}

void lane_protect(struct lane_map *map)
{
	(void)sys3(SYS_mprotect, (long)map->caller, LANE_END_OFF - LANE_CALLER_OFF, PROT_READ);
}

void lane_unmap(struct lane_map *map)
{
	if (map->arena)
		munmap(map->arena, map->arena_size + LANE_END_OFF);
	map->arena = NULL;
}

/* ---- many ---- */

static uint64_t block_size(unsigned n, uint64_t arena)
{
	return n * (arena + LANE_END_OFF);
}

static int block_memory(struct lane_block *block)
{
	uint64_t arena;
	void *base;
	int r = -ENOMEM;

	for (arena = LANE_ARENA_MAX; arena >= LANE_ARENA_MIN; arena >>= 1) {
		if (arena > BLOCK_ARENAS_MAX / block->n)
			continue;
		r = memory_new("procpool-lane", block_size(block->n, arena), &block->fd, &base);
		if (r != -ENOMEM && r != -EFBIG)
			break;
	}
	if (r < 0)
		return r;
	/* Nobody's copies get it: a worker maps its own lane (lane_block_map). */
	(void)madvise(base, block_size(block->n, arena), MADV_DONTFORK);
	block->base = base;
	block->arena_size = arena;
	return 0;
}

int lane_block_create(struct lane_block **ret_block, unsigned n)
{
	struct lane_block *block = calloc(1, sizeof(*block));
	int r;

	if (!block)
		return -ENOMEM;
	block->refs = 1;
	block->fd = -1;
	for (block->n = n;; block->n = (block->n + 1) / 2) {
		r = block_memory(block);
		if (r == 0 || (r != -ENOMEM && r != -EFBIG) || block->n == 1)
			break;
	}
	if (r < 0) {
		free(block);
		return r;
	}
	*ret_block = block;
	return 0;
}

void lane_block_get(struct lane_block *block, unsigned i, struct lane_map *ret_map)
{
	__atomic_add_fetch(&block->refs, 1, __ATOMIC_RELAXED);
	lay_out(ret_map, block->base + i * block->arena_size, block->arena_size,
		block->base + block->n * block->arena_size + (uint64_t)i * LANE_END_OFF);
	ret_map->caller->magic = LANE_MAGIC;
	ret_map->caller->total = block->arena_size + LANE_END_OFF;
}

static void block_unref(struct lane_block *block)
{
	if (__atomic_sub_fetch(&block->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	munmap(block->base, block_size(block->n, block->arena_size));
	close_fd(&block->fd);
	free(block);
}

/* What a lane that has seen little work has touched, its first pages, is not worth two system calls. */
static void drop_memory(const struct lane_map *map)
{
	if (load_relaxed(&map->worker->arena_used))
		(void)madvise(map->arena, map->arena_size, MADV_REMOVE);
	if (load_relaxed(&map->caller->sub_tail) > LANE_SUB_SIZE / 8 ||
	    load_relaxed(&map->worker->comp_tail) > LANE_COMP_SIZE / 8)
		(void)madvise(map->hot, LANE_END_OFF, MADV_REMOVE);
}

void lane_block_put(struct lane_block *block, const struct lane_map *map)
{
	/* Before the reference goes: afterwards the mapping may. Of the last one, all goes at once. */
	if (load_acquire(&block->refs) > 1)
		drop_memory(map);
	block_unref(block);
}

/* Where the caller has it, so that what points into it holds. */
static int map_part(const struct lane_block *block, const uint8_t *part, uint64_t size)
{
	long r = sys6(SYS_mmap, (long)part, (long)size, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_FIXED, block->fd, part - block->base);

	return r < 0 ? (int)r : 0;
}

int lane_block_map(const struct lane_block *block, const struct lane_map *own, bool *ret_hot)
{
	int r = map_part(block, own->hot, LANE_END_OFF);

	*ret_hot = r == 0;
	return r < 0 ? r : map_part(block, own->arena, own->arena_size);
}

void lane_block_started(struct lane_block *block)
{
	close_fd(&block->fd);
	block_unref(block);
}

int comp_next(const uint8_t *ring, uint64_t pos, uint64_t tail, struct comp_view *ret_view)
{
	uint32_t off = pos & (LANE_COMP_SIZE - 1);
	const struct comp_rec *rec = (const void *)(ring + off);
	struct comp_view v;

	if (pos == tail)
		return 0;
	v.at = (const uint8_t *)rec;
	v.size = load_relaxed(&rec->size);
	v.kind = load_relaxed(&rec->kind);
	if (tail - pos > LANE_COMP_SIZE || v.size > tail - pos || v.size > LANE_COMP_SIZE - off ||
	    v.size < LANE_ALIGN || v.size % LANE_ALIGN)
		return -EBADMSG;
	v.seq = 0;
	v.first = v.count = v.room = 0;
	if (v.kind == REC_RUN) {
		if (v.size < sizeof(*rec))
			return -EBADMSG;
		v.seq = load_relaxed(&rec->seq);
		v.first = load_relaxed(&rec->first);
		v.count = load_relaxed(&rec->count);
		v.room = load_relaxed(&rec->room);
		if (v.room > LANE_CHUNK_ITEMS || v.count > v.room || v.first > LANE_CHUNK_ITEMS ||
		    comp_data(v.room) > v.size)
			return -EBADMSG;
	} else if (v.kind != REC_PAD) {
		return -EBADMSG;
	}
	*ret_view = v;
	return 1;
}

int comp_open(const uint8_t *ring, uint64_t tail, uint64_t run, struct comp_view *ret_view)
{
	uint32_t off = tail & (LANE_COMP_SIZE - 1), item = run >> 1 & 0xfff;
	const struct comp_rec *rec = (const void *)(ring + off);
	struct comp_view v;

	/* A process that the worker forked may still write here: each word is read once. */
	if (LANE_COMP_SIZE - off < sizeof(*rec) || load_relaxed(&rec->kind) != REC_RUN ||
	    load_relaxed(&rec->seq) != run >> 13)
		return 0;
	v.at = (const uint8_t *)rec;
	v.kind = REC_RUN;
	v.seq = run >> 13;
	v.first = load_relaxed(&rec->first);
	v.room = load_relaxed(&rec->room);
	v.size = LANE_COMP_SIZE - off;
	if (v.room > LANE_CHUNK_ITEMS || v.first > item || item - v.first > v.room ||
	    comp_data(v.room) > v.size)
		return 0;
	v.count = item - v.first;
	*ret_view = v;
	return v.count > 0;
}

int comp_item(const uint8_t *at, const struct comp_view *view, uint32_t i, enum item_kind *ret_kind,
	      const uint8_t **ret_data, uint32_t *ret_len)
{
	const uint32_t *ends = ((const struct comp_rec *)(const void *)at)->ends;
	uint32_t end = load_relaxed(&ends[i]);
	uint32_t start = i ? lane_align(load_relaxed(&ends[i - 1]) & END_MASK)
			   : comp_data(view->room);
	enum item_kind kind = end >> END_SHIFT;

	end &= END_MASK;
	if (start < comp_data(view->room) || end < start || end > view->size || kind > ITEM_ARENA ||
	    (kind == ITEM_FAILED && end - start < 4) ||
	    (kind == ITEM_ARENA && end - start != sizeof(struct item_ref)))
		return -EBADMSG;
	*ret_kind = kind;
	*ret_data = at + start;
	*ret_len = end - start;
	return 0;
}
