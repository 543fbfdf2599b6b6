/* SPDX-License-Identifier: MIT */
/*
 * What the tracer tells the kernel probes before they are loaded, and the classes of system calls by
 * which both know what to do at a call. Private to forkscope: bpf/ and tracer/capture/ only.
 */
#ifndef FORKSCOPE_BPF_CONFIG_H
#define FORKSCOPE_BPF_CONFIG_H

/* Tables of numbers and fields, in columns: */
/* clang-format off */

#include "forkscope/event.h"

enum fs_fds_level {
	FS_FDS_NONE = 0,
	FS_FDS_PASS = 1,     /* SCM_RIGHTS and pidfd_getfd */
	FS_FDS_SNAPSHOT = 2, /* and the table at fork and after exec */
	FS_FDS_FULL = 3,     /* and open, close, dup, first use */
};

/* What a system call means to the probes; the low byte of a table entry. */
enum fs_call_class {
	FS_CALL_NONE = 0,
	FS_CALL_FORK,	   /* fork, vfork: no arguments */
	FS_CALL_CLONE,
	FS_CALL_CLONE3,	   /* arguments in user memory */
	FS_CALL_EXECVE,
	FS_CALL_EXECVEAT,
	FS_CALL_WAIT4,	   /* also waitpid */
	FS_CALL_WAITID,
	FS_CALL_SETID,
	FS_CALL_SENDMSG,
	FS_CALL_SENDMMSG,
	FS_CALL_RECVMSG,
	FS_CALL_RECVMMSG,
	FS_CALL_SOCKETCALL, /* i386: one number for all socket calls */
	FS_CALL_GETFD,
	FS_CALL_IO_URING_SETUP,
	FS_CALL_UNSHARE,
	FS_CALL_KILL,
	FS_CALL_STATE,	   /* changes dispositions or limits: FS_EV_STATE must look again */
	/* from here on at FS_FDS_FULL only */
	FS_CALL_OPEN,	   /* returns one new fd on a new file */
	FS_CALL_PIPE,	   /* two fds, by args[0] */
	FS_CALL_SOCKETPAIR, /* two fds, by args[3] */
	FS_CALL_CLOSE,
	FS_CALL_CLOSE_RANGE,
	FS_CALL_SIGNALFD, /* as FS_CALL_OPEN, when args[0] is -1 */
	FS_CALL_DUP,	   /* dup, dup2, dup3: args[0] -> result */
	FS_CALL_FCNTL,
	FS_CALL_IOCTL,
	FS_CALL_STATAT,	   /* newfstatat, statx, fstatat64: fstat in disguise when the path is empty */
	FS_CALL_POLL,
	FS_CALL_SELECT,
	FS_CALL_SEEK,
	FS_CALL_FLOCK,
	FS_CALL_MADVISE,
	FS_CALL_EFFECT,	   /* removes or renames a file */
	FS_CALL_MMAP,
	FS_CALL_TGKILL,
	FS_CALL_EXIT,
};

/* The high byte: which arguments are fds that the call uses, and whether it writes or reads. */
#define FS_CALL_FD0 0x0100
#define FS_CALL_FD1 0x0200
#define FS_CALL_FD2 0x0400
#define FS_CALL_FD3 0x0800
#define FS_CALL_FD4 0x1000
#define FS_CALL_WRITES 0x8000 /* sends data through args[0] */
#define FS_CALL_READS 0x4000 /* takes data from args[0]; 0 when there will be no more */

#define FS_CALL_TABLE 512

/* Read-only to the probes, constant once loaded (dead branches cost nothing). */
struct fs_bpf_config {
	uint32_t fds;		  /* enum fs_fds_level */
	uint32_t boost;	    /* wake the reader when this many bytes wait */
	uint64_t secret;    /* mixed into file identities, so that they tell no kernel address */
	uint32_t odd;	    /* tell FS_EV_ODD_CALL */
	uint32_t reserved;
	uint64_t cgroup_id; /* --cgroup: follow what enters it; 0: no */
};

/* One thread's registers as it entered the kernel, numbered as DWARF does: what tell_registers writes. */
#define FS_REGISTERS 33

struct fs_registers {
	uint32_t pid;
	uint32_t tid;
	uint64_t pc;
	uint64_t words[FS_REGISTERS];
};

#endif
