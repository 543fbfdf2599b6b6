/* SPDX-License-Identifier: MIT */
/*
 * What was seen of running processes at one moment: their threads, what each waits for, and who could end
 * each wait. capture/look.h fills it, model/why.h judges it; nothing here was recorded beforehand.
 *
 * Facts only: "could end" is decided by identity (who has the other end of a pipe open, who is the owner in
 * a lock), never by guess. Names and paths are the target's: whoever prints them escapes them.
 */
#ifndef TRACER_TRACE_SNAPSHOT_H
#define TRACER_TRACE_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

/* What a thread waits for. */
enum wait_kind {
	WAIT_OTHER, /* in a system call that is none of these */
	WAIT_LOCK, /* futex: mutex, semaphore, join ... see seen_lock */
	WAIT_READ, /* pipe, socket, eventfd ... until there is something, or its end */
	WAIT_WRITE, /* until there is room */
	WAIT_ACCEPT, /* a client */
	WAIT_CHILD, /* wait4, waitid */
	WAIT_VFORK, /* a child that has not exec'ed yet */
	WAIT_FILE_LOCK, /* flock, fcntl */
	WAIT_SLEEP, /* time */
	WAIT_SIGNAL, /* pause, sigsuspend, sigwait */
	WAIT_STOPPED, /* SIGCONT */
	WAIT_TRACED, /* its tracer */
};

enum seen_lock {
	LOCK_UNKNOWN,
	LOCK_MUTEX,
	LOCK_RWLOCK,
	LOCK_CONDITION,
	LOCK_SEMAPHORE,
	LOCK_BARRIER,
	LOCK_JOIN, /* a thread's end */
	LOCK_LIBC, /* one of libc's own, which note no owner */
	LOCK_PYTHON, /* a lock of the interpreter */
	LOCK_ONCE,
};

/* Whether it says who holds it, and whether that one is there. */
enum lock_owner_state {
	OWNER_NONE, /* it notes no owner */
	OWNER_HERE, /* a thread of the same process */
	OWNER_ELSEWHERE, /* a thread of another process */
	OWNER_GONE, /* no such thread */
};

/* Somebody who could end a wait. */
struct seen_other {
	uint32_t pid;
	uint32_t tid; /* 0: any of its threads */
	int32_t fd; /* through which; -1: none */
	bool inherited; /* a process it comes from has the same fd, or it was forked with it */
	bool maybe; /* it shares the thing, and whether it would ever act is not known */
};

struct seen_wait {
	enum wait_kind kind;
	bool timed; /* it ends by itself */
	int32_t fd; /* -1: none */
	char what[160]; /* "pipe:[882]", "/tmp/lock", "/dev/shm/sem.x": NUL-terminated */
	uint64_t address; /* WAIT_LOCK */
	uint32_t word;
	bool shared; /* its memory is mapped as shared */
	uint64_t memory; /* which, for shared memory: the inode */
	enum seen_lock lock;
	enum lock_owner_state owner;
	uint32_t owner_tid;
	uint32_t owner_pid;
	bool others_unknown; /* who could end it cannot be told: outside this machine, or no privilege */
	struct seen_other *others;
	size_t count, room;
};

struct seen_thread {
	uint32_t tid;
	char state; /* as in /proc/PID/stat */
	char comm[16 + 1];
	int64_t nr; /* the system call it is in; -1: none */
	uint64_t args[6];
	uint64_t sp, pc;
	uint64_t cpu; /* clock ticks used */
	uint64_t switches; /* how often it gave up the CPU */
	bool call_seen; /* nr, args, sp and pc are known */
	bool moved; /* between two looks */
	bool runs; /* computing, or able to */
	char where[40]; /* of the kernel, where it sleeps: all that is known without privilege */
	struct seen_wait *
		waits; /* any of them being over lets it go on; none: it runs, or nothing is known */
	size_t wait_count, wait_room;
	struct buffer frames; /* innermost first, each with a NUL: "sym+0x1 (file.c:12)" */
};

struct seen_fd {
	int32_t fd;
	bool can_read, can_write;
	char kind; /* p pipe or fifo, s socket, e eventfd, t tty, f file */
	uint64_t dev, ino; /* dev is 0 for what has no file system; for an eventfd ino is its id */
};

struct seen_process {
	uint32_t pid, parent;
	uint32_t tracer; /* 0: none */
	uint32_t session;
	uint64_t start; /* ticks since boot: with pid, its identity */
	uint32_t flags; /* the kernel's */
	char state;
	char comm[16 + 1];
	char command[128]; /* begin of its command line, spaces between */
	bool asked_for; /* the process named, or a descendant */
	bool wanted; /* also those they wait for */
	bool hidden; /* its threads' calls or its fds cannot be seen */
	bool forked; /* and not exec'ed since */
	uint64_t caught; /* signals it has handlers for */
	struct seen_thread *threads;
	size_t thread_count, thread_room;
	struct seen_fd *fds;
	size_t fd_count, fd_room;
};

struct snapshot {
	uint32_t root; /* pid asked for */
	bool privileged; /* registers came from the kernel witness */
	struct seen_process *processes; /* in order of pid */
	size_t count, room;
};

/* NULL: not there. */
struct seen_process *snapshot_find(const struct snapshot *s, uint32_t pid);
struct seen_thread *snapshot_thread(const struct seen_process *p, uint32_t tid);

/* Adds a wait, or who could end one. NULL or false: no memory. */
struct seen_wait *snapshot_add_wait(struct seen_thread *t, enum wait_kind kind);
bool snapshot_add_other(struct seen_wait *w, const struct seen_other *other);

void snapshot_free(struct snapshot *s);

#endif
