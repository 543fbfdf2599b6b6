/* SPDX-License-Identifier: MIT */
/* See look_stack.h. Uses the debug information that is installed, and each object's own unwind tables. */
#include "capture/look_stack.h"

#include <elfutils/libdwfl.h>
#include <inttypes.h>
#include <string.h>

#include "capture/look_proc.h"

#define FRAMES_MAX 40
#define THREADS_MAX 32
#define NAME_MAX_BYTES 160

/* DWARF's numbers of the stack pointer, and how many registers there are. */
#if defined(__x86_64__)
#define REGISTER_SP 7
#define REGISTER_COUNT 17
#else
#define REGISTER_SP 31
#define REGISTER_COUNT 32
#endif

struct stack {
	Dwfl *dwfl;
	struct seen_process *process;
	struct seen_thread *thread; /* being unwound */
	const struct fs_registers *registers; /* NULL: only sp and pc are known */
	unsigned count;
};

static const char *base_name(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	return slash ? slash + 1 : path;
}

static void write_frame(struct stack *s, Dwarf_Addr pc)
{
	Dwfl_Module *module = dwfl_addrmodule(s->dwfl, pc);
	const char *name = NULL, *file = NULL, *object = NULL;
	GElf_Off offset = 0;
	GElf_Sym symbol;
	Dwfl_Line *line;
	int number = 0;

	if (module) {
		name = dwfl_module_addrinfo(module, pc, &offset, &symbol, NULL, NULL, NULL);
		object = base_name(
			dwfl_module_info(module, NULL, NULL, NULL, NULL, NULL, NULL, NULL));
		line = dwfl_module_getsrc(module, pc);
		file = line ? base_name(dwfl_lineinfo(line, NULL, &number, NULL, NULL, NULL))
			    : NULL;
	}
	buffer_printf(&s->thread->frames, "%.*s+0x%" PRIx64 " ", NAME_MAX_BYTES, name ? name : "?",
		      name ? (uint64_t)offset : (uint64_t)pc);
	if (file)
		buffer_printf(&s->thread->frames, "(%.*s:%d)", NAME_MAX_BYTES, file, number);
	else
		buffer_printf(&s->thread->frames, "(%.*s)", NAME_MAX_BYTES, object ? object : "?");
	buffer_append(&s->thread->frames, "", 1);
}

static int on_frame(Dwfl_Frame *frame, void *context)
{
	struct stack *s = context;
	Dwarf_Addr pc;
	bool exact;

	if (!dwfl_frame_pc(frame, &pc, &exact) || pc == 0)
		return DWARF_CB_ABORT;
	/* A return address: the call is what comes before it. */
	write_frame(s, exact ? pc : pc - 1);
	return ++s->count < FRAMES_MAX ? DWARF_CB_OK : DWARF_CB_ABORT;
}

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
	if (!look_memory(s->process->pid, address, &word, sizeof(word)))
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
	} else if (!dwfl_thread_state_registers(thread, REGISTER_SP, 1, &sp)) {
		return false;
	}
	dwfl_thread_state_register_pc(thread, s->thread->pc);
	return true;
}

static int find_debuginfo(Dwfl_Module *module, void **userdata, const char *name, Dwarf_Addr base,
			  const char *file, const char *link, GElf_Word crc, char **ret_name)
{
	(void)file;
	(void)link;
	(void)crc;
	return dwfl_build_id_find_debuginfo(module, userdata, name, base, NULL, NULL, 0, ret_name);
}

/* Those of the same moment as what /proc showed; others would unwind some other stack. */
static const struct fs_registers *registers_of(const struct seen_thread *t,
					       const struct fs_registers *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (list[i].tid == t->tid)
			return list[i].pc == t->pc && list[i].words[REGISTER_SP] == t->sp ? &list[i]
											  : NULL;
	return NULL;
}

static void unwind_threads(struct stack *s, const struct fs_registers *registers, size_t count)
{
	size_t unwound = 0;

	for (size_t i = 0; i < s->process->thread_count && unwound < THREADS_MAX; i++) {
		struct seen_thread *t = &s->process->threads[i];

		if (t->nr < 0 || t->frames.len || t->sp >> 32 == 0)
			continue;
		s->thread = t;
		s->count = 0;
		s->registers = registers_of(t, registers, count);
		(void)dwfl_getthread_frames(s->dwfl, (pid_t)t->tid, on_frame, s);
		if (t->frames.failed)
			buffer_reset(&t->frames);
		unwound++;
	}
}

void look_stacks(struct seen_process *p, const struct fs_registers *registers, size_t count)
{
	static const Dwfl_Callbacks callbacks = {
		.find_elf = dwfl_linux_proc_find_elf,
		.find_debuginfo = find_debuginfo,
	};
	static const Dwfl_Thread_Callbacks threads = {
		.next_thread = next_thread,
		.get_thread = get_thread,
		.memory_read = read_memory,
		.set_initial_registers = set_registers,
	};
	struct stack s = { .process = p, .dwfl = dwfl_begin(&callbacks) };

	if (!s.dwfl)
		return;
	if (dwfl_linux_proc_report(s.dwfl, (pid_t)p->pid) == 0 &&
	    dwfl_report_end(s.dwfl, NULL, NULL) == 0 &&
	    dwfl_attach_state(s.dwfl, NULL, (pid_t)p->pid, &threads, &s))
		unwind_threads(&s, registers, count);
	dwfl_end(s.dwfl);
}
