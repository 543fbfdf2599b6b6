/* SPDX-License-Identifier: MIT */
/* See merge.h. Copies lie in one growing buffer that is emptied from time to time; an index of them is sorted. */
#include "capture/merge.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/grow.h"
#include "base/hashmap.h"

struct waiting {
	uint64_t ts_ns;
	uint64_t number; /* of arrival: equal times stay in that order */
	size_t offset;
};

struct busy {
	uint64_t from_ns, to_ns;
	uint64_t before; /* index + 1 of the same thread's one before; 0: none */
};

struct merge {
	bool kernel;
	int64_t boot_offset_ns;
	struct event_sink to;
	char *bytes;
	size_t used, room;
	struct waiting *waiting;
	size_t count, waiting_room;
	uint64_t number;
	struct hashmap starts; /* pid -> start_ns */
	struct busy *busy;
	size_t busy_count, busy_room;
	struct hashmap busy_of; /* tid -> index + 1 of its newest */
};

int merge_new(struct merge **ret, bool kernel, int64_t boot_offset_ns, const struct event_sink *to)
{
	struct merge *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	m->kernel = kernel;
	m->boot_offset_ns = boot_offset_ns;
	m->to = *to;
	*ret = m;
	return 0;
}

void merge_free(struct merge *m)
{
	if (!m)
		return;
	free(m->bytes);
	free(m->waiting);
	hashmap_free(&m->starts);
	hashmap_free(&m->busy_of);
	free(m->busy);
	free(m);
}

/* What the shim did itself, in this thread: kept by thread, newest first. */
static int add_busy(struct merge *m, const struct fs_ev_shim_busy *e)
{
	uint64_t before = 0;

	if (grow(&m->busy, &m->busy_room, m->busy_count, 1, sizeof(*m->busy)) < 0)
		return -ENOMEM;
	(void)hashmap_get(&m->busy_of, e->h.tid, 0, &before);
	m->busy[m->busy_count] = (struct busy){ e->from_ns, e->h.ts_ns, before };
	if (hashmap_put(&m->busy_of, e->h.tid, 0, m->busy_count + 1) < 0)
		return -ENOMEM;
	m->busy_count++;
	return 0;
}

/* Fds that the shim opened and closed on its way are none of the program's. */
static bool is_own_doing(const struct merge *m, const struct fs_event *e)
{
	uint64_t at;

	if (e->source != FS_SOURCE_BPF || e->type < FS_EV_FILE || e->type >= FS_EV_FUTEX_STUCK ||
	    !hashmap_get(&m->busy_of, e->tid, 0, &at))
		return false;
	for (; at; at = m->busy[at - 1].before)
		if (e->ts_ns >= m->busy[at - 1].from_ns && e->ts_ns <= m->busy[at - 1].to_ns)
			return true;
	return false;
}

static void forget_busy(struct merge *m, uint64_t before_ns)
{
	/* All of them at once, when the newest is past: a program that only starts others never gets far. */
	for (size_t i = 0; i < m->busy_count; i++)
		if (m->busy[i].to_ns >= before_ns)
			return;
	m->busy_count = 0;
	hashmap_free(&m->busy_of);
}

int merge_event(struct merge *m, const struct fs_event *e)
{
	if (e->type == FS_EV_SHIM_BUSY)
		return add_busy(m, (const struct fs_ev_shim_busy *)e);
	if (grow(&m->bytes, &m->room, m->used, e->size, 1) < 0 ||
	    grow(&m->waiting, &m->waiting_room, m->count, 1, sizeof(*m->waiting)) < 0)
		return -ENOMEM;
	m->waiting[m->count++] = (struct waiting){ e->ts_ns, m->number++, m->used };
	memcpy(m->bytes + m->used, e, e->size);
	m->used += e->size;
	return 0;
}

static int by_time(const void *a, const void *b)
{
	const struct waiting *x = a, *y = b;

	if (x->ts_ns != y->ts_ns)
		return x->ts_ns < y->ts_ns ? -1 : 1;
	return x->number < y->number ? -1 : 1;
}

/* --- who is meant -------------------------------------------------------------------------- */

static void learn(struct merge *m, uint32_t pid, uint64_t start_ns)
{
	/* Without memory the next event of that pid has no start time: the model then takes the newest. */
	if (pid && start_ns)
		(void)hashmap_put(&m->starts, pid, 0, start_ns);
}

static uint64_t start_of(struct merge *m, uint32_t pid, uint64_t ts_ns)
{
	uint64_t start;

	if (hashmap_get(&m->starts, pid, 0, &start))
		return start;
	if (m->kernel || !pid)
		return 0;
	start = ts_ns + (uint64_t)m->boot_offset_ns;
	learn(m, pid, start);
	return start;
}

static void forget(struct merge *m, uint32_t pid)
{
	hashmap_remove(&m->starts, pid, 0);
}

/* Births, deaths and reapings that the shim tells: after them a pid may mean another process. */
static void follow_call(struct merge *m, struct fs_ev_call *e)
{
	if (!e->child_pid)
		return;
	e->child_start_ns = start_of(m, e->child_pid, e->enter_ns);
	if (e->call == FS_LIBC_WAIT && !m->kernel)
		forget(m, e->child_pid);
}

static void identify(struct merge *m, struct fs_event *e)
{
	const struct fs_ev_fork *fork = (const struct fs_ev_fork *)e;

	if (e->source == FS_SOURCE_SHIM) {
		e->start_ns = start_of(m, e->pid, e->ts_ns);
		if (e->type == FS_EV_CALL)
			follow_call(m, (struct fs_ev_call *)e);
		return;
	}
	if (e->source != FS_SOURCE_BPF)
		return;
	learn(m, e->pid, e->start_ns);
	if (e->type == FS_EV_FORK && e->size >= sizeof(*fork))
		learn(m, fork->child_pid, fork->child_start_ns);
}

/* --- passing on ---------------------------------------------------------------------------- */

static int keep_rest(struct merge *m, size_t passed)
{
	size_t left = m->count - passed, size = 0;
	char *bytes;

	if (!left) {
		m->count = m->used = 0;
		return 0;
	}
	/* The rest is moved only when most of the buffer is dead. */
	memmove(m->waiting, m->waiting + passed, left * sizeof(*m->waiting));
	m->count = left;
	for (size_t i = 0; i < left; i++)
		size += ((struct fs_event *)(void *)(m->bytes + m->waiting[i].offset))->size;
	if (size > m->used / 2)
		return 0;
	bytes = malloc(size);
	if (!bytes)
		return 0; /* it only takes more room for now */
	size = 0;
	for (size_t i = 0; i < left; i++) {
		struct fs_event *e = (void *)(m->bytes + m->waiting[i].offset);

		memcpy(bytes + size, e, e->size);
		m->waiting[i].offset = size;
		size += e->size;
	}
	free(m->bytes);
	m->bytes = bytes;
	m->used = m->room = size;
	return 0;
}

int merge_flush(struct merge *m, uint64_t before_ns)
{
	size_t i;
	int err = 0;

	if (m->count > 1)
		qsort(m->waiting, m->count, sizeof(*m->waiting), by_time);
	for (i = 0; i < m->count && m->waiting[i].ts_ns < before_ns; i++) {
		struct fs_event *e = (void *)(m->bytes + m->waiting[i].offset);
		int n;

		if (is_own_doing(m, e))
			continue;
		identify(m, e);
		n = m->to.event(m->to.context, e);
		if (n < 0 && !err)
			err = n;
	}
	forget_busy(m, before_ns);
	return keep_rest(m, i) < 0 && !err ? -ENOMEM : err;
}
