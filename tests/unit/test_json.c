/* SPDX-License-Identifier: MIT */
/* The JSON writer: exact text, and a JSON reader's opinion of the hard strings. */
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"

static void expect(struct json *j, const char *want)
{
	assert_string_equal(buffer_text(&j->out), want);
	assert_int_equal(json_finish(j), 0);
}

static void test_shapes_and_commas(void **state)
{
	struct json j;

	(void)state;
	json_init(&j, NULL);
	json_object_begin(&j);
	json_field_text(&j, "a", "x");
	json_field_text(&j, "none", NULL);
	json_key(&j, "list");
	json_array_begin(&j);
	json_u64(&j, 0);
	json_u64(&j, UINT64_MAX);
	json_i64(&j, INT64_MIN);
	json_i64(&j, 7);
	json_array_begin(&j);
	json_array_end(&j);
	json_object_begin(&j);
	json_object_end(&j);
	json_array_end(&j);
	json_field_bool(&j, "t", true);
	json_field_null(&j, "n");
	json_field_hex(&j, "h", 0xffff888100000001u);
	json_key(&j, "d");
	json_double(&j, 1.25, 2);
	json_key(&j, "nan");
	json_double(&j, NAN, 2);
	json_object_end(&j);
	json_line_end(&j);
	json_array_begin(&j);
	json_array_end(&j);
	expect(&j,
	       "{\"a\":\"x\",\"none\":null,\"list\":[0,18446744073709551615,-9223372036854775808,7,"
	       "[],{}],\"t\":true,\"n\":null,\"h\":\"0xffff888100000001\",\"d\":1.25,\"nan\":null}"
	       "\n"
	       "[]");
}

static void expect_json_string(const char *text, size_t len, const char *want)
{
	struct json j;

	json_init(&j, NULL);
	json_string(&j, text, len);
	expect(&j, want);
}

static void test_strings(void **state)
{
	(void)state;
	expect_json_string("", 0, "\"\"");
	expect_json_string("a\"b\\c\n\t", 7, "\"a\\\"b\\\\c\\n\\t\"");
	expect_json_string("\0\033\x7f", 3, "\"\\u0000\\u001b\\u007f\"");
	expect_json_string("caf\xc3\xa9\xff", 6, "\"caf\xc3\xa9\\u00ff\"");
	expect_json_string("\xe2\x80\xae\xf3\xa0\x80\x81", 7, "\"\\u202e\\udb40\\udc01\"");
	expect_json_string("\xe2\x82", 2, "\"\\u00e2\\u0082\"");
}

/* Random bytes, through an independent reader: always valid, and of one character per byte or more. */
static void test_a_json_reader_agrees(void **state)
{
	static const char reader[] = "/usr/bin/python3 -c 'import json, sys\n"
				     "for line in sys.stdin.buffer:\n"
				     "    n, s = json.loads(line.decode(\"utf-8\"))\n"
				     "    assert len(s.encode(\"utf-8\")) >= n, line\n'";
	FILE *to = popen(reader, "we");
	struct json j;
	int i, n;

	(void)state;
	assert_non_null(to);
	srandom(11);
	json_init(&j, to);
	for (i = 0; i < 3000; i++) {
		char bytes[64];

		for (n = 0; n < i % 64; n++)
			bytes[n] = (char)(random() % 3 ? random() : 0xc0 + random() % 64);
		json_array_begin(&j);
		json_u64(&j, (uint64_t)n);
		json_string(&j, bytes, (size_t)n);
		json_array_end(&j);
		json_line_end(&j);
	}
	assert_int_equal(json_finish(&j), 0);
	assert_int_equal(pclose(to), 0);
}

static void test_a_full_disk_is_told(void **state)
{
	FILE *full = fopen("/dev/full", "we");
	struct json j;
	int i;

	(void)state;
	assert_non_null(full);
	json_init(&j, full);
	for (i = 0; i < 100000; i++) {
		json_text(&j, "something");
		json_line_end(&j);
	}
	assert_int_equal(json_finish(&j), -ENOSPC);
	fclose(full);
}

ISOLATE(test_a_json_reader_agrees)
ISOLATE(test_a_full_disk_is_told)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shapes_and_commas),
		cmocka_unit_test(test_strings),
		ISOLATED(test_a_json_reader_agrees),
		ISOLATED(test_a_full_disk_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
