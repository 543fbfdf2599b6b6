/* SPDX-License-Identifier: MIT */
/*
 * What a program says of itself: marks, spans and names (forkscope.h), and libprocpool's pools, workers and runs
 * of tasks. Facts as the program told them; who lied or died in between stands as it is, with an end of 0.
 *
 * Sums and chains are there after model_finish(). Texts are interned, or NULL. Indexes and pointers as in model.h.
 */
#ifndef TRACER_MODEL_MARKS_H
#define TRACER_MODEL_MARKS_H

#include "model/model.h"

enum mark_kind {
	MARK_INSTANT,
	MARK_SPAN,
	MARK_NAME,
};

struct mark {
	uint64_t ts;
	uint64_t end_ts; /* of a span; 0: it did not end, or its end was lost */
	uint64_t value;
	uint64_t id; /* private */
	const struct interned *name;
	uint32_t process;
	uint32_t tid;
	uint8_t kind; /* enum mark_kind */
};

struct pool {
	uint64_t id; /* as the library numbers it */
	uint64_t open_ts; /* 0: not seen */
	uint64_t close_ts;
	uint32_t process; /* its owner */
	uint32_t start_method; /* enum pp_start; 0 unknown */
	uint32_t wanted; /* workers asked for */
	uint32_t workers; /* that it had, replaced ones included */
	uint64_t tasks; /* begun */
	uint64_t failed;
	uint32_t first_worker, last_worker; /* a chain; after model_finish() */
};

/* A worker process, or thread of its pool's process. */
struct pool_worker {
	uint64_t start_ts; /* its pool had it started */
	uint64_t ready_ts; /* it took up its work */
	uint64_t exit_ts; /* its pool saw it gone */
	uint64_t busy_ns; /* in runs that ended */
	uint64_t tasks; /* begun */
	uint64_t failed;
	uint32_t pool;
	uint32_t process;
	uint32_t tid;
	uint32_t runs; /* begun */
	uint32_t first_run, last_run; /* a chain in order of time */
	uint32_t next; /* of its pool */
};

/* Tasks that a worker got in one piece. */
struct task_run {
	uint64_t queued_ts;
	uint64_t start_ts; /* 0: never begun, for instance given to another worker */
	uint64_t end_ts; /* 0: its worker died in it, or the end was lost */
	uint64_t first; /* number of the first task */
	uint64_t record; /* private */
	const struct interned *task; /* its name */
	uint32_t count;
	uint32_t failed;
	uint32_t attempt;
	uint32_t worker; /* index of workers */
	uint32_t next; /* of its worker */
};

size_t model_mark_count(const struct model *m);
const struct mark *model_mark(const struct model *m, size_t index);
size_t model_pool_count(const struct model *m);
const struct pool *model_pool(const struct model *m, uint32_t index);
size_t model_worker_count(const struct model *m);
const struct pool_worker *model_worker(const struct model *m, uint32_t index);
size_t model_run_count(const struct model *m);
const struct task_run *model_run(const struct model *m, uint32_t index);

/* "fork", "spawn", "forkserver", "thread"; NULL: unknown. */
const char *pool_method_name(const struct pool *p);

#endif
