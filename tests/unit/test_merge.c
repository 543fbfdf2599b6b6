/* SPDX-License-Identifier: MIT */
/* Events of several witnesses come out in the order of time, with their process's start time. */
#include "harness.h"

#include <errno.h>
#include <string.h>

#include "capture/merge.h"

struct taken {
	struct {
		uint64_t ts;
		uint64_t start;
		unsigned type;
		unsigned source;
	} list[64];
	size_t count;
	int fails_with;
};

static int take(void *context, const struct fs_event *e)
{
	struct taken *t = context;

	assert_true(t->count < 64);
	t->list[t->count].ts = e->ts_ns;
	t->list[t->count].start = e->start_ns;
	t->list[t->count].source = e->source;
	t->list[t->count++].type = e->type;
	return t->fails_with;
}

static struct merge *new_merge(struct taken *t, bool kernel)
{
	const struct event_sink sink = { .event = take, .context = t };
	struct merge *m;

	*t = (struct taken){ 0 };
	assert_int_equal(merge_new(&m, kernel, 1000000, &sink), 0);
	return m;
}

static void add_call(struct merge *m, uint64_t ts, uint32_t pid, uint32_t call, uint32_t phase,
		     uint32_t child)
{
	const struct fs_ev_call e = {
		.h = { .size = sizeof(e),
		       .type = FS_EV_CALL,
		       .source = FS_SOURCE_SHIM,
		       .ts_ns = ts,
		       .pid = pid,
		       .tid = pid },
		.enter_ns = ts,
		.call = call,
		.phase = phase,
		.child_pid = child,
	};

	assert_int_equal(merge_event(m, &e.h), 0);
}

static void add_fd(struct merge *m, uint64_t ts, uint32_t pid, uint32_t tid, unsigned type)
{
	const struct fs_ev_fd e = {
		.h = { .size = sizeof(e),
		       .type = (uint16_t)type,
		       .source = FS_SOURCE_BPF,
		       .ts_ns = ts,
		       .pid = pid,
		       .tid = tid,
		       .start_ns = 5000 + pid },
	};

	assert_int_equal(merge_event(m, &e.h), 0);
}

static void add_busy(struct merge *m, uint64_t from, uint64_t to, uint32_t tid)
{
	const struct fs_ev_shim_busy e = {
		.h = { .size = sizeof(e),
		       .type = FS_EV_SHIM_BUSY,
		       .source = FS_SOURCE_SHIM,
		       .ts_ns = to,
		       .pid = tid,
		       .tid = tid },
		.from_ns = from,
	};

	assert_int_equal(merge_event(m, &e.h), 0);
}

static void test_order(void **state)
{
	struct taken t;
	struct merge *m = new_merge(&t, true);
	uint64_t last = 0;

	(void)state;
	for (unsigned i = 0; i < 40; i++)
		add_fd(m, 100 + (i * 37) % 40, 7, 7, FS_EV_FD_OPEN);
	assert_int_equal(merge_flush(m, 120), 0);
	assert_int_equal(t.count, 20);
	add_fd(m, 121, 7, 7, FS_EV_FD_CLOSE); /* late, still within the window */
	assert_int_equal(merge_flush(m, UINT64_MAX), 0);
	assert_int_equal(t.count, 41);
	for (size_t i = 0; i < t.count; i++) {
		assert_true(t.list[i].ts >= last);
		last = t.list[i].ts;
	}
	assert_int_equal(t.list[21].type, FS_EV_FD_OPEN); /* of equal times, the first come */
	assert_int_equal(t.list[22].type, FS_EV_FD_CLOSE);
	merge_free(m);
}

static void test_start_by_the_kernel(void **state)
{
	struct taken t;
	struct merge *m = new_merge(&t, true);

	(void)state;
	add_call(m, 20, 7, FS_LIBC_FORK, FS_PHASE_BEFORE, 0);
	add_fd(m, 10, 7, 7, FS_EV_FD_OPEN);
	add_call(m, 30, 8, FS_LIBC_FORK, FS_PHASE_BEFORE, 0);
	assert_int_equal(merge_flush(m, UINT64_MAX), 0);
	assert_int_equal(t.list[1].start, 5007);
	assert_int_equal(t.list[2].start, 0); /* never heard of by the kernel witness */
	merge_free(m);
}

static void test_start_without_the_kernel(void **state)
{
	struct taken t;
	struct merge *m = new_merge(&t, false);

	(void)state;
	add_call(m, 100, 7, FS_LIBC_FORK, FS_PHASE_DONE, 8);
	add_call(m, 110, 8, FS_LIBC_EXIT, FS_PHASE_BEFORE, 0);
	add_call(m, 120, 7, FS_LIBC_WAIT, FS_PHASE_DONE, 8);
	add_call(m, 130, 8, FS_LIBC_EXIT, FS_PHASE_BEFORE, 0); /* the number is another's now */
	assert_int_equal(merge_flush(m, UINT64_MAX), 0);
	assert_int_equal(t.list[0].start, 1000100);
	assert_int_equal(t.list[1].start, 1000100); /* born in that call */
	assert_int_equal(t.list[2].start, 1000100);
	assert_int_equal(t.list[3].start, 1000130);
	merge_free(m);
}

static void test_own_doings_are_left_out(void **state)
{
	struct taken t;
	struct merge *m = new_merge(&t, true);

	(void)state;
	add_fd(m, 99, 7, 7, FS_EV_FD_OPEN);
	add_fd(m, 150, 7, 7, FS_EV_FD_OPEN); /* the shim's */
	add_fd(m, 150, 7, 8, FS_EV_FD_OPEN); /* another thread's */
	add_fd(m, 160, 7, 7, FS_EV_EXIT); /* no matter of fds */
	add_busy(m, 100, 200, 7);
	add_fd(m, 201, 7, 7, FS_EV_FD_CLOSE);
	add_busy(m, 300, 400, 7);
	add_fd(m, 399, 7, 7, FS_EV_FD_RECV);
	add_fd(m, 198, 7, 7, FS_EV_FD_CLOSE); /* the shim's */
	assert_int_equal(merge_flush(m, UINT64_MAX), 0);
	assert_int_equal(t.count, 4);
	assert_int_equal(t.list[0].ts, 99);
	assert_int_equal(t.list[1].ts, 150);
	assert_int_equal(t.list[2].type, FS_EV_EXIT);
	assert_int_equal(t.list[3].ts, 201);
	merge_free(m);
}

static void test_errors_of_the_sink(void **state)
{
	struct taken t;
	struct merge *m = new_merge(&t, true);

	(void)state;
	t.fails_with = -ENOSPC;
	add_fd(m, 1, 7, 7, FS_EV_FD_OPEN);
	add_fd(m, 2, 7, 7, FS_EV_FD_OPEN);
	assert_int_equal(merge_flush(m, UINT64_MAX), -ENOSPC);
	assert_int_equal(t.count, 2); /* all the same, all were offered */
	t.fails_with = 0;
	assert_int_equal(merge_flush(m, UINT64_MAX), 0);
	assert_int_equal(t.count, 2);
	merge_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_start_by_the_kernel),
		cmocka_unit_test(test_start_without_the_kernel),
		cmocka_unit_test(test_own_doings_are_left_out),
		cmocka_unit_test(test_errors_of_the_sink),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
