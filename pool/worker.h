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

struct worker {
	struct lane_map map;
	struct worker_fds fds;
	uint64_t pos; /* in the submit ring */
	uint64_t comp_tail; /* as published */
	/* The open record: items `first` to `first + count - 1` are whole. */
	struct comp_rec *rec;
	uint64_t seq;
	uint32_t first, count, room, used, cap;
	struct worker_task *tasks; /* few, until there are more */
	uint32_t n_tasks;
	struct worker_task few[8];
	struct arena arena;
	struct result_block {
		uint64_t off, len;
		uint32_t gen;
		bool used;
	} * blocks;
	uint32_t n_blocks, next_block;
	void *state;
	uint32_t signalled; /* the park of the caller that was answered */
	uint32_t park_count;
	int64_t spin_ns;
	uint32_t records;
	int64_t rss_checked;
	bool init_failed;
	int exit_code; /* of a process's one task */
	uint8_t *aside; /* LANE_INLINE_MAX bytes, once needed */
};

/* Makes room for a result of `need` bytes at call->out. */
int worker_grow(struct worker *worker, struct pp_call *call, size_t need);
void worker_block_free(struct worker *worker, uint32_t block);

#endif
