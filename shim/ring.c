/* SPDX-License-Identifier: MIT */
/*
 * Writing records; forkscope/shim_area.h tells the protocol.
 *
 * A thread keeps its block in thread-local storage. A signal handler that writes in the middle of another
 * record just reserves what follows: moving `reserved` is atomic. A forked child must not write into its
 * parent's block, which `block_pid` tells; a vfork child may and does.
 */
#include "shim.h"

#include <string.h>

SHIM_TLS uint32_t block_index; /* + 1; 0: none */
SHIM_TLS uint32_t block_pid;
SHIM_TLS uint64_t block_owner;

SHIM_TLS uint32_t tid_here;
SHIM_TLS uint32_t tid_pid; /* the process in which it is so */

static uint32_t own_tid(uint32_t pid)
{
	if (tid_pid != pid) {
		tid_here = sys_gettid();
		tid_pid = pid;
	}
	return tid_here;
}

static void count_loss(unsigned type)
{
	__atomic_add_fetch(&shim.area->lost[type % FS_EV_MAX], 1, __ATOMIC_RELAXED);
}

static void raise_high(uint32_t index)
{
	uint32_t high = __atomic_load_n(&shim.area->high, __ATOMIC_RELAXED);

	while (high <= index &&
	       !__atomic_compare_exchange_n(&shim.area->high, &high, index + 1, false,
					    __ATOMIC_RELEASE, __ATOMIC_RELAXED))
		;
}

/* The recorder looks whether this one lives; it must not be 0. */
static uint32_t owner_pid(uint32_t pid)
{
	return shim.foreign_pids && shim.process->host_pid ? shim.process->host_pid : pid;
}

static bool take_block(uint32_t pid)
{
	struct fs_area *area = shim.area;
	uint32_t count = area->block_count;
	uint64_t owner = (uint64_t)sys_gettid() << 32 | owner_pid(pid);
	uint32_t i = __atomic_load_n(&area->hint, __ATOMIC_RELAXED);

	if (__atomic_load_n(&area->full, __ATOMIC_RELAXED))
		return false;
	for (uint32_t tried = 0; tried < count; tried++, i++) {
		uint64_t none = 0;

		if (i >= count)
			i = 0;
		if (__atomic_load_n(&area->blocks[i].owner, __ATOMIC_RELAXED) ||
		    !__atomic_compare_exchange_n(&area->blocks[i].owner, &none, owner, false,
						 __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
			continue;
		raise_high(i);
		__atomic_store_n(&area->hint, i + 1, __ATOMIC_RELAXED);
		block_index = i + 1;
		block_pid = pid;
		block_owner = owner;
		return true;
	}
	__atomic_store_n(&area->full, 1, __ATOMIC_RELAXED);
	return false;
}

/* Hands out size bytes of the thread's block; NULL: it is full, or no longer ours. */
static void *reserve_in(struct fs_area_block *b, uint32_t index, size_t size)
{
	uint32_t at = __atomic_load_n(&b->reserved, __ATOMIC_RELAXED);

	if (__atomic_load_n(&b->owner, __ATOMIC_RELAXED) != block_owner)
		return NULL;
	do {
		if (at + size > shim.area->block_size)
			return NULL;
	} while (!__atomic_compare_exchange_n(&b->reserved, &at, at + (uint32_t)size, false,
					      __ATOMIC_RELAXED, __ATOMIC_RELAXED));
	return shim.blocks + (uint64_t)index * shim.area->block_size + at;
}

static void seal_block(void)
{
	struct fs_area_block *b = &shim.area->blocks[block_index - 1];

	block_index = 0;
	if (__atomic_load_n(&b->owner, __ATOMIC_RELAXED) == block_owner)
		__atomic_store_n(&b->sealed, 1, __ATOMIC_RELEASE);
}

/* A forked or vfork child has its parent's block in hand, and leaves it alone. */
void ring_seal(void)
{
	if (shim.on && block_index && block_pid == sys_getpid())
		seal_block();
}

static void *reserve(size_t size, uint32_t pid)
{
	void *at = NULL;

	if (block_index && block_pid == pid)
		at = reserve_in(&shim.area->blocks[block_index - 1], block_index - 1, size);
	if (at)
		return at;
	if (block_index && block_pid == pid)
		seal_block();
	if (!take_block(pid))
		return NULL;
	return reserve_in(&shim.area->blocks[block_index - 1], block_index - 1, size);
}

static void name_writer(struct fs_event *e, const struct shim_process *p, uint32_t pid)
{
	e->ns_pid = pid;
	e->pid = pid == p->pid ? p->host_pid : shim.foreign_pids ? 0 : pid;
	/* A vfork child has its parent's storage. */
	e->tid = pid == p->pid ? own_tid(p->pid) : sys_gettid();
	if (e->tid == pid)
		e->tid = e->pid;
}

void *ring_reserve_by(uint32_t pid, unsigned type, size_t size)
{
	struct shim_process *p = shim_self();
	size_t room = (size + 7) & ~(size_t)7;
	struct fs_event *e;

	if (__atomic_load_n(&shim.area->closed, __ATOMIC_RELAXED))
		return NULL;
	e = room <= FS_AREA_RECORD_MAX ? reserve(room, p->pid) : NULL;
	if (!e) {
		count_loss(type);
		return NULL;
	}
	__atomic_store_n(&e->size, (uint32_t)room | FS_AREA_BUSY, __ATOMIC_RELEASE);
	e->type = (uint16_t)type;
	e->source = FS_SOURCE_SHIM;
	e->flags = 0;
	e->ts_ns = shim_now_ns();
	e->start_ns = 0;
	name_writer(e, p, pid);
	e->cpu = 0;
	if (room > size)
		memset((char *)e + size, 0, room - size);
	return e;
}

void *ring_reserve(unsigned type, size_t size)
{
	return ring_reserve_by(sys_getpid(), type, size);
}

void ring_commit(void *record)
{
	struct fs_event *e = record;

	__atomic_store_n(&e->size, e->size & ~FS_AREA_BUSY, __ATOMIC_RELEASE);
}

void ring_put(unsigned type, const void *event, size_t size)
{
	void *r = ring_reserve(type, size);

	if (!r)
		return;
	memcpy((char *)r + sizeof(struct fs_event), (const char *)event + sizeof(struct fs_event),
	       size - sizeof(struct fs_event));
	ring_commit(r);
}

void ring_busy(uint64_t from_ns)
{
	const struct fs_ev_shim_busy e = { .from_ns = from_ns };

	ring_put(FS_EV_SHIM_BUSY, &e, sizeof(e));
}
