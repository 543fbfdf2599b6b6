/* SPDX-License-Identifier: MIT */
/* See unwind.h. */
#include "capture/unwind.h"

#include <elfutils/libdwfl.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>

#include "capture/frames.h"
#include "capture/proc_wait.h"

#define STEPS_MAX 400
#define MEMORY_MAX (24u << 20) /* more is not compared, and nothing then proven */
#define WHOLE_MAX (1u << 20) /* of larger mappings only what registers point near to */
#define NEAR_BYTES (64u << 10)

/* --- stopping --- */

static int stop_thread(pid_t tid)
{
	int status;

	if (ptrace(PTRACE_SEIZE, tid, NULL, NULL) < 0)
		return -errno;
	if (ptrace(PTRACE_INTERRUPT, tid, NULL, NULL) < 0 || waitpid(tid, &status, __WALL) != tid ||
	    !WIFSTOPPED(status)) {
		(void)ptrace(PTRACE_DETACH, tid, NULL, NULL);
		return -ESRCH;
	}
	/* A signal that came first is not ours to swallow. */
	if (status >> 16 != PTRACE_EVENT_STOP) {
		(void)ptrace(PTRACE_DETACH, tid, NULL, (void *)(uintptr_t)WSTOPSIG(status));
		return -EAGAIN;
	}
	return 0;
}

/*
 * With a signal that came while it was stopped, 0 none. One that was killed meanwhile cannot be let go: its end has
 * come to us, and its parent hears of it only when we have taken note.
 */
static void let_go(pid_t tid, int sig)
{
	int status;

	if (ptrace(PTRACE_DETACH, tid, NULL, (void *)(uintptr_t)sig) < 0 && errno == ESRCH)
		(void)waitpid(tid, &status, __WALL);
}

/* --- frames --- */

static void unwind_stopped(pid_t pid, pid_t tid, struct buffer *out)
{
	struct frames f = { .dwfl = dwfl_begin(&frames_callbacks), .out = out };
	struct frames_python python;

	if (!f.dwfl)
		return;
	if (dwfl_linux_proc_report(f.dwfl, pid) == 0 && dwfl_report_end(f.dwfl, NULL, NULL) == 0 &&
	    dwfl_linux_proc_attach(f.dwfl, pid, true) == 0)
		(void)dwfl_getthread_frames(f.dwfl, tid, frames_add, &f);
	python = frames_find_python(f.dwfl, NULL, pid);
	frames_add_python(&python, pid, tid, out);
	dwfl_end(f.dwfl);
}

void unwind_python(pid_t pid, pid_t tid, struct buffer *frames)
{
	Dwfl *dwfl = frames_open(pid);
	struct frames_python python;

	if (!dwfl)
		return;
	python = frames_find_python(dwfl, NULL, pid);
	frames_add_python(&python, pid, tid, frames);
	dwfl_end(dwfl);
}

int unwind_thread(pid_t pid, pid_t tid, struct buffer *frames)
{
	int err = stop_thread(tid);

	if (err)
		return err;
	unwind_stopped(pid, tid, frames);
	let_go(tid, 0);
	return 0;
}

/* --- loops --- */

struct moment {
	struct user_regs_struct regs;
	struct user_fpregs_struct fp;
};

/* Whether two moments are one, apart from what the kernel keeps in orig_rax. */
static bool same_moment(struct moment *a, struct moment *b)
{
#if defined(__x86_64__)
	a->regs.orig_rax = b->regs.orig_rax = 0;
#endif
	return memcmp(&a->regs, &b->regs, sizeof(a->regs)) == 0 &&
	       memcmp(&a->fp, &b->fp, sizeof(a->fp)) == 0;
}

static bool read_moment(pid_t pid, struct moment *m)
{
	memset(m, 0, sizeof(*m));
#if defined(__x86_64__)
	return ptrace(PTRACE_GETREGS, pid, NULL, &m->regs) == 0 &&
	       ptrace(PTRACE_GETFPREGS, pid, NULL, &m->fp) == 0;
#else
	(void)pid;
	return false;
#endif
}

struct memory {
	uint64_t hash;
	size_t bytes;
	bool whole; /* all writable private memory was read */
	bool near_shared; /* a register points into writable shared memory */
};

static void hash_range(pid_t pid, uint64_t from, uint64_t to, struct memory *m)
{
	static uint64_t words[8192];
	size_t n;

	for (; from < to && m->whole; from += n) {
		n = to - from < sizeof(words) ? to - from : sizeof(words);
		m->bytes += n;
		if (m->bytes > MEMORY_MAX || !proc_read(pid, from, words, n)) {
			m->whole = false;
			return;
		}
		for (size_t i = 0; i < n / 8; i++)
			m->hash = (m->hash ^ words[i]) * 0x9e3779b97f4a7c15ull;
	}
}

/* What the registers of one moment point near to, of a large mapping. */
static void hash_near(pid_t pid, const struct moment *at, uint64_t from, uint64_t to,
		      struct memory *m)
{
	const unsigned long long *regs = (const void *)&at->regs;

	for (size_t i = 0; i < sizeof(at->regs) / sizeof(*regs); i++) {
		uint64_t low, high, here = regs[i] & ~UINT64_C(7);

		if (here < from || here >= to)
			continue;
		low = here - from > NEAR_BYTES ? here - NEAR_BYTES : from;
		high = to - here > NEAR_BYTES ? here + NEAR_BYTES : to;
		hash_range(pid, low, high, m);
	}
}

static void hash_part(pid_t pid, const struct moment *at, uint64_t from, uint64_t to,
		      struct memory *m)
{
	if (to - from <= WHOLE_MAX)
		hash_range(pid, from, to, m);
	else
		hash_near(pid, at, from, to, m);
}

static bool points_into(const struct moment *at, uint64_t from, uint64_t to)
{
	const unsigned long long *regs = (const void *)&at->regs;

	for (size_t i = 0; i < sizeof(at->regs) / sizeof(*regs); i++)
		if (regs[i] >= from && regs[i] < to)
			return true;
	return false;
}

static void hash_memory(pid_t pid, const struct moment *at, struct memory *m)
{
	char path[64], line[512], flags[8], name[32];
	uint64_t from, to;
	FILE *maps;

	*m = (struct memory){ .whole = true };
	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	maps = fopen(path, "re");
	if (!maps) {
		m->whole = false;
		return;
	}
	while (fgets(line, sizeof(line), maps)) {
		name[0] = 0;
		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %7s %*s %*s %*s %31s", &from, &to, flags,
			   name) < 3 ||
		    flags[1] != 'w')
			continue;
		/* The shim's own area, which it left in a register, is nothing that the program reads. */
		if (strcmp(name, "/memfd:forkscope") == 0)
			continue;
		if (flags[3] == 's')
			m->near_shared |= points_into(at, from, to);
		else if (name[0] != '[' || strcmp(name, "[heap]") == 0 ||
			 strcmp(name, "[stack]") == 0)
			hash_part(pid, at, from, to, m);
	}
	fclose(maps);
}

/* *ret_signal: one that came instead of the step's end. */
static bool step(pid_t pid, int *ret_signal)
{
	int status;

	if (ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) < 0 ||
	    waitpid(pid, &status, __WALL) != pid || !WIFSTOPPED(status))
		return false;
	if (WSTOPSIG(status) == SIGTRAP)
		return true;
	*ret_signal = WSTOPSIG(status);
	return false;
}

/* The next instruction is one whose result no earlier state foretells: a system call, a clock. */
static bool is_unforeseeable(pid_t pid, const struct moment *at)
{
#if defined(__x86_64__)
	unsigned char code[3] = { 0 };

	if (!proc_read(pid, at->regs.rip, code, sizeof(code)))
		return true;
	if (code[0] != 0x0f)
		return false;
	if (code[1] == 0x05)
		return at->regs.rax != SYS_sched_yield;
	return code[1] == 0x31 || code[1] == 0x34 || code[1] == 0xc7 ||
	       (code[1] == 0x01 && code[2] == 0xf9);
#else
	(void)pid;
	(void)at;
	return true;
#endif
}

static bool goes_round(pid_t pid, uint64_t *ret_pc, int *ret_signal)
{
	struct moment first, now;
	struct memory before, after;

	if (!read_moment(pid, &first))
		return false;
	hash_memory(pid, &first, &before);
	if (!before.whole || before.near_shared || is_unforeseeable(pid, &first))
		return false;
	for (int i = 0; i < STEPS_MAX; i++) {
		if (!step(pid, ret_signal) || !read_moment(pid, &now))
			return false;
		if (same_moment(&first, &now)) {
			hash_memory(pid, &now, &after);
#if defined(__x86_64__)
			*ret_pc = first.regs.rip;
#endif
			return after.whole && after.hash == before.hash;
		}
		if (is_unforeseeable(pid, &now))
			return false;
	}
	return false;
}

bool unwind_proves_loop(pid_t pid, struct buffer *frames, uint64_t *ret_pc)
{
	bool proven;
	int sig = 0;

	if (stop_thread(pid))
		return false;
	proven = goes_round(pid, ret_pc, &sig);
	if (proven)
		unwind_stopped(pid, pid, frames);
	let_go(pid, sig);
	return proven;
}
