/* SPDX-License-Identifier: MIT */
/*
 * Does an executable ask its loader for a sanitizer's run-time? Such a run-time wants to be the first library, and
 * complains on stderr when another is preloaded. Told from the file's dynamic section, by the shim and the recorder.
 * One that is linked in statically has no such wish: the shim finds it in the process.
 */
#ifndef FORKSCOPE_IMAGE_NEEDS_H
#define FORKSCOPE_IMAGE_NEEDS_H

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "forkscope/image_kind.h"

#define FS_IMAGE_DYNAMIC 96 /* entries looked at */

/* Reads up to size bytes at an offset; how many. */
typedef long fs_read_at(int fd, void *buffer, size_t size, uint64_t offset);

static inline bool fs_image_is_sanitizer(const char *name)
{
	static const char *const runtimes[] = { "libasan.so", "libtsan.so",   "libmsan.so",
						"liblsan.so", "libhwasan.so", "libclang_rt." };

	for (size_t i = 0; i < sizeof(runtimes) / sizeof(runtimes[0]); i++)
		if (strncmp(name, runtimes[i], strlen(runtimes[i])) == 0)
			return true;
	return false;
}

/* The file offset of an address, by the program headers in head; 0: none. */
static inline uint64_t fs_image_offset(const char *head, size_t len, uint64_t address)
{
	Elf64_Ehdr elf;
	Elf64_Phdr ph;

	memcpy(&elf, head, sizeof(elf));
	for (unsigned i = 0; i < elf.e_phnum; i++) {
		uint64_t at = elf.e_phoff + (uint64_t)i * sizeof(ph);

		if (at + sizeof(ph) > len)
			return 0;
		memcpy(&ph, head + at, sizeof(ph));
		if (ph.p_type == PT_LOAD && address >= ph.p_vaddr &&
		    address - ph.p_vaddr < ph.p_filesz)
			return ph.p_offset + (address - ph.p_vaddr);
	}
	return 0;
}

/* The dynamic section: how many entries were read; 0: there is none. head: the first `len` bytes of the file. */
static inline size_t fs_image_dynamic(int fd, const char *head, size_t len, fs_read_at *read_at,
				      Elf64_Dyn ret[FS_IMAGE_DYNAMIC])
{
	const size_t room = FS_IMAGE_DYNAMIC * sizeof(ret[0]);
	Elf64_Ehdr elf;
	Elf64_Phdr ph;

	if (len < sizeof(elf))
		return 0;
	memcpy(&elf, head, sizeof(elf));
	if (memcmp(elf.e_ident, ELFMAG, SELFMAG) != 0 || elf.e_phoff > len)
		return 0;
	for (unsigned i = 0; i < elf.e_phnum; i++) {
		uint64_t at = elf.e_phoff + (uint64_t)i * sizeof(ph);
		long n;

		if (at + sizeof(ph) > len)
			return 0;
		memcpy(&ph, head + at, sizeof(ph));
		if (ph.p_type != PT_DYNAMIC)
			continue;
		n = read_at(fd, ret, ph.p_filesz < room ? ph.p_filesz : room, ph.p_offset);
		return n > 0 ? (size_t)n / sizeof(ret[0]) : 0;
	}
	return 0;
}

/* head: found to be FS_GAP_NONE and no script. */
static inline bool fs_image_needs_sanitizer(int fd, const char *head, size_t len,
					    fs_read_at *read_at)
{
	Elf64_Dyn dynamic[FS_IMAGE_DYNAMIC];
	size_t n = fs_image_dynamic(fd, head, len, read_at, dynamic);
	uint64_t strings = 0;
	char name[16];

	for (size_t i = 0; i < n; i++)
		if (dynamic[i].d_tag == DT_STRTAB)
			strings = fs_image_offset(head, len, dynamic[i].d_un.d_ptr);
	for (size_t i = 0; i < n && strings && dynamic[i].d_tag != DT_NULL; i++) {
		if (dynamic[i].d_tag != DT_NEEDED)
			continue;
		memset(name, 0, sizeof(name));
		(void)read_at(fd, name, sizeof(name) - 1, strings + dynamic[i].d_un.d_val);
		if (fs_image_is_sanitizer(name))
			return true;
	}
	return false;
}

#endif
