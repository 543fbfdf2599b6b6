/* SPDX-License-Identifier: MIT */
/* A pool's life: made, used, closed or terminated, freed; and what it tells of itself. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <sys/mman.h>
#include <unistd.h>

#include "forkscope/pool_marks.h"
#include "forkscope/probes.h"
#include "pool.h"

#define QUEUE_LIMIT 65536u
#define QUEUE_BYTES (256ull << 20)

/* ---- making ---- */

/* In a child made by fork: what keeps the parent's workers alive, or could be mistaken, goes. */
static void disown(struct owned *owned)
{
	struct pp_pool *pool = container_of(owned, struct pp_pool, owned);
	unsigned i;

	for (i = 0; i < pool->n_lanes; i++) {
		struct channel *ch = pool->lanes && pool->lanes[i] ? &pool->lanes[i]->ch : NULL;

		if (!ch)
			continue;
		close_fd(&ch->life_fd);
		close_fd(&ch->life_peer);
		close_fd(&ch->lane_fd);
		close_fd(&ch->event_fd);
		close_fd(&ch->pidfd);
	}
	if (pool->block)
		close_fd(&pool->block->fd);
	close_fd(&pool->epoll_fd);
	close_fd(&pool->wake_fd);
	close_fd(&pool->wake_in);
	close_fd(&pool->timer_fd);
	close_fd(&pool->arena_fd);
}

static int arena_new(struct pp_pool *pool)
{
	uint64_t size = LANE_ARENA_MAX;
	void *base;
	int r;

	do
		r = memory_new("procpool-input", size, &pool->arena_fd, &base);
	while ((r == -ENOMEM || r == -EFBIG) && (size >>= 1) >= LANE_ARENA_MIN);
	if (r < 0)
		return r;
	pool->arena_base = base;
	pool->arena_size = size;
	if (pool->context->ops->copy) {
		(void)madvise(base, size, MADV_DONTFORK);
		base = mmap(NULL, size, PROT_READ, MAP_SHARED, pool->arena_fd, 0);
		if (base == MAP_FAILED)
			return -errno;
	}
	pool->arena_view = base;
	arena_init(&pool->arena, pool->arena_base, size);
	return 0;
}

static int check_opts(const struct pp_pool_opts *o)
{
	if (o->workers > PP_WORKERS_MAX || o->spares > PP_WORKERS_MAX)
		return fail(-EINVAL, "%u workers: at most %u", o->workers + o->spares,
			    PP_WORKERS_MAX);
	if (o->flags)
		return fail(-EINVAL, "unknown flags 0x%x", o->flags);
	if (o->init_len > PP_PAYLOAD_MAX)
		return fail(-EMSGSIZE, "the initializer's input is too long");
	return 0;
}

static int take_opts(struct pp_pool *pool, const struct pp_pool_opts *o)
{
	struct pp_process_opts w;
	int r = opts_read(&w, sizeof(w), o->worker, "pp_process_opts");

	if (r < 0)
		return r;
	w.flags |= PP_DAEMON;
	r = setup_init(&pool->setup, &w, "procpool:worker");
	if (r == 0)
		r = setup_shares(&pool->setup, o->shares, o->n_shares);
	if (r < 0)
		return r;
	pool->setup.boot.max_rss_kb = o->max_rss_kb;
	pool->setup.boot.keep_alive_ns = o->keep_alive_ns;
	pool->wanted = o->workers ? o->workers : cpus_allowed();
	pool->spares = o->spares;
	pool->max_tasks = o->max_tasks;
	pool->queue_limit = o->queue_limit ? o->queue_limit : QUEUE_LIMIT;
	pool->queue_bytes = o->queue_bytes ? o->queue_bytes : QUEUE_BYTES;
	pool->timeout_ns = o->timeout_ns;
	pool->keep_alive_ns = o->keep_alive_ns;
	pool->retries = o->retries;
	return 0;
}

static int take_initializer(struct pp_pool *pool, const struct pp_pool_opts *o)
{
	struct task *task;
	int r;

	if (!o->initializer)
		return 0;
	r = find_task_locked(pool, o->initializer, &task);
	if (r < 0)
		return r;
	pool->init_task = task;
	pool->init_name = strdup(o->initializer);
	pool->init_in = malloc(o->init_len ? o->init_len : 1);
	if (!pool->init_name || !pool->init_in)
		return fail(-ENOMEM, "out of memory");
	if (o->init_len)
		memcpy(pool->init_in, o->init_in, o->init_len);
	pool->init_len = o->init_len;
	return 0;
}

static int room_for_lanes(struct pp_pool *pool, unsigned n)
{
	struct lane **lanes = realloc(pool->lanes, n * sizeof(struct lane *));
	struct place *places;
	struct entries *entries;
	unsigned i, more;

	if (!lanes)
		return fail(-ENOMEM, "out of memory");
	pool->lanes = lanes;
	places = realloc(pool->places, n * sizeof(*places));
	if (!places)
		return fail(-ENOMEM, "out of memory");
	pool->places = places;
	if (n <= pool->n_lanes)
		return 0;
	more = n - pool->n_lanes;
	entries = malloc(sizeof(*entries) + sizeof(struct inflight) * LANE_SLOTS * more);
	if (!entries)
		return fail(-ENOMEM, "out of memory");
	entries->next = pool->entries;
	pool->entries = entries;
	for (i = 0; i < more; i++) {
		lanes[pool->n_lanes] = NULL;
		places[pool->n_lanes] = (struct place){ .entry = &entries->entry[i * ENTRY_RUN],
							.entry_row = more * ENTRY_RUN };
		pool->n_lanes++;
	}
	return 0;
}

static struct pp_pool *pool_alloc(struct pp_context *context)
{
	struct pp_pool *pool = calloc(1, sizeof(*pool));
	pthread_condattr_t monotonic;

	if (!pool)
		return NULL;
	pthread_mutex_init(&pool->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&pool->changed, &monotonic);
	pthread_condattr_destroy(&monotonic);
	pool->context = context;
	pool->refs = 1;
	pool->cpus = cpus_allowed();
	pool->epoll_fd = pool->timer_fd = pool->arena_fd = -1;
	pool->wake_fd = pool->wake_in = -1;
	pool->callbacks_end = &pool->callbacks;
	pool->timer_set = INT64_MAX;
	list_init(&pool->pending);
	list_init(&pool->batches);
	list_init(&pool->owned.link);
	return pool;
}

/* The process's pid makes the number one of the whole recording. */
static void mark_opened(struct pp_pool *pool)
{
	static uint32_t pools;

	if (!FORKSCOPE_POOL_IS_WATCHED())
		return;
	pool->number = (uint64_t)getpid() << 32 | __atomic_add_fetch(&pools, 1, __ATOMIC_RELAXED);
	pool->setup.boot.pool = pool->number;
	FORKSCOPE_POOL(FS_EV_POOL_OPEN, NULL, .pool = pool->number,
		       .start_method = pool->context->start, .code = (int32_t)pool->wanted);
}

/* The first workers: all, or an error that says why not. */
static int start_first(struct pp_pool *pool)
{
	start_workers_locked(pool);
	return pool->alive ? 0 : pool->start_error;
}

int pp_pool_new(struct pp_pool **ret_pool, struct pp_context *context,
		const struct pp_pool_opts *opts)
{
	struct pp_pool_opts o;
	struct pp_pool *pool;
	int r = opts_read(&o, sizeof(o), opts, "pp_pool_opts");

	if (r == 0)
		r = check_opts(&o);
	if (r < 0)
		return r;
	if (context->owner != getpid())
		return fail_foreign();
	pool = pool_alloc(context);
	if (!pool)
		return fail(-ENOMEM, "out of memory");
	context_use(context, 1);
	owned_add(&pool->owned, disown);
	pthread_mutex_lock(&pool->lock);
	r = take_opts(pool, &o);
	if (r == 0)
		r = take_initializer(pool, &o);
	if (r == 0)
		r = room_for_lanes(pool, pool->wanted + pool->spares);
	if (r == 0 && ((r = drive_init(pool)) < 0 || (r = arena_new(pool)) < 0))
		fail(r, "cannot make a pool: %s", errno_text(r));
	if (r == 0) {
		mark_opened(pool);
		r = start_first(pool);
	}
	pthread_mutex_unlock(&pool->lock);
	if (r < 0) {
		pp_pool_free(pool);
		return r;
	}
	FS_PROBE2(procpool, pool__open, pool->wanted, (int)context->start);
	*ret_pool = pool;
	return 0;
}

/* The same name again, at the same address or not, is the usual case. */
int find_task_locked(struct pp_pool *pool, const char *name, struct task **ret_task)
{
	struct task *task;
	const char *image;
	int r;

	if (name && pool->last_task && name == pool->last_name &&
	    !strcmp(name, pool->last_name_copy)) {
		/* A file that was replaced since is told at once, not by the next worker that loads it. */
		r = pool->context->ops->fresh_image ? module_check_file(pool->last_task->module)
						    : 0;
		if (r == 0)
			*ret_task = pool->last_task;
		return r;
	}
	r = task_find(name, &task);
	if (r < 0)
		return r;
	if (pool->context->ops->fresh_image) {
		if (!*task->module->path && !pp_main_called &&
		    worker_image(pool->context, &image) == 0)
			return fail(-ENOTSUP,
				    "task '%s' is in the program itself: main() must begin with "
				    "pp_main()",
				    name);
		r = module_check_file(task->module);
		if (r < 0)
			return r;
	}
	if (strlen(name) < sizeof(pool->last_name_copy)) {
		(void)put_string(pool->last_name_copy, name);
		pool->last_name = name;
		pool->last_task = task;
	}
	*ret_task = task;
	return 0;
}

/* ---- one task, waiting ---- */

int pp_pool_apply(struct pp_pool *pool, const char *task, const void *in, size_t len,
		  struct pp_result *ret_result)
{
	struct pp_future *f;
	int r = pp_pool_submit(pool, task, in, len, NULL, &f);

	if (r < 0)
		return r;
	r = pp_future_wait(f, -1);
	if (r == 0)
		r = pp_future_result(f, ret_result);
	if (r < 0) {
		pp_future_free(f);
		return r;
	}
	ret_result->owner = f;
	return 0;
}

void pp_result_release(struct pp_result *result)
{
	if (result->owner)
		pp_future_free(result->owner);
	memset(result, 0, sizeof(*result));
}

/* ---- ending ---- */

bool work_is_left(const struct pp_pool *pool)
{
	return pool->accepted != pool->ended;
}

/* Ends everything that has not: waiting, with a worker, or both. */
static void end_all(struct pp_pool *pool, int code, const char *why)
{
	struct link *at, *next;
	unsigned i;
	uint64_t seq;

	for (i = 0; i < pool->n_lanes; i++) {
		struct lane *lane = pool->lanes[i];

		for (seq = lane ? lane->first_seq : 1; lane && seq < lane->next_seq; seq++) {
			struct inflight *e = entry_of(lane, seq);
			struct pp_future *f;

			if (!e->work || e->work->kind != WORK_FUTURE || e->state == ENTRY_REVOKED ||
			    e->done == e->count)
				continue;
			f = container_of(e->work, struct pp_future, work);
			if (f->drop)
				continue;
			f->drop = true;
			end_item_badly(pool, &f->work, 0, f->attempts, PP_CANCELLED, code, NULL, 0,
				       why);
		}
	}
	for (at = pool->batches.next; at != &pool->batches; at = next) {
		struct pp_results *b = container_of(at, struct pp_results, all);

		next = at->next;
		batch_cancel_locked(pool, b, code, why);
		batch_maybe_end(pool, b);
	}
	while (!list_empty(&pool->pending)) {
		struct work *work = container_of(pool->pending.next, struct work, link);

		pending_remove(work);
		end_item_badly(pool, work, 0, container_of(work, struct pp_future, work)->attempts,
			       PP_CANCELLED, code, NULL, 0, why);
	}
}

void pool_stop_locked(struct pp_pool *pool, const char *fmt, ...)
{
	va_list args;
	unsigned i;

	if (pool->stopped)
		return;
	va_start(args, fmt);
	vsnprintf(pool->reason, sizeof(pool->reason), fmt, args);
	va_end(args);
	pool->stopped = -ESHUTDOWN;
	end_all(pool, -ESHUTDOWN, pool->reason);
	for (i = 0; i < pool->n_lanes; i++)
		if (pool->lanes[i] && pool->lanes[i]->used)
			kill_lane(pool->lanes[i], KILLED_STOP);
}

int pp_pool_close(struct pp_pool *pool)
{
	if (is_foreign(&pool->owned))
		return fail_foreign();
	pthread_mutex_lock(&pool->lock);
	pool->closed = true;
	drive_locked(pool, true);
	if (pool->driver)
		kick(pool);
	leave_locked(pool);
	pthread_mutex_unlock(&pool->lock);
	return 0;
}

int pp_pool_terminate(struct pp_pool *pool)
{
	if (is_foreign(&pool->owned))
		return fail_foreign();
	pthread_mutex_lock(&pool->lock);
	if (!pool->terminated) {
		unsigned i;

		pool->closed = pool->terminated = true;
		end_all(pool, -ECANCELED, "the pool was terminated");
		for (i = 0; i < pool->n_lanes; i++)
			if (pool->lanes[i] && pool->lanes[i]->used)
				kill_lane(pool->lanes[i], KILLED_STOP);
		drive_locked(pool, true);
		if (pool->driver)
			kick(pool);
		leave_locked(pool);
	}
	pthread_mutex_unlock(&pool->lock);
	return 0;
}

static bool is_over(void *arg)
{
	struct pp_pool *pool = arg;

	return !work_is_left(pool) && !pool->alive;
}

int pp_pool_join(struct pp_pool *pool, int64_t timeout_ns)
{
	int r;

	if (is_foreign(&pool->owned))
		return fail_foreign();
	pthread_mutex_lock(&pool->lock);
	if (!pool->closed)
		r = fail(-EINVAL, "close or terminate the pool before joining it");
	else
		r = wait_locked(pool, is_over, pool, deadline_after(timeout_ns));
	pthread_mutex_unlock(&pool->lock);
	return r == -ETIMEDOUT ? fail(r, "the pool has not ended in time") : r;
}

static void free_parts(struct pp_pool *pool)
{
	struct entries *entries, *next;
	unsigned i;

	setup_done(&pool->setup);
	free(pool->init_name);
	free(pool->init_in);
	for (i = 0; is_foreign(&pool->owned) && i < pool->n_lanes; i++) {
		if (!pool->lanes[i])
			continue;
		free(pool->lanes[i]->defined);
		free(pool->lanes[i]);
	}
	for (entries = pool->entries; entries; entries = next) {
		next = entries->next;
		free(entries);
	}
	free(pool->lanes);
	free(pool->places);
	pool->entries = NULL;
	pool->lanes = NULL;
	pool->places = NULL;
	pool->n_lanes = 0;
	arena_done(&pool->arena);
	if (pool->arena_view && pool->arena_view != pool->arena_base)
		munmap((void *)(uintptr_t)pool->arena_view, pool->arena_size);
	/* A copy of the process has none; what is there is another's. */
	if (pool->arena_base && !(pool->context->ops->copy && is_foreign(&pool->owned)))
		munmap(pool->arena_base, pool->arena_size);
	pool->arena_base = NULL;
	pool->arena_view = NULL;
	close_fd(&pool->arena_fd);
	close_fd(&pool->epoll_fd);
	close_fd(&pool->timer_fd);
	close_fd(&pool->wake_fd);
	close_fd(&pool->wake_in);
}

void pp_pool_free(struct pp_pool *pool)
{
	if (!pool)
		return;
	if (!is_foreign(&pool->owned)) {
		if (work_is_left(pool) || !pool->closed)
			(void)pp_pool_terminate(pool);
		pthread_mutex_lock(&pool->lock);
		lanes_remove_locked(pool);
		drive_locked(pool, false);
		pthread_mutex_unlock(&pool->lock);
		owned_remove(&pool->owned);
		context_use(pool->context, -1);
	}
	FS_PROBE1(procpool, pool__close, pool->ended);
	if (!is_foreign(&pool->owned) && pool->number)
		FORKSCOPE_POOL(FS_EV_POOL_CLOSE, NULL, .pool = pool->number);
	free_parts(pool);
	pool_unref(pool);
}

/* ---- telling ---- */

int pp_pool_resize(struct pp_pool *pool, unsigned workers)
{
	int r;

	if (is_foreign(&pool->owned))
		return fail_foreign();
	if (!workers || workers > PP_WORKERS_MAX)
		return fail(-EINVAL, "%u workers: 1 to %u", workers, PP_WORKERS_MAX);
	pthread_mutex_lock(&pool->lock);
	r = pool->closed || pool->stopped ? fail(-ESHUTDOWN, "the pool is closed") : 0;
	if (r == 0 && workers + pool->spares > pool->n_lanes)
		r = room_for_lanes(pool, workers + pool->spares);
	if (r == 0) {
		pool->wanted = workers;
		drive_locked(pool, true);
		if (pool->driver)
			kick(pool);
		leave_locked(pool);
	}
	pthread_mutex_unlock(&pool->lock);
	return r;
}

static void sized_copy(void *to, const void *from, size_t known, size_t theirs)
{
	memcpy((char *)to + sizeof(size_t), (const char *)from + sizeof(size_t),
	       (theirs < known ? theirs : known) - sizeof(size_t));
}

int pp_pool_stats(struct pp_pool *pool, struct pp_pool_stats *ret_stats)
{
	struct link *at;
	struct pp_pool_stats s;

	if (ret_stats->size < sizeof(size_t))
		return fail(-EINVAL, "pp_pool_stats: size is not set");
	if (is_foreign(&pool->owned))
		return fail_foreign();
	pthread_mutex_lock(&pool->lock);
	s = pool->stats;
	s.workers = pool->wanted;
	s.alive = pool->alive;
	s.items_accepted = pool->accepted;
	s.items_ended = pool->ended;
	s.items_waiting = 0;
	for (at = pool->pending.next; at != &pool->pending; at = at->next) {
		struct work *w = container_of(at, struct work, link);
		struct pp_results *b = container_of(w, struct pp_results, work);

		s.items_waiting += w->kind == WORK_FUTURE ? 1 : b->n - b->next;
	}
	pthread_mutex_unlock(&pool->lock);
	sized_copy(ret_stats, &s, sizeof(s), ret_stats->size);
	return 0;
}

/* Peak resident memory from /proc; the kernel knows it best. */
static uint64_t peak_rss_kb(pid_t pid)
{
	char path[64], line[256];
	unsigned long kb = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	file = fopen(path, "re");
	while (file && !kb && fgets(line, sizeof(line), file))
		if (sscanf(line, "VmHWM: %lu", &kb) != 1)
			kb = 0;
	if (file)
		fclose(file);
	return kb;
}

int pp_pool_insight(struct pp_pool *pool, unsigned i, struct pp_worker_insight *ret_insight)
{
	struct pp_worker_insight in;
	int r = 0;

	if (ret_insight->size < sizeof(size_t))
		return fail(-EINVAL, "pp_worker_insight: size is not set");
	if (is_foreign(&pool->owned))
		return fail_foreign();
	pthread_mutex_lock(&pool->lock);
	if (i >= pool->n_lanes) {
		r = fail(-ERANGE, "no worker place %u of %u", i, pool->n_lanes);
	} else {
		if (pool->lanes[i] && pool->lanes[i]->used)
			record_insight(pool->lanes[i]);
		in = pool->places[i].last;
		in.restarts = pool->places[i].restarts ? pool->places[i].restarts - 1 : 0;
		if (in.pid && pool->lanes[i] && !pool->lanes[i]->ch.is_thread)
			in.peak_rss_kb = peak_rss_kb(in.pid);
	}
	pthread_mutex_unlock(&pool->lock);
	if (r == 0)
		sized_copy(ret_insight, &in, sizeof(in), ret_insight->size);
	return r;
}
