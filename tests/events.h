/* SPDX-License-Identifier: MIT */
/*
 * Hand-made events for tests of the model: a small story is told by calls, each feeds one event.
 *
 * Process N has start time N * 1000 unless told otherwise; each event comes EV_STEP ns after the one
 * before; all go straight into a model.
 */
#ifndef TESTS_EVENTS_H
#define TESTS_EVENTS_H

#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "forkscope/event.h"
#include "model/model.h"

#define EV_STEP 1000
#define EV_FORK_FLAGS (CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID)

struct story {
	struct model *m;
	uint64_t ts;
	int err; /* first one */
};

static inline void story_begin(struct story *s, enum fds_level fds, uint32_t target)
{
	struct model_options o = { .start_ns = 1000000,
				   .fds = fds,
				   .bpf = true,
				   .target_pid = target,
				   .target_start_ns = (uint64_t)target * 1000 };

	*s = (struct story){ .ts = 1000000 };
	s->err = model_new(&s->m, &o);
}

static inline void story_end(struct story *s)
{
	int err = model_finish(s->m);

	if (!s->err)
		s->err = err;
}

static inline struct fs_event ev_head(struct story *s, unsigned type, size_t size, uint32_t pid)
{
	s->ts += EV_STEP;
	return (struct fs_event){ .size = (uint32_t)((size + 7) & ~(size_t)7),
				  .type = (uint16_t)type,
				  .source = FS_SOURCE_BPF,
				  .ts_ns = s->ts,
				  .pid = pid,
				  .tid = pid,
				  .start_ns = (uint64_t)pid * 1000 };
}

static inline void ev_feed(struct story *s, const void *e)
{
	int err = model_add(s->m, e);

	if (!s->err)
		s->err = err;
}

/* The fixed part with a tail behind it, as one record. */
static inline void ev_feed_tail(struct story *s, void *fixed, size_t size, const void *tail,
				size_t len)
{
	struct fs_event *h = fixed;
	size_t total = (size + len + 7) & ~(size_t)7;
	char *copy = calloc(1, total);

	h->size = (uint32_t)total;
	memcpy(copy, fixed, size);
	if (len)
		memcpy(copy + size, tail, len);
	ev_feed(s, copy);
	free(copy);
}

/* A fork event as glibc's fork makes it; the caller changes what it wants and feeds it. */
static inline struct fs_ev_fork ev_fork_of(struct story *s, uint32_t pid, uint32_t child)
{
	return (struct fs_ev_fork){
		.h = ev_head(s, FS_EV_FORK, sizeof(struct fs_ev_fork), pid),
		.child_start_ns = (uint64_t)child * 1000,
		.parent_start_ns = (uint64_t)pid * 1000,
		.clone_flags = EV_FORK_FLAGS,
		.child_pid = child,
		.child_ns_pid = child,
		.parent_pid = pid,
		.threads = 1,
		.exit_signal = SIGCHLD,
		.syscall = 56,
		.comm = "prog",
	};
}

static inline void ev_fork(struct story *s, uint32_t pid, uint32_t child)
{
	struct fs_ev_fork e = ev_fork_of(s, pid, child);

	ev_feed(s, &e);
}

static inline void ev_fork_done(struct story *s, uint32_t pid, uint32_t child, uint64_t took)
{
	struct fs_ev_fork_done e = { .h = ev_head(s, FS_EV_FORK_DONE, sizeof(e), pid),
				     .child_pid = child,
				     .child_start_ns = (uint64_t)child * 1000,
				     .ret = (int32_t)child };

	e.enter_ns = s->ts - took;
	ev_feed(s, &e);
}

/* args: NUL-separated, with len. */
static inline void ev_exec_args(struct story *s, uint32_t pid, const char *filename,
				const char *args, uint32_t len, uint32_t total)
{
	struct fs_ev_exec e = { .h = ev_head(s, FS_EV_EXEC, sizeof(e), pid),
				.argc = 1,
				.from_tid = pid,
				.argv_len = len,
				.argv_total = total };
	size_t name = strlen(filename);
	char *tail = calloc(1, 2 * (name + 1) + len);

	e.filename_len = e.interp_len = (uint32_t)name;
	memcpy(tail, filename, name);
	memcpy(tail + name + 1, filename, name);
	memcpy(tail + 2 * (name + 1), args, len);
	memcpy(e.comm, filename, name < 15 ? name : 15);
	ev_feed_tail(s, &e, sizeof(e), tail, 2 * (name + 1) + len);
	free(tail);
}

static inline void ev_exec(struct story *s, uint32_t pid, const char *filename)
{
	ev_exec_args(s, pid, filename, filename, (uint32_t)strlen(filename) + 1,
		     (uint32_t)strlen(filename) + 1);
}

static inline void ev_exec_piece(struct story *s, uint32_t pid, uint32_t offset, const char *bytes,
				 uint32_t len)
{
	struct fs_ev_exec_argv e = { .h = ev_head(s, FS_EV_EXEC_ARGV, sizeof(e), pid),
				     .offset = offset,
				     .len = len };

	ev_feed_tail(s, &e, sizeof(e), bytes, len);
}

static inline void ev_exec_failed(struct story *s, uint32_t pid, const char *filename, int error)
{
	struct fs_ev_exec_failed e = { .h = ev_head(s, FS_EV_EXEC_FAILED, sizeof(e), pid),
				       .error = error,
				       .filename_len = (uint32_t)strlen(filename) };

	ev_feed_tail(s, &e, sizeof(e), filename, e.filename_len + 1);
}

/* status as wait(2) gives it. */
static inline void ev_exit(struct story *s, uint32_t pid, uint32_t parent, uint32_t status)
{
	struct fs_ev_exit e = { .h = ev_head(s, FS_EV_EXIT, sizeof(e), pid),
				.status = status,
				.parent_pid = parent,
				.parent_start_ns = (uint64_t)parent * 1000,
				.minor_faults = 100,
				.peak_rss_kb = 2000,
				.last_tid = pid,
				.comm = "prog" };

	ev_feed(s, &e);
}

static inline void ev_reap_options(struct story *s, uint32_t pid, uint32_t child, uint32_t options)
{
	struct fs_ev_reap e = { .h = ev_head(s, FS_EV_REAP, sizeof(e), pid),
				.child_start_ns = (uint64_t)child * 1000,
				.child_pid = child,
				.child_ns_pid = child,
				.options = options,
				.syscall = 61 };

	ev_feed(s, &e);
}

static inline void ev_reap(struct story *s, uint32_t pid, uint32_t child)
{
	ev_reap_options(s, pid, child, 0);
}

static inline void ev_reparent(struct story *s, uint32_t pid, uint32_t child, uint32_t to)
{
	struct fs_ev_reparent e = { .h = ev_head(s, FS_EV_REPARENT, sizeof(e), pid),
				    .child_start_ns = (uint64_t)child * 1000,
				    .child_pid = child,
				    .to_pid = to,
				    .to_start_ns = (uint64_t)to * 1000 };

	ev_feed(s, &e);
}

static inline void ev_lost(struct story *s, unsigned type, uint64_t count)
{
	struct fs_ev_lost e = { .h = ev_head(s, FS_EV_LOST, sizeof(e), 0),
				.from_ns = s->ts - 500,
				.to_ns = s->ts,
				.count = count,
				.lost_type = type };

	ev_feed(s, &e);
}

static inline void ev_pipe(struct story *s, uint64_t file, uint64_t ino, uint32_t f_mode)
{
	struct fs_ev_file e = { .h = ev_head(s, FS_EV_FILE, sizeof(e), 0),
				.file = file,
				.ino = ino,
				.dev = 14,
				.sb_magic = 0x50495045,
				.mode = S_IFIFO | 0600,
				.f_mode = f_mode };

	ev_feed(s, &e);
}

static inline void ev_socket(struct story *s, uint64_t file, uint64_t ino, uint64_t peer)
{
	struct fs_ev_file e = { .h = ev_head(s, FS_EV_FILE, sizeof(e), 0),
				.file = file,
				.ino = ino,
				.sock_peer_ino = peer,
				.dev = 9,
				.mode = S_IFSOCK | 0777,
				.f_mode = 3,
				.sock_family = 1,
				.sock_type = 1 };

	ev_feed(s, &e);
}

/* name: components, deepest first, NUL-terminated, len bytes. */
static inline void ev_file(struct story *s, uint64_t file, uint32_t magic, uint32_t mode,
			   uint32_t rdev, const char *name, size_t len)
{
	struct fs_ev_file e = { .h = ev_head(s, FS_EV_FILE, sizeof(e), 0),
				.file = file,
				.ino = file + 10000,
				.dev = 8 << 20 | 1,
				.rdev = rdev,
				.sb_magic = magic,
				.mode = mode,
				.f_mode = 1,
				.name_len = (uint32_t)len };

	ev_feed_tail(s, &e, sizeof(e), name, len);
}

static inline void ev_table_piece(struct story *s, uint32_t pid, uint32_t when,
				  const struct fs_fd *fds, uint32_t n, uint32_t before, bool last)
{
	struct fs_ev_fd_table e = { .h = ev_head(s, FS_EV_FD_TABLE, sizeof(e), pid),
				    .when = when,
				    .count = n,
				    .count_before = before,
				    .last = last };

	ev_feed_tail(s, &e, sizeof(e), fds, n * sizeof(*fds));
}

static inline void ev_table(struct story *s, uint32_t pid, uint32_t when, const struct fs_fd *fds,
			    uint32_t n)
{
	ev_table_piece(s, pid, when, fds, n, 0, true);
}

static inline void ev_fd(struct story *s, unsigned type, uint32_t pid, uint32_t fd, uint64_t file,
			 uint32_t flags)
{
	struct fs_ev_fd e = {
		.h = ev_head(s, type, sizeof(e), pid), .file = file, .fd = fd, .flags = flags
	};

	ev_feed(s, &e);
}

static inline void ev_dup(struct story *s, uint32_t pid, uint32_t old_fd, uint32_t fd,
			  uint64_t file)
{
	struct fs_ev_fd_dup e = { .h = ev_head(s, FS_EV_FD_DUP, sizeof(e), pid),
				  .file = file,
				  .old_fd = old_fd,
				  .fd = fd };

	ev_feed(s, &e);
}

static inline void ev_pass(struct story *s, unsigned type, uint32_t pid, uint64_t ino,
			   uint64_t peer, const struct fs_fd *fds, uint32_t n, uint32_t flags)
{
	struct fs_ev_fd_pass e = { .h = ev_head(s, type, sizeof(e), pid),
				   .sock_ino = ino,
				   .sock_peer_ino = peer,
				   .sock_fd = 3,
				   .count = n,
				   .pass_flags = flags,
				   .cmsgs = 1 };

	ev_feed_tail(s, &e, sizeof(e), fds, n * sizeof(*fds));
}

static inline const struct process *story_process(const struct story *s, uint32_t pid)
{
	return model_process(s->m, model_find_process(s->m, pid, (uint64_t)pid * 1000));
}

/* One's number in order of birth, -1: none. */
static inline int story_number(const struct story *s, uint32_t index)
{
	const struct process *p = model_process(s->m, index);

	return p && p->number != MODEL_NONE ? (int)p->number : -1;
}

#endif
