/* SPDX-License-Identifier: MIT */
/* The root cause in words; see why.h. What comes from the target is escaped on its way into a text. */
#include <string.h>

#include "base/escape.h"
#include "model/why_impl.h"

#define NAMED_MAX 4
#define CYCLE_TOLD_MAX 8

/* Where an fd came from: the parent when it has it too, or at least gave birth to the holder. */
static void add_origin(struct buffer *to, const struct snapshot *s, const struct seen_other *o)
{
	const struct seen_process *q = snapshot_find(s, o->pid);

	buffer_printf(to, " (fd %d", o->fd);
	if (o->inherited && q && q->parent > 1)
		buffer_printf(to, ", inherited through %u", q->parent);
	else if (o->inherited)
		buffer_add_text(to, ", inherited");
	buffer_add_char(to, ')');
}

/* What the thing is called whose end is kept. */
static const char *end_name(const struct seen_wait *w)
{
	if (strncmp(w->what, "socket:", 7) == 0)
		return "end";
	return w->kind == WAIT_READ ? "write end" : "read end";
}

static size_t other_processes(const struct why_finding *f)
{
	size_t n = 0;

	for (size_t i = 0; i < f->wait->count; i++)
		n += f->wait->others[i].pid != f->victim->pid;
	return n;
}

static void tell_other_holders(struct why *w, const struct why_finding *f)
{
	size_t told = 0;

	for (size_t i = 0; i < f->wait->count && told < NAMED_MAX; i++) {
		const struct seen_other *o = &f->wait->others[i];

		if (o->pid == f->victim->pid || o == f->other)
			continue;
		buffer_add_text(&w->text, told++ ? ", " : "; so does ");
		why_name(&w->text, w->snapshot, o->pid);
		buffer_printf(&w->text, " (fd %d)", o->fd);
	}
}

static void tell_end_kept(struct why *w, const struct why_finding *f)
{
	bool only = other_processes(f) == 1, reads = f->wait->kind == WAIT_READ;

	buffer_add_text(&w->text, "pid ");
	why_name(&w->text, w->snapshot, f->other->pid);
	buffer_printf(&w->text, " holds %s%s of ", only ? "the only other " : "a ",
		      end_name(f->wait));
	why_add_what(&w->text, f->wait);
	add_origin(&w->text, w->snapshot, f->other);
	buffer_add_text(&w->text, ", so ");
	why_name(&w->text, w->snapshot, f->victim->pid);
	buffer_add_text(&w->text, reads ? " never sees end-of-file" : " can write no more");
	tell_other_holders(w, f);
	buffer_printf(&w->remedy,
		      "close fd %d in %u (before it goes on after fork, or by O_CLOEXEC), "
		      "or end that process",
		      f->other->fd, f->other->pid);
}

/* Of an eventfd there are no ends: who has it reads and writes. */
static void tell_eventfd_own(struct why *w, const struct why_finding *f)
{
	buffer_add_text(&w->text, " itself is the only one to hold ");
	why_add_what(&w->text, f->wait);
	buffer_printf(&w->text,
		      " (fd %d) and waits for it in its only thread, so nobody can ever %s it",
		      f->wait->fd, f->wait->kind == WAIT_READ ? "write" : "read");
	buffer_printf(&w->remedy, "end %u; who is to wake it must have the eventfd",
		      f->victim->pid);
}

static void tell_end_own(struct why *w, const struct why_finding *f)
{
	bool reads = f->wait->kind == WAIT_READ;

	buffer_add_text(&w->text, "pid ");
	why_name(&w->text, w->snapshot, f->victim->pid);
	if (strcmp(f->wait->what, "anon_inode:[eventfd]") == 0) {
		tell_eventfd_own(w, f);
		return;
	}
	buffer_printf(&w->text, " itself holds the only %s of ", end_name(f->wait));
	why_add_what(&w->text, f->wait);
	buffer_printf(&w->text, " (fd %d) that it %s (fd %d), so it never sees %s", f->other->fd,
		      reads ? "reads" : "writes to", f->wait->fd,
		      reads ? "end-of-file" : "room, nor that nobody reads");
	buffer_printf(&w->remedy, "close fd %d in %u before it %s", f->other->fd, f->victim->pid,
		      reads ? "reads" : "writes");
}

/* Whether a function is one of those that threads wait in, whatever they wait for. */
static bool is_waiting_code(const char *name)
{
	static const char *const begins[] = {
		"?", "lll_", "futex_", "pthread_", "sem_", "new_sem_"
	};

	for (size_t i = 0; i < sizeof(begins) / sizeof(begins[0]); i++)
		if (strncmp(name, begins[i], strlen(begins[i])) == 0)
			return true;
	return false;
}

const char *why_python_frame(const char *frame)
{
	static const char mark[] = "python: ";

	return strncmp(frame, mark, sizeof(mark) - 1) == 0 ? frame + sizeof(mark) - 1 : NULL;
}

/* " in f() (a.py:12)", the innermost function of Python; whether there is one. */
static bool add_python_place(struct why *w, const struct seen_thread *t)
{
	const char *at = t->frames.data, *end = at + t->frames.len, *frame, *slash;
	size_t name;

	while (at && at < end && !why_python_frame(at))
		at += strlen(at) + 1;
	if (!at || at >= end)
		return false;
	frame = why_python_frame(at);
	name = strcspn(frame, " ");
	slash = strrchr(frame, '/');
	buffer_add_text(&w->text, " in ");
	escape_append(&w->text, frame, name);
	buffer_add_text(&w->text, frame[0] == '<' ? " (" : "() (");
	frame = slash && slash > frame + name ? slash + 1
					      : frame + name + strspn(frame + name, " (");
	escape_append(&w->text, frame, strlen(frame));
	return true;
}

/* " in f()": who asked for what the thread waits for. Leading underscores say nothing to people. */
static void add_place(struct why *w, const struct why_finding *f)
{
	const char *at = f->thread->frames.data, *end = at + f->thread->frames.len;
	const char *name;

	if (add_python_place(w, f->thread))
		return;
	for (; at && at < end; at += strlen(at) + 1) {
		for (name = at; *name == '_' || strncmp(name, "GI_", 3) == 0;)
			name += *name == '_' ? 1 : 3;
		if (is_waiting_code(name))
			continue;
		buffer_add_text(&w->text, " in ");
		escape_append(&w->text, name, strcspn(name, "+@"));
		buffer_add_text(&w->text, "()");
		return;
	}
}

static void tell_frozen(struct why *w, const struct why_finding *f)
{
	bool lives = f->wait->owner == OWNER_ELSEWHERE;

	buffer_add_text(&w->text, "pid ");
	why_name(&w->text, w->snapshot, f->victim->pid);
	buffer_add_text(&w->text, " waits");
	add_place(w, f);
	buffer_add_text(&w->text, " for ");
	why_add_lock(&w->text, f->wait);
	if (f->wait->owner_tid)
		buffer_printf(&w->text, " whose owner, thread %u, does not exist in this process",
			      f->wait->owner_tid);
	else
		buffer_add_text(&w->text, " that no thread of this process can release");
	buffer_printf(&w->text, ": forked from %u while ",
		      lives ? f->wait->owner_pid : f->victim->parent);
	buffer_add_text(&w->text, f->wait->owner_tid ? "it held it" : "it was held");
	buffer_printf(&w->remedy,
		      "end %u; fork before threads are started, exec at once, or use spawn or "
		      "forkserver",
		      f->victim->pid);
}

static void tell_unowned(struct why *w, const struct why_finding *f)
{
	if (f->victim->forked) {
		tell_frozen(w, f);
		return;
	}
	buffer_add_text(&w->text, "pid ");
	why_name(&w->text, w->snapshot, f->victim->pid);
	if (f->victim->thread_count > 1)
		buffer_printf(&w->text, ": each of its %zu threads waits for another; thread %u",
			      f->victim->thread_count, f->thread->tid);
	buffer_add_text(&w->text, " waits");
	add_place(w, f);
	buffer_add_text(&w->text, " for ");
	why_add_lock(&w->text, f->wait);
	if (f->victim->thread_count == 1)
		buffer_add_text(&w->text, " that nobody can release: it has no other thread");
}

static void tell_owner_dead(struct why *w, const struct why_finding *f)
{
	buffer_add_text(&w->text, "pid ");
	why_name(&w->text, w->snapshot, f->victim->pid);
	buffer_add_text(&w->text, " waits for ");
	why_add_lock(&w->text, f->wait);
	buffer_printf(&w->text,
		      " whose owner %u does not exist any more: it ended without releasing it",
		      f->wait->owner_tid);
	buffer_add_text(&w->remedy, "use a robust mutex (PTHREAD_MUTEX_ROBUST), and end who waits");
}

/* One of those that share it and wait for something else may have it, which then is as bad. */
static void add_suspect(struct why *w, const struct why_finding *f)
{
	for (size_t i = 0; i < f->wait->count; i++) {
		const struct seen_process *p = snapshot_find(w->snapshot, f->wait->others[i].pid);
		const struct seen_wait *wait = p && p->thread_count == 1 &&
							       p->threads[0].wait_count == 1
						       ? p->threads[0].waits
						       : NULL;

		if (!wait || wait->kind == WAIT_LOCK)
			continue;
		buffer_add_text(&w->text, ", or is ");
		why_name(&w->text, w->snapshot, p->pid);
		buffer_add_text(&w->text, ", which ");
		why_tell_wait(&w->text, &p->threads[0], wait);
		return;
	}
}

/* Who else waits for the same thing, and whether others wait for other things of the kind. */
static void tell_orphaned(struct why *w, const struct why_finding *f)
{
	const struct snapshot *s = w->snapshot;
	const struct seen_wait *different = NULL;
	const struct seen_process *different_process = NULL;
	size_t told = 0, i;

	for (i = 0; i < s->count; i++) {
		const struct seen_process *p = &s->processes[i];
		const struct seen_wait *wait = p->thread_count && p->threads[0].wait_count
						       ? p->threads[0].waits
						       : NULL;

		if (!p->wanted || !wait || wait->kind != WAIT_LOCK || !wait->shared || wait->owner)
			continue;
		if (strcmp(wait->what, f->wait->what) != 0) {
			different = wait;
			different_process = p;
			continue;
		}
		if (told < NAMED_MAX) {
			buffer_add_text(&w->text, told ? ", " : "pid ");
			why_name(&w->text, s, p->pid);
		}
		told++;
	}
	if (told > NAMED_MAX)
		buffer_printf(&w->text, " and %zu more", told - NAMED_MAX);
	buffer_add_text(&w->text, told > 1 ? " wait for "
				  : told   ? " waits for "
					   : "somebody waits for ");
	why_add_lock(&w->text, f->wait);
	if (different) {
		buffer_add_text(&w->text, ", ");
		why_name(&w->text, s, different_process->pid);
		buffer_add_text(&w->text, " waits for ");
		why_add_lock(&w->text, different);
		buffer_add_text(&w->text,
				", and all who could release them wait too: a deadlock cycle");
	} else {
		buffer_add_text(&w->text,
				" that nobody alive can release: its holder ended without doing so "
				"(killed?)");
		add_suspect(w, f);
	}
	buffer_add_text(&w->remedy, "end the tree and start it again");
}

static void tell_cycle(struct why *w, const struct why_finding *f)
{
	const struct seen_process *p = f->victim;
	const struct seen_thread *t = f->thread;

	buffer_add_text(&w->text, "deadlock cycle: pid ");
	for (int n = 0; n < CYCLE_TOLD_MAX; n++) {
		const struct seen_process *from = p;
		const struct seen_wait *wait = t->waits;

		if (n == 0) {
			why_name(&w->text, w->snapshot, p->pid);
			if (t->tid != p->pid)
				buffer_printf(&w->text, " (thread %u)", t->tid);
		}
		buffer_add_char(&w->text, ' ');
		why_tell_wait(&w->text, t, wait);
		t = why_next(w, p, t, &p);
		if (!t)
			return;
		buffer_add_text(&w->text, wait->kind == WAIT_LOCK || wait->kind == WAIT_FILE_LOCK
						  ? " held by "
						  : ", for ");
		if (p == from && t->tid != p->pid)
			buffer_printf(&w->text, "thread %u of ", t->tid);
		if (t == f->thread) {
			buffer_printf(&w->text, "%u", p->pid);
			break;
		}
		why_name(&w->text, w->snapshot, p->pid);
		buffer_add_text(&w->text, ", which");
	}
	buffer_add_text(&w->remedy, "end one of them; take locks in one order everywhere");
}

static void tell_file_lock(struct why *w, const struct why_finding *f)
{
	buffer_add_text(&w->text, "pid ");
	why_name(&w->text, w->snapshot, f->other->pid);
	buffer_add_text(&w->text, " holds the lock on ");
	why_add_what(&w->text, f->wait);
	if (f->other->fd >= 0)
		buffer_printf(&w->text, " (fd %d)", f->other->fd);
	buffer_add_text(&w->text, " that ");
	why_name(&w->text, w->snapshot, f->victim->pid);
	buffer_printf(&w->text, " waits for (fd %d)", f->wait->fd);
	tell_other_holders(w, f);
	buffer_printf(&w->remedy, "%u releases it by unlocking, closing the file or ending",
		      f->other->pid);
}

/* What it is that a waiter waits for, of the one it waits for. */
static void add_waited(struct why *w, const struct seen_wait *wait)
{
	switch (wait->kind) {
	case WAIT_CHILD:
		buffer_add_text(&w->text, " waits for it to end");
		break;
	case WAIT_VFORK:
		buffer_add_text(&w->text, " is suspended until it execs or ends (vfork)");
		break;
	case WAIT_LOCK:
		buffer_add_text(&w->text, " waits for ");
		if (!wait->owner_tid) {
			buffer_add_text(&w->text, "it");
			break;
		}
		why_add_lock(&w->text, wait);
		if (wait->lock != LOCK_JOIN)
			buffer_add_text(&w->text, " that it holds");
		break;
	default:
		buffer_add_text(&w->text, " waits for it");
	}
}

static bool waits_for(const struct seen_wait *wait, const struct why_finding *f)
{
	for (size_t i = 0; i < wait->count; i++)
		if (wait->others[i].pid == f->victim->pid &&
		    (!wait->others[i].tid || !f->thread || wait->others[i].tid == f->thread->tid))
			return true;
	return false;
}

/* Who waits for the one that does not move: another process before another thread of its own. */
static void add_waiter(struct why *w, const struct why_finding *f)
{
	const struct snapshot *s = w->snapshot;

	for (int own = 0; own < 2; own++)
		for (size_t i = 0; i < s->count; i++) {
			const struct seen_process *p = &s->processes[i];

			if ((p->pid == f->victim->pid) != own)
				continue;
			for (size_t k = 0; k < p->thread_count; k++)
				for (size_t n = 0; n < p->threads[k].wait_count; n++) {
					const struct seen_thread *t = &p->threads[k];

					if (t == f->thread || !waits_for(&t->waits[n], f))
						continue;
					buffer_add_text(&w->text, ", and ");
					if (own)
						buffer_printf(&w->text, "thread %u", t->tid);
					else
						why_name(&w->text, s, p->pid);
					add_waited(w, &t->waits[n]);
					return;
				}
		}
}

static void tell_stopped(struct why *w, const struct why_finding *f)
{
	buffer_add_text(&w->text, "pid ");
	why_name(&w->text, w->snapshot, f->victim->pid);
	if (f->cause == WHY_TRACED && f->other) {
		buffer_add_text(&w->text, " is stopped by its tracer ");
		why_name(&w->text, w->snapshot, f->other->pid);
		buffer_printf(&w->remedy, "let %u go on with it, or end %u", f->other->pid,
			      f->other->pid);
	} else {
		buffer_add_text(&w->text,
				" is stopped by a signal (SIGSTOP, SIGTSTP, SIGTTIN or SIGTTOU)");
		buffer_printf(&w->remedy, "kill -CONT %u", f->victim->pid);
	}
	add_waiter(w, f);
}

static void tell_quiet(struct why *w, const struct why_finding *f)
{
	const struct seen_thread *t = f->thread;

	if (f->cause == WHY_BUSY) {
		buffer_add_text(&w->text, "not hung: pid ");
		why_name(&w->text, w->snapshot, f->victim->pid);
		buffer_add_text(&w->text, t->runs	    ? " is computing"
					  : t->state == 'D' ? " waits for a disk or the like"
							    : " goes on");
		if (t->tid != f->victim->pid)
			buffer_printf(&w->text, " (thread %u)", t->tid);
		if (f->victim->pid != w->snapshot->root)
			buffer_printf(&w->text, ", in the tree of %u", w->snapshot->root);
		return;
	}
	t = f->victim->thread_count ? &f->victim->threads[0] : NULL;
	buffer_add_text(&w->text, "nothing is stuck: pid ");
	why_name(&w->text, w->snapshot, f->victim->pid);
	if (f->victim->state == 'Z')
		buffer_printf(&w->text, " has ended and is not yet reaped by %u",
			      f->victim->parent);
	else if (!t || !t->call_seen)
		buffer_add_text(&w->text, " may not be looked into by this user");
	else if (!t->wait_count)
		buffer_add_text(&w->text, " waits for nobody that can be seen");
	else {
		buffer_add_char(&w->text, ' ');
		why_tell_wait(&w->text, t, &t->waits[0]);
	}
}

static void tell_sleeps(struct why *w, const struct why_finding *f)
{
	buffer_add_text(&w->text, "pid ");
	why_name(&w->text, w->snapshot, f->victim->pid);
	if (f->thread->tid != f->victim->pid)
		buffer_printf(&w->text, ": thread %u", f->thread->tid);
	buffer_add_char(&w->text, ' ');
	why_tell_wait(&w->text, f->thread, f->wait);
	(void)add_python_place(w, f->thread);
	add_waiter(w, f);
}

void why_tell(struct why *w)
{
	const struct why_finding *f = &w->root;

	switch (f->cause) {
	case WHY_IDLE:
	case WHY_BUSY:
		tell_quiet(w, f);
		break;
	case WHY_SLEEPS:
		tell_sleeps(w, f);
		break;
	case WHY_END_KEPT:
		tell_end_kept(w, f);
		break;
	case WHY_END_OWN:
		tell_end_own(w, f);
		break;
	case WHY_ORPHANED:
		tell_orphaned(w, f);
		break;
	case WHY_FILE_LOCK:
		tell_file_lock(w, f);
		break;
	case WHY_CYCLE:
	case WHY_CYCLE_PIPES:
		tell_cycle(w, f);
		break;
	case WHY_STOPPED:
	case WHY_TRACED:
		tell_stopped(w, f);
		break;
	case WHY_OWNER_DEAD:
		tell_owner_dead(w, f);
		break;
	case WHY_OWN_LOCK:
		buffer_add_text(&w->text, "pid ");
		why_name(&w->text, w->snapshot, f->victim->pid);
		buffer_printf(&w->text, ": thread %u waits for ", f->thread->tid);
		why_add_lock(&w->text, f->wait);
		buffer_add_text(&w->text, " that it holds itself");
		break;
	case WHY_FROZEN_UNOWNED:
		tell_unowned(w, f);
		break;
	case WHY_FROZEN:
		tell_frozen(w, f);
		break;
	}
}
