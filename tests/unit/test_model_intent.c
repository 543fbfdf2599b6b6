/* SPDX-License-Identifier: MIT */
/* Calls that the shim tells: whose doing a birth was; and life told by the shim alone. */
#include "harness.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "events.h"

static void begin(struct story *s, bool bpf)
{
	struct model_options o = { .start_ns = 1000000,
				   .bpf = bpf,
				   .shim = true,
				   .target_pid = 10,
				   .target_start_ns = 10000 };

	*s = (struct story){ .ts = 1000000 };
	s->err = model_new(&s->m, &o);
}

static struct fs_ev_call call_of(struct story *s, uint32_t pid, uint32_t call, uint32_t phase,
				 uint64_t id)
{
	struct fs_ev_call e = {
		.h = ev_head(s, FS_EV_CALL, sizeof(e), pid),
		.call_id = id,
		.call = call,
		.phase = phase,
		.threads = 3,
	};

	e.h.source = FS_SOURCE_SHIM;
	e.enter_ns = e.h.ts_ns;
	return e;
}

static void say_call(struct story *s, struct fs_ev_call *e, const char *name)
{
	e->name_len = (uint32_t)strlen(name);
	ev_feed_tail(s, e, sizeof(*e), name, strlen(name) + 1);
}

/* A fork in three words: its beginning, the child's first one, and its end in the parent. */
static void say_fork(struct story *s, uint32_t pid, uint32_t tid, uint64_t id)
{
	struct fs_ev_call e = call_of(s, pid, FS_LIBC_FORK, FS_PHASE_BEFORE, id);

	e.h.tid = tid;
	say_call(s, &e, "");
}

static void say_in_child(struct story *s, uint32_t child, uint32_t parent, uint64_t id)
{
	struct fs_ev_call e = call_of(s, child, FS_LIBC_FORK, FS_PHASE_IN_CHILD, id);

	e.parent_pid = parent;
	say_call(s, &e, "");
}

static void say_fork_done(struct story *s, uint32_t pid, uint32_t child, uint64_t id)
{
	struct fs_ev_call e = call_of(s, pid, FS_LIBC_FORK, FS_PHASE_DONE, id);

	e.enter_ns -= 1500;
	e.child_pid = child;
	e.child_start_ns = child * 1000ull;
	say_call(s, &e, "");
}

static void say_hello(struct story *s, uint32_t pid, uint32_t parent, const char *exe)
{
	struct fs_ev_shim_hello e = { .h = ev_head(s, FS_EV_SHIM_HELLO, sizeof(e), pid),
				      .parent_pid = parent,
				      .argc = 1,
				      .comm = "prog" };
	char tail[256];

	e.exe_len = (uint32_t)strlen(exe);
	e.argv_len = e.argv_total = 5;
	memcpy(tail, exe, e.exe_len + 1);
	memcpy(tail + e.exe_len + 1, "prog", 5);
	ev_feed_tail(s, &e, sizeof(e), tail, e.exe_len + 6);
}

static void say_stack(struct story *s, uint32_t pid, uint64_t id)
{
	const uint64_t addresses[] = { 0x401234, 0x405678 };
	struct fs_ev_stack e = { .h = ev_head(s, FS_EV_STACK, sizeof(e), pid),
				 .call_id = id,
				 .kind = FS_STACK_NATIVE,
				 .count = 2 };

	ev_feed_tail(s, &e, sizeof(e), addresses, sizeof(addresses));
}

static void say_module(struct story *s, uint32_t pid, uint64_t start, const char *path)
{
	struct fs_ev_dlopen e = { .h = ev_head(s, FS_EV_DLOPEN, sizeof(e), pid),
				  .base = start,
				  .start = start,
				  .end = start + 0x10000 };

	e.path_len = (uint32_t)strlen(path);
	ev_feed_tail(s, &e, sizeof(e), path, e.path_len);
}

static const struct process *process_of(struct story *s, uint32_t pid)
{
	return model_process(s->m, model_find_process(s->m, pid, 0));
}

static void test_where_beside_the_kernel(void **state)
{
	const struct start_call *c;
	struct fs_ev_call e;
	struct story s;

	(void)state;
	begin(&s, true);
	ev_exec_args(&s, 10, "/bin/prog", "prog", 5, 5);
	say_module(&s, 10, 0x400000, "/bin/prog");
	e = call_of(&s, 10, FS_LIBC_SYSTEM, FS_PHASE_BEFORE, 1);
	say_call(&s, &e, "true");
	say_stack(&s, 10, 1);
	say_stack(&s, 10, 99); /* of a call that nobody began */
	ev_fork(&s, 10, 11);
	e = call_of(&s, 10, FS_LIBC_SYSTEM, FS_PHASE_DONE, 1);
	say_call(&s, &e, "");
	ev_fork(&s, 10, 12); /* by no call the shim saw */
	story_end(&s);
	assert_int_equal(s.err, 0);
	c = model_call(s.m, process_of(&s, 11)->where);
	assert_non_null(c);
	assert_string_equal(model_call_name(c), "system");
	assert_int_equal(c->native->len, 16);
	assert_non_null(model_module_at(s.m, c, 0x401234));
	assert_null(model_module_at(s.m, c, 0x500000));
	assert_int_equal(process_of(&s, 11)->mechanism, MECHANISM_POSIX_SPAWN);
	assert_int_equal(process_of(&s, 12)->where, MODEL_NONE);
	assert_int_equal(model_born_count(s.m), 3);
	model_free(s.m);
}

/* vfork has no end that the shim sees: what comes after the child is not its doing. */
static void test_one_child_a_vfork(void **state)
{
	struct fs_ev_call e;
	struct story s;

	(void)state;
	begin(&s, true);
	e = call_of(&s, 10, FS_LIBC_VFORK, FS_PHASE_BEFORE, 1);
	say_call(&s, &e, "");
	ev_fork(&s, 10, 11);
	ev_fork(&s, 10, 12);
	story_end(&s);
	assert_int_equal(process_of(&s, 11)->mechanism, MECHANISM_VFORK);
	assert_int_not_equal(process_of(&s, 11)->where, MODEL_NONE);
	assert_int_equal(process_of(&s, 12)->where, MODEL_NONE);
	model_free(s.m);
}

static void test_life_by_the_shim(void **state)
{
	const struct process *p;
	struct fs_ev_call e;
	struct story s;

	(void)state;
	begin(&s, false);
	say_hello(&s, 10, 1, "/bin/prog");
	say_fork(&s, 10, 10, 1);
	say_in_child(&s, 11, 10, 1);
	say_fork_done(&s, 10, 11, 1);
	e = call_of(&s, 11, FS_LIBC_EXECVE, FS_PHASE_BEFORE, 2);
	say_call(&s, &e, "/bin/other");
	say_hello(&s, 11, 10, "/usr/bin/other");
	e = call_of(&s, 11, FS_LIBC_EXIT, FS_PHASE_BEFORE, 3);
	e.status = 5;
	say_call(&s, &e, "");
	e = call_of(&s, 10, FS_LIBC_WAIT, FS_PHASE_DONE, 0);
	e.child_pid = 11;
	e.child_start_ns = 11000;
	e.status = 5 << 8;
	say_call(&s, &e, "");
	story_end(&s);
	assert_int_equal(s.err, 0);
	assert_int_equal(model_born_count(s.m), 2);
	p = process_of(&s, 11);
	assert_int_equal(p->parent, model_find_process(s.m, 10, 0));
	assert_int_equal(p->start_method, START_SPAWN);
	assert_int_equal(p->threads_at_fork, 3);
	assert_true(p->ended && p->reaped && p->knows_status);
	assert_int_equal(p->status, 5 << 8);
	assert_int_equal(p->images, 1);
	assert_string_equal(model_image_of(s.m, model_find_process(s.m, 11, 0))->filename->data,
			    "/bin/other");
	assert_true(p->call_done_ts > p->call_enter_ts);
	model_free(s.m);
}

/* The parent's word may come before the child's: still one child. And a vfork child is met at its exec. */
static void test_any_order(void **state)
{
	struct fs_ev_call e;
	struct story s;

	(void)state;
	begin(&s, false);
	say_hello(&s, 10, 1, "/bin/prog");
	say_fork(&s, 10, 10, 1);
	say_fork_done(&s, 10, 11, 1);
	say_in_child(&s, 11, 10, 1);
	e = call_of(&s, 10, FS_LIBC_VFORK, FS_PHASE_BEFORE, 2);
	say_call(&s, &e, "");
	e = call_of(&s, 12, FS_LIBC_EXECV, FS_PHASE_BEFORE, 3);
	e.parent_pid = 10;
	e.call_flags = FS_LIBC_FROM_VFORK;
	say_call(&s, &e, "/bin/true");
	story_end(&s);
	assert_int_equal(model_born_count(s.m), 3);
	assert_int_not_equal(process_of(&s, 11)->where, MODEL_NONE);
	assert_int_equal(process_of(&s, 12)->mechanism, MECHANISM_VFORK);
	model_free(s.m);
}

/* A child whose first word comes when its parent's threads have long begun a hundred other calls. */
static void test_late_child(void **state)
{
	struct story s;

	(void)state;
	begin(&s, false);
	say_hello(&s, 10, 1, "/bin/prog");
	say_fork(&s, 10, 10, 1);
	for (uint32_t i = 0; i < 100; i++)
		say_fork(&s, 10, 1000 + i, 2 + i);
	say_in_child(&s, 11, 10, 1);
	say_fork_done(&s, 10, 11, 1);
	story_end(&s);
	assert_int_equal(s.err, 0);
	assert_int_equal(process_of(&s, 11)->where, 0);
	assert_int_equal(process_of(&s, 11)->creator_tid, 10);
	assert_int_equal(process_of(&s, 11)->threads_at_fork, 3);
	model_free(s.m);
}

/* What the kernel witness lost is not made up of the shim's word: without a start time it is nobody's. */
static void test_unknown_to_the_kernel(void **state)
{
	struct fs_ev_call e;
	struct story s;

	(void)state;
	begin(&s, true);
	ev_exec_args(&s, 10, "/bin/prog", "prog", 5, 5);
	e = call_of(&s, 11, FS_LIBC_FORK, FS_PHASE_BEFORE, 1);
	e.h.start_ns = 0;
	say_call(&s, &e, "");
	e = call_of(&s, 12, FS_LIBC_FORK, FS_PHASE_IN_CHILD, 1);
	e.h.start_ns = 0;
	e.parent_pid = 10;
	say_call(&s, &e, "");
	story_end(&s);
	assert_int_equal(s.err, 0);
	assert_int_equal(model_born_count(s.m), 1);
	model_free(s.m);
}

/* Events that fit nothing: no crash, and nobody is born of them. */
static void test_nonsense(void **state)
{
	struct fs_ev_call e;
	struct story s;
	uint32_t call, phase;

	(void)state;
	begin(&s, false);
	for (call = 0; call < 70; call++) {
		for (phase = 0; phase < 5; phase++) {
			e = call_of(&s, 10 + call % 3, call, phase, call);
			e.child_pid = phase == 2 ? 10 + call % 3 : 0; /* its own child */
			e.parent_pid = 10 + call % 3; /* its own parent */
			e.call_flags = call % 2;
			e.status = UINT32_MAX;
			say_call(&s, &e, "x");
			say_stack(&s, 10 + phase, call);
		}
	}
	say_hello(&s, 77, 77, "/bin/self");
	story_end(&s);
	assert_int_equal(s.err, 0);
	assert_int_equal(process_of(&s, 77)->parent, MODEL_NONE);
	model_free(s.m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_where_beside_the_kernel),
		cmocka_unit_test(test_one_child_a_vfork),
		cmocka_unit_test(test_life_by_the_shim),
		cmocka_unit_test(test_any_order),
		cmocka_unit_test(test_late_child),
		cmocka_unit_test(test_unknown_to_the_kernel),
		cmocka_unit_test(test_nonsense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
