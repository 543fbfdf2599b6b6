/* SPDX-License-Identifier: MIT */
/* Inside a worker: what worker.c (the loop) and call.c (what tasks call) share. */
#ifndef POOL_WORKER_H
#define POOL_WORKER_H

#include "internal.h"

#define MESSAGE_MAX 1024u

struct worker;

struct pp_call {
	struct worker *worker;
	const uint8_t *in;
	size_t in_len;
	uint64_t index;
	unsigned attempt;
	/* The result so far: in the open record, or (spilled) in a block of the lane's arena. */
	uint8_t *out;
	size_t len, cap;
	bool spilled;
	uint32_t block;
	bool failed;
	int code;
	char message[MESSAGE_MAX];
};

struct worker_task {
	int (*fn)(struct pp_call *call);
	int error;
	char *text; /* why it cannot be run */
};

struct result_block {
	uint64_t off, len;
	uint32_t gen;
	bool used;
};

/* So many without asking for memory: a worker that can get none still does what most of them are for. */
#define FEW_TASKS 8u
#define FEW_BLOCKS 8u

struct worker {
	struct lane_map map;
	const struct worker_fds *fds;
	uint64_t pos; /* in the submit ring */
	uint64_t comp_tail; /* as published */
	uint64_t comp_head; /* the caller's, as last looked at: each look takes the line from it */
	/* The open record: items `first` to `first + count - 1` are whole. */
	struct comp_rec *rec;
	uint64_t seq;
	uint32_t first, count, room, used, cap;
	struct worker_task *tasks; /* few, until there are more */
	uint32_t n_tasks;
	struct arena arena;
	struct result_block *blocks;
	uint32_t n_blocks, next_block, max_blocks;
	void *state;
	uint32_t signalled; /* the park of the caller that was answered */
	uint32_t park_count;
	int64_t spin_ns;
	int64_t ready_ns, since_ns, busy_ns, waiting_ns;
	bool busy;
	uint32_t records;
	int64_t rss_checked;
	bool init_failed;
	bool cannot_learn; /* no memory for a task: a new worker may have more */
	pid_t pid;
	bool tied; /* to its caller, for sure, since the last task */
	int exit_code; /* of a process's one task */
	uint8_t *aside; /* LANE_INLINE_MAX bytes, once needed */
	struct worker_task few_tasks[FEW_TASKS];
	struct result_block few_blocks[FEW_BLOCKS];
};

/* Makes room for a result of `need` bytes at call->out. */
int worker_grow(struct worker *worker, struct pp_call *call, size_t need);

/* learn.c */
void learn_task(struct worker *worker, const struct sub_rec *rec);
int run_task(struct worker *worker, struct pp_call *call, uint32_t id);

/* blocks.c */
int worker_block_get(struct worker *worker, size_t len, uint32_t *ret_block);
void worker_block_free(struct worker *worker, uint32_t block);

#endif
