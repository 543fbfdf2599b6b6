/* SPDX-License-Identifier: MIT */
/* See sample.h. */
#include "sample.h"

#include <string.h>

static const struct {
	uint16_t type, fixed;
} types[] = {
	{ FS_EV_FORK, sizeof(struct fs_ev_fork) },
	{ FS_EV_FORK_DONE, sizeof(struct fs_ev_fork_done) },
	{ FS_EV_THREAD_START, sizeof(struct fs_ev_thread_start) },
	{ FS_EV_THREAD_EXIT, sizeof(struct fs_ev_thread_exit) },
	{ FS_EV_EXEC, sizeof(struct fs_ev_exec) },
	{ FS_EV_EXEC_ARGV, sizeof(struct fs_ev_exec_argv) },
	{ FS_EV_EXEC_FAILED, sizeof(struct fs_ev_exec_failed) },
	{ FS_EV_EXIT, sizeof(struct fs_ev_exit) },
	{ FS_EV_REAP, sizeof(struct fs_ev_reap) },
	{ FS_EV_REPARENT, sizeof(struct fs_ev_reparent) },
	{ FS_EV_SIGNAL, sizeof(struct fs_ev_signal) },
	{ FS_EV_OOM_KILL, sizeof(struct fs_ev_oom_kill) },
	{ FS_EV_RENAME, sizeof(struct fs_ev_rename) },
	{ FS_EV_STATE, sizeof(struct fs_ev_state) },
	{ FS_EV_PROCESS, sizeof(struct fs_ev_process) },
	{ FS_EV_THREAD, sizeof(struct fs_ev_thread) },
	{ FS_EV_CRED, sizeof(struct fs_ev_cred) },
	{ FS_EV_FIRST_WRITE, sizeof(struct fs_ev_first_write) },
	{ FS_EV_FILE, sizeof(struct fs_ev_file) },
	{ FS_EV_FD_TABLE, sizeof(struct fs_ev_fd_table) },
	{ FS_EV_FD_SEND, sizeof(struct fs_ev_fd_pass) },
	{ FS_EV_FD_RECV, sizeof(struct fs_ev_fd_pass) },
	{ FS_EV_FD_GETFD, sizeof(struct fs_ev_fd_getfd) },
	{ FS_EV_FD_OPEN, sizeof(struct fs_ev_fd) },
	{ FS_EV_FD_CLOSE, sizeof(struct fs_ev_fd) },
	{ FS_EV_FD_DUP, sizeof(struct fs_ev_fd_dup) },
	{ FS_EV_FD_CLOEXEC, sizeof(struct fs_ev_fd) },
	{ FS_EV_FD_CLOSE_RANGE, sizeof(struct fs_ev_fd_close_range) },
	{ FS_EV_FD_USE, sizeof(struct fs_ev_fd) },
	{ FS_EV_FD_UNSHARE, sizeof(struct fs_ev_fd) },
	{ FS_EV_FD_SEND_FAILED, sizeof(struct fs_ev_fd_send_failed) },
	{ FS_EV_BLIND_SPOT, sizeof(struct fs_ev_blind_spot) },
	{ FS_EV_CALLS, sizeof(struct fs_ev_calls) },
	{ FS_EV_FD_EOF, sizeof(struct fs_ev_fd) },
	{ FS_EV_SHIM_HELLO, sizeof(struct fs_ev_shim_hello) },
	{ FS_EV_CALL, sizeof(struct fs_ev_call) },
	{ FS_EV_STACK, sizeof(struct fs_ev_stack) },
	{ FS_EV_FORK_SNAPSHOT, sizeof(struct fs_ev_fork_snapshot) },
	{ FS_EV_LOCK_HELD, sizeof(struct fs_ev_lock_held) },
	{ FS_EV_STDIO_PENDING, sizeof(struct fs_ev_stdio_pending) },
	{ FS_EV_HANDLER, sizeof(struct fs_ev_handler) },
	{ FS_EV_DLOPEN, sizeof(struct fs_ev_dlopen) },
	{ FS_EV_SHIM_BUSY, sizeof(struct fs_ev_shim_busy) },
	{ FS_EV_MARK, sizeof(struct fs_ev_mark) },
	{ FS_EV_SPAN_BEGIN, sizeof(struct fs_ev_mark) },
	{ FS_EV_SPAN_END, sizeof(struct fs_ev_mark) },
	{ FS_EV_POOL_OPEN, sizeof(struct fs_ev_pool) },
	{ FS_EV_POOL_CLOSE, sizeof(struct fs_ev_pool) },
	{ FS_EV_WORKER_START, sizeof(struct fs_ev_pool) },
	{ FS_EV_WORKER_READY, sizeof(struct fs_ev_pool) },
	{ FS_EV_WORKER_EXIT, sizeof(struct fs_ev_pool) },
	{ FS_EV_TASK_SUBMIT, sizeof(struct fs_ev_pool) },
	{ FS_EV_TASK_START, sizeof(struct fs_ev_pool) },
	{ FS_EV_TASK_DONE, sizeof(struct fs_ev_pool) },
	{ FS_EV_FORK_THREAD, sizeof(struct fs_ev_fork_thread) },
	{ FS_EV_LOCK_STORY, sizeof(struct fs_ev_lock_story) },
	{ FS_EV_NAME, sizeof(struct fs_ev_mark) },
	{ FS_EV_LOST, sizeof(struct fs_ev_lost) },
};

size_t sample_types(void)
{
	return sizeof(types) / sizeof(types[0]);
}

unsigned sample_type(size_t i)
{
	return types[i].type;
}

/* Puts len bytes behind the event and grows it, padding aside. */
static uint32_t add_tail(union sample *s, const char *bytes, uint32_t len)
{
	memcpy((char *)s + s->h.size, bytes, len);
	s->h.size += len;
	return len;
}

static void add_argv(union sample *s, uint32_t *ret_len)
{
	static const char argv[] = "/bin/s\xffh\0-c\0echo 'a \033[31mb'\n\0";

	*ret_len = add_tail(s, argv, sizeof(argv) - 1);
}

static void fill_exec(union sample *s)
{
	struct fs_ev_exec *e = (struct fs_ev_exec *)s;

	memcpy(e->comm, "s\xffh", 4);
	e->argc = 3;
	e->from_tid = e->h.tid;
	e->filename_len = add_tail(s, "/bin/s\xffh", 9) - 1;
	e->interp_len = add_tail(s, "/bin/dash", 10) - 1;
	add_argv(s, &e->argv_len);
	e->argv_total = e->argv_len * 2;
}

static void fill_exec_failed(union sample *s)
{
	struct fs_ev_exec_failed *e = (struct fs_ev_exec_failed *)s;

	e->error = 2;
	e->argc = 3;
	e->dirfd = -100;
	e->filename_len = add_tail(s, "/no/such", 9) - 1;
	add_argv(s, &e->argv_len);
	e->argv_total = e->argv_len;
}

static void fill_process(union sample *s)
{
	struct fs_ev_process *e = (struct fs_ev_process *)s;

	memcpy(e->comm, "found", 6);
	e->threads = 2;
	e->exe_len = add_tail(s, "/usr/bin/found", 15) - 1;
	add_argv(s, &e->argv_len);
}

static void fill_file(union sample *s, unsigned number)
{
	struct fs_ev_file *e = (struct fs_ev_file *)s;

	e->file = 0xffff888100000000u + number;
	e->ino = 100 + number;
	e->mode = 0100644;
	e->sb_magic = number % 2 ? 0xef53 : 0x09041934;
	if (number % 2)
		e->name_len = add_tail(s, "passwd\0etc\0/", 13);
	else
		e->name_len = add_tail(s, "[eventfd]", 10);
}

static void fill_fds(union sample *s, uint32_t *ret_count, unsigned number)
{
	uint32_t i;

	*ret_count = number % 5;
	for (i = 0; i < *ret_count; i++) {
		struct fs_fd fd = { .file = 0xffff888100000000u + i, .fd = i, .flags = i % 2 };

		add_tail(s, (const char *)&fd, sizeof(fd));
	}
}

static void fill_stack(union sample *s, unsigned number)
{
	struct fs_ev_stack *e = (struct fs_ev_stack *)s;
	static const char python[] = "  File \"x\033.py\", line 5 in f\n";
	uint64_t addresses[3] = { 0x401000, 0x7fff00001234, UINT64_MAX };

	e->call_id = 7;
	if (number % 2) {
		e->kind = FS_STACK_PYTHON;
		e->text_len = add_tail(s, python, sizeof(python) - 1);
	} else {
		e->kind = FS_STACK_NATIVE;
		e->count = 3;
		add_tail(s, (const char *)addresses, sizeof(addresses));
	}
}

static void fill_call(union sample *s, unsigned number)
{
	struct fs_ev_call *e = (struct fs_ev_call *)s;

	e->call_id = 7;
	e->call = number % 2 ? FS_LIBC_EXECVE : FS_LIBC_FORK;
	e->phase = 1 + number % 3;
	e->enter_ns = e->h.ts_ns - 10;
	e->error = number % 3 ? 0 : 2;
	e->shim_gap = number % 6;
	e->threads = 3;
	e->name_len = add_tail(s, "/bin/\033x", 8) - 1;
	if (number % 2) {
		e->argc = 3;
		add_argv(s, &e->argv_len);
		e->argv_total = e->argv_len;
	}
}

static void fill_intent(union sample *s, unsigned number)
{
	struct fs_ev_shim_hello *hello = (struct fs_ev_shim_hello *)s;
	struct fs_ev_dlopen *object = (struct fs_ev_dlopen *)s;

	switch (s->h.type) {
	case FS_EV_SHIM_HELLO:
		memcpy(hello->comm, "s\xffh", 4);
		hello->argc = 3;
		hello->exe_len = add_tail(s, "/bin/s\xffh", 9) - 1;
		add_argv(s, &hello->argv_len);
		hello->argv_total = hello->argv_len;
		break;
	case FS_EV_CALL:
		fill_call(s, number);
		break;
	case FS_EV_STACK:
		fill_stack(s, number);
		break;
	case FS_EV_STDIO_PENDING:
		((struct fs_ev_stdio_pending *)s)->bytes = 100;
		((struct fs_ev_stdio_pending *)s)->text_len = add_tail(s, "a\033\0\xff", 4);
		break;
	case FS_EV_HANDLER:
		((struct fs_ev_handler *)s)->kind = FS_HANDLER_FORK;
		((struct fs_ev_handler *)s)->object_len = add_tail(s, "/lib/x.so", 9);
		break;
	case FS_EV_DLOPEN:
		object->build_id_len = 20;
		memset(object->build_id, 0xab, 20);
		object->path_len = add_tail(s, "/lib/\nx.so", 10);
		break;
	case FS_EV_MARK:
	case FS_EV_SPAN_BEGIN:
	case FS_EV_SPAN_END:
	case FS_EV_NAME:
		((struct fs_ev_mark *)s)->name_len = add_tail(s, "a\033b", 3);
		break;
	case FS_EV_POOL_OPEN ... FS_EV_TASK_DONE:
		((struct fs_ev_pool *)s)->text_len = add_tail(s, "task\033", 5);
		break;
	}
}

static void fill_fixed(union sample *s, unsigned number)
{
	struct fs_ev_fork *fork = (struct fs_ev_fork *)s;
	struct fs_ev_exit *ending = (struct fs_ev_exit *)s;

	switch (s->h.type) {
	case FS_EV_FORK:
		fork->child_pid = s->h.pid + 1;
		fork->parent_pid = s->h.pid;
		fork->threads = 1;
		fork->exit_signal = 17;
		memcpy(fork->comm, "par\033ent", 8);
		break;
	case FS_EV_EXIT:
		ending->status = number % 3 ? 7 << 8 : 11 | 0x80;
		memcpy(ending->comm, "0123456789abcde", 16);
		break;
	case FS_EV_LOST:
		s->lost.count = 1 + number % 3;
		s->lost.lost_type = FS_EV_FD_USE;
		s->lost.lost_source = FS_SOURCE_BPF;
		s->lost.from_ns = s->h.ts_ns - 10;
		s->lost.to_ns = s->h.ts_ns;
		break;
	}
}

static void fill_story(union sample *s)
{
	struct fs_ev_lock_story *e = (struct fs_ev_lock_story *)s;

	memcpy(e->comm, "fl\033sher", 8);
	e->by = FS_STORY_SHIM;
	e->name_len = add_tail(s, "lock\xff+0x0 (a)", 14) - 1;
	e->taken_len = add_tail(s, "", 1) - 1;
	e->frames_len = add_tail(s, "f+0x1 (a.c:2)\0g+0x2 (b)", 24);
}

static void fill(union sample *s, unsigned number)
{
	switch (s->h.type) {
	case FS_EV_LOCK_STORY:
		fill_story(s);
		break;
	case FS_EV_EXEC:
		fill_exec(s);
		break;
	case FS_EV_EXEC_ARGV:
		((struct fs_ev_exec_argv *)s)->offset = 36;
		add_argv(s, &((struct fs_ev_exec_argv *)s)->len);
		break;
	case FS_EV_EXEC_FAILED:
		fill_exec_failed(s);
		break;
	case FS_EV_PROCESS:
		fill_process(s);
		break;
	case FS_EV_STATE:
		((struct fs_ev_state *)s)->when = FS_STATE_AT_FORK;
		((struct fs_ev_state *)s)->cwd_len = add_tail(s, "b\nb\0a\0/", 8);
		break;
	case FS_EV_FILE:
		fill_file(s, number);
		break;
	case FS_EV_FD_TABLE:
		((struct fs_ev_fd_table *)s)->when = FS_TABLE_AT_FORK;
		((struct fs_ev_fd_table *)s)->last = 1;
		fill_fds(s, &((struct fs_ev_fd_table *)s)->count, number);
		break;
	case FS_EV_FD_SEND:
	case FS_EV_FD_RECV:
		((struct fs_ev_fd_pass *)s)->cmsgs = 1;
		fill_fds(s, &((struct fs_ev_fd_pass *)s)->count, number);
		break;
	default:
		fill_fixed(s, number);
		fill_intent(s, number);
	}
}

void sample_event(union sample *ret, unsigned type, unsigned number)
{
	size_t i;

	memset(ret, 0, sizeof(*ret));
	for (i = 0; i < sample_types(); i++)
		if (types[i].type == type)
			ret->h.size = types[i].fixed;
	ret->h.type = (uint16_t)type;
	ret->h.source = FS_SOURCE_BPF;
	ret->h.ts_ns = 1000000000u + 1000u * number;
	ret->h.start_ns = 500;
	ret->h.pid = ret->h.tid = 1000 + number % 50;
	ret->h.ns_pid = ret->h.pid;
	ret->h.cpu = number % 2;
	fill(ret, number);
	ret->h.size = (ret->h.size + 7) / 8 * 8;
}
