/* SPDX-License-Identifier: MIT */
/* The protocol-buffer writer: exact bytes, as the encoding's specification has them. */
#include "harness.h"

#include "base/pb.h"

static void expect(struct buffer *b, const char *want, size_t len)
{
	assert_false(b->failed);
	assert_int_equal(b->len, len);
	assert_memory_equal(b->data, want, len);
	buffer_free(b);
}

static void test_numbers(void **state)
{
	struct buffer b = { 0 };

	(void)state;
	pb_u64(&b, 1, 150);
	pb_u64(&b, 16, 0);
	pb_u64(&b, 2, UINT64_MAX);
	pb_fixed64(&b, 47, 0x0102030405060708u);
	expect(&b,
	       "\x08\x96\x01"
	       "\x80\x01\x00"
	       "\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"
	       "\xf9\x02\x08\x07\x06\x05\x04\x03\x02\x01",
	       27);
}

static void test_nested(void **state)
{
	struct buffer b = { 0 };
	size_t outer, inner, i;

	(void)state;
	outer = pb_begin(&b, 1);
	pb_text(&b, 2, "testing");
	inner = pb_begin(&b, 3);
	pb_end(&b, inner);
	pb_end(&b, outer);
	expect(&b,
	       "\x0a\x8e\x80\x80\x00"
	       "\x12\x07testing"
	       "\x1a\x80\x80\x80\x00",
	       19);
	/* A length of more than one group of seven bits. */
	outer = pb_begin(&b, 1);
	for (i = 0; i < 100; i++)
		pb_bytes(&b, 1, "\0", 1);
	pb_end(&b, outer);
	assert_int_equal(b.len, 5 + 300);
	assert_memory_equal(b.data, "\x0a\xac\x82\x80\x00", 5);
	buffer_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_nested),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
