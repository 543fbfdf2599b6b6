/* SPDX-License-Identifier: MIT */
/* The model: kinds, fd tables, passing, fork servers, workers, the ledger. */
#include "harness.h"

#include <errno.h>
#include <stdio.h>

#include "events.h"
#include "model/ledger.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

static const struct fs_fd std[] = { { 1, 0, 0 }, { 2, 1, 0 }, { 2, 2, 0 } };

static void test_kinds(void **state)
{
	static const struct {
		uint32_t magic, mode, rdev;
		const char *name;
		size_t len;
		const char *kind, *id;
	} cases[] = {
		{ 0xef53, S_IFREG, 0, "a\0home", 7, "file", "/home/a" },
		{ 0xef53, S_IFDIR, 0, "/", 2, "dir", "/" },
		{ 0x01021994, S_IFREG, 0, "memfd:x", 8, "memfd", "memfd:x" },
		{ 0x01021994, S_IFREG, 0, "memfd:x\0shm\0dev", 16, "file", "/dev/shm/memfd:x" },
		{ 0x01021994, S_IFCHR, 5 << 20, "tty\0dev", 8, "tty", "/dev/tty" },
		{ 0x1cd1, S_IFCHR, 136 << 20 | 3, "3\0pts\0dev", 10, "tty", "/dev/pts/3" },
		{ 0x01021994, S_IFCHR, 1 << 20 | 3, "null\0dev", 9, "char", "/dev/null" },
		{ 0x01021994, S_IFBLK, 8 << 20, "sda\0dev", 8, "block", "/dev/sda" },
		{ 0xef53, S_IFIFO, 0, "f\0tmp", 6, "fifo", "/tmp/f" },
		{ 0x09041934, 0600, 0, "[eventfd]", 10, "eventfd", "anon:[eventfd]" },
		{ 0x09041934, S_IFREG | 0600, 0, "[eventpoll]", 12, "epoll", "anon:[eventpoll]" },
		{ 0x09041934, 0600, 0, "inotify", 8, "inotify", "anon:[inotify]" },
		{ 0x09041934, 0600, 0, "bpf-map", 8, "anon:bpf-map", "anon:[bpf-map]" },
		{ 0x50494446, S_IFREG, 0, "", 0, "pidfd", "anon:[pidfd]" },
		{ 0xef53, S_IFREG, 0, "", 0, "file", "file:[8:1:10016]" },
	};
	struct story s;
	size_t i;

	(void)state;
	story_begin(&s, FDS_SNAPSHOT, 10);
	for (i = 0; i < N(cases); i++)
		ev_file(&s, i + 2, cases[i].magic, cases[i].mode, cases[i].rdev, cases[i].name,
			cases[i].len);
	ev_pipe(&s, 100, 109, 1);
	ev_socket(&s, 101, 7, 8);
	story_end(&s);
	for (i = 0; i < N(cases); i++) {
		const struct file *f = model_file(s.m, model_find_file(s.m, i + 2));

		assert_string_equal(f->kind, cases[i].kind);
		assert_string_equal(f->id->data, cases[i].id);
	}
	assert_string_equal(model_file(s.m, model_find_file(s.m, 100))->id->data, "pipe:[109]");
	assert_string_equal(model_file(s.m, model_find_file(s.m, 101))->kind, "socket:unix");
	assert_string_equal(model_file(s.m, model_find_file(s.m, 101))->id->data, "socket:[7]");
	model_free(s.m);
}

static void test_counts(void **state)
{
	const struct fs_fd birth[] = {
		{ 1, 0, 0 }, { 2, 1, 0 }, { 2, 2, 0 }, { 3, 3, 1 }, { 4, 9, 1 }
	};
	struct story s;
	const struct process *p;

	(void)state;
	story_begin(&s, FDS_FULL, 10);
	ev_exec(&s, 10, "/bin/sh");
	ev_table(&s, 10, FS_TABLE_AFTER_EXEC, std, 3);
	ev_fork(&s, 10, 11);
	ev_table(&s, 11, FS_TABLE_AT_FORK, birth, 5);
	ev_fd(&s, FS_EV_FD_USE, 11, 1, 2, 0);
	ev_fd(&s, FS_EV_FD_USE, 11, 3, 3, 0);
	ev_exec(&s, 11, "/bin/true");
	ev_table(&s, 11, FS_TABLE_AFTER_EXEC, std, 3);
	ev_fd(&s, FS_EV_FD_OPEN, 11, 3, 50, 0);
	ev_fd(&s, FS_EV_FD_USE, 11, 3, 50, 0); /* not the one it was born with */
	ev_fd(&s, FS_EV_FD_USE, 11, 2, 2, 0);
	ev_exit(&s, 11, 10, 0);
	story_end(&s);
	p = story_process(&s, 10);
	assert_true(p->knows_at_start);
	assert_int_equal(p->fds_at_start, 3);
	assert_int_equal(p->fds_after_exec, 3);
	p = story_process(&s, 11);
	assert_int_equal(p->fds_at_start, 5);
	assert_int_equal(p->fds_inherited, 5);
	assert_int_equal(p->fds_cloexec, 2);
	assert_true(p->knows_after_exec);
	assert_int_equal(p->fds_after_exec, 3);
	assert_true(p->knows_never_used);
	assert_int_equal(p->fds_never_used, 2); /* 0 and 9 */
	model_free(s.m);
}

static void test_unknown_where_a_witness_is_missing(void **state)
{
	struct fs_ev_blind_spot blind = { .what = FS_BLIND_IO_URING };
	struct story s;

	(void)state;
	story_begin(&s, FDS_FULL, 10);
	ev_fork(&s, 10, 11);
	ev_table_piece(&s, 11, FS_TABLE_AT_FORK, std, 2, 0, false);
	ev_table_piece(&s, 11, FS_TABLE_AT_FORK, std, 1, 5, true); /* a piece is missing */
	ev_fork(&s, 10, 12);
	ev_table_piece(&s, 12, FS_TABLE_AT_FORK, std, 2, 0, false);
	ev_table_piece(&s, 12, FS_TABLE_AT_FORK, std + 2, 1, 2, true);
	ev_fork(&s, 10, 13);
	ev_table(&s, 13, FS_TABLE_AT_FORK, std, 3);
	blind.h = ev_head(&s, FS_EV_BLIND_SPOT, sizeof(blind), 13);
	ev_feed(&s, &blind);
	ev_exit(&s, 12, 10, 0);
	ev_fork(&s, 10, 14);
	ev_table(&s, 14, FS_TABLE_AT_FORK, std, 3);
	ev_lost(&s, FS_EV_FD_USE, 1);
	story_end(&s);
	assert_false(story_process(&s, 11)->knows_at_start);
	assert_false(story_process(&s, 11)->knows_never_used);
	assert_true(story_process(&s, 12)->knows_never_used);
	assert_int_equal(story_process(&s, 12)->fds_at_start, 3);
	assert_int_equal(story_process(&s, 12)->fds_never_used, 3);
	assert_true(story_process(&s, 13)->knows_at_start);
	assert_false(story_process(&s, 13)->knows_never_used);
	assert_false(story_process(&s, 14)->knows_never_used);
	model_free(s.m);
}

static void test_other_ends(void **state)
{
	struct story s;
	uint32_t r, w;

	(void)state;
	story_begin(&s, FDS_FULL, 10);
	ev_pipe(&s, 5, 109, 1);
	ev_pipe(&s, 6, 109, 2);
	ev_pipe(&s, 7, 110, 2);
	ev_socket(&s, 8, 20, 21);
	ev_socket(&s, 9, 21, 20);
	ev_socket(&s, 10, 22, 0);
	story_end(&s);
	r = model_find_file(s.m, 5);
	w = model_find_file(s.m, 6);
	assert_int_equal(model_other_end(s.m, r, MODEL_NONE), w);
	assert_int_equal(model_other_end(s.m, r, w), MODEL_NONE);
	assert_int_equal(model_other_end(s.m, w, MODEL_NONE), r);
	assert_int_equal(model_other_end(s.m, model_find_file(s.m, 7), MODEL_NONE), MODEL_NONE);
	assert_int_equal(model_other_end(s.m, model_find_file(s.m, 8), MODEL_NONE),
			 model_find_file(s.m, 9));
	assert_int_equal(model_other_end(s.m, model_find_file(s.m, 10), MODEL_NONE), MODEL_NONE);
	model_free(s.m);
}

static void test_pass_is_joined(void **state)
{
	const struct fs_fd sent[] = { { 70, 15, 0 }, { 71, 16, 0 } };
	const struct fs_fd got[] = { { 70, 8, 0 }, { 71, 9, FS_FD_CLOEXEC } };
	const struct fs_fd other[] = { { 72, 5, 0 } };
	const struct fd_pass *pass;
	struct story s;

	(void)state;
	story_begin(&s, FDS_PASS, 10);
	ev_fork(&s, 10, 11);
	ev_pass(&s, FS_EV_FD_SEND, 10, 100, 101, other, 1, 0);
	ev_pass(&s, FS_EV_FD_SEND, 10, 200, 201, sent, 2, 0);
	ev_pass(&s, FS_EV_FD_SEND, 10, 100, 101, sent, 2, 0);
	ev_pass(&s, FS_EV_FD_RECV, 11, 101, 100, got, 2, 0); /* over the first one of that socket */
	ev_pass(&s, FS_EV_FD_RECV, 11, 101, 100, NULL, 0, FS_PASS_CTRUNC);
	story_end(&s);
	assert_int_equal(model_pass_count(s.m), 3);
	pass = model_pass(s.m, 2);
	assert_int_equal(story_number(&s, pass->from), 0);
	assert_int_equal(story_number(&s, pass->to), 1);
	assert_int_equal(model_pass_file(s.m, pass->first_file)->from_fd, 15);
	assert_int_equal(model_pass_file(s.m, pass->first_file + 1)->to_fd, 9);
	assert_true(pass->no_cloexec);
	assert_int_equal(model_pass(s.m, 1)->received_ts, 0); /* its receiver died first */
	pass = model_pass(s.m, 0);
	assert_true(pass->truncated);
	assert_int_equal(model_pass_file(s.m, pass->first_file)->to_fd, -1);
	assert_int_equal(story_process(&s, 11)->fds_received, 2);
	assert_true(story_process(&s, 11)->knows_received);
	model_free(s.m);
}

static void test_pass_peek_fail_and_late_send(void **state)
{
	const struct fs_fd fd[] = { { 70, 15, 0 } }, got[] = { { 70, 8, 1 } };
	struct fs_ev_fd_send_failed failed = { .error = EPIPE };
	struct story s;

	(void)state;
	story_begin(&s, FDS_PASS, 10);
	ev_fork(&s, 10, 11);
	ev_pass(&s, FS_EV_FD_SEND, 10, 100, 101, fd, 1, 0);
	ev_pass(&s, FS_EV_FD_RECV, 11, 101, 100, got, 1, FS_PASS_PEEK);
	ev_pass(&s, FS_EV_FD_RECV, 11, 101, 100, got, 1, 0);
	ev_pass(&s, FS_EV_FD_SEND, 10, 100, 101, fd, 1, 0);
	failed.h = ev_head(&s, FS_EV_FD_SEND_FAILED, sizeof(failed), 10);
	ev_feed(&s, &failed);
	ev_pass(&s, FS_EV_FD_RECV, 11, 101, 100, got, 1, 0);
	ev_pass(&s, FS_EV_FD_SEND, 10, 100, 101, fd, 1, 0); /* seen after its receive */
	ev_feed(&s, &failed); /* it did arrive: nothing to take back */
	story_end(&s);
	assert_int_equal(model_pass_count(s.m), 4);
	assert_int_not_equal(model_pass(s.m, 0)->received_ts, 0);
	assert_true(model_pass(s.m, 1)->peek);
	assert_int_equal(story_number(&s, model_pass(s.m, 1)->from), 0);
	assert_int_equal(model_pass(s.m, 2)->error, EPIPE);
	assert_int_equal(model_pass(s.m, 2)->received_ts, 0);
	assert_int_equal(model_pass(s.m, 3)->error, 0);
	assert_int_equal(story_number(&s, model_pass(s.m, 3)->from), 0);
	assert_int_equal(model_pass_file(s.m, model_pass(s.m, 3)->first_file)->from_fd, 15);
	model_free(s.m);
}

/* main 10 asks server 11 for child; a prefork server only ever receives its listening socket. */
static void request(struct story *s, uint32_t child, uint64_t file, bool let_go)
{
	struct fs_fd sent[] = { { file, 15, 0 } }, got[] = { { file, 8, 0 } };
	struct fs_fd birth[] = { { 1, 0, 0 }, { 2, 1, 0 }, { 2, 2, 0 }, { file, 8, 0 } };

	ev_pass(s, FS_EV_FD_SEND, 10, 100, 101, sent, 1, 0);
	ev_pass(s, FS_EV_FD_RECV, 11, 101, 100, got, 1, 0);
	ev_fork(s, 11, child);
	ev_table(s, child, FS_TABLE_AT_FORK, birth, 4);
	if (let_go)
		ev_fd(s, FS_EV_FD_CLOSE, 11, 8, file, 0);
}

static void serve(struct story *s, enum fds_level fds, bool let_go)
{
	story_begin(s, fds, 10);
	ev_exec(s, 10, "/bin/main");
	ev_fork(s, 10, 11);
	ev_table(s, 11, FS_TABLE_AT_FORK, std, 3);
	request(s, 12, 70, let_go && fds == FDS_FULL);
	if (let_go)
		request(s, 13, 71, fds == FDS_FULL);
	else
		ev_fork(s, 11, 13);
}

static void test_forkserver(void **state)
{
	static const enum fds_level levels[] = { FDS_SNAPSHOT, FDS_FULL };
	struct story s;
	size_t i;

	(void)state;
	for (i = 0; i < N(levels); i++) {
		serve(&s, levels[i], true);
		story_end(&s);
		assert_int_equal(s.err, 0);
		assert_int_equal(story_process(&s, 11)->start_method, START_FORK);
		assert_int_equal(story_process(&s, 11)->role, ROLE_FORKSERVER);
		assert_int_equal(story_process(&s, 12)->start_method, START_FORKSERVER);
		assert_int_equal(story_process(&s, 13)->start_method, START_FORKSERVER);
		assert_int_equal(story_process(&s, 13)->role, ROLE_WORKER);
		assert_int_equal(story_number(&s, story_process(&s, 12)->parent), 1);
		assert_int_equal(story_number(&s, story_process(&s, 12)->logical_parent), 0);
		assert_int_equal(story_number(&s, model_pass(s.m, 0)->for_process), 2);
		assert_int_equal(story_number(&s, model_pass(s.m, 1)->for_process), 3);
		assert_int_equal(process_asked_ts(s.m, story_process(&s, 12)),
				 model_pass(s.m, 0)->sent_ts);
		model_free(s.m);
	}
}

static void test_prefork_is_no_forkserver(void **state)
{
	const struct fs_fd kept[] = { { 1, 0, 0 }, { 2, 1, 0 }, { 2, 2, 0 }, { 70, 8, 0 } };
	struct story s;

	(void)state;
	serve(&s, FDS_FULL, false);
	story_end(&s);
	assert_int_equal(story_process(&s, 12)->start_method, START_FORK);
	assert_int_equal(story_process(&s, 11)->role, ROLE_NONE);
	assert_int_equal(story_process(&s, 12)->logical_parent, story_process(&s, 12)->parent);
	model_free(s.m);

	/* Without --fds=full the next child's table shows that the server kept it. */
	serve(&s, FDS_SNAPSHOT, false);
	ev_table(&s, 13, FS_TABLE_AT_FORK, kept, 4);
	story_end(&s);
	assert_int_equal(story_process(&s, 12)->start_method, START_FORK);
	assert_int_equal(story_process(&s, 13)->start_method, START_FORK);
	model_free(s.m);

	/* No tables, no proof. */
	serve(&s, FDS_PASS, true);
	story_end(&s);
	assert_int_equal(story_process(&s, 11)->start_method, START_FORK);
	model_free(s.m);
}

static void test_forkserver_child_that_execs(void **state)
{
	const struct fs_fd kept[] = { { 1, 0, 0 }, { 70, 8, 0 } };
	struct story s;

	(void)state;
	serve(&s, FDS_FULL, true);
	ev_exec(&s, 12, "/bin/x");
	ev_table(&s, 12, FS_TABLE_AFTER_EXEC, kept, 2);
	ev_exec(&s, 13, "/bin/x");
	ev_table(&s, 13, FS_TABLE_AFTER_EXEC, std, 3);
	story_end(&s);
	assert_int_equal(story_process(&s, 12)->start_method, START_FORKSERVER);
	assert_int_equal(story_process(&s, 13)->start_method, START_SPAWN);
	model_free(s.m);
}

static void test_roles_by_argv(void **state)
{
	static const char tracker[] =
		"python3\0-c\0from multiprocessing.resource_tracker import main;main(5)";
	static const char spawned[] = "python3\0-c\0x\0--multiprocessing-fork";
	static const char grep[] = "grep\0from multiprocessing.resource_tracker import main\0-c";
	struct story s;

	(void)state;
	story_begin(&s, FDS_NONE, 10);
	ev_fork(&s, 10, 11);
	ev_exec_args(&s, 11, "/p", tracker, sizeof(tracker), sizeof(tracker));
	ev_fork(&s, 10, 12);
	ev_exec_args(&s, 12, "/p", spawned, sizeof(spawned), sizeof(spawned));
	ev_fork(&s, 10, 13);
	ev_exec_args(&s, 13, "/p", grep, sizeof(grep), sizeof(grep));
	ev_fork(&s, 11, 14); /* a fork runs on in the tracker's image, and is none */
	story_end(&s);
	assert_int_equal(story_process(&s, 11)->role, ROLE_RESOURCE_TRACKER);
	assert_int_equal(story_process(&s, 12)->role, ROLE_WORKER);
	assert_int_equal(story_process(&s, 13)->role, ROLE_NONE);
	assert_int_equal(story_process(&s, 14)->role, ROLE_NONE);
	model_free(s.m);
}

static void test_forked_worker(void **state)
{
	const struct fs_fd both[] = { { 1, 0, 0 }, { 5, 3, 0 }, { 6, 4, 0 } };
	const struct fs_fd one[] = { { 1, 0, 0 }, { 5, 3, 0 } };
	struct story s;

	(void)state;
	story_begin(&s, FDS_SNAPSHOT, 10);
	ev_fork(&s, 10, 11);
	ev_table(&s, 11, FS_TABLE_AT_FORK, both, 3);
	ev_fork(&s, 10, 12);
	ev_table(&s, 12, FS_TABLE_AT_FORK, one, 2);
	ev_pipe(&s, 5, 109, 1); /* described only later */
	ev_pipe(&s, 6, 109, 2);
	story_end(&s);
	assert_int_equal(story_process(&s, 11)->role, ROLE_WORKER);
	assert_int_equal(story_process(&s, 12)->role, ROLE_NONE);
	model_free(s.m);

	/* $(...) of a shell: the pipe moves to fd 1. */
	story_begin(&s, FDS_FULL, 10);
	ev_pipe(&s, 5, 109, 1);
	ev_pipe(&s, 6, 109, 2);
	ev_fork(&s, 10, 11);
	ev_table(&s, 11, FS_TABLE_AT_FORK, both, 3);
	ev_dup(&s, 11, 4, 1, 6);
	ev_fd(&s, FS_EV_FD_CLOSE, 11, 3, 5, 0);
	ev_fd(&s, FS_EV_FD_CLOSE, 11, 4, 6, 0);
	ev_exit(&s, 11, 10, 0);
	story_end(&s);
	assert_int_equal(story_process(&s, 11)->role, ROLE_NONE);
	model_free(s.m);
}

struct heard {
	char text[2048];
	size_t len;
};

static int hear(void *arg, const struct holding *h)
{
	struct heard *l = arg;

	l->len += (size_t)snprintf(l->text + l->len, sizeof(l->text) - l->len, "%u:%s>%s%s%s ",
				   h->fd, fd_how_name(h->got), fd_how_name(h->lost),
				   h->used ? "+used" : "", h->cloexec ? "+cloexec" : "");
	return 0;
}

static void test_ledger(void **state)
{
	const struct fs_fd birth[] = { { 1, 0, 0 }, { 2, 1, 0 }, { 3, 5, 1 } };
	const struct fs_fd after[] = { { 1, 0, 0 }, { 60, 4, 0 } };
	const struct fs_fd got[] = { { 70, 8, 0 } };
	struct fs_ev_fd_close_range range = { .first = 1, .last = 2 };
	struct heard l = { .len = 0 };
	struct story s;

	(void)state;
	story_begin(&s, FDS_FULL, 10);
	ev_fork(&s, 10, 11);
	ev_table(&s, 11, FS_TABLE_AT_FORK, birth, 3);
	ev_fd(&s, FS_EV_FD_USE, 11, 0, 1, 0);
	ev_fd(&s, FS_EV_FD_OPEN, 11, 3, 50, 1);
	ev_dup(&s, 11, 0, 6, 1);
	ev_fd(&s, FS_EV_FD_OPEN, 11, 6, 51, 0); /* its close was lost */
	range.h = ev_head(&s, FS_EV_FD_CLOSE_RANGE, sizeof(range), 11);
	ev_feed(&s, &range);
	ev_exec(&s, 11, "/bin/x");
	ev_table(&s, 11, FS_TABLE_AFTER_EXEC, after, 2);
	ev_pass(&s, FS_EV_FD_RECV, 11, 101, 100, got, 1, 0);
	ev_exit(&s, 11, 10, 0);
	story_end(&s);
	assert_int_equal(model_holdings(s.m, model_find_process(s.m, 11, 0), hear, &l), 0);
	assert_string_equal(l.text, "6:duped>replaced 1:inherited>closed 3:opened>exec+cloexec "
				    "5:inherited>exec+cloexec 6:opened>gone 0:inherited>exit+used "
				    "4:unknown>exit 8:passed>exit ");
	assert_true(model_holdings_bound(s.m, model_find_process(s.m, 11, 0)) >= 8);
	model_free(s.m);
}

static void test_shared_table(void **state)
{
	struct fs_ev_fork e;
	struct fs_ev_fd_table t = { .when = FS_TABLE_AT_FORK,
				    .table_flags = FS_TABLE_SHARED,
				    .last = 1 };
	struct heard l = { .len = 0 };
	struct story s;

	(void)state;
	story_begin(&s, FDS_FULL, 10);
	ev_table(&s, 10, FS_TABLE_AFTER_EXEC, std, 3);
	e = ev_fork_of(&s, 10, 11);
	e.clone_flags = CLONE_FILES;
	ev_feed(&s, &e);
	t.h = ev_head(&s, FS_EV_FD_TABLE, sizeof(t), 11);
	ev_feed(&s, &t);
	ev_fd(&s, FS_EV_FD_CLOSE, 11, 2, 2, 0);
	ev_fd(&s, FS_EV_FD_UNSHARE, 11, 0, 0, 0);
	ev_fd(&s, FS_EV_FD_CLOSE, 11, 1, 2, 0);
	ev_exit(&s, 11, 10, 0);
	ev_fork(&s, 10, 12);
	ev_table(&s, 12, FS_TABLE_AT_FORK, std, 2); /* what the other closed is closed here too */
	story_end(&s);
	assert_int_equal(s.err, 0);
	assert_true(story_process(&s, 11)->shares_table);
	assert_true(story_process(&s, 11)->knows_at_start);
	assert_int_equal(story_process(&s, 11)->fds_at_start, 3);
	assert_false(story_process(&s, 11)->knows_never_used);
	assert_int_equal(model_holdings(s.m, model_find_process(s.m, 10, 0), hear, &l), 0);
	model_free(s.m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_unknown_where_a_witness_is_missing),
		cmocka_unit_test(test_other_ends),
		cmocka_unit_test(test_pass_is_joined),
		cmocka_unit_test(test_pass_peek_fail_and_late_send),
		cmocka_unit_test(test_forkserver),
		cmocka_unit_test(test_prefork_is_no_forkserver),
		cmocka_unit_test(test_forkserver_child_that_execs),
		cmocka_unit_test(test_roles_by_argv),
		cmocka_unit_test(test_forked_worker),
		cmocka_unit_test(test_ledger),
		cmocka_unit_test(test_shared_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
