/* SPDX-License-Identifier: MIT */
/* Holdings by open file; see holders.h. */
#include "out/holders.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/grow.h"

/* A server of 10,000 fds that forked 20,000 times makes more holdings than anybody can read or hold. */
#define HOLDINGS_MAX 4000000

struct gathering {
	struct holders *h;
	const struct model *m;
};

void file_key(char key[16], uint32_t file)
{
	snprintf(key, 16, "f%u", file);
}

static int take(void *arg, const struct holding *holding)
{
	struct gathering *g = arg;
	struct holders *h = g->h;

	if (holding->file >= model_file_count(g->m) || !h->wanted[holding->file])
		return 0;
	if (h->count >= HOLDINGS_MAX)
		return -E2BIG;
	if (grow(&h->list, &h->room, h->count, 1, sizeof(*h->list)) < 0)
		return -ENOMEM;
	h->list[h->count++] = *holding;
	return 0;
}

static int by_file(const void *a, const void *b)
{
	const struct holding *x = a, *y = b;

	if (x->file != y->file)
		return x->file < y->file ? -1 : 1;
	if (x->from_ts != y->from_ts)
		return x->from_ts < y->from_ts ? -1 : 1;
	if (x->process != y->process)
		return x->process < y->process ? -1 : 1;
	return x->fd < y->fd ? -1 : x->fd > y->fd;
}

static bool matches(const struct model *m, uint32_t file, const char *text)
{
	const struct file *f = model_file(m, file);
	char key[16];

	file_key(key, file);
	return strcmp(key, text) == 0 ||
	       (f->id->len == strlen(text) && memcmp(f->id->data, text, f->id->len) == 0);
}

/* What one process ever held, as wanted files. */
static int want_held(void *arg, const struct holding *holding)
{
	struct gathering *g = arg;

	if (holding->file < model_file_count(g->m))
		g->h->wanted[holding->file] = true;
	return 0;
}

static int choose(struct holders *h, const struct model *m, const struct fds_filter *filter)
{
	struct gathering g = { h, m };
	size_t i;
	int err = 0;

	if (filter->process != MODEL_NONE)
		err = model_holdings(m, filter->process, want_held, &g);
	for (i = 0; i < model_file_count(m); i++) {
		if (filter->process == MODEL_NONE)
			h->wanted[i] = true;
		if (filter->file && !matches(m, (uint32_t)i, filter->file))
			h->wanted[i] = false;
	}
	return err;
}

/* Without a filter everything is held up against the limit before any work is done. */
static bool is_too_much(const struct model *m)
{
	size_t sum = 0, i;

	for (i = 0; i < model_process_count(m); i++) {
		sum += model_holdings_bound(m, (uint32_t)i);
		if (sum > (size_t)HOLDINGS_MAX * 4)
			return true;
	}
	return false;
}

int holders_gather(struct holders *h, const struct model *m, const struct fds_filter *filter)
{
	struct gathering g = { h, m };
	size_t i;
	int err;

	*h = (struct holders){ .wanted = calloc(model_file_count(m) + 1, sizeof(bool)) };
	if (!h->wanted)
		return -ENOMEM;
	if (filter->process == MODEL_NONE && !filter->file && is_too_much(m))
		return -E2BIG;
	err = choose(h, m, filter);
	for (i = 0; i < model_process_count(m) && err == 0; i++)
		err = model_holdings(m, (uint32_t)i, take, &g);
	if (err)
		return err;
	if (!h->count && (filter->file || filter->process != MODEL_NONE))
		return -ENOENT;
	if (h->count)
		qsort(h->list, h->count, sizeof(*h->list), by_file);
	return 0;
}

void holders_free(struct holders *h)
{
	free(h->list);
	free(h->wanted);
}

size_t holders_of(const struct holders *h, uint32_t file, const struct holding **ret)
{
	size_t low = 0, high = h->count, mid, n = 0;

	while (low < high) {
		mid = low + (high - low) / 2;
		if (h->list[mid].file < file)
			low = mid + 1;
		else
			high = mid;
	}
	while (low + n < h->count && h->list[low + n].file == file)
		n++;
	*ret = n ? &h->list[low] : NULL;
	return n;
}
