/* SPDX-License-Identifier: MIT */
/*
 * The lane: the shared memory between the caller and one worker, and the protocol spoken in it.
 *
 * Anonymous sealed memory: a memfd a worker; or, where workers are copies of the caller, one for all that are
 * started together (struct lane_block), of which each maps its own part and no other. The worker writes the
 * first half, the caller the second (which the worker maps read-only):
 *
 *     worker's:  result arena | claims | struct lane_worker | completion ring
 *     caller's:  struct lane_caller | struct lane_boot | submit ring | directory | released blocks
 *
 * Rules:
 *  - Every word has one writer (the claims, two, by exchange alone). There is no lock, so a worker that
 *    is killed at any instruction leaves nothing that could block or mislead the caller.
 *  - Ring positions are byte counts that only grow. A record is written whole before its ring's tail
 *    passes it, and never crosses the ring's end: a pad record fills the rest.
 *  - The caller reclaims submit space when an item's completion was processed, never earlier. So all that
 *    an interrupted worker had not finished can be read again and given to another.
 *  - `run` says which item a worker is in: (seq << 13 | item << 1 | running). Items of the open, not yet
 *    published completion record below `item` are whole; after a death the caller takes them.
 *  - Numbers from the worker's half are checked before use: it may have been scribbled over. What matters
 *    most is told where no task can: `entered` says that a worker came as far as its loop.
 */
#ifndef POOL_LANE_H
#define POOL_LANE_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>

#include "procpool.h"

#define LANE_MAGIC 0x50504c32u /* "PPL2"; changes with the layout */

#define LANE_SUB_SIZE (128u << 10)
#define LANE_COMP_SIZE (128u << 10)
#define LANE_SLOTS 512u /* records in flight at most */
#define LANE_BLOCKS 4096u /* result blocks alive at most */
#define LANE_INLINE_MAX (16u << 10) /* larger inputs and results go through an arena */
#define LANE_CHUNK_BYTES (32u << 10)
#define LANE_CHUNK_ITEMS 2048u
#define LANE_ALIGN 16u
#define LANE_ARENA_MIN (64ull << 20)
#define LANE_ARENA_MAX (16ull << 30)
#define LANE_SHARES_MAX 32u
#define LANE_RLIMITS_MAX 16u

/* Written by the caller. */
struct lane_caller {
	uint32_t magic;
	/* The one word of this half that the worker writes, before the half becomes read-only to it. */
	uint32_t entered;
	uint64_t total;
	_Alignas(64) uint64_t sub_tail;
	_Alignas(64) uint64_t comp_head;
	_Alignas(64) uint32_t doorbell; /* the worker's futex */
	uint32_t spin_ok; /* there is a CPU to spare for spinning */
	uint32_t park; /* odd: the caller sleeps; signal once for this value */
	uint32_t lazy; /* it may sleep on while there is more to run */
	uint32_t stop; /* threads: leave after the item at hand */
	uint32_t adopted; /* fork: the caller has its pidfd */
	uint32_t
		handled_told; /* that the next is set: signals (bit number - 1) that are not as by default */
	uint64_t handled;
};

/* How the worker is to be set up; written before it starts. */
struct lane_boot {
	int32_t life_fd, event_fd, arena_fd, lane_fd; /* numbers in the worker; -1: not passed */
	int32_t share_fd[LANE_SHARES_MAX];
	uint64_t share_len[LANE_SHARES_MAX];
	uint32_t n_shares;
	uint32_t flags; /* BOOT_* */
	uint64_t arena_size;
	uint64_t max_rss_kb;
	int64_t keep_alive_ns;
	int64_t start_ns;
	uint64_t pool; /* for marks: the pool's number and, in it, the worker's; 0: of no pool */
	uint32_t worker;
	uint32_t cpus_size;
	uint32_t n_rlimits;
	uint8_t cpus[128];
	struct pp_rlimit rlimits[LANE_RLIMITS_MAX];
	uint32_t
		n_known; /* copies of the caller: tasks it knew before, which are found by their registry_id */
	char name[16];
};
#define BOOT_DAEMON 0x1u /* dies with the caller */
#define BOOT_NEW_GROUP 0x2u
#define BOOT_SPARE 0x8u /* called so until it has its first task */
#define BOOT_PROCESS 0x4u /* one task, then exit with its code */
#define BOOT_CWD 0x10u /* the lane's cwd is to be its working directory */
#define BOOT_TELL 0x20u /* tells through event_fd that it is set up */

enum lane_state {
	LANE_STARTING = 0,
	LANE_READY = 1,
	LANE_RETIRED = 2, /* leaves of its own accord: idle, max_rss, or told to */
};
/* Why it retired. */
enum lane_reason { RETIRE_IDLE = 1, RETIRE_RSS, RETIRE_TOLD };

/* Written by the worker. */
struct lane_worker {
	uint32_t state;
	uint32_t reason;
	uint32_t pid;
	uint32_t arena_used; /* before a page of it is first written */
	int64_t ready_ns;
	int64_t init_ns;
	int32_t setup_error; /* why the worker could not be set up, and at which step */
	char setup_step[28];
	/* Alone: the caller looks at nothing else while the worker writes what follows. */
	_Alignas(64) uint64_t comp_tail;
	_Alignas(64) uint64_t run;
	/* What of the submit ring it has read for the last time, and the first record's seq it has not. */
	uint64_t passed;
	uint64_t passed_seq;
	int64_t item_start_ns; /* of the item running, when its record is TIMED */
	_Alignas(64) uint32_t
		parked; /* bit 0: sleeps; bit 1: for room in the completion ring; above: count */
	_Alignas(64) int64_t busy_ns;
	int64_t waiting_ns;
	uint64_t items;
	uint64_t parks;
	int64_t since_ns; /* start of the present busy or waiting stretch */
	uint32_t busy;
};

enum { PARK_BIT = 1u, PARK_SPACE = 2u, PARK_STEP = 4u };

/*
 * A page is first touched on both sides of a start, which costs: all that a short life needs is in one page of
 * each half, the rings' beginnings and the first claims (lane_claim) included. And a mapping is put just below the
 * last one: its end finds page tables that are there already, so the arena, of which most is never touched, is
 * first. Offsets are from the arena's end.
 */
#define LANE_CLAIM_OFF 1024u
#define LANE_WORKER_OFF (LANE_CLAIM_OFF + LANE_SLOTS * 8u)
#define LANE_COMP_OFF (LANE_WORKER_OFF + 512u)
#define LANE_CALLER_OFF (LANE_COMP_OFF + LANE_COMP_SIZE + 2560u)
#define LANE_BOOT_OFF (LANE_CALLER_OFF + 512u)
#define LANE_SUB_OFF (LANE_BOOT_OFF + 1536u)
#define LANE_CWD_OFF (LANE_SUB_OFF + LANE_SUB_SIZE)
#define LANE_REL_OFF (LANE_CWD_OFF + PATH_MAX)
#define LANE_END_OFF (LANE_REL_OFF + LANE_BLOCKS * 4u + 2048u)

_Static_assert(sizeof(struct lane_caller) <= LANE_BOOT_OFF - LANE_CALLER_OFF, "lane layout");
_Static_assert(sizeof(struct lane_boot) <= LANE_SUB_OFF - LANE_BOOT_OFF, "lane layout");
_Static_assert(sizeof(struct lane_worker) <= LANE_COMP_OFF - LANE_WORKER_OFF, "lane layout");
_Static_assert(LANE_CALLER_OFF % 4096 == 0 && LANE_END_OFF % 4096 == 0, "lane layout");
_Static_assert(LANE_WORKER_OFF % 4096 == 1024 && PATH_MAX == 4096, "lane layout");
_Static_assert(LANE_CHUNK_ITEMS < (1u << 12), "run word");

/* Where a lane is mapped here. */
struct lane_map {
	struct lane_caller *caller;
	struct lane_boot *boot;
	char *cwd;
	uint32_t *released;
	uint8_t *sub;
	struct lane_worker *worker;
	uint64_t *claims;
	uint8_t *comp;
	uint8_t *arena; /* NULL: it is not */
	uint64_t arena_size;
	uint8_t *hot; /* all else, LANE_END_OFF bytes: behind the arena, or all of a block */
};

/*
 * The lanes of workers that are forked together: one memory, so one mapping to make and to end. No fork copies it;
 * a worker maps its own lane anew. Arenas first, then all else side by side, where page tables are shared. Whoever
 * lets go of a lane last gives its arena's pages back; the rest is little, and goes with the last of all.
 */
struct lane_block {
	uint8_t *base;
	uint64_t arena_size;
	unsigned n;
	int refs;
	int fd; /* open until all are started: to map it, and what a worker is born with tells a recorder its role */
};

enum record_kind {
	REC_PAD = 1,
	REC_RUN, /* run items */
	REC_DEFINE, /* from now on, task number `task` is ... */
	REC_QUIT, /* leave */
};
#define REC_TIMED 0x1u /* keep item_start_ns */
#define REC_INIT 0x2u /* the initializer */

/*
 * In the submit ring. Item i's bytes are [align(ends[i-1]), ends[i]) from the record's start; the first
 * begins at record_data(). The top bits of an end say how to take the bytes (enum item_kind).
 */
struct sub_rec {
	uint32_t size; /* whole, a multiple of LANE_ALIGN */
	uint16_t kind;
	uint16_t flags;
	uint64_t seq;
	uint64_t index; /* of the first item in its map */
	uint32_t task;
	uint32_t count;
	uint32_t attempt;
	uint32_t ends[];
};

/* In the completion ring: items first .. first+count-1 of record seq. */
struct comp_rec {
	uint32_t size;
	uint16_t kind;
	uint16_t flags;
	uint64_t seq;
	uint32_t first;
	uint32_t count;
	uint32_t room; /* how many ends[] there is room for; the data comes after */
	uint32_t ends[];
};

enum item_kind {
	ITEM_PLAIN = 0, /* the bytes */
	ITEM_FAILED = 1, /* int32_t code, then the message */
	ITEM_ARENA = 2, /* struct item_ref */
};
#define END_SHIFT 28
#define END_MASK ((1u << END_SHIFT) - 1)

struct item_ref {
	uint64_t off; /* in the arena */
	uint64_t len;
	uint32_t block; /* number of the block, for its release */
	uint32_t gen;
};

/* The body of REC_DEFINE, followed by path, NUL, name, NUL. An empty path is the program itself. */
struct define_rec {
	uint32_t id;
	uint32_t registry_id; /* the caller's own */
	uint32_t path_len;
	uint32_t build_id_len;
	uint8_t build_id[64];
};

static inline uint32_t lane_align(uint32_t n)
{
	return (n + LANE_ALIGN - 1) & ~(LANE_ALIGN - 1);
}

static inline uint32_t sub_data(uint32_t count)
{
	return lane_align((uint32_t)offsetof(struct sub_rec, ends) + 4 * count);
}

static inline uint32_t comp_data(uint32_t room)
{
	return lane_align((uint32_t)offsetof(struct comp_rec, ends) + 4 * room);
}

static inline uint64_t run_word(uint64_t seq, uint32_t item, bool running)
{
	return seq << 13 | (uint64_t)item << 1 | running;
}

/* Before the first item; 0 would be what a task that clears its worker's notes leaves. */
#define RUN_NONE run_word(0, 1, false)

/* A claim says who got a record first: the worker that begins it or the caller that takes it back. */
#define CLAIM_BEGUN(seq) ((seq) << 1 | 1)
#define CLAIM_REVOKED(seq) ((seq) << 1)

/* Backwards, since the first ones are to lie beside the worker's page. */
static inline uint64_t *lane_claim(const struct lane_map *map, uint64_t seq)
{
	return &map->claims[LANE_SLOTS - 1 - seq % LANE_SLOTS];
}

#define load_acquire(p) __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define load_relaxed(p) __atomic_load_n((p), __ATOMIC_RELAXED)
#define store_release(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)
#define store_relaxed(p, v) __atomic_store_n((p), (v), __ATOMIC_RELAXED)
#ifdef __SANITIZE_THREAD__ /* knows no fences; this orders as much on the machines it runs on */
#define full_fence() ((void)__atomic_fetch_add(&(uint32_t){ 0 }, 1, __ATOMIC_SEQ_CST))
#else
#define full_fence() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#endif

static inline void cpu_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ __volatile__("yield");
#endif
}

/* lane.c */
int lane_create(struct lane_map *ret_map, int *ret_fd);
int lane_create_private(struct lane_map *ret_map); /* for threads: memory of this process */
int lane_attach(struct lane_map *ret_map, int fd); /* in a fresh worker */
void lane_enter(const struct lane_map *map); /* in a worker that is about to begin its loop */
void lane_protect(struct lane_map *map); /* in a worker: what is the caller's is read-only */
void lane_unmap(struct lane_map *map);
/* For `n` workers, or fewer where there is no room for so many. One reference, for lane_block_started(). */
int lane_block_create(struct lane_block **ret_block, unsigned n);
/* Where lane `i` is; takes a reference. */
void lane_block_get(struct lane_block *block, unsigned i, struct lane_map *ret_map);
void lane_block_put(struct lane_block *block, const struct lane_map *map);
/* In a forked worker, which is born without. *ret_hot: all but the arena is there. Async-signal-safe. */
int lane_block_map(const struct lane_block *block, const struct lane_map *own, bool *ret_hot);
/* No more workers will be forked with it. */
void lane_block_started(struct lane_block *block);

/* One completion record, checked. */
struct comp_view {
	const uint8_t *at;
	uint32_t size, first, count, room;
	uint16_t kind;
	uint64_t seq;
};
/* The record at *pos, given the ring's tail; 1, 0 when there is none, -EBADMSG. */
int comp_next(const uint8_t *ring, uint64_t pos, uint64_t tail, struct comp_view *ret_view);
/* The record a dead worker had open at the ring's tail: 1 and a view of its `count` whole items, or 0. */
int comp_open(const uint8_t *ring, uint64_t tail, uint64_t run, struct comp_view *ret_view);
/* Item i of a record that was copied to `at` (or cannot change any more). 0, or -EBADMSG. */
int comp_item(const uint8_t *at, const struct comp_view *view, uint32_t i, enum item_kind *ret_kind,
	      const uint8_t **ret_data, uint32_t *ret_len);

#endif
