/* SPDX-License-Identifier: MIT */
/*
 * fork, _Fork, clone, and what libc builds on them: daemon, forkpty. vfork and syscall are in jump_*.S, since
 * no C frame may return twice; here are their pre-hooks.
 */
#include "shim.h"

#include <stdarg.h>

SHIM_EXPORT pid_t fork(void)
{
	const struct shim_what what = { .frame = FRAME };
	struct shim_call c;
	pid_t pid;

	if (!shim_ready())
		return real.fork();
	call_begin(&c, FS_LIBC_FORK, CALLER, &what);
	pid = real.fork();
	call_forked(&c, pid, pid == 0);
	return pid;
}

SHIM_EXPORT pid_t _Fork(void)
{
	const struct shim_what what = { .frame = FRAME };
	struct shim_call c;
	pid_t pid;

	if (!shim_ready())
		return real._Fork();
	call_begin(&c, FS_LIBC_FORK_BARE, CALLER, &what);
	pid = real._Fork();
	call_forked(&c, pid, pid == 0);
	return pid;
}

SHIM_EXPORT int daemon(int nochdir, int noclose)
{
	struct shim_call c;
	int ret;

	if (!shim_ready())
		return real.daemon(nochdir, noclose);
	call_begin(&c, FS_LIBC_DAEMON, CALLER, NULL);
	ret = real.daemon(nochdir, noclose);
	call_forked(&c, ret, sys_getpid() != c.pid); /* the child may fail */
	return ret;
}

SHIM_EXPORT pid_t forkpty(int *master, char *name, const struct termios *t, const struct winsize *w)
{
	struct shim_call c;
	pid_t pid;

	if (!shim_ready())
		return real.forkpty(master, name, t, w);
	call_begin(&c, FS_LIBC_FORKPTY, CALLER, NULL);
	pid = real.forkpty(master, name, t, w);
	call_forked(&c, pid, pid == 0);
	return pid;
}

SHIM_EXPORT int clone(int (*fn)(void *), void *stack, int flags, void *arg, ...)
{
	const struct shim_what what = { .argument = (uint32_t)flags };
	struct shim_call c;
	pid_t *parent_tid, *child_tid;
	void *tls;
	va_list more;
	int pid;

	/* Which of the three are there, the flags say; to pass on what is not there does no harm. */
	va_start(more, arg);
	parent_tid = va_arg(more, pid_t *);
	tls = va_arg(more, void *);
	child_tid = va_arg(more, pid_t *);
	va_end(more);
	if (flags & CLONE_THREAD)
		shim.raw_threads = true;
	if (!shim_ready() || flags & CLONE_THREAD)
		return real.clone(fn, stack, flags, arg, parent_tid, tls, child_tid);
	call_begin(&c, FS_LIBC_CLONE, CALLER, &what);
	pid = real.clone(fn, stack, flags, arg, parent_tid, tls, child_tid);
	call_done(&c, pid, pid > 0 ? (uint32_t)pid : 0, 0, pid < 0);
	return pid;
}

/* --- for jump_*.S: tells the call, and returns where to jump ------------------------------- */

void *shim_before_vfork(uint64_t caller);
void *shim_before_syscall(long number, uint64_t flags, uint64_t third, uint64_t caller);
void *shim_before_dlopen(void);

void *shim_before_vfork(uint64_t caller)
{
	struct shim_call c;

	if (shim_ready()) {
		call_begin(&c, FS_LIBC_VFORK, caller, NULL);
		vfork_data_keep(c.threads);
	}
	return (void *)real.vfork;
}

static bool makes_process(long number, uint64_t flags)
{
	switch (number) {
#ifdef SYS_fork
	case SYS_fork:
	case SYS_vfork:
#endif
	case SYS_clone3: /* its flags lie in memory that may not be there */
		return true;
	case SYS_clone:
		return !(flags & CLONE_THREAD);
	}
	return false;
}

/* Of a system call its number, first and third argument. */
void *shim_before_syscall(long number, uint64_t flags, uint64_t third, uint64_t caller)
{
	const struct shim_what what = { .argument = (uint64_t)number };
	struct shim_call c;

	if (!shim_ready())
		return (void *)real.syscall;
	if ((number == SYS_clone && flags & CLONE_THREAD) || number == SYS_clone3)
		shim.raw_threads = true;
	if (confines(number, flags, third))
		confine(FS_LIBC_SECCOMP, caller, &what);
	else if (makes_process(number, flags))
		call_begin(&c, FS_LIBC_SYSCALL, caller, &what);
	else if (number == SYS_exit_group && !shim_in_vfork_child())
		ring_seal();
	return (void *)real.syscall;
}

void *shim_before_dlopen(void)
{
	if (shim_ready())
		modules_note_dlopen();
	return (void *)real.dlopen;
}
