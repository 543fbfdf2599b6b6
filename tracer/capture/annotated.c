/* SPDX-License-Identifier: MIT */
/* See annotated.h. The file may be anything: lengths are checked, and no more of it is read than STRINGS_MAX. */
#include "capture/annotated.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "forkscope/image_needs.h"

#define STRINGS_MAX (4u << 20)

/* Finds the dynamic section's table of names: offset and size in the file. */
static bool find_strings(int fd, const char *head, size_t len, uint64_t *ret_at, uint64_t *ret_size)
{
	Elf64_Dyn dynamic[FS_IMAGE_DYNAMIC];
	uint64_t at = 0, size = 0;
	Elf64_Ehdr elf;
	Elf64_Phdr ph;
	ssize_t n = 0;

	memcpy(&elf, head, sizeof(elf));
	for (unsigned i = 0; i < elf.e_phnum && n <= 0; i++) {
		uint64_t where = elf.e_phoff + (uint64_t)i * sizeof(ph);

		if (elf.e_phoff > len || where + sizeof(ph) > len)
			return false;
		memcpy(&ph, head + where, sizeof(ph));
		if (ph.p_type == PT_DYNAMIC)
			n = pread(fd, dynamic,
				  ph.p_filesz < sizeof(dynamic) ? ph.p_filesz : sizeof(dynamic),
				  (off_t)ph.p_offset);
	}
	for (ssize_t i = 0; i < n / (ssize_t)sizeof(dynamic[0]); i++) {
		if (dynamic[i].d_tag == DT_STRTAB)
			at = fs_image_offset(head, len, dynamic[i].d_un.d_ptr);
		else if (dynamic[i].d_tag == DT_STRSZ)
			size = dynamic[i].d_un.d_val;
	}
	*ret_at = at;
	*ret_size = size < STRINGS_MAX ? size : STRINGS_MAX;
	return at && size;
}

static bool has_name(const char *strings, size_t len)
{
	static const char *const names[] = { "forkscope_note_v1", "forkscope_pool_v1",
					     "libprocpool.so" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (memmem(strings, len, names[i], strlen(names[i])))
			return true;
	return false;
}

bool program_is_annotated(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	char head[FS_IMAGE_HEAD], *strings = NULL;
	bool found = false;
	uint64_t at, size;
	ssize_t n;

	if (fd < 0)
		return false;
	n = pread(fd, head, sizeof(head), 0);
	if (n >= SELFMAG && memcmp(head, ELFMAG, SELFMAG) == 0 &&
	    fs_image_elf(head, (size_t)n) == FS_GAP_NONE &&
	    find_strings(fd, head, (size_t)n, &at, &size))
		strings = malloc(size);
	if (strings) {
		n = pread(fd, strings, size, (off_t)at);
		found = n > 0 && has_name(strings, (size_t)n);
	}
	free(strings);
	close(fd);
	return found;
}
