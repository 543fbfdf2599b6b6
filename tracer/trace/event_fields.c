/* SPDX-License-Identifier: MIT */
/* See event_fields.h. */
#include "trace/event_fields.h"

#include <string.h>

#define AS(type, member, name, format)                                                          \
	{                                                                                       \
		name, offsetof(struct type, member), sizeof(((struct type *)0)->member), format \
	}
#define U(type, member) AS(type, member, #member, FIELD_NUMBER)
#define I(type, member) AS(type, member, #member, FIELD_SIGNED)
#define X(type, member) AS(type, member, #member, FIELD_HEX)
#define COMM(type) AS(type, comm, "comm", FIELD_COMM)
#define NONE                  \
	{                     \
		NULL, 0, 0, 0 \
	}

static const struct event_field no_fields[] = { NONE };

static const struct event_field fork_fields[] = {
	U(fs_ev_fork, child_pid),
	U(fs_ev_fork, child_start_ns),
	U(fs_ev_fork, child_ns_pid),
	U(fs_ev_fork, parent_pid),
	U(fs_ev_fork, parent_start_ns),
	U(fs_ev_fork, clone_flags),
	U(fs_ev_fork, exit_signal),
	AS(fs_ev_fork, has_stack, "has_stack", FIELD_FLAG),
	U(fs_ev_fork, syscall),
	U(fs_ev_fork, threads),
	X(fs_ev_fork, creator_blocked),
	U(fs_ev_fork, parent_rss_kb),
	U(fs_ev_fork, parent_pgtables_kb),
	U(fs_ev_fork, ns_level),
	COMM(fs_ev_fork),
	NONE,
};

static const struct event_field fork_done_fields[] = {
	AS(fs_ev_fork_done, enter_ns, "enter_ns", FIELD_TIME),
	I(fs_ev_fork_done, ret),
	U(fs_ev_fork_done, child_pid),
	U(fs_ev_fork_done, child_start_ns),
	U(fs_ev_fork_done, clone_flags),
	U(fs_ev_fork_done, syscall),
	NONE,
};

static const struct event_field thread_start_fields[] = {
	U(fs_ev_thread_start, new_tid),
	U(fs_ev_thread_start, new_ns_tid),
	U(fs_ev_thread_start, clone_flags),
	COMM(fs_ev_thread_start),
	NONE,
};

static const struct event_field thread_exit_fields[] = {
	U(fs_ev_thread_exit, exit_code),
	AS(fs_ev_thread_exit, is_leader, "is_leader", FIELD_FLAG),
	COMM(fs_ev_thread_exit),
	NONE,
};

static const struct event_field exec_fields[] = {
	U(fs_ev_exec, argc),	   U(fs_ev_exec, from_tid), U(fs_ev_exec, argv_len),
	U(fs_ev_exec, argv_total), COMM(fs_ev_exec),	    NONE,
};

static const struct event_field exec_argv_fields[] = {
	U(fs_ev_exec_argv, offset),
	U(fs_ev_exec_argv, len),
	NONE,
};

static const struct event_field exec_failed_fields[] = {
	I(fs_ev_exec_failed, error),	U(fs_ev_exec_failed, argc),
	U(fs_ev_exec_failed, argv_len), U(fs_ev_exec_failed, argv_total),
	I(fs_ev_exec_failed, dirfd),	NONE,
};

static const struct event_field exit_fields[] = {
	U(fs_ev_exit, status),
	U(fs_ev_exit, parent_pid),
	U(fs_ev_exit, parent_start_ns),
	U(fs_ev_exit, last_tid),
	U(fs_ev_exit, exit_flags),
	U(fs_ev_exit, cpu_ns),
	U(fs_ev_exit, minor_faults),
	U(fs_ev_exit, major_faults),
	U(fs_ev_exit, peak_rss_kb),
	COMM(fs_ev_exit),
	NONE,
};

static const struct event_field reap_fields[] = {
	U(fs_ev_reap, child_pid), U(fs_ev_reap, child_start_ns), U(fs_ev_reap, child_ns_pid),
	U(fs_ev_reap, options),	  U(fs_ev_reap, syscall),	 NONE,
};

static const struct event_field reparent_fields[] = {
	U(fs_ev_reparent, child_pid),
	U(fs_ev_reparent, child_start_ns),
	U(fs_ev_reparent, to_pid),
	U(fs_ev_reparent, to_start_ns),
	NONE,
};

static const struct event_field signal_fields[] = {
	U(fs_ev_signal, sig),	 I(fs_ev_signal, code),
	U(fs_ev_signal, to_pid), U(fs_ev_signal, to_start_ns),
	U(fs_ev_signal, to_tid), AS(fs_ev_signal, group, "group", FIELD_FLAG),
	U(fs_ev_signal, result), NONE,
};

static const struct event_field oom_kill_fields[] = { COMM(fs_ev_oom_kill), NONE };
static const struct event_field rename_fields[] = { COMM(fs_ev_rename), NONE };

/* ns, rlimits and cwd are shown with names of their own. */
static const struct event_field state_fields[] = {
	U(fs_ev_state, when),
	U(fs_ev_state, umask),
	U(fs_ev_state, uid),
	U(fs_ev_state, euid),
	U(fs_ev_state, gid),
	U(fs_ev_state, egid),
	AS(fs_ev_state, no_new_privs, "no_new_privs", FIELD_FLAG),
	X(fs_ev_state, sig_blocked),
	X(fs_ev_state, sig_ignored),
	X(fs_ev_state, sig_caught),
	U(fs_ev_state, cgroup_id),
	NONE,
};

static const struct event_field process_fields[] = {
	U(fs_ev_process, parent_pid),
	U(fs_ev_process, parent_start_ns),
	U(fs_ev_process, threads),
	U(fs_ev_process, argv_len),
	AS(fs_ev_process, kthread, "kthread", FIELD_FLAG),
	U(fs_ev_process, ns_level),
	COMM(fs_ev_process),
	NONE,
};

static const struct event_field thread_fields[] = {
	U(fs_ev_thread, thread_start_ns),
	COMM(fs_ev_thread),
	NONE,
};

static const struct event_field cred_fields[] = {
	U(fs_ev_cred, uid),
	U(fs_ev_cred, euid),
	U(fs_ev_cred, suid),
	U(fs_ev_cred, gid),
	U(fs_ev_cred, egid),
	U(fs_ev_cred, sgid),
	NONE,
};

static const struct event_field calls_fields[] = {
	U(fs_ev_calls, count),
	NONE,
};

static const struct event_field first_write_fields[] = {
	U(fs_ev_first_write, fd),
	X(fs_ev_first_write, file),
	U(fs_ev_first_write, syscall),
	NONE,
};

/* Addresses and the name are shown as text. */
static const struct event_field file_fields[] = {
	X(fs_ev_file, file),	      U(fs_ev_file, mode),
	U(fs_ev_file, dev),	      U(fs_ev_file, ino),
	U(fs_ev_file, rdev),	      U(fs_ev_file, sb_magic),
	U(fs_ev_file, open_flags),    U(fs_ev_file, f_mode),
	U(fs_ev_file, sock_family),   U(fs_ev_file, sock_type),
	U(fs_ev_file, sock_protocol), U(fs_ev_file, sock_state),
	U(fs_ev_file, sock_peer_ino), U(fs_ev_file, local_port),
	U(fs_ev_file, peer_port),     NONE,
};

static const struct event_field fd_table_fields[] = {
	U(fs_ev_fd_table, when),
	U(fs_ev_fd_table, count),
	U(fs_ev_fd_table, count_before),
	AS(fs_ev_fd_table, last, "last", FIELD_FLAG),
	AS(fs_ev_fd_table, table_flags, "shared", FIELD_FLAG),
	NONE,
};

static const struct event_field fd_pass_fields[] = {
	U(fs_ev_fd_pass, sock_fd),    X(fs_ev_fd_pass, sock_file),
	U(fs_ev_fd_pass, sock_ino),   U(fs_ev_fd_pass, sock_peer_ino),
	U(fs_ev_fd_pass, pass_flags), U(fs_ev_fd_pass, message),
	U(fs_ev_fd_pass, cmsgs),      U(fs_ev_fd_pass, count),
	U(fs_ev_fd_pass, syscall),    NONE,
};

static const struct event_field fd_getfd_fields[] = {
	U(fs_ev_fd_getfd, fd),
	X(fs_ev_fd_getfd, file),
	U(fs_ev_fd_getfd, from_fd),
	U(fs_ev_fd_getfd, from_pid),
	U(fs_ev_fd_getfd, from_start_ns),
	U(fs_ev_fd_getfd, pidfd),
	NONE,
};

static const struct event_field fd_fields[] = {
	U(fs_ev_fd, fd),
	X(fs_ev_fd, file),
	AS(fs_ev_fd, flags, "cloexec", FIELD_FLAG),
	U(fs_ev_fd, syscall),
	NONE,
};

static const struct event_field fd_dup_fields[] = {
	U(fs_ev_fd_dup, old_fd),  U(fs_ev_fd_dup, fd),
	X(fs_ev_fd_dup, file),	  AS(fs_ev_fd_dup, flags, "cloexec", FIELD_FLAG),
	U(fs_ev_fd_dup, syscall), NONE,
};

static const struct event_field fd_close_range_fields[] = {
	U(fs_ev_fd_close_range, first),
	U(fs_ev_fd_close_range, last),
	U(fs_ev_fd_close_range, range_flags),
	NONE,
};

static const struct event_field fd_send_failed_fields[] = {
	I(fs_ev_fd_send_failed, error),
	U(fs_ev_fd_send_failed, messages),
	NONE,
};

static const struct event_field blind_spot_fields[] = { U(fs_ev_blind_spot, what), NONE };

/* The four arguments have names of their own. */
static const struct event_field odd_call_fields[] = {
	U(fs_ev_odd_call, what),
	U(fs_ev_odd_call, syscall),
	I(fs_ev_odd_call, ret),
	X(fs_ev_odd_call, file),
	AS(fs_ev_odd_call, args[0], "arg0", FIELD_HEX),
	AS(fs_ev_odd_call, args[1], "arg1", FIELD_HEX),
	AS(fs_ev_odd_call, args[2], "arg2", FIELD_HEX),
	AS(fs_ev_odd_call, args[3], "arg3", FIELD_HEX),
	NONE,
};

static const struct event_field fork_thread_fields[] = {
	U(fs_ev_fork_thread, child_pid),
	U(fs_ev_fork_thread, other_tid),
	X(fs_ev_fork_thread, pc),
	AS(fs_ev_fork_thread, running, "running", FIELD_FLAG),
	NONE,
};

static const struct event_field futex_stuck_fields[] = {
	AS(fs_ev_futex_stuck, since_ns, "since_ns", FIELD_TIME),
	X(fs_ev_futex_stuck, address),
	X(fs_ev_futex_stuck, sig_caught),
	U(fs_ev_futex_stuck, how),
	U(fs_ev_futex_stuck, kind),
	U(fs_ev_futex_stuck, op),
	U(fs_ev_futex_stuck, word),
	U(fs_ev_futex_stuck, owner_tid),
	U(fs_ev_futex_stuck, owner),
	AS(fs_ev_futex_stuck, shared, "shared", FIELD_FLAG),
	U(fs_ev_futex_stuck, proof),
	U(fs_ev_futex_stuck, threads),
	U(fs_ev_futex_stuck, stuck),
	NONE,
};

static const struct event_field lock_story_fields[] = {
	X(fs_ev_lock_story, lock),
	U(fs_ev_lock_story, holder_tid),
	U(fs_ev_lock_story, by),
	U(fs_ev_lock_story, kind),
	U(fs_ev_lock_story, others),
	AS(fs_ev_lock_story, running, "running", FIELD_FLAG),
	NONE,
};

static const struct event_field blocked_fields[] = {
	AS(fs_ev_blocked, since_ns, "since_ns", FIELD_TIME),
	U(fs_ev_blocked, ino),
	U(fs_ev_blocked, fd),
	U(fs_ev_blocked, syscall),
	U(fs_ev_blocked, count),
	U(fs_ev_blocked, threads),
	NONE,
};

static const struct event_field lost_fields[] = {
	AS(fs_ev_lost, lost_type, "lost_type", FIELD_TYPE),
	AS(fs_ev_lost, lost_source, "lost_source", FIELD_SOURCE),
	U(fs_ev_lost, count),
	AS(fs_ev_lost, from_ns, "from_ns", FIELD_TIME),
	AS(fs_ev_lost, to_ns, "to_ns", FIELD_TIME),
	NONE,
};

static const struct event_field hello_fields[] = {
	U(fs_ev_shim_hello, parent_pid),
	X(fs_ev_shim_hello, hello_flags),
	U(fs_ev_shim_hello, argc),
	U(fs_ev_shim_hello, argv_len),
	U(fs_ev_shim_hello, argv_total),
	COMM(fs_ev_shim_hello),
	NONE,
};

/* The call's name, its phase and the gap are shown by name. */
static const struct event_field call_fields[] = {
	U(fs_ev_call, call_id),
	AS(fs_ev_call, enter_ns, "enter_ns", FIELD_TIME),
	I(fs_ev_call, ret),
	I(fs_ev_call, error),
	U(fs_ev_call, child_pid),
	U(fs_ev_call, parent_pid),
	U(fs_ev_call, status),
	U(fs_ev_call, threads),
	X(fs_ev_call, caller),
	X(fs_ev_call, argument),
	X(fs_ev_call, call_flags),
	U(fs_ev_call, argc),
	U(fs_ev_call, argv_len),
	U(fs_ev_call, argv_total),
	U(fs_ev_call, child_start_ns),
	NONE,
};

static const struct event_field stack_fields[] = {
	U(fs_ev_stack, call_id),
	U(fs_ev_stack, kind),
	U(fs_ev_stack, count),
	AS(fs_ev_stack, stack_flags, "stack_cut", FIELD_FLAG),
	NONE,
};

static const struct event_field snapshot_fields[] = {
	U(fs_ev_fork_snapshot, call_id),
	U(fs_ev_fork_snapshot, other_tid),
	X(fs_ev_fork_snapshot, start_routine),
	X(fs_ev_fork_snapshot, pthread),
	X(fs_ev_fork_snapshot, pc),
	X(fs_ev_fork_snapshot, sp),
	I(fs_ev_fork_snapshot, syscall),
	AS(fs_ev_fork_snapshot, running, "running", FIELD_FLAG),
	COMM(fs_ev_fork_snapshot),
	NONE,
};

static const struct event_field lock_fields[] = {
	U(fs_ev_lock_held, call_id),	X(fs_ev_lock_held, lock), X(fs_ev_lock_held, pc),
	U(fs_ev_lock_held, holder_tid), U(fs_ev_lock_held, kind), NONE,
};

static const struct event_field stdio_fields[] = {
	U(fs_ev_stdio_pending, call_id),   X(fs_ev_stdio_pending, stream),
	U(fs_ev_stdio_pending, bytes),	   I(fs_ev_stdio_pending, fd),
	U(fs_ev_stdio_pending, direction), NONE,
};

#define HANDLER(i, name) AS(fs_ev_handler, functions[i], name, FIELD_HEX)
static const struct event_field handler_fields[] = {
	U(fs_ev_handler, kind),	      HANDLER(0, "function"),	HANDLER(1, "function_parent"),
	HANDLER(2, "function_child"), X(fs_ev_handler, caller), NONE,
};

static const struct event_field dlopen_fields[] = {
	X(fs_ev_dlopen, base),
	X(fs_ev_dlopen, start),
	X(fs_ev_dlopen, end),
	X(fs_ev_dlopen, caller),
	NONE,
};

static const struct event_field busy_fields[] = {
	AS(fs_ev_shim_busy, from_ns, "from_ns", FIELD_TIME),
	NONE,
};

static const struct event_field mark_fields[] = {
	U(fs_ev_mark, id),
	U(fs_ev_mark, value),
	NONE,
};

static const struct event_field pool_fields[] = {
	U(fs_ev_pool, pool),	   U(fs_ev_pool, task),
	U(fs_ev_pool, worker_pid), U(fs_ev_pool, start_method),
	I(fs_ev_pool, code),	   U(fs_ev_pool, record),
	U(fs_ev_pool, count),	   U(fs_ev_pool, attempt),
	U(fs_ev_pool, worker),	   NONE,
};

static const struct event_field *const tables[FS_EV_MAX] = {
	[FS_EV_FORK] = fork_fields,
	[FS_EV_FORK_DONE] = fork_done_fields,
	[FS_EV_THREAD_START] = thread_start_fields,
	[FS_EV_THREAD_EXIT] = thread_exit_fields,
	[FS_EV_EXEC] = exec_fields,
	[FS_EV_EXEC_ARGV] = exec_argv_fields,
	[FS_EV_EXEC_FAILED] = exec_failed_fields,
	[FS_EV_EXIT] = exit_fields,
	[FS_EV_REAP] = reap_fields,
	[FS_EV_REPARENT] = reparent_fields,
	[FS_EV_SIGNAL] = signal_fields,
	[FS_EV_OOM_KILL] = oom_kill_fields,
	[FS_EV_RENAME] = rename_fields,
	[FS_EV_STATE] = state_fields,
	[FS_EV_PROCESS] = process_fields,
	[FS_EV_THREAD] = thread_fields,
	[FS_EV_CRED] = cred_fields,
	[FS_EV_FIRST_WRITE] = first_write_fields,
	[FS_EV_FILE] = file_fields,
	[FS_EV_FD_TABLE] = fd_table_fields,
	[FS_EV_FD_SEND] = fd_pass_fields,
	[FS_EV_FD_RECV] = fd_pass_fields,
	[FS_EV_FD_GETFD] = fd_getfd_fields,
	[FS_EV_FD_OPEN] = fd_fields,
	[FS_EV_FD_CLOSE] = fd_fields,
	[FS_EV_FD_DUP] = fd_dup_fields,
	[FS_EV_FD_CLOEXEC] = fd_fields,
	[FS_EV_FD_CLOSE_RANGE] = fd_close_range_fields,
	[FS_EV_FD_USE] = fd_fields,
	[FS_EV_FD_UNSHARE] = fd_fields,
	[FS_EV_FD_SEND_FAILED] = fd_send_failed_fields,
	[FS_EV_BLIND_SPOT] = blind_spot_fields,
	[FS_EV_CALLS] = calls_fields,
	[FS_EV_FD_EOF] = fd_fields,
	[FS_EV_ODD_CALL] = odd_call_fields,
	[FS_EV_FUTEX_STUCK] = futex_stuck_fields,
	[FS_EV_BLOCKED] = blocked_fields,
	[FS_EV_FORK_THREAD] = fork_thread_fields,
	[FS_EV_LOCK_STORY] = lock_story_fields,
	[FS_EV_SHIM_HELLO] = hello_fields,
	[FS_EV_CALL] = call_fields,
	[FS_EV_STACK] = stack_fields,
	[FS_EV_FORK_SNAPSHOT] = snapshot_fields,
	[FS_EV_LOCK_HELD] = lock_fields,
	[FS_EV_STDIO_PENDING] = stdio_fields,
	[FS_EV_HANDLER] = handler_fields,
	[FS_EV_DLOPEN] = dlopen_fields,
	[FS_EV_SHIM_BUSY] = busy_fields,
	[FS_EV_MARK] = mark_fields,
	[FS_EV_SPAN_BEGIN] = mark_fields,
	[FS_EV_SPAN_END] = mark_fields,
	[FS_EV_NAME] = mark_fields,
	[FS_EV_POOL_OPEN... FS_EV_TASK_DONE] = pool_fields,
	[FS_EV_LOST] = lost_fields,
};

const struct event_field *event_fields(unsigned type)
{
	return type < FS_EV_MAX && tables[type] ? tables[type] : no_fields;
}

uint64_t event_field_value(const struct fs_event *e, const struct event_field *field)
{
	const char *at = (const char *)e + field->offset;
	uint64_t value = 0;
	int32_t narrow;

	if (field->format == FIELD_SIGNED && field->size == sizeof(narrow)) {
		memcpy(&narrow, at, sizeof(narrow));
		return (uint64_t)(int64_t)narrow;
	}
	/* Little-endian, as the file: the low bytes come first. */
	memcpy(&value, at, field->size < sizeof(value) ? field->size : sizeof(value));
	return value;
}
