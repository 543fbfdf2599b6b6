/* SPDX-License-Identifier: MIT */
/*
 * Inside a pool: work, lanes, and what moves between them.
 *
 * A piece of work (a future, or a batch: the items of a map) waits in pool->pending until dispatch()
 * writes some of it into a lane's submit ring as one record; an `inflight` entry stands for the record until
 * its completion was drained or its worker died. Only then does the record's ring space become free.
 *
 * One caller thread at a time is the driver: it sleeps in epoll and handles deaths and timers. Any thread may
 * drain and dispatch under the lock.
 */
#ifndef POOL_POOL_H
#define POOL_POOL_H

#include "internal.h"

enum work_kind { WORK_FUTURE, WORK_BATCH };

struct work {
	struct link link; /* in pool->pending */
	enum work_kind kind;
	bool waiting; /* is in pool->pending */
	struct pp_pool *pool;
	const struct task *task;
	int64_t timeout_ns; /* 0: none */
	unsigned retries;
};

/* How an item that is not PP_DONE ended. */
struct bad {
	struct bad *next;
	enum pp_outcome outcome;
	int code;
	struct ending ending;
	char message[];
};

enum future_state { FUTURE_OPEN, FUTURE_ENDED };

/* A result in a lane's memory, until given back. */
struct held {
	struct lane_memory *memory; /* NULL: none */
	uint32_t block, gen;
};

struct pp_future {
	struct work work;
	uint32_t state; /* enum future_state */
	bool freed; /* by its owner, before its end */
	bool drop; /* what comes for it is dropped: it was cancelled */
	bool in_copied; /* in is ours */
	bool in_arena; /* in_off in pool->arena */
	uint8_t strays; /* see struct inflight */
	uint32_t attempts;
	const void *in;
	size_t in_len;
	uint64_t in_off;
	struct lane *lane; /* it is in flight there */
	uint64_t seq;
	uint64_t number; /* among the pool's tasks, for marks */
	const void *data;
	size_t len;
	void *own; /* malloc'ed result */
	struct held held;
	struct bad *bad;
	pid_t pid;
	void (*callback)(struct pp_future *future, void *arg);
	void *arg;
	struct pp_future *next; /* free list, or callbacks to run */
	uint8_t small[48];
};

struct item {
	const void *at; /* its bytes, or its struct bad */
	uint32_t len;
	uint32_t pid;
	uint8_t outcome; /* 0: not ended */
	uint8_t attempts;
};

struct range {
	struct range *next;
	size_t first, count;
	unsigned attempt;
	uint8_t strays;
};

struct blob {
	struct blob *next;
	_Alignas(16) uint8_t bytes[];
};

struct held_item {
	struct held_item *next;
	struct held held;
};

struct pp_results {
	struct work work;
	const struct iovec *items;
	void *copies; /* of items and their bytes, when ours */
	size_t n, next, chunk;
	uint64_t number; /* of its first item among the pool's tasks, for marks */
	struct range *ranges; /* to be done again, before next */
	size_t ended, bad_count;
	unsigned inflight;
	bool cancelled, freed, told;
	struct item *item;
	size_t item_bytes;
	struct blob *blobs;
	struct bad *bads;
	struct held_item *held;
	struct pp_map_opts opts;
	struct pp_results *next_done;
	struct link all; /* in pool->batches */
};

enum entry_state { ENTRY_OPEN, ENTRY_REVOKED };

struct inflight {
	struct work *work; /* NULL: the initializer */
	uint64_t end; /* ring position behind its record */
	uint64_t first;
	uint32_t count, done, attempt;
	uint32_t at; /* offset of the record in the ring */
	uint8_t state, has_arena, timed;
	uint8_t strays; /* how often its worker ended and it was let off: it then runs alone in a lane */
};

enum why_killed { KILLED_NOT, KILLED_TIMEOUT, KILLED_CANCEL, KILLED_STOP, KILLED_BROKEN };

struct lane {
	struct pp_pool *pool;
	unsigned place;
	uint32_t number; /* of all the pool has had, for marks */
	bool used;
	bool active; /* gets tasks; else a spare */
	bool retiring; /* gets no more */
	bool uninitialised; /* the initializer has yet to end well */
	bool quit_sent;
	bool alone; /* what it has is to be there by itself */
	bool robbed; /* something was taken back from it */
	struct channel ch;
	uint64_t sub_tail, sub_freed, comp_head;
	uint64_t last_run; /* what its `run` word is while it has not begun the first entry */
	uint64_t passed_seq; /* records before it the worker has read for the last time */
	uint64_t first_seq, next_seq;
	unsigned n_inflight; /* entries first_seq .. next_seq - 1 */
	uint64_t items_out; /* items in them */
	uint64_t items_given;
	uint32_t rung;
	unsigned held_blocks;
	uint8_t *defined; /* by task id */
	uint32_t n_defined;
	int64_t check_ns; /* when to look for a timeout; INT64_MAX: never */
	enum why_killed why;
	uint64_t why_run; /* the run word it was killed for */
	bool own_clock; /* and it is the caller's own, see timeout.c */
	uint64_t clock_run, clock_head; /* where the lane was when it was first seen there, */
	int64_t clock_ns; /* and when; 0: never */
	int64_t seen_busy;
	uint64_t seen_items, seen_ended;
	struct inflight *
		entry; /* LANE_SLOTS, of its place, in runs, see struct entries; cleared when used */
	unsigned entry_row;
};

/* Threads tell theirs in their lane. */
static inline pid_t lane_pid(const struct lane *lane)
{
	return lane->ch.is_thread ? (pid_t)load_relaxed(&lane->ch.map.worker->pid) : lane->ch.pid;
}

/*
 * The entries of some places, all together and apart from the lanes: most are never touched, so no page of theirs
 * is, nor looked at by a fork, and the lanes lie close to one another. And the first entries of all places, which are
 * those that a short life needs, lie side by side: a row has a run of each place's.
 */
#define ENTRY_RUN 8u

struct entries {
	struct entries *next;
	struct inflight entry[];
};

struct place {
	struct inflight *entry;
	unsigned entry_row; /* from one run to the next */
	unsigned restarts;
	struct pp_worker_insight last;
};

struct pp_pool {
	struct owned owned;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct pp_context *context;
	int refs; /* the owner's, and one for each future, batch and buffer */
	struct worker_setup setup;
	unsigned wanted, spares;
	char *init_name;
	const struct task *init_task;
	void *init_in;
	size_t init_len;
	uint64_t max_tasks, queue_limit, queue_bytes;
	int64_t timeout_ns, keep_alive_ns;
	unsigned retries;
	unsigned cpus;

	struct lane **lanes;
	struct place *places;
	struct entries *entries;
	unsigned n_lanes, alive, active;
	uint32_t begun; /* workers it has had, for marks */
	struct lane_block *block; /* while workers are being forked: where their lanes are */
	unsigned block_used;
	struct lane *current;
	int epoll_fd, timer_fd;
	int wake_fd, wake_in; /* what is written into the second wakes who sleeps on the first */
	int64_t timer_set;
	uint32_t park;
	unsigned busy; /* lanes with something in flight */
	unsigned loops;
	uint64_t told; /* pool->ended as the last drive left it */
	bool consumed; /* events were read since the workers were last armed */
	bool kicked;
	int64_t driver_until; /* how the driver fell asleep */
	uint64_t driver_ended;
	bool driver_kicked;
	bool driver, fd_mode, closed, terminated, shrunk;
	int stopped; /* negative errno: cannot go on */
	char reason[256];
	unsigned waiters;
	unsigned failed_starts;
	int start_error;
	int64_t retry_start_ns;
	int64_t est_ns; /* of an item; 0 unknown */
	int64_t spin_ns;
	unsigned since_drain;

	struct link pending; /* struct work */
	struct link batches;
	uint64_t accepted, ended, bytes;
	uint64_t number; /* of this pool among all of the recording, for marks */
	struct pp_future *free_list, *returned;
	struct slab *slabs;
	struct pp_future *callbacks, **callbacks_end;
	struct pp_results *batches_done;
	const char *last_name;
	char last_name_copy[64];
	struct task *last_task;

	int arena_fd;
	uint8_t *arena_base;
	const uint8_t *arena_view; /* read-only: what forked workers get */
	uint64_t arena_size;
	struct arena arena;
	bool arena_full; /* what was to be handed over last had no room there */

	struct pp_pool_stats stats;
};

/* pool.c */
int pool_enter(struct pp_pool *pool); /* locks; fails for a foreign or stopped one */
void pool_unref(struct pp_pool *pool);
void pool_stop_locked(struct pp_pool *pool, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
int find_task_locked(struct pp_pool *pool, const char *name, struct task **ret_task);
bool work_is_left(const struct pp_pool *pool);

/* queue.c */
void dispatch_locked(struct pp_pool *pool);
bool put_future(struct pp_pool *pool,
		struct pp_future *f); /* straight to a lane, when one has room */
int put_init(struct lane *lane);
void put_quit(struct lane *lane);
void ring_bell(struct lane *lane);
void pending_add(struct work *work, bool front);
void pending_remove(struct work *work);
/* Takes back what `entry` has not begun: true when the worker will not run it. */
bool take_back(struct lane *lane, uint64_t seq);
void pop_finished(struct lane *lane);

static inline struct inflight *entry_of(struct lane *lane, uint64_t seq)
{
	unsigned slot = seq % LANE_SLOTS;

	return &lane->entry[slot / ENTRY_RUN * lane->entry_row + slot % ENTRY_RUN];
}

/* The item that a worker is at by what it has published: as its `run` word would say it. */
static inline uint64_t front_word(struct lane *lane)
{
	return run_word(lane->first_seq, entry_of(lane, lane->first_seq)->done, true);
}

/* complete.c */
/* Processes what the worker has published; false when it is nonsense. */
bool drain_locked(struct lane *lane);
bool take_record(struct lane *lane, const struct comp_view *view);
void free_inputs(struct lane *lane, const struct inflight *entry);
void end_item_badly(struct pp_pool *pool, struct work *work, size_t i, unsigned attempts,
		    enum pp_outcome outcome, int code, const struct ending *ending, pid_t pid,
		    const char *message);
void held_release(struct held *held);

/* settle.c */
/* All that a dead worker had goes back, or ends. */
void settle_locked(struct lane *lane, const struct ending *ending);
void describe_ending(const struct lane *lane, const struct ending *ending, char *text, size_t size);
void rebalance_locked(struct pp_pool *pool);

/* supervise.c */
void start_workers_locked(struct pp_pool *pool);
void lane_ended_locked(struct lane *lane);
void abandon_threads_locked(struct pp_pool *pool);
void check_timeouts_locked(struct pp_pool *pool);
void kill_lane(struct lane *lane, enum why_killed why);
void lanes_remove_locked(struct pp_pool *pool); /* all, by force */
int64_t next_timer_locked(const struct pp_pool *pool);
void trim_workers_locked(struct pp_pool *pool);
void record_insight(struct lane *lane);

/* drive.c */
int drive_init(struct pp_pool *pool);
int lane_watch(struct lane *lane);
void lane_unwatch(struct lane *lane);
/* Drains, dispatches, supervises, without waiting; the lock is let go while callbacks run. */
void drive_locked(struct pp_pool *pool, bool look);
void kick(struct pp_pool *pool);
void leave_locked(struct pp_pool *pool);
/* Drives until done(arg). 0 or -ETIMEDOUT. */
int wait_locked(struct pp_pool *pool, bool (*done)(void *arg), void *arg, int64_t deadline);

/* future.c */
void future_end(struct pp_pool *pool, struct pp_future *f);
void future_recycle(struct pp_pool *pool, struct pp_future *f);
void future_drop_input(struct pp_pool *pool, struct pp_future *f);
struct pp_future *future_new_locked(struct pp_pool *pool);

/* buffer.c */
uint64_t buffer_offset(const struct pp_buffer *buffer, size_t *ret_len);
void buffer_taken(struct pp_buffer *buffer);

/* map.c */
void batch_maybe_end(struct pp_pool *pool, struct pp_results *b);
void batch_cancel_locked(struct pp_pool *pool, struct pp_results *b, int code, const char *message);
int batch_new_locked(struct pp_pool *pool, const char *task, const struct iovec *items, size_t n,
		     const struct pp_map_opts *opts, struct pp_results **ret);
void batch_requeue(struct pp_pool *pool, struct pp_results *b, size_t first, size_t count,
		   unsigned attempt, uint8_t strays);
void item_result(const struct item *item, size_t index, struct pp_result *ret);
void bad_result(const struct bad *bad, struct pp_result *r);

#endif
