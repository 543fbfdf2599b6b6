/* SPDX-License-Identifier: MIT */
/* Wrong arguments and full queues: a negative errno, words that name the trouble, nothing changed. */
#include "pool/support.h"
#include "pool/tasks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void test_names(void **state)
{
	enum pp_start start = PP_START_SPAWN;

	(void)state;
	assert_string_equal(pp_version(), "0.1.0");
	for (enum pp_start s = PP_START_FORK; s <= PP_START_THREAD; s++) {
		assert_ok(pp_start_from_name(pp_start_name(s), &start));
		assert_int_equal(start, s);
	}
	start = PP_START_SPAWN;
	assert_int_equal(pp_start_from_name("sporc", &start), -EINVAL);
	assert_int_equal(start, PP_START_SPAWN);
	assert_null(pp_start_name((enum pp_start)0));
	assert_null(pp_start_name((enum pp_start)5));
	assert_string_equal(pp_outcome_name(PP_DONE), "done");
	assert_string_equal(pp_outcome_name(PP_FAILED), "failed");
	assert_string_equal(pp_outcome_name(PP_DIED), "died");
	assert_string_equal(pp_outcome_name(PP_TIMEOUT), "timeout");
	assert_string_equal(pp_outcome_name(PP_CANCELLED), "cancelled");
	assert_null(pp_outcome_name((enum pp_outcome)0));
	assert_null(pp_outcome_name((enum pp_outcome)6));
}
ISOLATE(test_names)

static void test_default_start_method(void **state)
{
	struct pp_context *context;

	(void)state;
	assert_int_equal(pp_get_start_method(), PP_START_FORKSERVER);
	assert_int_equal(pp_set_start_method((enum pp_start)9), -EINVAL);
	assert_ok(pp_set_start_method(PP_START_FORK));
	assert_ok(pp_context_new(&context, (enum pp_start)0, NULL));
	assert_int_equal(pp_context_start(context), PP_START_FORK);
	assert_ok(pp_context_free(context));
}
ISOLATE(test_default_start_method)

static void test_context_arguments(void **state)
{
	struct pp_context *context = (struct pp_context *)1;

	(void)state;
	assert_int_equal(pp_context_new(&context, (enum pp_start)5, NULL), -EINVAL);
	assert_true(strlen(pp_last_error()) > 0);
	assert_ptr_equal(context, (struct pp_context *)1);
}
ISOLATE(test_context_arguments)

/* A caller built against a newer header, whose options hold something this library cannot know. */
static void test_options_of_a_newer_caller(void **state)
{
	struct {
		struct pp_pool_opts known;
		uint64_t unknown;
	} newer;
	struct pp_context *context;
	struct pp_pool *pool = (struct pp_pool *)1;

	(void)state;
	memset(&newer, 0, sizeof(newer));
	newer.known.size = sizeof(newer);
	newer.known.workers = 1;
	assert_ok(pp_context_new(&context, PP_START_FORK, NULL));
	newer.unknown = 1;
	assert_int_equal(pp_pool_new(&pool, context, &newer.known), -E2BIG);
	assert_ptr_equal(pool, (struct pp_pool *)1);
	newer.unknown = 0;
	assert_ok(pp_pool_new(&pool, context, &newer.known));
	pp_pool_free(pool);
	/* And of an older one, that ends after `workers`. */
	newer.known.size = offsetof(struct pp_pool_opts, flags);
	memset((char *)&newer + newer.known.size, 0xff, sizeof(newer) - newer.known.size);
	assert_ok(pp_pool_new(&pool, context, &newer.known));
	pp_pool_free(pool);
	newer.known.size = 1;
	assert_true(pp_pool_new(&pool, context, &newer.known) < 0);
	assert_ok(pp_context_free(context));
}
ISOLATE(test_options_of_a_newer_caller)

static void check_pool_arguments(enum pp_start start)
{
	struct pp_pool_opts opts = PP_POOL_OPTS_INIT;
	struct pp_pool *pool = (struct pp_pool *)1;
	struct pp_context *context;

	assert_ok(pp_context_new(&context, start, NULL));
	opts.workers = PP_WORKERS_MAX + 1;
	assert_int_equal(pp_pool_new(&pool, context, &opts), -EINVAL);
	opts.workers = 1;
	opts.initializer = "no_such_initializer";
	assert_int_equal(pp_pool_new(&pool, context, &opts), -ENOENT);
	assert_non_null(strstr(pp_last_error(), "no_such_initializer"));
	opts.initializer = NULL;
	opts.flags = 1u << 31;
	assert_int_equal(pp_pool_new(&pool, context, &opts), -EINVAL);
	assert_ptr_equal(pool, (struct pp_pool *)1);
	assert_ok(pp_context_free(context));
}
EACH_START(check_pool_arguments)

static void check_task_arguments(enum pp_start start)
{
	struct pool_under_test t = open_pool(start, NULL);
	struct pp_future *future = (struct pp_future *)1;
	struct pp_results *results = (struct pp_results *)1;
	struct pp_result r;
	struct iovec item = { NULL, 0 };
	char name[PP_TASK_NAME_MAX + 2];
	char *huge = malloc(1);

	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = 0;
	assert_int_equal(pp_pool_apply(t.pool, "no_such_task", "x", 1, &r), -ENOENT);
	assert_non_null(strstr(pp_last_error(), "no_such_task"));
	assert_int_equal(pp_pool_apply(t.pool, name, "x", 1, &r), -ENAMETOOLONG);
	assert_int_equal(pp_pool_submit(t.pool, "no_such_task", "x", 1, NULL, &future), -ENOENT);
	assert_int_equal(pp_pool_map(t.pool, "no_such_task", &item, 1, NULL, &results), -ENOENT);
	assert_int_equal(pp_pool_submit(t.pool, "echo", huge, PP_PAYLOAD_MAX + 1, NULL, &future),
			 -EMSGSIZE);
	assert_ptr_equal(future, (struct pp_future *)1);
	assert_ptr_equal(results, (struct pp_results *)1);
	free(huge);
	/* What the pool can do is not hurt by what it refused. */
	assert_ok(pp_pool_apply(t.pool, "echo", "x", 1, &r));
	assert_int_equal(r.outcome, PP_DONE);
	pp_result_release(&r);
	close_pool(&t);
}
EACH_START(check_task_arguments)

static void check_call_limits(enum pp_start start)
{
	struct pool_under_test t = open_pool(start, NULL);
	uint64_t len = PP_PAYLOAD_MAX + 1;
	struct pp_result r;

	assert_ok(pp_pool_apply(t.pool, "produce", &len, sizeof(len), &r));
	assert_int_equal(r.outcome, PP_FAILED);
	assert_int_equal(r.code, 12);
	pp_result_release(&r);
	close_pool(&t);
}
EACH_START(check_call_limits)

/* Backpressure by count: never more than queue_limit under way; NONBLOCK says so instead of waiting. */
static void check_queue_limit(enum pp_start start)
{
	struct pp_pool_opts opts = PP_POOL_OPTS_INIT;
	struct pp_submit_opts submit = PP_SUBMIT_OPTS_INIT;
	struct pool_under_test t;
	struct act nap = act_of(ACT_SLEEP, 100, 1);
	struct pp_future *futures[12];
	int n = 0, result = 0;

	opts.workers = 1;
	opts.queue_limit = 5;
	t = open_pool(start, &opts);
	submit.flags = PP_NONBLOCK;
	while (n < 12) {
		result = pp_pool_submit(t.pool, "act", &nap, sizeof(nap), &submit, &futures[n]);
		if (result < 0)
			break;
		n++;
	}
	assert_int_equal(result, -EAGAIN);
	assert_int_equal(n, 5);
	/* Without the flag it waits until there is room. */
	assert_ok(pp_pool_submit(t.pool, "act", &nap, sizeof(nap), NULL, &futures[n++]));
	assert_int_equal(pp_future_done(futures[0]), 1);
	for (int i = 0; i < n; i++) {
		assert_ok(pp_future_wait(futures[i], -1));
		pp_future_free(futures[i]);
	}
	close_pool(&t);
}
EACH_START(check_queue_limit)

static void check_queue_bytes(enum pp_start start)
{
	struct pp_pool_opts opts = PP_POOL_OPTS_INIT;
	struct pp_submit_opts submit = PP_SUBMIT_OPTS_INIT;
	struct pool_under_test t;
	struct act nap = act_of(ACT_SLEEP, 200, 1);
	size_t len = 1u << 20;
	char *data = calloc(1, len);
	struct pp_future *futures[16];
	int n = 0, result = 0;

	assert_non_null(data);
	memcpy(data, &nap, sizeof(nap));
	opts.workers = 1;
	opts.queue_bytes = 4u << 20;
	t = open_pool(start, &opts);
	submit.flags = PP_NONBLOCK;
	while (n < 16) {
		result = pp_pool_submit(t.pool, "act", data, len, &submit, &futures[n]);
		if (result < 0)
			break;
		n++;
	}
	assert_int_equal(result, -EAGAIN);
	assert_in_range(n, 3, 5);
	for (int i = 0; i < n; i++) {
		assert_ok(pp_future_wait(futures[i], -1));
		pp_future_free(futures[i]);
	}
	free(data);
	close_pool(&t);
}
EACH_START(check_queue_bytes)

static void test_nothing_is_freed_quietly(void **state)
{
	struct pp_result r;

	(void)state;
	memset(&r, 0, sizeof(r));
	pp_future_free(NULL);
	pp_results_free(NULL);
	pp_imap_free(NULL);
	pp_pool_free(NULL);
	pp_process_free(NULL);
	pp_share_free(NULL);
	pp_buffer_free(NULL);
	assert_ok(pp_context_free(NULL));
	pp_result_release(&r);
}
ISOLATE(test_nothing_is_freed_quietly)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		ISOLATED(test_names),
		ISOLATED(test_default_start_method),
		ISOLATED(test_context_arguments),
		ISOLATED(test_options_of_a_newer_caller),
		IN_EACH_START(check_pool_arguments),
		IN_EACH_START(check_task_arguments),
		IN_EACH_START(check_call_limits),
		IN_EACH_START(check_queue_limit),
		IN_EACH_START(check_queue_bytes),
		ISOLATED(test_nothing_is_freed_quietly),
	};

	pp_main(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
