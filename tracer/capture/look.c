/* SPDX-License-Identifier: MIT */
/*
 * See look.h. First /proc as a whole, cheaply: who is there, whose child, with which pipes and sockets. Then
 * the tree asked for, and from each wait on to whom it waits for, until nobody new comes. Then a pause, a
 * second look at the threads of these, their stacks, and the waits once more.
 */
#include "capture/look.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "capture/look_proc.h"
#include "capture/look_regs.h"
#include "capture/look_stack.h"
#include "capture/look_wait.h"

#define PAUSE_MS 120
#define STACKS_MS \
	450 /* no new process is unwound after this long: an answer is due within a second */

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void mark_tree(struct snapshot *s)
{
	bool more = true;

	snapshot_find(s, s->root)->asked_for = true;
	while (more) {
		more = false;
		for (size_t i = 0; i < s->count; i++) {
			struct seen_process *p = &s->processes[i];
			const struct seen_process *parent = snapshot_find(s, p->parent);

			if (p->asked_for || !parent || !parent->asked_for)
				continue;
			p->asked_for = more = true;
		}
	}
}

/* A lock on a file is found among all files; these are read only when somebody waits for one. */
static void read_files(struct snapshot *s, bool *done)
{
	for (size_t i = 0; i < s->count && !*done; i++)
		look_fds(&s->processes[i], true);
	*done = true;
}

static void find_waits(struct snapshot *s, struct seen_process *p, bool *files_read)
{
	for (size_t i = 0; i < p->thread_count; i++) {
		struct seen_thread *t = &p->threads[i];

		look_waits(s, p, t);
		for (size_t k = 0; k < t->wait_count; k++) {
			struct seen_wait *w = &t->waits[k];

			if (w->kind == WAIT_FILE_LOCK)
				read_files(s, files_read);
			if (w->kind == WAIT_LOCK)
				look_lock(s, p, t, w);
			look_others(s, p, t, w);
		}
	}
}

static bool want_others(struct snapshot *s, const struct seen_process *p)
{
	bool more = false;

	for (size_t i = 0; i < p->thread_count; i++)
		for (size_t k = 0; k < p->threads[i].wait_count; k++) {
			const struct seen_wait *w = &p->threads[i].waits[k];

			for (size_t n = 0; n < w->count; n++) {
				struct seen_process *q = snapshot_find(s, w->others[n].pid);

				if (!q || q->wanted)
					continue;
				q->wanted = more = true;
			}
		}
	return more;
}

/* From the tree along the waits, reading threads on the way. */
static void follow_waits(struct snapshot *s, bool *files_read)
{
	bool more = true, *done = calloc(s->count + 1, sizeof(*done));

	for (size_t i = 0; i < s->count; i++)
		s->processes[i].wanted |= s->processes[i].asked_for;
	while (more && done) {
		more = false;
		for (size_t i = 0; i < s->count; i++) {
			struct seen_process *p = &s->processes[i];

			if (!p->wanted || done[i])
				continue;
			done[i] = true;
			look_threads(p);
			find_waits(s, p, files_read);
			more |= want_others(s, p);
		}
	}
	free(done);
}

static void forget_waits(struct snapshot *s)
{
	for (size_t i = 0; i < s->count; i++)
		for (size_t k = 0; k < s->processes[i].thread_count; k++) {
			struct seen_thread *t = &s->processes[i].threads[k];

			while (t->wait_count)
				free(t->waits[--t->wait_count].others);
		}
}

static void read_stacks(struct snapshot *s)
{
	struct fs_registers *registers = NULL;
	uint64_t end = now_ms() + STACKS_MS;
	struct frames_cache cache = { 0 };
	size_t count = 0;

	s->privileged = look_registers(&registers, &count) == 0;
	/* First who waits for a lock: its kind is told by the names on the stack. */
	for (int round = 0; round < 2; round++)
		for (size_t i = 0; i < s->count && now_ms() < end; i++) {
			struct seen_process *p = &s->processes[i];
			bool locks = false;

			for (size_t k = 0; k < p->thread_count; k++)
				locks |= p->threads[k].wait_count &&
					 p->threads[k].waits[0].kind == WAIT_LOCK;
			if (p->wanted && (round == 1 || locks))
				look_stacks(p, registers, count, &cache);
		}
	frames_cache_free(&cache);
	free(registers);
}

int look_at_tree(struct snapshot *ret, pid_t pid, struct failure *why)
{
	struct timespec pause = { .tv_nsec = PAUSE_MS * 1000000L };
	struct snapshot s = { .root = (uint32_t)pid };
	bool files_read = false;
	size_t i;
	int err = look_processes(&s);

	if (err)
		snapshot_free(&s);
	if (err)
		return fail_errno(why, err, "cannot read /proc");
	if (!snapshot_find(&s, s.root)) {
		snapshot_free(&s);
		return fail(why, -ESRCH,
			    "there is no process %d (or it is a thread of the kernel's)", (int)pid);
	}
	for (i = 0; i < s.count; i++)
		look_fds(&s.processes[i], false);
	mark_tree(&s);
	follow_waits(&s, &files_read);
	nanosleep(&pause, NULL);
	for (i = 0; i < s.count; i++)
		look_again(&s.processes[i]);
	read_stacks(&s);
	forget_waits(&s);
	follow_waits(&s, &files_read);
	*ret = s;
	return 0;
}
