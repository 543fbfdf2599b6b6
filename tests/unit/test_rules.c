/* SPDX-License-Identifier: MIT */
/*
 * The rules on hand-made stories, where real programs would be a matter of luck; and what the hang watcher reads of
 * processes that really hang.
 */
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "capture/lock_kind.h"
#include "capture/loop.h"
#include "capture/proc_wait.h"
#include "capture/unwind.h"
#include "events.h"
#include "rules/rule.h"
#include "trace/event_check.h"

/* --- rules on stories --- */

struct stuck_event {
	struct fs_ev_futex_stuck e;
	char frames[64];
};

static uint64_t caught; /* signals that who stands catches */

static struct stuck_event stuck(struct story *s, uint32_t pid, uint32_t kind, uint32_t owner,
				uint32_t proof)
{
	static const char frames[] = "pthread_mutex_lock+0x1 (libc.so.6)\0take+0x2 (a.c:3)";
	struct stuck_event x = { .e = { .kind = kind,
					.sig_caught = caught,
					.owner = owner,
					.owner_tid = owner ? 7 : 0,
					.how = FS_STUCK_WAITS,
					.proof = proof,
					.threads = 1,
					.stuck = 1,
					.frames_len = sizeof(frames) } };

	x.e.h = ev_head(s, FS_EV_FUTEX_STUCK, sizeof(x), pid);
	memcpy(x.frames, frames, sizeof(frames));
	return x;
}

/* A process 10 with `threads` threads forks 11, which stands as told; how many findings of which rule. */
static size_t findings_of(uint32_t threads, bool execs, uint32_t shared, uint32_t kind,
			  uint32_t owner, uint32_t proof, const char *rule, int *ret_severity)
{
	struct findings f = { 0 };
	struct stuck_event x;
	struct fs_ev_fork fork_event;
	struct story s;
	size_t n = 0;

	story_begin(&s, FDS_SNAPSHOT, 10);
	fork_event = (struct fs_ev_fork){ .h = ev_head(&s, FS_EV_FORK, sizeof(fork_event), 10),
					  .child_pid = 11,
					  .child_start_ns = 11000,
					  .parent_pid = 10,
					  .parent_start_ns = 10000,
					  .clone_flags = EV_FORK_FLAGS,
					  .exit_signal = SIGCHLD,
					  .syscall = 56,
					  .threads = threads };
	assert_int_equal(model_add(s.m, &fork_event.h), 0);
	if (execs) {
		struct {
			struct fs_ev_exec e;
			char tail[8];
		} exec_event = { .e = { .filename_len = 1, .interp_len = 1 }, .tail = "a\0a" };

		exec_event.e.h = ev_head(&s, FS_EV_EXEC, sizeof(exec_event), 11);
		assert_int_equal(model_add(s.m, &exec_event.e.h), 0);
	}
	x = stuck(&s, 11, kind, owner, proof);
	x.e.shared = shared;
	assert_null(event_problem(&x.e.h));
	/* Twice: one cause is one finding. */
	assert_int_equal(model_add(s.m, &x.e.h), 0);
	assert_int_equal(model_add(s.m, &x.e.h), 0);
	story_end(&s);
	assert_int_equal(s.err, 0);
	assert_int_equal(rules_run(s.m, &f), 0);
	for (size_t i = 0; i < f.count; i++) {
		if (strcmp(f.list[i].rule, rule) != 0)
			continue;
		*ret_severity = f.list[i].severity;
		assert_int_equal(f.list[i].count, 2);
		assert_non_null(strstr(f.list[i].detail, "take+0x2"));
		assert_non_null(strstr(f.list[i].key, "take"));
		n++;
	}
	findings_free(&f);
	model_free(s.m);
	return n;
}

static void test_deadlock(void **state)
{
	const uint32_t all = FS_PROOF_OWNER | FS_PROOF_LOCK_CODE | FS_PROOF_NO_HANDLER;
	int severity = -1;

	(void)state;
	assert_int_equal(
		findings_of(2, false, 0, FS_WAIT_MUTEX, FS_OWNER_GONE, all, "FS001", &severity), 1);
	assert_int_equal(severity, SEVERITY_BUG);
	/* A semaphore and a handler that may post it. */
	assert_int_equal(findings_of(2, false, 0, FS_WAIT_SEMAPHORE, 0, 0, "FS001", &severity), 1);
	assert_int_equal(severity, SEVERITY_WARNING);
	/* Or that surely is there: a child may wait like this for its SIGTERM. */
	caught = UINT64_C(1) << (SIGTERM - 1);
	assert_int_equal(findings_of(2, false, 0, FS_WAIT_SEMAPHORE, 0, 0, "FS001", &severity), 1);
	assert_int_equal(severity, SEVERITY_NOTE);
	assert_int_equal(findings_of(2, false, 0, FS_WAIT_CONDITION, 0, 0, "FS003", &severity), 1);
	assert_int_equal(severity, SEVERITY_WARNING);
	caught = 0;
	/* With one thread only a lock that bears another's number is fork's doing. */
	assert_int_equal(findings_of(1, false, 0, FS_WAIT_MUTEX, FS_OWNER_ELSEWHERE, FS_PROOF_OWNER,
				     "FS001", &severity),
			 1);
	assert_int_equal(findings_of(1, false, 0, FS_WAIT_SEMAPHORE, 0, FS_PROOF_NO_HANDLER,
				     "FS001", &severity),
			 0);
	/* Its own affair, another image, or memory that others can write. */
	assert_int_equal(
		findings_of(2, false, 0, FS_WAIT_MUTEX, FS_OWNER_HERE, all, "FS001", &severity), 0);
	assert_int_equal(
		findings_of(2, true, 0, FS_WAIT_MUTEX, FS_OWNER_GONE, all, "FS001", &severity), 0);
	assert_int_equal(
		findings_of(2, false, 1, FS_WAIT_MUTEX, FS_OWNER_GONE, 0, "FS001", &severity), 0);
	assert_int_equal(findings_of(2, false, 1, FS_WAIT_MUTEX, FS_OWNER_GONE, FS_PROOF_OWNER,
				     "FS009", &severity),
			 1);
}

static void test_lost_thread(void **state)
{
	int severity = -1;

	(void)state;
	assert_int_equal(findings_of(2, false, 0, FS_WAIT_CONDITION, 0, FS_PROOF_NO_HANDLER,
				     "FS003", &severity),
			 1);
	assert_int_equal(severity, SEVERITY_BUG);
	assert_int_equal(findings_of(2, false, 0, FS_WAIT_CONDITION, 0, 0, "FS003", &severity), 1);
	assert_int_equal(severity, SEVERITY_WARNING);
	assert_int_equal(findings_of(2, false, 0, FS_WAIT_CONDITION, 0, FS_PROOF_NO_HANDLER,
				     "FS001", &severity),
			 0);
	assert_int_equal(findings_of(1, false, 0, FS_WAIT_CONDITION, 0, FS_PROOF_NO_HANDLER,
				     "FS003", &severity),
			 0);
}

static void test_damaged_events(void **state)
{
	struct stuck_event x;
	struct story s;
	struct {
		struct fs_ev_blocked e;
		struct fs_holder holders[2];
	} b = { .e = { .count = 2 } };

	(void)state;
	story_begin(&s, FDS_FULL, 10);
	x = stuck(&s, 11, FS_WAIT_MUTEX, 0, 0);
	x.e.frames_len = sizeof(x.frames) + 1;
	assert_non_null(event_problem(&x.e.h));
	x.e.frames_len = 4; /* no NUL at its end */
	assert_non_null(event_problem(&x.e.h));
	b.e.h = ev_head(&s, FS_EV_BLOCKED, sizeof(b), 11);
	assert_null(event_problem(&b.e.h));
	b.e.count = 3;
	assert_non_null(event_problem(&b.e.h));
	story_end(&s);
	model_free(s.m);
}

static void test_table(void **state)
{
	(void)state;
	for (size_t i = 0; rules[i]; i++) {
		assert_ptr_equal(rule_find(rules[i]->id), rules[i]);
		assert_ptr_equal(rule_find(rules[i]->name), rules[i]);
		assert_true(strlen(rules[i]->text) > 100 && rules[i]->fix && rules[i]->title);
		if (i)
			assert_true(strcmp(rules[i - 1]->id, rules[i]->id) < 0);
	}
	assert_null(rule_find("FS000"));
}

/* --- what the watcher reads --- */

static void test_lock_kinds(void **state)
{
	static const char mutex[] =
		"__lll_lock_wait+0x1 (a)\0___pthread_mutex_lock+0x2 (b)\0main+0x3 (c)";
	static const char libc[] = "__lll_lock_wait_private+0x1 (a)\0__tz_convert+0x2 (b)";
	static const char python[] =
		"__new_sem_wait_slow64+0x1 (a)\0PyThread_acquire_lock_timed+0x2 (b)";
	static const char team[] = "?+0x1f2 (libgomp.so.1.0.0)\0work+0x2 (a.c:1)";
	static const char future[] = "_ZNSt28__atomic_futex_unsigned_base19_M_futex_wait_untilEPjj+"
				     "0x1 (a)\0main+0x2 (b)";
	static const char none[] = "main+0x1 (a)";

	(void)state;
	assert_int_equal(lock_kind(mutex, sizeof(mutex)), FS_WAIT_MUTEX);
	assert_int_equal(lock_kind(libc, sizeof(libc)), FS_WAIT_LIBC);
	assert_int_equal(lock_kind(python, sizeof(python)), FS_WAIT_PYTHON);
	assert_int_equal(lock_kind(team, sizeof(team)), FS_WAIT_TEAM);
	assert_int_equal(lock_kind(future, sizeof(future)), FS_WAIT_CONDITION);
	assert_int_equal(lock_kind(none, sizeof(none)), FS_WAIT_UNKNOWN);
	assert_true(frames_have(libc, sizeof(libc), "tz_convert"));
	assert_false(frames_have(libc, sizeof(libc), "tz"));
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

__attribute__((noipa)) static void hang_in_lock(void)
{
	pthread_mutex_lock(&lock);
	pthread_mutex_lock(&lock);
	_exit(0);
}

__attribute__((noipa)) static void spin(void)
{
	static volatile int never;

	while (!never)
		;
	_exit(0);
}

__attribute__((noipa)) static void count_up(void)
{
	static volatile unsigned counter;

	for (;;)
		counter++;
}

__attribute__((noipa)) static void nap(void)
{
	static volatile int never;

	while (!never)
		usleep(2000);
	_exit(0);
}

__attribute__((noipa)) static void try_lock(void)
{
	pthread_mutex_lock(&lock);
	while (pthread_mutex_trylock(&lock))
		usleep(2000);
	_exit(0);
}

__attribute__((noipa)) static void nap_and_count(void)
{
	for (unsigned i = 0; i < 1000000; i++)
		usleep(2000);
	_exit(0);
}

static pid_t start(void (*fn)(void))
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		fn();
	usleep(150000);
	return pid;
}

/* On a busy machine a process may not have come to its loop yet; the watcher looks again, too. */
static bool proves_loop(pid_t pid, struct buffer *frames, struct loop *loop)
{
	for (int i = 0; i < 40; i++) {
		if (loop_is_endless(pid, frames, loop))
			return true;
		usleep(100000);
	}
	return false;
}

/* Likewise: until its one thread waits in a system call. */
static int waits_of(pid_t pid, struct process_wait *w)
{
	int err = 0;

	for (int i = 0; i < 40; i++) {
		err = proc_waits(pid, w);
		if (err < 0 || w->threads[0].nr >= 0)
			break;
		usleep(100000);
	}
	return err;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void test_hanging_process(void **state)
{
	pid_t pid = start(hang_in_lock);
	struct buffer frames = { 0 };
	struct process_wait w, again;

	(void)state;
	assert_int_equal(waits_of(pid, &w), 0);
	assert_int_equal(w.count, 1);
	assert_true(wait_is_endless_futex(&w.threads[0]));
	assert_true(w.threads[0].args[0] == (uintptr_t)&lock);
	assert_int_equal(lock_owner(pid, w.threads[0].args[0], FS_WAIT_MUTEX, 2), pid);
	assert_false(proc_is_shared(pid, w.threads[0].args[0]));
	assert_int_equal(unwind_thread(pid, pid, &frames), 0);
	assert_int_equal(lock_kind(frames.data, frames.len), FS_WAIT_MUTEX);
	assert_true(frames_have(frames.data, frames.len, "hang_in_lock"));
	/* Having been looked at it hangs as before. */
	usleep(50000);
	assert_int_equal(proc_waits(pid, &again), 0);
	assert_true(proc_waits_signature(&w) == proc_waits_signature(&again));
	buffer_free(&frames);
	end(pid);
	assert_true(proc_waits(pid, &w) < 0);
}

static void test_loops(void **state)
{
	struct buffer frames = { 0 };
	struct loop loop = { 0 };
	pid_t pid = start(spin);

	(void)state;
	assert_true(proves_loop(pid, &frames, &loop));
	assert_true(loop.address && !loop.naps && !loop.kind);
	assert_true(frames_have(frames.data, frames.len, "spin"));
	end(pid);
	/* One that gets on, if only by counting, is no proof. */
	buffer_reset(&frames);
	pid = start(count_up);
	assert_false(loop_is_endless(pid, &frames, &loop));
	assert_int_equal(frames.len, 0);
	end(pid);
	buffer_free(&frames);
}

static void test_loops_that_nap(void **state)
{
	struct buffer frames = { 0 };
	struct loop loop = { 0 };
	pid_t pid = start(nap);

	(void)state;
	assert_true(proves_loop(pid, &frames, &loop));
	assert_true(loop.naps && !loop.kind);
	assert_true(frames_have(frames.data, frames.len, "nap"));
	end(pid);
	buffer_reset(&frames);
	pid = start(try_lock);
	assert_true(proves_loop(pid, &frames, &loop));
	assert_int_equal(loop.kind, FS_WAIT_MUTEX);
	assert_true(loop.address == (uintptr_t)&lock);
	assert_true(frames_have(frames.data, frames.len, "try_lock"));
	end(pid);
	buffer_reset(&frames);
	pid = start(nap_and_count);
	for (int i = 0; i < 5; i++)
		assert_false(loop_is_endless(pid, &frames, &loop));
	end(pid);
	buffer_free(&frames);
}

static void test_pipe_writers(void **state)
{
	struct fs_holder list[8];
	struct process_wait w;
	uint64_t ino;
	uint32_t fd;
	int ends[2];
	pid_t pid;
	char c;

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		close(ends[1]);
		_exit(read(ends[0], &c, 1) == 0 ? 0 : 1);
	}
	usleep(150000);
	assert_int_equal(waits_of(pid, &w), 0);
	ino = wait_reads_stream(pid, &w.threads[0], &fd);
	assert_true(ino != 0);
	assert_int_equal(fd, ends[0]);
	assert_int_equal(proc_stream_writers(pid, ino, list, 0, 8), 0);
	assert_int_equal(proc_stream_writers(getpid(), ino, list, 0, 8), 1);
	assert_int_equal(list[0].fd, ends[1]);
	close(ends[1]);
	close(ends[0]);
	assert_child_ok(pid);
}

ISOLATE(test_hanging_process)
ISOLATE(test_loops)
ISOLATE(test_loops_that_nap)
ISOLATE(test_pipe_writers)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_deadlock),
		cmocka_unit_test(test_lost_thread),
		cmocka_unit_test(test_damaged_events),
		cmocka_unit_test(test_lock_kinds),
		ISOLATED(test_hanging_process),
		ISOLATED(test_loops),
		ISOLATED(test_loops_that_nap),
		ISOLATED(test_pipe_writers),
	};

	return cmocka_run_group_tests_name("rules", tests, NULL, NULL);
}
