/* SPDX-License-Identifier: MIT */
/*
 * THE event: one definition for the BPF probes, the shim and the tracer.
 *
 * A trace is a sequence of records, each one fact. Every record begins with struct fs_event; its
 * type says which struct it really is, its size how long it is, tail included. The tail holds what
 * has no fixed length (strings, tables); the fixed part says how long each piece of it is.
 *
 * Rules of this file:
 *  - Numbers are for ever: append, never renumber, never reuse. A struct may grow at its end only
 *    (readers go by `size`), and a reserved field may get a meaning.
 *  - Fixed-width types, no implicit padding; the static asserts at the end hold every size.
 *  - Facts, not verdicts: what a fact means (start method, kind of a file, role) is the model's.
 *  - Text comes as the kernel has it: any bytes. Whoever prints it, escapes it.
 *
 * Processes: `pid` is the thread group id and `tid` the thread id, both as the pid namespace of the
 * recording forkscope numbers them; `ns_pid` is the process's number in its own (innermost) pid
 * namespace, 0 where unknown. (pid, start_ns) names one process for ever; start_ns is the boot-time
 * start of the thread group's leader, which an exec from another thread does not change.
 *
 * Open files: a `file` is the identity of one open file description, the same through dup, fork,
 * exec and SCM_RIGHTS; 0 where it could not be read. FS_EV_FILE describes it, and comes before, or
 * right after, the first event that names it.
 */
#ifndef FORKSCOPE_EVENT_H
#define FORKSCOPE_EVENT_H

/* Tables of numbers and fields, in columns: */
/* clang-format off */

#ifdef __bpf__
typedef signed char int8_t;
typedef unsigned char uint8_t;
typedef short int16_t;
typedef unsigned short uint16_t;
typedef int int32_t;
typedef unsigned int uint32_t;
typedef long long int64_t;
typedef unsigned long long uint64_t;
#else
#include <stdint.h>
#endif

/* Which witness said it. */
enum fs_source {
	FS_SOURCE_BPF = 1,    /* kernel probes */
	FS_SOURCE_SHIM = 2,   /* the preloaded library */
	FS_SOURCE_USDT = 3,   /* probes compiled into a program */
	FS_SOURCE_TRACER = 4, /* forkscope itself: losses, what it read from /proc */
};

/* Event types. The lower-case names in the comments are the names in JSON and in `lost_by`. */
enum fs_event_type {
	/* life: 1-31 */
	FS_EV_FORK = 1,	        /* fork: a process was made */
	FS_EV_FORK_DONE = 2,    /* fork_done: the call that made it returned (or failed) */
	FS_EV_THREAD_START = 3, /* thread_start */
	FS_EV_THREAD_EXIT = 4,  /* thread_exit */
	FS_EV_EXEC = 5,	        /* exec: a new image */
	FS_EV_EXEC_ARGV = 6,    /* exec_argv: more of the argv of the exec (or failed exec) before */
	FS_EV_EXEC_FAILED = 7,  /* exec_failed */
	FS_EV_EXIT = 8,	        /* exit: the process (its last thread) ended */
	FS_EV_REAP = 9,	        /* reap: a wait call returned a child */
	FS_EV_REPARENT = 10,    /* reparent: the parent ended, somebody else got the child */
	FS_EV_SIGNAL = 11,      /* signal: one was sent */
	FS_EV_OOM_KILL = 12,    /* oom_kill: the kernel chose a victim */
	FS_EV_RENAME = 13,      /* rename: a thread changed its name */
	FS_EV_STATE = 14,       /* state: ids, masks, limits, cwd ... at fork, before and after exec */
	FS_EV_PROCESS = 15,     /* process: found already running when the recording began */
	FS_EV_THREAD = 16,      /* thread: likewise */
	FS_EV_CRED = 17,        /* cred: a process changed its uid or gid */
	FS_EV_FIRST_WRITE = 18, /* first_write: first write to a pipe or socket above fd 2 in this image */
	FS_EV_ODD_CALL = 19,    /* odd_call: a system call that only rules care about */
	FS_EV_CALLS = 20,       /* calls: how many system calls it made until its first_write */
	FS_EV_FORK_THREAD = 21, /* fork_thread: another thread of a process that forks, told for `check` alone */

	/* fds: 32-63 */
	FS_EV_FILE = 32,        /* file: what an open file description is */
	FS_EV_FD_TABLE = 33,    /* fd_table: (a piece of) a process's table */
	FS_EV_FD_SEND = 34,     /* fd_send: fds sent by SCM_RIGHTS, one event a message */
	FS_EV_FD_RECV = 35,     /* fd_recv: fds received by SCM_RIGHTS */
	FS_EV_FD_GETFD = 36,    /* fd_getfd: pidfd_getfd(2) took a copy of another process's fd */
	FS_EV_FD_OPEN = 37,     /* fd_open: a new fd on a new file (open, pipe, socket, accept ...) */
	FS_EV_FD_CLOSE = 38,    /* fd_close */
	FS_EV_FD_DUP = 39,      /* fd_dup: a new fd on an old file */
	FS_EV_FD_CLOEXEC = 40,  /* fd_cloexec: the flag was changed after birth */
	FS_EV_FD_CLOSE_RANGE = 41, /* fd_close_range */
	FS_EV_FD_USE = 42,      /* fd_use: first system call of this process that names this fd */
	FS_EV_FD_UNSHARE = 43,  /* fd_unshare: a shared table became the process's own */
	FS_EV_FD_SEND_FAILED = 44, /* fd_send_failed: the FD_SEND of this thread before did not happen */
	FS_EV_BLIND_SPOT = 45,  /* blind_spot: from here on this process may act unseen */
	FS_EV_FD_EOF = 46,      /* fd_eof: a read of a pipe or stream socket found its end */

	/* waits: 64-79 */
	FS_EV_FUTEX_STUCK = 64, /* futex_stuck: a thread waits, or spins, where nobody can release it */
	FS_EV_BLOCKED = 65,     /* blocked: a thread has been reading a pipe that only these can write */
	FS_EV_LOCK_STORY = 66,  /* lock_story: the lock that a futex_stuck waits for, and who had it at the fork */

	/* intent, from the shim: 96-127 */
	FS_EV_SHIM_HELLO = 96,    /* shim_hello: an image in which the shim is at work */
	FS_EV_CALL = 97,          /* call: a libc call, before it, after it, or in the child it made */
	FS_EV_STACK = 98,         /* stack: where a call came from */
	FS_EV_FORK_SNAPSHOT = 99, /* fork_snapshot: another thread that was alive at a fork */
	FS_EV_LOCK_HELD = 100,    /* lock_held: a lock that a thread held at a fork */
	FS_EV_STDIO_PENDING = 101, /* stdio_pending: bytes in a stream's buffer at a fork */
	FS_EV_HANDLER = 102,      /* handler: fork or exit handlers were registered */
	FS_EV_DLOPEN = 103,       /* dlopen: an object of code in this image, and where it lies */
	FS_EV_SHIM_BUSY = 104,     /* shim_busy: the shim's own doings, which are none of the program's */

	/* marks, from the annotation API and libprocpool: 128-159 */
	FS_EV_MARK = 128,
	FS_EV_SPAN_BEGIN = 129,
	FS_EV_SPAN_END = 130,
	FS_EV_POOL_OPEN = 131,
	FS_EV_POOL_CLOSE = 132,
	FS_EV_WORKER_START = 133,
	FS_EV_WORKER_READY = 134,
	FS_EV_WORKER_EXIT = 135,
	FS_EV_TASK_SUBMIT = 136,
	FS_EV_TASK_START = 137,
	FS_EV_TASK_DONE = 138,
	FS_EV_NAME = 139, /* name: what a thread is for, by its program's word */

	/* the recording itself: 192- */
	FS_EV_LOST = 192, /* lost: events that did not fit; a gap on the time line */
};

/* Loss counters are kept per type; types at or above this share the last counter. */
#define FS_EV_MAX 256

/* fs_event.flags */
#define FS_EVENT_CUT 0x01 /* the tail was longer than could be copied; the fixed part says how long */
#define FS_EVENT_COMPAT 0x02 /* a 32-bit system call */
#define FS_EVENT_UNREADABLE 0x04 /* some user memory could not be read (page not resident) */
#define FS_EVENT_STANDSTILL 0x08 /* FS_EV_BLOCKED: who could write waits for the reader, and does nothing else */

struct fs_event {
	uint32_t size;     /* of the whole record, tail and padding included; a multiple of 8 */
	uint16_t type;     /* enum fs_event_type */
	uint8_t source;    /* enum fs_source */
	uint8_t flags;     /* FS_EVENT_* */
	uint64_t ts_ns;    /* CLOCK_MONOTONIC */
	uint64_t start_ns; /* of the process; see above */
	uint32_t pid;      /* whose act or state it is; 0: nobody's (kernel, recorder) */
	uint32_t tid;
	uint32_t ns_pid;
	uint32_t cpu;
};

/* h: the thread whose call it was (the creator; the parent, except with CLONE_PARENT). */
struct fs_ev_fork {
	struct fs_event h;
	uint64_t child_start_ns;
	uint64_t parent_start_ns;
	uint64_t clone_flags;   /* as clone3 has them; without the exit signal */
	uint64_t creator_blocked; /* the creator's signal mask (posix_spawn blocks all) */
	uint64_t parent_rss_kb; /* memory of the creator at the fork, 0 where unknown */
	uint64_t parent_pgtables_kb;
	uint32_t child_pid;
	uint32_t child_ns_pid;
	uint32_t parent_pid;    /* the kernel's parent at birth */
	uint32_t threads;       /* alive in the creator at that instant */
	uint32_t exit_signal;
	uint32_t syscall;       /* number, in the ABI told by FS_EVENT_COMPAT */
	uint32_t has_stack;     /* 1: the caller gave a new stack, 0: not */
	uint32_t ns_level;      /* depth of the child's pid namespace below forkscope's */
	char comm[16];
};

/* The creator's call came back. With vfork that is after the child's exec or exit. */
struct fs_ev_fork_done {
	struct fs_event h;
	uint64_t enter_ns;       /* when the call began */
	uint64_t child_start_ns; /* 0 when it failed */
	uint32_t child_pid;      /* 0 when it failed */
	int32_t ret;             /* what the caller saw: a pid in its own namespace, or -errno */
	uint64_t clone_flags;
	uint32_t syscall;
	uint32_t reserved;
};

/* h.tid: the thread that made it. */
struct fs_ev_thread_start {
	struct fs_event h;
	uint64_t clone_flags;
	uint32_t new_tid;
	uint32_t new_ns_tid;
	char comm[16];
};

struct fs_ev_thread_exit {
	struct fs_event h;
	uint32_t exit_code; /* as wait status */
	uint32_t is_leader; /* 1: the thread group's leader, while others live on */
	char comm[16];
};

/*
 * Tail: filename, NUL, interp, NUL, then the first argv_len bytes of argv (arguments NUL-separated
 * as in /proc/PID/cmdline). When argv_len < argv_total, FS_EV_EXEC_ARGV records follow with the rest.
 */
struct fs_ev_exec {
	struct fs_event h;
	uint32_t argc;
	uint32_t from_tid;     /* the thread that called exec; differs from pid: not the leader */
	uint32_t filename_len; /* without the NUL */
	uint32_t interp_len;   /* the image in fact loaded; differs from filename for "#!" */
	uint32_t argv_len;     /* in this record */
	uint32_t argv_total;
	char comm[16];
};

/* Tail: len bytes. */
struct fs_ev_exec_argv {
	struct fs_event h;
	uint32_t offset; /* of these bytes in the whole argv */
	uint32_t len;
};

/*
 * Tail as for fs_ev_exec without interp. argv was read from the caller's memory; FS_EVENT_UNREADABLE
 * tells that pages were missing. argv_total counts what was read.
 */
struct fs_ev_exec_failed {
	struct fs_event h;
	int32_t error; /* positive errno */
	uint32_t argc;
	uint32_t filename_len;
	uint32_t argv_len;
	uint32_t argv_total;
	int32_t dirfd; /* of execveat; AT_FDCWD else */
};

#define FS_EXIT_AUTOREAP 0x1   /* nobody will wait: the parent ignores SIGCHLD */
#define FS_EXIT_BEFORE_EXEC 0x2 /* died inside the kernel's exec, past the point of no return */

struct fs_ev_exit {
	struct fs_event h;
	uint64_t cpu_ns;       /* of all its threads */
	uint64_t minor_faults;
	uint64_t major_faults;
	uint64_t peak_rss_kb;
	uint64_t parent_start_ns;
	uint32_t parent_pid;   /* the kernel's parent now: differs from birth when reparented */
	uint32_t status;       /* as wait(2) gives it: signal | core << 7 | code << 8 */
	uint32_t last_tid;     /* the thread that ended last */
	uint32_t exit_flags;   /* FS_EXIT_* */
	char comm[16];
};

/* h: the waiter. Written for every child a wait call returned, stopped ones included (options tell). */
struct fs_ev_reap {
	struct fs_event h;
	uint64_t child_start_ns; /* 0 where unknown */
	uint32_t child_pid;      /* forkscope's number, 0 where unknown */
	uint32_t child_ns_pid;   /* what the call returned */
	uint32_t options;        /* of the wait call */
	uint32_t syscall;
};

/* h: the process that ended. */
struct fs_ev_reparent {
	struct fs_event h;
	uint64_t child_start_ns;
	uint64_t to_start_ns;
	uint32_t child_pid;
	uint32_t to_pid;
};

/* h: the sender; pid 0: the kernel. SIGCHLD by the kernel is not told: exit says it. */
struct fs_ev_signal {
	struct fs_event h;
	uint64_t to_start_ns;
	uint32_t to_pid;
	uint32_t to_tid;
	uint32_t sig;
	int32_t code;   /* si_code */
	uint32_t group; /* 1: to the process, 0: to the thread */
	uint32_t result; /* 0 delivered, 1 ignored, 2 already pending, 3-4 lost by overflow */
};

/* h: the victim. */
struct fs_ev_oom_kill {
	struct fs_event h;
	char comm[16];
};

/* h: the thread renamed (by itself or another). */
struct fs_ev_rename {
	struct fs_event h;
	char comm[16];
};

enum fs_state_when {
	FS_STATE_AT_FORK = 1,    /* h is the child, just born */
	FS_STATE_BEFORE_EXEC = 2,
	FS_STATE_AFTER_EXEC = 3,
	FS_STATE_ATTACHED = 4,
	FS_STATE_BEFORE_FORK = 5, /* of the creator, when it had changed since it was last told */
	FS_STATE_AT_EXIT = 6, /* told for `check` alone */
};

/* Index of each namespace in fs_ev_state.ns. */
enum fs_ns {
	FS_NS_MNT, FS_NS_UTS, FS_NS_IPC, FS_NS_PID, FS_NS_NET, FS_NS_CGROUP, FS_NS_TIME, FS_NS_USER,
	FS_NS_COUNT
};

/*
 * What a process inherits besides memory and fds. A child whose state is that of its parent's last
 * FS_EV_STATE gets none at its fork: look at the parent's. Tail: the components of the working directory's path,
 * the deepest first, each NUL-terminated, cwd_len bytes in all (an empty cwd_len: unknown).
 */
struct fs_ev_state {
	struct fs_event h;
	uint64_t sig_blocked; /* bit n-1: signal n; of the calling thread */
	uint64_t sig_ignored;
	uint64_t sig_caught;
	uint64_t cgroup_id;   /* of the default (v2) hierarchy */
	uint64_t rlimits[32]; /* soft, hard of RLIMIT_CPU, RLIMIT_FSIZE ... in the kernel's order */
	uint32_t ns[8];       /* inode numbers, by enum fs_ns; 0 unknown */
	uint32_t when;        /* enum fs_state_when */
	uint32_t umask;
	uint32_t uid, euid, gid, egid;
	uint32_t no_new_privs;
	uint32_t cwd_len;
};

/* A process found running. Tail: exe path, NUL, argv (argv_len bytes). */
struct fs_ev_process {
	struct fs_event h;
	uint64_t parent_start_ns;
	uint32_t parent_pid;
	uint32_t threads;
	uint32_t exe_len;
	uint32_t argv_len;
	uint32_t kthread; /* 1: a kernel thread */
	uint32_t ns_level;
	char comm[16];
};

struct fs_ev_thread {
	struct fs_event h;
	uint64_t thread_start_ns;
	char comm[16];
};

struct fs_ev_cred {
	struct fs_event h;
	uint32_t uid, euid, suid, gid, egid, sgid;
};

struct fs_ev_first_write {
	struct fs_event h;
	uint64_t file;
	uint32_t fd;
	uint32_t syscall;
};

/* Comes after FS_EV_FIRST_WRITE. Counted from birth, threads and earlier images included. */
struct fs_ev_calls {
	struct fs_event h;
	uint64_t count; /* the write itself is the last */
};

/*
 * What an open file description is, as facts; model/ names its kind. Tail: components of its path (or
 * its one name, as "[eventfd]" or "memfd:x"), deepest first, each NUL-terminated, name_len bytes.
 */
struct fs_ev_file {
	struct fs_event h;
	uint64_t file;
	uint64_t ino;
	uint64_t sock_peer_ino; /* AF_UNIX: inode of the connected peer's socket, 0 unknown or none */
	uint32_t dev;           /* kernel's encoding: major << 20 | minor */
	uint32_t rdev;
	uint32_t sb_magic;      /* of its file system (statfs(2)'s f_type) */
	uint32_t mode;          /* st_mode */
	uint32_t open_flags;    /* O_* as F_GETFL gives them */
	uint32_t f_mode;        /* 1 readable, 2 writable */
	uint16_t sock_family;   /* AF_*, 0 when no socket */
	uint16_t sock_type;     /* SOCK_* */
	uint16_t sock_protocol;
	uint16_t sock_state;    /* the kernel's sk_state: TCP_LISTEN (10) = listening ... */
	uint32_t name_len;
	uint32_t reserved;
	uint8_t local_addr[16]; /* AF_INET and AF_INET6, network order; v4 in the first four bytes */
	uint8_t peer_addr[16];
	uint16_t local_port;    /* host order */
	uint16_t peer_port;
	uint32_t reserved2;
};

/* One fd of a table or a message. */
struct fs_fd {
	uint64_t file;
	uint32_t fd;
	uint32_t flags; /* FS_FD_* */
};
#define FS_FD_CLOEXEC 0x1

enum fs_fd_table_when {
	FS_TABLE_AT_FORK = 1,    /* h: the child */
	FS_TABLE_AFTER_EXEC = 2,
	FS_TABLE_ATTACHED = 3,
};

#define FS_TABLE_SHARED 0x1 /* the child shares the creator's table (CLONE_FILES): no entries follow */

/*
 * A piece of a table, entries in order of fd; the last one has `last` 1. Tail: struct fs_fd[count].
 * A table of which a piece was lost has count_before != what came before it.
 */
struct fs_ev_fd_table {
	struct fs_event h;
	uint32_t when;         /* enum fs_fd_table_when */
	uint32_t count;
	uint32_t count_before; /* entries of this table in earlier pieces */
	uint32_t last;
	uint32_t table_flags;  /* FS_TABLE_* */
	uint32_t reserved;
};

#define FS_PASS_CTRUNC 0x1	    /* MSG_CTRUNC: some fds did not fit and are lost */
#define FS_PASS_CMSG_CLOEXEC 0x2 /* the receiver asked for CLOEXEC */
#define FS_PASS_PEEK 0x4             /* MSG_PEEK: a copy; the message stays */

/* One message with SCM_RIGHTS. Tail: struct fs_fd[count]; when sent, fd is the sender's number. */
struct fs_ev_fd_pass {
	struct fs_event h;
	uint64_t sock_file;     /* the socket, as open file description */
	uint64_t sock_ino;
	uint64_t sock_peer_ino; /* of the connected peer's socket, 0 unknown */
	uint32_t sock_fd;
	uint32_t syscall;
	uint32_t pass_flags;    /* FS_PASS_* */
	uint32_t message;       /* index in a sendmmsg or recvmmsg */
	uint32_t count;
	uint32_t cmsgs;         /* SCM_RIGHTS control messages they came in */
};

/* h: the taker. */
struct fs_ev_fd_getfd {
	struct fs_event h;
	uint64_t file;
	uint64_t from_start_ns;
	uint32_t from_pid;
	uint32_t from_fd;
	uint32_t fd;
	uint32_t pidfd;
};

/*
 * FD_OPEN, FD_CLOSE, FD_USE, FD_CLOEXEC (flags: the new value), FD_UNSHARE (fd unused), FD_EOF (not
 * told again when this process's next end of file is of the same open file).
 */
struct fs_ev_fd {
	struct fs_event h;
	uint64_t file;
	uint32_t fd;
	uint32_t flags;   /* FS_FD_CLOEXEC */
	uint32_t syscall;
	uint32_t reserved;
};

struct fs_ev_fd_dup {
	struct fs_event h;
	uint64_t file;
	uint32_t old_fd;
	uint32_t fd;
	uint32_t flags; /* FS_FD_CLOEXEC */
	uint32_t syscall;
};

#define FS_CLOSE_RANGE_UNSHARE 0x2
#define FS_CLOSE_RANGE_CLOEXEC 0x4

struct fs_ev_fd_close_range {
	struct fs_event h;
	uint32_t first;
	uint32_t last;
	uint32_t range_flags; /* FS_CLOSE_RANGE_* as in the call */
	uint32_t reserved;
};

struct fs_ev_fd_send_failed {
	struct fs_event h;
	int32_t error;    /* positive errno */
	uint32_t messages; /* how many of the sendmmsg's messages did go out; 0 for sendmsg */
};

enum fs_blind_spot {
	FS_BLIND_IO_URING = 1, /* its requests do not pass the system call probes */
};

struct fs_ev_blind_spot {
	struct fs_event h;
	uint32_t what; /* enum fs_blind_spot */
	uint32_t reserved;
};

enum fs_odd {
	FS_ODD_WAIT_FAILED = 1,	 /* a wait for one given child found no such child (args[0]: its number) */
	FS_ODD_KILL_ALL = 2,	 /* kill(-1, args[1]) */
	FS_ODD_VFORK_CHILD = 3,	 /* a call outside of what a vfork child may do before exec or _exit */
	FS_ODD_SEEK_BACK = 4,	 /* a forked child moved the offset of an inherited file back by -args[1] */
	FS_ODD_DONTFORK = 5,	 /* madvise of args[0], args[1] bytes, with args[2] DONTFORK or WIPEONFORK */
	FS_ODD_SHARED_USE = 6,	 /* another process than the last one used this open file; args[1]: that one */
	FS_ODD_RECORD_LOCK = 7,	 /* fcntl took (args[2] 0 read, 1 write) or dropped (2) a lock of its process, from
				    offset args[3] on */
	FS_ODD_WAIT_ANY = 9, /* a wait for any child returned one (ret: its number) */
	FS_ODD_FLOCK = 8,	 /* flock(args[0], args[1]) */
	FS_ODD_FAULT = 16,	 /* no call: a SIGSEGV for memory touched at args[0] */
	FS_ODD_EFFECT = 10,	 /* a copy that never exec'ed removed or renamed a file, or sent a signal */
	FS_ODD_SHARED_MAP = 11,	 /* mapped args[1] bytes that all its copies will write to */
	FS_ODD_CLOSE_ALL = 12,	 /* a copy closes whatever there may be: a whole range, or numbers of nothing */
	FS_ODD_LAST_WRITES = 14, /* a copy ends by exit_group; args: when it wrote or sent something, the last four */
	FS_ODD_SIGNAL_FAILED = 13, /* signal args[1] to process args[0], or its thread args[2], found none (ESRCH) */
};

/* h: the caller. file: where args[0] is an fd. */
struct fs_ev_odd_call {
	struct fs_event h;
	uint64_t args[4];
	uint64_t file;
	int64_t ret;
	uint32_t what; /* enum fs_odd */
	uint32_t syscall;
};

/*
 * Another thread of the creator, as it was when the child's memory was copied: its user registers, numbered as
 * DWARF does (x86-64 has 17, aarch64 33), from which its stack can be found in the child. h: the creator.
 * Not written to traces.
 */
#define FS_FORK_WORDS 33

struct fs_ev_fork_thread {
	struct fs_event h;
	uint64_t child_start_ns;
	uint64_t pc;
	uint64_t words[FS_FORK_WORDS];
	uint32_t child_pid;
	uint32_t other_tid;
	uint32_t running; /* 1: on a CPU; its registers are those of its last way into the kernel */
	uint32_t reserved;
	char comm[16];
};

enum fs_stuck_how {
	FS_STUCK_WAITS = 1, /* in a futex wait without a time limit */
	FS_STUCK_SPINS = 2, /* its registers and memory come back to the same, again and again */
	FS_STUCK_POLLS = 3, /* likewise, with short sleeps in between */
};

/* What it waits for, as its stack tells. */
enum fs_wait_kind {
	FS_WAIT_UNKNOWN = 0,
	FS_WAIT_MUTEX,
	FS_WAIT_RWLOCK,
	FS_WAIT_SEMAPHORE,
	FS_WAIT_SPIN,
	FS_WAIT_CONDITION,
	FS_WAIT_BARRIER,
	FS_WAIT_JOIN,
	FS_WAIT_GUARD,	 /* of a static object's construction */
	FS_WAIT_ONCE,
	FS_WAIT_LIBC,	 /* one inside libc */
	FS_WAIT_TEAM,	 /* of a runtime's threads (OpenMP) */
	FS_WAIT_PYTHON,	 /* an interpreter's lock object */
};

enum fs_owner {
	FS_OWNER_UNKNOWN = 0, /* the lock names none */
	FS_OWNER_HERE = 1,    /* a live thread of the same process */
	FS_OWNER_ELSEWHERE = 2, /* a live thread of another process */
	FS_OWNER_GONE = 3,
};

/* Why nobody can release it; any of them is enough in a child that has only the forking thread. */
#define FS_PROOF_OWNER 0x1	/* the owner the lock names is no thread of this process */
#define FS_PROOF_LOCK_CODE 0x2	/* inside of a lock's own code, which no signal handler may release */
#define FS_PROOF_NO_HANDLER 0x4 /* no signal is caught (SIGINT apart), so none can */
#define FS_PROOF_LOOP 0x8	/* a loop without way out, stepped through */
#define FS_PROOF_POOL 0x20	/* a pool's caller waits for a result while all its workers wait for work */
#define FS_PROOF_FEEDER 0x40	/* a process waits at its end for its queue's feeder, which nobody relieves */
#define FS_PROOF_FOR_A_TIME 0x80 /* ... while who could waits with a time limit */
#define FS_PROOF_ALONE 0x100	/* a wait in shared memory, and nothing that lives of the tree moves any more */
#define FS_PROOF_IN_FORK 0x10	/* inside fork(), waiting for a lock that it holds itself or in a circle */

/*
 * Read from /proc by forkscope. h.tid: the thread. Tail: its stack, innermost frame first, each text ending in
 * NUL, frames_len bytes in all: "function+0x1f (file.c:12)" or "function+0x1f (libx.so.1)";
 * then, where the process is an interpreter, "python: function (file.py:12)", innermost first again.
 */
struct fs_ev_futex_stuck {
	struct fs_event h;
	uint64_t since_ns;   /* seen first like this */
	uint64_t address;    /* of the futex word; of the loop's instruction when it spins */
	uint64_t sig_caught; /* signals that have handlers, without libc's own */
	uint32_t how;	     /* enum fs_stuck_how */
	uint32_t kind;	     /* enum fs_wait_kind */
	uint32_t op;	     /* of the futex call */
	uint32_t word;
	uint32_t owner_tid;  /* as the lock says, 0 none */
	uint32_t owner;	     /* enum fs_owner */
	uint32_t shared;     /* 1: the word lies in memory that other processes may share */
	uint32_t proof;	     /* FS_PROOF_* */
	uint32_t threads;    /* of the process */
	uint32_t stuck;	     /* of these, waiting like this one */
	uint32_t frames_len;
	uint32_t reserved;
};

/* How it is known who held a lock. */
enum fs_story_by {
	FS_STORY_NOBODY = 0,
	FS_STORY_OWNER = 1,  /* the lock names its owner */
	FS_STORY_SHIM = 2,   /* the shim saw it being taken */
	FS_STORY_STACK = 3,  /* its stack at the fork is inside of the same code */
	FS_STORY_ALONE = 4,  /* there was no other thread */
};

/*
 * More on the futex_stuck of the same thread that comes before it. Read by forkscope from the child's copy of the
 * memory. Tail: the lock's name ("counter_lock+0x0 (libx.so)"), then where it was taken, a frame, each with
 * its NUL and empty where not known; then the holder's stack at the fork, as in futex_stuck.
 */
struct fs_ev_lock_story {
	struct fs_event h;
	uint64_t lock;       /* its address; 0 not known */
	uint32_t holder_tid; /* 0: not known */
	uint32_t by;         /* enum fs_story_by */
	uint32_t kind;       /* enum fs_lock_kind by the shim; 0: not known */
	uint32_t others;     /* threads that were not copied */
	uint32_t running;    /* 1: the holder ran at that instant: its stack may be a little older */
	uint32_t name_len;   /* without NULs */
	uint32_t taken_len;
	uint32_t frames_len;
	char comm[16];       /* the holder's name */
};

/* Who holds an end of a pipe. */
struct fs_holder {
	uint32_t pid;
	uint32_t fd;
};

/* Read from /proc by forkscope. h.tid: the thread that reads. Tail: struct fs_holder[count]. */
struct fs_ev_blocked {
	struct fs_event h;
	uint64_t since_ns;
	uint64_t ino;	/* of the pipe, or of the socket's other end */
	uint32_t fd;
	uint32_t syscall;
	uint32_t count; /* of those that could write */
	uint32_t threads; /* of the reader, and one more where a signal handler may write */
};

/* --- intent, from the shim ---------------------------------------------------------------- */

#define FS_HELLO_PYTHON 0x1 /* Python stacks can be had here */
#define FS_HELLO_NATIVE 0x2 /* native stacks can be had here */
#define FS_HELLO_LOCKS 0x4  /* locks are watched */
#define FS_HELLO_SANITIZED 0x8 /* a sanitizer's run-time: the shim only says hello */

/*
 * The shim began to work in an image, before main. Of a pid that is known: a new image by exec.
 * Tail: path of the image, NUL, the first argv_len bytes of argv.
 */
struct fs_ev_shim_hello {
	struct fs_event h;
	uint32_t parent_pid;
	uint32_t hello_flags; /* FS_HELLO_* */
	uint32_t argc;
	uint32_t exe_len;
	uint32_t argv_len;   /* in this record */
	uint32_t argv_total;
	char comm[16];
};

/* The libc call. */
enum fs_call {
	FS_LIBC_FORK = 1,
	FS_LIBC_FORK_BARE = 2, /* _Fork */
	FS_LIBC_VFORK = 3,
	FS_LIBC_CLONE = 4,
	FS_LIBC_SYSCALL = 5,   /* syscall(SYS_clone ...) and its kin */
	FS_LIBC_POSIX_SPAWN = 6,
	FS_LIBC_POSIX_SPAWNP = 7,
	FS_LIBC_SYSTEM = 8,
	FS_LIBC_POPEN = 9,
	FS_LIBC_DAEMON = 10,
	FS_LIBC_FORKPTY = 11,
	FS_LIBC_WORDEXP = 12,
	FS_LIBC_EXECVE = 20,
	FS_LIBC_EXECV = 21,
	FS_LIBC_EXECVP = 22,
	FS_LIBC_EXECVPE = 23,
	FS_LIBC_EXECL = 24,
	FS_LIBC_EXECLP = 25,
	FS_LIBC_EXECLE = 26,
	FS_LIBC_FEXECVE = 27,
	FS_LIBC_EXECVEAT = 28,
	FS_LIBC_EXIT = 40,       /* exit, or a return from main */
	FS_LIBC_EXIT_BARE = 41,  /* _exit, _Exit */
	FS_LIBC_QUICK_EXIT = 42,
	FS_LIBC_WAIT = 50,       /* any of the wait family that returned a child */
	FS_LIBC_PTHREAD_CREATE = 60,
	FS_LIBC_DLOPEN = 61,
	FS_LIBC_SECCOMP = 70, /* the process confines itself: the shim is silent from here on */
	FS_LIBC_UNLOCK = 75,     /* of a mutex in a forked child, refused (EPERM): argument is its address */
	FS_LIBC_JOIN = 77,       /* in a forked child, of a thread that only its parent has: argument */
	FS_LIBC_VFORK_WROTE = 78, /* a vfork child has changed `status` bytes of the program's variables, the first at
				     `argument`; 0 of them: the environment */
	FS_LIBC_EXIT_DONE = 79,  /* in a forked child: all its exit handlers have run */
	FS_LIBC_FINAL_EFFECT = 80, /* a forked child of Python removed or renamed an older file while the interpreter ended */
	FS_LIBC_RANDOM = 76,     /* the first number drawn since the last fork, of rand, random (status 0), the
				    drand48 family (1) or rand_r (2); argument: how the state came about, see the shim */
};

enum fs_call_phase {
	FS_PHASE_BEFORE = 1,   /* the call is about to be made */
	FS_PHASE_DONE = 2,     /* it came back; with exec: it failed */
	FS_PHASE_IN_CHILD = 3, /* h is the child that it made */
};

/* Why the shim will not be in the image that an exec or spawn asks for. */
enum fs_shim_gap {
	FS_GAP_NONE = 0,
	FS_GAP_STATIC = 1,   /* no dynamic linker: static, or Go */
	FS_GAP_CLASS = 2,    /* another ELF class or machine */
	FS_GAP_SECURE = 3,   /* setuid, setgid or file capabilities */
	FS_GAP_SANITIZER = 4, /* its run-time must come first */
	FS_GAP_FORMAT = 5,   /* no ELF file and no script */
	FS_GAP_CONFINED = 6, /* by seccomp, which the new image inherits */
};

#define FS_LIBC_FROM_VFORK 0x1    /* made by a vfork child, in its parent's memory */
#define FS_LIBC_IN_HANDLER 0x2    /* inside a signal handler, as far as the stack shows */
#define FS_LIBC_ENV_MENDED 0x4    /* the environment had lost the shim's variables */

/*
 * Events of one call have one call_id, unique within the recording; 0: none. Which of the fields below
 * has a meaning, the call says. Tail: name (file, command), NUL, the first argv_len bytes of argv.
 */
struct fs_ev_call {
	struct fs_event h;
	uint64_t call_id;
	uint64_t enter_ns;
	uint64_t caller;      /* return address */
	uint64_t argument;    /* clone's flags, a thread's start routine */
	uint32_t call;        /* enum fs_call */
	uint32_t phase;       /* enum fs_call_phase */
	int32_t ret;
	int32_t error;        /* positive errno of a call that failed */
	uint32_t child_pid;   /* the child made, or reaped */
	uint32_t parent_pid;  /* IN_CHILD, or FS_LIBC_FROM_VFORK: the creator */
	uint32_t status;      /* exit: the code; wait: the status, 0xffffffff unknown */
	uint32_t threads;     /* alive in this process, 0 unknown */
	uint32_t call_flags;  /* FS_LIBC_FROM_VFORK ... */
	uint32_t shim_gap;    /* enum fs_shim_gap */
	uint32_t name_len;
	uint32_t argv_len;    /* in this record */
	uint32_t argv_total;
	uint32_t argc;
	uint64_t child_start_ns; /* of child_pid; 0 unknown. Filled in by the recorder */
};

enum fs_stack_kind {
	FS_STACK_NATIVE = 1, /* tail: count return addresses, innermost first */
	FS_STACK_PYTHON = 2, /* tail: text, as the interpreter writes tracebacks, innermost first */
};

#define FS_STACK_CUT 0x1 /* there was more */
#define FS_STACK_IN_HANDLER 0x2 /* the call was made by a signal handler, or by what one called */

/* Comes right after the CALL (before) it belongs to. */
struct fs_ev_stack {
	struct fs_event h;
	uint64_t call_id;
	uint32_t kind;        /* enum fs_stack_kind */
	uint32_t count;
	uint32_t text_len;
	uint32_t stack_flags; /* FS_STACK_CUT, FS_STACK_IN_HANDLER */
};

/* Another thread of the process that forks. h: the thread that forks. */
struct fs_ev_fork_snapshot {
	struct fs_event h;
	uint64_t call_id;
	uint64_t start_routine; /* of pthread_create; 0 unknown */
	uint64_t pthread;       /* its pthread_t, 0 unknown */
	uint64_t pc;            /* where it was in user space; 0: it ran, or could not be read */
	uint64_t sp;
	int64_t syscall;        /* it was in; -1: none, -2: unknown */
	uint32_t other_tid;
	uint32_t running;       /* 1: on a CPU */
	char comm[16];
};

enum fs_lock_kind {
	FS_LOCK_MUTEX = 1,
	FS_LOCK_RWLOCK_READ = 2,
	FS_LOCK_RWLOCK_WRITE = 3,
	FS_LOCK_SPIN = 4,
	FS_LOCK_SEM = 5,
};

/* h: the thread that forks. */
struct fs_ev_lock_held {
	struct fs_event h;
	uint64_t call_id;
	uint64_t lock;       /* its address */
	uint64_t pc;         /* who took it: the return address */
	uint32_t holder_tid; /* may be the forking thread itself */
	uint32_t kind;       /* enum fs_lock_kind */
};

enum fs_stdio_direction {
	FS_STDIO_WRITE = 1, /* not yet written */
	FS_STDIO_READ = 2,  /* read ahead */
	FS_STDIO_BUSY = 3,  /* another thread is inside of the stream */
	FS_STDIO_AT_EXIT = 4, /* not yet written when exit() began */
	FS_STDIO_AT_END = 5, /* not yet written when all exit handlers had run */
	FS_STDIO_GONE = 6, /* not yet written at the fork (call_id) that made this process, which has written it */
};

/* Tail: the first text_len of those bytes. */
struct fs_ev_stdio_pending {
	struct fs_event h;
	uint64_t call_id;
	uint64_t stream;
	uint64_t bytes;
	int32_t fd;
	uint32_t direction; /* enum fs_stdio_direction */
	uint32_t text_len;
	uint32_t reserved;
};

enum fs_handler_kind {
	FS_HANDLER_FORK = 1, /* functions: prepare, parent, child */
	FS_HANDLER_EXIT = 2, /* functions: one */
	FS_HANDLER_QUICK_EXIT = 3,
};

/* Tail: path of the object that registered them; empty where only `caller` and the dlopen events tell it. */
struct fs_ev_handler {
	struct fs_event h;
	uint64_t functions[3]; /* 0: none */
	uint64_t caller;
	uint32_t kind;       /* enum fs_handler_kind */
	uint32_t object_len;
};

/* Tail: its path. An address a of it is a - base in the file's own terms. */
struct fs_ev_dlopen {
	struct fs_event h;
	uint64_t base;
	uint64_t start;
	uint64_t end;
	uint64_t caller;       /* of dlopen; 0: there from the start */
	uint32_t path_len;
	uint32_t build_id_len;
	uint8_t build_id[24];
};

/* From from_ns to h.ts_ns the shim was at work in this thread. Not written to traces. */
struct fs_ev_shim_busy {
	struct fs_event h;
	uint64_t from_ns;
};

/* --- marks ---------------------------------------------------------------------------------- */

/* MARK, SPAN_BEGIN, SPAN_END, NAME. Tail: the name (an end has none). */
struct fs_ev_mark {
	struct fs_event h;
	uint64_t id; /* joins a span's begin and end; 0: none */
	uint64_t value;
	uint32_t name_len;
	uint32_t reserved;
};

#define FS_POOL_THREAD 4 /* of enum pp_start: workers are threads of the caller's process */

/*
 * POOL_OPEN to TASK_DONE. What an event does not know is 0. Tail: a text (a task's name, a message). A worker gets
 * its tasks in runs: count tasks, numbered from `task` within their map. A run is named by pool, worker and `record`.
 * By the caller: POOL_*, WORKER_START, WORKER_EXIT, TASK_SUBMIT (put in the worker's queue); by the worker itself:
 * WORKER_READY, TASK_START, TASK_DONE.
 */
struct fs_ev_pool {
	struct fs_event h;
	uint64_t pool;
	uint64_t task;
	uint32_t worker_pid;
	uint32_t start_method; /* enum pp_start */
	int32_t code;          /* task: how many of the run failed; worker: wait status, -1 unknown; pool: workers */
	uint32_t text_len;
	uint64_t record;
	uint32_t count;
	uint32_t attempt;      /* 0: the first */
	uint32_t worker;       /* its number in the pool, counted from 1; 0: not of a pool */
	uint32_t reserved;
};

/* Losses of one type between two instants. h.pid is 0. */
struct fs_ev_lost {
	struct fs_event h;
	uint64_t from_ns;
	uint64_t to_ns;
	uint64_t count;
	uint32_t lost_type; /* enum fs_event_type */
	uint32_t lost_source; /* enum fs_source */
};

#ifdef __cplusplus
#define FS_STATIC_ASSERT(c) static_assert(c, #c)
#else
#define FS_STATIC_ASSERT(c) _Static_assert(c, #c)
#endif
#define FS_SIZE_IS(type, bytes) FS_STATIC_ASSERT(sizeof(struct type) == (bytes))
FS_SIZE_IS(fs_event, 40);
FS_SIZE_IS(fs_ev_fork, 136);
FS_SIZE_IS(fs_ev_fork_done, 80);
FS_SIZE_IS(fs_ev_thread_start, 72);
FS_SIZE_IS(fs_ev_thread_exit, 64);
FS_SIZE_IS(fs_ev_exec, 80);
FS_SIZE_IS(fs_ev_exec_argv, 48);
FS_SIZE_IS(fs_ev_exec_failed, 64);
FS_SIZE_IS(fs_ev_exit, 112);
FS_SIZE_IS(fs_ev_reap, 64);
FS_SIZE_IS(fs_ev_reparent, 64);
FS_SIZE_IS(fs_ev_signal, 72);
FS_SIZE_IS(fs_ev_oom_kill, 56);
FS_SIZE_IS(fs_ev_rename, 56);
FS_SIZE_IS(fs_ev_state, 392);
FS_SIZE_IS(fs_ev_process, 88);
FS_SIZE_IS(fs_ev_thread, 64);
FS_SIZE_IS(fs_ev_cred, 64);
FS_SIZE_IS(fs_ev_first_write, 56);
FS_SIZE_IS(fs_ev_calls, 48);
FS_SIZE_IS(fs_ev_file, 144);
FS_SIZE_IS(fs_fd, 16);
FS_SIZE_IS(fs_ev_fd_table, 64);
FS_SIZE_IS(fs_ev_fd_pass, 88);
FS_SIZE_IS(fs_ev_fd_getfd, 72);
FS_SIZE_IS(fs_ev_fd, 64);
FS_SIZE_IS(fs_ev_fd_dup, 64);
FS_SIZE_IS(fs_ev_fd_close_range, 56);
FS_SIZE_IS(fs_ev_fd_send_failed, 48);
FS_SIZE_IS(fs_ev_blind_spot, 48);
FS_SIZE_IS(fs_ev_odd_call, 96);
FS_SIZE_IS(fs_ev_futex_stuck, 112);
FS_SIZE_IS(fs_holder, 8);
FS_SIZE_IS(fs_ev_blocked, 72);
FS_SIZE_IS(fs_ev_fork_thread, 352);
FS_SIZE_IS(fs_ev_lock_story, 96);
FS_SIZE_IS(fs_ev_shim_hello, 80);
FS_SIZE_IS(fs_ev_call, 136);
FS_SIZE_IS(fs_ev_stack, 64);
FS_SIZE_IS(fs_ev_fork_snapshot, 112);
FS_SIZE_IS(fs_ev_lock_held, 72);
FS_SIZE_IS(fs_ev_stdio_pending, 80);
FS_SIZE_IS(fs_ev_handler, 80);
FS_SIZE_IS(fs_ev_dlopen, 104);
FS_SIZE_IS(fs_ev_shim_busy, 48);
FS_SIZE_IS(fs_ev_mark, 64);
FS_SIZE_IS(fs_ev_pool, 96);
FS_SIZE_IS(fs_ev_lost, 72);

#endif
