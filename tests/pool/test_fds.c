/* SPDX-License-Identifier: MIT */
/*
 * What a worker has open: 0, 1, 2, at most three of its own channel, what was passed, and nothing else; and what
 * shared memory it has.
 */
#include "pool/support.h"
#include "pool/tasks.h"
#include "../../pool/lane.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* Counts the numbers in "0 1 2 7 "; all of 0, 1, 2 and `also` (when >= 0) must be among them. */
static size_t count_fds(const char *text, int also)
{
	size_t n = 0, wanted = 0;
	const char *at = text;
	char *end;

	for (long fd = strtol(at, &end, 10); end != at; fd = strtol(at, &end, 10)) {
		n++;
		wanted += (fd >= 0 && fd <= 2) || (also >= 0 && fd == also);
		at = end;
	}
	assert_int_equal(wanted, also >= 0 ? 4 : 3);
	return n;
}

static void assert_only_channel(struct pp_pool *pool, size_t passed, int also)
{
	struct pp_result r;

	assert_ok(pp_pool_apply(pool, "own_fds", NULL, 0, &r));
	assert_int_equal(r.outcome, PP_DONE);
	if (count_fds(r.data, also) > 6 + passed)
		fail_msg("a worker has the fds %s", (const char *)r.data);
	pp_result_release(&r);
}

static void check_exact_fds(enum pp_start start)
{
	struct pp_pool_opts opts = PP_POOL_OPTS_INIT;
	struct pool_under_test t;

	opts.workers = 2;
	t = open_pool(start, &opts);
	for (int i = 0; i < 10; i++)
		assert_only_channel(t.pool, 0, -1);
	close_pool(&t);
}
EACH_PROCESS_START(check_exact_fds)

/* As text from outside, so that no worker is asked about itself. */
static void assert_all_workers_exact(struct pp_pool *pool, unsigned workers)
{
	struct pp_worker_insight w = PP_WORKER_INSIGHT_INIT;
	char text[8192];

	for (unsigned i = 0; i < workers; i++) {
		assert_ok(pp_pool_insight(pool, i, &w));
		assert_true(w.pid > 0);
		assert_true(fds_of(w.pid, text, sizeof(text)) > 0);
		if (count_fds(text, -1) > 6)
			fail_msg("worker %u has the fds %s", i, text);
	}
}

static void await_ready(struct pp_pool *pool, unsigned workers)
{
	struct pp_worker_insight w = PP_WORKER_INSIGHT_INIT;
	int64_t until = clock_ns() + 20 * SECOND;

	for (unsigned i = 0; i < workers && clock_ns() < until;) {
		assert_true(pp_pool_drive(pool) >= 0);
		assert_ok(pp_pool_insight(pool, i, &w));
		if (w.pid > 0 && w.ready_ns >= 0)
			i++;
		else
			sleep_ms(1);
	}
}

static void check_64_workers(enum pp_start start)
{
	struct pp_pool_opts opts = PP_POOL_OPTS_INIT;
	struct pool_under_test t;

	opts.workers = 64;
	t = open_pool(start, &opts);
	await_ready(t.pool, 64);
	assert_all_workers_exact(t.pool, 64);
	close_pool(&t);
}
EACH_PROCESS_START(check_64_workers)

static void check_two_pools(enum pp_start start)
{
	struct pp_pool_opts opts = PP_POOL_OPTS_INIT;
	struct pool_under_test t[3];

	opts.workers = 4;
	for (int i = 0; i < 3; i++)
		t[i] = open_pool(start, &opts);
	for (int i = 0; i < 3; i++) {
		await_ready(t[i].pool, 4);
		assert_all_workers_exact(t[i].pool, 4);
	}
	for (int i = 0; i < 3; i++)
		close_pool(&t[i]);
}
EACH_PROCESS_START(check_two_pools)

/* Of the lanes that are mapped in a worker, all bytes; of inputs, those that it could write to. */
static void mapped_in(pid_t pid, uint64_t *ret_lanes, uint64_t *ret_writable_inputs)
{
	char line[512], path[64], rights[5];
	unsigned long from, to;
	FILE *file;

	*ret_lanes = *ret_writable_inputs = 0;
	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	file = fopen(path, "re");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		assert_int_equal(sscanf(line, "%lx-%lx %4s", &from, &to, rights), 3);
		if (strstr(line, "memfd:procpool-lane"))
			*ret_lanes += to - from;
		if (strstr(line, "memfd:procpool-input") && rights[1] == 'w')
			*ret_writable_inputs += to - from;
	}
	fclose(file);
}

/* No worker can write to another's lane or to inputs, whether it was among the first or came later. */
static void check_own_memory_alone(enum pp_start start)
{
	struct pp_worker_insight w = PP_WORKER_INSIGHT_INIT;
	struct pp_pool_opts opts = PP_POOL_OPTS_INIT;
	struct pool_under_test t[2];
	uint64_t lanes, inputs;

	opts.workers = 20;
	for (int i = 0; i < 2; i++) {
		t[i] = open_pool(start, &opts);
		await_ready(t[i].pool, 20);
	}
	assert_ok(pp_pool_resize(t[1].pool, 23));
	await_ready(t[1].pool, 23);
	for (unsigned i = 0; i < 43; i++) {
		assert_ok(pp_pool_insight(t[i >= 20].pool, i < 20 ? i : i - 20, &w));
		mapped_in(w.pid, &lanes, &inputs);
		assert_true(lanes >= LANE_ARENA_MIN && lanes <= LANE_ARENA_MAX + LANE_END_OFF);
		assert_int_equal(inputs, 0);
	}
	for (int i = 0; i < 2; i++)
		close_pool(&t[i]);
}
EACH_PROCESS_START(check_own_memory_alone)

static void check_caller_with_1000_fds(enum pp_start start)
{
	struct rlimit limit = { 4096, 4096 };
	struct pp_pool_opts opts = PP_POOL_OPTS_INIT;
	struct pool_under_test t;
	int fds[1000];

	setrlimit(RLIMIT_NOFILE, &limit);
	for (int i = 0; i < 1000; i++) {
		fds[i] = open("/dev/null", O_RDWR); /* on purpose without CLOEXEC */
		assert_true(fds[i] >= 0);
	}
	opts.workers = 2;
	t = open_pool(start, &opts);
	assert_only_channel(t.pool, 0, -1);
	close_pool(&t);
	for (int i = 0; i < 1000; i++)
		close(fds[i]);
}
EACH_PROCESS_START(check_caller_with_1000_fds)

static void check_nested_pool(enum pp_start start)
{
	struct pp_pool_opts opts = PP_POOL_OPTS_INIT;
	struct pool_under_test t;
	uint32_t inner = start;
	struct pp_result r;

	opts.workers = 2;
	t = open_pool(start, &opts);
	assert_ok(pp_pool_apply(t.pool, "nested", &inner, sizeof(inner), &r));
	if (r.outcome != PP_DONE)
		fail_msg("nested pool: %s", r.message);
	assert_int_equal(value_of(&r), 285);
	pp_result_release(&r);
	if (start != PP_START_THREAD) {
		assert_ok(pp_pool_apply(t.pool, "nested_fds", &inner, sizeof(inner), &r));
		assert_int_equal(r.outcome, PP_DONE);
		assert_true(count_fds(r.data, -1) <= 6);
		pp_result_release(&r);
	}
	close_pool(&t);
}
EACH_START(check_nested_pool)

static void check_passed_fd(enum pp_start start)
{
	struct pp_process_opts worker = PP_PROCESS_OPTS_INIT;
	struct pp_pool_opts opts = PP_POOL_OPTS_INIT;
	struct pool_under_test t;
	struct pp_fd_pass pass;
	struct pp_result r;
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(write(ends[1], "through", 7), 7);
	pass = (struct pp_fd_pass){ ends[0], 7 };
	worker.fds = &pass;
	worker.n_fds = 1;
	opts.workers = 1;
	opts.worker = &worker;
	t = open_pool(start, &opts);
	assert_only_channel(t.pool, 1, 7);
	assert_ok(pp_pool_apply(t.pool, "read_seven", NULL, 0, &r));
	assert_int_equal(r.outcome, PP_DONE);
	assert_memory_equal(r.data, "through", 7);
	pp_result_release(&r);
	close_pool(&t);
	close(ends[0]);
	close(ends[1]);
}
EACH_PROCESS_START(check_passed_fd)

/* Numbers that cross: a passed as b's number and the other way round; and onto stdout. */
static void check_crossed_fds(enum pp_start start)
{
	struct pp_process_opts opts = PP_PROCESS_OPTS_INIT;
	struct pp_context *context;
	struct pp_process *process;
	int first[2], second[2], out[2], code;
	struct pp_fd_pass pass[3];
	char text[64] = "";
	struct pp_result r;

	assert_int_equal(pipe2(first, O_CLOEXEC), 0);
	assert_int_equal(pipe2(second, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	assert_int_equal(write(first[1], "first", 5), 5);
	assert_int_equal(write(second[1], "second", 6), 6);
	pass[0] = (struct pp_fd_pass){ first[0], second[0] };
	pass[1] = (struct pp_fd_pass){ second[0], 7 };
	pass[2] = (struct pp_fd_pass){ out[1], 1 };
	opts.fds = pass;
	opts.n_fds = 3;
	assert_ok(pp_context_new(&context, start, NULL));
	assert_ok(pp_process_start(&process, context, "read_seven", NULL, 0, &opts));
	assert_ok(pp_process_join(process, 10 * SECOND));
	assert_ok(pp_process_result(process, &r));
	assert_memory_equal(r.data, "second", 6);
	pp_process_free(process);
	assert_ok(pp_process_start(&process, context, "say", NULL, 0, &opts));
	assert_ok(pp_process_join(process, 10 * SECOND));
	assert_ok(pp_process_exit_code(process, &code));
	assert_int_equal(code, 0);
	pp_process_free(process);
	close(out[1]);
	/* End of file comes, so nobody else holds the other end. */
	assert_int_equal(read(out[0], text, sizeof(text)), 15);
	assert_memory_equal(text, "said by a task\n", 15);
	assert_int_equal(read(out[0], text, sizeof(text)), 0);
	close(out[0]);
	for (int i = 0; i < 2; i++) {
		close(first[i]);
		close(second[i]);
	}
	assert_ok(pp_context_free(context));
}
EACH_PROCESS_START(check_crossed_fds)

/* The caller's unwritten words are the caller's: a worker that ends must not write them again. */
static void check_stdio_not_flushed_twice(enum pp_start start)
{
	struct pp_pool_opts opts = PP_POOL_OPTS_INIT;
	struct pool_under_test t;
	char path[] = "/tmp/pool-stdio-XXXXXX", text[256];
	int fd = mkstemp(path);
	FILE *file = fdopen(fd, "w+");
	struct act act = act_of(ACT_ECHO, 0, 1);
	struct pp_result r;
	size_t len;

	assert_non_null(file);
	fprintf(file, "once\n");
	opts.workers = 4;
	t = open_pool(start, &opts);
	for (int i = 0; i < 20; i++) {
		act.what = i % 5 == 4 ? ACT_EXIT : ACT_ECHO;
		r = apply_act(t.pool, &act);
		pp_result_release(&r);
	}
	assert_ok(pp_pool_close(t.pool));
	assert_ok(pp_pool_join(t.pool, -1));
	close_pool(&t);
	fflush(file);
	rewind(file);
	len = fread(text, 1, sizeof(text), file);
	unlink(path);
	fclose(file);
	assert_int_equal(len, 5);
}
EACH_PROCESS_START(check_stdio_not_flushed_twice)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		IN_EACH_PROCESS_START(check_exact_fds),
		IN_EACH_PROCESS_START(check_64_workers),
		IN_EACH_PROCESS_START(check_two_pools),
		IN_EACH_PROCESS_START(check_own_memory_alone),
		IN_EACH_PROCESS_START(check_caller_with_1000_fds),
		IN_EACH_START(check_nested_pool),
		IN_EACH_PROCESS_START(check_passed_fd),
		IN_EACH_PROCESS_START(check_crossed_fds),
		IN_EACH_PROCESS_START(check_stdio_not_flushed_twice),
	};

	pp_main(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
