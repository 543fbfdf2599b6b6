/* SPDX-License-Identifier: MIT */
/*
 * fd tables: interned ones as they were seen, and live ones kept up to date.
 *
 * A live table is slots in order of fd. A closed fd leaves a dead slot behind, which the next open of the same
 * number fills (the kernel gives out the lowest free one), so that a table of thousands is seldom moved.
 */
#include <errno.h>
#include <stdlib.h>

#include "model/impl.h"

#define SWEEP_MIN 64

size_t table_count(const struct interned *table)
{
	return table ? table->len / sizeof(struct table_entry) : 0;
}

const struct table_entry *table_entries(const struct interned *table)
{
	return table ? (const struct table_entry *)(const void *)table->data : NULL;
}

bool table_has(const struct interned *table, uint32_t fd, uint32_t file)
{
	const struct table_entry *e = table_entries(table);
	size_t low = 0, high = table_count(table), mid;

	while (low < high) {
		mid = low + (high - low) / 2;
		if (e[mid].fd < fd)
			low = mid + 1;
		else
			high = mid;
	}
	return low < table_count(table) && e[low].fd == fd && e[low].file == file;
}

bool table_has_file(const struct interned *table, uint32_t file)
{
	const struct table_entry *e = table_entries(table);
	size_t n = table_count(table), i;

	for (i = 0; i < n; i++)
		if (e[i].file == file)
			return true;
	return false;
}

struct fd_table *fd_table_new(void)
{
	struct fd_table *t = calloc(1, sizeof(*t));

	if (t)
		t->refs = 1;
	return t;
}

void fd_table_unref(struct fd_table *t)
{
	if (!t || --t->refs)
		return;
	free(t->slots);
	free(t);
}

struct fd_table *fd_table_copy(const struct fd_table *t)
{
	struct fd_table *copy = fd_table_new();

	if (!copy)
		return NULL;
	copy->base = t->base;
	copy->is_live = t->is_live;
	if (!t->is_live || !t->count)
		return copy;
	if (grow(&copy->slots, &copy->room, 0, t->count, sizeof(*copy->slots)) < 0) {
		free(copy);
		return NULL;
	}
	memcpy(copy->slots, t->slots, t->count * sizeof(*t->slots));
	copy->count = t->count;
	copy->dead = t->dead;
	return copy;
}

static uint32_t slot_fd(const struct fd_slot *s)
{
	return s->fd & ~FD_CLOEXEC_BIT;
}

static uint32_t entry_fd(const struct table_entry *e)
{
	return e->fd | (e->cloexec ? FD_CLOEXEC_BIT : 0);
}

int fd_table_make_live(struct fd_table *t, const struct interned *at_start)
{
	const struct table_entry *e = table_entries(t->base);
	size_t n = table_count(t->base), i;

	if (t->is_live)
		return 0;
	if (grow(&t->slots, &t->room, 0, n, sizeof(*t->slots)) < 0)
		return -ENOMEM;
	for (i = 0; i < n; i++) {
		t->slots[i].file = e[i].file;
		t->slots[i].fd = entry_fd(&e[i]);
		t->slots[i].bits = table_has(at_start, e[i].fd, e[i].file) ? SLOT_INHERITED : 0;
	}
	t->count = n;
	t->dead = 0;
	t->is_live = true;
	return 0;
}

/* The first slot whose fd is not below. */
static size_t lower_bound(const struct fd_table *t, uint32_t fd)
{
	size_t low = 0, high = t->count, mid;

	/* Most opens append. */
	if (high && slot_fd(&t->slots[high - 1]) < fd)
		return high;
	while (low < high) {
		mid = low + (high - low) / 2;
		if (slot_fd(&t->slots[mid]) < fd)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

struct fd_slot *fd_table_find(const struct fd_table *t, uint32_t fd)
{
	size_t at = lower_bound(t, fd);

	if (at == t->count || slot_fd(&t->slots[at]) != fd || t->slots[at].file == MODEL_NONE)
		return NULL;
	return &t->slots[at];
}

static void sweep(struct fd_table *t)
{
	size_t from, to = 0;

	for (from = 0; from < t->count; from++)
		if (t->slots[from].file != MODEL_NONE)
			t->slots[to++] = t->slots[from];
	t->count = to;
	t->dead = 0;
}

/* fd with FD_CLOEXEC_BIT. */
int fd_table_set(struct fd_table *t, uint32_t fd, uint32_t file, uint32_t bits)
{
	struct fd_slot slot = { .file = file, .fd = fd, .bits = bits };
	size_t at = lower_bound(t, fd & ~FD_CLOEXEC_BIT);

	if (at < t->count && slot_fd(&t->slots[at]) == (fd & ~FD_CLOEXEC_BIT)) {
		if (t->slots[at].file == MODEL_NONE)
			t->dead--;
		t->slots[at] = slot;
		return 0;
	}
	if (t->count > SWEEP_MIN && t->dead > t->count / 2) {
		sweep(t);
		at = lower_bound(t, fd & ~FD_CLOEXEC_BIT);
	}
	if (grow(&t->slots, &t->room, t->count, 1, sizeof(*t->slots)) < 0)
		return -ENOMEM;
	memmove(&t->slots[at + 1], &t->slots[at], (t->count - at) * sizeof(*t->slots));
	t->slots[at] = slot;
	t->count++;
	return 0;
}

void fd_table_drop(struct fd_table *t, struct fd_slot *slot)
{
	slot->file = MODEL_NONE;
	slot->bits = 0;
	t->dead++;
}

/* Both in order of fd, so one walk over the two. */
static int see_live(struct fd_table *t, const struct interned *table, bool *ret_differs)
{
	const struct table_entry *e = table_entries(table);
	size_t n = table_count(table), i, at = 0, room = 0;
	struct fd_slot *slots = NULL;
	bool differs = false;

	if (grow(&slots, &room, 0, n, sizeof(*slots)) < 0)
		return -ENOMEM;
	sweep(t);
	for (i = 0; i < n; i++) {
		while (at < t->count && slot_fd(&t->slots[at]) < e[i].fd)
			at++;
		slots[i] = (struct fd_slot){ .file = e[i].file, .fd = entry_fd(&e[i]) };
		if (at < t->count && slot_fd(&t->slots[at]) == e[i].fd &&
		    t->slots[at].file == e[i].file)
			slots[i].bits = t->slots[at].bits;
		else
			differs = true;
	}
	*ret_differs = differs || n != t->count;
	free(t->slots);
	t->slots = slots;
	t->room = room;
	t->count = n;
	return 0;
}

int fd_table_see(struct fd_table *t, const struct interned *table, bool *ret_differs)
{
	int err;

	if (t->is_live) {
		err = see_live(t, table, ret_differs);
		if (err < 0)
			return err;
	} else {
		*ret_differs = t->base != table;
	}
	t->base = table;
	return 0;
}
