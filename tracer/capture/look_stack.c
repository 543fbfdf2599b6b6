/* SPDX-License-Identifier: MIT */
/* See look_stack.h. Uses the debug information that is installed, and each object's own unwind tables. */
#include "capture/look_stack.h"

#include <inttypes.h>
#include <string.h>

#include "capture/look_proc.h"

#define FRAMES_MAX 40
#define THREADS_MAX 32
#define NAME_MAX_BYTES 160

/* How many registers DWARF numbers. */
#if defined(__x86_64__)
#define REGISTER_COUNT 17
#else
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

void look_write_frame(Dwfl *dwfl, uint64_t pc, struct buffer *to)
{
	Dwfl_Module *module = dwfl_addrmodule(dwfl, pc);
	const char *name = NULL, *file = NULL, *object = NULL;
	GElf_Off offset = 0;
	GElf_Sym symbol;
	Dwfl_Line *line;
	Dwarf_Addr within = pc;
	int number = 0;

	if (module) {
		name = dwfl_module_addrinfo(module, pc, &offset, &symbol, NULL, NULL, NULL);
		object = base_name(
			dwfl_module_info(module, NULL, NULL, NULL, NULL, NULL, NULL, NULL));
		line = dwfl_module_getsrc(module, pc);
		file = line ? base_name(dwfl_lineinfo(line, NULL, &number, NULL, NULL, NULL))
			    : NULL;
		/* As addr2line wants it, and the same in each run. */
		(void)dwfl_module_relocate_address(module, &within);
	}
	buffer_printf(to, "%.*s+0x%" PRIx64 " ", NAME_MAX_BYTES, name ? name : "?",
		      name ? (uint64_t)offset : (uint64_t)within);
	if (file)
		buffer_printf(to, "(%.*s:%d)", NAME_MAX_BYTES, file, number);
	else
		buffer_printf(to, "(%.*s)", NAME_MAX_BYTES, object ? object : "?");
	buffer_append(to, "", 1);
}

static int on_frame(Dwfl_Frame *frame, void *context)
{
	struct stack *s = context;
	Dwarf_Addr pc;
	bool exact;

	if (!dwfl_frame_pc(frame, &pc, &exact) || pc == 0)
		return DWARF_CB_ABORT;
	/* A return address: the call is what comes before it. */
	look_write_frame(s->dwfl, exact ? pc : pc - 1, &s->thread->frames);
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
	} else if (!dwfl_thread_state_registers(thread, LOOK_REGISTER_SP, 1, &sp)) {
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
			return list[i].pc == t->pc && list[i].words[LOOK_REGISTER_SP] == t->sp
				       ? &list[i]
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

static const Dwfl_Callbacks process_callbacks = {
	.find_elf = dwfl_linux_proc_find_elf,
	.find_debuginfo = find_debuginfo,
};

/* NULL: nothing can be known of it. To be ended by dwfl_end. */
static Dwfl *open_process(uint32_t pid)
{
	Dwfl *dwfl = dwfl_begin(&process_callbacks);

	if (dwfl && dwfl_linux_proc_report(dwfl, (pid_t)pid) == 0 &&
	    dwfl_report_end(dwfl, NULL, NULL) == 0)
		return dwfl;
	dwfl_end(dwfl);
	return NULL;
}

void look_stacks(struct seen_process *p, const struct fs_registers *registers, size_t count)
{
	static const Dwfl_Thread_Callbacks threads = {
		.next_thread = next_thread,
		.get_thread = get_thread,
		.memory_read = read_memory,
		.set_initial_registers = set_registers,
	};
	struct stack s = { .process = p, .dwfl = open_process(p->pid) };

	if (!s.dwfl)
		return;
	if (dwfl_attach_state(s.dwfl, NULL, (pid_t)p->pid, &threads, &s))
		unwind_threads(&s, registers, count);
	dwfl_end(s.dwfl);
}

/* --- names --- */

struct data_name {
	uint64_t address;
	struct buffer *to;
};

/* The symbol that the address lies in: what is zero at the start need not lie in what the file's mapping covers. */
static int find_data(Dwfl_Module *module, void **userdata, const char *name, Dwarf_Addr start,
		     void *context)
{
	struct data_name *d = context;
	int count = dwfl_module_getsymtab(module);

	(void)userdata;
	for (int i = 1; d->address >= start && i < count; i++) {
		GElf_Sym symbol;
		GElf_Addr address;
		const char *text = dwfl_module_getsym_info(module, i, &symbol, &address, NULL, NULL,
							   NULL);

		if (!text || GELF_ST_TYPE(symbol.st_info) != STT_OBJECT || d->address < address ||
		    d->address - address >= symbol.st_size)
			continue;
		buffer_printf(d->to, "%.*s+0x%" PRIx64 " (%.*s)", NAME_MAX_BYTES, text,
			      d->address - address, NAME_MAX_BYTES, base_name(name));
		buffer_append(d->to, "", 1);
		return DWARF_CB_ABORT;
	}
	return DWARF_CB_OK;
}

void look_name(uint32_t pid, uint64_t address, bool code, struct buffer *to)
{
	struct data_name d = { .address = address, .to = to };
	Dwfl *dwfl = open_process(pid);

	if (dwfl && code)
		look_write_frame(dwfl, address, to);
	else if (dwfl)
		(void)dwfl_getmodules(dwfl, find_data, &d, 0);
	dwfl_end(dwfl);
}
