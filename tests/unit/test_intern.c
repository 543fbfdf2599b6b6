/* SPDX-License-Identifier: MIT */
/* The pool of byte strings and growing arrays. */
#include "harness.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/grow.h"
#include "base/intern.h"

static void test_same_bytes_same_pointer(void **state)
{
	struct intern_pool pool = { 0 };
	const struct interned *a = intern(&pool, "ab\0c", 4), *b = intern(&pool, "ab\0c", 4);

	(void)state;
	assert_non_null(a);
	assert_ptr_equal(a, b);
	assert_int_equal(a->len, 4);
	assert_memory_equal(a->data, "ab\0c", 5);
	assert_ptr_not_equal(a, intern(&pool, "ab\0d", 4));
	assert_ptr_not_equal(a, intern(&pool, "ab", 2));
	assert_ptr_equal(intern(&pool, NULL, 0), intern(&pool, "", 0));
	assert_int_equal((uintptr_t)a->data % 8, 0);
	intern_free(&pool);
}

static void test_many_stay_where_they_are(void **state)
{
	struct intern_pool pool = { 0 };
	const struct interned **all = calloc(50000, sizeof(*all));
	char text[600];
	int i, n;

	(void)state;
	for (i = 0; i < 50000; i++) {
		n = snprintf(text, sizeof(text), "%0*d", 1 + i % 500, i);
		all[i] = intern(&pool, text, (size_t)n);
		assert_non_null(all[i]);
	}
	for (i = 0; i < 50000; i++) {
		n = snprintf(text, sizeof(text), "%0*d", 1 + i % 500, i);
		assert_string_equal(all[i]->data, text);
		assert_ptr_equal(intern(&pool, text, (size_t)n), all[i]);
	}
	free(all);
	intern_free(&pool);
}

static void test_longer_than_a_block(void **state)
{
	struct intern_pool pool = { 0 };
	size_t len = 3 << 20;
	char *big = malloc(len);
	const struct interned *one;

	(void)state;
	memset(big, 'x', len);
	one = intern(&pool, big, len);
	assert_non_null(one);
	assert_int_equal(one->len, len);
	assert_ptr_equal(intern(&pool, big, len), one);
	assert_null(intern(&pool, big, (size_t)2 << 30));
	free(big);
	intern_free(&pool);
}

static void test_grow(void **state)
{
	uint64_t *array = NULL;
	size_t room = 0, i;

	(void)state;
	for (i = 0; i < 1000; i++) {
		assert_int_equal(grow(&array, &room, i, 1, sizeof(*array)), 0);
		assert_true(room > i);
		array[i] = i;
	}
	for (i = 0; i < 1000; i++)
		assert_int_equal(array[i], i);
	i = room;
	assert_int_equal(grow(&array, &room, 1000, SIZE_MAX, sizeof(*array)), -ENOMEM);
	assert_int_equal(grow(&array, &room, 1000, SIZE_MAX / 4, sizeof(*array)), -ENOMEM);
	assert_int_equal(room, i);
	assert_int_equal(array[999], 999);
	free(array);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_bytes_same_pointer),
		cmocka_unit_test(test_many_stay_where_they_are),
		cmocka_unit_test(test_longer_than_a_block),
		cmocka_unit_test(test_grow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
