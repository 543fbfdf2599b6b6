/* SPDX-License-Identifier: MIT */
/*
 * The threads of this process: where each was started, which locks it holds, and at a fork where each is.
 *
 * A slot is taken by the thread itself (CAS of tid) and lies in our own memory, so that a slot of a thread that
 * is gone can still be read. Slots of threads that ended without telling us are found when the table runs full.
 */
#include "shim.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* libc's word that it never made another thread; not there before glibc 2.32. */
extern char __libc_single_threaded __attribute__((weak));

#define SLOT_BEING_BORN 0xffffffffu /* tid of a slot whose thread does not run yet */
#define SLOTS_UNASKED 256

SHIM_TLS struct shim_thread *own;

/* Threads that ended by pthread_exit never told us. Asked only where the table is long, as it costs a call. */
static bool is_stale(uint32_t index, uint32_t tid)
{
	return index >= SLOTS_UNASKED && tid != SLOT_BEING_BORN &&
	       sys3(SYS_tgkill, shim.process->pid, tid, 0) == -ESRCH;
}

static void raise_used(uint32_t used)
{
	uint32_t now = __atomic_load_n(&shim.process->threads_used, __ATOMIC_RELAXED);

	while (now < used &&
	       !__atomic_compare_exchange_n(&shim.process->threads_used, &now, used, false,
					    __ATOMIC_RELEASE, __ATOMIC_RELAXED))
		;
}

/* Made when it is first needed: a fork copies what maps it. */
static bool have_table(void)
{
	struct shim_thread *none = NULL, *table;

	if (__builtin_expect(__atomic_load_n(&shim.threads, __ATOMIC_ACQUIRE) != NULL, 1))
		return true;
	table = shim_memory(SHIM_THREADS * sizeof(*table));
	if (table && !__atomic_compare_exchange_n(&shim.threads, &none, table, false,
						  __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		(void)sys3(SYS_munmap, (long)table, SHIM_THREADS * sizeof(*table), 0);
	return shim.threads != NULL;
}

static struct shim_thread *take_slot(uint32_t tid)
{
	if (!have_table())
		return NULL;
	for (uint32_t i = 0; i < SHIM_THREADS; i++) {
		struct shim_thread *t = &shim.threads[i];
		uint32_t there = __atomic_load_n(&t->tid, __ATOMIC_RELAXED);

		if (there && !is_stale(i, there))
			continue;
		if (__atomic_compare_exchange_n(&t->tid, &there, tid, false, __ATOMIC_ACQ_REL,
						__ATOMIC_RELAXED)) {
			t->held_count = 0;
			t->start_routine = t->argument = t->pthread = 0;
			t->comm_era = 0;
			raise_used(i + 1);
			return t;
		}
	}
	return NULL;
}

struct shim_thread *thread_self(void)
{
	if (__builtin_expect(!own, 0) && shim_self()->pid == sys_getpid())
		own = take_slot(sys_gettid());
	return own;
}

/* In a forked child the forking thread is alone; the process page, wiped, says that no slot is in use. */
void threads_forget_others(void)
{
	struct shim_thread *self = own;

	if (!self)
		return;
	self->tid = sys_gettid();
	raise_used((uint32_t)(self - shim.threads) + 1);
	/* Slots below ours may name threads of the parent: nobody here has these numbers. */
	for (struct shim_thread *t = shim.threads; t < self; t++)
		if (t->tid)
			t->tid = 0;
}

static struct shim_thread *find_slot(uint32_t tid)
{
	uint32_t used = __atomic_load_n(&shim.process->threads_used, __ATOMIC_ACQUIRE);

	for (uint32_t i = 0; i < used; i++)
		if (__atomic_load_n(&shim.threads[i].tid, __ATOMIC_RELAXED) == tid)
			return &shim.threads[i];
	return NULL;
}

uint32_t threads_alive(void)
{
	struct stat st;

	if (&__libc_single_threaded && __libc_single_threaded && !shim.raw_threads)
		return 1;
	if (sys4(SYS_newfstatat, AT_FDCWD, (long)"/proc/self/task", (long)&st, 0) < 0 ||
	    st.st_nlink < 3)
		return 0;
	return (uint32_t)st.st_nlink - 2;
}

/* "202 0x... (six arguments) 0xSP 0xPC", "-1 0xSP 0xPC", or "running". */
static void parse_syscall(const char *text, struct fs_ev_fork_snapshot *e)
{
	uint64_t words[16];
	int n = 0;

	e->syscall = -2;
	if (*text == 'r') {
		e->running = 1;
		return;
	}
	e->syscall = 0;
	if (*text == '-') {
		e->syscall = -1;
		text += 2;
	} else {
		while (*text >= '0' && *text <= '9')
			e->syscall = e->syscall * 10 + (*text++ - '0');
	}
	while (*text && n < 16) {
		uint64_t word = 0;

		while (*text == ' ')
			text++;
		if (text[0] != '0' || text[1] != 'x')
			break;
		for (text += 2; *text > ' '; text++)
			word = word << 4 |
			       (uint64_t)(*text <= '9' ? *text - '0' : (*text | 32) - 'a' + 10);
		words[n++] = word;
	}
	if (n >= 2) {
		e->sp = words[n - 2];
		e->pc = words[n - 1];
	}
}

/* What other threads of the process `lost_by` had when it forked last. Its child has the list too. */
#define LOST_MAX 64
static uint64_t lost[LOST_MAX];
static uint32_t lost_count, lost_by;

void locks_forget_lost(void)
{
	if (lost_count)
		lost_count = 0;
}

bool locks_was_lost(uint64_t lock)
{
	if (!lost_count || lost_by == shim_self()->pid)
		return false;
	for (uint32_t i = 0; i < lost_count; i++) {
		if (lost[i] != lock)
			continue;
		lost[i] = 0;
		return true;
	}
	return false;
}

/* A semaphore may be posted by who never waited for it. */
static void note_lost(const struct shim_held *held)
{
	if (held->kind == FS_LOCK_SEM || lost_count == LOST_MAX)
		return;
	lost_by = shim_self()->pid;
	lost[lost_count++] = held->lock;
}

static void tell_locks(uint64_t call_id, const struct shim_thread *t, uint32_t tid)
{
	uint32_t count = t ? __atomic_load_n(&t->held_count, __ATOMIC_ACQUIRE) : 0;

	for (uint32_t i = 0; i < count && i < SHIM_HELD; i++) {
		struct fs_ev_lock_held e = {
			.call_id = call_id,
			.lock = t->held[i].lock,
			.pc = t->held[i].pc,
			.kind = t->held[i].kind,
			.holder_tid = tid,
		};

		ring_put(FS_EV_LOCK_HELD, &e, sizeof(e));
		if (t != own)
			note_lost(&t->held[i]);
	}
}

void locks_tell_own(uint64_t call_id)
{
	tell_locks(call_id, own, sys_gettid());
}

/* A name is read once, and again when some thread was renamed. False: the thread ended meanwhile. */
static bool thread_name(struct shim_thread *t, long tasks, char *path, char *end, char comm[16])
{
	uint32_t era = __atomic_load_n(&shim.process->name_era, __ATOMIC_ACQUIRE) + 1;
	long n;

	if (t && t->comm_era == era) {
		memcpy(comm, t->comm, 16);
		return true;
	}
	memcpy(end, "/comm", 6);
	n = sys_read_file_at(tasks, path, comm, 16);
	if (n < 0)
		return false;
	comm[n > 0 ? n - 1 : 0] = 0;
	if (t) {
		memcpy(t->comm, comm, 16);
		t->comm_era = era;
	}
	return true;
}

void threads_renamed(void)
{
	__atomic_add_fetch(&shim_self()->name_era, 1, __ATOMIC_RELEASE);
}

/*
 * Where it stands costs some microseconds to read, each. With --locks we know who holds one: the others' stacks
 * explain nothing.
 */
static bool is_worth_a_look(const struct shim_thread *t)
{
	return !(shim.wanted & FS_AREA_LOCKS) || !t ||
	       __atomic_load_n(&t->held_count, __ATOMIC_ACQUIRE) > 0;
}

static void tell_thread(uint64_t call_id, long tasks, uint32_t tid)
{
	struct fs_ev_fork_snapshot e = { .call_id = call_id, .other_tid = tid, .syscall = -2 };
	struct shim_thread *t = find_slot(tid);
	char path[32], *end = shim_put_number(path, tid), text[256];
	long n;

	if (!thread_name(t, tasks, path, end, e.comm))
		return;
	if (is_worth_a_look(t)) {
		memcpy(end, "/syscall", 9);
		n = sys_read_file_at(tasks, path, text, sizeof(text) - 1);
		text[n > 0 ? n : 0] = 0;
		if (n > 0)
			parse_syscall(text, &e);
	}
	if (t) {
		e.start_routine = t->start_routine;
		e.pthread = t->pthread;
	}
	ring_put(FS_EV_FORK_SNAPSHOT, &e, sizeof(e));
	if (shim.wanted & FS_AREA_LOCKS)
		tell_locks(call_id, t, tid);
}

void snapshot_threads(uint64_t call_id)
{
	_Alignas(8) char room[2048];
	uint32_t self = sys_gettid();
	long fd = sys_open("/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC), n;

	if (fd < 0)
		return;
	while ((n = sys3(SYS_getdents64, fd, (long)room, sizeof(room))) > 0) {
		for (long at = 0; at < n;) {
			struct shim_dirent *e = (struct shim_dirent *)(void *)(room + at);
			uint32_t tid = shim_number(e->name);

			if (tid && tid != self)
				tell_thread(call_id, fd, tid);
			at += e->len;
		}
	}
	sys_close(fd);
}

/* --- pthread_create ------------------------------------------------------------------------ */

/*
 * A thread's birth certificate, written by its creator in a slot of its own and read by the thread. The slot is
 * the thread's from then on.
 */
static void *begin_thread(void *argument)
{
	struct shim_thread *t = argument;
	void *(*start)(void *) = (void *(*)(void *))(uintptr_t)t->start_routine;
	void *ret;

	t->pthread = (uint64_t)pthread_self();
	__atomic_store_n(&t->tid, sys_gettid(), __ATOMIC_RELEASE);
	own = t;
	ret = start((void *)(uintptr_t)t->argument);
	own = NULL;
	/* The slot may have become another's, had we been in a forked child meanwhile. */
	__atomic_store_n(&t->tid, 0, __ATOMIC_RELEASE);
	t->held_count = 0;
	ring_seal();
	return ret;
}

/* For pthread_join, see wrap_join.c. A count that goes beyond the room says that not all are known. */
static void remember_birth(struct shim_process *p, uint64_t thread)
{
	uint32_t at = __atomic_load_n(&p->births_known, __ATOMIC_RELAXED);

	if (at < SHIM_BIRTHS)
		__atomic_store_n(&p->births[at], thread, __ATOMIC_RELAXED);
	__atomic_store_n(&p->births_known, at + 1, __ATOMIC_RELEASE);
}

SHIM_EXPORT int pthread_create(pthread_t *thread, const pthread_attr_t *attr,
			       void *(*start)(void *), void *argument)
{
	struct shim_process *p;
	struct shim_thread *t;
	int ret;

	if (!shim_ready() || shim_in_vfork_child())
		return real.pthread_create(thread, attr, start, argument);
	p = shim_self();
	__atomic_fetch_add(&p->births_begun, 1, __ATOMIC_RELAXED);
	t = take_slot(SLOT_BEING_BORN);
	if (!t)
		return real.pthread_create(thread, attr, start, argument);
	t->start_routine = (uint64_t)(uintptr_t)start;
	t->argument = (uint64_t)(uintptr_t)argument;
	ret = real.pthread_create(thread, attr, begin_thread, t);
	if (ret)
		__atomic_store_n(&t->tid, 0, __ATOMIC_RELEASE);
	else
		remember_birth(p, (uint64_t)*thread);
	return ret;
}
