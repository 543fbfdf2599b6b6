/* SPDX-License-Identifier: MIT */
/* Judging snapshots made by hand: what is at the bottom of a chain, and what is nobody's fault. */
#include "harness.h"

#include <stdio.h>
#include <string.h>

#include "base/grow.h"
#include "model/why.h"

static struct seen_process *add_process(struct snapshot *s, uint32_t pid, uint32_t parent)
{
	struct seen_process *p;
	struct seen_thread *t;

	assert_int_equal(grow(&s->processes, &s->room, s->count, 1, sizeof(*p)), 0);
	p = &s->processes[s->count++];
	*p = (struct seen_process){ .pid = pid,
				    .parent = parent,
				    .state = 'S',
				    .comm = "x",
				    .asked_for = true,
				    .wanted = true };
	assert_int_equal(grow(&p->threads, &p->thread_room, 0, 1, sizeof(*t)), 0);
	t = &p->threads[p->thread_count++];
	*t = (struct seen_thread){ .tid = pid, .state = 'S', .call_seen = true, .nr = 0 };
	return p;
}

static struct seen_wait *add_wait(struct snapshot *s, uint32_t pid, enum wait_kind kind,
				  uint32_t other, int fd)
{
	struct seen_wait *w = snapshot_add_wait(&snapshot_find(s, pid)->threads[0], kind);

	assert_non_null(w);
	snprintf(w->what, sizeof(w->what), "pipe:[7]");
	if (other)
		assert_true(snapshot_add_other(w, &(struct seen_other){ .pid = other, .fd = fd }));
	return w;
}

static void expect(struct snapshot *s, enum why_cause cause, uint32_t culprit, bool stuck)
{
	struct why w;

	assert_int_equal(why_judge(&w, s), 0);
	assert_string_equal(why_cause_name(w.root.cause), why_cause_name(cause));
	assert_int_equal(w.culprit, culprit);
	assert_int_equal(w.stuck, stuck);
	assert_null(strchr(buffer_text(&w.text), '\n'));
	why_free(&w);
	snapshot_free(s);
}

/* 1 waits for its child 2, which reads a pipe that 3 has open. */
static struct snapshot a_chain(void)
{
	struct snapshot s = { .root = 1 };

	add_process(&s, 1, 0);
	add_process(&s, 2, 1);
	add_process(&s, 3, 1);
	add_wait(&s, 1, WAIT_CHILD, 2, -1);
	add_wait(&s, 2, WAIT_READ, 3, 4);
	return s;
}

static void test_a_sleeper_keeps_an_end(void **state)
{
	struct snapshot s = a_chain();

	(void)state;
	add_wait(&s, 3, WAIT_SIGNAL, 0, -1);
	expect(&s, WHY_END_KEPT, 3, true);
}

static void test_who_computes_may_still_write(void **state)
{
	struct snapshot s = a_chain();

	(void)state;
	snapshot_find(&s, 3)->threads[0].runs = true;
	expect(&s, WHY_BUSY, 3, false);
}

static void test_a_leak_in_a_cycle_is_the_root(void **state)
{
	struct snapshot s = a_chain();

	(void)state;
	/* 3 reads from its parent, as it should; 2 reads what 3 should not have open. */
	add_wait(&s, 3, WAIT_READ, 1, 5);
	expect(&s, WHY_END_KEPT, 3, true);
}

static void test_a_frozen_lock_outweighs_the_chain(void **state)
{
	struct snapshot s = a_chain();
	struct seen_wait *w = add_wait(&s, 3, WAIT_LOCK, 0, -1);

	(void)state;
	w->lock = LOCK_MUTEX;
	w->owner = OWNER_ELSEWHERE;
	w->owner_tid = 77;
	w->owner_pid = 1;
	snapshot_find(&s, 3)->forked = true;
	expect(&s, WHY_FROZEN, 0, true);
}

static void test_an_idle_program_is_not_stuck(void **state)
{
	struct snapshot s = { .root = 1 };

	(void)state;
	add_process(&s, 1, 0);
	add_process(&s, 2, 1);
	add_wait(&s, 1, WAIT_SLEEP, 0, -1)->timed = true;
	add_wait(&s, 2, WAIT_READ, 1, 4);
	expect(&s, WHY_IDLE, 0, false);
}

static void test_a_cycle_ends_and_is_told(void **state)
{
	struct snapshot s = { .root = 1 };

	(void)state;
	add_process(&s, 1, 0);
	add_process(&s, 2, 1);
	add_wait(&s, 1, WAIT_FILE_LOCK, 2, 3);
	add_wait(&s, 2, WAIT_FILE_LOCK, 1, 3);
	expect(&s, WHY_CYCLE, 2, true);
}

static void test_names_are_made_harmless(void **state)
{
	struct snapshot s = { .root = 1 };
	struct seen_process *p = add_process(&s, 1, 0);
	struct why w;

	(void)state;
	snprintf(p->comm, sizeof(p->comm), "%s", "\033[2J\n\xff");
	snprintf(add_wait(&s, 1, WAIT_READ, 1, 4)->what, 32, "/tmp/\033]0;x\a");
	assert_int_equal(why_judge(&w, &s), 0);
	assert_string_equal(why_cause_name(w.root.cause), "end-kept-by-itself");
	assert_null(strpbrk(buffer_text(&w.text), "\033\a\n\xff"));
	why_free(&w);
	snapshot_free(&s);
}

ISOLATE(test_a_sleeper_keeps_an_end)
ISOLATE(test_who_computes_may_still_write)
ISOLATE(test_a_leak_in_a_cycle_is_the_root)
ISOLATE(test_a_frozen_lock_outweighs_the_chain)
ISOLATE(test_an_idle_program_is_not_stuck)
ISOLATE(test_a_cycle_ends_and_is_told)
ISOLATE(test_names_are_made_harmless)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ISOLATED(test_a_sleeper_keeps_an_end),
		ISOLATED(test_who_computes_may_still_write),
		ISOLATED(test_a_leak_in_a_cycle_is_the_root),
		ISOLATED(test_a_frozen_lock_outweighs_the_chain),
		ISOLATED(test_an_idle_program_is_not_stuck),
		ISOLATED(test_a_cycle_ends_and_is_told),
		ISOLATED(test_names_are_made_harmless),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
