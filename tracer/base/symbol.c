/* SPDX-License-Identifier: MIT */
/*
 * See symbol.h. One session of libdwfl for each file, kept: opening one is what takes time. Whether a file that
 * names itself in a trace may be opened is the caller's business; here it is only read, by a library made
 * for it.
 */
#include "base/symbol.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define LOAD_AT 0x10000000000ull /* where each file is put in its session; below lie no modules */

struct object {
	char *path;
	unsigned char build_id[64];
	size_t build_id_len;
	Dwfl *dwfl; /* NULL: not there, or another file by now */
	Dwfl_Module *module;
	uint64_t bias; /* added to an address of the file's */
	struct object *next;
};

struct symbols {
	struct object *objects;
};

static const Dwfl_Callbacks callbacks = {
	.find_elf = dwfl_build_id_find_elf,
	.find_debuginfo = dwfl_standard_find_debuginfo,
	.section_address = dwfl_offline_section_address,
};

int symbols_new(struct symbols **ret)
{
	*ret = calloc(1, sizeof(**ret));
	return *ret ? 0 : -ENOMEM;
}

void symbols_free(struct symbols *s)
{
	struct object *o, *next;

	if (!s)
		return;
	for (o = s->objects; o; o = next) {
		next = o->next;
		if (o->dwfl)
			dwfl_end(o->dwfl);
		free(o->path);
		free(o);
	}
	free(s);
}

static bool same_build(const struct object *o)
{
	const unsigned char *bits;
	GElf_Addr where;
	int len = dwfl_module_build_id(o->module, &bits, &where);

	return o->build_id_len == 0 || (len > 0 && (size_t)len == o->build_id_len &&
					memcmp(bits, o->build_id, (size_t)len) == 0);
}

static void open_object(struct object *o)
{
	struct stat st;
	GElf_Addr bias;

	/* A device or FIFO by that name must not be waited for. */
	if (stat(o->path, &st) < 0 || !S_ISREG(st.st_mode))
		return;
	o->dwfl = dwfl_begin(&callbacks);
	if (!o->dwfl)
		return;
	dwfl_report_begin(o->dwfl);
	o->module = dwfl_report_elf(o->dwfl, o->path, o->path, -1, LOAD_AT, false);
	dwfl_report_end(o->dwfl, NULL, NULL);
	if (o->module && dwfl_module_getelf(o->module, &bias) && same_build(o)) {
		o->bias = bias;
		return;
	}
	dwfl_end(o->dwfl);
	o->dwfl = NULL;
}

static struct object *get_object(struct symbols *s, const char *path, const void *build_id,
				 size_t len)
{
	struct object *o;

	for (o = s->objects; o; o = o->next)
		if (strcmp(o->path, path) == 0 && o->build_id_len == len &&
		    memcmp(o->build_id, build_id, len) == 0)
			return o;
	if (len > sizeof(o->build_id))
		return NULL;
	o = calloc(1, sizeof(*o));
	if (!o)
		return NULL;
	o->path = strdup(path);
	if (!o->path) {
		free(o);
		return NULL;
	}
	memcpy(o->build_id, build_id, len);
	o->build_id_len = len;
	o->next = s->objects;
	s->objects = o;
	open_object(o);
	return o;
}

static const char *base_name(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	return slash ? slash + 1 : path;
}

static void append_line(struct buffer *out, const char *file, int line)
{
	if (!file)
		return;
	buffer_printf(out, line > 0 ? " (%s:%d)" : " (%s)", base_name(file), line);
}

static const char *file_name(Dwarf_Die *cu, Dwarf_Die *die, int attribute)
{
	Dwarf_Attribute attr;
	Dwarf_Word index;
	Dwarf_Files *files;
	size_t count;

	if (dwarf_formudata(dwarf_attr(die, (unsigned)attribute, &attr), &index) ||
	    dwarf_getsrcfiles(cu, &files, &count) || index >= count)
		return NULL;
	return dwarf_filesrc(files, index, NULL, NULL);
}

/*
 * Inlined functions, innermost first, each with the line it was at. Returns the file and line of the call in
 * the function that is really there.
 */
static void append_inlined(struct object *o, struct buffer *out, Dwarf_Addr at, const char **file,
			   int *line)
{
	Dwarf_Addr bias;
	Dwarf_Die *cu = dwfl_module_addrdie(o->module, at, &bias), *scopes = NULL;
	int n = cu ? dwarf_getscopes(cu, at - bias, &scopes) : 0, i;

	for (i = 0; i < n; i++) {
		Dwarf_Attribute attr;
		Dwarf_Word number = 0;
		const char *name;

		if (dwarf_tag(&scopes[i]) == DW_TAG_subprogram)
			break;
		if (dwarf_tag(&scopes[i]) != DW_TAG_inlined_subroutine)
			continue;
		name = dwarf_diename(&scopes[i]);
		buffer_add_text(out, name ? name : "?");
		append_line(out, *file, *line);
		buffer_add_text(out, " <- ");
		*file = file_name(cu, &scopes[i], DW_AT_call_file);
		*line = dwarf_formudata(dwarf_attr(&scopes[i], DW_AT_call_line, &attr), &number)
				? 0
				: (int)number;
	}
	free(scopes);
}

void symbols_append(struct symbols *s, struct buffer *out, const char *path, const void *build_id,
		    size_t len, uint64_t address)
{
	struct object *o = *path ? get_object(s, path, build_id, len) : NULL;
	const char *name, *file = NULL;
	Dwfl_Line *source;
	GElf_Off offset;
	GElf_Sym sym;
	int line = 0;
	Dwarf_Addr at;

	if (!o || !o->dwfl) {
		buffer_printf(out, "%s+0x%llx", *path ? base_name(path) : "?",
			      (unsigned long long)address);
		return;
	}
	/* A return address may lie behind the function's end: its call is one byte before. */
	at = o->bias + address - 1;
	source = dwfl_module_getsrc(o->module, at);
	if (source)
		file = dwfl_lineinfo(source, NULL, &line, NULL, NULL, NULL);
	append_inlined(o, out, at, &file, &line);
	name = dwfl_module_addrinfo(o->module, at, &offset, &sym, NULL, NULL, NULL);
	if (name)
		buffer_printf(out, "%s+0x%llx", name, (unsigned long long)offset + 1);
	else
		buffer_printf(out, "%s+0x%llx", base_name(path), (unsigned long long)address);
	append_line(out, file, line);
	if (name && !file)
		buffer_printf(out, " (%s)", base_name(path));
}
