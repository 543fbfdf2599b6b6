/* SPDX-License-Identifier: MIT */
/*
 * A pool of Python's multiprocessing that waits for the task of a worker which died: see stuck_impl.h.
 *
 * Such a pool never stands still: its threads look for dead workers ten times a second, and start new ones. But its
 * caller waits, by its Python frames, for a result; a worker has died; and all workers there are wait for
 * work. Then nobody has the task, and nobody will bring its result. Only memory is read, nobody is stopped.
 */
#include <signal.h>
#include <string.h>

#include "capture/stuck_impl.h"
#include "capture/unwind.h"

#define STANDS_NS 700000000ull
#define LOOK_AGAIN_NS 500000000ull
#define NEAR_FRAMES 6 /* how deep the call that waits may lie */
#define DEPTH_MAX 32

/* Whether one of the innermost frames has both texts in it. */
static bool is_in(const struct buffer *frames, const char *function, const char *file)
{
	const char *frame = frames->data, *end = frame + frames->len;

	for (int n = 0; frame && frame < end && n < NEAR_FRAMES; n++, frame += strlen(frame) + 1)
		if (strstr(frame, function) && strstr(frame, file))
			return true;
	return false;
}

static bool is_idle_worker(const struct watched *p)
{
	struct buffer frames = { 0 };
	bool idle;

	unwind_python((pid_t)p->pid, (pid_t)p->pid, &frames);
	idle = !frames.failed && is_in(&frames, "worker ", "multiprocessing/pool.py") &&
	       is_in(&frames, "SimpleQueue.get ", "multiprocessing/queues.py");
	buffer_free(&frames);
	return idle;
}

/* All children wait for work, and there is one at least. */
static bool workers_are_idle(const struct stuck_watch *w, const struct watched *p, uint64_t now)
{
	size_t idle = 0;

	for (size_t i = 0; i < w->count; i++) {
		const struct watched *child = &w->list[i];

		if (child->parent != p->pid)
			continue;
		if (!child->signature || now - child->since_ns < STANDS_NS ||
		    !is_idle_worker(child))
			return false;
		idle++;
	}
	return idle > 0;
}

static void tell(struct stuck_watch *w, const struct watched *p, const struct thread_wait *t,
		 const struct process_wait *now_do, const struct buffer *frames)
{
	struct fs_ev_futex_stuck e = {
		.since_ns = p->main_since_ns,
		.address = t->args[0],
		.how = FS_STUCK_WAITS,
		.kind = FS_WAIT_PYTHON,
		.op = (uint32_t)t->args[1],
		.proof = FS_PROOF_POOL,
		.threads = (uint32_t)now_do->count,
		.stuck = 1,
		.frames_len = (uint32_t)frames->len,
	};

	stuck_fill(&e.h, FS_EV_FUTEX_STUCK, sizeof(e), p, t->tid);
	stuck_emit(w, &e, sizeof(e), frames->data, frames->len);
}

static const struct thread_wait *first_thread(const struct watched *p,
					      const struct process_wait *now_do)
{
	for (size_t i = 0; i < now_do->count; i++)
		if (now_do->threads[i].tid == p->pid)
			return &now_do->threads[i];
	return NULL;
}

void stuck_look_at_pool(struct stuck_watch *w, struct watched *p, const struct process_wait *now_do,
			uint64_t now)
{
	const struct thread_wait *t = first_thread(p, now_do);
	uint64_t wait = t && wait_is_endless_futex(t) ? t->args[0] ^ t->sp : 0;
	struct buffer frames = { 0 };

	if (wait != p->main_wait || !wait) {
		p->main_wait = wait;
		p->main_since_ns = now;
		p->told_pool = false;
		p->next_pool_ns = now + STANDS_NS;
		return;
	}
	if (p->told_pool || now < p->next_pool_ns)
		return;
	p->next_pool_ns = now + LOOK_AGAIN_NS;
	unwind_python((pid_t)p->pid, (pid_t)p->pid, &frames);
	if (!frames.failed && is_in(&frames, "", "multiprocessing/pool.py") &&
	    workers_are_idle(w, p, now)) {
		p->told_pool = true;
		tell(w, p, t, now_do, &frames);
	}
	buffer_free(&frames);
}

static void end_below(struct stuck_watch *w, uint32_t pid, int depth)
{
	kill((pid_t)pid, SIGKILL);
	for (size_t i = 0; i < w->count && depth < DEPTH_MAX; i++)
		if (w->list[i].parent == pid)
			end_below(w, w->list[i].pid, depth + 1);
}

void stuck_end_pools(struct stuck_watch *w, uint64_t now)
{
	for (size_t i = 0; i < w->count; i++)
		if (w->list[i].told_pool && now - w->list[i].main_since_ns >= w->kill_after_ns)
			end_below(w, w->list[i].pid, 0);
}
