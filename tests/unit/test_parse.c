/* SPDX-License-Identifier: MIT */
/* Numbers as typed: what is accepted, what is refused, and that a refusal changes nothing. */
#include "harness.h"

#include <errno.h>

#include "base/parse.h"

static void test_numbers(void **state)
{
	static const char *const bad[] = { "", " 1", "1 ", "-1", "+1", "0x10", "1e3", "one" };
	uint64_t value = 77;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(parse_u64(bad[i], 0, UINT64_MAX, &value), -EINVAL);
	assert_int_equal(parse_u64("18446744073709551616", 0, UINT64_MAX, &value), -ERANGE);
	assert_int_equal(parse_u64("0", 1, 9, &value), -ERANGE);
	assert_int_equal(parse_u64("10", 1, 9, &value), -ERANGE);
	assert_int_equal(value, 77);
	assert_int_equal(parse_u64("18446744073709551615", 0, UINT64_MAX, &value), 0);
	assert_true(value == UINT64_MAX);
	assert_int_equal(parse_u64("007", 1, 9, &value), 0);
	assert_int_equal(value, 7);
}

static void test_sizes(void **state)
{
	uint64_t value = 77;

	(void)state;
	assert_int_equal(parse_size("64X", &value), -EINVAL);
	assert_int_equal(parse_size("K", &value), -EINVAL);
	assert_int_equal(parse_size("1.5M", &value), -EINVAL);
	assert_int_equal(parse_size("99999999999999G", &value), -ERANGE);
	assert_int_equal(value, 77);
	assert_int_equal(parse_size("512", &value), 0);
	assert_int_equal(value, 512);
	assert_int_equal(parse_size("64K", &value), 0);
	assert_int_equal(value, 65536);
	assert_int_equal(parse_size("8MiB", &value), 0);
	assert_int_equal(value, 8 << 20);
	assert_int_equal(parse_size("3g", &value), 0);
	assert_true(value == 3221225472u);
}

static void test_durations(void **state)
{
	uint64_t value = 77;

	(void)state;
	assert_int_equal(parse_duration("", &value), -EINVAL);
	assert_int_equal(parse_duration(".5s", &value), -EINVAL);
	assert_int_equal(parse_duration("1.s", &value), -EINVAL);
	assert_int_equal(parse_duration("1d", &value), -EINVAL);
	assert_int_equal(parse_duration("99999999999h", &value), -ERANGE);
	assert_int_equal(value, 77);
	assert_int_equal(parse_duration("2", &value), 0);
	assert_true(value == 2000000000);
	assert_int_equal(parse_duration("250ms", &value), 0);
	assert_int_equal(value, 250000000);
	assert_int_equal(parse_duration("1.5h", &value), 0);
	assert_true(value == 5400000000000);
	assert_int_equal(parse_duration("0.0000000019s", &value), 0);
	assert_int_equal(value, 1);
	assert_int_equal(parse_duration("18446744073.999999999", &value), -ERANGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_durations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
