/* SPDX-License-Identifier: MIT */
/* See frames.h. Names come from the target's files: long ones are cut, and whoever prints them escapes them. */
#include "capture/frames.h"

#include <dwarf.h>
#include <inttypes.h>
#include <string.h>

#include "capture/proc_wait.h"
#include "capture/python_stack.h"

#define FRAMES_MAX 48
#define NAME_MAX_BYTES 160

static const char *base_name(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	return slash ? slash + 1 : path;
}

/* Reads the module's symbols and debug information, which may take long. */
static void find_frame(Dwfl_Module *module, Dwarf_Addr pc, struct buffer *out)
{
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
		if (line)
			file = base_name(dwfl_lineinfo(line, NULL, &number, NULL, NULL, NULL));
		/* As addr2line wants it, and the same in each run. */
		(void)dwfl_module_relocate_address(module, &within);
	}
	buffer_printf(out, "%.*s+0x%" PRIx64 " ", NAME_MAX_BYTES, name ? name : "?",
		      name ? (uint64_t)offset : (uint64_t)within);
	if (file)
		buffer_printf(out, "(%.*s:%d)", NAME_MAX_BYTES, file, number);
	else
		buffer_printf(out, "(%.*s)", NAME_MAX_BYTES, object ? object : "?");
	buffer_append(out, "", 1);
}

static void write_frame(Dwfl *dwfl, struct frames_cache *cache, Dwarf_Addr pc, struct buffer *out)
{
	Dwfl_Module *module = dwfl_addrmodule(dwfl, pc);
	size_t before = out->len;

	if (frames_cached(cache, module, pc, out))
		return;
	find_frame(module, pc, out);
	if (!out->failed)
		frames_keep(cache, module, pc, out->data + before, out->len - before);
}

int frames_add(Dwfl_Frame *frame, void *context)
{
	struct frames *f = context;
	Dwarf_Addr pc;
	bool exact;

	if (!dwfl_frame_pc(frame, &pc, &exact) || pc == 0)
		return DWARF_CB_ABORT;
	/* A return address: the call is what comes before it. */
	write_frame(f->dwfl, f->cache, exact ? pc : pc - 1, f->out);
	return ++f->count < FRAMES_MAX ? DWARF_CB_OK : DWARF_CB_ABORT;
}

/* By build id among what is installed; the file itself where that has nothing. */
static int find_debuginfo(Dwfl_Module *module, void **userdata, const char *name, Dwarf_Addr base,
			  const char *file, const char *link, GElf_Word crc, char **ret_name)
{
	(void)file;
	(void)link;
	(void)crc;
	return dwfl_build_id_find_debuginfo(module, userdata, name, base, NULL, NULL, 0, ret_name);
}

const Dwfl_Callbacks frames_callbacks = {
	.find_elf = dwfl_linux_proc_find_elf,
	.find_debuginfo = find_debuginfo,
};

Dwfl *frames_open(pid_t pid)
{
	Dwfl *dwfl = dwfl_begin(&frames_callbacks);

	if (dwfl && dwfl_linux_proc_report(dwfl, pid) == 0 &&
	    dwfl_report_end(dwfl, NULL, NULL) == 0)
		return dwfl;
	dwfl_end(dwfl);
	return NULL;
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

void frames_name(pid_t pid, uint64_t address, bool code, struct buffer *to)
{
	struct data_name d = { .address = address, .to = to };
	Dwfl *dwfl = frames_open(pid);

	if (dwfl && code)
		write_frame(dwfl, NULL, address, to);
	else if (dwfl)
		(void)dwfl_getmodules(dwfl, find_data, &d, 0);
	dwfl_end(dwfl);
}

/* --- Python --- */

struct python {
	struct frames_cache *cache;
	uint64_t runtime; /* 0: not found */
	uint64_t version_at;
};

#define RUNTIME "_PyRuntime"
#define VERSION "Py_Version"

static uint64_t or_none(uint64_t place)
{
	return place == FRAMES_NO_SYMBOL ? 0 : place;
}

static void find_symbols(Dwfl_Module *module, struct python *p)
{
	int count = dwfl_module_getsymtab(module);

	for (int i = 1; i < count && !(p->runtime && p->version_at); i++) {
		GElf_Sym symbol;
		GElf_Addr address;
		const char *text = dwfl_module_getsym_info(module, i, &symbol, &address, NULL, NULL,
							   NULL);

		if (text && strcmp(text, RUNTIME) == 0)
			p->runtime = address;
		else if (text && strcmp(text, VERSION) == 0)
			p->version_at = address;
	}
	frames_keep_symbol(p->cache, module, RUNTIME, p->runtime ? p->runtime : FRAMES_NO_SYMBOL);
	frames_keep_symbol(p->cache, module, VERSION,
			   p->version_at ? p->version_at : FRAMES_NO_SYMBOL);
}

/* Looks for an interpreter among the modules: the program itself, or a shared library. */
static int find_python(Dwfl_Module *module, void **userdata, const char *name, Dwarf_Addr start,
		       void *context)
{
	struct python *p = context;
	const char *file = base_name(name);
	uint64_t runtime, version;

	(void)userdata;
	(void)start;
	if (!file || !strstr(file, "python"))
		return DWARF_CB_OK;
	if (frames_cached_symbol(p->cache, module, RUNTIME, &runtime) &&
	    frames_cached_symbol(p->cache, module, VERSION, &version)) {
		p->runtime = or_none(runtime);
		p->version_at = or_none(version);
	} else {
		find_symbols(module, p);
	}
	return p->runtime ? DWARF_CB_ABORT : DWARF_CB_OK;
}

struct frames_python frames_find_python(Dwfl *dwfl, struct frames_cache *cache, pid_t pid)
{
	struct python p = { .cache = cache };
	unsigned long version = 0;

	(void)dwfl_getmodules(dwfl, find_python, &p, 0);
	if (!p.runtime || !p.version_at || !proc_read(pid, p.version_at, &version, sizeof(version)))
		return (struct frames_python){ 0 };
	return (struct frames_python){ p.runtime, version };
}

void frames_add_python(const struct frames_python *python, pid_t pid, pid_t tid, struct buffer *out)
{
	if (python->runtime)
		python_stack(pid, tid, python->runtime, python->version, out);
}
