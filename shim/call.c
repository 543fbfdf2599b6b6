/* SPDX-License-Identifier: MIT */
/* What all wrappers do before and after the real call. */
#include "shim.h"

#include <string.h>

#define NAME_MAX_TOLD 1024
#define ARGV_MAX_TOLD 2600

static bool is_birth(uint32_t call)
{
	return call >= FS_LIBC_FORK && call <= FS_LIBC_WORDEXP;
}

static bool is_exec(uint32_t call)
{
	return call >= FS_LIBC_EXECVE && call <= FS_LIBC_EXECVEAT;
}

/* The child gets a copy of this memory and runs on in it. */
static bool copies_memory(uint32_t call)
{
	return call == FS_LIBC_FORK || call == FS_LIBC_FORK_BARE || call == FS_LIBC_CLONE ||
	       call == FS_LIBC_SYSCALL || call == FS_LIBC_DAEMON || call == FS_LIBC_FORKPTY;
}

/* Lengths of what will be copied; argv_total counts all of it. */
static void measure(struct fs_ev_call *e, const struct shim_what *what)
{
	size_t name = what->name ? strnlen(what->name, NAME_MAX_TOLD) : 0, total = 0, fits = 0;

	for (char *const *a = what->argv; a && *a; a++) {
		total += strlen(*a) + 1;
		if (total <= ARGV_MAX_TOLD)
			fits = total;
		e->argc++;
	}
	e->name_len = (uint32_t)name;
	e->argv_len = (uint32_t)fits;
	e->argv_total = total > UINT32_MAX ? UINT32_MAX : (uint32_t)total;
}

static void tell_call(uint32_t pid, struct fs_ev_call *e, const struct shim_what *what)
{
	size_t left;
	char *r, *at;

	measure(e, what);
	r = ring_reserve_by(pid, FS_EV_CALL, sizeof(*e) + e->name_len + 1 + e->argv_len);
	if (!r)
		return;
	memcpy(r + sizeof(e->h), (char *)e + sizeof(e->h), sizeof(*e) - sizeof(e->h));
	at = r + sizeof(*e);
	memcpy(at, what->name ? what->name : "", e->name_len);
	at += e->name_len;
	*at++ = 0;
	left = e->argv_len;
	for (char *const *a = what->argv; a && *a && left; a++) {
		size_t len = strlen(*a) + 1;

		if (len > left)
			len = left; /* it grew meanwhile */
		memcpy(at, *a, len);
		at += len;
		left -= len;
	}
	memset(at, 0, left);
	ring_commit(r);
}

static void tell_surroundings(const struct shim_call *c, uint64_t frame, uint64_t began)
{
	bool own_memory = !(c->flags & FS_LIBC_FROM_VFORK), opened = false;

	if (shim.wanted & FS_AREA_NATIVE && own_memory) {
		modules_tell_new();
		stack_tell(c, frame);
	}
	if (shim.wanted & FS_AREA_PYTHON && own_memory)
		opened = python_tell(c->id);
	if (copies_memory(c->call))
		locks_forget_lost();
	if (copies_memory(c->call) && c->threads != 1)
		snapshot_threads(c->id);
	if (copies_memory(c->call) && shim.wanted & FS_AREA_LOCKS && own_memory)
		locks_tell_own(c->id);
	if (c->call == FS_LIBC_FORK && own_memory)
		stdio_tell(c->id, c->threads == 1);
	/* Only what opened an fd is worth telling. */
	if (opened || (copies_memory(c->call) && c->threads != 1) || began != c->enter_ns)
		ring_busy(began);
}

void call_begin(struct shim_call *c, uint32_t call, uint64_t caller, const struct shim_what *what)
{
	static const struct shim_what nothing;
	struct fs_ev_call e = { .call = call, .caller = caller, .phase = FS_PHASE_BEFORE };
	uint32_t pid = sys_getpid();

	*c = (struct shim_call){ .call = call, .caller = caller, .saved_errno = errno, .pid = pid };
	if (!what)
		what = &nothing;
	c->active = true;
	c->host_pid = shim_self()->host_pid;
	c->enter_ns = e.enter_ns = shim_now_ns();
	c->id = e.call_id = __atomic_add_fetch(&shim.area->next_call, 1, __ATOMIC_RELAXED);
	c->flags = what->flags | (shim_self()->pid != pid ? FS_LIBC_FROM_VFORK : 0);
	c->gap = e.shim_gap = what->gap;
	c->argument = e.argument = what->argument;
	c->threads = e.threads = is_birth(call) || is_exec(call) ? threads_alive() : 0;
	e.call_flags = c->flags;
	if (copies_memory(call) && c->threads != 1)
		shim.forked_threaded = true;
	if (is_birth(call))
		effect_made();
	if (copies_memory(call) && shim.wanted & FS_AREA_PYTHON && shim.wanted & FS_AREA_LOCKS)
		shim.forked_ns = sys_file_time_ns();
	if (copies_memory(call) && !(c->flags & FS_LIBC_FROM_VFORK))
		memset(shim_self()->random_told, 0, sizeof(shim_self()->random_told));
	if (c->flags & FS_LIBC_FROM_VFORK)
		e.parent_pid = shim_self()->host_pid;
	e.status = what->status;
	tell_call(pid, &e, what);
	if (is_birth(call) || is_exec(call))
		tell_surroundings(c, what->frame, what->began_ns ? what->began_ns : c->enter_ns);
	keep_errno(c->saved_errno);
}

static void tell_end(const struct shim_call *c, struct fs_ev_call *e)
{
	static const struct shim_what nothing;

	e->call = c->call;
	e->call_id = c->id;
	e->caller = c->caller;
	e->enter_ns = c->enter_ns;
	e->argument = c->argument;
	e->threads = c->threads;
	e->call_flags = c->flags;
	e->shim_gap = c->gap;
	tell_call(c->pid, e, &nothing);
}

void call_done(struct shim_call *c, long ret, uint32_t child, uint32_t status, bool failed)
{
	int after = errno;
	struct fs_ev_call e = { .phase = FS_PHASE_DONE,
				.ret = (int32_t)ret,
				.child_pid = shim.foreign_pids ? 0 : child,
				.status = status,
				.error = failed ? after : 0 };

	if (!c->active)
		return;
	if (c->flags & FS_LIBC_FROM_VFORK)
		e.parent_pid = shim_self()->host_pid;
	tell_end(c, &e);
	keep_errno(after);
}

void call_note(uint32_t call, uint64_t caller, uint64_t argument, uint32_t which, int error)
{
	static const struct shim_what nothing;
	int saved = errno;
	struct fs_ev_call e = { .call = call,
				.caller = caller,
				.argument = argument,
				.phase = FS_PHASE_BEFORE,
				.status = which,
				.error = error,
				.enter_ns = shim_now_ns() };

	tell_call(sys_getpid(), &e, &nothing);
	errno = saved;
}

void call_forked(struct shim_call *c, long pid, bool in_child)
{
	int after = errno;
	struct fs_ev_call e = { .phase = FS_PHASE_IN_CHILD, .parent_pid = c->host_pid };

	if (!c->active)
		return;
	if (!in_child) {
		call_done(c, pid, pid > 0 ? (uint32_t)pid : 0, 0, pid < 0);
		return;
	}
	/* The kernel witness tells it too, and a child that does nothing more is spared the faults. */
	if (!(shim.wanted & FS_AREA_KERNEL)) {
		c->pid = sys_getpid();
		tell_end(c, &e);
		fds_tell_table();
	}
	keep_errno(after);
}
