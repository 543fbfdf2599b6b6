/* SPDX-License-Identifier: MIT */
/* Several threads of the caller on one pool, and a pool inside an event loop. */
#include "pool/support.h"
#include "pool/tasks.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define THREADS 6
#define EACH 300

struct user {
	pthread_t thread;
	struct pp_pool *pool;
	unsigned number;
	unsigned right;
};

/* Threads do not assert: they count what was right. */
static void *use_by_apply(void *arg)
{
	struct user *user = arg;
	struct pp_result r;

	for (uint64_t i = 0; i < EACH; i++) {
		uint64_t n = user->number * EACH + i;

		if (pp_pool_apply(user->pool, "square", &n, sizeof(n), &r) < 0)
			continue;
		user->right += value_of(&r) == n * n;
		pp_result_release(&r);
	}
	return NULL;
}

static void *use_by_submit(void *arg)
{
	struct user *user = arg;
	struct pp_future *futures[EACH];
	struct pp_result r;

	for (uint64_t i = 0; i < EACH; i++) {
		uint64_t n = user->number * EACH + i;

		if (pp_pool_submit(user->pool, "square", &n, sizeof(n), NULL, &futures[i]) < 0)
			futures[i] = NULL;
	}
	for (uint64_t i = 0; i < EACH; i++) {
		uint64_t n = user->number * EACH + i;

		if (!futures[i] || pp_future_wait(futures[i], -1) < 0)
			continue;
		if (pp_future_result(futures[i], &r) == 0)
			user->right += value_of(&r) == n * n;
		pp_future_free(futures[i]);
	}
	return NULL;
}

static void *use_by_map(void *arg)
{
	struct user *user = arg;
	struct act *acts;
	struct iovec *items = act_items(EACH, &acts);
	struct pp_results *results;
	struct pp_result r;

	acts[EACH / 2].what = ACT_FAIL;
	acts[EACH / 2].arg = 1;
	if (pp_pool_map(user->pool, "act", items, EACH, NULL, &results) == 0) {
		for (size_t i = 0; i < EACH; i++) {
			if (pp_results_get(results, i, &r) < 0)
				continue;
			user->right += i == EACH / 2 ? r.outcome == PP_FAILED : value_of(&r) == i;
		}
		pp_results_free(results);
	}
	free(items);
	return NULL;
}

static void check_many_users(enum pp_start start)
{
	void *(*const ways[])(void *) = { use_by_apply, use_by_submit, use_by_map };
	struct pp_pool_opts opts = PP_POOL_OPTS_INIT;
	struct pool_under_test t;
	struct user users[THREADS];

	opts.workers = 2;
	t = open_pool(start, &opts);
	for (unsigned i = 0; i < THREADS; i++) {
		users[i] = (struct user){ .pool = t.pool, .number = i };
		assert_int_equal(pthread_create(&users[i].thread, NULL, ways[i % 3], &users[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(users[i].thread, NULL);
		assert_int_equal(users[i].right, EACH);
	}
	close_pool(&t);
}
EACH_START(check_many_users)

struct shared_imap {
	struct pp_imap *imap;
	_Atomic uint32_t seen[5000];
	uint64_t given;
};

/* Asked by one thread at a time, so nothing here is atomic. */
static int give_number(struct iovec *ret_item, void *arg)
{
	struct shared_imap *s = arg;
	static uint64_t number;

	number = s->given;
	if (s->given == 5000)
		return 0;
	s->given++;
	*ret_item = (struct iovec){ &number, sizeof(number) };
	return 1;
}

static void *take_results(void *arg)
{
	struct shared_imap *s = arg;
	struct pp_result r;

	while (pp_imap_next(s->imap, -1, &r) == 1)
		s->seen[r.index] += r.outcome == PP_DONE;
	return NULL;
}

static void check_imap_of_many(enum pp_start start)
{
	struct pp_map_opts opts = PP_MAP_OPTS_INIT;
	struct pool_under_test t = open_pool(start, NULL);
	struct shared_imap *s = calloc(1, sizeof(*s));
	pthread_t threads[4];

	assert_non_null(s);
	opts.flags = PP_UNORDERED;
	opts.window = 100;
	assert_ok(pp_pool_imap(t.pool, "square", give_number, s, &opts, &s->imap));
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, take_results, s), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < 5000; i++)
		assert_int_equal(s->seen[i], 1);
	pp_imap_free(s->imap);
	free(s);
	close_pool(&t);
}
EACH_START(check_imap_of_many)

/* One waits for what never ends; another ends it. */
static void *wait_for_future(void *future)
{
	return (void *)(intptr_t)pp_future_wait(future, 20 * SECOND);
}

static void check_cancel_from_another_thread(enum pp_start start)
{
	struct pp_pool_opts opts = PP_POOL_OPTS_INIT;
	struct pool_under_test t;
	struct act nap = act_of(ACT_SLEEP, start == PP_START_THREAD ? 500 : 60000, 0);
	struct pp_future *future;
	pthread_t thread;
	void *waited;
	int64_t begin;

	opts.workers = 1;
	t = open_pool(start, &opts);
	assert_ok(pp_pool_submit(t.pool, "act", &nap, sizeof(nap), NULL, &future));
	assert_int_equal(pthread_create(&thread, NULL, wait_for_future, future), 0);
	sleep_ms(100);
	begin = clock_ns();
	assert_ok(pp_future_cancel(future));
	pthread_join(thread, &waited);
	assert_int_equal((intptr_t)waited, 0);
	assert_true(clock_ns() - begin < SECOND);
	pp_future_free(future);
	close_pool(&t);
}
EACH_START(check_cancel_from_another_thread)

/* The one cancelled had not begun: no worker's end tells of it. */
static void check_cancel_of_queued(enum pp_start start)
{
	struct act nap = act_of(ACT_SLEEP, start == PP_START_THREAD ? 2000 : 60000, 0);
	struct pp_pool_opts opts = PP_POOL_OPTS_INIT;
	struct pp_future *busy, *queued;
	struct pool_under_test t;
	pthread_t thread;
	void *waited;

	opts.workers = 1;
	t = open_pool(start, &opts);
	assert_ok(pp_pool_submit(t.pool, "act", &nap, sizeof(nap), NULL, &busy));
	assert_ok(pp_pool_submit(t.pool, "act", &nap, sizeof(nap), NULL, &queued));
	assert_int_equal(pthread_create(&thread, NULL, wait_for_future, queued), 0);
	sleep_ms(100);
	assert_ok(pp_future_cancel(queued));
	pthread_join(thread, &waited);
	assert_int_equal((intptr_t)waited, 0);
	assert_false(pp_future_done(busy));
	pp_future_free(queued);
	pp_future_free(busy);
	close_pool(&t);
}
EACH_START(check_cancel_of_queued)

static void check_terminate_from_another_thread(enum pp_start start)
{
	struct pp_pool_opts opts = PP_POOL_OPTS_INIT;
	struct pool_under_test t;
	struct act nap = act_of(ACT_SLEEP, start == PP_START_THREAD ? 500 : 60000, 0);
	struct pp_future *future;
	struct pp_result r;
	pthread_t thread;
	void *waited;

	opts.workers = 1;
	t = open_pool(start, &opts);
	assert_ok(pp_pool_submit(t.pool, "act", &nap, sizeof(nap), NULL, &future));
	assert_int_equal(pthread_create(&thread, NULL, wait_for_future, future), 0);
	sleep_ms(100);
	assert_ok(pp_pool_terminate(t.pool));
	pthread_join(thread, &waited);
	assert_int_equal((intptr_t)waited, 0);
	assert_ok(pp_future_result(future, &r));
	assert_int_equal(r.outcome, PP_CANCELLED);
	pp_future_free(future);
	close_pool(&t);
}
EACH_START(check_terminate_from_another_thread)

static void count_end(struct pp_future *future, void *arg)
{
	unsigned *ends = arg;
	struct pp_result r;

	if (pp_future_result(future, &r) == 0 && r.outcome == PP_DONE)
		(*ends)++;
	pp_future_free(future);
}

/* Nothing but epoll on the pool's fd moves it: deaths, timeouts and replacements included. */
static void check_event_loop(enum pp_start start)
{
	struct pp_pool_opts opts = PP_POOL_OPTS_INIT;
	struct pp_submit_opts submit = PP_SUBMIT_OPTS_INIT;
	struct pool_under_test t;
	struct epoll_event event = { .events = EPOLLIN };
	struct pp_pool_stats stats = PP_POOL_STATS_INIT;
	struct pp_future *future;
	int epoll = epoll_create1(EPOLL_CLOEXEC), ended = 0, got;
	unsigned ends = 0;

	opts.workers = 2;
	t = open_pool(start, &opts);
	submit.callback = count_end;
	submit.arg = &ends;
	submit.timeout_ns = 200 * MSEC;
	for (uint64_t i = 0; i < 500; i++) {
		struct act act = act_of(ACT_ECHO, 0, i);

		if (i == 100 && start != PP_START_THREAD)
			act.what = ACT_SEGV;
		if (i == 200)
			act = act_of(ACT_SLEEP, 600, i);
		assert_ok(pp_pool_submit(t.pool, "act", &act, sizeof(act), &submit, &future));
	}
	assert_int_equal(epoll_ctl(epoll, EPOLL_CTL_ADD, pp_pool_fd(t.pool), &event), 0);
	do {
		assert_true(epoll_wait(epoll, &event, 1, 5000) == 1);
		got = pp_pool_drive(t.pool);
		assert_true(got >= 0);
		ended += got;
		assert_ok(pp_pool_stats(t.pool, &stats));
	} while (stats.items_ended < 500);
	assert_true(ended <= 500);
	assert_int_equal(ends, start == PP_START_THREAD ? 499 : 498);
	/* Quiet again: an event loop must not spin on it. */
	while (epoll_wait(epoll, &event, 1, 50) == 1 && ended++ < 5000)
		assert_true(pp_pool_drive(t.pool) >= 0);
	assert_true(ended < 5000);
	close(epoll);
	close_pool(&t);
}
EACH_START(check_event_loop)

/*
 * A loop that keeps few tasks under way and sleeps on the fd in between: each end must wake it, also one
 * that falls between the last look and the sleep.
 */
static void check_event_loop_with_few_tasks(enum pp_start start)
{
	struct pp_pool_opts opts = PP_POOL_OPTS_INIT;
	struct pp_submit_opts submit = PP_SUBMIT_OPTS_INIT;
	struct pool_under_test t;
	struct pp_future *future;
	unsigned ends = 0;

	opts.workers = 2;
	t = open_pool(start, &opts);
	submit.callback = count_end;
	submit.arg = &ends;
	for (unsigned window = 1; window <= 16; window *= 2) {
		unsigned sent = 0;

		ends = 0;
		while (ends < 3000) {
			struct pollfd fd = { .fd = pp_pool_fd(t.pool), .events = POLLIN };

			while (sent < 3000 && sent - ends < window) {
				uint64_t n = sent;

				assert_ok(pp_pool_submit(t.pool, "square", &n, sizeof(n), &submit,
							 &future));
				sent++;
			}
			if (ends == 3000)
				break;
			if (poll(&fd, 1, 3000) != 1)
				fail_msg("window %u: %u sent, %u ended, and nothing wakes the loop",
					 window, sent, ends);
			assert_true(pp_pool_drive(t.pool) >= 0);
		}
	}
	close_pool(&t);
}
EACH_START(check_event_loop_with_few_tasks)

/* drive() never waits. */
static void check_drive_does_not_wait(enum pp_start start)
{
	struct pool_under_test t = open_pool(start, NULL);
	struct act nap = act_of(ACT_SLEEP, 300, 0);
	struct pp_future *future;
	int64_t begin;

	assert_ok(pp_pool_submit(t.pool, "act", &nap, sizeof(nap), NULL, &future));
	begin = clock_ns();
	for (int i = 0; i < 10; i++)
		assert_true(pp_pool_drive(t.pool) >= 0);
	assert_true(clock_ns() - begin < 200 * MSEC);
	assert_ok(pp_future_wait(future, -1));
	pp_future_free(future);
	close_pool(&t);
}
EACH_START(check_drive_does_not_wait)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		IN_EACH_START(check_many_users),
		IN_EACH_START(check_imap_of_many),
		IN_EACH_START(check_cancel_from_another_thread),
		IN_EACH_START(check_cancel_of_queued),
		IN_EACH_START(check_terminate_from_another_thread),
		IN_EACH_START(check_event_loop),
		IN_EACH_START(check_event_loop_with_few_tasks),
		IN_EACH_START(check_drive_does_not_wait),
	};

	pp_main(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
