/* SPDX-License-Identifier: MIT */
/*
 * The worker loop: takes records from the submit ring, runs their items, writes completions.
 *
 * It may be killed at any instruction. So: results are written into free space beyond the published tail;
 * `run` is stored before an item begins and after its result is whole; the tail moves last. Nothing here
 * waits for the caller but an empty submit ring or a full completion ring, and both waits are one futex that
 * the caller rings. Numbers in the caller's half are trusted, since a worker lives for its caller.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "forkscope/pool_marks.h"
#include "forkscope/raw_syscall.h"
#include "forkscope/probes.h"
#include "worker.h"

#define SPIN_MAX (20 * US)
#define SPIN_MIN (1 * US)
#define SHORT_SPIN 64
#define SHORT_LIFE 8u /* records */
#define SHORT_SLEEP (2 * SPIN_MAX) /* with the way down and up again: a spin would have got it */

/* ---- talking to the caller ---- */

static void write_event(const struct worker *w)
{
	uint64_t one = 1; /* as an eventfd wants it; a pipe that is full wakes as well */

	while (write(w->fds->event, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

/*
 * A task may have closed fds that were not its own, and opened others under their numbers. Then nothing ties this
 * process to its caller: it cannot wake it, and would not end with it. It ends now, and what it has published
 * is taken. The life pipe is known by its owner, which child_follow() has set.
 */
static void check_ties(struct worker *w)
{
	struct f_owner_ex owner = { 0, 0 };

	if (!w->tied && w->map.boot->flags & BOOT_DAEMON && !w->fds->thread &&
	    (sys3(SYS_fcntl, w->fds->life, F_GETOWN_EX, (long)&owner) < 0 || owner.pid != w->pid))
		_exit(1);
	w->tied = true;
}

/*
 * Wakes the caller when it sleeps, once for each of its sleeps. While it is `lazy` (woken soon anyway by a
 * timer of its own) and there is more to run, it may sleep on and take many completions at once.
 */
static void signal_caller(struct worker *w, bool must)
{
	uint32_t park;

	full_fence();
	park = load_relaxed(&w->map.caller->park);
	if (!(park & 1) || park == w->signalled)
		return;
	if (!must && load_relaxed(&w->map.caller->lazy) &&
	    load_acquire(&w->map.caller->sub_tail) != w->pos)
		return;
	w->signalled = park;
	check_ties(w);
	write_event(w);
}

/* A short life asks the kernel itself: libc's way leads over pages that it would not touch else. */
static int64_t clock_of(const struct worker *w)
{
	struct timespec t;

	if (w->records >= SHORT_LIFE || sys3(SYS_clock_gettime, CLOCK_MONOTONIC, (long)&t, 0) < 0)
		return now_ns();
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

/* From figures of its own: those it shows, a task may have written over. */
static void count_time(struct worker *w, bool busy)
{
	struct lane_worker *s = w->map.worker;
	int64_t now;

	/* Nobody asks how a process for one task spent its time. */
	if (w->map.boot->flags & BOOT_PROCESS)
		return;
	now = clock_of(w);
	if (w->busy)
		w->busy_ns += now - w->since_ns;
	else
		w->waiting_ns += now - w->since_ns;
	w->since_ns = now;
	w->busy = busy;
	store_relaxed(&s->busy_ns, w->busy_ns);
	store_relaxed(&s->waiting_ns, w->waiting_ns);
	store_relaxed(&s->since_ns, now);
	store_relaxed(&s->busy, busy);
}

static bool has_task(const struct worker *w, bool space, uint64_t need)
{
	if (load_relaxed(&w->map.caller->stop))
		return true;
	if (space)
		return LANE_COMP_SIZE - (w->comp_tail - load_acquire(&w->map.caller->comp_head)) >=
		       need;
	return load_acquire(&w->map.caller->sub_tail) != w->pos;
}

/* Whether a spin of the longest kind would have been for something; see spin(). */
static void learn(struct worker *w, bool paid)
{
	if (paid)
		w->spin_ns = w->spin_ns * 2 > SPIN_MAX ? SPIN_MAX : w->spin_ns * 2;
	else
		w->spin_ns = w->spin_ns / 2 < SPIN_MIN ? 0 : w->spin_ns / 2;
}

/*
 * Spins while that pays: half as long after it was for nothing, twice as long after it was not, and not at
 * all when it never is. A sleep that turned out short teaches it to spin again (wait_for_task).
 */
static bool spin(struct worker *w, bool space, uint64_t need)
{
	int64_t end;
	int i;

	if (!w->spin_ns || !load_relaxed(&w->map.caller->spin_ok))
		return has_task(w, space, need);
	end = now_ns() + w->spin_ns;
	do {
		for (i = 0; i < 64; i++) {
			if (has_task(w, space, need)) {
				learn(w, true);
				return true;
			}
			cpu_relax();
		}
	} while (now_ns() < end);
	learn(w, false);
	return false;
}

/* Sleeps until rung. False: keep_alive has passed. */
static bool park(struct worker *w, bool space, uint64_t need)
{
	struct lane_caller *c = w->map.caller;
	int64_t keep = space ? 0 : w->map.boot->keep_alive_ns;
	int64_t end = keep > 0 ? deadline_after(keep) : INT64_MAX;
	bool in_time = true;

	for (;;) {
		uint32_t bell = load_acquire(&c->doorbell);
		struct timespec ts;

		/* A new number for each sleep: the ring for the last may have been for a task already run. */
		w->park_count += PARK_STEP;
		store_relaxed(&w->map.worker->parked,
			      w->park_count | PARK_BIT | (space ? PARK_SPACE : 0));
		full_fence();
		if (has_task(w, space, need))
			break;
		if (keep > 0) {
			int64_t left = end - now_ns();

			if (left <= 0) {
				in_time = false;
				break;
			}
			ts.tv_sec = left / 1000000000;
			ts.tv_nsec = left % 1000000000;
		}
		check_ties(w);
		store_relaxed(&w->map.worker->parks, w->map.worker->parks + 1);
		(void)sys4(SYS_futex, (long)&c->doorbell, FUTEX_WAIT, bell,
			   keep > 0 ? (long)&ts : 0);
	}
	store_relaxed(&w->map.worker->parked, w->park_count);
	return in_time;
}

/* What a task printed is to be seen before the worker falls asleep (and may be killed there). */
static void flush_output(const struct worker *w)
{
	if (w->fds->thread)
		return;
	if (stream_pending(stdout))
		(void)fflush(stdout);
}

/* In a quick exchange the next task is there before a look at the clock would be over. */
static bool spin_shortly(const struct worker *w)
{
	int i;

	for (i = 0; w->spin_ns && i < SHORT_SPIN && load_relaxed(&w->map.caller->spin_ok); i++) {
		if (has_task(w, false, 0))
			return true;
		cpu_relax();
	}
	return false;
}

static bool wait_for_task(struct worker *w)
{
	bool in_time = true;
	int64_t since;

	if (has_task(w, false, 0) || spin_shortly(w))
		return true;
	count_time(w, false);
	since = w->since_ns;
	signal_caller(w, true);
	flush_output(w);
	if (spin(w, false, 0)) {
		count_time(w, true);
		return true;
	}
	in_time = park(w, false, 0);
	count_time(w, true);
	if (w->since_ns - since < SHORT_SLEEP)
		w->spin_ns = SPIN_MAX;
	return in_time;
}

/* ---- results ---- */

static uint64_t comp_space(const struct worker *w)
{
	return LANE_COMP_SIZE - (w->comp_tail - w->comp_head);
}

/* Contiguous room for `need` bytes at the ring's tail. False: told to stop. */
static bool wait_for_room(struct worker *w, uint32_t need)
{
	for (;;) {
		uint32_t off = w->comp_tail & (LANE_COMP_SIZE - 1),
			 contiguous = LANE_COMP_SIZE - off;
		uint32_t want = contiguous < need ? contiguous : need;

		if (comp_space(w) < contiguous) {
			if (!has_task(w, true, want)) {
				signal_caller(w, true);
				if (!spin(w, true, want))
					park(w, true, want);
			}
			w->comp_head = load_acquire(&w->map.caller->comp_head);
		}
		if (comp_space(w) < want)
			return false;
		if (contiguous >= need) {
			uint64_t space = comp_space(w);

			w->cap = (uint32_t)(space < contiguous ? space : contiguous);
			return true;
		}
		struct comp_rec *pad = (void *)(w->map.comp + off);

		pad->size = contiguous;
		pad->kind = REC_PAD;
		w->comp_tail += contiguous;
		store_release(&w->map.worker->comp_tail, w->comp_tail);
	}
}

static bool open_record(struct worker *w, uint32_t first, uint32_t room)
{
	if (!wait_for_room(w, comp_data(room) + LANE_INLINE_MAX + 2 * LANE_ALIGN))
		return false;
	w->rec = (void *)(w->map.comp + (w->comp_tail & (LANE_COMP_SIZE - 1)));
	w->rec->seq = 0;
	store_release(&w->rec->kind, REC_RUN);
	w->rec->flags = 0;
	w->rec->first = w->first = first;
	w->rec->room = w->room = room;
	w->count = 0;
	w->used = comp_data(room);
	/* A death from here on lets the caller take whole items from this record. */
	store_release(&w->rec->seq, w->seq);
	return true;
}

static void publish(struct worker *w)
{
	w->rec->count = w->count;
	w->rec->size = lane_align(w->used);
	w->comp_tail += w->rec->size;
	store_release(&w->map.worker->comp_tail, w->comp_tail);
	signal_caller(w, false);
}

/* What is whole goes out; the item at hand goes on in a new record. */
static int reopen(struct worker *w, struct pp_call *call)
{
	uint32_t first = w->first + w->count, room = w->room - w->count;
	size_t len = call->spilled ? 0 : call->len;

	if (len && !w->aside && !(w->aside = malloc(LANE_INLINE_MAX)))
		return -ENOMEM;
	if (len)
		memcpy(w->aside, call->out, len);
	publish(w);
	if (!open_record(w, first, room))
		return -ECANCELED;
	if (!call->spilled) {
		call->out = (uint8_t *)w->rec + w->used;
		call->cap = LANE_INLINE_MAX;
		if (len)
			memcpy(call->out, w->aside, len);
	}
	return 0;
}

int worker_grow(struct worker *w, struct pp_call *call, size_t need)
{
	size_t want = need, old = call->spilled ? w->blocks[call->block].len : 0;
	uint32_t block = 0;
	int r;

	if (need > PP_PAYLOAD_MAX)
		return -EMSGSIZE;
	if (!call->spilled && need <= LANE_INLINE_MAX)
		return reopen(w, call);
	if (call->spilled && need < 2 * old)
		want = 2 * old < PP_PAYLOAD_MAX ? 2 * old : PP_PAYLOAD_MAX;
	want = arena_block_size(want);
	r = worker_block_get(w, want, &block);
	if (r < 0)
		return r;
	memcpy(w->arena.base + w->blocks[block].off, call->out, call->len);
	if (call->spilled)
		worker_block_free(w, call->block);
	call->spilled = true;
	call->block = block;
	call->out = w->arena.base + w->blocks[block].off;
	call->cap = want;
	return 0;
}

static void drop_result(struct worker *w, struct pp_call *call)
{
	if (call->spilled)
		worker_block_free(w, call->block);
	call->spilled = false;
	call->out = (uint8_t *)w->rec + w->used;
	call->len = 0;
	call->cap = w->cap - w->used < LANE_INLINE_MAX ? w->cap - w->used : LANE_INLINE_MAX;
}

static void end_item(struct worker *w, struct pp_call *call, int code)
{
	enum item_kind kind = ITEM_PLAIN;
	int32_t failure = call->failed ? call->code : code;

	if (call->failed || code) {
		drop_result(w, call);
		kind = ITEM_FAILED;
		pp_call_write(call, &failure, sizeof(failure));
		if (!call->failed)
			snprintf(call->message, sizeof(call->message), "the task returned %d",
				 code);
		pp_call_write(call, call->message, strlen(call->message));
	} else if (call->spilled) {
		const struct result_block *b = &w->blocks[call->block];
		struct item_ref ref = { b->off, call->len, call->block, b->gen };

		kind = ITEM_ARENA;
		call->out = (uint8_t *)w->rec + w->used;
		memcpy(call->out, &ref, sizeof(ref));
		call->len = sizeof(ref);
	}
	w->used = (uint32_t)(call->out + call->len - (uint8_t *)w->rec);
	w->rec->ends[w->count] = (uint32_t)kind << END_SHIFT | w->used;
	w->used = lane_align(w->used);
	w->count++;
}

/* ---- records ---- */

static void begin_item(struct worker *w, struct pp_call *call, const struct sub_rec *rec,
		       uint32_t i)
{
	uint32_t start = i ? lane_align(rec->ends[i - 1] & END_MASK) : sub_data(rec->count);
	uint32_t end = rec->ends[i] & END_MASK;

	call->in = (const uint8_t *)rec + start;
	call->in_len = end - start;
	if (rec->ends[i] >> END_SHIFT == ITEM_ARENA) {
		struct item_ref ref;

		memcpy(&ref, call->in, sizeof(ref));
		call->in = w->fds->input_arena + ref.off;
		call->in_len = ref.len;
	}
	call->index = rec->index + i;
	call->out = (uint8_t *)w->rec + w->used;
	call->len = 0;
	call->cap = w->cap - w->used < LANE_INLINE_MAX ? w->cap - w->used : LANE_INLINE_MAX;
	call->spilled = false;
	call->failed = false;
}

/*
 * From here on the caller may write over the ring up to `pos`. It cannot tell by completions alone: a record that
 * it took back is over for it, while the worker has still to read its head to go past it.
 */
static void pass_record(struct worker *w, uint64_t pos, uint64_t seq)
{
	store_relaxed(&w->map.worker->passed_seq, seq + 1);
	store_release(&w->map.worker->passed, pos);
}

static void mark_run(const struct worker *w, const struct sub_rec *rec, unsigned type,
		     uint32_t failed)
{
	const struct lane_boot *boot = w->map.boot;

	if (!(rec->flags & REC_INIT))
		FORKSCOPE_POOL(type, NULL, .pool = boot->pool, .worker = boot->worker,
			       .task = rec->index, .code = (int32_t)failed, .record = w->seq,
			       .count = rec->count, .attempt = rec->attempt);
}

static bool run_record(struct worker *w, const struct sub_rec *rec)
{
	struct lane_worker *s = w->map.worker;
	const uint32_t size =
		rec->size; /* once published, the record is the caller's to write over */
	struct pp_call call;
	uint32_t i, failed = 0;

	if (__atomic_exchange_n(lane_claim(&w->map, rec->seq), CLAIM_BEGUN(rec->seq),
				__ATOMIC_SEQ_CST) == CLAIM_REVOKED(rec->seq))
		return true;
	w->seq = rec->seq;
	w->tied = false;
	if (!w->records && w->map.boot->flags & BOOT_SPARE)
		child_name(w->map.boot->name);
	store_release(&s->run, run_word(rec->seq, 0, false));
	if (!open_record(w, 0, rec->count))
		return false;
	mark_run(w, rec, FS_EV_TASK_START, 0);
	call.worker = w;
	call.attempt = rec->attempt;
	for (i = 0; i < rec->count; i++) {
		int code;

		/* Room for a failure's message, a block's reference, or a small result. */
		if (w->cap - w->used < MESSAGE_MAX + 2 * LANE_ALIGN) {
			call.out = NULL;
			call.len = 0;
			call.spilled = true;
			if (reopen(w, &call) < 0)
				return false;
		}
		begin_item(w, &call, rec, i);
		if (rec->flags & REC_TIMED)
			store_relaxed(&s->item_start_ns, now_ns());
		store_release(&s->run, run_word(rec->seq, i, true));
		code = run_task(w, &call, rec->task);
		end_item(w, &call, code);
		store_release(&s->run, run_word(rec->seq, i + 1, false));
		failed += code || call.failed;
		if (code || call.failed)
			w->init_failed = w->init_failed || (rec->flags & REC_INIT);
		w->exit_code = code >= 0 && code <= 255 && !(call.failed && !code) ? code : 1;
		if (load_relaxed(&w->map.caller->stop))
			return false;
	}
	store_relaxed(&s->items, s->items + rec->count);
	mark_run(w, rec, FS_EV_TASK_DONE, failed);
	if ((++w->records & 7) == 0 || w->records < SHORT_LIFE)
		count_time(w, true);
	if (rec->flags & REC_INIT)
		store_relaxed(&s->init_ns, now_ns() - w->ready_ns);
	pass_record(w, w->pos + size, w->seq);
	w->pos += size;
	publish(w);
	w->pos -= size;
	return true;
}

static bool too_big(struct worker *w)
{
	int64_t now;

	if (!w->map.boot->max_rss_kb || w->fds->thread)
		return false;
	now = now_ns();
	if (now - w->rss_checked < 100 * US)
		return false;
	w->rss_checked = now;
	return resident_kb() > w->map.boot->max_rss_kb;
}

static int retire(struct worker *w, enum lane_reason reason)
{
	count_time(w, false);
	flush_output(w);
	w->map.worker->reason = reason;
	store_release(&w->map.worker->state, LANE_RETIRED);
	return w->map.boot->flags & BOOT_PROCESS ? w->exit_code : 0;
}

static int loop(struct worker *w)
{
	for (;;) {
		const struct sub_rec *rec;
		uint32_t size, kind;
		uint64_t seq;

		if (!wait_for_task(w))
			return retire(w, RETIRE_IDLE);
		if (load_relaxed(&w->map.caller->stop))
			return retire(w, RETIRE_TOLD);
		rec = (const void *)(w->map.sub + (w->pos & (LANE_SUB_SIZE - 1)));
		/* Before it is run: afterwards the caller may have written the next one over it. */
		size = rec->size;
		kind = rec->kind;
		seq = rec->seq;
		switch (kind) {
		case REC_RUN:
			if (!run_record(w, rec))
				return retire(w, RETIRE_TOLD);
			break;
		case REC_DEFINE:
			learn_task(w, rec);
			break;
		case REC_QUIT:
			return retire(w, RETIRE_TOLD);
		}
		w->pos += size;
		if (kind == REC_RUN)
			pass_record(w, w->pos, seq);
		if (w->init_failed || w->cannot_learn)
			return retire(w, RETIRE_TOLD);
		if (kind == REC_RUN && too_big(w))
			return retire(w, RETIRE_RSS);
	}
}

int worker_run(const struct lane_map *map, const struct worker_fds *fds)
{
	/* On the stack, in the very page that a forked worker has touched already. */
	struct worker self, *w = &self;
	uint32_t i;
	int status;

	store_relaxed(&forked_here, false);
	memset(w, 0, sizeof(*w));
	w->map = *map;
	w->fds = fds;
	w->exit_code = 1;
	w->pid = (pid_t)map->worker->pid;
	w->tasks = w->few_tasks;
	w->n_tasks = FEW_TASKS;
	w->blocks = w->few_blocks;
	w->max_blocks = FEW_BLOCKS;
	arena_init(&w->arena, map->arena, map->arena_size);
	if (!(map->boot->flags & BOOT_PROCESS)) {
		w->since_ns = w->ready_ns = clock_of(w);
		store_relaxed(&map->worker->since_ns, w->since_ns);
		store_relaxed(&map->worker->ready_ns, w->ready_ns);
	}
	w->busy = true;
	store_relaxed(&map->worker->busy, 1);
	store_release(&map->worker->state, LANE_READY);
	FS_PROBE1(procpool, worker__ready, map->worker->pid);
	/* Where something could go wrong, a process's starter waits for this. */
	if (map->boot->flags & BOOT_TELL)
		write_event(w);
	FORKSCOPE_POOL(FS_EV_WORKER_READY, map->boot->name, .pool = map->boot->pool,
		       .worker = map->boot->worker, .worker_pid = map->worker->pid);
	status = loop(w);
	if (!fds->thread)
		return status; /* the process ends now, and its memory with it */
	for (i = 0; i < w->n_tasks; i++)
		free(w->tasks[i].text);
	if (w->tasks != w->few_tasks)
		free(w->tasks);
	if (w->blocks != w->few_blocks)
		free(w->blocks);
	free(w->aside);
	arena_done(&w->arena);
	return status;
}
