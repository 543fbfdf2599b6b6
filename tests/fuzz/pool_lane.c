/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer on the decoder of completion records: a worker may have written anything into its half of the
 * lane. The ring is its own allocation, so ASan sees a byte read beside it; every view and item that is
 * let through must lie inside.
 */
#include <stdlib.h>
#include <string.h>

#include "lane.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct start {
	uint64_t pos, tail, run;
	uint32_t fill; /* where the input's bytes go in the ring */
};

static volatile uint8_t sink;

static void must(int condition)
{
	if (!condition)
		abort();
}

static void look_at_items(const uint8_t *ring, const struct comp_view *view)
{
	const uint8_t *data;
	enum item_kind kind;
	uint32_t len;

	must(view->at >= ring && view->at + view->size <= ring + LANE_COMP_SIZE);
	if (view->kind != REC_RUN)
		return;
	for (uint32_t i = 0; i < view->count; i++) {
		if (comp_item(view->at, view, i, &kind, &data, &len) < 0)
			continue;
		must(kind == ITEM_PLAIN || kind == ITEM_FAILED || kind == ITEM_ARENA);
		must(data >= view->at && data + len <= view->at + view->size);
		for (uint32_t k = 0; k < len; k++)
			sink ^= data[k];
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct comp_view view;
	struct start start;
	uint8_t *ring;

	if (size < sizeof(start))
		return 0;
	memcpy(&start, data, sizeof(start));
	data += sizeof(start);
	size -= sizeof(start);
	ring = aligned_alloc(64, LANE_COMP_SIZE);
	if (!ring)
		return 0;
	memset(ring, 0, LANE_COMP_SIZE);
	start.fill %= LANE_COMP_SIZE;
	start.fill -= start.fill % LANE_ALIGN;
	if (size > LANE_COMP_SIZE - start.fill)
		size = LANE_COMP_SIZE - start.fill;
	memcpy(ring + start.fill, data, size);
	/* Where the caller reads is the caller's own number, always aligned; the rest is the worker's word. */
	start.pos -= start.pos % LANE_ALIGN;
	if (start.run % 3 == 0)
		start.pos = start.fill;
	if (start.run % 2 == 0)
		start.tail = start.pos + start.tail % (LANE_COMP_SIZE + 1);
	if (comp_open(ring, start.pos, start.run, &view) > 0)
		look_at_items(ring, &view);
	while (comp_next(ring, start.pos, start.tail, &view) > 0) {
		look_at_items(ring, &view);
		must(view.size > 0);
		start.pos += view.size;
	}
	free(ring);
	return 0;
}
