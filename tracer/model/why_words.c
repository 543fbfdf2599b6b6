/* SPDX-License-Identifier: MIT */
/* Names of causes, locks and waits, and one wait in words. What comes from the target is escaped on its way in. */
#include <string.h>

#include "base/escape.h"
#include "model/why_impl.h"

const char *why_cause_name(enum why_cause cause)
{
	static const char *const names[] = {
		[WHY_IDLE] = "idle",
		[WHY_BUSY] = "busy",
		[WHY_SLEEPS] = "waits-for-idle",
		[WHY_END_KEPT] = "end-kept-open",
		[WHY_ORPHANED] = "lock-orphaned",
		[WHY_FILE_LOCK] = "file-lock",
		[WHY_CYCLE_PIPES] = "deadlock-cycle",
		[WHY_FROZEN_UNOWNED] = "lock-frozen-by-fork",
		[WHY_END_OWN] = "end-kept-by-itself",
		[WHY_TRACED] = "traced",
		[WHY_STOPPED] = "stopped",
		[WHY_CYCLE] = "deadlock-cycle",
		[WHY_OWNER_DEAD] = "lock-owner-gone",
		[WHY_OWN_LOCK] = "own-lock",
		[WHY_FROZEN] = "lock-frozen-by-fork",
	};

	return names[cause];
}

const char *why_lock_name(enum seen_lock lock)
{
	static const char *const names[] = {
		[LOCK_UNKNOWN] = "lock",	[LOCK_MUTEX] = "mutex",
		[LOCK_RWLOCK] = "rwlock",	[LOCK_CONDITION] = "condition variable",
		[LOCK_SEMAPHORE] = "semaphore", [LOCK_BARRIER] = "barrier",
		[LOCK_JOIN] = "thread's end",	[LOCK_LIBC] = "lock inside libc",
		[LOCK_PYTHON] = "Python lock",	[LOCK_ONCE] = "one-time initialisation",
	};

	return names[lock];
}

const char *why_wait_name(enum wait_kind kind)
{
	static const char *const names[] = {
		[WAIT_OTHER] = "other",	  [WAIT_LOCK] = "lock",		  [WAIT_READ] = "read",
		[WAIT_WRITE] = "write",	  [WAIT_ACCEPT] = "accept",	  [WAIT_CHILD] = "child",
		[WAIT_VFORK] = "vfork",	  [WAIT_FILE_LOCK] = "file-lock", [WAIT_SLEEP] = "sleep",
		[WAIT_SIGNAL] = "signal", [WAIT_STOPPED] = "stopped",	  [WAIT_TRACED] = "traced",
	};

	return names[kind];
}

void why_name(struct buffer *to, const struct snapshot *s, uint32_t pid)
{
	const struct seen_process *p = snapshot_find(s, pid);

	buffer_printf(to, "%u", pid);
	if (!p)
		return;
	buffer_add_text(to, " `");
	escape_append(to, p->comm, strlen(p->comm));
	buffer_add_char(to, '`');
}

void why_add_what(struct buffer *to, const struct seen_wait *w)
{
	if (w->what[0])
		escape_append(to, w->what, strlen(w->what));
	else
		buffer_add_text(to, "something that cannot be seen");
}

static bool ends_with(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);

	return n >= m && strcmp(text + n - m, end) == 0;
}

void why_add_lock(struct buffer *to, const struct seen_wait *w)
{
	buffer_printf(to, "%s",
		      w->lock == LOCK_JOIN	  ? "the end of a thread"
		      : w->lock == LOCK_ONCE	  ? "a one-time initialisation"
		      : w->lock == LOCK_CONDITION ? "a condition variable"
						  : "a ");
	if (w->lock != LOCK_JOIN && w->lock != LOCK_ONCE && w->lock != LOCK_CONDITION)
		buffer_add_text(to, why_lock_name(w->lock));
	if (!w->shared)
		return;
	buffer_add_text(to, " in shared memory");
	if (w->what[0] && strncmp(w->what, "/dev/zero", 9) != 0) {
		buffer_add_char(to, ' ');
		escape_append(to, w->what,
			      strlen(w->what) - (ends_with(w->what, " (deleted)") ? 10 : 0));
	}
}

void why_tell_wait(struct buffer *to, const struct seen_thread *t, const struct seen_wait *w)
{
	static const char *const verbs[] = {
		[WAIT_READ] = "reads ",
		[WAIT_WRITE] = "writes to ",
		[WAIT_ACCEPT] = "waits for a client of ",
		[WAIT_FILE_LOCK] = "waits for a lock on ",
	};
	static const char *const plain[] = {
		[WAIT_CHILD] = "waits for a child to end",
		[WAIT_VFORK] = "is suspended until its vfork child execs or ends",
		[WAIT_SLEEP] = "sleeps",
		[WAIT_SIGNAL] = "waits for a signal",
		[WAIT_STOPPED] = "is stopped by a signal",
		[WAIT_TRACED] = "is stopped by its tracer",
	};

	switch (w->kind) {
	case WAIT_LOCK:
		buffer_add_text(to, "waits for ");
		why_add_lock(to, w);
		buffer_printf(to, " (0x%llx, value 0x%x)", (unsigned long long)w->address, w->word);
		break;
	case WAIT_READ:
	case WAIT_WRITE:
	case WAIT_ACCEPT:
	case WAIT_FILE_LOCK:
		buffer_add_text(to, verbs[w->kind]);
		why_add_what(to, w);
		buffer_printf(to, " (fd %d)", w->fd);
		break;
	case WAIT_OTHER:
		buffer_add_text(to, w->what[0] ? "waits for " : "is in system call ");
		if (w->what[0])
			escape_append(to, w->what, strlen(w->what));
		else
			buffer_printf(to, "%lld", (long long)t->nr);
		break;
	default:
		buffer_add_text(to, plain[w->kind]);
	}
	if (w->timed && w->kind != WAIT_SLEEP)
		buffer_add_text(to, ", with a time limit");
}
