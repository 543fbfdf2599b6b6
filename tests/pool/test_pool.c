/* SPDX-License-Identifier: MIT */
/* Every way to give a pool work and to get the results, the same for each start method. */
#include "pool/support.h"
#include "pool/tasks.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define N 5000

static struct pp_pool_opts two_workers(void)
{
	struct pp_pool_opts opts = PP_POOL_OPTS_INIT;

	opts.workers = 2;
	return opts;
}

static void check_apply(enum pp_start start)
{
	struct pp_pool_opts opts = two_workers();
	struct pool_under_test t = open_pool(start, &opts);
	struct pp_result r;

	for (int i = 0; i < 100; i++) {
		assert_ok(pp_pool_apply(t.pool, "echo", "hello", 5, &r));
		assert_int_equal(r.outcome, PP_DONE);
		assert_int_equal(r.len, 5);
		assert_memory_equal(r.data, "hello", 5);
		assert_int_equal(r.attempts, 1);
		assert_true(r.worker_pid > 0);
		assert_string_equal(r.message, "");
		pp_result_release(&r);
		pp_result_release(&r); /* once more does nothing */
	}
	assert_ok(pp_pool_apply(t.pool, "echo", NULL, 0, &r));
	assert_int_equal(r.outcome, PP_DONE);
	assert_int_equal(r.len, 0);
	assert_non_null(r.data);
	pp_result_release(&r);
	close_pool(&t);
}
EACH_START(check_apply)

/* Sizes around every boundary a transport may have: slot, page, inline limit, arena. */
static void check_sizes(enum pp_start start)
{
	static const size_t sizes[] = { 1,
					7,
					8,
					63,
					64,
					65,
					255,
					256,
					4000,
					4095,
					4096,
					4097,
					65535,
					65536,
					65537,
					1u << 20,
					(1u << 20) + 1,
					5u << 20,
					33u << 20 };
	struct pp_pool_opts opts = two_workers();
	struct pool_under_test t = open_pool(start, &opts);
	char *in = malloc(33u << 20);
	struct pp_result r;

	assert_non_null(in);
	for (size_t i = 0; i < 33u << 20; i++)
		in[i] = (char)(i * 31 + (i >> 12));
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		assert_ok(pp_pool_apply(t.pool, "echo", in, sizes[i], &r));
		assert_int_equal(r.outcome, PP_DONE);
		assert_int_equal(r.len, sizes[i]);
		assert_true(memcmp(r.data, in, sizes[i]) == 0);
		pp_result_release(&r);
	}
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint64_t len = sizes[i];

		assert_ok(pp_pool_apply(t.pool, "produce", &len, sizeof(len), &r));
		assert_int_equal(r.len, len);
		assert_true(((const char *)r.data)[len - 1] == 'p');
		pp_result_release(&r);
	}
	free(in);
	close_pool(&t);
}
EACH_START(check_sizes)

static void check_submit(enum pp_start start)
{
	struct pp_pool_opts opts = two_workers();
	struct pool_under_test t = open_pool(start, &opts);
	struct pp_future *futures[N];
	struct pp_result r;

	for (uint64_t i = 0; i < N; i++)
		assert_ok(pp_pool_submit(t.pool, "square", &i, sizeof(i), NULL, &futures[i]));
	for (uint64_t i = 0; i < N; i++) {
		assert_ok(pp_future_wait(futures[i], -1));
		assert_int_equal(pp_future_done(futures[i]), 1);
		assert_ok(pp_future_result(futures[i], &r));
		assert_int_equal(value_of(&r), i * i);
		assert_int_equal(pp_future_cancel(futures[i]), -EALREADY);
		pp_future_free(futures[i]);
	}
	close_pool(&t);
}
EACH_START(check_submit)

static void check_map(enum pp_start start)
{
	struct pp_pool_opts opts = two_workers();
	struct pool_under_test t = open_pool(start, &opts);
	struct pp_map_opts map_opts = PP_MAP_OPTS_INIT;
	struct act *acts;
	struct iovec *items = act_items(N, &acts);
	static const size_t chunks[] = { 0, 1, 2, 7, 64, N, N + 1 };
	struct pp_results *results;
	struct pp_result r;

	for (size_t c = 0; c < sizeof(chunks) / sizeof(chunks[0]); c++) {
		map_opts.chunk = chunks[c];
		assert_ok(pp_pool_map(t.pool, "act", items, N, &map_opts, &results));
		assert_int_equal(pp_results_count(results), N);
		assert_int_equal(pp_results_ended(results), N);
		assert_int_equal(pp_results_bad(results), 0);
		for (size_t i = 0; i < N; i++) {
			assert_ok(pp_results_get(results, i, &r));
			assert_int_equal(value_of(&r), i);
			assert_int_equal(r.index, i);
		}
		assert_int_equal(pp_results_get(results, N, &r), -ERANGE);
		pp_results_free(results);
	}
	assert_ok(pp_pool_map(t.pool, "act", items, 0, NULL, &results));
	assert_int_equal(pp_results_count(results), 0);
	pp_results_free(results);
	free(items);
	close_pool(&t);
}
EACH_START(check_map)

static void check_index_and_attempt(enum pp_start start)
{
	struct pp_pool_opts opts = two_workers();
	struct pool_under_test t = open_pool(start, &opts);
	struct iovec items[100] = { { NULL, 0 } };
	struct pp_results *results;
	struct pp_result r;
	uint64_t out[2];

	assert_ok(pp_pool_map(t.pool, "position", items, 100, NULL, &results));
	for (size_t i = 0; i < 100; i++) {
		assert_ok(pp_results_get(results, i, &r));
		assert_int_equal(r.len, sizeof(out));
		memcpy(out, r.data, sizeof(out));
		assert_int_equal(out[0], i);
		assert_int_equal(out[1], 0);
	}
	pp_results_free(results);
	close_pool(&t);
}
EACH_START(check_index_and_attempt)

struct seen {
	size_t progress_calls, last_done, ends;
};

static void on_progress(size_t done, size_t total, void *arg)
{
	struct seen *seen = arg;

	if (done >= seen->last_done && done <= total)
		seen->progress_calls++;
	seen->last_done = done;
}

static void on_end(struct pp_results *results, void *arg)
{
	struct seen *seen = arg;

	seen->ends += pp_results_ended(results) == pp_results_count(results);
}

static void check_map_async(enum pp_start start)
{
	struct pp_pool_opts opts = two_workers();
	struct pool_under_test t = open_pool(start, &opts);
	struct pp_map_opts map_opts = PP_MAP_OPTS_INIT;
	struct seen seen = { 0 };
	struct act *acts;
	struct iovec *items = act_items(N, &acts);
	struct pp_results *results;
	struct pp_result r;

	map_opts.progress = on_progress;
	map_opts.callback = on_end;
	map_opts.arg = &seen;
	assert_ok(pp_pool_map_async(t.pool, "act", items, N, &map_opts, &results));
	assert_ok(pp_results_wait(results, -1));
	for (size_t i = 0; i < N; i++) {
		assert_ok(pp_results_get(results, i, &r));
		assert_int_equal(value_of(&r), i);
	}
	assert_int_equal(seen.ends, 1);
	assert_true(seen.progress_calls >= 1);
	assert_int_equal(seen.last_done, N);
	pp_results_free(results);
	free(items);
	close_pool(&t);
}
EACH_START(check_map_async)

static void check_starmap(enum pp_start start)
{
	struct pp_pool_opts opts = two_workers();
	struct pool_under_test t = open_pool(start, &opts);
	uint64_t numbers[300];
	struct iovec args[300];
	struct pp_results *results;
	struct pp_result r;

	for (uint64_t i = 0; i < 300; i++) {
		numbers[i] = i;
		args[i] = (struct iovec){ &numbers[i], sizeof(numbers[i]) };
	}
	assert_ok(pp_pool_starmap(t.pool, "add", args, 3, 100, NULL, &results));
	for (uint64_t i = 0; i < 100; i++) {
		assert_ok(pp_results_get(results, i, &r));
		assert_int_equal(value_of(&r), 9 * i + 3);
	}
	pp_results_free(results);
	close_pool(&t);
}
EACH_START(check_starmap)

struct source {
	uint64_t next, end;
	uint64_t ahead, most_ahead; /* given out and not yet come back */
	int fail_with;
};

static int give_number(struct iovec *ret_item, void *arg)
{
	struct source *source = arg;

	if (source->next == source->end)
		return source->fail_with;
	source->next++;
	source->ahead++;
	if (source->ahead > source->most_ahead)
		source->most_ahead = source->ahead;
	*ret_item = (struct iovec){ &source->next, sizeof(source->next) };
	return 1;
}

static void check_imap(enum pp_start start)
{
	struct pp_pool_opts opts = two_workers();
	struct pool_under_test t = open_pool(start, &opts);
	struct pp_map_opts map_opts = PP_MAP_OPTS_INIT;
	struct source source = { .end = 20000 };
	struct pp_imap *imap;
	struct pp_result r;

	map_opts.window = 500;
	assert_ok(pp_pool_imap(t.pool, "square", give_number, &source, &map_opts, &imap));
	for (uint64_t i = 1; i <= 20000; i++) {
		assert_int_equal(pp_imap_next(imap, -1, &r), 1);
		assert_int_equal(value_of(&r), i * i);
		assert_int_equal(r.index, i - 1);
		source.ahead--;
	}
	assert_int_equal(pp_imap_next(imap, -1, &r), 0);
	assert_int_equal(pp_imap_next(imap, -1, &r), 0);
	assert_true(source.most_ahead <= 500);
	pp_imap_free(imap);

	/* An endless source, left after one item: no more is taken than the window holds. */
	source = (struct source){ .end = UINT64_MAX };
	assert_ok(pp_pool_imap(t.pool, "square", give_number, &source, &map_opts, &imap));
	assert_int_equal(pp_imap_next(imap, -1, &r), 1);
	assert_true(source.next <= 501);
	pp_imap_free(imap);

	/* A source that fails: all before it, then its error. */
	source = (struct source){ .end = 10, .fail_with = -EIO };
	assert_ok(pp_pool_imap(t.pool, "square", give_number, &source, NULL, &imap));
	for (int i = 0; i < 10; i++)
		assert_int_equal(pp_imap_next(imap, -1, &r), 1);
	assert_int_equal(pp_imap_next(imap, -1, &r), -EIO);
	pp_imap_free(imap);
	close_pool(&t);
}
EACH_START(check_imap)

static void check_imap_unordered(enum pp_start start)
{
	struct pp_pool_opts opts = two_workers();
	struct pool_under_test t = open_pool(start, &opts);
	struct pp_map_opts map_opts = PP_MAP_OPTS_INIT;
	struct source source = { .end = N };
	uint8_t *seen = calloc(1, N);
	struct pp_imap *imap;
	struct pp_result r;

	assert_non_null(seen);
	map_opts.flags = PP_UNORDERED;
	assert_ok(pp_pool_imap(t.pool, "square", give_number, &source, &map_opts, &imap));
	for (uint64_t i = 0; i < N; i++) {
		assert_int_equal(pp_imap_next(imap, -1, &r), 1);
		assert_true(r.index < N);
		assert_int_equal(seen[r.index]++, 0);
		assert_int_equal(value_of(&r), (r.index + 1) * (r.index + 1));
	}
	assert_int_equal(pp_imap_next(imap, -1, &r), 0);
	pp_imap_free(imap);
	free(seen);
	close_pool(&t);
}
EACH_START(check_imap_unordered)

/* A slow first item must not keep the others back when order does not matter. */
static void check_unordered_overtakes(enum pp_start start)
{
	struct pp_pool_opts opts = two_workers();
	struct pool_under_test t = open_pool(start, &opts);
	struct act slow = act_of(ACT_SLEEP, 400, 1), quick = act_of(ACT_ECHO, 0, 2);
	struct pp_future *first, *second;

	assert_ok(pp_pool_submit(t.pool, "act", &slow, sizeof(slow), NULL, &first));
	assert_ok(pp_pool_submit(t.pool, "act", &quick, sizeof(quick), NULL, &second));
	assert_ok(pp_future_wait(second, 300 * MSEC));
	assert_int_equal(pp_future_done(first), 0);
	assert_int_equal(pp_future_wait(first, 0), -ETIMEDOUT);
	assert_ok(pp_future_wait(first, -1));
	pp_future_free(first);
	pp_future_free(second);
	close_pool(&t);
}
EACH_START(check_unordered_overtakes)

/* A queued item behind a long one moves to an idle worker: work is not bound to whom it was given. */
static void check_no_waiting_behind_the_slow(enum pp_start start)
{
	struct pp_pool_opts opts = two_workers();
	struct pool_under_test t = open_pool(start, &opts);
	struct act slow = act_of(ACT_SLEEP, 1500, 1), quick = act_of(ACT_ECHO, 0, 2);
	struct pp_future *first, *others[50];

	assert_ok(pp_pool_submit(t.pool, "act", &slow, sizeof(slow), NULL, &first));
	for (int i = 0; i < 50; i++)
		assert_ok(pp_pool_submit(t.pool, "act", &quick, sizeof(quick), NULL, &others[i]));
	for (int i = 0; i < 50; i++) {
		assert_ok(pp_future_wait(others[i], 1000 * MSEC));
		pp_future_free(others[i]);
	}
	assert_int_equal(pp_future_done(first), 0);
	pp_future_free(first);
	close_pool(&t);
}
EACH_START(check_no_waiting_behind_the_slow)

static void on_future(struct pp_future *future, void *arg)
{
	struct pp_result r;
	uint64_t *total = arg;

	if (pp_future_result(future, &r) == 0)
		*total += value_of(&r);
	pp_future_free(future); /* allowed */
}

static void check_callbacks(enum pp_start start)
{
	struct pp_pool_opts opts = two_workers();
	struct pool_under_test t = open_pool(start, &opts);
	struct pp_submit_opts submit = PP_SUBMIT_OPTS_INIT;
	struct pp_future *future;
	uint64_t total = 0;

	submit.callback = on_future;
	submit.arg = &total;
	for (uint64_t i = 1; i <= 100; i++)
		assert_ok(pp_pool_submit(t.pool, "square", &i, sizeof(i), &submit, &future));
	assert_ok(pp_pool_close(t.pool));
	assert_ok(pp_pool_join(t.pool, -1));
	assert_int_equal(total, 338350);
	close_pool(&t);
}
EACH_START(check_callbacks)

static void check_initializer(enum pp_start start)
{
	uint64_t number = 4711;
	struct pp_pool_opts opts = two_workers();
	struct pool_under_test t;
	struct pp_result r;

	opts.initializer = "set_state";
	opts.init_in = &number;
	opts.init_len = sizeof(number);
	opts.max_tasks = 3; /* also in those that take over */
	t = open_pool(start, &opts);
	for (int i = 0; i < 20; i++) {
		assert_ok(pp_pool_apply(t.pool, "from_state", NULL, 0, &r));
		assert_int_equal(value_of(&r), number);
		pp_result_release(&r);
	}
	close_pool(&t);
}
EACH_START(check_initializer)

static void check_initializer_fails(enum pp_start start)
{
	struct pp_pool_opts opts = two_workers();
	struct pool_under_test t;
	struct pp_result r;
	struct pp_future *future;
	int64_t begin = clock_ns();

	opts.initializer = "fail_init";
	t = open_pool(start, &opts);
	assert_ok(pp_pool_apply(t.pool, "echo", "x", 1, &r));
	assert_int_equal(r.outcome, PP_CANCELLED);
	assert_non_null(strstr(r.message, "this initializer always fails"));
	pp_result_release(&r);
	assert_int_equal(pp_pool_submit(t.pool, "echo", "x", 1, NULL, &future), -ESHUTDOWN);
	assert_true(clock_ns() - begin < 5 * SECOND);
	close_pool(&t);
}
EACH_START(check_initializer_fails)

static void check_share(enum pp_start start)
{
	size_t len = 3u << 20, seen;
	char *data = malloc(len);
	struct pp_pool_opts opts = two_workers();
	struct pool_under_test t;
	struct pp_share *share;
	struct pp_result r;

	assert_non_null(data);
	memset(data, 's', len);
	assert_ok(pp_share_new(&share, data, len));
	free(data);
	assert_int_equal(((const char *)pp_share_data(share, &seen))[len - 1], 's');
	assert_int_equal(seen, len);
	opts.shares = &share;
	opts.n_shares = 1;
	t = open_pool(start, &opts);
	pp_share_free(share); /* the pool keeps it alive */
	for (int i = 0; i < 4; i++) {
		assert_ok(pp_pool_apply(t.pool, "read_share", NULL, 0, &r));
		assert_int_equal(r.outcome, PP_DONE);
		memcpy(&seen, r.data, sizeof(seen));
		assert_int_equal(seen, len);
		assert_int_equal(((const char *)r.data)[sizeof(seen)], 's');
		pp_result_release(&r);
	}
	close_pool(&t);
}
EACH_START(check_share)

static void check_buffer(enum pp_start start)
{
	struct pp_pool_opts opts = two_workers();
	struct pool_under_test t = open_pool(start, &opts);
	struct pp_submit_opts submit = PP_SUBMIT_OPTS_INIT;
	struct pp_buffer *buffer;
	struct pp_future *future;
	struct pp_result r;
	size_t len;
	char *data;

	for (int i = 0; i < 20; i++) {
		assert_ok(pp_pool_buffer(t.pool, 1u << 20, &buffer));
		data = pp_buffer_data(buffer, &len);
		assert_int_equal(len, 1u << 20);
		memset(data, 'a' + i, len);
		submit.buffer = buffer;
		assert_ok(pp_pool_submit(t.pool, "echo", NULL, 0, &submit, &future));
		assert_ok(pp_future_wait(future, -1));
		assert_ok(pp_future_result(future, &r));
		assert_int_equal(r.len, len);
		assert_int_equal(((const char *)r.data)[len - 1], 'a' + i);
		pp_future_free(future);
	}
	assert_ok(pp_pool_buffer(t.pool, 1u << 20, &buffer));
	pp_buffer_free(buffer);
	assert_int_equal(pp_pool_buffer(t.pool, PP_PAYLOAD_MAX + 1, &buffer), -EMSGSIZE);
	close_pool(&t);
}
EACH_START(check_buffer)

static void check_results_outlive_the_pool(enum pp_start start)
{
	struct pp_pool_opts opts = two_workers();
	struct pool_under_test t = open_pool(start, &opts);
	uint64_t len = 100000, n = 12;
	struct pp_future *small, *large;
	struct pp_result r;

	assert_ok(pp_pool_submit(t.pool, "square", &n, sizeof(n), NULL, &small));
	assert_ok(pp_pool_submit(t.pool, "produce", &len, sizeof(len), NULL, &large));
	assert_ok(pp_future_wait(small, -1));
	assert_ok(pp_future_wait(large, -1));
	close_pool(&t);
	assert_ok(pp_future_result(small, &r));
	assert_int_equal(value_of(&r), 144);
	assert_ok(pp_future_result(large, &r));
	assert_int_equal(r.len, len);
	assert_int_equal(((const char *)r.data)[len - 1], 'p');
	pp_future_free(small);
	pp_future_free(large);
}
EACH_START(check_results_outlive_the_pool)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		IN_EACH_START(check_apply),
		IN_EACH_START(check_sizes),
		IN_EACH_START(check_submit),
		IN_EACH_START(check_map),
		IN_EACH_START(check_index_and_attempt),
		IN_EACH_START(check_map_async),
		IN_EACH_START(check_starmap),
		IN_EACH_START(check_imap),
		IN_EACH_START(check_imap_unordered),
		IN_EACH_START(check_unordered_overtakes),
		IN_EACH_START(check_no_waiting_behind_the_slow),
		IN_EACH_START(check_callbacks),
		IN_EACH_START(check_initializer),
		IN_EACH_START(check_initializer_fails),
		IN_EACH_START(check_share),
		IN_EACH_START(check_buffer),
		IN_EACH_START(check_results_outlive_the_pool),
	};

	pp_main(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
