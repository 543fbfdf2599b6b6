/* SPDX-License-Identifier: MIT */
/* The fork server: what it preloads, what that cost, its death, and modules that change on disk. */
#include "pool/support.h"
#include "pool/tasks.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef __SANITIZE_THREAD__ /* shadows memory, and starts a thread of its own with the first */
#define RSS_MAX_KB (400 << 10)
#define THREADS_OF_ONE 2
#else
#define RSS_MAX_KB (40 << 10)
#define THREADS_OF_ONE 1
#endif

static char module[256]; /* of tests/pool/modules/preload.c */

/* "module:name"; good for two at a time. */
static const char *in_module(const char *name)
{
	static char text[2][512];
	static int turn;

	turn = !turn;
	snprintf(text[turn], sizeof(text[turn]), "%s:%s", module, name);
	return text[turn];
}

static struct pp_context *context_with(const char *entry, unsigned flags)
{
	struct pp_context_opts opts = PP_CONTEXT_OPTS_INIT;
	struct pp_context *context;

	opts.preload = &entry;
	opts.n_preload = 1;
	opts.flags = flags;
	assert_ok(pp_context_new(&context, PP_START_FORKSERVER, &opts));
	return context;
}

static void test_preload_runs_once_in_the_server(void **state)
{
	struct pp_context *context = context_with(in_module("load_tables"), 0);
	struct pp_preload_report report;
	struct pp_pool_opts opts = PP_POOL_OPTS_INIT;
	struct pp_pool *pool;
	struct pp_result r;
	pid_t who[2];

	(void)state;
	assert_int_equal(pp_context_preload_report(context, 0, &report), -EAGAIN);
	assert_int_equal(pp_context_server_pid(context), 0);
	assert_ok(pp_context_warm(context));
	assert_true(pp_context_server_pid(context) > 0);
	assert_ok(pp_context_preload_report(context, 0, &report));
	assert_int_equal(report.error, 0);
	assert_true(report.time_ns > 0);
	assert_in_range(report.rss_kb, 20 << 10, RSS_MAX_KB);
	assert_int_equal(report.threads_left, 0);
	assert_int_equal(report.fds_left, 0);
	assert_int_equal(pp_context_preload_report(context, 1, &report), -ENOENT);
	opts.workers = 2;
	assert_ok(pp_pool_new(&pool, context, &opts));
	for (int i = 0; i < 4; i++) {
		assert_ok(pp_pool_apply(pool, in_module("who_loaded"), NULL, 0, &r));
		assert_int_equal(r.outcome, PP_DONE);
		memcpy(who, r.data, sizeof(who));
		assert_int_equal(who[0], pp_context_server_pid(context));
		assert_true(who[1] != who[0]);
		pp_result_release(&r);
	}
	pp_pool_free(pool);
	assert_ok(pp_context_free(context));
}
ISOLATE(test_preload_runs_once_in_the_server)

static void fails_to_preload(const char *entry, const char *word)
{
	struct pp_context *context = context_with(entry, 0);
	struct pp_pool *pool;

	assert_int_equal(pp_pool_new(&pool, context, NULL), -ELIBACC);
	assert_non_null(strstr(pp_last_error(), word));
	assert_int_equal(pp_context_warm(context), -ELIBACC);
	assert_ok(pp_context_free(context));
}

static void test_failing_preload(void **state)
{
	(void)state;
	fails_to_preload("/nonexistent/lib.so", "/nonexistent/lib.so");
	fails_to_preload(in_module("refuse"), "refuse");
	fails_to_preload(in_module("no_such_hook"), "no_such_hook");
	fails_to_preload(in_module("start_thread"), "thread");
}
ISOLATE(test_failing_preload)

static void test_tolerant_preload(void **state)
{
	struct pp_context *context = context_with(in_module("refuse"), PP_PRELOAD_TOLERANT);
	struct pp_preload_report report;
	struct pp_pool *pool;
	struct pp_result r;

	(void)state;
	assert_ok(pp_pool_new(&pool, context, NULL));
	assert_ok(pp_context_preload_report(context, 0, &report));
	assert_true(report.error < 0);
	assert_true(strlen(report.message) > 0);
	assert_ok(pp_pool_apply(pool, "echo", "x", 1, &r));
	assert_int_equal(r.outcome, PP_DONE);
	pp_result_release(&r);
	pp_pool_free(pool);
	assert_ok(pp_context_free(context));
}
ISOLATE(test_tolerant_preload)

static void test_preload_leaves_threads_and_fds(void **state)
{
	struct pp_context *context = context_with(in_module("start_thread"), PP_PRELOAD_TOLERANT);
	struct pp_preload_report report;
	struct pp_pool *pool;
	struct pp_result r;
	int n = 0;

	(void)state;
	assert_ok(pp_context_warm(context));
	assert_ok(pp_context_preload_report(context, 0, &report));
	assert_in_range(report.threads_left, 1, THREADS_OF_ONE);
	assert_ok(pp_context_free(context));
	context = context_with(in_module("leave_fds"), 0);
	assert_ok(pp_context_warm(context));
	assert_ok(pp_context_preload_report(context, 0, &report));
	assert_int_equal(report.fds_left, 2);
	assert_ok(pp_pool_new(&pool, context, NULL));
	assert_ok(pp_pool_apply(pool, "own_fds", NULL, 0, &r));
	for (const char *at = r.data; *at; at++)
		n += *at == ' ';
	assert_true(n <= 6); /* workers do not get them */
	pp_result_release(&r);
	pp_pool_free(pool);
	assert_ok(pp_context_free(context));
}
ISOLATE(test_preload_leaves_threads_and_fds)

static void test_process_wide_preload(void **state)
{
	const char *entry = in_module("load_tables");
	struct pp_preload_report report;
	struct pp_context *context;

	(void)state;
	assert_ok(pp_set_forkserver_preload(&entry, 1));
	assert_ok(pp_context_new(&context, PP_START_FORKSERVER, NULL));
	assert_ok(pp_set_forkserver_preload(NULL, 0)); /* for those made from now on */
	assert_ok(pp_context_warm(context));
	assert_ok(pp_context_preload_report(context, 0, &report));
	assert_int_equal(report.error, 0);
	assert_ok(pp_context_free(context));
}
ISOLATE(test_process_wide_preload)

/* Killed while idle and while workers are wanted: it is started again, and no worker is lost with it. */
static void test_server_killed(void **state)
{
	struct pp_pool_opts opts = PP_POOL_OPTS_INIT;
	struct pp_context *context;
	struct pp_pool *pool;
	struct act act = act_of(ACT_ECHO, 0, 3);
	struct pp_result r;

	(void)state;
	assert_ok(pp_context_new(&context, PP_START_FORKSERVER, NULL));
	opts.workers = 2;
	assert_ok(pp_pool_new(&pool, context, &opts));
	for (unsigned i = 0; i < 5; i++) {
		pid_t server = pp_context_server_pid(context);

		assert_true(server > 0);
		act.what = ACT_ECHO;
		r = apply_act(pool, &act);
		assert_int_equal(value_of(&r), 3);
		pp_result_release(&r);
		kill(server, SIGKILL);
		r = apply_act(pool, &act); /* the workers live on */
		assert_int_equal(value_of(&r), 3);
		pp_result_release(&r);
		act.what = ACT_SEGV; /* and when one must be replaced, there is a server again */
		r = apply_act(pool, &act);
		assert_int_equal(r.outcome, PP_DIED);
		assert_int_equal(r.signal, SIGSEGV);
		pp_result_release(&r);
		act.what = ACT_ECHO;
		for (int k = 0; k < 4; k++) {
			r = apply_act(pool, &act);
			assert_int_equal(value_of(&r), 3);
			pp_result_release(&r);
		}
		assert_true(pp_context_server_pid(context) != server);
		assert_true(pp_context_server_restarts(context) >= i + 1);
	}
	pp_pool_free(pool);
	assert_ok(pp_context_free(context));
}
ISOLATE(test_server_killed)

static void copy_file(const char *from, const char *to)
{
	char command[1200];

	snprintf(command, sizeof(command), "cp '%s' '%s.new' && mv '%s.new' '%s'", from, to, to,
		 to);
	assert_int_equal(system(command), 0);
}

/*
 * The module on disk is replaced by another build after this process has loaded it: a fresh image would
 * run other code under the same name. That is an error, not a surprise.
 */
static void check_wrong_build(enum pp_start start)
{
	char copy[] = "/tmp/pool-module-XXXXXX", task[64];
	const char *build = getenv("FORKSCOPE_BUILD");
	struct pp_pool_opts opts = PP_POOL_OPTS_INIT;
	struct pool_under_test t;
	struct pp_result r;
	char other[300];
	int fd = mkstemp(copy);

	assert_true(fd >= 0);
	close(fd);
	copy_file(module, copy);
	snprintf(task, sizeof(task), "%s:who_loaded", copy);
	opts.workers = 1;
	opts.max_tasks = 1;
	t = open_pool(start, &opts);
	assert_ok(pp_pool_apply(t.pool, task, NULL, 0, &r));
	assert_int_equal(r.outcome, PP_DONE);
	pp_result_release(&r);
	snprintf(other, sizeof(other), "%s/examples/tasks.so", build ? build : "build");
	copy_file(other, copy);
	/* At submit, although the name was looked up a moment ago; nothing runs. */
	assert_int_equal(pp_pool_apply(t.pool, task, NULL, 0, &r), -ESTALE);
	assert_non_null(strstr(pp_last_error(), "build"));
	/* And when the right one is back, it is as good as before. */
	copy_file(module, copy);
	assert_ok(pp_pool_apply(t.pool, task, NULL, 0, &r));
	assert_int_equal(r.outcome, PP_DONE);
	pp_result_release(&r);
	close_pool(&t);
	unlink(copy);
}

static void test_wrong_build_spawn(void **state)
{
	(void)state;
	check_wrong_build(PP_START_SPAWN);
}
ISOLATE(test_wrong_build_spawn)

static void test_wrong_build_forkserver(void **state)
{
	(void)state;
	check_wrong_build(PP_START_FORKSERVER);
}
ISOLATE(test_wrong_build_forkserver)

static void check_module_task(enum pp_start start)
{
	struct pool_under_test t = open_pool(start, NULL);
	struct pp_result r;
	char broken[] = "/tmp/pool-broken-XXXXXX", task[64];
	int fd = mkstemp(broken);

	assert_ok(pp_pool_apply(t.pool, in_module("who_loaded"), NULL, 0, &r));
	assert_int_equal(r.outcome, PP_DONE);
	pp_result_release(&r);
	assert_int_equal(pp_pool_apply(t.pool, in_module("nothing"), NULL, 0, &r), -ENOENT);
	assert_non_null(strstr(pp_last_error(), "nothing"));
	assert_int_equal(pp_pool_apply(t.pool, "/nonexistent.so:x", NULL, 0, &r), -ELIBACC);
	assert_non_null(strstr(pp_last_error(), "/nonexistent.so"));
	assert_int_equal(write(fd, "not an object", 13), 13);
	close(fd);
	snprintf(task, sizeof(task), "%s:x", broken);
	assert_int_equal(pp_pool_apply(t.pool, task, NULL, 0, &r), -ELIBACC);
	unlink(broken);
	close_pool(&t);
}
EACH_START(check_module_task)

int main(int argc, char **argv)
{
	const char *build = getenv("FORKSCOPE_BUILD");
	const struct CMUnitTest tests[] = {
		ISOLATED(test_preload_runs_once_in_the_server),
		ISOLATED(test_failing_preload),
		ISOLATED(test_tolerant_preload),
		ISOLATED(test_preload_leaves_threads_and_fds),
		ISOLATED(test_process_wide_preload),
		ISOLATED(test_server_killed),
		ISOLATED(test_wrong_build_spawn),
		ISOLATED(test_wrong_build_forkserver),
		IN_EACH_START(check_module_task),
	};

	pp_main(argc, argv);
	snprintf(module, sizeof(module), "%s/tests/pool/modules/preload.so",
		 build ? build : "build");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
