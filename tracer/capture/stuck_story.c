/* SPDX-License-Identifier: MIT */
/*
 * Who held the lock that a forked child waits for, and what that thread was doing: see stuck_impl.h.
 *
 * The thread is not in the child, and in the parent it may be long gone. But its stack is in the child's own copy of
 * the memory, and the kernel witness told at the fork with which registers to begin. Which thread it was, the lock
 * says, or the shim, which saw it being taken; else a stack inside of the very code that the child waits in; else
 * it is left open, and all are told.
 */
#include <stdlib.h>
#include <string.h>

#include "base/grow.h"
#include "capture/frames.h"
#include "capture/lock_kind.h"
#include "capture/look_stack.h"
#include "capture/stuck_impl.h"

#define THREADS_MAX 64
#define LOCKS_MAX 256
#define TOLD_MAX 4 /* threads, when it is not known which */
#define CODE_FRAMES \
	4 /* of the waiting code, innermost first, that a holder's stack is searched for */

/* --- keeping --- */

void stuck_story_note_thread(struct watched *p, const struct fs_ev_fork_thread *e)
{
	struct birth_note *b = &p->birth;

	if (b->thread_count < THREADS_MAX &&
	    grow(&b->threads, &b->thread_room, b->thread_count, 1, sizeof(*b->threads)) == 0)
		b->threads[b->thread_count++] = *e;
}

/* A new fork of this thread: what was told for its last one is past. */
void stuck_story_note_call(struct watched *p, const struct fs_ev_call *e)
{
	struct birth_note *b = &p->birth;
	size_t kept = 0;

	if (e->phase != FS_PHASE_BEFORE || e->call > FS_LIBC_WORDEXP)
		return;
	for (size_t i = 0; i < b->lock_count; i++)
		if (b->locks[i].h.tid != e->h.tid)
			b->locks[kept++] = b->locks[i];
	b->lock_count = kept;
}

void stuck_story_note_lock(struct watched *p, const struct fs_ev_lock_held *e)
{
	struct birth_note *b = &p->birth;

	if (b->lock_count < LOCKS_MAX &&
	    grow(&b->locks, &b->lock_room, b->lock_count, 1, sizeof(*b->locks)) == 0)
		b->locks[b->lock_count++] = *e;
}

void stuck_story_born(struct watched *child, const struct watched *creator, uint32_t tid)
{
	for (size_t i = 0; i < creator->birth.lock_count; i++)
		if (creator->birth.locks[i].h.tid == tid)
			stuck_story_note_lock(child, &creator->birth.locks[i]);
}

void stuck_story_free(struct watched *p)
{
	free(p->birth.threads);
	free(p->birth.locks);
	p->birth = (struct birth_note){ 0 };
}

/* --- which lock, and whose --- */

/* A read-write lock waits at one of two words inside of it. */
static bool is_of_lock(const struct fs_ev_lock_held *held, const struct fs_ev_futex_stuck *e)
{
	if (e->how != FS_STUCK_WAITS)
		return held->lock == e->address ||
		       (held->kind == FS_LOCK_SPIN && e->kind == FS_WAIT_SPIN);
	if (held->kind == FS_LOCK_RWLOCK_READ || held->kind == FS_LOCK_RWLOCK_WRITE)
		return held->lock + 8 == e->address || held->lock + 12 == e->address;
	return held->lock == e->address;
}

/* NULL: the shim saw none, or cannot tell which of several spinlocks it is. */
static const struct fs_ev_lock_held *find_held(const struct birth_note *b,
					       const struct fs_ev_futex_stuck *e)
{
	const struct fs_ev_lock_held *found = NULL;

	for (size_t i = 0; i < b->lock_count; i++) {
		if (!is_of_lock(&b->locks[i], e))
			continue;
		if (found && found->lock != b->locks[i].lock)
			return NULL;
		found = &b->locks[i];
	}
	return found;
}

static bool is_only_a_wait(const char *frame)
{
	char function[64];
	size_t len = strcspn(frame, "+");

	if (lock_kind(frame, strlen(frame) + 1) != FS_WAIT_UNKNOWN || *frame == '?')
		return true;
	while (len && *frame == '_') {
		frame++;
		len--;
	}
	if (len >= sizeof(function))
		return false;
	memcpy(function, frame, len);
	function[len] = 0;
	return strncmp(function, "futex", 5) == 0 || strncmp(function, "syscall", 7) == 0 ||
	       strncmp(function, "lll_", 4) == 0 || strncmp(function, "internal_", 9) == 0;
}

/* Where every stack begins: being there means nothing. */
static bool is_everywhere(const char *function)
{
	static const char *const names[] = { "main", "start_thread", "clone", "clone3", "start" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(function, names[i]) == 0)
			return true;
	return strncmp(function, "libc_start", 10) == 0;
}

/* One that waits for a lock itself, as the child does, has not got it. */
static bool may_hold(const struct seen_thread *t)
{
	return t->frames.len && !is_only_a_wait(t->frames.data);
}

/* When all others wait for it; NULL: more than one does not. */
static struct seen_thread *find_last(struct seen_process *at)
{
	struct seen_thread *found = NULL;

	for (size_t i = 0; i < at->thread_count; i++) {
		if (at->threads[i].frames.len && is_only_a_wait(at->threads[i].frames.data))
			continue;
		if (found)
			return NULL;
		found = &at->threads[i];
	}
	return found;
}

/* A thread whose stack is inside of the code that waits, and that goes on there; NULL: none. */
static struct seen_thread *find_inside(struct seen_process *at, const struct buffer *frames)
{
	const char *frame = frames->data, *end = frame + frames->len;
	int tried = 0;

	for (; frame < end && tried < CODE_FRAMES; frame += strlen(frame) + 1) {
		struct seen_thread *found = NULL;
		const char *name = frame;
		char function[200];
		size_t len;

		if (strncmp(frame, "python: ", 8) == 0)
			return NULL;
		if (is_only_a_wait(frame))
			continue;
		tried++;
		while (*name == '_')
			name++;
		len = strcspn(name, "+");
		if (len >= sizeof(function))
			continue;
		memcpy(function, name, len);
		function[len] = 0;
		if (is_everywhere(function))
			return NULL;
		for (size_t i = 0; i < at->thread_count && !found; i++) {
			const struct buffer *other = &at->threads[i].frames;

			if (may_hold(&at->threads[i]) &&
			    frames_have(other->data, other->len, function))
				found = &at->threads[i];
		}
		if (found)
			return found;
	}
	return NULL;
}

/* --- stacks --- */

/* The threads that were not copied, with their stacks out of the child's memory. */
static bool read_stacks(const struct watched *p, struct seen_process *to)
{
	const struct birth_note *b = &p->birth;
	struct fs_registers *registers = calloc(b->thread_count + 1, sizeof(*registers));

	*to = (struct seen_process){ .pid = p->pid };
	to->threads = calloc(b->thread_count + 1, sizeof(*to->threads));
	if (!registers || !to->threads) {
		free(registers);
		free(to->threads);
		return false;
	}
	for (size_t i = 0; i < b->thread_count; i++) {
		const struct fs_ev_fork_thread *e = &b->threads[i];
		struct seen_thread *t = &to->threads[to->thread_count++];

		registers[i] =
			(struct fs_registers){ .pid = p->pid, .tid = e->other_tid, .pc = e->pc };
		memcpy(registers[i].words, e->words, sizeof(e->words));
		t->tid = e->other_tid;
		t->pc = e->pc;
		t->sp = e->words[LOOK_REGISTER_SP];
		t->runs = e->running;
		memcpy(t->comm, e->comm, sizeof(e->comm));
	}
	look_stacks(to, registers, b->thread_count, NULL);
	free(registers);
	return true;
}

static struct seen_thread *find_thread(struct seen_process *p, uint32_t tid)
{
	for (size_t i = 0; tid && i < p->thread_count; i++)
		if (p->threads[i].tid == tid)
			return &p->threads[i];
	return NULL;
}

/* --- telling --- */

/* Adds a text that has its NUL; an empty one when nothing was found. Returns its length. */
static uint32_t close_text(struct buffer *b, size_t from)
{
	if (b->len == from)
		buffer_append(b, "", 1);
	return (uint32_t)(b->len - from - 1);
}

static void tell(struct stuck_watch *w, struct fs_ev_lock_story *e,
		 const struct fs_ev_lock_held *held, uint64_t named, const struct seen_thread *who)
{
	struct buffer tail = { 0 };
	size_t at;

	if (named)
		frames_name((pid_t)e->h.pid, named, false, &tail);
	e->name_len = close_text(&tail, 0);
	at = tail.len;
	if (held)
		frames_name((pid_t)e->h.pid, held->pc - 1, true, &tail);
	e->taken_len = close_text(&tail, at);
	if (who) {
		e->holder_tid = who->tid;
		e->running = who->runs;
		memcpy(e->comm, who->comm, sizeof(e->comm));
		e->comm[sizeof(e->comm) - 1] = 0;
		e->frames_len = (uint32_t)who->frames.len;
		buffer_append(&tail, who->frames.data, who->frames.len);
	}
	if (!tail.failed)
		stuck_emit(w, e, sizeof(*e), tail.data, tail.len);
	buffer_free(&tail);
}

static void tell_all(struct stuck_watch *w, const struct fs_ev_lock_story *about, uint64_t named,
		     const struct seen_process *at)
{
	for (size_t i = 0; i < at->thread_count && i < TOLD_MAX; i++) {
		struct fs_ev_lock_story e = *about;

		tell(w, &e, NULL, i ? 0 : named, &at->threads[i]);
	}
}

void stuck_story_tell(struct stuck_watch *w, const struct watched *p,
		      const struct fs_ev_futex_stuck *stuck, const struct buffer *frames)
{
	const struct fs_ev_lock_held *held = find_held(&p->birth, stuck);
	uint64_t named = held ? held->lock : stuck->how == FS_STUCK_WAITS ? stuck->address : 0;
	struct fs_ev_lock_story e = {
		.h = stuck->h,
		.lock = named,
		.holder_tid = stuck->owner_tid ? stuck->owner_tid
			      : held	       ? held->holder_tid
					       : 0,
		.by = stuck->owner_tid ? FS_STORY_OWNER
		      : held	       ? FS_STORY_SHIM
				       : FS_STORY_NOBODY,
		.kind = held ? held->kind : 0,
		.others = (uint32_t)p->birth.thread_count,
	};
	struct seen_process at;
	struct seen_thread *who;

	e.h.type = FS_EV_LOCK_STORY;
	if (stuck->shared || !read_stacks(p, &at))
		return;
	who = find_thread(&at, e.holder_tid);
	if (!e.holder_tid) {
		who = at.thread_count == 1 ? &at.threads[0] : find_inside(&at, frames);
		if (!who)
			who = find_last(&at);
		e.by = at.thread_count == 1 ? FS_STORY_ALONE
		       : who		    ? FS_STORY_STACK
					    : FS_STORY_NOBODY;
	}
	if (!who && !e.holder_tid && at.thread_count)
		tell_all(w, &e, named, &at);
	else
		tell(w, &e, held, named, who);
	for (size_t i = 0; i < at.thread_count; i++)
		buffer_free(&at.threads[i].frames);
	free(at.threads);
}
