/* SPDX-License-Identifier: MIT */
/*
 * imap: items come one by one from a function, results go one by one, memory stays bounded.
 *
 * Items are gathered into batches (map.c), which are made only while fewer than `window` items are on their
 * way; results are taken from the oldest batch (in order), or from any (unordered). How many items a batch
 * gets follows what an item takes: a batch is worth about BATCH_WORTH of a worker's time.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "pool.h"

#define BATCH_WORTH (200 * US)
#define BATCH_BYTES (256u << 10)
#define WINDOW_MIN 1024u

struct part {
	struct part *next;
	struct pp_results *results;
	size_t taken, scan, base;
	uint8_t *given; /* unordered: which were */
};

struct pp_imap {
	pthread_mutex_t lock; /* held while `next` runs, too: it is asked by one thread at a time */
	struct pp_pool *pool;
	char *task;
	pp_next_fn next;
	void *arg;
	struct pp_map_opts opts;
	struct part *first, **last;
	struct part *dead; /* holds the result given last */
	size_t window, chunk, on_way, index;
	bool input_ended;
	int input_error;
};

int pp_pool_imap(struct pp_pool *pool, const char *task, pp_next_fn next, void *arg,
		 const struct pp_map_opts *opts, struct pp_imap **ret_imap)
{
	struct pp_imap *im;
	struct pp_map_opts o;
	struct task *found;
	int r = opts_read(&o, sizeof(o), opts, "pp_map_opts");

	if (r == 0 && (o.flags & ~PP_UNORDERED))
		r = fail(-EINVAL, "unknown flags 0x%x", o.flags);
	if (r == 0 && is_foreign(&pool->owned))
		r = fail_foreign();
	if (r < 0)
		return r;
	pthread_mutex_lock(&pool->lock);
	r = find_task_locked(pool, task, &found);
	if (r == 0 && pool->stopped)
		r = fail(pool->stopped, "%s", pool->reason);
	else if (r == 0 && (pool->closed || pool->terminated))
		r = fail(-ESHUTDOWN, "the pool is closed");
	pthread_mutex_unlock(&pool->lock);
	if (r < 0)
		return r;
	im = calloc(1, sizeof(*im));
	if (!im || !(im->task = strdup(task))) {
		free(im);
		return fail(-ENOMEM, "out of memory");
	}
	pthread_mutex_init(&im->lock, NULL);
	im->pool = pool;
	im->next = next;
	im->arg = arg;
	im->opts = o;
	im->opts.callback = NULL;
	im->opts.progress = NULL;
	im->last = &im->first;
	im->window = o.window ? o.window : 2 * o.chunk * pool->wanted;
	if (!o.window && im->window < WINDOW_MIN)
		im->window = WINDOW_MIN;
	*ret_imap = im;
	return 0;
}

static size_t batch_items(const struct pp_imap *im)
{
	int64_t est = load_relaxed(&im->pool->est_ns);
	size_t n = im->opts.chunk;

	if (!n)
		n = est ? (size_t)(BATCH_WORTH / est) : 1;
	if (n > im->window / (2 * im->pool->wanted) && !im->opts.chunk)
		n = im->window / (2 * im->pool->wanted);
	n = n > LANE_CHUNK_ITEMS ? LANE_CHUNK_ITEMS : n;
	return n ? n : 1;
}

struct gather {
	struct iovec *items;
	uint8_t *bytes;
	size_t n, used, room;
};

/* One more item, copied, since its memory is the giver's again with the next. */
static int gather_one(struct gather *g, const struct iovec *item)
{
	size_t need = g->used + item->iov_len + LANE_ALIGN;
	uint8_t *grown;

	if (item->iov_len > PP_PAYLOAD_MAX)
		return fail(-EMSGSIZE, "an item of %zu bytes: at most %zu", item->iov_len,
			    PP_PAYLOAD_MAX);
	if (need > g->room) {
		size_t room = 2 * g->room > need ? 2 * g->room : need;

		grown = realloc(g->bytes, room);
		if (!grown)
			return fail(-ENOMEM, "no memory for an item of %zu bytes", item->iov_len);
		g->bytes = grown;
		g->room = room;
	}
	if (item->iov_len)
		memcpy(g->bytes + g->used, item->iov_base, item->iov_len);
	/* An offset until all are there: the bytes may still move. */
	g->items[g->n].iov_base = (void *)g->used;
	g->items[g->n++].iov_len = item->iov_len;
	g->used = (g->used + item->iov_len + LANE_ALIGN - 1) & ~(size_t)(LANE_ALIGN - 1);
	return 0;
}

static void gather(struct pp_imap *im, struct gather *g, size_t want)
{
	while (g->n < want && g->used < BATCH_BYTES && !im->input_ended) {
		struct iovec item = { NULL, 0 };
		int r = im->next(&item, im->arg);

		if (r > 0)
			r = gather_one(g, &item) < 0 ? -ENOMEM : 1;
		if (r <= 0) {
			im->input_ended = true;
			im->input_error = r;
		}
	}
}

static int add_part(struct pp_imap *im, struct gather *g)
{
	struct part *part = calloc(1, sizeof(*part));
	struct pp_map_opts o = im->opts;
	struct iovec *items;
	size_t i;
	int r = -ENOMEM;

	/* Items and bytes in one block, which the batch frees. */
	items = part ? malloc(g->n * sizeof(*items) + g->used + LANE_ALIGN) : NULL;
	if (part && (im->opts.flags & PP_UNORDERED))
		part->given = calloc(g->n, 1);
	if (!items || ((im->opts.flags & PP_UNORDERED) && !part->given)) {
		fail(r, "out of memory");
		goto fail;
	}
	memcpy(items + g->n, g->bytes, g->used);
	for (i = 0; i < g->n; i++) {
		items[i].iov_base = (uint8_t *)(items + g->n) + (size_t)g->items[i].iov_base;
		items[i].iov_len = g->items[i].iov_len;
	}
	o.chunk = g->n;
	pthread_mutex_lock(&im->pool->lock);
	r = batch_new_locked(im->pool, im->task, items, g->n, &o, &part->results);
	if (r == 0)
		part->results->copies = items;
	pthread_mutex_unlock(&im->pool->lock);
	if (r < 0)
		goto fail;
	part->base = im->index;
	im->index += g->n;
	im->on_way += g->n;
	*im->last = part;
	im->last = &part->next;
	return 0;
fail:
	free(items);
	if (part)
		free(part->given);
	free(part);
	return r;
}

static int fill(struct pp_imap *im)
{
	int r = 0;

	while (r == 0 && !im->input_ended && im->on_way < im->window) {
		size_t want = batch_items(im), left = im->window - im->on_way;
		struct gather g = { 0 };

		want = want < left ? want : left;
		g.items = malloc(want * sizeof(*g.items));
		if (!g.items)
			return fail(-ENOMEM, "out of memory");
		gather(im, &g, want);
		if (g.n)
			r = add_part(im, &g);
		free(g.items);
		free(g.bytes);
	}
	return r;
}

static void part_free(struct part *part)
{
	if (!part)
		return;
	pp_results_free(part->results);
	free(part->given);
	free(part);
}

/* An ended item that was not given yet, in the order asked for. */
static struct part *find_ready(struct pp_imap *im, size_t *ret_i)
{
	struct part *part;

	for (part = im->first; part; part = part->next) {
		const struct pp_results *b = part->results;

		if (!(im->opts.flags & PP_UNORDERED)) {
			*ret_i = part->taken;
			return b->item[part->taken].outcome ? part : NULL;
		}
		if (b->ended <= part->taken)
			continue;
		for (; part->scan < b->n; part->scan++) {
			if (b->item[part->scan].outcome && !part->given[part->scan]) {
				*ret_i = part->scan;
				return part;
			}
		}
		part->scan = 0;
		for (; part->scan < b->n; part->scan++) {
			if (b->item[part->scan].outcome && !part->given[part->scan]) {
				*ret_i = part->scan;
				return part;
			}
		}
	}
	return NULL;
}

static bool is_ready(void *arg)
{
	size_t i;

	return find_ready(arg, &i) != NULL;
}

static void unlink_part(struct pp_imap *im, struct part *part)
{
	struct part **at;

	for (at = &im->first; *at != part; at = &(*at)->next)
		;
	*at = part->next;
	if (im->last == &part->next)
		im->last = at;
	/* The result just given lives in it until the next call. */
	im->dead = part;
}

static int next_locked(struct pp_imap *im, int64_t deadline, struct pp_result *ret_result)
{
	struct pp_pool *pool = im->pool;
	struct part *part;
	size_t i = 0;
	int r;

	part_free(im->dead);
	im->dead = NULL;
	r = fill(im);
	if (!im->first) {
		if (r < 0)
			return r;
		r = im->input_error;
		return r < 0 ? fail(r, "the source of items failed: %s", errno_text(r)) : 0;
	}
	pthread_mutex_lock(&pool->lock);
	part = find_ready(im, &i);
	if (!part) {
		r = wait_locked(pool, is_ready, im, deadline);
		part = r < 0 ? NULL : find_ready(im, &i);
	}
	pthread_mutex_unlock(&pool->lock);
	if (!part)
		return fail(-ETIMEDOUT, "no result in time");
	item_result(&part->results->item[i], part->base + i, ret_result);
	if (part->given)
		part->given[i] = 1;
	part->taken++;
	im->on_way--;
	if (part->taken == part->results->n)
		unlink_part(im, part);
	return 1;
}

int pp_imap_next(struct pp_imap *im, int64_t timeout_ns, struct pp_result *ret_result)
{
	int64_t deadline = deadline_after(timeout_ns);
	struct timespec ts = { deadline / 1000000000, deadline % 1000000000 };
	int r;

	if (is_foreign(&im->pool->owned))
		return fail_foreign();
	if (deadline == INT64_MAX)
		pthread_mutex_lock(&im->lock);
	else if (pthread_mutex_trylock(&im->lock) != 0 &&
		 pthread_mutex_clocklock(&im->lock, CLOCK_MONOTONIC, &ts) != 0)
		return fail(-ETIMEDOUT, "no result in time");
	r = next_locked(im, deadline, ret_result);
	pthread_mutex_unlock(&im->lock);
	return r;
}

void pp_imap_free(struct pp_imap *im)
{
	struct part *part;

	if (!im)
		return;
	part_free(im->dead);
	while ((part = im->first)) {
		im->first = part->next;
		part_free(part);
	}
	pthread_mutex_destroy(&im->lock);
	free(im->task);
	free(im);
}
