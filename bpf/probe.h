/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * What all probes share: the maps (defined in maps.bpf.c), who is followed, the event header, and the
 * way into the ring. Rules: copy facts, decide nothing; a record that does not fit is counted by type.
 *
 * Probes at tracepoints run with preemption off, so one scratch slot a CPU is theirs alone; those that
 * can run inside an interrupt (signals, out of memory) use the stack instead. Iterators can be
 * preempted, and have a slot of their own.
 */
#ifndef BPF_PROBE_H
#define BPF_PROBE_H

#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>
#include "forkscope/event.h"
#include "forkscope/bpf_config.h"

/* Which scratch slot. */
enum { SLOT_TRACEPOINT = 0, SLOT_ITERATOR = 1, SLOT_COUNT = 2 };

#define PIECE_FDS 256 /* entries of one FD_TABLE record, and room for a message (kernel: 253) */
#define PIECE_BYTES 8192 /* argv bytes in one record */
#define PATH_BYTES 4096
#define NAME_MAX_BYTES 256
#define CALLS_MAX 1000000 /* who makes so many is not on its way to a first write */
#define ACTION_WORDS 4 /* of a struct k_sigaction, on x86-64 and aarch64 */

/* A followed process, by global tgid. */
struct proc {
	__u64 state_hash; /* of its last FS_EV_STATE */
	__u64 state_key; /* of the cheap part of that state */
	__u32 dead; /* its exit was told */
	__u32 wrote; /* its FIRST_WRITE in this image was told */
	__u32 state_dirty; /* dispositions or limits were set since */
	__u32 copied; /* it runs its creator's image */
	__u32 vain_closes; /* of numbers that stood for nothing, up to the one that was told */
	__u32 vforked; /* it runs in its parent's memory; counts the odd calls told, from 1 */
	__s32 threads; /* not yet at their end; never more than there are, fewer when some were not seen to start */
	__u32 calls; /* system calls until its FIRST_WRITE, up to CALLS_MAX */
	__u64 eof_file; /* the last FD_EOF was of this one */
	__u64 write_ns
		[4]; /* when it wrote something, the last times in turn; of copies, for odd.bpf.c */
	__u32 writes;
	__u32 reserved;
};

/* A system call under way, by global pid_tgid. */
struct call {
	__u64 enter_ns;
	__u64 child_start_ns;
	__u64 clone_flags;
	__u32 child_pid;
	__u32 nr;
	__u32 class;
	__u32 note; /* enum call_note */
};
enum call_note { NOTE_SENT = 1, NOTE_RETRY_AT_EXIT = 2 };

/* What is known of a struct file: enough to see that its memory holds another one now. */
struct known_file {
	__u64 id;
	__u64 inode;
	__u64 private_data;
	__u64 ino;
};

struct used_fd {
	__u32 tgid;
	__u32 fd;
};

/* Where records with a tail are built. `tail` has room for what a masked offset can overshoot. */
struct scratch {
	union {
		struct fs_event h;
		struct fs_ev_exec exec;
		struct fs_ev_exec_argv argv;
		struct fs_ev_exec_failed failed;
		struct fs_ev_state state;
		struct fs_ev_fd_table table;
		struct fs_ev_fd_pass pass;
		struct fs_ev_process process;
		struct fs_ev_first_write write;
		struct fs_ev_calls calls;
		struct fs_ev_fork_thread thread;
		__u64 room[64]; /* any of them, as words */
	};
	char tail[PATH_BYTES * 3 + PIECE_BYTES];
};

/*
 * What handlers and loops are in the middle of. In a map and not on the stack: of what lies in a map the
 * verifier assumes nothing, so it need not follow a loop through all its states, nor each handler
 * once for every way to reach it.
 */
struct syscall {
	__u32 nr;
	__u32 compat;
	__u32 entry; /* of the call table */
	__u32 class;
	__s64 ret;
	__u64 args[6];
};

struct control_walk {
	__u64 at;
	__u64 end;
	__u32 fds; /* found so far */
	__u32 rights;
	__u32 unreadable;
};

struct message_walk {
	__u64 at; /* of the next struct msghdr or mmsghdr */
	/* of the present one; these three as they follow one another in struct msghdr */
	__u64 control;
	__u64 length;
	__u32 flags;
	__u32 index;
	__u32 sock_fd;
	__u32 how;
	__u32 told;
	__u32 unreadable;
};

struct strings_walk {
	__u64 argv;
	__u32 len; /* in the tail so far */
	__u32 argc;
	__u32 compat;
	__u32 unreadable;
	__u32 cut;
};

struct table_walk {
	__u64 fd_array;
	__u64 open_fds;
	__u64 close_on_exec;
	__u64 bits; /* of the present word, those not yet told */
	__u64 cloexec; /* flags of the present word */
	__u32 max_fds;
	__u32 next_word;
	__u32 count; /* in the piece under way */
	__u32 before; /* in the pieces before */
	__u32 done;
};

/* While a path or a message is taken apart, and for the FILE records made in the middle of others. */
struct describe {
	struct fs_ev_file file;
	char name[PATH_BYTES + NAME_MAX_BYTES];
	__u64 actions[64 * ACTION_WORDS];
	__u32 raw_fds[2 * PIECE_FDS]; /* twice: what the verifier thinks could be needed */
	__u64 hash;
	__u64 ids[3]; /* uid to egid, as they follow one another in struct cred */
	struct table_walk table;
	struct syscall call;
	struct control_walk control;
	struct message_walk message;
	struct strings_walk strings;
};

struct ring_map {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096); /* set before load */
};
struct procs_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 262144);
	__type(key, __u32);
	__type(value, struct proc);
};
struct calls_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 262144);
	__type(key, __u64);
	__type(value, struct call);
};
struct files_map {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, struct known_file);
};
/* Who used an open file last. */
struct last_user {
	__u32 tgid;
	__u32 told;
};

struct users_map {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, __u64);
	__type(value, struct last_user);
};
struct used_map {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct used_fd);
	__type(value, __u64); /* start_ns of the process */
};
struct scratch_map {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SLOT_COUNT);
	__type(key, __u32);
	__type(value, struct scratch);
};
struct describe_map {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SLOT_COUNT);
	__type(key, __u32);
	__type(value, struct describe);
};

extern struct ring_map ring SEC(".maps");
extern struct procs_map procs SEC(".maps");
extern struct calls_map calls SEC(".maps");
extern struct files_map files SEC(".maps");
extern struct used_map used SEC(".maps");
extern struct users_map users SEC(".maps");
extern struct scratch_map scratch SEC(".maps");
extern struct describe_map describe SEC(".maps");

extern const volatile struct fs_bpf_config config;
extern const volatile __u16 call_table[FS_CALL_TABLE];
extern const volatile __u16 call_table32[FS_CALL_TABLE];
extern __u64 lost[FS_EV_MAX];
extern __u32 wake_asked; /* 1: the reader was woken and has not begun to read yet */
extern __u32 own_level; /* depth of forkscope's own pid namespace; set before attaching */
extern __u32 seed_pid; /* adopt_tasks: begin with this process, by forkscope's number */
extern __s32 alive; /* followed processes that live */

/*
 * Always 0, but the verifier cannot know: counters of a bpf_loop begin with it, so that their values are
 * any number to the verifier from the first step on, and it is done after a few.
 */
extern __u32 nought;
extern __u32 adopted; /* by adopt_tasks */

#define READ(dst, address) bpf_probe_read_kernel(&(dst), sizeof(dst), (address))

/* A kernel pointer as the number that global functions take; the verifier lets no pointer through. */
static __always_inline __u64 address_of(const void *pointer)
{
	__u64 address = 0;

	READ(address, &pointer);
	return address;
}

static __always_inline __u64 current_address(void)
{
	return bpf_get_current_task();
}

static __always_inline struct scratch *scratch_slot(__u32 slot)
{
	return bpf_map_lookup_elem(&scratch, &slot);
}

static __always_inline struct describe *describe_slot(__u32 slot)
{
	return bpf_map_lookup_elem(&describe, &slot);
}

static __always_inline struct proc *followed(__u32 tgid)
{
	return bpf_map_lookup_elem(&procs, &tgid);
}

static __always_inline void count_threads(__u32 tgid, __s32 more)
{
	struct proc *proc = followed(tgid);

	if (proc)
		__sync_fetch_and_add(&proc->threads, more);
}

/* Returns false when the process cannot be followed for want of memory, which is counted. */
static __always_inline bool follow(__u32 tgid, const struct proc *parent)
{
	struct proc proc = {};

	if (parent) {
		proc.state_hash = parent->state_hash;
		proc.state_key = parent->state_key;
	}
	if (bpf_map_update_elem(&procs, &tgid, &proc, BPF_ANY)) {
		__sync_fetch_and_add(&lost[FS_EV_FORK], 1);
		return false;
	}
	__sync_fetch_and_add(&alive, 1);
	return true;
}

static __always_inline void count_loss(__u16 type)
{
	__sync_fetch_and_add(&lost[type & (FS_EV_MAX - 1)], 1);
}

/*
 * The reader is woken once when much waits, not for each record; else it looks by itself every few
 * milliseconds. `size` must be bounded by the caller, and the record whole.
 */
static __always_inline void emit(void *record, __u32 size, __u16 type)
{
	__u64 flags = BPF_RB_NO_WAKEUP;

	if (bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA) >= config.boost && !wake_asked) {
		wake_asked = 1;
		flags = BPF_RB_FORCE_WAKEUP;
	}
	if (bpf_ringbuf_output(&ring, record, size, flags))
		count_loss(type);
}

/* A pid's number in the namespace `level` deep, 0 when it has none there. */
static __always_inline __u32 pid_number(struct pid *pid, __u32 level)
{
	__u32 deepest = BPF_CORE_READ(pid, level), number = 0;

	if (!pid || level > deepest || level > 32)
		return 0;
	READ(number, (char *)pid + bpf_core_field_offset(struct pid, numbers) +
			     level * bpf_core_type_size(struct upid) +
			     bpf_core_field_offset(struct upid, nr));
	return number;
}

static __always_inline __u32 pid_depth(struct task_struct *task)
{
	return BPF_CORE_READ(task, thread_pid, level);
}

/* A thread's number as forkscope's own namespace has it. */
static __always_inline __u32 thread_number(struct task_struct *task)
{
	if (own_level == 0)
		return BPF_CORE_READ(task, pid);
	return pid_number(BPF_CORE_READ(task, thread_pid), own_level);
}

static __always_inline __u32 process_number(struct task_struct *task)
{
	if (own_level == 0)
		return BPF_CORE_READ(task, tgid);
	return pid_number(BPF_CORE_READ(task, group_leader, thread_pid), own_level);
}

static __always_inline __u32 innermost_number(struct task_struct *task)
{
	struct pid *pid = BPF_CORE_READ(task, thread_pid);

	return pid_number(pid, BPF_CORE_READ(pid, level));
}

static __always_inline __u64 process_start(struct task_struct *task)
{
	return BPF_CORE_READ(task, group_leader, start_boottime);
}

/*
 * The current task's plain fields can be read without a helper's call each. Its pointers could too, but to
 * judge one the verifier searches all the kernel's types by name, for a millisecond, in every program that
 * comes there: only where many fields lie behind one pointer that is worth it, else BPF_CORE_READ.
 */
static __always_inline __u32 current_thread_number(void)
{
	struct task_struct *task = bpf_get_current_task_btf();

	return own_level ? thread_number(task) : (__u32)task->pid;
}

static __always_inline __u32 current_process_number(void)
{
	struct task_struct *task = bpf_get_current_task_btf();

	return own_level ? process_number(task) : (__u32)task->tgid;
}

/* Whether the current task is inside a 32-bit system call. */
static __always_inline bool is_compat(void)
{
	struct task_struct *task = bpf_get_current_task_btf();

#if defined(__TARGET_ARCH_x86)
	return task->thread_info.status & 0x2; /* TS_COMPAT */
#else
	return task->thread_info.flags & (1UL << 22); /* TIF_32BIT */
#endif
}

/* Whether --cgroup asks for this task. */
static __always_inline bool in_cgroup(struct task_struct *task)
{
	struct cgroup *cgroup, *above = NULL;
	char *ancestors;
	int level;

	if (!config.cgroup_id)
		return false;
	cgroup = BPF_CORE_READ(task, cgroups, dfl_cgrp);
	ancestors = (char *)cgroup + bpf_core_field_offset(struct cgroup, ancestors);
	level = BPF_CORE_READ(cgroup, level);
	for (int i = 0; i < 32 && i <= level; i++) {
		READ(above, ancestors + i * sizeof(void *));
		if (BPF_CORE_READ(above, kn, id) == config.cgroup_id)
			return true;
	}
	return false;
}

static __always_inline __u32 round_up_8(__u32 n)
{
	return (n + 7) & ~7u;
}

/*
 * Global functions: each is verified once by itself, and not again at every call, which is most of what
 * loading costs. Kernel pointers are passed as numbers, since the verifier lets no other kind through.
 */
int fill_header(struct fs_event *h, __u32 type, __u32 size, __u64 task);
__u64 file_identity(__u64 file, __u32 slot, __u32 fresh);
int copy_path(__u64 mnt, __u64 dentry, __u32 slot);
int emit_state(__u64 task, __u32 when, __u32 slot);
int emit_fd_table(__u64 task, __u32 when, __u32 slot);
int emit_fork_threads(__u64 child);
__u64 file_of_fd(__u64 files, __u32 fd);

/* The identity of the file behind a fd, with its FD flags; 0 when there is none. */
__u64 identify_fd(__u64 files, __u32 fd, __u32 slot, __u32 fresh);
int fd_is_cloexec(__u64 files, __u32 fd);

#endif
