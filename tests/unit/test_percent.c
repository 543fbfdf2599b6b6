/* SPDX-License-Identifier: MIT */
/* Percent encoding: there and back for every byte, and decoding of what nobody encoded. */
#include "harness.h"

#include <string.h>

#include "base/percent.h"

static void test_there_and_back(void **state)
{
	struct buffer encoded = { 0 }, decoded = { 0 };
	char bytes[256];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)i;
	percent_encode(&encoded, bytes, sizeof(bytes));
	for (i = 0; i < encoded.len; i++)
		assert_true(encoded.data[i] > ' ' && encoded.data[i] < 0x7f);
	percent_decode(&decoded, encoded.data, encoded.len);
	assert_int_equal(decoded.len, sizeof(bytes));
	assert_memory_equal(decoded.data, bytes, sizeof(bytes));
	buffer_free(&encoded);
	buffer_free(&decoded);
}

static void expect_argv(const char *list, const char *want, size_t len)
{
	struct buffer out = { 0 };

	percent_decode_argv(&out, list);
	assert_int_equal(out.len, len);
	assert_memory_equal(buffer_text(&out), want, len);
	buffer_free(&out);
}

static void test_lists(void **state)
{
	(void)state;
	expect_argv("", "", 0);
	expect_argv("ls", "ls", 3);
	expect_argv("sh -c a%20b%25", "sh\0-c\0a b%", 11);
	expect_argv("a  b ", "a\0\0b\0", 6);
	expect_argv("% %4 %zz %4", "%\0%4\0%zz\0%4", 12);
	expect_argv("%4 1", "%4\0001", 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
