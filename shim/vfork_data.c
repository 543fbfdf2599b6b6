/* SPDX-License-Identifier: MIT */
/*
 * Whether a vfork child wrote to its parent's memory: built only into libforkscope-shim-locks.so.
 *
 * The program's own variables are copied before the vfork. While the child runs, the parent's one thread stands still: so
 * what differs where the child execs or ends, the child has changed. Variables alone: of libraries many change
 * in right ways (libc's own), and the stack is the child's to use. The environment counts, which setenv changes.
 */
#include "shim.h"

#ifdef SHIM_LOCKS

#include <string.h>

#define DATA_MAX (4u << 20)
#define PIECES_MAX 8

extern char **environ;

struct piece {
	const char *at;
	size_t size;
};

static struct piece pieces[PIECES_MAX];
static uint32_t piece_count;
static size_t data_size;
static bool looked;
static char *copy;
static char **environ_then;
static uint32_t copied_by; /* the parent; 0: no copy is to be compared */

static void add_piece(const char *from, const char *to)
{
	if (from >= to)
		return;
	if (piece_count == PIECES_MAX) {
		data_size = SIZE_MAX / 2;
		return;
	}
	pieces[piece_count++] = (struct piece){ from, (size_t)(to - from) };
	data_size += (size_t)(to - from);
}

/* The table of addresses that is filled in when a function is first called, which the child's exec is. */
static struct piece lazy_table(const ElfW(Dyn) * d)
{
	struct piece lazy = { NULL, 0 };

	for (; d->d_tag != DT_NULL; d++) {
		if (d->d_tag == DT_PLTGOT)
			lazy.at = (const char *)d->d_un.d_ptr;
		else if (d->d_tag == DT_PLTRELSZ)
			lazy.size = (d->d_un.d_val / sizeof(ElfW(Rela)) + 3) * sizeof(void *);
	}
	return lazy;
}

static void find_pieces(void)
{
	const ElfW(Phdr) * ph;
	struct piece lazy = { NULL, 0 };
	uintptr_t base;
	size_t n = modules_program(&ph, &base);

	looked = true;
	for (size_t i = 0; i < n; i++)
		if (ph[i].p_type == PT_DYNAMIC)
			lazy = lazy_table((const void *)(base + ph[i].p_vaddr));
	for (size_t i = 0; i < n; i++) {
		const char *from = (const char *)(base + ph[i].p_vaddr), *to = from + ph[i].p_memsz;

		if (ph[i].p_type != PT_LOAD || !(ph[i].p_flags & PF_W))
			continue;
		if (lazy.at >= from && lazy.at < to && lazy.size <= (size_t)(to - lazy.at)) {
			add_piece(from, lazy.at);
			from = lazy.at + lazy.size;
		}
		add_piece(from, to);
	}
	if (data_size <= DATA_MAX && data_size)
		copy = shim_memory(data_size);
}

void vfork_data_keep(uint32_t threads)
{
	char *to;

	copied_by = 0;
	if (threads != 1 || shim_in_vfork_child())
		return;
	if (!looked)
		find_pieces();
	to = copy;
	for (uint32_t i = 0; to && i < piece_count; to += pieces[i++].size)
		memcpy(to, pieces[i].at, pieces[i].size);
	environ_then = environ;
	copied_by = copy ? shim_self()->pid : 0;
}

/* In the child, which shares this memory: so it only reads. */
void vfork_data_compare(uint64_t caller)
{
	const char *was = copy, *first = NULL;
	uint32_t bytes = 0;

	if (!copied_by || copied_by != shim_self()->pid)
		return;
	for (uint32_t i = 0; i < piece_count; was += pieces[i++].size) {
		if (memcmp(was, pieces[i].at, pieces[i].size) == 0)
			continue;
		for (size_t n = 0; n < pieces[i].size; n++) {
			if (was[n] == pieces[i].at[n])
				continue;
			first = first ? first : pieces[i].at + n;
			bytes++;
		}
	}
	if (environ != environ_then || first)
		call_note(FS_LIBC_VFORK_WROTE, caller, (uint64_t)(uintptr_t)first, bytes, 0);
}

#else

void vfork_data_keep(uint32_t threads)
{
	(void)threads;
}

void vfork_data_compare(uint64_t caller)
{
	(void)caller;
}

#endif
