/* SPDX-License-Identifier: MIT */
/* Told from a file's first bytes: whether a preloaded library gets in. */
#include "harness.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "forkscope/image_needs.h"

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

/* A file in memory; an fd of 1 says that nothing can be read. */
static char image[4096];

static long read_image(int fd, void *buffer, size_t size, uint64_t offset)
{
	if (fd || offset >= sizeof(image))
		return -1;
	if (size > sizeof(image) - offset)
		size = sizeof(image) - offset;
	memcpy(buffer, image + offset, size);
	return (long)size;
}

/* A file whose dynamic section needs `name`. */
static void make_image(const char *name, uint64_t dynamic_offset, uint64_t strings)
{
	const Elf64_Ehdr elf = { .e_ident = ELFMAG, .e_phoff = sizeof(elf), .e_phnum = 2 };
	const Elf64_Phdr heads[2] = {
		{ .p_type = PT_LOAD, .p_vaddr = 0x10000, .p_filesz = sizeof(image) },
		{ .p_type = PT_DYNAMIC,
		  .p_offset = dynamic_offset,
		  .p_filesz = 3 * sizeof(Elf64_Dyn) },
	};
	const Elf64_Dyn dynamic[3] = { { .d_tag = DT_NEEDED, .d_un.d_val = 4 },
				       { .d_tag = DT_STRTAB, .d_un.d_ptr = strings } };

	memset(image, 0, sizeof(image));
	memcpy(image, &elf, sizeof(elf));
	memcpy(image + sizeof(elf), heads, sizeof(heads));
	memcpy(image + 1024, dynamic, sizeof(dynamic));
	strcpy(image + 2052, name);
}

static void test_sanitizers(void **state)
{
	(void)state;
	make_image("libasan.so.8", 1024, 0x10000 + 2048);
	assert_true(fs_image_needs_sanitizer(0, image, FS_IMAGE_HEAD, read_image));
	assert_false(fs_image_needs_sanitizer(1, image, FS_IMAGE_HEAD, read_image));
	assert_false(fs_image_needs_sanitizer(0, image, sizeof(Elf64_Ehdr) + 8, read_image));
	assert_false(fs_image_needs_sanitizer(0, image, 8, read_image));
	make_image("libc.so.6", 1024, 0x10000 + 2048);
	assert_false(fs_image_needs_sanitizer(0, image, FS_IMAGE_HEAD, read_image));
	make_image("libtsan.so.2", UINT64_MAX - 8, 0x10000 + 2048);
	assert_false(fs_image_needs_sanitizer(0, image, FS_IMAGE_HEAD, read_image));
	make_image("libtsan.so.2", 1024, UINT64_MAX - 8);
	assert_false(fs_image_needs_sanitizer(0, image, FS_IMAGE_HEAD, read_image));
	make_image("libtsan.so.2", 1024, 0x10000 + 4094); /* the names end with the file */
	assert_false(fs_image_needs_sanitizer(0, image, FS_IMAGE_HEAD, read_image));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_real_files),
		cmocka_unit_test(test_scripts),
		cmocka_unit_test(test_made_up_files),
		cmocka_unit_test(test_sanitizers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
