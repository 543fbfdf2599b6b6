/* SPDX-License-Identifier: MIT */
/*
 * A tree in which nothing happens, though nothing is proven: see stuck.h. A server that nobody talks to looks just like
 * a program that hangs for a reason of its own; who waits for its end wants to be told, once.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "capture/proc_text.h"
#include "capture/stuck_impl.h"

#define MEASURE_NS 1000000000ull
#define TICKS_MAX \
	3 /* of the CPU between two measurements: what polls ten times a second needs less */
#define NAMED_MAX 4

void stuck_measure(struct stuck_watch *w, uint64_t now)
{
	uint64_t cpu = 0;

	if (now < w->next_measure_ns)
		return;
	w->next_measure_ns = now + MEASURE_NS;
	for (size_t i = 0; i < w->count; i++)
		cpu += proc_cpu((pid_t)w->list[i].pid);
	if (w->happened || !w->quiet_since_ns || cpu > w->cpu + TICKS_MAX)
		w->quiet_since_ns = now;
	w->happened = false;
	w->cpu = cpu;
}

bool stuck_watch_is_quiet(const struct stuck_watch *w, uint64_t for_ns)
{
	return w->count && w->quiet_since_ns && stuck_now() - w->quiet_since_ns >= for_ns;
}

static size_t name_one(const struct watched *p, char *to, size_t size)
{
	char path[32], comm[32] = "?";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%u/comm", p->pid);
	file = fopen(path, "re");
	if (file) {
		if (fgets(comm, sizeof(comm), file))
			comm[strcspn(comm, "\n")] = 0;
		fclose(file);
	}
	return (size_t)snprintf(to, size, "%s (pid %u)", comm, p->pid);
}

void stuck_watch_names(const struct stuck_watch *w, char *to, size_t size)
{
	size_t used = 0, i;

	to[0] = 0;
	for (i = 0; i < w->count && i < NAMED_MAX && used < size; i++) {
		used += (size_t)snprintf(to + used, size - used, "%s", i ? ", " : "");
		if (used < size)
			used += name_one(&w->list[i], to + used, size - used);
	}
	if (i < w->count && used < size)
		snprintf(to + used, size - used, " and %zu more", w->count - i);
}

void stuck_watch_end_all(const struct stuck_watch *w)
{
	for (size_t i = 0; i < w->count; i++)
		kill((pid_t)w->list[i].pid, SIGKILL);
}
