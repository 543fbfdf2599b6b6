/* SPDX-License-Identifier: MIT */
/*
 * A queue of Python's multiprocessing that nobody reads: see stuck_impl.h.
 *
 * A process ends only when its queue's feeder thread has written all into the pipe. The feeder waits for room; its
 * first thread, by its Python frames, waits for the feeder; and who else has the pipe's reading end waits for this very
 * process to end. Then nobody makes room; but where that wait has a time limit, somebody may at last. Only memory is
 * read, nobody is stopped.
 */
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "capture/stuck_impl.h"
#include "capture/unwind.h"

#define STANDS_NS 300000000ull
#define LOOK_AGAIN_NS 300000000ull
#define FOR_A_TIME_NS 700000000ull
#define READERS_MAX 64

enum reader { READS, JOINS_FOR_A_TIME, JOINS };

static bool is_in(pid_t pid, const char *function, const char *file)
{
	struct buffer frames = { 0 };
	const char *frame, *end;
	bool found = false;

	unwind_python(pid, pid, &frames);
	frame = frames.failed ? NULL : frames.data;
	end = frame ? frame + frames.len : NULL;
	for (; frame && frame < end; frame += strlen(frame) + 1)
		found |= strstr(frame, function) && strstr(frame, file);
	buffer_free(&frames);
	return found;
}

/* Whether a reader does nothing but wait for that child's end. */
static enum reader look_at_reader(const struct watched *p, uint32_t child)
{
	static struct process_wait waits;
	const struct thread_wait *t = &waits.threads[0];

	if (proc_waits((pid_t)p->pid, &waits) < 0 || waits.more || waits.count != 1)
		return READS;
	if (t->nr == SYS_wait4)
		return (uint32_t)t->args[0] == child && !(t->args[2] & WNOHANG) ? JOINS : READS;
#ifdef SYS_poll
	if (t->nr == SYS_poll && is_in((pid_t)p->pid, "BaseProcess.join ", "multiprocessing/"))
		return JOINS_FOR_A_TIME;
#endif
	return READS;
}

/* What can be said of all who have the reading end; the writer itself does not read. */
static enum reader look_at_readers(const struct stuck_watch *w, const struct watched *p,
				   uint64_t ino)
{
	struct fs_holder readers[READERS_MAX];
	enum reader all = JOINS, one;
	size_t count = 0, i;
	uint64_t at;

	for (i = 0; i < w->count; i++)
		count = proc_pipe_readers((pid_t)w->list[i].pid, ino, readers, count, READERS_MAX);
	if (!count || count == READERS_MAX)
		return READS;
	for (i = 0; i < count && all != READS; i++) {
		if (readers[i].pid == p->pid)
			continue;
		if (!hashmap_get(&w->by_pid, readers[i].pid, 0, &at))
			return READS;
		one = look_at_reader(&w->list[at], p->pid);
		all = one < all ? one : all;
	}
	return all;
}

static void tell(struct stuck_watch *w, struct watched *p, const struct process_wait *now_do,
		 const struct thread_wait *first, enum reader readers)
{
	struct fs_ev_futex_stuck e = {
		.since_ns = p->since_ns,
		.address = first->args[0],
		.how = FS_STUCK_WAITS,
		.kind = FS_WAIT_PYTHON,
		.op = (uint32_t)first->args[1],
		.proof = readers == JOINS ? FS_PROOF_FEEDER : FS_PROOF_FEEDER | FS_PROOF_FOR_A_TIME,
		.threads = (uint32_t)now_do->count,
		.stuck = 1,
	};
	struct buffer frames = { 0 };

	unwind_python((pid_t)p->pid, (pid_t)p->pid, &frames);
	if (!frames.failed) {
		e.frames_len = (uint32_t)frames.len;
		stuck_fill(&e.h, FS_EV_FUTEX_STUCK, sizeof(e), p, p->pid);
		stuck_emit(w, &e, sizeof(e), frames.data, frames.len);
		p->told_feeder = true;
		p->told_pool = readers == JOINS;
		p->main_since_ns = p->since_ns;
	}
	buffer_free(&frames);
}

void stuck_look_at_feeder(struct stuck_watch *w, struct watched *p,
			  const struct process_wait *now_do, uint64_t now)
{
	const struct thread_wait *first = NULL, *feeder = NULL;
	enum reader readers;
	uint64_t ino;

	if (p->told_feeder || now - p->since_ns < STANDS_NS || now < p->next_feeder_ns ||
	    now_do->count != 2)
		return;
	for (size_t i = 0; i < 2; i++) {
		const struct thread_wait *t = &now_do->threads[i];

		if (t->tid == p->pid && wait_is_endless_futex(t))
			first = t;
		else if (t->nr == SYS_write)
			feeder = t;
	}
	ino = first && feeder ? wait_writes_pipe((pid_t)p->pid, feeder) : 0;
	if (!ino)
		return;
	p->next_feeder_ns = now + LOOK_AGAIN_NS;
	readers = look_at_readers(w, p, ino);
	if (readers == READS || (readers == JOINS_FOR_A_TIME && now - p->since_ns < FOR_A_TIME_NS))
		return;
	if (is_in((pid_t)p->pid, "_finalize_join ", "multiprocessing/queues.py"))
		tell(w, p, now_do, first, readers);
}

void stuck_feeder_moves(struct watched *p)
{
	if (p->told_feeder)
		p->told_feeder = p->told_pool = false;
}
