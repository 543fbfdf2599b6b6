/* SPDX-License-Identifier: MIT */
/* See event_info.h. A new event type is one line in `types`, and a case where it has a tail. */
#include "trace/event_info.h"

#include <linux/magic.h>
#include <string.h>

/* pidfs, since 6.9; not yet in this linux/magic.h. */
#define PID_FS_MAGIC_KERNEL 0x50494446

static const struct {
	const char *name;
	uint16_t fixed; /* 0: reserved, no struct yet */
	uint16_t comm; /* offset of comm[16]; 0: none */
} types[FS_EV_MAX] = {
#define TYPE(number, name, type) [number] = { name, sizeof(struct type), 0 }
#define TYPE_COMM(number, name, type) \
	[number] = { name, sizeof(struct type), offsetof(struct type, comm) }
#define RESERVED(number, name) [number] = { name, 0, 0 }
	TYPE_COMM(FS_EV_FORK, "fork", fs_ev_fork),
	TYPE(FS_EV_FORK_DONE, "fork_done", fs_ev_fork_done),
	TYPE_COMM(FS_EV_THREAD_START, "thread_start", fs_ev_thread_start),
	TYPE_COMM(FS_EV_THREAD_EXIT, "thread_exit", fs_ev_thread_exit),
	TYPE_COMM(FS_EV_EXEC, "exec", fs_ev_exec),
	TYPE(FS_EV_EXEC_ARGV, "exec_argv", fs_ev_exec_argv),
	TYPE(FS_EV_EXEC_FAILED, "exec_failed", fs_ev_exec_failed),
	TYPE_COMM(FS_EV_EXIT, "exit", fs_ev_exit),
	TYPE(FS_EV_REAP, "reap", fs_ev_reap),
	TYPE(FS_EV_REPARENT, "reparent", fs_ev_reparent),
	TYPE(FS_EV_SIGNAL, "signal", fs_ev_signal),
	TYPE_COMM(FS_EV_OOM_KILL, "oom_kill", fs_ev_oom_kill),
	TYPE_COMM(FS_EV_RENAME, "rename", fs_ev_rename),
	TYPE(FS_EV_STATE, "state", fs_ev_state),
	TYPE_COMM(FS_EV_PROCESS, "process", fs_ev_process),
	TYPE_COMM(FS_EV_THREAD, "thread", fs_ev_thread),
	TYPE(FS_EV_CRED, "cred", fs_ev_cred),
	TYPE(FS_EV_FIRST_WRITE, "first_write", fs_ev_first_write),
	TYPE(FS_EV_FILE, "file", fs_ev_file),
	TYPE(FS_EV_FD_TABLE, "fd_table", fs_ev_fd_table),
	TYPE(FS_EV_FD_SEND, "fd_send", fs_ev_fd_pass),
	TYPE(FS_EV_FD_RECV, "fd_recv", fs_ev_fd_pass),
	TYPE(FS_EV_FD_GETFD, "fd_getfd", fs_ev_fd_getfd),
	TYPE(FS_EV_FD_OPEN, "fd_open", fs_ev_fd),
	TYPE(FS_EV_FD_CLOSE, "fd_close", fs_ev_fd),
	TYPE(FS_EV_FD_DUP, "fd_dup", fs_ev_fd_dup),
	TYPE(FS_EV_FD_CLOEXEC, "fd_cloexec", fs_ev_fd),
	TYPE(FS_EV_FD_CLOSE_RANGE, "fd_close_range", fs_ev_fd_close_range),
	TYPE(FS_EV_FD_USE, "fd_use", fs_ev_fd),
	TYPE(FS_EV_FD_UNSHARE, "fd_unshare", fs_ev_fd),
	TYPE(FS_EV_FD_SEND_FAILED, "fd_send_failed", fs_ev_fd_send_failed),
	TYPE(FS_EV_BLIND_SPOT, "blind_spot", fs_ev_blind_spot),
	TYPE(FS_EV_CALLS, "calls", fs_ev_calls),
	TYPE(FS_EV_FD_EOF, "fd_eof", fs_ev_fd),
	TYPE(FS_EV_ODD_CALL, "odd_call", fs_ev_odd_call),
	TYPE(FS_EV_FUTEX_STUCK, "futex_stuck", fs_ev_futex_stuck),
	TYPE(FS_EV_BLOCKED, "blocked", fs_ev_blocked),
	TYPE_COMM(FS_EV_FORK_THREAD, "fork_thread", fs_ev_fork_thread),
	TYPE_COMM(FS_EV_LOCK_STORY, "lock_story", fs_ev_lock_story),
	TYPE_COMM(FS_EV_SHIM_HELLO, "shim_hello", fs_ev_shim_hello),
	TYPE(FS_EV_CALL, "call", fs_ev_call),
	TYPE(FS_EV_STACK, "stack", fs_ev_stack),
	TYPE_COMM(FS_EV_FORK_SNAPSHOT, "fork_snapshot", fs_ev_fork_snapshot),
	TYPE(FS_EV_LOCK_HELD, "lock_held", fs_ev_lock_held),
	TYPE(FS_EV_STDIO_PENDING, "stdio_pending", fs_ev_stdio_pending),
	TYPE(FS_EV_HANDLER, "handler", fs_ev_handler),
	TYPE(FS_EV_DLOPEN, "dlopen", fs_ev_dlopen),
	TYPE(FS_EV_SHIM_BUSY, "shim_busy", fs_ev_shim_busy),
	TYPE(FS_EV_MARK, "mark", fs_ev_mark),
	TYPE(FS_EV_SPAN_BEGIN, "span_begin", fs_ev_mark),
	TYPE(FS_EV_SPAN_END, "span_end", fs_ev_mark),
	TYPE(FS_EV_POOL_OPEN, "pool_open", fs_ev_pool),
	TYPE(FS_EV_POOL_CLOSE, "pool_close", fs_ev_pool),
	TYPE(FS_EV_WORKER_START, "worker_start", fs_ev_pool),
	TYPE(FS_EV_WORKER_READY, "worker_ready", fs_ev_pool),
	TYPE(FS_EV_WORKER_EXIT, "worker_exit", fs_ev_pool),
	TYPE(FS_EV_TASK_SUBMIT, "task_submit", fs_ev_pool),
	TYPE(FS_EV_TASK_START, "task_start", fs_ev_pool),
	TYPE(FS_EV_TASK_DONE, "task_done", fs_ev_pool),
	TYPE(FS_EV_NAME, "name", fs_ev_mark),
	TYPE(FS_EV_LOST, "lost", fs_ev_lost),
};

const char *event_type_name(unsigned type)
{
	return type < FS_EV_MAX ? types[type].name : NULL;
}

unsigned event_type_of(const char *name)
{
	unsigned type;

	for (type = 1; type < FS_EV_MAX; type++)
		if (types[type].name && strcmp(types[type].name, name) == 0)
			return type;
	return 0;
}

const char *event_source_name(unsigned source)
{
	static const char *const names[] = {
		[FS_SOURCE_BPF] = "bpf",
		[FS_SOURCE_SHIM] = "shim",
		[FS_SOURCE_USDT] = "usdt",
		[FS_SOURCE_TRACER] = "tracer",
	};

	return source < sizeof(names) / sizeof(names[0]) ? names[source] : NULL;
}

size_t event_fixed_size(unsigned type)
{
	return type < FS_EV_MAX ? types[type].fixed : 0;
}

static const struct event_text nothing = { "", 0 };

/* All behind the fixed part. Nothing when the event is shorter than its type. */
static struct event_text tail_of(const struct fs_event *e)
{
	size_t fixed = event_fixed_size(e->type);

	if (!fixed || e->size <= fixed)
		return nothing;
	return (struct event_text){ (const char *)e + fixed, e->size - fixed };
}

/* len bytes of a tail from offset on, as far as they are there. */
static struct event_text piece(struct event_text tail, uint64_t offset, uint64_t len)
{
	if (offset >= tail.len)
		return nothing;
	tail.text += offset;
	tail.len -= offset;
	if (tail.len > len)
		tail.len = len;
	return tail;
}

struct event_text event_comm(const struct fs_event *e)
{
	size_t offset = e->type < FS_EV_MAX ? types[e->type].comm : 0;
	const char *comm = (const char *)e + offset;

	if (!offset || e->size < types[e->type].fixed)
		return nothing;
	return (struct event_text){ comm, strnlen(comm, 16) };
}

struct event_text event_filename(const struct fs_event *e)
{
	struct event_text tail = tail_of(e);

	switch (tail.len ? e->type : 0) {
	case FS_EV_EXEC:
		return piece(tail, 0, ((const struct fs_ev_exec *)e)->filename_len);
	case FS_EV_EXEC_FAILED:
		return piece(tail, 0, ((const struct fs_ev_exec_failed *)e)->filename_len);
	case FS_EV_PROCESS:
		return piece(tail, 0, ((const struct fs_ev_process *)e)->exe_len);
	case FS_EV_SHIM_HELLO:
		return piece(tail, 0, ((const struct fs_ev_shim_hello *)e)->exe_len);
	case FS_EV_CALL:
		return piece(tail, 0, ((const struct fs_ev_call *)e)->name_len);
	case FS_EV_HANDLER:
		return piece(tail, 0, ((const struct fs_ev_handler *)e)->object_len);
	case FS_EV_DLOPEN:
		return piece(tail, 0, ((const struct fs_ev_dlopen *)e)->path_len);
	}
	return nothing;
}

struct event_text event_interp(const struct fs_event *e)
{
	const struct fs_ev_exec *exec = (const struct fs_ev_exec *)e;
	struct event_text tail = tail_of(e);

	if (e->type != FS_EV_EXEC || !tail.len)
		return nothing;
	return piece(tail, (uint64_t)exec->filename_len + 1, exec->interp_len);
}

static struct event_text argv_of_exec(const struct fs_ev_exec *e, struct event_text tail)
{
	return piece(tail, (uint64_t)e->filename_len + 1 + e->interp_len + 1, e->argv_len);
}

struct event_text event_argv(const struct fs_event *e)
{
	const struct fs_ev_exec_failed *failed = (const struct fs_ev_exec_failed *)e;
	const struct fs_ev_process *process = (const struct fs_ev_process *)e;
	const struct fs_ev_shim_hello *hello = (const struct fs_ev_shim_hello *)e;
	const struct fs_ev_call *call = (const struct fs_ev_call *)e;
	struct event_text tail = tail_of(e);

	switch (tail.len ? e->type : 0) {
	case FS_EV_EXEC:
		return argv_of_exec((const struct fs_ev_exec *)e, tail);
	case FS_EV_EXEC_ARGV:
		return piece(tail, 0, ((const struct fs_ev_exec_argv *)e)->len);
	case FS_EV_EXEC_FAILED:
		return piece(tail, (uint64_t)failed->filename_len + 1, failed->argv_len);
	case FS_EV_PROCESS:
		return piece(tail, (uint64_t)process->exe_len + 1, process->argv_len);
	case FS_EV_SHIM_HELLO:
		return piece(tail, (uint64_t)hello->exe_len + 1, hello->argv_len);
	case FS_EV_CALL:
		return piece(tail, (uint64_t)call->name_len + 1, call->argv_len);
	}
	return nothing;
}

struct event_text event_words(const struct fs_event *e)
{
	struct event_text tail = tail_of(e);

	switch (tail.len ? e->type : 0) {
	case FS_EV_STACK:
		return piece(tail, 0, ((const struct fs_ev_stack *)e)->text_len);
	case FS_EV_STDIO_PENDING:
		return piece(tail, 0, ((const struct fs_ev_stdio_pending *)e)->text_len);
	case FS_EV_MARK:
	case FS_EV_SPAN_BEGIN:
	case FS_EV_SPAN_END:
	case FS_EV_NAME:
		return piece(tail, 0, ((const struct fs_ev_mark *)e)->name_len);
	}
	if (e->type >= FS_EV_POOL_OPEN && e->type <= FS_EV_TASK_DONE && tail.len)
		return piece(tail, 0, ((const struct fs_ev_pool *)e)->text_len);
	return nothing;
}

const uint64_t *event_stack(const struct fs_event *e, size_t *ret_count)
{
	const struct fs_ev_stack *stack = (const struct fs_ev_stack *)e;
	struct event_text tail = tail_of(e);
	size_t count = 0;

	if (e->type == FS_EV_STACK && tail.len && stack->kind == FS_STACK_NATIVE)
		count = stack->count;
	if (count > tail.len / sizeof(uint64_t))
		count = tail.len / sizeof(uint64_t);
	*ret_count = count;
	return (const uint64_t *)(const void *)tail.text;
}

/* Number 0 of the list has no name. */
static const char *listed(const char *const *names, size_t count, unsigned number)
{
	return number < count ? names[number] : NULL;
}

#define LISTED(names, number) listed(names, sizeof(names) / sizeof(names[0]), number)

const char *event_call_name(unsigned call)
{
	static const char *const names[] = {
		[FS_LIBC_FORK] = "fork",
		[FS_LIBC_FORK_BARE] = "_Fork",
		[FS_LIBC_VFORK] = "vfork",
		[FS_LIBC_CLONE] = "clone",
		[FS_LIBC_SYSCALL] = "syscall",
		[FS_LIBC_POSIX_SPAWN] = "posix_spawn",
		[FS_LIBC_POSIX_SPAWNP] = "posix_spawnp",
		[FS_LIBC_SYSTEM] = "system",
		[FS_LIBC_POPEN] = "popen",
		[FS_LIBC_DAEMON] = "daemon",
		[FS_LIBC_FORKPTY] = "forkpty",
		[FS_LIBC_WORDEXP] = "wordexp",
		[FS_LIBC_EXECVE] = "execve",
		[FS_LIBC_EXECV] = "execv",
		[FS_LIBC_EXECVP] = "execvp",
		[FS_LIBC_EXECVPE] = "execvpe",
		[FS_LIBC_EXECL] = "execl",
		[FS_LIBC_EXECLP] = "execlp",
		[FS_LIBC_EXECLE] = "execle",
		[FS_LIBC_FEXECVE] = "fexecve",
		[FS_LIBC_EXECVEAT] = "execveat",
		[FS_LIBC_EXIT] = "exit",
		[FS_LIBC_EXIT_BARE] = "_exit",
		[FS_LIBC_QUICK_EXIT] = "quick_exit",
		[FS_LIBC_WAIT] = "wait",
		[FS_LIBC_PTHREAD_CREATE] = "pthread_create",
		[FS_LIBC_DLOPEN] = "dlopen",
		[FS_LIBC_SECCOMP] = "seccomp",
		[FS_LIBC_JOIN] = "pthread_join",
		[FS_LIBC_UNLOCK] = "pthread_mutex_unlock",
		[FS_LIBC_RANDOM] = "random",
		[FS_LIBC_VFORK_WROTE] = "vfork_wrote",
		[FS_LIBC_EXIT_DONE] = "exit_done",
		[FS_LIBC_FINAL_EFFECT] = "final_effect",
	};

	return LISTED(names, call);
}

const char *event_phase_name(unsigned phase)
{
	static const char *const names[] = {
		[FS_PHASE_BEFORE] = "before",
		[FS_PHASE_DONE] = "done",
		[FS_PHASE_IN_CHILD] = "in_child",
	};

	return LISTED(names, phase);
}

const char *event_gap_name(unsigned gap)
{
	static const char *const names[] = {
		[FS_GAP_STATIC] = "static",
		[FS_GAP_CLASS] = "other ELF class",
		[FS_GAP_SECURE] = "setuid or capabilities",
		[FS_GAP_SANITIZER] = "sanitizer",
		[FS_GAP_FORMAT] = "not ELF",
		[FS_GAP_CONFINED] = "seccomp",
	};

	return LISTED(names, gap);
}

struct event_text event_components(const struct fs_event *e)
{
	struct event_text tail = tail_of(e);

	switch (tail.len ? e->type : 0) {
	case FS_EV_STATE:
		return piece(tail, 0, ((const struct fs_ev_state *)e)->cwd_len);
	case FS_EV_FILE:
		return piece(tail, 0, ((const struct fs_ev_file *)e)->name_len);
	}
	return nothing;
}

struct event_text event_lock_name(const struct fs_event *e)
{
	struct event_text tail = tail_of(e);

	if (e->type != FS_EV_LOCK_STORY || !tail.len)
		return nothing;
	return piece(tail, 0, ((const struct fs_ev_lock_story *)e)->name_len);
}

struct event_text event_lock_taken(const struct fs_event *e)
{
	const struct fs_ev_lock_story *story = (const struct fs_ev_lock_story *)e;
	struct event_text tail = tail_of(e);

	if (e->type != FS_EV_LOCK_STORY || !tail.len)
		return nothing;
	return piece(tail, (uint64_t)story->name_len + 1, story->taken_len);
}

struct event_text event_frames(const struct fs_event *e)
{
	const struct fs_ev_lock_story *story = (const struct fs_ev_lock_story *)e;
	struct event_text tail = tail_of(e);

	switch (tail.len ? e->type : 0) {
	case FS_EV_FUTEX_STUCK:
		return piece(tail, 0, ((const struct fs_ev_futex_stuck *)e)->frames_len);
	case FS_EV_LOCK_STORY:
		return piece(tail, (uint64_t)story->name_len + 1 + story->taken_len + 1,
			     story->frames_len);
	}
	return nothing;
}

const struct fs_holder *event_holders(const struct fs_event *e, size_t *ret_count)
{
	struct event_text tail = tail_of(e);
	size_t count = 0;

	if (e->type == FS_EV_BLOCKED && tail.len)
		count = ((const struct fs_ev_blocked *)e)->count;
	if (count > tail.len / sizeof(struct fs_holder))
		count = tail.len / sizeof(struct fs_holder);
	*ret_count = count;
	return (const struct fs_holder *)(const void *)tail.text;
}

bool event_next_component(struct event_text *rest, struct event_text *ret)
{
	const char *nul;

	if (!rest->len)
		return false;
	nul = memchr(rest->text, '\0', rest->len);
	ret->text = rest->text;
	ret->len = nul ? (size_t)(nul - rest->text) : rest->len;
	rest->text += nul ? ret->len + 1 : ret->len;
	rest->len -= nul ? ret->len + 1 : ret->len;
	return true;
}

void event_append_path(struct buffer *out, struct event_text components)
{
	const char *text = components.text;
	size_t end = components.len, start, before = out->len;

	/* From the last, outermost, to the first. */
	while (end > 0) {
		if (text[end - 1] == '\0')
			end--;
		for (start = end; start > 0 && text[start - 1] != '\0'; start--)
			;
		if (end > start && !(end - start == 1 && text[start] == '/')) {
			buffer_add_char(out, '/');
			buffer_append(out, text + start, end - start);
		}
		end = start;
	}
	if (components.len && out->len == before)
		buffer_add_char(out, '/');
}

bool event_file_has_path(const struct fs_ev_file *e)
{
	struct event_text name = event_components(&e->h);

	switch (e->sb_magic) {
	case PIPEFS_MAGIC:
	case SOCKFS_MAGIC:
	case ANON_INODE_FS_MAGIC:
	case PID_FS_MAGIC_KERNEL:
		return false;
	}
	/* A memfd lies in no directory: one component, which the kernel begins so. */
	return name.len && !(name.len > 6 && memcmp(name.text, "memfd:", 6) == 0 &&
			     strnlen(name.text, name.len) + 1 >= name.len);
}

const struct fs_fd *event_fds(const struct fs_event *e, size_t *ret_count)
{
	struct event_text tail = tail_of(e);
	size_t count = 0;

	if (e->type == FS_EV_FD_TABLE && tail.len)
		count = ((const struct fs_ev_fd_table *)e)->count;
	else if ((e->type == FS_EV_FD_SEND || e->type == FS_EV_FD_RECV) && tail.len)
		count = ((const struct fs_ev_fd_pass *)e)->count;
	if (count > tail.len / sizeof(struct fs_fd))
		count = tail.len / sizeof(struct fs_fd);
	*ret_count = count;
	return (const struct fs_fd *)(const void *)tail.text;
}
