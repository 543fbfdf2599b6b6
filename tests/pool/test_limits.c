/* SPDX-License-Identifier: MIT */
/* A caller that has run out of something: an error or good results, never a hang, a leak or a crash. */
#include "pool/support.h"
#include "pool/tasks.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

/* One whole life of a pool, in which anything may be refused. Returns how many of ten items were done. */
static int try_a_pool(enum pp_start start)
{
	struct pp_pool_opts opts = PP_POOL_OPTS_INIT;
	struct act act = act_of(ACT_ECHO, 0, 8);
	struct pp_context *context;
	struct pp_pool *pool;
	struct pp_result r;
	int done = 0, result;

	opts.workers = 3;
	if (pp_context_new(&context, start, NULL) < 0)
		return 0;
	result = pp_pool_new(&pool, context, &opts);
	if (result < 0) {
		assert_true(strlen(pp_last_error()) > 0);
		assert_ok(pp_context_free(context));
		return 0;
	}
	for (int i = 0; i < 10; i++) {
		result = pp_pool_apply(pool, "act", &act, sizeof(act), &r);
		if (result < 0)
			continue;
		assert_true(r.outcome == PP_DONE ? value_of(&r) == 8 : strlen(r.message) > 0);
		done += r.outcome == PP_DONE;
		pp_result_release(&r);
	}
	pp_pool_free(pool);
	assert_ok(pp_context_free(context));
	return done;
}

/* Every number of free descriptors from none to plenty: each place that makes one fails once. */
static void check_few_descriptors(enum pp_start start)
{
	struct rlimit limit;
	int begin = count_open_fds(), highest = 0, done = 0, fd;

	/* The limit is on the number, not the count: find the highest in use. */
	for (fd = 0; fd < 1024; fd++) {
		if (fcntl(fd, F_GETFD) >= 0)
			highest = fd;
	}
	for (int spare = 0; spare <= 40; spare++) {
		limit.rlim_cur = (rlim_t)(highest + 1 + spare);
		limit.rlim_max = 4096;
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
		done = try_a_pool(start);
		limit.rlim_cur = 4096;
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
		assert_int_equal(count_open_fds(), begin);
		if (done == 10 && spare < 36)
			spare = 36;
	}
	assert_int_equal(done, 10);
}
EACH_START(check_few_descriptors)

/* Root has no such limit, so this one becomes nobody. */
static void check_few_processes(enum pp_start start)
{
	struct rlimit limit;
	int done = 0;

	if (getuid() != 0)
		skip_because("needs root, to become another user");
	assert_int_equal(setgroups(0, NULL), 0);
	/* A user nobody else has, so that the count is ours alone. */
	assert_int_equal(setresgid(61357, 61357, 61357), 0);
	assert_int_equal(setresuid(61357, 61357, 61357), 0);
	if (start != PP_START_FORK && start != PP_START_THREAD &&
	    access("/proc/self/exe", X_OK) != 0)
		skip_because("the test program cannot be read by another user");
	for (int n = 1; n <= 8; n++) {
		limit.rlim_cur = (rlim_t)n;
		limit.rlim_max = 100;
		assert_int_equal(setrlimit(RLIMIT_NPROC, &limit), 0);
		done = try_a_pool(start);
		if (n == 1)
			assert_int_equal(done, 0);
	}
	assert_int_equal(done, 10);
}
EACH_START(check_few_processes)

/* Nothing of ours is a file in /dev/shm. */
static void check_shm_full(enum pp_start start)
{
	char fill[4096] = "";
	int fd;

	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", "/dev/shm", "tmpfs", 0, "size=4k") < 0)
		skip_because("cannot mount here");
	fd = open("/dev/shm/fill", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	while (write(fd, fill, sizeof(fill)) > 0)
		;
	assert_int_equal(errno, ENOSPC);
	close(fd);
	assert_int_equal(try_a_pool(start), 10);
}
EACH_START(check_shm_full)

static volatile sig_atomic_t alarms;

static void on_alarm(int sig)
{
	(void)sig;
	alarms++;
}

static void check_eintr_storm(enum pp_start start)
{
	struct sigaction act = { .sa_handler = on_alarm }; /* no SA_RESTART */
	struct itimerval every = { { 0, 200 }, { 0, 200 } }, never = { { 0, 0 }, { 0, 0 } };
	struct act *acts;
	struct iovec *items = act_items(3000, &acts);
	struct pp_pool_opts opts = PP_POOL_OPTS_INIT;
	struct pool_under_test t;
	struct pp_results *results;
	struct pp_result r;

	for (size_t i = 0; i < 3000; i += 300)
		acts[i].what = ACT_SEGV;
	sigaction(SIGALRM, &act, NULL);
	setitimer(ITIMER_REAL, &every, NULL);
	opts.workers = 2;
	t = open_pool(start, &opts);
	assert_ok(pp_pool_map(t.pool, "act", items, 3000, NULL, &results));
	assert_int_equal(pp_results_bad(results), 10);
	for (size_t i = 0; i < 3000; i++) {
		assert_ok(pp_results_get(results, i, &r));
		if (i % 300 == 0)
			assert_int_equal(r.outcome, PP_DIED);
		else
			assert_int_equal(value_of(&r), i);
	}
	pp_results_free(results);
	close_pool(&t);
	setitimer(ITIMER_REAL, &never, NULL);
	free(items);
	assert_true(alarms > 10);
}
EACH_PROCESS_START(check_eintr_storm)

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static _Atomic int stop;

/* Half of them allocate without end, so that some hold malloc's locks when the fork comes. */
static void *be_a_thread(void *arg)
{
	if ((uintptr_t)arg % 2) {
		pthread_mutex_lock(&gate);
		pthread_mutex_unlock(&gate);
		return NULL;
	}
	while (!stop) {
		free(malloc(100 + (uintptr_t)arg));
		usleep(100);
	}
	return NULL;
}

static void check_100_threads(enum pp_start start)
{
	pthread_t threads[100];

	pthread_mutex_lock(&gate);
	for (uintptr_t i = 0; i < 100; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, be_a_thread, (void *)i), 0);
	for (int i = 0; i < 5; i++)
		assert_int_equal(try_a_pool(start), 10);
	stop = 1;
	pthread_mutex_unlock(&gate);
	for (int i = 0; i < 100; i++)
		pthread_join(threads[i], NULL);
}
EACH_START(check_100_threads)

/* Address space that runs out while results are kept: an error or whole results, and the rest goes on. */
static void check_little_memory(enum pp_start start)
{
	struct pp_pool_opts opts = PP_POOL_OPTS_INIT;
	struct pool_under_test t;
	struct rlimit limit;
	struct pp_future *futures[64];
	uint64_t len = 16u << 20;
	struct pp_result r;
	int n = 0, done = 0;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	skip_because("a sanitizer ends a process that gets no memory");
#endif
	opts.workers = 2;
	t = open_pool(start, &opts);
	assert_int_equal(getrlimit(RLIMIT_DATA, &limit), 0);
	limit.rlim_cur = 300u << 20;
	assert_int_equal(setrlimit(RLIMIT_DATA, &limit), 0);
	for (; n < 64; n++) {
		if (pp_pool_submit(t.pool, "produce", &len, sizeof(len), NULL, &futures[n]) < 0)
			break;
	}
	for (int i = 0; i < n; i++) {
		assert_ok(pp_future_wait(futures[i], 20 * SECOND));
		assert_ok(pp_future_result(futures[i], &r));
		assert_true(r.outcome != PP_DONE || r.len == len);
		assert_true(r.outcome == PP_DONE || strlen(r.message) > 0);
		assert_null(strstr(r.message, "unknown"));
		done += r.outcome == PP_DONE;
	}
	assert_true(done > 0);
	for (int i = 0; i < n; i++)
		pp_future_free(futures[i]);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_DATA, &limit);
	assert_ok(pp_pool_apply(t.pool, "echo", "x", 1, &r));
	assert_int_equal(r.outcome, PP_DONE);
	pp_result_release(&r);
	close_pool(&t);
}
EACH_START(check_little_memory)

/*
 * Inputs that fit into shared memory one at a time, in sizes that do not share blocks; and one that never fits.
 * A limit on files makes the arena small: 64 MiB.
 */
static void check_full_arena(enum pp_start start)
{
	static const size_t sizes[] = { 40u << 20, 9u << 20, 20u << 20, 3u << 20 };
	struct rlimit limit = { 80u << 20, 80u << 20 };
	struct pp_pool_opts opts = PP_POOL_OPTS_INIT;
	struct pp_future *futures[24];
	struct pool_under_test t;
	struct iovec items[25];
	struct pp_results *results;
	struct pp_result r;
	char *bytes = malloc(100u << 20);

	assert_non_null(bytes);
	memset(bytes, 'p', 100u << 20);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	opts.workers = 2;
	t = open_pool(start, &opts);
	for (int i = 0; i < 25; i++)
		items[i] = (struct iovec){ bytes, sizes[i % 4] };
	items[12].iov_len = 100u << 20;
	assert_ok(pp_pool_map_async(t.pool, "count_bytes", items, 25, NULL, &results));
	assert_ok(pp_results_wait(results, 60 * SECOND));
	for (size_t i = 0; i < 25; i++) {
		assert_ok(pp_results_get(results, i, &r));
		assert_int_equal(r.outcome, i == 12 ? PP_CANCELLED : PP_DONE);
		assert_int_equal(i == 12 ? r.code : (int64_t)value_of(&r),
				 i == 12 ? -ENOMEM : (int64_t)sizes[i % 4]);
	}
	pp_results_free(results);
	for (int i = 0; i < 24; i++)
		assert_ok(pp_pool_submit(t.pool, "count_bytes", bytes, sizes[i % 4], NULL,
					 &futures[i]));
	for (int i = 0; i < 24; i++) {
		assert_ok(pp_future_wait(futures[i], 60 * SECOND));
		assert_ok(pp_future_result(futures[i], &r));
		assert_int_equal(value_of(&r), sizes[i % 4]);
		pp_future_free(futures[i]);
	}
	assert_ok(pp_pool_apply(t.pool, "count_bytes", bytes, 100u << 20, &r));
	assert_int_equal(r.outcome, PP_CANCELLED);
	assert_true(strlen(r.message) > 0);
	pp_result_release(&r);
	close_pool(&t);
	free(bytes);
}
EACH_START(check_full_arena)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		IN_EACH_START(check_few_descriptors), IN_EACH_START(check_few_processes),
		IN_EACH_START(check_shm_full),	      IN_EACH_PROCESS_START(check_eintr_storm),
		IN_EACH_START(check_100_threads),     IN_EACH_START(check_little_memory),
		IN_EACH_START(check_full_arena),
	};

	pp_main(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
