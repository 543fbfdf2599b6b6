/* SPDX-License-Identifier: MIT */
/*
 * See stuck.h. A look costs one small file of /proc for each thread; only what has not moved between two
 * looks is looked into. A process that ended between looks was not hanging.
 */
#include "capture/stuck.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/grow.h"
#include "capture/loop.h"
#include "capture/stuck_impl.h"

#define MS 1000000ull
#define LOOK_NS (50 * MS)
#define RARE_LOOK_NS (200 * MS) /* at what has long stood as it stands */
#define LONG_NS (1000 * MS)
#define LOOKS_MAX 256 /* processes a look */
#define STANDING_NS (40 * MS)
#define PARTLY_NS (400 * MS)
#define NAPPING_NS (300 * MS)
#define PIPE_NS (250 * MS)

#define CLONE_VM 0x100

struct stuck_watch *stuck_watch_new(uint64_t kill_after_ns)
{
	struct stuck_watch *w = calloc(1, sizeof(*w));

	if (w)
		w->kill_after_ns = kill_after_ns;
	return w;
}

void stuck_watch_free(struct stuck_watch *w)
{
	if (!w)
		return;
	hashmap_free(&w->by_pid);
	for (size_t i = 0; i < w->count; i++)
		stuck_story_free(&w->list[i]);
	free(w->list);
	free(w);
}

/* --- the tree --- */

static struct watched *find(struct stuck_watch *w, uint32_t pid)
{
	uint64_t at;

	return hashmap_get(&w->by_pid, pid, 0, &at) ? &w->list[at] : NULL;
}

/* NULL: no memory; the process is then not watched. */
static struct watched *add(struct stuck_watch *w, uint32_t pid, uint64_t start_ns)
{
	struct watched *p = find(w, pid);

	if (!p) {
		if (grow(&w->list, &w->room, w->count, 1, sizeof(*w->list)) < 0 ||
		    hashmap_put(&w->by_pid, pid, 0, w->count) < 0)
			return NULL;
		p = &w->list[w->count++];
	} else {
		stuck_story_free(p);
	}
	*p = (struct watched){ .pid = pid, .start_ns = start_ns };
	return p;
}

static void drop(struct stuck_watch *w, uint32_t pid)
{
	uint64_t at;

	if (!hashmap_get(&w->by_pid, pid, 0, &at))
		return;
	(void)hashmap_remove(&w->by_pid, pid, 0);
	stuck_story_free(&w->list[at]);
	w->list[at] = w->list[--w->count];
	if (at < w->count)
		*hashmap_find(&w->by_pid, w->list[at].pid, 0) = at;
}

void stuck_watch_add(struct stuck_watch *w, pid_t pid)
{
	(void)add(w, (uint32_t)pid, 0);
}

static void on_fork(struct stuck_watch *w, const struct fs_ev_fork *e)
{
	struct watched *p = add(w, e->child_pid, e->child_start_ns), *creator;

	if (!p)
		return;
	p->parent = e->parent_pid;
	p->forked = !(e->clone_flags & CLONE_VM);
	creator = find(w, e->h.pid);
	if (p->forked && creator)
		stuck_story_born(p, creator, e->h.tid);
}

/* --- by the shim alone --- */

void stuck_watch_by_shim(struct stuck_watch *w)
{
	w->by_shim = true;
}

bool stuck_watch_ended(const struct stuck_watch *w)
{
	return w->ended_ns != 0;
}

size_t stuck_watch_alive(const struct stuck_watch *w)
{
	return w->count;
}

/* Told by the child, by its parent, or by both: the first word counts. */
static void born_by_shim(struct stuck_watch *w, uint32_t pid, uint64_t start_ns, uint32_t parent,
			 uint32_t tid, bool is_copy)
{
	struct watched *p = find(w, pid), *creator;

	if (!pid || (p && (!start_ns || !p->start_ns || p->start_ns == start_ns)))
		return;
	p = add(w, pid, start_ns);
	if (!p)
		return;
	p->parent = parent;
	p->forked = is_copy;
	creator = find(w, parent);
	if (is_copy && creator && tid)
		stuck_story_born(p, creator, tid);
}

static bool makes_copy(uint32_t call)
{
	return call == FS_LIBC_FORK || call == FS_LIBC_FORK_BARE || call == FS_LIBC_FORKPTY ||
	       call == FS_LIBC_DAEMON;
}

/* An image that the shim is not in says nothing: its exec counts from the call, and no more if that failed. */
static void exec_by_shim(struct stuck_watch *w, const struct fs_ev_call *e)
{
	struct watched *p;

	if (e->call_flags & FS_LIBC_FROM_VFORK)
		born_by_shim(w, e->h.pid, e->h.start_ns, e->parent_pid, 0, false);
	p = find(w, e->h.pid);
	if (!p)
		return;
	if (e->phase == FS_PHASE_BEFORE) {
		p->execed_before = p->execed;
		p->execed = true;
	} else if (e->error) {
		p->execed = p->execed_before;
	}
}

static void call_by_shim(struct stuck_watch *w, const struct fs_ev_call *e)
{
	if (e->call >= FS_LIBC_EXECVE && e->call <= FS_LIBC_EXECVEAT)
		exec_by_shim(w, e);
	else if (e->call == FS_LIBC_WAIT)
		drop(w, e->child_pid);
	else if (e->call > FS_LIBC_WORDEXP)
		return;
	else if (e->phase == FS_PHASE_IN_CHILD)
		born_by_shim(w, e->h.pid, e->h.start_ns, e->parent_pid, 0, true);
	else if (e->phase == FS_PHASE_DONE)
		born_by_shim(w, e->child_pid, e->child_start_ns, e->h.pid, e->h.tid,
			     makes_copy(e->call));
}

static void hello_by_shim(struct stuck_watch *w, const struct fs_ev_shim_hello *e)
{
	struct watched *p = find(w, e->h.pid);

	if (!p) {
		born_by_shim(w, e->h.pid, e->h.start_ns, e->parent_pid, 0, false);
		p = find(w, e->h.pid);
	}
	if (!p)
		return;
	stuck_story_free(p);
	p->execed = true;
	p->signature = 0;
}

/* --- all that is told --- */

void stuck_watch_event(struct stuck_watch *w, const struct fs_event *e)
{
	const struct fs_ev_reparent *r = (const void *)e;
	const struct fs_ev_fork_thread *thread = (const void *)e;
	const struct fs_ev_exit *ended = (const void *)e;
	struct watched *p;

	w->happened |= e->type == FS_EV_FORK || e->type == FS_EV_EXEC || e->type == FS_EV_EXIT;
	switch (e->type) {
	case FS_EV_FORK_THREAD:
		p = find(w, thread->child_pid);
		if (p)
			stuck_story_note_thread(p, thread);
		return;
	case FS_EV_CALL:
		p = find(w, e->pid);
		if (p)
			stuck_story_note_call(p, (const void *)e);
		if (w->by_shim)
			call_by_shim(w, (const void *)e);
		return;
	case FS_EV_SHIM_HELLO:
		if (w->by_shim)
			hello_by_shim(w, (const void *)e);
		return;
	case FS_EV_LOCK_HELD:
		p = find(w, e->pid);
		if (p)
			stuck_story_note_lock(p, (const void *)e);
		return;
	case FS_EV_FORK:
		on_fork(w, (const void *)e);
		return;
	case FS_EV_EXIT:
		p = ended->status ? find(w, ended->parent_pid) : NULL;
		if (p)
			p->lost_children++;
		drop(w, e->pid);
		return;
	case FS_EV_REPARENT:
		p = find(w, r->child_pid);
		if (p)
			p->parent = r->to_pid;
		return;
	case FS_EV_EXEC:
	case FS_EV_PROCESS:
		p = find(w, e->pid);
		if (!p)
			p = add(w, e->pid, e->start_ns);
		if (p) {
			stuck_story_free(p);
			p->execed = true;
			p->start_ns = e->start_ns;
			p->signature = p->told_signature = 0;
		}
		return;
	}
}

/* --- looking --- */

static void look_at_pipes(struct stuck_watch *w, struct watched *p,
			  const struct process_wait *now_do, uint64_t now)
{
	uint64_t ino;
	uint32_t fd;

	for (size_t i = 0; i < now_do->count; i++) {
		ino = wait_reads_stream((pid_t)p->pid, &now_do->threads[i], &fd);
		if (!ino)
			continue;
		if (now_do->count == 1)
			p->standing = STANDS_ON_PIPE;
		stuck_tell_pipe(w, p, now_do, &now_do->threads[i], ino, fd, now);
	}
}

/* A process whose only thread waits in something that is no futex. */
static void stand_elsewhere(struct watched *p, const struct thread_wait *t)
{
	switch (t->nr) {
	case SYS_wait4:
		p->standing = STANDS_ON_CHILDREN;
		p->wait_for = (int32_t)t->args[0] > 0 ? (uint32_t)t->args[0] : 0;
		break;
	case SYS_waitid:
		p->standing = STANDS_ON_CHILDREN;
		p->wait_for = t->args[0] == P_PID ? (uint32_t)t->args[1] : 0;
		break;
#ifdef SYS_pause
	case SYS_pause:
#endif
	case SYS_rt_sigsuspend:
		if (proc_caught((pid_t)p->pid) == 0)
			p->standing = STANDS_MAYBE;
		break;
	}
}

/*
 * One that polls is in the same short sleep whenever it is looked at, but for when it is just awake: that is no news
 * either, and is given the signature of the sleep.
 */
static uint64_t signature_of(struct watched *p, const struct process_wait *now_do)
{
	uint64_t signature = proc_waits_signature(now_do);
	const struct thread_wait *t = &now_do->threads[0];

	if (!p->forked || p->execed || now_do->count != 1)
		p->nap = 0;
	else if (loop_naps((pid_t)p->pid, t))
		p->nap = signature;
	else if (t->nr >= 0)
		p->nap = 0;
	return p->nap ? p->nap : signature;
}

static void look_at_naps(struct stuck_watch *w, struct watched *p, uint64_t now)
{
	if (now - p->since_ns < NAPPING_NS || now < p->next_loop_ns)
		return;
	p->loop_pause_ns = p->loop_pause_ns ? p->loop_pause_ns * 2 : NAPPING_NS;
	p->next_loop_ns = now + p->loop_pause_ns;
	if (stuck_tell_loop(w, p))
		p->told = true;
}

/* Stepping disturbs: it comes only after much CPU time, and ever more rarely. */
static void look_at_loop(struct stuck_watch *w, struct watched *p, uint64_t now)
{
	uint64_t cpu = proc_cpu((pid_t)p->pid);

	if (!p->forked || p->execed)
		return;
	if (!p->cpu) {
		p->cpu = cpu;
		p->loop_pause_ns = 100 * MS;
		p->next_loop_ns = now + 100 * MS;
		return;
	}
	if (cpu <= p->cpu || now < p->next_loop_ns)
		return;
	p->cpu = cpu;
	p->loop_pause_ns = p->loop_pause_ns < 4000 * MS ? p->loop_pause_ns * 3 / 2 : 4000 * MS;
	p->next_loop_ns = now + p->loop_pause_ns;
	if (stuck_tell_loop(w, p))
		p->told = true;
}

static void look_closer(struct stuck_watch *w, struct watched *p, const struct process_wait *now_do,
			uint64_t now)
{
	uint64_t since = now - p->since_ns;
	size_t endless = 0;

	for (size_t i = 0; i < now_do->count; i++)
		endless += wait_is_endless_futex(&now_do->threads[i]);
	if (now_do->more || since < STANDING_NS)
		return;
	if (endless == now_do->count) {
		if (!p->told)
			stuck_tell_standing(w, p, now_do);
		return;
	}
	if (endless && since >= PARTLY_NS && !p->told_partly)
		stuck_tell_partly(w, p, now_do);
	if (p->nap && !p->told)
		look_at_naps(w, p, now);
	else if (now_do->count == 1 && now_do->threads[0].nr < 0 && !p->told)
		look_at_loop(w, p, now);
	if (now_do->count == 1 && p->standing == STANDS_NOT)
		stand_elsewhere(p, &now_do->threads[0]);
	if (endless == 1)
		stuck_look_at_feeder(w, p, now_do, now);
	if (since >= PIPE_NS && now >= p->pipe_next_ns)
		look_at_pipes(w, p, now_do, now);
}

static void look_at(struct stuck_watch *w, struct watched *p, uint64_t now)
{
	static struct process_wait now_do;
	uint64_t signature;

	if (w->by_shim && proc_has_ended((pid_t)p->pid)) {
		drop(w, p->pid);
		return;
	}
	if (now < p->next_look_ns || proc_waits((pid_t)p->pid, &now_do) < 0)
		return;
	p->next_look_ns = p->since_ns && now - p->since_ns > LONG_NS ? now + RARE_LOOK_NS : 0;
	if (p->lost_children)
		stuck_look_at_pool(w, p, &now_do, now);
	signature = signature_of(p, &now_do);
	if (signature != p->signature) {
		p->signature = signature;
		p->since_ns = now;
		p->standing = STANDS_NOT;
		/* Looking into a wait may interrupt it for an instant: the same again is no news. */
		p->told = p->told_partly = signature == p->told_signature;
		if (p->told)
			p->standing = p->told_standing;
		p->cpu = p->pipe = p->pipe_next_ns = 0;
		p->told_standstill = p->told_alone = false;
		stuck_feeder_moves(p);
		return;
	}
	look_closer(w, p, &now_do, now);
	if (p->told) {
		p->told_signature = signature;
		p->told_standing = p->standing;
	}
}

int stuck_watch_look(struct stuck_watch *w, const struct event_sink *sink)
{
	uint64_t now = stuck_now();
	size_t n, i;

	if (now < w->next_ns)
		return 0;
	w->next_ns = now + LOOK_NS;
	w->sink = sink;
	w->error = 0;
	n = w->count < LOOKS_MAX ? w->count : LOOKS_MAX;
	for (i = 0; i < n && w->count; i++)
		look_at(w, &w->list[w->turn++ % w->count], now);
	stuck_measure(w, now);
	stuck_tell_standstills(w, now);
	stuck_tell_all_stand(w, now);
	stuck_end(w, now);
	if (w->kill_after_ns)
		stuck_end_pools(w, now);
	return w->error;
}
