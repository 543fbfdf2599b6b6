/* SPDX-License-Identifier: MIT */
/* Addresses as words: by this very program, which has debugging information. */
#include "harness.h"

#include <dlfcn.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/symbol.h"

static uint64_t base;

static int find_base(struct dl_phdr_info *info, size_t size, void *unused)
{
	(void)size;
	(void)unused;
	base = info->dlpi_addr; /* the program comes first */
	return 1;
}

/* Where the caller's call returns to, in the program's own terms. */
static __attribute__((noinline)) uint64_t here(void)
{
	return (uint64_t)(uintptr_t)__builtin_return_address(0) - base;
}

static char *describe(struct symbols *s, const char *path, const void *id, size_t len, uint64_t at)
{
	static char text[1024];
	struct buffer out = { 0 };

	symbols_append(s, &out, path, id, len, at);
	snprintf(text, sizeof(text), "%s", buffer_text(&out));
	buffer_free(&out);
	return text;
}

static void test_own_line(void **state)
{
	struct symbols *s;
	char self[4096] = "", want[64];
	uint64_t at;
	int line;

	(void)state;
	assert_int_equal(symbols_new(&s), 0);
	assert_true(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
	dl_iterate_phdr(find_base, NULL);
	line = __LINE__ + 1;
	at = here();
	snprintf(want, sizeof(want), " (test_symbol.c:%d)", line);
	assert_memory_equal(describe(s, self, "", 0, at), "test_own_line+0x", 16);
	assert_non_null(strstr(describe(s, self, "", 0, at), want));
	symbols_free(s);
}

static void test_what_cannot_be_known(void **state)
{
	struct symbols *s;
	char self[4096] = "";

	(void)state;
	assert_int_equal(symbols_new(&s), 0);
	assert_true(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
	assert_string_equal(describe(s, "/nowhere/lib.so", "", 0, 0x1234), "lib.so+0x1234");
	assert_string_equal(describe(s, "", "", 0, 0x12), "?+0x12");
	assert_string_equal(describe(s, "/etc/passwd", "", 0, 0x12), "passwd+0x12");
	assert_string_equal(describe(s, "/dev/zero", "", 0, 0x12), "zero+0x12");
	/* Another build than the one that was recorded: its names would be lies. */
	assert_memory_equal(describe(s, self, "01234567890123456789", 20, 0x2000),
			    "test_symbol+0x2000", 18);
	assert_non_null(strstr(describe(s, self, "", 0, UINT64_MAX), "test_symbol+0x"));
	symbols_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own_line),
		cmocka_unit_test(test_what_cannot_be_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
