/* SPDX-License-Identifier: MIT */
/*
 * See loop.h. A state of a process that comes back, by steps that depend on nothing else, comes back for ever.
 * The kernel notes in a thread's memory on which CPU it is (rseq): that moves any time, and is no part of the state.
 *
 * What a loop waits for is hardly seen in its stack, which mostly shows it asleep. So the functions that it calls on
 * its way round are noted, and when one of them tries a lock, it is stepped on until it is there again.
 */
#include "capture/loop.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>

#include "capture/frames.h"
#include "capture/lock_kind.h"
#include "capture/unwind.h"

#define STEPS_MAX 1000
#define NAPS_MAX 3
#define NAP_NS 100000000 /* the stepper sleeps with it */
#define MEMORY_MAX (24u << 20) /* more is not compared, and nothing then proven */
#define WHOLE_MAX (1u << 20) /* of larger mappings only what registers point near to */
#define NEAR_BYTES (64u << 10)
#define CALLS_MAX 32
#define SHARED_MAX 64
#define TABLE_STEPS 3u
#define TABLE_BYTES 64u
#define RSEQ_MAX 1024u /* the kernel's part has some dozen bytes; a program may claim any number */

/* --- naps --- */

static bool is_short(int64_t seconds, int64_t ns)
{
	return seconds == 0 && ns >= 0 && ns <= NAP_NS;
}

static bool is_short_timespec(pid_t pid, uint64_t at)
{
	struct timespec t;

	return at && proc_read(pid, at, &t, sizeof(t)) && is_short(t.tv_sec, t.tv_nsec);
}

static bool is_short_timeval(pid_t pid, uint64_t at)
{
	struct timeval t;

	return at && proc_read(pid, at, &t, sizeof(t)) && is_short(t.tv_sec, t.tv_usec * 1000);
}

/* A system call that does nothing but let a little time pass. */
static bool is_nap(pid_t pid, long nr, const uint64_t *args)
{
	switch (nr) {
	case SYS_nanosleep:
		return is_short_timespec(pid, args[0]);
	case SYS_clock_nanosleep:
		return args[1] == 0 && is_short_timespec(pid, args[2]);
	case SYS_pselect6:
		return args[0] == 0 && is_short_timespec(pid, args[4]);
	case SYS_ppoll:
		return args[1] == 0 && is_short_timespec(pid, args[2]);
#ifdef SYS_poll
	case SYS_poll:
		return args[1] == 0 && is_short(0, (int64_t)(int32_t)args[2] * 1000000);
#endif
#ifdef SYS_select
	case SYS_select:
		return args[0] == 0 && is_short_timeval(pid, args[4]);
#endif
	}
	return false;
}

bool loop_naps(pid_t pid, const struct thread_wait *t)
{
	return is_nap(pid, t->nr, t->args);
}

/* --- one moment of it --- */

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

/* A line of its memory map. */
struct mapping {
	uint64_t from, to;
	bool writable, shared;
	char name[32]; /* cut */
};

/* False: it cannot be read. */
static bool each_mapping(pid_t pid, void (*fn)(void *arg, const struct mapping *map), void *arg)
{
	char path[64], line[512], flags[8];
	struct mapping map;
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	maps = fopen(path, "re");
	if (!maps)
		return false;
	while (fgets(line, sizeof(line), maps)) {
		map.name[0] = 0;
		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %7s %*s %*s %*s %31s", &map.from, &map.to,
			   flags, map.name) < 3)
			continue;
		map.writable = flags[1] == 'w';
		map.shared = flags[3] == 's';
		fn(arg, &map);
	}
	fclose(maps);
	return true;
}

struct range {
	uint64_t from, to;
};

struct memory {
	uint64_t hash;
	size_t bytes;
	bool whole; /* all writable private memory was read */
	struct range rseq; /* but for this */
};

struct hashing {
	pid_t pid;
	const struct moment *at;
	struct memory *memory;
};

static bool is_in(const struct range *r, uint64_t address)
{
	return address >= r->from && address < r->to;
}

/* Empty: it has none that could be one, or the kernel is older than 5.13. */
static struct range find_rseq(pid_t pid)
{
	struct __ptrace_rseq_configuration c = { 0 };

	if (ptrace(PTRACE_GET_RSEQ_CONFIGURATION, pid, sizeof(c), &c) < (long)sizeof(c) ||
	    c.rseq_abi_size > RSEQ_MAX)
		return (struct range){ 0 };
	return (struct range){ c.rseq_abi_pointer, c.rseq_abi_pointer + c.rseq_abi_size };
}

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
		for (uint64_t at = m->rseq.from; at < m->rseq.to; at += 8)
			if (at >= from && at - from < n)
				words[(at - from) / 8] = 0;
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

static void add_memory(void *arg, const struct mapping *map)
{
	struct hashing *h = arg;

	if (map->writable && !map->shared &&
	    (map->name[0] != '[' || strcmp(map->name, "[heap]") == 0 ||
	     strcmp(map->name, "[stack]") == 0))
		hash_part(h->pid, h->at, map->from, map->to, h->memory);
}

static void hash_memory(pid_t pid, const struct moment *at, struct memory *m)
{
	struct hashing h = { .pid = pid, .at = at, .memory = m };

	*m = (struct memory){ .whole = true, .rseq = find_rseq(pid) };
	if (!each_mapping(pid, add_memory, &h))
		m->whole = false;
}

/* --- what lies outside of it --- */

/* Memory that others may change, and the kernel's code that reads its clock. */
struct outside {
	struct range shared[SHARED_MAX];
	size_t count;
	struct range vdso;
	bool known;
};

static void add_outside(void *arg, const struct mapping *map)
{
	const struct range r = { map->from, map->to };
	struct outside *o = arg;

	if (strcmp(map->name, "[vdso]") == 0)
		o->vdso = r;
	/* The shim's own area, which it left in a register, is nothing that the program reads. */
	if (!map->shared || strcmp(map->name, "/memfd:forkscope") == 0)
		return;
	if (o->count == SHARED_MAX)
		o->known = false;
	else
		o->shared[o->count++] = r;
}

static void find_outside(pid_t pid, struct outside *o)
{
	*o = (struct outside){ .known = true };
	if (!each_mapping(pid, add_outside, o))
		o->known = false;
}

static bool looks_outside(const struct outside *o, const struct moment *at)
{
	const unsigned long long *regs = (const void *)&at->regs;

	if (!o->known)
		return true;
#if defined(__x86_64__)
	if (is_in(&o->vdso, at->regs.rip))
		return true;
#endif
	for (size_t i = 0; i < sizeof(at->regs) / sizeof(*regs); i++)
		for (size_t n = 0; n < o->count; n++)
			if (is_in(&o->shared[n], regs[i]))
				return true;
	return false;
}

/* --- stepping --- */

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

enum next { NEXT_PLAIN, NEXT_NAP, NEXT_UNFORESEEABLE };

/* Of the next instruction: whether no earlier state foretells its result, as of a system call or a clock. */
static enum next what_comes(pid_t pid, const struct moment *at)
{
#if defined(__x86_64__)
	const uint64_t args[] = { at->regs.rdi, at->regs.rsi, at->regs.rdx,
				  at->regs.r10, at->regs.r8,  at->regs.r9 };
	unsigned char code[3] = { 0 };

	if (!proc_read(pid, at->regs.rip, code, sizeof(code)))
		return NEXT_UNFORESEEABLE;
	if (code[0] != 0x0f)
		return NEXT_PLAIN;
	if (code[1] == 0x05)
		return at->regs.rax == SYS_sched_yield || is_nap(pid, (long)at->regs.rax, args)
			       ? NEXT_NAP
			       : NEXT_UNFORESEEABLE;
	return code[1] == 0x31 || code[1] == 0x34 || code[1] == 0xc7 ||
			       (code[1] == 0x01 && code[2] == 0xf9)
		       ? NEXT_UNFORESEEABLE
		       : NEXT_PLAIN;
#else
	(void)pid;
	(void)at;
	return NEXT_UNFORESEEABLE;
#endif
}

struct walk {
	pid_t pid;
	struct outside outside;
	struct moment now;
	unsigned naps;
	bool slept; /* one of them was more than a sched_yield */
	int signal; /* that came instead of a step's end */
	uint64_t called; /* the last function, and at which step */
	unsigned steps, called_at;
	uint64_t calls[CALLS_MAX]; /* functions that were called on the way */
	size_t call_count;
};

static void note_call(struct walk *w, const struct moment *before)
{
#if defined(__x86_64__)
	uint64_t to = w->now.regs.rip;

	bool calls = w->now.regs.rsp == before->regs.rsp - 8 && to - before->regs.rip > 15;
	/* A linkage table's entry jumps on to the function. */
	bool jumps = w->called_at && w->steps - w->called_at <= TABLE_STEPS &&
		     to - w->called > TABLE_BYTES;

	w->steps++;
	if (!calls && !jumps)
		return;
	w->called = to;
	w->called_at = calls ? w->steps : 0;
	for (size_t i = 0; i < w->call_count; i++)
		if (w->calls[i] == to)
			return;
	if (w->call_count < CALLS_MAX)
		w->calls[w->call_count++] = to;
#else
	(void)w;
	(void)before;
#endif
}

/* Goes one instruction on. False: it cannot be foretold where that leads. */
static bool walk_on(struct walk *w, bool *ret_nap)
{
	struct moment before = w->now;
	enum next next = what_comes(w->pid, &before);

	*ret_nap = next == NEXT_NAP;
	if (next == NEXT_UNFORESEEABLE || looks_outside(&w->outside, &before) ||
	    (*ret_nap && ++w->naps > NAPS_MAX) || !step(w->pid, &w->signal) ||
	    !read_moment(w->pid, &w->now))
		return false;
#if defined(__x86_64__)
	w->slept |= *ret_nap && before.regs.rax != SYS_sched_yield;
#endif
	note_call(w, &before);
	return true;
}

/* Stopped in the middle of a nap, it begins that again as another system call. */
static bool end_nap(struct walk *w)
{
#if defined(__x86_64__)
	const struct user_regs_struct *r = &w->now.regs;
	const uint64_t args[] = { r->rdi, r->rsi, r->rdx, r->r10, r->r8, r->r9 };

	if ((long)r->orig_rax < 0)
		return true;
	return is_nap(w->pid, (long)r->orig_rax, args) && step(w->pid, &w->signal) &&
	       read_moment(w->pid, &w->now);
#else
	(void)w;
	return false;
#endif
}

static bool goes_round(struct walk *w)
{
	struct memory before, after;
	struct moment first;
	bool nap, napped = false;

	if (!read_moment(w->pid, &w->now) || !end_nap(w))
		return false;
	first = w->now;
	hash_memory(w->pid, &first, &before);
	for (int i = 0; i < STEPS_MAX && before.whole; i++) {
		if (!walk_on(w, &nap))
			return false;
		/* A system call leaves the flags in a register, and stepping is one of them. */
		if (nap && !napped) {
			napped = true;
			first = w->now;
			hash_memory(w->pid, &first, &before);
			w->call_count = 0;
			continue;
		}
		if (same_moment(&first, &w->now)) {
			hash_memory(w->pid, &w->now, &after);
			return after.whole && after.hash == before.hash;
		}
	}
	return false;
}

/* --- what it is for --- */

/* FS_WAIT_UNKNOWN: it tries none. */
static enum fs_wait_kind lock_tried_by(pid_t pid, uint64_t function, bool *ret_asks_cpu)
{
	struct buffer name = { 0 };
	enum fs_wait_kind kind = FS_WAIT_UNKNOWN;

	frames_name(pid, function, true, &name);
	if (!name.failed && name.len) {
		*ret_asks_cpu = strstr(name.data, "sched_getcpu");
		if (strstr(name.data, "try"))
			kind = lock_kind(name.data, name.len);
	}
	buffer_free(&name);
	return kind;
}

/* Goes on to where the loop tries a lock, if it does. False: it asks on which CPU it is, so another may end it. */
static bool go_to_lock(struct walk *w, struct loop *ret)
{
#if defined(__x86_64__)
	uint64_t function = 0;
	bool nap, asks_cpu = false;

	for (size_t i = 0; i < w->call_count && !ret->kind && !asks_cpu; i++) {
		function = w->calls[i];
		ret->kind = lock_tried_by(w->pid, function, &asks_cpu);
	}
	if (asks_cpu)
		return false;
	w->naps = 0;
	for (int i = 0; ret->kind && i < STEPS_MAX && w->now.regs.rip != function; i++)
		if (!walk_on(w, &nap))
			break;
	if (ret->kind && w->now.regs.rip == function)
		ret->address = w->now.regs.rdi;
#else
	(void)w;
	(void)ret;
#endif
	return true;
}

bool loop_is_endless(pid_t pid, struct buffer *frames, struct loop *ret)
{
	struct walk w = { .pid = pid };
	struct loop loop = { .kind = FS_WAIT_UNKNOWN };
	bool endless;

	if (unwind_stop(pid))
		return false;
	find_outside(pid, &w.outside);
	endless = goes_round(&w);
	if (endless) {
		loop.naps = w.slept;
#if defined(__x86_64__)
		loop.address = w.now.regs.rip;
#endif
		endless = go_to_lock(&w, &loop);
	}
	if (endless) {
		*ret = loop;
		unwind_stopped(pid, pid, frames);
	}
	unwind_let_go(pid, w.signal);
	return endless;
}
