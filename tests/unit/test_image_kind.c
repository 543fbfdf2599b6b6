/* SPDX-License-Identifier: MIT */
/* Told from a file's first bytes: whether a preloaded library gets in. */
#include "harness.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "forkscope/image_kind.h"

static enum fs_shim_gap kind_of(const char *path)
{
	char head[FS_IMAGE_HEAD];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, head, sizeof(head));

	close(fd);
	assert_true(n > 0);
	return fs_image_kind(head, (size_t)n);
}

static void test_real_files(void **state)
{
	(void)state;
	assert_int_equal(kind_of("/bin/true"), FS_GAP_NONE);
	assert_int_equal(kind_of("/usr/bin/python3"), FS_GAP_NONE);
	assert_int_equal(kind_of("/etc/passwd"), FS_GAP_FORMAT);
	assert_int_equal(kind_of("/usr/bin/ldd"), FS_GAP_NONE); /* a script */
}

static void test_scripts(void **state)
{
	static const char *const lines[] = { "#!/bin/sh\n", "#! /bin/sh -e\n", "#!\t/bin/sh",
					     "#!/bin/sh x" };
	size_t at = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		assert_int_equal(fs_image_interpreter(lines[i], strlen(lines[i]), &at), 7);
		assert_memory_equal(lines[i] + at, "/bin/sh", 7);
	}
	assert_int_equal(fs_image_interpreter("#!", 2, &at), 0);
	assert_int_equal(fs_image_interpreter("#! \n", 4, &at), 0);
	assert_int_equal(fs_image_kind("#! \n", 4), FS_GAP_FORMAT);
}

static void test_made_up_files(void **state)
{
	char head[FS_IMAGE_HEAD] = { 0 };
	Elf64_Ehdr elf = { .e_ident = ELFMAG, .e_machine = FS_IMAGE_MACHINE };

	(void)state;
	elf.e_ident[EI_CLASS] = ELFCLASS32;
	memcpy(head, &elf, sizeof(elf));
	assert_int_equal(fs_image_kind(head, sizeof(head)), FS_GAP_CLASS);
	elf.e_ident[EI_CLASS] = ELFCLASS64;
	memcpy(head, &elf, sizeof(elf));
	assert_int_equal(fs_image_kind(head, sizeof(head)), FS_GAP_STATIC);
	assert_int_equal(fs_image_kind(head, 20), FS_GAP_FORMAT);
	elf.e_phnum = 65535;
	elf.e_phoff = UINT64_MAX - 8; /* the sum wraps */
	memcpy(head, &elf, sizeof(elf));
	assert_int_equal(fs_image_kind(head, sizeof(head)), FS_GAP_NONE);
	elf.e_machine = EM_SPARC;
	memcpy(head, &elf, sizeof(elf));
	assert_int_equal(fs_image_kind(head, sizeof(head)), FS_GAP_CLASS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_real_files),
		cmocka_unit_test(test_scripts),
		cmocka_unit_test(test_made_up_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
