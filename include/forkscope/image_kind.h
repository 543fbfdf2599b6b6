/* SPDX-License-Identifier: MIT */
/*
 * Can a preloaded library get into this file when it is executed? Told from the file's first bytes, by the
 * shim (which must not harm a child) and by the recorder (which starts the first one). Pure: no I/O.
 */
#ifndef FORKSCOPE_IMAGE_KIND_H
#define FORKSCOPE_IMAGE_KIND_H

#include <elf.h>
#include <stddef.h>
#include <string.h>

#include "forkscope/event.h"

/* This much of the file is enough; program headers lie right behind the ELF header in practice. */
#define FS_IMAGE_HEAD 1024

#if defined(__x86_64__)
#define FS_IMAGE_MACHINE EM_X86_64
#elif defined(__aarch64__)
#define FS_IMAGE_MACHINE EM_AARCH64
#else
#define FS_IMAGE_MACHINE EM_NONE
#endif

/* Of an ELF file of our own class: whether it asks for a dynamic linker. Headers out of sight: it does. */
static inline enum fs_shim_gap fs_image_elf(const char *head, size_t len)
{
	Elf64_Ehdr elf;
	Elf64_Phdr ph;

	if (len < sizeof(elf))
		return FS_GAP_FORMAT;
	memcpy(&elf, head, sizeof(elf));
	if (elf.e_ident[EI_CLASS] != ELFCLASS64 || elf.e_machine != FS_IMAGE_MACHINE)
		return FS_GAP_CLASS;
	for (unsigned i = 0; i < elf.e_phnum; i++) {
		uint64_t at = elf.e_phoff + (uint64_t)i * sizeof(ph);

		if (elf.e_phoff > len || at + sizeof(ph) > len)
			return FS_GAP_NONE;
		memcpy(&ph, head + at, sizeof(ph));
		if (ph.p_type == PT_INTERP)
			return FS_GAP_NONE;
	}
	return FS_GAP_STATIC;
}

/* A script's interpreter: where it lies in head, and its length; 0: none. */
static inline size_t fs_image_interpreter(const char *head, size_t len, size_t *ret_at)
{
	size_t at = 2, end;

	if (len < 3 || head[0] != '#' || head[1] != '!')
		return 0;
	while (at < len && (head[at] == ' ' || head[at] == '\t'))
		at++;
	for (end = at; end < len && !strchr(" \t\n", head[end]); end++)
		;
	*ret_at = at;
	return end - at;
}

/* What kind of file it is; scripts are FS_GAP_NONE here and to be judged by their interpreter. */
static inline enum fs_shim_gap fs_image_kind(const char *head, size_t len)
{
	size_t at;

	if (len >= SELFMAG && memcmp(head, ELFMAG, SELFMAG) == 0)
		return fs_image_elf(head, len);
	return fs_image_interpreter(head, len, &at) ? FS_GAP_NONE : FS_GAP_FORMAT;
}

#endif
