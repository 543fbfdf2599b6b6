/* SPDX-License-Identifier: MIT */
/*
 * Fork and exit handlers, told when they are registered; the tracer finds the object by the caller's address, since
 * libc's atexit and pthread_atfork are linked into each object that calls them. C++ destructors of static objects
 * come by __cxa_atexit too, with an argument: large programs have thousands, and the first ones are told alone.
 *
 * For `check` the program's own exit handlers are run by us, which only says, in a forked child, that they begin: a
 * return from main passes by no wrapper.
 */
#include "shim.h"

int __register_atfork(shim_handler *prepare, shim_handler *parent, shim_handler *child,
		      void *object);
int __cxa_atexit(void (*function)(void *), void *argument, void *object);
int __cxa_at_quick_exit(void (*function)(void *), void *object);

#define DESTRUCTORS_MAX 256

static uint32_t destructors;

static void tell_handler(const struct fs_ev_handler *e)
{
	int saved = errno;

	ring_put(FS_EV_HANDLER, e, sizeof(*e));
	keep_errno(saved);
}

#ifdef SHIM_LOCKS

#define HANDLERS_MAX 8192

struct handler {
	union {
		void (*plain)(void *);
		void (*on_exit)(int, void *);
	} function;
	void *argument;
};

static struct handler *handlers;
static uint32_t handler_count;
static const char *program_from, *program_to; /* the program's own code and data */

static void find_program(void)
{
	const ElfW(Phdr) * ph;
	uintptr_t base;
	size_t n = modules_program(&ph, &base);

	for (size_t i = 0; i < n; i++) {
		const char *from = (const char *)(base + ph[i].p_vaddr), *to = from + ph[i].p_memsz;

		if (ph[i].p_type != PT_LOAD)
			continue;
		if (!program_from || from < program_from)
			program_from = from;
		if (to > program_to)
			program_to = to;
	}
	handlers = shim_memory(HANDLERS_MAX * sizeof(*handlers));
}

/* One that no dlclose runs, so the process ends; NULL: not to be stood in for. */
static struct handler *stand_in_for(uint64_t function, void *argument)
{
	struct handler *h;
	uint32_t at;

	if (!(shim.wanted & FS_AREA_LOCKS))
		return NULL;
	if (!program_to)
		find_program();
	if (!handlers || function < (uint64_t)(uintptr_t)program_from ||
	    function >= (uint64_t)(uintptr_t)program_to)
		return NULL;
	at = __atomic_fetch_add(&handler_count, 1, __ATOMIC_RELAXED);
	if (at >= HANDLERS_MAX)
		return NULL;
	h = &handlers[at];
	h->argument = argument;
	return h;
}

static void run_plain(void *argument)
{
	const struct handler *h = argument;

	exit_begins((uint64_t)(uintptr_t)h->function.plain);
	h->function.plain(h->argument);
}

static void run_on_exit(int status, void *argument)
{
	const struct handler *h = argument;

	exit_begins((uint64_t)(uintptr_t)h->function.on_exit);
	h->function.on_exit(status, h->argument);
}

static int register_plain(void (*function)(void *), void *argument, void *object)
{
	struct handler *h = stand_in_for((uint64_t)(uintptr_t)function, argument);

	if (!h)
		return real.__cxa_atexit(function, argument, object);
	h->function.plain = function;
	return real.__cxa_atexit(run_plain, h, object);
}

static int register_on_exit(void (*function)(int, void *), void *argument)
{
	struct handler *h = stand_in_for((uint64_t)(uintptr_t)function, argument);

	if (!h)
		return real.on_exit(function, argument);
	h->function.on_exit = function;
	return real.on_exit(run_on_exit, h);
}

#else
#define register_plain real.__cxa_atexit
#define register_on_exit real.on_exit
#endif

SHIM_EXPORT int __register_atfork(shim_handler *prepare, shim_handler *parent, shim_handler *child,
				  void *object)
{
	const struct fs_ev_handler e = {
		.kind = FS_HANDLER_FORK,
		.functions = { (uint64_t)(uintptr_t)prepare, (uint64_t)(uintptr_t)parent,
			       (uint64_t)(uintptr_t)child },
		.caller = CALLER,
	};
	bool on = shim_ready();
	int ret = real.__register_atfork(prepare, parent, child, object);

	if (ret == 0 && on)
		tell_handler(&e);
	return ret;
}

SHIM_EXPORT int __cxa_atexit(void (*function)(void *), void *argument, void *object)
{
	const struct fs_ev_handler e = { .kind = FS_HANDLER_EXIT,
					 .functions = { (uint64_t)(uintptr_t)function },
					 .caller = CALLER };
	bool on = shim_ready();
	int ret = on ? register_plain(function, argument, object)
		     : real.__cxa_atexit(function, argument, object);

	if (ret == 0 && on &&
	    (!argument || __atomic_fetch_add(&destructors, 1, __ATOMIC_RELAXED) < DESTRUCTORS_MAX))
		tell_handler(&e);
	return ret;
}

SHIM_EXPORT int __cxa_at_quick_exit(void (*function)(void *), void *object)
{
	const struct fs_ev_handler e = { .kind = FS_HANDLER_QUICK_EXIT,
					 .functions = { (uint64_t)(uintptr_t)function },
					 .caller = CALLER };
	bool on = shim_ready();
	int ret = real.__cxa_at_quick_exit(function, object);

	if (ret == 0 && on)
		tell_handler(&e);
	return ret;
}

SHIM_EXPORT int on_exit(void (*function)(int, void *), void *argument)
{
	const struct fs_ev_handler e = { .kind = FS_HANDLER_EXIT,
					 .functions = { (uint64_t)(uintptr_t)function },
					 .caller = CALLER };
	bool on = shim_ready();
	int ret = on ? register_on_exit(function, argument) : real.on_exit(function, argument);

	if (ret == 0 && on)
		tell_handler(&e);
	return ret;
}
