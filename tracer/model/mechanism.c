/* SPDX-License-Identifier: MIT */
/*
 * Which call made a process.
 *
 * The system call's number names it, save that libraries build fork and posix_spawn on clone: glibc's fork
 * is a clone that has the child's tid written into the child (CLONE_CHILD_SETTID), raises SIGCHLD, and
 * gives neither new stack nor shared memory; posix_spawn is a clone that suspends the parent, on a stack of
 * its own, with every signal blocked. Where vfork has no system call (aarch64), it is a clone that suspends
 * the parent on the parent's own stack.
 */
#include "model/mechanism.h"

#include <sched.h>
#include <signal.h>
#include <stdbool.h>

enum call {
	CALL_OTHER,
	CALL_FORK,
	CALL_VFORK,
	CALL_CLONE,
	CALL_CLONE3,
};

#define AARCH64_CLONE 220

/* The numbers of x86-64 and aarch64 do not clash: one's clone is none of the other's forks. */
static enum call call_of(const struct fs_ev_fork *e)
{
	if (e->h.flags & FS_EVENT_COMPAT) {
		switch (e->syscall) {
		case 2:
			return CALL_FORK;
		case 190:
			return CALL_VFORK;
		case 120:
			return CALL_CLONE;
		}
	} else {
		switch (e->syscall) {
		case 57:
			return CALL_FORK;
		case 58:
			return CALL_VFORK;
		case 56:
		case AARCH64_CLONE:
			return CALL_CLONE;
		}
	}
	return e->syscall == 435 ? CALL_CLONE3 : CALL_OTHER;
}

/* SIGKILL and SIGSTOP cannot be blocked: the kernel clears them. */
static bool blocks_everything(uint64_t mask)
{
	return (mask | 1ull << (SIGKILL - 1) | 1ull << (SIGSTOP - 1)) == ~0ull;
}

enum mechanism mechanism_of(const struct fs_ev_fork *e)
{
	const uint64_t suspends = CLONE_VM | CLONE_VFORK;
	enum call call = call_of(e);

	if (e->clone_flags & CLONE_THREAD)
		return MECHANISM_THREAD;
	switch (call) {
	case CALL_FORK:
		return MECHANISM_FORK;
	case CALL_VFORK:
		return MECHANISM_VFORK;
	case CALL_CLONE:
	case CALL_CLONE3:
		break;
	default:
		return MECHANISM_UNKNOWN;
	}
	if ((e->clone_flags & suspends) == suspends) {
		if (e->has_stack && blocks_everything(e->creator_blocked))
			return MECHANISM_POSIX_SPAWN;
		if (!e->has_stack && e->syscall == AARCH64_CLONE && e->exit_signal == SIGCHLD)
			return MECHANISM_VFORK;
	} else if (e->clone_flags & CLONE_CHILD_SETTID && e->exit_signal == SIGCHLD &&
		   !e->has_stack && !(e->clone_flags & CLONE_VM)) {
		return MECHANISM_FORK;
	}
	return call == CALL_CLONE3 ? MECHANISM_CLONE3 : MECHANISM_CLONE;
}

const char *mechanism_name(enum mechanism m)
{
	static const char *const names[] = {
		[MECHANISM_FORK] = "fork",
		[MECHANISM_VFORK] = "vfork",
		[MECHANISM_POSIX_SPAWN] = "posix_spawn",
		[MECHANISM_CLONE] = "clone",
		[MECHANISM_CLONE3] = "clone3",
		[MECHANISM_THREAD] = "thread",
	};

	return (unsigned)m < sizeof(names) / sizeof(names[0]) ? names[m] : NULL;
}
