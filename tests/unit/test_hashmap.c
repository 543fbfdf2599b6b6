/* SPDX-License-Identifier: MIT */
/* The map against the plainest model there is: an array of what must be in it. */
#include "harness.h"

#include <stdlib.h>
#include <string.h>

#include "base/hashmap.h"

enum { KEYS = 512, STEPS = 200000 };

static void test_empty_map(void **state)
{
	struct hashmap m = { 0 };
	uint64_t value = 5;
	size_t at = 0;

	(void)state;
	assert_false(hashmap_get(&m, 1, 0, &value));
	assert_false(hashmap_remove(&m, 1, 0));
	assert_null(hashmap_next(&m, &at));
	assert_int_equal(value, 5);
	hashmap_free(&m);
}

static void test_pairs_are_two_keys(void **state)
{
	struct hashmap m = { 0 };
	uint64_t value = 0;

	(void)state;
	assert_int_equal(hashmap_put(&m, 0, 0, 10), 0);
	assert_int_equal(hashmap_put(&m, 1, 2, 12), 0);
	assert_int_equal(hashmap_put(&m, 2, 1, 21), 0);
	assert_int_equal(hashmap_put(&m, 1, 2, 13), 0);
	assert_int_equal(m.count, 3);
	assert_true(hashmap_get(&m, 1, 2, &value));
	assert_int_equal(value, 13);
	assert_true(hashmap_get(&m, 0, 0, &value));
	assert_int_equal(value, 10);
	*hashmap_find(&m, 2, 1) = 22;
	assert_true(hashmap_get(&m, 2, 1, &value));
	assert_int_equal(value, 22);
	hashmap_free(&m);
}

/* Puts and removals at random; after each the touched key, at the end every key, is as the model says. */
static void test_against_model(void **state)
{
	struct hashmap m = { 0 };
	uint64_t model[KEYS] = { 0 };
	size_t count = 0, at = 0, seen = 0, i;
	struct hashmap_slot *slot;

	(void)state;
	srandom(7);
	for (i = 0; i < STEPS; i++) {
		uint64_t key = (uint64_t)random() % KEYS, value = 0;

		if (random() % 2) {
			assert_int_equal(hashmap_put(&m, key << 32, key, i + 1), 0);
			count += !model[key];
			model[key] = i + 1;
		} else {
			assert_int_equal(hashmap_remove(&m, key << 32, key), model[key] != 0);
			count -= model[key] != 0;
			model[key] = 0;
		}
		assert_int_equal(hashmap_get(&m, key << 32, key, &value), model[key] != 0);
		assert_int_equal(value, model[key]);
		assert_int_equal(m.count, count);
	}
	while ((slot = hashmap_next(&m, &at))) {
		assert_int_equal(slot->value, model[slot->b]);
		seen++;
	}
	assert_int_equal(seen, count);
	hashmap_free(&m);
}

static void test_many(void **state)
{
	struct hashmap m = { 0 };
	uint64_t i, value;

	(void)state;
	for (i = 0; i < 300000; i++)
		assert_int_equal(hashmap_put(&m, i * 4096, 0, i), 0);
	assert_int_equal(m.count, 300000);
	assert_true(m.room <= 1 << 20);
	for (i = 0; i < 300000; i++) {
		assert_true(hashmap_get(&m, i * 4096, 0, &value));
		assert_int_equal(value, i);
	}
	assert_false(hashmap_get(&m, 1, 0, NULL));
	hashmap_free(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty_map),
		cmocka_unit_test(test_pairs_are_two_keys),
		cmocka_unit_test(test_against_model),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
