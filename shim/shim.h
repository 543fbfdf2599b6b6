/* SPDX-License-Identifier: MIT */
/*
 * libforkscope-shim.so, preloaded into the target: what the program meant.
 *
 * THE RULES. After init (shim_init, once an image, at the latest in the first wrapped call):
 *  - no malloc, no stdio, no lock, no libc call that may take one; system calls by sys.h;
 *  - errno is what the real call left; cancellation is the real call's own;
 *  - no fd is left open, none is opened that the program could meet, no signal mask or handler is changed;
 *  - nothing waits: what does not fit is counted as lost;
 *  - never abort the host; when anything is amiss, call the real function and be silent.
 * Wrappers may run in signal handlers, in children of threaded parents, and in vfork children, which share
 * their parent's memory: such a child writes records (shared memory anyway) and nothing else.
 *
 * Every wrapper has one shape: begin (save errno, tell the call), the real function, done (tell how it
 * ended, restore errno). Calls that return twice (vfork) or look at their caller (dlopen) are assembly: a
 * pre-hook and a jump, no frame of ours.
 *
 * Who am I? One page with MADV_WIPEONFORK knows the process. A forked child finds it zero, by whatever call it
 * was made, and fills it anew (shim_self); a vfork child finds its parent's pid in it.
 */
#ifndef SHIM_SHIM_H
#define SHIM_SHIM_H

#include <errno.h>
#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "forkscope/event.h"
#include "forkscope/shim_area.h"
#include "sys.h"

#define SHIM_EXPORT __attribute__((visibility("default")))
#define SHIM_TLS static __thread __attribute__((tls_model("initial-exec")))
/* Where the wrapper's frame begins: its return address lies right below. */
#define FRAME ((uint64_t)(uintptr_t)__builtin_dwarf_cfa())
#define CALLER ((uint64_t)(uintptr_t)__builtin_return_address(0))

#define SHIM_HELD 14 /* locks of one thread that are remembered */

struct shim_held {
	uint64_t lock;
	uint64_t pc;
	uint32_t kind;
	uint32_t depth; /* of a recursive one */
};

/*
 * A thread, in memory of our own: other threads read it at a fork, also after its end. Written by its
 * thread alone, save `tid`, by which it is taken and given back.
 */
struct shim_thread {
	uint32_t tid; /* 0: free */
	uint32_t held_count;
	uint64_t start_routine;
	uint64_t argument;
	uint64_t pthread;
	char comm[16]; /* its name, as read when name_era was comm_era */
	uint32_t comm_era;
	struct shim_held held[SHIM_HELD];
};

#define SHIM_THREADS 8192

/* The page that forgets itself in a forked child. */
struct shim_process {
	uint32_t pid; /* 0: wiped */
	uint32_t
		host_pid; /* in the recorder's eyes; 0: not known. The same outside of pid namespaces */
	uint32_t forked; /* not the process in which the image began */
	uint32_t
		born_threaded; /* made by a fork of a threaded process: some of libc's locks may be dead */
	uint32_t exit_told;
	uint32_t threads_used; /* slots at and above are free */
	uint32_t modules_stale; /* dlopen was called since modules_tell() */
	uint32_t name_era; /* goes up when a thread gets another name */
	uint32_t random_told[3]; /* numbers were drawn since the last fork, and that was told */
	uint64_t exit_call; /* of exit_told */
	uint64_t born_ns; /* when its parent forked it (shim.forked_ns) */
	uint32_t made_early; /* in the same tick it made a file, or a process that may have */
#define SHIM_BIRTHS 64
	uint32_t births_begun, births_known; /* calls of pthread_create since the last fork */
	uint64_t births[SHIM_BIRTHS]; /* what the first of them gave */
};

/* What is set up once and then only read. Copied by fork, gone with exec. */
struct shim_state {
	bool on; /* there is a recording, and we may make system calls; else the shim does nothing */
	bool confined; /* by seccomp: system calls that the program did not mean may kill it */
	bool got_fds; /* by a message, since this process was forked */
	bool raw_threads; /* made by clone itself: libc does not count them */
	struct fs_area *area; /* NULL: no recording */
	struct shim_process *process;
	struct shim_thread *threads; /* SHIM_THREADS; NULL until the first is needed */
	char *blocks;
	uint32_t wanted; /* FS_AREA_* */
	bool foreign_pids; /* in another pid namespace: numbers of ours mean nothing outside */
	bool sanitized;
	uint64_t
		forked_ns; /* when this process, or its parent, forked last, by the files' clock; for check of Python alone */
	bool forked_threaded; /* the fork under way, or one before it in this process, was of a threaded process */
	int (*clock)(clockid_t clock,
		     struct timespec *t); /* libc's own, which makes no system call; or NULL */
	const char *path; /* our own file, as in LD_PRELOAD */
	const char *variable; /* "FORKSCOPE_SHIM=..." */
};

extern struct shim_state shim;

/* --- init.c --- */

/* Sets all up if that was not done; keeps errno. False: there is no recording, just call the real function. */
bool shim_ready(void);

/* After any real call that may have made this a new process, and before anything is written. */
struct shim_process *shim_self(void);

/* errno's page may be shared with a child that was just forked: no write that changes nothing. */
static inline void keep_errno(int saved)
{
	if (errno != saved)
		errno = saved;
}

/* Memory of our own, zeroed; NULL: none. */
void *shim_memory(size_t size);

/* CLOCK_MONOTONIC. */
uint64_t shim_now_ns(void);

/* In a child that shares its parent's memory. */
bool shim_in_vfork_child(void);

/* A number at the end of path digits, for paths below /proc; no stdio. Returns where it ends. */
char *shim_put_number(char *at, uint32_t number);

/* As getdents64 gives it. */
struct shim_dirent {
	uint64_t ino;
	int64_t off;
	uint16_t len;
	uint8_t type;
	char name[];
};

/* A name of digits; 0: it is none. */
uint32_t shim_number(const char *name);

/* --- ring.c --- */

/*
 * A record of `size` bytes (header and all) whose tail the caller fills; NULL: lost, and counted. The header is
 * set. Committed by ring_commit(); between the two nothing that may leave by longjmp.
 */
void *ring_reserve(unsigned type, size_t size);
/* The same by who knows what getpid says: a system call less, which under a recording is some 0.3 us. */
void *ring_reserve_by(uint32_t pid, unsigned type, size_t size);
void ring_commit(void *record);
/* A record without a tail. */
void ring_put(unsigned type, const void *event, size_t size);
/* Since from_ns this thread did things for us which the kernel witness saw: they are not the program's. */
void ring_busy(uint64_t from_ns);
/* This thread writes no more (it ends, or the image does). Does nothing in a vfork child. */
void ring_seal(void);

/* --- threads.c --- */
struct shim_thread *thread_self(void); /* may be NULL: no room */
void threads_forget_others(void);
uint32_t threads_alive(void);
void snapshot_threads(uint64_t call_id);
void threads_renamed(void);
void locks_tell_own(uint64_t call_id);
/* Whether another thread had it when this process was forked; true once for each. Before a fork: forget. */
bool locks_was_lost(uint64_t lock);
void locks_forget_lost(void);

/* --- wrap_fd.c --- */
/* In a forked child whose parent was given fds: what it holds. */
void fds_tell_table(void);

/* --- init.c: in a forked child, at the first of its exit handlers --- */
void exit_begins(uint64_t handler);

/* --- vfork_data.c: whether a vfork child changed its parent's variables --- */
void vfork_data_keep(uint32_t threads); /* before it; how many are alive */
void vfork_data_compare(uint64_t caller); /* in it, where it execs or ends */

/* --- wrap_effect.c: this process makes a file, or a process that may --- */
void effect_made(void);

/* --- stack.c, python.c, stdio.c, modules.c --- */
struct shim_call;
/* frame: FRAME of the wrapper, 0: not known. */
void stack_tell(const struct shim_call *c, uint64_t frame);
void stack_warm_up(void);
bool python_find(void);
/* True: it opened an fd. */
bool python_tell(uint64_t call_id);
/* Where the interpreter's code for its own end lies; false: not known. */
bool python_end(uint64_t *ret_from, uint64_t *ret_to);
/* Whether this thread was called by code that lies there, however far up. */
bool stack_leads_through(uint64_t from, uint64_t to);
void stdio_find(void);
void stdio_tell(uint64_t call_id, bool alone); /* alone: this is the only thread */
void stdio_tell_pending(uint64_t call_id, uint32_t when); /* FS_STDIO_AT_EXIT, FS_STDIO_AT_END */
/* Where a process ends, or execs: FS_STDIO_GONE. */
void stdio_tell_gone(void);
void modules_tell(void);
void modules_note_dlopen(void);
void modules_tell_new(void);
/* The program's own headers: how many; what they say is relative to *ret_base. */
size_t modules_program(const ElfW(Phdr) * *ret, uintptr_t *ret_base);

/* --- call.c: the shape of every wrapper --- */

struct shim_call {
	uint64_t id;
	uint64_t enter_ns;
	uint64_t caller;
	uint64_t argument;
	uint32_t call;
	uint32_t flags;
	uint32_t gap;
	uint32_t threads;
	uint32_t pid; /* who began it */
	uint32_t host_pid;
	int saved_errno;
	bool active;
};

/* What is told about a call besides its number. */
struct shim_what {
	const char *name; /* NULL: none */
	char *const *argv; /* NULL: none */
	uint64_t argument;
	uint32_t gap;
	uint32_t flags;
	uint32_t status;
	uint64_t frame; /* FRAME of the wrapper; 0: not known */
	uint64_t began_ns; /* when our own work for this call began; 0: with the call */
};

/*
 * Tells that the call begins. Births and execs get their stacks told, forks the other threads, locks and
 * pending bytes too. errno is as before.
 */
void call_begin(struct shim_call *c, uint32_t call, uint64_t caller, const struct shim_what *what);
/* Tells one fact about a call that is neither a birth nor an end. errno is as before. */
void call_note(uint32_t call, uint64_t caller, uint64_t argument, uint32_t which, int error);
/* Tells how it ended, and restores errno. child: a pid, or 0. */
void call_done(struct shim_call *c, long ret, uint32_t child, uint32_t status, bool failed);
/* After a fork: in the child (in_child) tells its birth, in the parent how the call ended. */
void call_forked(struct shim_call *c, long pid, bool in_child);

/* --- wrap_confine.c --- */

/* Whether this system call sets up seccomp; what its first and third argument are. */
bool confines(long number, uint64_t first, uint64_t third);
/* It is about to: tells it, and is silent from then on. */
void confine(uint32_t call, uint64_t caller, const struct shim_what *what);

/* --- env.c --- */

/* Looks at a file (dirfd as for openat) that is about to be executed. */
enum fs_shim_gap env_inspect(int dirfd, const char *path);
/* The same for a name that is looked up in PATH. */
enum fs_shim_gap env_inspect_in_path(const char *name);

/* How many pointers and bytes env_mend() needs; 0: the environment is good as it is. */
struct env_need {
	size_t pointers;
	size_t bytes;
	size_t count;
	const char *preload; /* its value now, NULL */
	enum fs_shim_gap gap;
};
bool env_needs_mending(char *const *envp, enum fs_shim_gap gap, struct env_need *ret);
/* Fills in the mended copy. Pointers and bytes are the caller's stack, which the exec'ed image replaces. */
char **env_mend(char *const *envp, const struct env_need *need, char **pointers, char *bytes);

/* --- real functions --- */
#include "real.h"

#endif
