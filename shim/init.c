/* SPDX-License-Identifier: MIT */
/*
 * Setting up, once an image: the constructor does it before main, or the first wrapped call when a library's
 * constructor comes before ours. Here, and only here, dlsym and friends may be called.
 */
#include "shim.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "channel.h"

struct shim_state shim;
struct shim_reals real;

enum { SETUP_NONE, SETUP_RUNNING, SETUP_DONE };
static int setup; /* enum; a process that was forked in the middle of it stays without the shim */

static void find_reals(void)
{
#define X(type, name, parameters) real.name = (type(*) parameters)dlsym(RTLD_NEXT, #name);
	SHIM_REALS(X)
#ifdef SHIM_LOCKS
	SHIM_REAL_LOCKS(X)
#endif
#undef X
}

/* A sanitizer's run-time keeps its own books of threads and forks: it must not meet ours. */
static bool is_sanitized(void)
{
	return dlsym(RTLD_DEFAULT, "__asan_init") || dlsym(RTLD_DEFAULT, "__tsan_init") ||
	       dlsym(RTLD_DEFAULT, "__msan_init");
}

void *shim_memory(size_t size)
{
	long p = sys6(SYS_mmap, 0, (long)size, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p < 0 && p > -4096 ? NULL : (void *)p;
}

static bool make_memory(void)
{
	shim.process = shim_memory(4096);
	return shim.process && sys3(SYS_madvise, (long)shim.process, 4096, MADV_WIPEONFORK) == 0;
}

char *shim_put_number(char *at, uint32_t number)
{
	char digits[10];
	int n = 0;

	do
		digits[n++] = (char)('0' + number % 10);
	while (number /= 10);
	while (n)
		*at++ = digits[--n];
	*at = 0;
	return at;
}

uint32_t shim_number(const char *name)
{
	uint32_t n = 0;

	for (; *name >= '0' && *name <= '9'; name++)
		n = n * 10 + (uint32_t)(*name - '0');
	return *name ? 0 : n;
}

static void say_hello(bool python, uint32_t parent)
{
	/* Not static: while .bss fits in the last page of .data, a fork has one mapping less to copy. */
	char argv[FS_AREA_RECORD_MAX], exe[1024];
	struct fs_ev_shim_hello e = { .parent_pid = parent };
	long n = sys_read_file("/proc/self/cmdline", argv, sizeof(argv));
	long len = sys4(SYS_readlinkat, AT_FDCWD, (long)"/proc/self/exe", (long)exe,
			sizeof(exe) - 1);
	size_t size;
	char *tail;
	void *r;

	e.argv_total = n > 0 ? (uint32_t)n : 0;
	e.argv_len = e.argv_total > 2800 ? 2800 : e.argv_total;
	e.exe_len = len > 0 ? (uint32_t)len : 0;
	for (uint32_t i = 0; i < e.argv_total; i++)
		e.argc += argv[i] == 0;
	e.hello_flags = (python ? FS_HELLO_PYTHON : 0) |
			(shim.wanted & FS_AREA_NATIVE ? FS_HELLO_NATIVE : 0) |
			(shim.wanted & FS_AREA_LOCKS ? FS_HELLO_LOCKS : 0) |
			(shim.sanitized ? FS_HELLO_SANITIZED : 0);
	(void)sys6(SYS_prctl, 16 /* PR_GET_NAME */, (long)e.comm, 0, 0, 0, 0);
	size = sizeof(e) + e.exe_len + 1 + e.argv_len;
	r = ring_reserve(FS_EV_SHIM_HELLO, size);
	if (!r)
		return;
	memcpy((char *)r + sizeof(e.h), (char *)&e + sizeof(e.h), sizeof(e) - sizeof(e.h));
	tail = (char *)r + sizeof(e);
	memcpy(tail, exe, e.exe_len);
	tail[e.exe_len] = 0;
	memcpy(tail + e.exe_len + 1, argv, e.argv_len);
	ring_commit(r);
}

void exit_begins(uint64_t handler)
{
	struct shim_call c;

	if (!shim.on || shim_in_vfork_child() || !shim_self()->forked || shim_self()->exit_told)
		return;
	call_begin(&c, FS_LIBC_EXIT, handler, NULL);
	shim_self()->exit_told = 1;
	shim_self()->exit_call = c.id;
	stdio_tell_pending(c.id, FS_STDIO_AT_EXIT);
}

/* A return from main, or an exit() that libc calls inside, is told by this; runs last of all handlers. */
static void at_exit(int status, void *unused)
{
	const struct shim_what what = { .status = (uint32_t)status & 0xff };
	struct shim_call c;

	(void)unused;
	if (!shim.on || shim_in_vfork_child())
		return;
	if (!shim_self()->exit_told) {
		call_begin(&c, FS_LIBC_EXIT, 0, &what);
		shim_self()->exit_told = 1;
		shim_self()->exit_call = c.id;
	}
	stdio_tell_gone();
	if (shim_self()->forked) {
		stdio_tell_pending(shim_self()->exit_call, FS_STDIO_AT_END);
		if (shim.wanted & FS_AREA_LOCKS)
			call_note(FS_LIBC_EXIT_DONE, 0, 0, 0, 0);
	}
	ring_seal();
}

/* Not what another preloaded library may have put in its place. */
static void find_clock(void)
{
	void *libc = real.dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD);

	if (!libc)
		return;
	shim.clock = (int (*)(clockid_t, struct timespec *))dlsym(libc, "clock_gettime");
	dlclose(libc);
}

static void set_up(void)
{
	uint64_t began = sys_now_ns();
	uint32_t parent;
	bool python;

	shim.sanitized = is_sanitized();
	find_clock();
	if (!make_memory() || !channel_open())
		return;
	shim_self();
	shim_self()->forked = 0;
	parent = sys_getppid();
	if (shim.foreign_pids)
		shim_self()->host_pid = channel_host_pid(&parent);
	if (shim.sanitized)
		shim.wanted = 0;
	python = shim.wanted & FS_AREA_PYTHON && python_find();
	if (shim.wanted & FS_AREA_NATIVE)
		stack_warm_up();
	say_hello(python, parent);
	ring_busy(began);
	if (shim.sanitized) {
		shim.area = NULL;
		return;
	}
	shim.on = true;
	stdio_find();
	if (shim.wanted & FS_AREA_NATIVE)
		modules_tell();
	(void)real.on_exit(at_exit, NULL);
}

bool shim_ready(void)
{
	int none = SETUP_NONE, saved = errno;

	if (__builtin_expect(__atomic_load_n(&setup, __ATOMIC_ACQUIRE) == SETUP_DONE, 1))
		return shim.on;
	if (!real.fork)
		find_reals();
	if (!__atomic_compare_exchange_n(&setup, &none, SETUP_RUNNING, false, __ATOMIC_ACQ_REL,
					 __ATOMIC_ACQUIRE)) {
		errno = saved;
		return false;
	}
	set_up();
	__atomic_store_n(&setup, SETUP_DONE, __ATOMIC_RELEASE);
	errno = saved;
	return shim.on;
}

__attribute__((constructor)) static void on_load(void)
{
	(void)shim_ready();
}

/*
 * In a pid namespace only the recorder knows which process we are. Whose parent is out of sight is the first one of a
 * new one; who is born within is born of such a process.
 */
static void know_host_pid(struct shim_process *p)
{
	uint32_t parent;

	p->host_pid = p->pid;
	if (!shim.on || (!shim.foreign_pids && sys_getppid() != 0))
		return;
	shim.foreign_pids = true;
	p->host_pid = channel_host_pid(&parent);
}

struct shim_process *shim_self(void)
{
	struct shim_process *p = shim.process;

	if (__builtin_expect(p->pid != 0, 1))
		return p;
	/* A forked child: one thread, its parent's memory, and the parent's block still in our hands. */
	p->forked = 1;
	p->born_ns = shim.forked_ns;
	p->born_threaded = shim.forked_threaded;
	p->pid = sys_getpid();
	know_host_pid(p);
	threads_forget_others();
	return p;
}

uint64_t shim_now_ns(void)
{
	struct timespec t;

	if (!shim.clock || shim.clock(CLOCK_MONOTONIC, &t) < 0)
		return sys_now_ns();
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

bool shim_in_vfork_child(void)
{
	return shim_self()->pid != sys_getpid();
}
