/* SPDX-License-Identifier: MIT */
/*
 * Large results: blocks of the lane's arena, numbered, so that the caller can give them back by storing a
 * block's generation in its half of the lane. The worker looks there when it next needs one.
 */
#include <errno.h>
#include <string.h>

#include "worker.h"

static void reclaim_blocks(struct worker *w)
{
	uint32_t i;

	for (i = 0; i < w->n_blocks; i++)
		if (w->blocks[i].used && load_acquire(&w->map.released[i]) == w->blocks[i].gen)
			worker_block_free(w, i);
}

void worker_block_free(struct worker *w, uint32_t block)
{
	arena_put(&w->arena, w->blocks[block].off, w->blocks[block].len);
	w->blocks[block].used = false;
}

static int grow_table(struct worker *w)
{
	struct result_block *all;

	if (w->max_blocks == LANE_BLOCKS)
		return -ENOMEM;
	all = calloc(LANE_BLOCKS, sizeof(*all));
	if (!all)
		return -ENOMEM;
	memcpy(all, w->few_blocks, sizeof(w->few_blocks));
	w->blocks = all;
	w->max_blocks = LANE_BLOCKS;
	return 0;
}

int worker_block_get(struct worker *w, size_t len, uint32_t *ret_block)
{
	uint32_t i = 0, n;

	store_relaxed(&w->map.worker->arena_used, 1);
	reclaim_blocks(w);
	for (n = 0; n < w->max_blocks; n++) {
		i = (w->next_block + n) % w->max_blocks;
		if (!w->blocks[i].used)
			break;
	}
	/* Numbers start again from 0, so that the table that is looked through stays short. */
	if (w->next_block >= 64 || n == w->max_blocks)
		for (i = 0; i < w->max_blocks && w->blocks[i].used; i++)
			;
	if ((i == w->max_blocks && grow_table(w) < 0) ||
	    arena_get(&w->arena, len, &w->blocks[i].off) < 0)
		return -ENOMEM;
	w->blocks[i].len = len;
	w->blocks[i].used = true;
	w->blocks[i].gen++;
	w->next_block = i + 1;
	if (i >= w->n_blocks)
		w->n_blocks = i + 1;
	*ret_block = i;
	return 0;
}
