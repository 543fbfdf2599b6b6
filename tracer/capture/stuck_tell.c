/* SPDX-License-Identifier: MIT */
/* What the hang watcher tells of a process that stands still; see stuck.h. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/buffer.h"
#include "capture/lock_kind.h"
#include "capture/loop.h"
#include "capture/proc_text.h"
#include "capture/stuck_impl.h"
#include "capture/unwind.h"

/* Of a process with many threads, this many are told. */
#define TELL_THREADS_MAX 8
#define HOLDERS_MAX 64
#define FUTEX_WAITERS_BIT 0x80000000u

uint64_t stuck_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static void hand_over(struct stuck_watch *w, const struct fs_event *e)
{
	int err = w->sink->event(w->sink->context, e);

	if (err < 0 && !w->error)
		w->error = err;
}

void stuck_fill(struct fs_event *h, unsigned type, size_t size, const struct watched *p,
		uint32_t tid)
{
	*h = (struct fs_event){
		.size = (uint32_t)size,
		.type = (uint16_t)type,
		.source = FS_SOURCE_TRACER,
		.ts_ns = stuck_now(),
		.start_ns = p->start_ns,
		.pid = p->pid,
		.tid = tid,
	};
}

void stuck_emit(struct stuck_watch *w, void *fixed, size_t fixed_size, const void *tail, size_t len)
{
	size_t size = (fixed_size + len + 7) & ~(size_t)7;
	struct fs_event *e = calloc(1, size);

	if (!e)
		return; /* nobody is harmed by one finding less */
	memcpy(e, fixed, fixed_size);
	memcpy((char *)e + fixed_size, tail, len);
	e->size = (uint32_t)size;
	hand_over(w, e);
	free(e);
}

/* --- locks --- */

static bool is_contended(const struct thread_wait *t)
{
	return wait_is_endless_futex(t) && (t->args[2] == 2 || t->args[2] & FUTEX_WAITERS_BIT);
}

static enum fs_owner find_owner(const struct process_wait *now_do, uint32_t tid)
{
	if (!tid)
		return FS_OWNER_UNKNOWN;
	for (size_t i = 0; i < now_do->count; i++)
		if (now_do->threads[i].tid == tid)
			return FS_OWNER_HERE;
	return process_exists((pid_t)tid) ? FS_OWNER_ELSEWHERE : FS_OWNER_GONE;
}

static bool is_lock_code(uint32_t kind)
{
	return kind == FS_WAIT_MUTEX || kind == FS_WAIT_RWLOCK || kind == FS_WAIT_SPIN ||
	       kind == FS_WAIT_GUARD || kind == FS_WAIT_ONCE || kind == FS_WAIT_LIBC;
}

static bool is_in_fork(const struct buffer *frames)
{
	static const char *const names[] = { "fork", "libc_fork", "Fork", "run_prefork_handlers",
					     "register_atfork" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (frames_have(frames->data, frames->len, names[i]))
			return true;
	return false;
}

static uint32_t proofs(const struct fs_ev_futex_stuck *e, const struct buffer *frames)
{
	uint32_t proof = 0;

	if (e->shared)
		return e->owner == FS_OWNER_GONE ? FS_PROOF_OWNER : 0;
	if (e->owner == FS_OWNER_ELSEWHERE || e->owner == FS_OWNER_GONE)
		proof |= FS_PROOF_OWNER;
	if (is_lock_code(e->kind) && e->stuck == e->threads)
		proof |= FS_PROOF_LOCK_CODE;
	if (!(e->sig_caught & ~(UINT64_C(1) << (SIGINT - 1))) && e->stuck == e->threads)
		proof |= FS_PROOF_NO_HANDLER;
	if (frames->len && is_in_fork(frames) && (e->kind || e->owner))
		proof |= FS_PROOF_IN_FORK;
	return proof;
}

/* One waiting thread. Returns the proofs. */
static uint32_t tell_wait(struct stuck_watch *w, const struct watched *p,
			  const struct process_wait *now_do, const struct thread_wait *t,
			  uint32_t stuck, uint32_t *ret_kind)
{
	struct fs_ev_futex_stuck e = {
		.since_ns = p->since_ns,
		.address = t->args[0],
		.sig_caught = proc_caught((pid_t)p->pid),
		.how = FS_STUCK_WAITS,
		.op = (uint32_t)t->args[1],
		.threads = (uint32_t)now_do->count,
		.stuck = stuck,
	};
	struct buffer frames = { 0 };
	uint32_t as_mutex, as_rwlock;

	/* Its stack takes the longest, and it may be killed meanwhile: all else comes first. */
	if (!proc_read((pid_t)p->pid, e.address, &e.word, sizeof(e.word)))
		return 0;
	e.shared = proc_is_shared((pid_t)p->pid, e.address);
	as_mutex = lock_owner((pid_t)p->pid, e.address, FS_WAIT_MUTEX, e.word);
	as_rwlock = lock_owner((pid_t)p->pid, e.address, FS_WAIT_RWLOCK, e.word);
	(void)unwind_thread((pid_t)p->pid, (pid_t)t->tid, &frames);
	if (frames.failed)
		frames.len = 0;
	if (frames.len)
		e.kind = lock_kind(frames.data, frames.len);
	/* Without names: a lock that is waited for and names its owner as a mutex does. */
	if (!e.kind && is_contended(t) && as_mutex)
		e.kind = FS_WAIT_MUTEX;
	e.owner_tid = e.kind == FS_WAIT_MUTEX ? as_mutex : e.kind == FS_WAIT_RWLOCK ? as_rwlock : 0;
	e.owner = find_owner(now_do, e.owner_tid);
	e.proof = proofs(&e, &frames) | (w->alone && e.shared ? FS_PROOF_ALONE : 0);
	e.frames_len = (uint32_t)frames.len;
	stuck_fill(&e.h, FS_EV_FUTEX_STUCK, sizeof(e), p, t->tid);
	stuck_emit(w, &e, sizeof(e), buffer_text(&frames), frames.len);
	if (p->forked && !p->execed)
		stuck_story_tell(w, p, &e, &frames);
	buffer_free(&frames);
	*ret_kind = e.shared ? FS_WAIT_UNKNOWN : e.kind;
	return e.proof;
}

void stuck_tell_standing(struct stuck_watch *w, struct watched *p,
			 const struct process_wait *now_do)
{
	bool is_copy = p->forked && !p->execed, in_locks = true, contended = false;
	uint32_t proof = 0, kind;
	size_t i, told = 0;

	p->told = true;
	p->standing = STANDS_MAYBE;
	for (i = 0; i < now_do->count; i++)
		contended |= is_contended(&now_do->threads[i]);
	if (!is_copy && !contended)
		return; /* a program that waits to be told what to do */
	for (i = 0; i < now_do->count && told < TELL_THREADS_MAX; i++, told++) {
		proof |= tell_wait(w, p, now_do, &now_do->threads[i], (uint32_t)now_do->count,
				   &kind);
		in_locks &= is_lock_code(kind);
	}
	if (is_copy ? proof != 0 : (in_locks && told == now_do->count) || (proof & FS_PROOF_OWNER))
		p->standing = STANDS_PROVEN;
}

void stuck_tell_partly(struct stuck_watch *w, struct watched *p, const struct process_wait *now_do)
{
	uint32_t waiting = 0, told = 0, kind;
	size_t i;

	p->told_partly = true;
	for (i = 0; i < now_do->count; i++)
		waiting += wait_is_endless_futex(&now_do->threads[i]);
	for (i = 0; i < now_do->count && told < TELL_THREADS_MAX; i++) {
		const struct thread_wait *t = &now_do->threads[i];

		if (!is_contended(t))
			continue;
		told++;
		if (tell_wait(w, p, now_do, t, waiting, &kind) &
		    (FS_PROOF_OWNER | FS_PROOF_IN_FORK))
			p->standing = STANDS_PROVEN;
	}
}

void stuck_tell_alone(struct stuck_watch *w, struct watched *p)
{
	static struct process_wait now_do;
	uint32_t kind;

	if (proc_waits((pid_t)p->pid, &now_do) < 0)
		return;
	for (size_t i = 0; i < now_do.count && i < TELL_THREADS_MAX; i++)
		if (wait_is_endless_futex(&now_do.threads[i]) &&
		    proc_is_shared((pid_t)p->pid, now_do.threads[i].args[0]) &&
		    tell_wait(w, p, &now_do, &now_do.threads[i], (uint32_t)now_do.count, &kind) &
			    FS_PROOF_OWNER)
			p->standing = STANDS_PROVEN;
}

bool stuck_tell_loop(struct stuck_watch *w, struct watched *p)
{
	struct fs_ev_futex_stuck e = {
		.since_ns = p->since_ns,
		.threads = 1,
		.stuck = 1,
	};
	struct buffer frames = { 0 };
	struct process_wait self = { .threads = { { .tid = p->pid } }, .count = 1 };
	struct loop loop;
	bool proven = loop_is_endless((pid_t)p->pid, &frames, &loop);

	if (proven && !frames.failed) {
		e.address = loop.address;
		e.how = loop.naps ? FS_STUCK_POLLS : FS_STUCK_SPINS;
		e.kind = loop.kind    ? loop.kind
			 : frames.len ? lock_kind(frames.data, frames.len)
				      : FS_WAIT_UNKNOWN;
		if (loop.kind && proc_read((pid_t)p->pid, e.address, &e.word, sizeof(e.word)))
			e.owner_tid = lock_owner((pid_t)p->pid, e.address, loop.kind, e.word);
		e.owner = find_owner(&self, e.owner_tid);
		e.sig_caught = proc_caught((pid_t)p->pid);
		e.proof = FS_PROOF_LOOP | proofs(&e, &frames);
		e.frames_len = (uint32_t)frames.len;
		stuck_fill(&e.h, FS_EV_FUTEX_STUCK, sizeof(e), p, p->pid);
		stuck_emit(w, &e, sizeof(e), buffer_text(&frames), frames.len);
		stuck_story_tell(w, p, &e, &frames);
		/* A handler may set what the loop waits for. */
		if (e.proof & (FS_PROOF_LOCK_CODE | FS_PROOF_NO_HANDLER))
			p->standing = STANDS_PROVEN;
	}
	buffer_free(&frames);
	return proven;
}

/* --- pipes --- */

/* Everybody on this machine who could write; SIZE_MAX: somebody who is not followed can. */
static size_t all_writers(struct stuck_watch *w, uint64_t ino, struct fs_holder *list)
{
	size_t count = 0;

	for (size_t i = 0; i < w->count && count < HOLDERS_MAX; i++)
		count = proc_stream_writers((pid_t)w->list[i].pid, ino, list, count, HOLDERS_MAX);
	return count;
}

void stuck_tell_pipe(struct stuck_watch *w, struct watched *p, const struct process_wait *now_do,
		     const struct thread_wait *t, uint64_t ino, uint32_t fd, uint64_t now)
{
	const uint64_t caught = proc_caught((pid_t)p->pid) & ~(UINT64_C(1) << (SIGINT - 1));
	struct fs_holder list[HOLDERS_MAX];
	struct fs_ev_blocked e = { .since_ns = p->since_ns, .ino = ino, .fd = fd };
	uint64_t hash = ino;
	size_t count, i;

	p->pipe = ino;
	p->pipe_fd = fd;
	p->pipe_tid = t->tid;
	p->pipe_nr = (uint32_t)t->nr;
	p->pipe_next_ns = now + 300000000ull;
	count = all_writers(w, ino, list);
	for (i = 0; i < count; i++)
		hash = (hash ^ list[i].pid ^ (uint64_t)list[i].fd << 32) * 0x9e3779b97f4a7c15ull;
	/* Nobody of the tree: whoever writes is outside, and nothing is known of that one. */
	if (!count || hash == p->pipe_holders)
		return;
	/* What changed was our doing: we have ended one of those that could write. */
	if (w->ended_ns > p->since_ns)
		return;
	p->pipe_holders = hash;
	e.syscall = (uint32_t)t->nr;
	e.count = (uint32_t)count;
	/* A signal handler of the reader may write as a thread may; SIGINT is for persons. */
	e.threads = (uint32_t)now_do->count + (caught != 0);
	stuck_fill(&e.h, FS_EV_BLOCKED, sizeof(e), p, t->tid);
	stuck_emit(w, &e, sizeof(e), list, count * sizeof(list[0]));
}

void stuck_tell_standstill(struct stuck_watch *w, struct watched *p)
{
	struct fs_holder list[HOLDERS_MAX];
	struct fs_ev_blocked e = {
		.since_ns = p->since_ns,
		.ino = p->pipe,
		.fd = p->pipe_fd,
		.syscall = p->pipe_nr,
		.threads = 1,
	};
	size_t count = all_writers(w, p->pipe, list);

	if (!count)
		return;
	e.count = (uint32_t)count;
	stuck_fill(&e.h, FS_EV_BLOCKED, sizeof(e), p, p->pipe_tid);
	e.h.flags |= FS_EVENT_STANDSTILL;
	stuck_emit(w, &e, sizeof(e), list, count * sizeof(list[0]));
}
