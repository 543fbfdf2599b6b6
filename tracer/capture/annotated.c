/* SPDX-License-Identifier: MIT */
/* See annotated.h. The file may be anything: lengths are checked, and no more of it is read than STRINGS_MAX. */
#include "capture/annotated.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "forkscope/image_needs.h"

#define STRINGS_MAX (4u << 20)

static long read_some(int fd, void *buffer, size_t size, uint64_t offset)
{
	return pread(fd, buffer, size, (off_t)offset);
}

/* Finds the dynamic section's table of names: offset and size in the file. */
static bool find_strings(int fd, const char *head, size_t len, uint64_t *ret_at, uint64_t *ret_size)
{
	Elf64_Dyn dynamic[FS_IMAGE_DYNAMIC];
	size_t n = fs_image_dynamic(fd, head, len, read_some, dynamic);
	uint64_t at = 0, size = 0;

	for (size_t i = 0; i < n; i++) {
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
	if (n > 0 && find_strings(fd, head, (size_t)n, &at, &size))
		strings = malloc(size);
	if (strings) {
		n = pread(fd, strings, size, (off_t)at);
		found = n > 0 && has_name(strings, (size_t)n);
	}
	free(strings);
	close(fd);
	return found;
}
