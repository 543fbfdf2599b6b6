/* SPDX-License-Identifier: MIT */
/*
 * What the caller and the fork server read from memory and messages that another process wrote: damaged in
 * every way, it is refused or read within its bounds, and never more than what is there.
 */
#include "harness.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../../pool/lane.h"
#include "../../pool/server.h"

static uint64_t seed = 88172645463325252ull;

static uint32_t any(uint32_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed >> 16) % below;
}

/* A ring with one record of three items: bytes, a failure, a reference. */
static uint32_t good_ring(uint8_t *ring)
{
	struct comp_rec *rec = (void *)ring;
	uint32_t at = comp_data(3);

	memset(ring, 0, 4096);
	rec->kind = REC_RUN;
	rec->seq = 7;
	rec->count = rec->room = 3;
	memcpy(ring + at, "hello", 5);
	rec->ends[0] = at + 5;
	at = lane_align(at + 5);
	memcpy(ring + at, "\5\0\0\0oops", 8);
	rec->ends[1] = (uint32_t)ITEM_FAILED << END_SHIFT | (at + 8);
	at = lane_align(at + 8);
	rec->ends[2] = (uint32_t)ITEM_ARENA << END_SHIFT | (at + (uint32_t)sizeof(struct item_ref));
	rec->size = lane_align(at + (uint32_t)sizeof(struct item_ref));
	return rec->size;
}

/* Reads all there is; every byte given must lie within the record. */
static unsigned read_all(const uint8_t *ring, uint64_t pos, uint64_t tail)
{
	struct comp_view view;
	unsigned n = 0;
	uint32_t i;

	while (comp_next(ring, pos, tail, &view) > 0) {
		assert_true(view.size > 0 && view.size <= tail - pos);
		for (i = 0; i < view.count; i++) {
			enum item_kind kind;
			const uint8_t *data;
			uint32_t len;

			if (comp_item(view.at, &view, i, &kind, &data, &len) < 0)
				continue;
			assert_true(data >= view.at && len <= view.size &&
				    data + len <= view.at + view.size);
			n++;
		}
		pos += view.size;
	}
	return n;
}

static void test_whole_record(void **state)
{
	uint8_t *ring = calloc(1, LANE_COMP_SIZE);
	uint32_t size = good_ring(ring);

	(void)state;
	assert_int_equal(read_all(ring, 0, size), 3);
	/* A tail in the middle, or more than a ring away, is nonsense. */
	assert_int_equal(read_all(ring, 0, size - 16), 0);
	assert_int_equal(read_all(ring, 0, 2ull * LANE_COMP_SIZE), 0);
	free(ring);
}

static void test_damaged_records(void **state)
{
	uint8_t *ring = calloc(1, LANE_COMP_SIZE);
	struct comp_view view;
	int i, k;

	(void)state;
	for (i = 0; i < 200000; i++) {
		uint32_t size = good_ring(ring);

		for (k = 1 + (int)any(4); k > 0; k--)
			ring[any(size)] = (uint8_t)any(256);
		(void)read_all(ring, 0, size);
		(void)read_all(ring, 0, any(LANE_COMP_SIZE) & ~15u);
		if (comp_open(ring, 0, run_word(7, any(4096), true), &view) > 0)
			assert_true(view.count <= view.room && comp_data(view.room) <= view.size);
	}
	free(ring);
}

/* A record at the very end of the ring must not be read past it. */
static void test_end_of_ring(void **state)
{
	uint8_t *ring = calloc(1, LANE_COMP_SIZE);
	uint64_t pos = LANE_COMP_SIZE - 32;
	struct comp_rec *rec = (void *)(ring + pos);
	struct comp_view view;

	(void)state;
	rec->kind = REC_RUN;
	rec->size = 64;
	assert_int_equal(comp_next(ring, pos, pos + 64, &view), -EBADMSG);
	rec->size = 32;
	rec->room = rec->count = 2000;
	assert_int_equal(comp_next(ring, pos, pos + 32, &view), -EBADMSG);
	assert_int_equal(comp_open(ring, pos, run_word(0, 4, false), &view), 0);
	free(ring);
}

static void test_damaged_requests(void **state)
{
	uint8_t data[sizeof(struct wire_worker) + 4 * sizeof(struct wire_move)];
	int i, k;

	(void)state;
	for (i = 0; i < 200000; i++) {
		struct wire_worker head = { 0, 4 };
		struct wire_item item;
		struct wire_move move;
		size_t at = 0, size = any(sizeof(data) + 1);

		memset(data, 0, sizeof(data));
		memcpy(data, &head, sizeof(head));
		for (k = (int)any(4); k > 0; k--)
			data[any(sizeof(data))] = (uint8_t)any(256);
		if (wire_next(data, size, &at, 3, &item) < 0)
			continue;
		assert_true(at <= size && item.lane < 3 && item.n_moves <= 4);
		for (k = 0; k < (int)item.n_moves; k++) {
			memcpy(&move, item.moves + (size_t)k * sizeof(move), sizeof(move));
			assert_true(move.fd < 3 && move.to >= 0);
		}
	}
}

ISOLATE(test_whole_record)
ISOLATE(test_damaged_records)
ISOLATE(test_end_of_ring)
ISOLATE(test_damaged_requests)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ISOLATED(test_whole_record),
		ISOLATED(test_damaged_records),
		ISOLATED(test_end_of_ring),
		ISOLATED(test_damaged_requests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
