/* SPDX-License-Identifier: MIT */
/* See look_stack.h. Uses the debug information that is installed, and each object's own unwind tables. */
#include "capture/look_stack.h"

#include "capture/frames.h"
#include "capture/look_proc.h"
#include "capture/proc_wait.h"

#define THREADS_MAX 32

/* How many registers DWARF numbers. */
#if defined(__x86_64__)
#define REGISTER_COUNT 17
#else
#define REGISTER_COUNT 32
#endif

struct stack {
	Dwfl *dwfl;
	struct frames_cache *cache;
	struct seen_process *process;
	struct seen_thread *thread; /* being unwound */
	const struct fs_registers *registers; /* NULL: only sp and pc are known */
};

/* --- what libdwfl asks for --- */

static pid_t next_thread(Dwfl *dwfl, void *context, void **ret_thread)
{
	struct stack *s = context;

	(void)dwfl;
	if (*ret_thread)
		return 0;
	*ret_thread = s;
	return (pid_t)s->thread->tid;
}

static bool get_thread(Dwfl *dwfl, pid_t tid, void *context, void **ret_thread)
{
	(void)dwfl;
	(void)tid;
	*ret_thread = context;
	return true;
}

static bool read_memory(Dwfl *dwfl, Dwarf_Addr address, Dwarf_Word *ret, void *context)
{
	const struct stack *s = context;
	uint64_t word;

	(void)dwfl;
	if (!proc_read((pid_t)s->process->pid, address, &word, sizeof(word)))
		return false;
	*ret = word;
	return true;
}

static bool set_registers(Dwfl_Thread *thread, void *context)
{
	const struct stack *s = context;
	Dwarf_Word words[REGISTER_COUNT], sp = s->thread->sp;

	if (s->registers) {
		for (int i = 0; i < REGISTER_COUNT; i++)
			words[i] = s->registers->words[i];
		if (!dwfl_thread_state_registers(thread, 0, REGISTER_COUNT, words))
			return false;
	} else if (!dwfl_thread_state_registers(thread, LOOK_REGISTER_SP, 1, &sp)) {
		return false;
	}
	dwfl_thread_state_register_pc(thread, s->thread->pc);
	return true;
}

/* Those of the same moment as what /proc showed; others would unwind some other stack. */
static const struct fs_registers *registers_of(const struct seen_thread *t,
					       const struct fs_registers *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (list[i].tid == t->tid)
			return list[i].pc == t->pc && list[i].words[LOOK_REGISTER_SP] == t->sp
				       ? &list[i]
				       : NULL;
	return NULL;
}

static void unwind_threads(struct stack *s, const struct fs_registers *registers, size_t count)
{
	const struct frames_python python = frames_find_python(s->dwfl, s->cache,
							       (pid_t)s->process->pid);
	size_t unwound = 0;

	for (size_t i = 0; i < s->process->thread_count && unwound < THREADS_MAX; i++) {
		struct seen_thread *t = &s->process->threads[i];
		struct frames f;

		if (t->nr < 0 || t->frames.len || t->sp >> 32 == 0)
			continue;
		s->thread = t;
		s->registers = registers_of(t, registers, count);
		f = (struct frames){ .dwfl = s->dwfl, .cache = s->cache, .out = &t->frames };
		(void)dwfl_getthread_frames(s->dwfl, (pid_t)t->tid, frames_add, &f);
		frames_add_python(&python, (pid_t)s->process->pid, (pid_t)t->tid, &t->frames);
		if (t->frames.failed)
			buffer_reset(&t->frames);
		unwound++;
	}
}

void look_stacks(struct seen_process *p, const struct fs_registers *registers, size_t count,
		 struct frames_cache *cache)
{
	static const Dwfl_Thread_Callbacks threads = {
		.next_thread = next_thread,
		.get_thread = get_thread,
		.memory_read = read_memory,
		.set_initial_registers = set_registers,
	};
	struct stack s = { .process = p, .cache = cache, .dwfl = frames_open((pid_t)p->pid) };

	if (!s.dwfl)
		return;
	if (dwfl_attach_state(s.dwfl, NULL, (pid_t)p->pid, &threads, &s))
		unwind_threads(&s, registers, count);
	dwfl_end(s.dwfl);
}
