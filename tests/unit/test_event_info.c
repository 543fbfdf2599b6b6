/* SPDX-License-Identifier: MIT */
/* Names and tails of events, and what event_problem() says of right and wrong ones. */
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sample.h"
#include "trace/event_check.h"
#include "trace/event_info.h"

static void test_every_type_is_known(void **state)
{
	union sample s;
	size_t i;

	(void)state;
	for (i = 0; i < sample_types(); i++) {
		unsigned type = sample_type(i);

		assert_non_null(event_type_name(type));
		assert_int_equal(event_type_of(event_type_name(type)), type);
		sample_event(&s, type, 3);
		assert_true(event_fixed_size(type) >= sizeof(struct fs_event));
		assert_null(event_problem(&s.h));
	}
	assert_null(event_type_name(0));
	assert_null(event_type_name(FS_EV_MAX));
	assert_int_equal(event_type_of("nonsense"), 0);
	assert_string_equal(event_type_name(FS_EV_FD_CLOSE_RANGE), "fd_close_range");
	assert_int_equal(event_fixed_size(63), 0);
	assert_string_equal(event_source_name(FS_SOURCE_USDT), "usdt");
	assert_null(event_source_name(0));
	assert_null(event_source_name(99));
}

/* Each type cut by eight bytes at a time has a problem as soon as something is missing, and no reader overruns. */
static void test_cut_events_have_problems(void **state)
{
	size_t i, count;
	union sample s;

	(void)state;
	for (i = 0; i < sample_types(); i++) {
		uint32_t size;

		sample_event(&s, sample_type(i), 3);
		for (size = s.h.size - 8; size >= sizeof(s.h); size -= 8) {
			/* Exactly that much memory, so that a sanitizer sees each byte too many. */
			struct fs_event *e = malloc(size);

			assert_non_null(e);
			memcpy(e, &s, size);
			e->size = size;
			assert_non_null(event_problem(e));
			if (size >= event_fixed_size(e->type)) {
				e->flags = FS_EVENT_CUT;
				assert_null(event_problem(e));
			}
			event_comm(e);
			event_filename(e);
			event_interp(e);
			assert_true(event_argv(e).len <= size);
			assert_true(event_components(e).len <= size);
			event_fds(e, &count);
			assert_true(count * sizeof(struct fs_fd) <= size);
			event_stack(e, &count);
			assert_true(count * sizeof(uint64_t) <= size);
			assert_true(event_words(e).len <= size);
			free(e);
		}
	}
}

static void expect_text(struct event_text got, const char *want, size_t len)
{
	assert_int_equal(got.len, len);
	assert_memory_equal(got.text, want, len);
}

static void test_exec_pieces(void **state)
{
	union sample s;
	struct fs_ev_exec *e = (struct fs_ev_exec *)&s;

	(void)state;
	sample_event(&s, FS_EV_EXEC, 1);
	expect_text(event_filename(&s.h), "/bin/s\xffh", 8);
	expect_text(event_interp(&s.h), "/bin/dash", 9);
	expect_text(event_argv(&s.h), "/bin/s\xffh\0-c\0echo 'a \033[31mb'\n", 29);
	expect_text(event_comm(&s.h), "s\xffh", 3);
	e->filename_len--;
	assert_string_equal(event_problem(&s.h), "a text in it has no end");
	e->filename_len = UINT32_MAX;
	assert_string_equal(event_problem(&s.h), "its tail is shorter than it says");
	sample_event(&s, FS_EV_EXEC, 1);
	e->argv_total = EVENT_ARGV_MAX + 1;
	assert_non_null(event_problem(&s.h));
	sample_event(&s, FS_EV_EXEC, 1);
	memset(e->comm, 'x', 16);
	assert_string_equal(event_problem(&s.h), "a text in it has no end");
	sample_event(&s, FS_EV_FORK, 1);
	assert_int_equal(event_filename(&s.h).len, 0);
	assert_int_equal(event_argv(&s.h).len, 0);
}

static void test_intent_pieces(void **state)
{
	union sample s;
	struct fs_ev_stack *stack = (struct fs_ev_stack *)&s;
	struct fs_ev_dlopen *object = (struct fs_ev_dlopen *)&s;
	struct fs_ev_call *call = (struct fs_ev_call *)&s;
	const uint64_t *addresses;
	size_t count;

	(void)state;
	sample_event(&s, FS_EV_STACK, 2);
	addresses = event_stack(&s.h, &count);
	assert_int_equal(count, 3);
	assert_true(addresses[0] == 0x401000 && addresses[2] == UINT64_MAX);
	stack->count = 0x20000001; /* times 8 wraps in 32 bits */
	assert_non_null(event_problem(&s.h));
	sample_event(&s, FS_EV_STACK, 1);
	expect_text(event_words(&s.h), "  File \"x\033.py\", line 5 in f\n", 28);
	event_stack(&s.h, &count);
	assert_int_equal(count, 0);
	sample_event(&s, FS_EV_CALL, 1);
	expect_text(event_filename(&s.h), "/bin/\033x", 7);
	assert_int_equal(event_argv(&s.h).len, 29);
	call->argv_total = 1;
	assert_non_null(event_problem(&s.h));
	sample_event(&s, FS_EV_DLOPEN, 1);
	expect_text(event_filename(&s.h), "/lib/\nx.so", 10);
	object->build_id_len = sizeof(object->build_id) + 1;
	assert_string_equal(event_problem(&s.h), "its build-id is longer than it can be");
	assert_string_equal(event_call_name(FS_LIBC_FORK_BARE), "_Fork");
	assert_null(event_call_name(0));
	assert_null(event_call_name(UINT32_MAX));
	assert_string_equal(event_gap_name(FS_GAP_STATIC), "static");
	assert_null(event_gap_name(FS_GAP_NONE));
}

static void test_fds(void **state)
{
	union sample s;
	struct fs_ev_fd_table *e = (struct fs_ev_fd_table *)&s;
	const struct fs_fd *fds;
	size_t count;

	(void)state;
	sample_event(&s, FS_EV_FD_TABLE, 3);
	fds = event_fds(&s.h, &count);
	assert_int_equal(count, 3);
	assert_int_equal(fds[2].fd, 2);
	e->count = 0x10000001; /* times 16 wraps in 32 bits */
	assert_non_null(event_problem(&s.h));
	event_fds(&s.h, &count);
	assert_int_equal(count, 3);
}

static void expect_path(const char *components, size_t len, const char *want)
{
	struct buffer out = { 0 };

	event_append_path(&out, (struct event_text){ components, len });
	assert_string_equal(buffer_text(&out), want);
	buffer_free(&out);
}

static void test_paths(void **state)
{
	union sample s;
	struct fs_ev_file *file = (struct fs_ev_file *)&s;
	struct event_text rest, one;

	(void)state;
	expect_path("passwd\0etc\0/", 13, "/etc/passwd");
	expect_path("passwd\0etc", 11, "/etc/passwd");
	expect_path("/", 2, "/");
	expect_path("/", 1, "/");
	expect_path("", 1, "/");
	expect_path("b\0a", 3, "/a/b");
	expect_path("", 0, "");
	sample_event(&s, FS_EV_FILE, 1);
	assert_true(event_file_has_path(file));
	sample_event(&s, FS_EV_FILE, 2);
	assert_false(event_file_has_path(file));
	file->sb_magic = 0xef53;
	assert_true(event_file_has_path(file));
	memcpy((char *)&s + sizeof(*file), "memfd:xyz", 10);
	assert_false(event_file_has_path(file));
	file->name_len = 0;
	assert_false(event_file_has_path(file));
	sample_event(&s, FS_EV_FILE, 1);
	rest = event_components(&s.h);
	assert_true(event_next_component(&rest, &one));
	expect_text(one, "passwd", 6);
	assert_true(event_next_component(&rest, &one));
	assert_true(event_next_component(&rest, &one));
	expect_text(one, "/", 1);
	assert_false(event_next_component(&rest, &one));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_type_is_known),
		cmocka_unit_test(test_cut_events_have_problems),
		cmocka_unit_test(test_exec_pieces),
		cmocka_unit_test(test_intent_pieces),
		cmocka_unit_test(test_fds),
		cmocka_unit_test(test_paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
