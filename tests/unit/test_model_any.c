/* SPDX-License-Identifier: MIT */
/* The model holds what it promises for any sequence of sound events, with small numbers that meet by chance. */
#include "harness.h"

#include "events.h"
#include "model/ledger.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

static uint64_t seed;

static uint32_t rnd(uint32_t below)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(seed >> 33) % below;
}

static void random_fds(struct fs_fd *fds, uint32_t n)
{
	uint32_t i;

	for (i = 0; i < n; i++)
		fds[i] = (struct fs_fd){ rnd(30), rnd(20) ? rnd(12) : (uint32_t)-1 - rnd(3),
					 rnd(2) };
}

/* Any of them, and as words. */
union any_event {
	struct fs_event h;
	struct fs_ev_fork fork;
	struct fs_ev_exec exec;
	struct fs_ev_exec_argv piece;
	struct fs_ev_exec_failed failed;
	struct fs_ev_state state;
	struct fs_ev_process process;
	struct fs_ev_file file;
	struct fs_ev_fd_table table;
	struct fs_ev_fd_pass pass;
	struct fs_ev_fd fd;
	struct fs_ev_fd_getfd getfd;
	struct fs_ev_fd_dup dup;
	struct fs_ev_lost lost;
	struct fs_ev_reap reap;
	struct fs_ev_reparent reparent;
	struct fs_ev_signal signal;
	uint32_t words[128];
};

static const uint16_t types[] = {
	FS_EV_FORK,	   FS_EV_FORK,	     FS_EV_FORK_DONE,	   FS_EV_THREAD_START,
	FS_EV_THREAD_EXIT, FS_EV_EXEC,	     FS_EV_EXEC_ARGV,	   FS_EV_EXEC_FAILED,
	FS_EV_EXIT,	   FS_EV_REAP,	     FS_EV_REPARENT,	   FS_EV_SIGNAL,
	FS_EV_OOM_KILL,	   FS_EV_RENAME,     FS_EV_STATE,	   FS_EV_PROCESS,
	FS_EV_THREAD,	   FS_EV_CRED,	     FS_EV_FIRST_WRITE,	   FS_EV_FILE,
	FS_EV_FD_TABLE,	   FS_EV_FD_TABLE,   FS_EV_FD_SEND,	   FS_EV_FD_SEND,
	FS_EV_FD_RECV,	   FS_EV_FD_RECV,    FS_EV_FD_GETFD,	   FS_EV_FD_OPEN,
	FS_EV_FD_CLOSE,	   FS_EV_FD_DUP,     FS_EV_FD_CLOEXEC,	   FS_EV_FD_CLOSE_RANGE,
	FS_EV_FD_USE,	   FS_EV_FD_UNSHARE, FS_EV_FD_SEND_FAILED, FS_EV_BLIND_SPOT,
	FS_EV_CALLS,	   FS_EV_FD_EOF,     FS_EV_LOST,	   250,
};

/* Lives, with their texts. Returns false for an event of another kind; likewise below. */
static bool feed_life(struct story *s, union any_event *e)
{
	switch (e->h.type) {
	case FS_EV_FORK:
		e->fork.clone_flags = (rnd(4) ? 0 : CLONE_FILES) |
				      (rnd(4) ? 0 : CLONE_VFORK | CLONE_VM);
		e->fork.child_pid = rnd(9);
		e->fork.child_start_ns = e->fork.child_pid * 1000;
		e->fork.parent_pid = rnd(9);
		e->fork.parent_start_ns = e->fork.parent_pid * 1000;
		ev_feed(s, e);
		return true;
	case FS_EV_EXEC:
		e->exec.filename_len = 2;
		e->exec.interp_len = 2;
		e->exec.argv_len = rnd(5);
		e->exec.argv_total = e->exec.argv_len + (rnd(2) ? 0 : rnd(9));
		ev_feed_tail(s, e, sizeof(e->exec), "/a\0/b\0x\0yz", 10);
		return true;
	case FS_EV_EXEC_ARGV:
		e->piece.len = rnd(4);
		ev_feed_tail(s, e, sizeof(e->piece), "abcd", 4);
		return true;
	case FS_EV_EXEC_FAILED:
		e->failed.filename_len = 2;
		e->failed.argv_len = rnd(3);
		e->failed.argv_total = e->failed.argv_len + rnd(2);
		ev_feed_tail(s, e, sizeof(e->failed), "/a\0b\0c", 6);
		return true;
	case FS_EV_STATE:
		e->state.cwd_len = rnd(2) ? 4 : 0;
		ev_feed_tail(s, e, sizeof(e->state), "a\0b", 4);
		return true;
	case FS_EV_PROCESS:
		e->process.exe_len = 2;
		e->process.argv_len = rnd(4);
		ev_feed_tail(s, e, sizeof(e->process), "/a\0b\0c", 6);
		return true;
	default:
		return false;
	}
}

static bool feed_fds(struct story *s, union any_event *e)
{
	struct fs_fd fds[8];
	uint32_t n = rnd(8);

	random_fds(fds, 8);
	switch (e->h.type) {
	case FS_EV_FILE:
		e->file.mode = rnd(2) ? S_IFIFO : S_IFSOCK;
		e->file.sb_magic = rnd(2) ? 0x50495045 : 0x09041934;
		e->file.name_len = rnd(2) ? 0 : 4;
		e->file.sock_family = (uint16_t)rnd(3);
		ev_feed_tail(s, e, sizeof(e->file), "a\0b", 4);
		return true;
	case FS_EV_FD_TABLE:
		e->table.when = 1 + rnd(3);
		e->table.count = n;
		e->table.count_before = rnd(3) ? 0 : rnd(8);
		e->table.last = rnd(4) != 0;
		e->table.table_flags = rnd(9) ? 0 : FS_TABLE_SHARED;
		ev_feed_tail(s, e, sizeof(e->table), fds, n * sizeof(fds[0]));
		return true;
	case FS_EV_FD_SEND:
	case FS_EV_FD_RECV:
		e->pass.count = n / 3;
		e->pass.sock_ino = rnd(3);
		e->pass.sock_peer_ino = rnd(3);
		e->pass.pass_flags = rnd(8);
		e->pass.message = rnd(3);
		ev_feed_tail(s, e, sizeof(e->pass), fds, n / 3 * sizeof(fds[0]));
		return true;
	default:
		return false;
	}
}

/* A sound event of any type with small random numbers everywhere. */
static void feed_random(struct story *s)
{
	union any_event e;
	uint32_t i;

	memset(&e, 0, sizeof(e));
	for (i = sizeof(struct fs_event) / 4; i < 96; i++)
		e.words[i] = rnd(3) ? rnd(12) : 0;
	e.h = ev_head(s, types[rnd(N(types))], sizeof(e), rnd(9));
	e.h.tid = rnd(9);
	if (!feed_life(s, &e) && !feed_fds(s, &e))
		ev_feed(s, &e);
}

static int hear_nothing(void *arg, const struct holding *h)
{
	*(uint64_t *)arg += h->fd;
	return 0;
}

static void test_any_sequence(void **state)
{
	struct story s;
	uint64_t round, sum = 0;
	size_t i;

	(void)state;
	for (round = 0; round < 300; round++) {
		seed = round * 7919 + 17;
		story_begin(&s, (enum fds_level)rnd(4), rnd(9));
		for (i = 0; i < 400; i++)
			feed_random(&s);
		story_end(&s);
		assert_int_equal(s.err, 0);
		for (i = 0; i < model_process_count(s.m); i++) {
			const struct process *p = model_process(s.m, (uint32_t)i);
			uint64_t ns;

			assert_int_equal(model_holdings(s.m, (uint32_t)i, hear_nothing, &sum), 0);
			assert_int_equal(p->in_trace, p->number != MODEL_NONE);
			if (p->knows_never_used)
				assert_true(p->fds_never_used <= p->fds_inherited);
			if (p->reaped)
				assert_true(p->ended);
			if (process_zombie_ns(p, &ns))
				assert_true(ns < s.ts);
			(void)process_asked_ts(s.m, p);
			(void)process_suspended_ns(s.m, p, &ns);
		}
		model_free(s.m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_any_sequence) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
