/* SPDX-License-Identifier: MIT */
/* See snapshot.h. */
#include "trace/snapshot.h"

#include <stdlib.h>
#include <string.h>

#include "base/grow.h"

struct seen_process *snapshot_find(const struct snapshot *s, uint32_t pid)
{
	size_t low = 0, high = s->count;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (s->processes[mid].pid == pid)
			return &s->processes[mid];
		if (s->processes[mid].pid < pid)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

struct seen_thread *snapshot_thread(const struct seen_process *p, uint32_t tid)
{
	for (size_t i = 0; i < p->thread_count; i++)
		if (p->threads[i].tid == tid)
			return &p->threads[i];
	return NULL;
}

struct seen_wait *snapshot_add_wait(struct seen_thread *t, enum wait_kind kind)
{
	struct seen_wait *w;

	if (grow(&t->waits, &t->wait_room, t->wait_count, 1, sizeof(*t->waits)) < 0)
		return NULL;
	w = &t->waits[t->wait_count++];
	*w = (struct seen_wait){ .kind = kind, .fd = -1 };
	return w;
}

bool snapshot_add_other(struct seen_wait *w, const struct seen_other *other)
{
	if (grow(&w->others, &w->room, w->count, 1, sizeof(*w->others)) < 0)
		return false;
	w->others[w->count++] = *other;
	return true;
}

static void free_thread(struct seen_thread *t)
{
	for (size_t i = 0; i < t->wait_count; i++)
		free(t->waits[i].others);
	free(t->waits);
	buffer_free(&t->frames);
}

void snapshot_free(struct snapshot *s)
{
	for (size_t i = 0; i < s->count; i++) {
		for (size_t k = 0; k < s->processes[i].thread_count; k++)
			free_thread(&s->processes[i].threads[k]);
		free(s->processes[i].threads);
		free(s->processes[i].fds);
	}
	free(s->processes);
	*s = (struct snapshot){ 0 };
}
