/* SPDX-License-Identifier: MIT */
/* The event's layout is public: numbers and offsets that readers of old traces rely on. */
#include "harness.h"

#include "forkscope/event.h"
#include "forkscope/trace_file.h"

static void test_numbers_are_for_ever(void **state)
{
	(void)state;
	assert_int_equal(FS_EV_FORK, 1);
	assert_int_equal(FS_EV_EXIT, 8);
	assert_int_equal(FS_EV_FIRST_WRITE, 18);
	assert_int_equal(FS_EV_FILE, 32);
	assert_int_equal(FS_EV_BLIND_SPOT, 45);
	assert_int_equal(FS_EV_SHIM_HELLO, 96);
	assert_int_equal(FS_EV_DLOPEN, 103);
	assert_int_equal(FS_EV_TASK_DONE, 138);
	assert_int_equal(FS_EV_NAME, 139);
	assert_int_equal(FS_EV_LOST, 192);
}

static void test_header_layout(void **state)
{
	(void)state;
	assert_int_equal(offsetof(struct fs_event, ts_ns), 8);
	assert_int_equal(offsetof(struct fs_event, pid), 24);
	assert_int_equal(offsetof(struct fs_ev_fork, child_pid), 88);
	assert_int_equal(offsetof(struct fs_trace_header, crc), 60);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers_are_for_ever),
		cmocka_unit_test(test_header_layout),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
