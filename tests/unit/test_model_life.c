/* SPDX-License-Identifier: MIT */
/* The model: births, mechanisms, images, ends, reaping, reparenting, losses. */
#include "harness.h"

#include <errno.h>
#include <sys/wait.h>

#include "events.h"
#include "model/mechanism.h"

#define ALL_BLOCKED (~(1ull << (SIGKILL - 1) | 1ull << (SIGSTOP - 1)))

static void test_mechanisms(void **state)
{
	const struct {
		uint64_t flags, blocked;
		uint32_t syscall, compat, stack, sig;
		enum mechanism want;
	} cases[] = {
		{ 0, 0, 57, 0, 0, SIGCHLD, MECHANISM_FORK },
		{ CLONE_VM | CLONE_VFORK, 0, 58, 0, 0, SIGCHLD, MECHANISM_VFORK },
		{ EV_FORK_FLAGS, 0, 56, 0, 0, SIGCHLD, MECHANISM_FORK },
		{ EV_FORK_FLAGS, 0, 435, 0, 0, SIGCHLD, MECHANISM_FORK },
		{ EV_FORK_FLAGS, 0, 56, 0, 1, SIGCHLD, MECHANISM_CLONE },
		{ EV_FORK_FLAGS, 0, 56, 0, 0, SIGUSR1, MECHANISM_CLONE },
		{ EV_FORK_FLAGS | CLONE_VM, 0, 56, 0, 0, SIGCHLD, MECHANISM_CLONE },
		{ 0, 0, 56, 0, 0, SIGCHLD, MECHANISM_CLONE },
		{ 0, 0, 435, 0, 0, SIGCHLD, MECHANISM_CLONE3 },
		{ CLONE_VM | CLONE_VFORK, ALL_BLOCKED, 435, 0, 1, SIGCHLD, MECHANISM_POSIX_SPAWN },
		{ CLONE_VM | CLONE_VFORK, ~0ull, 56, 0, 1, SIGCHLD, MECHANISM_POSIX_SPAWN },
		{ CLONE_VM | CLONE_VFORK, ALL_BLOCKED & ~1ull, 56, 0, 1, SIGCHLD, MECHANISM_CLONE },
		{ CLONE_VM | CLONE_VFORK, ALL_BLOCKED, 56, 0, 0, SIGCHLD, MECHANISM_CLONE },
		{ CLONE_VM | CLONE_THREAD, 0, 56, 0, 1, 0, MECHANISM_THREAD },
		{ 0, 0, 2, 1, 0, SIGCHLD, MECHANISM_FORK },
		{ 0, 0, 190, 1, 0, SIGCHLD, MECHANISM_VFORK },
		{ EV_FORK_FLAGS, 0, 120, 1, 0, SIGCHLD, MECHANISM_FORK },
		{ 0, 0, 435, 1, 0, SIGCHLD, MECHANISM_CLONE3 },
		{ 0, 0, 57, 1, 0, SIGCHLD, MECHANISM_UNKNOWN },
		{ EV_FORK_FLAGS, 0, 220, 0, 0, SIGCHLD, MECHANISM_FORK },
		{ CLONE_VM | CLONE_VFORK, 0, 220, 0, 0, SIGCHLD, MECHANISM_VFORK },
		{ 0, 0, 0, 0, 0, SIGCHLD, MECHANISM_UNKNOWN },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fs_ev_fork e = { .clone_flags = cases[i].flags,
					.syscall = cases[i].syscall,
					.creator_blocked = cases[i].blocked,
					.has_stack = cases[i].stack,
					.exit_signal = cases[i].sig };

		e.h.flags = cases[i].compat ? FS_EVENT_COMPAT : 0;
		if (mechanism_of(&e) != cases[i].want)
			fail_msg("case %zu: %d, not %d", i, mechanism_of(&e), cases[i].want);
	}
	assert_string_equal(mechanism_name(MECHANISM_POSIX_SPAWN), "posix_spawn");
	assert_null(mechanism_name(MECHANISM_UNKNOWN));
}

static void test_a_family(void **state)
{
	struct story s;
	const struct process *main, *child;
	uint64_t ns;

	(void)state;
	story_begin(&s, FDS_NONE, 10);
	ev_exec(&s, 10, "/bin/sh");
	ev_fork(&s, 10, 11);
	ev_fork_done(&s, 10, 11, 1500);
	ev_exec(&s, 11, "/bin/true");
	ev_exit(&s, 11, 10, 3 << 8);
	ev_reap(&s, 10, 11);
	ev_fork(&s, 10, 12);
	ev_exit(&s, 12, 10, SIGSEGV | 0x80);
	ev_exit(&s, 10, 1, 0);
	story_end(&s);
	assert_int_equal(s.err, 0);
	main = story_process(&s, 10);
	assert_int_equal(main->start_method, START_INITIAL);
	assert_int_equal(main->number, 0);
	assert_int_equal(main->parent, MODEL_NONE);
	assert_int_equal(main->children, 2);
	child = story_process(&s, 11);
	assert_int_equal(child->number, 1);
	assert_int_equal(child->start_method, START_SPAWN);
	assert_int_equal(child->mechanism, MECHANISM_FORK);
	assert_ptr_equal(model_process(s.m, child->parent), main);
	assert_ptr_equal(model_process(s.m, child->logical_parent), main);
	assert_int_equal(WEXITSTATUS(child->status), 3);
	assert_true(child->reaped);
	assert_ptr_equal(model_process(s.m, child->reaper), main);
	assert_true(process_zombie_ns(child, &ns));
	assert_int_equal(ns, EV_STEP);
	assert_true(process_call_ns(child, &ns));
	assert_int_equal(ns, 1500);
	assert_true(process_window_ns(s.m, child, &ns));
	assert_int_equal(ns, 2 * EV_STEP);
	assert_false(process_suspended_ns(s.m, child, &ns));
	assert_string_equal(model_image_of(s.m, model_find_process(s.m, 11, 0))->filename->data,
			    "/bin/true");
	child = story_process(&s, 12);
	assert_int_equal(child->start_method, START_FORK);
	assert_false(child->reaped);
	assert_false(process_zombie_ns(child, &ns));
	assert_string_equal(model_image_of(s.m, model_find_process(s.m, 12, 0))->filename->data,
			    "/bin/sh");
	model_free(s.m);
}

static void test_vfork_suspends(void **state)
{
	struct story s;
	struct fs_ev_fork e;
	uint64_t ns;

	(void)state;
	story_begin(&s, FDS_NONE, 10);
	e = ev_fork_of(&s, 10, 11);
	e.syscall = 58;
	e.clone_flags = CLONE_VM | CLONE_VFORK;
	ev_feed(&s, &e);
	ev_exec(&s, 11, "/bin/true");
	ev_fork_done(&s, 10, 11, 5000);
	e = ev_fork_of(&s, 10, 12);
	e.syscall = 58;
	e.clone_flags = CLONE_VM | CLONE_VFORK;
	ev_feed(&s, &e);
	ev_exit(&s, 12, 10, 0);
	story_end(&s);
	assert_int_equal(story_process(&s, 11)->mechanism, MECHANISM_VFORK);
	assert_true(process_suspended_ns(s.m, story_process(&s, 11), &ns));
	assert_int_equal(ns, 2 * EV_STEP);
	/* The return of the second call is missing: its child's end tells. */
	assert_true(process_suspended_ns(s.m, story_process(&s, 12), &ns));
	assert_int_equal(ns, EV_STEP);
	model_free(s.m);
}

static void test_clone_parent(void **state)
{
	struct story s;
	struct fs_ev_fork e;

	(void)state;
	story_begin(&s, FDS_NONE, 10);
	ev_fork(&s, 10, 11);
	e = ev_fork_of(&s, 11, 12);
	e.clone_flags |= CLONE_PARENT;
	e.parent_pid = 10;
	e.parent_start_ns = 10000;
	ev_feed(&s, &e);
	story_end(&s);
	assert_int_equal(story_number(&s, story_process(&s, 12)->parent), 0);
	assert_int_equal(story_number(&s, story_process(&s, 12)->creator), 1);
	model_free(s.m);
}

static void test_argv_pieces(void **state)
{
	struct story s;
	const struct image *image;

	(void)state;
	story_begin(&s, FDS_NONE, 10);
	ev_exec_args(&s, 10, "/bin/a", "one", 3, 8);
	ev_exec_piece(&s, 10, 3, "\0tw", 3);
	ev_exec_piece(&s, 10, 6, "o", 2);
	ev_exec_args(&s, 10, "/bin/b", "x", 1, 10);
	ev_exec_piece(&s, 10, 4, "lost before me", 6);
	ev_exec_piece(&s, 10, 1, "too late", 9);
	ev_exec_args(&s, 10, "/bin/c", "cut", 3, 100);
	story_end(&s);
	assert_int_equal(s.err, 0);
	image = model_image(s.m, story_process(&s, 10)->first_image);
	assert_int_equal(image->argv->len, 8);
	assert_memory_equal(image->argv->data, "one\0two", 8);
	assert_false(image->argv_cut);
	image = model_image(s.m, image->next);
	assert_int_equal(image->argv->len, 1);
	assert_true(image->argv_cut);
	image = model_image(s.m, image->next);
	assert_string_equal(image->argv->data, "cut");
	assert_true(image->argv_cut);
	assert_int_equal(image->next, MODEL_NONE);
	assert_int_equal(story_process(&s, 10)->images, 3);
	model_free(s.m);
}

static void test_failed_execs(void **state)
{
	struct story s;
	const struct process *p;

	(void)state;
	story_begin(&s, FDS_NONE, 10);
	ev_fork(&s, 10, 11);
	ev_exec_failed(&s, 11, "/usr/local/bin/x", ENOENT);
	ev_exec_failed(&s, 11, "/bin/x", EACCES);
	ev_exit(&s, 11, 10, 127 << 8);
	story_end(&s);
	p = story_process(&s, 11);
	assert_int_equal(p->start_method, START_FORK);
	assert_int_equal(p->failed_execs, 2);
	assert_int_equal(p->images, 0);
	assert_int_equal(model_failed_exec(s.m, p->first_failed_exec)->error, ENOENT);
	assert_string_equal(model_failed_exec(s.m, p->last_failed_exec)->filename->data, "/bin/x");
	model_free(s.m);
}

static void test_only_the_dead_are_reaped(void **state)
{
	struct story s;
	const struct process *p;

	(void)state;
	story_begin(&s, FDS_NONE, 10);
	ev_fork(&s, 10, 11);
	ev_reap_options(&s, 10, 11, WUNTRACED);
	ev_reap_options(&s, 10, 11, 0); /* a debugger is told of a stop */
	ev_exit(&s, 11, 10, 0);
	ev_reap_options(&s, 10, 11, WNOWAIT | WEXITED);
	ev_reap(&s, 10, 99); /* nobody knows it */
	story_end(&s);
	p = story_process(&s, 11);
	assert_false(p->reaped);
	model_free(s.m);

	story_begin(&s, FDS_NONE, 10);
	ev_fork(&s, 10, 11);
	ev_exit(&s, 11, 10, 0);
	ev_reap_options(&s, 10, 11, WUNTRACED);
	ev_reap_options(&s, 50, 11, 0);
	story_end(&s);
	p = story_process(&s, 11);
	assert_true(p->reaped);
	assert_int_equal(story_number(&s, p->reaper), 0);
	model_free(s.m);
}

static void test_reap_of_a_lost_exit(void **state)
{
	struct story s;
	const struct process *p;
	uint64_t ns;

	(void)state;
	story_begin(&s, FDS_NONE, 10);
	ev_fork(&s, 10, 11);
	ev_fork(&s, 10, 12);
	ev_lost(&s, FS_EV_EXIT, 2);
	ev_reap(&s, 10, 11);
	ev_reap_options(&s, 10, 12, WUNTRACED);
	story_end(&s);
	p = story_process(&s, 11);
	assert_true(p->ended && p->reaped && p->reap_unsure);
	assert_false(p->knows_status);
	assert_false(process_zombie_ns(p, &ns));
	assert_false(story_process(&s, 12)->ended);
	assert_int_equal(model_lost(s.m), 2);
	assert_int_equal(model_lost_of(s.m, FS_EV_EXIT), 2);
	model_free(s.m);
}

static void test_orphans(void **state)
{
	struct story s;
	const struct process *p;

	(void)state;
	story_begin(&s, FDS_NONE, 10);
	ev_fork(&s, 10, 11);
	ev_fork(&s, 11, 12);
	ev_exit(&s, 11, 10, 0);
	ev_reparent(&s, 11, 12, 1);
	ev_exit(&s, 12, 1, 0);
	ev_reap(&s, 1, 12);
	story_end(&s);
	p = story_process(&s, 12);
	assert_int_equal(story_number(&s, p->parent), 1);
	assert_int_equal(model_process(s.m, p->reparented_to)->pid, 1);
	assert_true(p->reaped);
	assert_int_equal(story_number(&s, p->reaper), -1); /* outside */
	assert_int_equal(model_born_count(s.m), 3);
	model_free(s.m);
}

static void test_reparent_known_from_exit_alone(void **state)
{
	struct story s;

	(void)state;
	story_begin(&s, FDS_NONE, 10);
	ev_fork(&s, 10, 11);
	ev_exit(&s, 11, 1, 0);
	story_end(&s);
	assert_int_equal(model_process(s.m, story_process(&s, 11)->reparented_to)->pid, 1);
	model_free(s.m);
}

static void test_pid_reuse(void **state)
{
	struct story s;
	struct fs_ev_fork e;
	uint32_t second;

	(void)state;
	story_begin(&s, FDS_NONE, 10);
	ev_fork(&s, 10, 11);
	ev_exit(&s, 11, 10, 1 << 8);
	ev_reap(&s, 10, 11);
	e = ev_fork_of(&s, 10, 11);
	e.child_start_ns = 77777;
	ev_feed(&s, &e);
	story_end(&s);
	second = model_find_process(s.m, 11, 77777);
	assert_int_not_equal(second, MODEL_NONE);
	assert_int_equal(model_find_process(s.m, 11, 0), second);
	assert_false(model_process(s.m, second)->ended);
	assert_true(story_process(&s, 11)->ended);
	assert_int_equal(story_number(&s, second), 2);
	model_free(s.m);
}

static void test_met_first_at_its_exit(void **state)
{
	struct story s;
	const struct process *p;

	(void)state;
	story_begin(&s, FDS_NONE, 10);
	ev_exec(&s, 10, "/bin/sh");
	ev_lost(&s, FS_EV_FORK, 1);
	ev_exit(&s, 11, 10, 0);
	ev_reap(&s, 10, 11);
	story_end(&s);
	p = story_process(&s, 11);
	assert_true(p->in_trace);
	assert_int_equal(p->start_method, START_UNKNOWN);
	assert_int_equal(p->mechanism, MECHANISM_UNKNOWN);
	assert_int_equal(p->parent, MODEL_NONE);
	assert_true(p->reaped);
	model_free(s.m);
}

static void test_exec_may_be_lost(void **state)
{
	struct story s;

	(void)state;
	story_begin(&s, FDS_NONE, 10);
	ev_fork(&s, 10, 11);
	ev_lost(&s, FS_EV_EXEC, 1);
	ev_exit(&s, 11, 10, 0);
	ev_fork(&s, 10, 12);
	ev_exit(&s, 12, 10, 0);
	story_end(&s);
	assert_int_equal(story_process(&s, 11)->start_method, START_UNKNOWN);
	assert_int_equal(story_process(&s, 12)->start_method, START_FORK);
	model_free(s.m);
}

static void test_attached(void **state)
{
	struct story s;
	struct fs_ev_process e = { 0 };
	struct fs_ev_thread t = { 0 };

	(void)state;
	story_begin(&s, FDS_NONE, 0);
	e.h = ev_head(&s, FS_EV_PROCESS, sizeof(e), 10);
	e.threads = 2;
	e.exe_len = 7;
	e.argv_len = 3;
	ev_feed_tail(&s, &e, sizeof(e), "/bin/sh\0sh", 11);
	t.h = ev_head(&s, FS_EV_THREAD, sizeof(t), 10);
	t.h.tid = 15;
	memcpy(t.comm, "helper", 7);
	ev_feed(&s, &t);
	ev_fork(&s, 10, 11);
	story_end(&s);
	assert_int_equal(story_process(&s, 10)->start_method, START_ATTACHED);
	assert_int_equal(story_process(&s, 10)->threads, 2);
	assert_string_equal(model_thread(s.m, story_process(&s, 10)->first_thread)->comm, "helper");
	assert_string_equal(story_process(&s, 10)->attached_exe->data, "/bin/sh");
	assert_int_equal(story_process(&s, 11)->start_method, START_FORK);
	assert_int_equal(story_number(&s, story_process(&s, 11)->parent), 0);
	model_free(s.m);
}

static void test_threads(void **state)
{
	struct story s;
	struct fs_ev_thread_start t = { .new_tid = 21, .comm = "worker" };
	struct fs_ev_thread_exit x = { .exit_code = 0, .comm = "worker" };
	const struct thread *thread;

	(void)state;
	story_begin(&s, FDS_NONE, 10);
	t.h = ev_head(&s, FS_EV_THREAD_START, sizeof(t), 10);
	ev_feed(&s, &t);
	x.h = ev_head(&s, FS_EV_THREAD_EXIT, sizeof(x), 10);
	x.h.tid = 21;
	ev_feed(&s, &x);
	x.h = ev_head(&s, FS_EV_THREAD_EXIT, sizeof(x), 10);
	x.is_leader = 1;
	ev_feed(&s, &x);
	story_end(&s);
	assert_int_equal(story_process(&s, 10)->threads, 2);
	thread = model_thread(s.m, story_process(&s, 10)->first_thread);
	assert_int_equal(thread->tid, 21);
	assert_int_equal(thread->end_ts - thread->start_ts, EV_STEP);
	assert_int_not_equal(story_process(&s, 10)->leader_exit_ts, 0);
	assert_false(story_process(&s, 10)->ended);
	model_free(s.m);
}

static void test_killer(void **state)
{
	struct story s;
	struct fs_ev_signal g = { .sig = SIGTERM, .to_pid = 11, .to_start_ns = 11000 };

	(void)state;
	story_begin(&s, FDS_NONE, 10);
	ev_fork(&s, 10, 11);
	g.h = ev_head(&s, FS_EV_SIGNAL, sizeof(g), 10);
	ev_feed(&s, &g);
	ev_exit(&s, 11, 10, SIGTERM);
	story_end(&s);
	assert_int_equal(story_number(&s, story_process(&s, 11)->killer), 0);
	model_free(s.m);
}

static void test_state_is_inherited(void **state)
{
	struct story s;
	struct fs_ev_state e = { .umask = 022, .when = FS_STATE_AFTER_EXEC };
	const struct process *p;

	(void)state;
	story_begin(&s, FDS_NONE, 10);
	e.h = ev_head(&s, FS_EV_STATE, sizeof(e), 10);
	e.cwd_len = 9;
	ev_feed_tail(&s, &e, sizeof(e), "user\0home", 10);
	ev_fork(&s, 10, 11);
	e.h = ev_head(&s, FS_EV_STATE, sizeof(e), 11);
	e.umask = 077;
	e.cwd_len = 0;
	ev_feed(&s, &e);
	story_end(&s);
	p = story_process(&s, 11);
	assert_ptr_equal(p->state_at_start, story_process(&s, 10)->state_now);
	assert_int_equal(p->state_at_start->umask, 022);
	assert_memory_equal(p->state_at_start + 1, "user\0home", 9);
	assert_int_equal(p->state_now->umask, 077);
	assert_true(p->execed);
	model_free(s.m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mechanisms),
		cmocka_unit_test(test_a_family),
		cmocka_unit_test(test_vfork_suspends),
		cmocka_unit_test(test_clone_parent),
		cmocka_unit_test(test_argv_pieces),
		cmocka_unit_test(test_failed_execs),
		cmocka_unit_test(test_only_the_dead_are_reaped),
		cmocka_unit_test(test_reap_of_a_lost_exit),
		cmocka_unit_test(test_orphans),
		cmocka_unit_test(test_reparent_known_from_exit_alone),
		cmocka_unit_test(test_pid_reuse),
		cmocka_unit_test(test_met_first_at_its_exit),
		cmocka_unit_test(test_exec_may_be_lost),
		cmocka_unit_test(test_attached),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_killer),
		cmocka_unit_test(test_state_is_inherited),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
