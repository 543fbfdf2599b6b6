/* SPDX-License-Identifier: MIT */
/* The growing buffer. */
#include "harness.h"

#include <string.h>

#include "base/buffer.h"

static void test_appends(void **state)
{
	struct buffer b = { 0 };
	int i;

	(void)state;
	assert_string_equal(buffer_text(&b), "");
	buffer_append(&b, NULL, 0);
	buffer_add_text(&b, "ab");
	buffer_add_char(&b, 'c');
	buffer_printf(&b, "%05d", 42);
	assert_string_equal(buffer_text(&b), "abc00042");
	buffer_reset(&b);
	assert_string_equal(buffer_text(&b), "");
	for (i = 0; i < 5000; i++)
		buffer_printf(&b, "%d,", i % 10);
	assert_int_equal(b.len, 10000);
	assert_int_equal(strlen(b.data), 10000);
	buffer_free(&b);
	assert_null(b.data);
}

static void test_no_memory_is_latched(void **state)
{
	struct buffer b = { 0 };

	(void)state;
	buffer_add_text(&b, "kept");
	assert_null(buffer_reserve(&b, SIZE_MAX - 2));
	assert_true(b.failed);
	buffer_add_text(&b, "not added");
	assert_string_equal(buffer_text(&b), "kept");
	buffer_reset(&b);
	assert_false(b.failed);
	buffer_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_appends),
		cmocka_unit_test(test_no_memory_is_latched),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
