/* SPDX-License-Identifier: MIT */
/*
 * What the files of libprocpool share. doc/pool.md tells how it works; lane.h is the protocol with a worker.
 *
 * Locks, in the order they are taken: pool->lock, context->lock, the registry's, the list of owners. None is
 * held while a callback or `next` runs, or while waiting. `_locked` functions need pool->lock.
 */
#ifndef POOL_INTERNAL_H
#define POOL_INTERNAL_H

#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <sys/types.h>
#include <time.h>

#include "lane.h"
#include "procpool.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define container_of(p, type, member) ((type *)(void *)((char *)(p)-offsetof(type, member)))
/* For what each fork writes to: all in one page, which is copied for it. */
#define TOUCHED_BY_FORK __attribute__((section(".data")))
#define MS 1000000ll
#define US 1000ll

/* error.c: sets what pp_last_error() says and returns err. */
int fail(int err, const char *fmt, ...) __attribute__((format(printf, 2, 3), cold));
const char *errno_text(int err); /* of a negative errno */
/* Copies a caller's options into this library's (zeros behind). -E2BIG, -EINVAL. */
int opts_read(void *to, size_t size, const void *from, const char *what);

/* What __fpending() says, without a look at another page of libc. */
static inline size_t stream_pending(FILE *stream)
{
	return stream->_mode > 0 ? __fpending(stream)
				 : (size_t)(stream->_IO_write_ptr - stream->_IO_write_base);
}

/*
 * A lock that is taken around fork. The child sets its own anew by a store, where libc's mutex would lead it over pages
 * that a short life does not touch else.
 */
struct fork_lock {
	uint32_t word; /* 0 free, 1 taken, 2 and somebody waits */
};
static inline void fork_lock_renew(struct fork_lock *lock)
{
	store_release(&lock->word, 0);
}

/* util.c */
void fork_lock_take(struct fork_lock *lock);
void fork_lock_give(struct fork_lock *lock);
int64_t now_ns(void);
/* When a wait with this timeout ends; INT64_MAX: never. */
int64_t deadline_after(int64_t timeout_ns);
void close_fd(int *fd); /* sets it to -1 */
int fd_above_stdio(int fd); /* the same, numbered 3 or more; negative errno when fd is -1 */
unsigned cpus_allowed(void);
/* Sealed anonymous shared memory of `size`, mapped. -EFBIG: more than RLIMIT_FSIZE allows. */
int memory_new(const char *name, uint64_t size, int *ret_fd, void **ret_base);
uint64_t resident_kb(void);
int threads_here(void);
/* Waits until fd polls readable: 1, or 0 at the deadline. */
int poll_fd(int fd, int64_t deadline);
/* Copies a string with its NUL to where there is room for it; returns what comes behind. */
void *put_string(void *to, const char *string);

/* doubly linked list with a head */
struct link {
	struct link *prev, *next;
};
void list_init(struct link *head);
bool list_empty(const struct link *head);
void list_append(struct link *head, struct link *item);
void list_prepend(struct link *head, struct link *item);
void list_remove(struct link *item); /* leaves it linked to itself */

/*
 * arena.c: blocks of shared memory by power-of-two classes; the metadata is private to the allocating side.
 */
struct arena {
	uint8_t *base;
	uint64_t size, bump, used;
	struct block_list {
		uint64_t *offs;
		uint32_t n, room;
	} free[32];
};
void arena_init(struct arena *arena, uint8_t *base, uint64_t size);
void arena_done(struct arena *arena);
int arena_get(struct arena *arena, size_t len, uint64_t *ret_off);
void arena_put(struct arena *arena, uint64_t off, size_t len);
size_t arena_block_size(size_t len); /* what a request of len really gets */

/* ---- tasks: registry.c ---- */

#define BUILD_ID_MAX 64

struct module {
	char *path; /* "" for the program itself */
	uint8_t build_id[BUILD_ID_MAX];
	uint32_t build_id_len;
	/* The file as it was when it was last found to be this build; the registry's lock. */
	struct file_identity {
		dev_t dev;
		ino_t ino;
		off_t size;
		struct timespec changed;
	} seen;
	struct module *next;
};

/* A task as its callers name it; lives for ever. */
struct task {
	uint32_t id;
	const char *name; /* without the module */
	struct module *module;
	int (*fn)(struct pp_call *call);
};

/* The body of a REC_DEFINE: how a worker finds the task that number `id` stands for. */
uint32_t define_size(const struct task *task);
void define_write(struct define_rec *def, uint32_t id, const struct task *task);

/* Finds (loading its module if it must) the task called so. Sets the last error. */
int task_find(const char *name, struct task **ret_task);
/* The module's file is still the build that is loaded here. */
int module_check_file(struct module *module);
/* In a worker: the function that a definition names. On failure `text` says why. */
int task_resolve(const struct define_rec *def, uint32_t n_known, int (**ret_fn)(struct pp_call *),
		 char *text, size_t text_size);
/*
 * In the caller or the fork server, before it is copied: looks up what is registered, so that its copies need not. Returns how many
 * tasks are known now.
 */
uint32_t tasks_know_all(void);
int hook_find(const char *name, int (**ret_hook)(void));
/* dlopen; for the fork server's preloads. */
int module_load(const char *path, bool global, char *text, size_t text_size);

/* ---- the worker's side: worker.c, call.c ---- */

struct worker_fds;
/* Runs the worker loop until told to end. Returns the exit status (threads come back here). */
int worker_run(const struct lane_map *map, const struct worker_fds *fds);

struct worker_fds {
	int life, event;
	const uint8_t *input_arena; /* of the caller, mapped here; NULL for none */
	uint64_t input_arena_size;
	const void *const *share; /* where each is mapped here */
	bool thread;
};

/* ---- starting: start.c and its family ---- */

struct fd_move {
	int from, to;
	bool cloexec; /* from is, and to is to be; else to is not */
};
#define MOVES_MAX (PP_FDS_MAX + 8 + LANE_SHARES_MAX)

/* One worker to be started. The lane's boot page is filled; fds stay the asker's. */
struct start_request {
	struct lane_map *map;
	struct lane_memory *memory;
	int lane_fd;
	const uint8_t *input_arena; /* as mapped in the caller; read-only, for copies of it */
	const struct pp_share *const *share;
	/* The asker's, see channel_moves(). from: numbers here; to: in the worker. */
	struct fd_move *moves;
	unsigned n_moves;
	char *const *env;
	bool has_stdio; /* see child_plan */
	/* Filled by the start method: */
	pid_t pid;
	int pidfd; /* threads: an eventfd that becomes readable when it ended */
	pthread_t thread;
	int error; /* 0, or why this one was not started; last error set */
};

struct start_ops {
	/* Starts n workers; each request's error tells of its own. Returns 0 or the first error. */
	int (*start)(struct pp_context *context, struct start_request *requests, unsigned n);
	void (*stop)(struct pp_context *context); /* frees what the context holds */
	unsigned together; /* so many in one request are cheaper than one by one; 0: none */
	bool fresh_image; /* workers see only what can be found by name */
	bool thread;
	bool copy; /* workers are copies of the caller */
	bool signals; /* workers begin with what the caller does on signals */
};
extern const struct start_ops start_fork_ops, start_spawn_ops, start_forkserver_ops,
	start_thread_ops;

struct server;
struct pp_context {
	pthread_mutex_t lock;
	const struct start_ops *ops;
	enum pp_start start;
	unsigned flags;
	char **preload;
	size_t n_preload;
	char *worker_program;
	char **env;
	unsigned users;
	struct server *server; /* start_forkserver.c's */
	pid_t owner;
};

/* context.c */
void context_use(struct pp_context *context, int change);
/* Whether fresh images are this program again (pp_main), or the helper; its path; sets the last error. */
int worker_image(const struct pp_context *context, const char **ret_path);
extern bool pp_main_called;
extern char **environ;

/* start_spawn.c, also used for the fork server: starts `path` with these fds. */
int spawn_image(const struct pp_context *context, const char *role, const struct lane_map *map,
		const struct fd_move *moves, unsigned n, int boot_fd, char *const *env,
		pid_t *ret_pid, int *ret_pidfd);

/*
 * child.c: between fork and the worker loop, or exec. Async-signal-safe only.
 */
struct child_plan {
	const struct lane_boot *boot; /* may be NULL */
	const char *cwd; /* the lane's, with boot */
	const struct fd_move *moves;
	unsigned n_moves;
	bool has_stdio; /* the caller has looked: 0, 1 and 2 are open */
};
/* 0, or a negative errno; *ret_step names what failed. */
int child_setup(const struct child_plan *plan, const char **ret_step);
/* Sets to their defaults the signals whose bit (number - 1) is set, and lets SIGINT do nothing. */
void child_signals(uint64_t handled);
/* Those that the caller left in the lane, if it has; else those it finds. */
void child_signals_told(const struct lane_map *map);
/* Arms the kill at the end of the one who holds the other end of `life`. */
int child_follow(int life);
uint64_t child_handled_signals(void); /* that are not as by default here */
void child_name(const char *name);
bool child_stdio_missing(void);

/* main.c: what a started image does, by role. */
int worker_main_fresh(int lane_fd);
void worker_fresh(struct lane_map *map) __attribute__((noreturn)); /* fds are in place */
#define ARG_WORKER "--procpool-worker="
#define ARG_SERVER "--procpool-server="
int server_main(int sock);
/* In a process forked for a worker: all that follows child_setup. Never returns. */
void worker_enter(struct lane_map *map, const struct worker_fds *fds) __attribute__((noreturn));
void worker_leave(int status) __attribute__((noreturn));

/* fdpass.c */
#define FDS_PER_MESSAGE 250u
int fds_send(int sock, const void *data, size_t len, const int *fds, unsigned n);
/*
 * One message. Its fds (CLOEXEC) are the caller's; more than `max` or a cut message: all closed, -EMSGSIZE.
 * 0: the peer is gone.
 */
ssize_t fds_receive(int sock, void *data, size_t size, int *fds, unsigned max, unsigned *ret_n);

/* owner.c: who made what, so that a forked child can tell, and let go of the fds. */
struct owned {
	struct link link;
	unsigned generation; /* of another than this process's: foreign */
	void (*disown)(
		struct owned *owned); /* in the forked child: close the fds. Async-signal-safe. */
};
void owned_add(struct owned *owned, void (*disown)(struct owned *));
void owned_remove(struct owned *owned);
extern __thread bool forking_worker;
/* And there was no other thread, which could hold a lock: taking it would have its page copied for each child. */
extern __thread bool forking_alone;
extern bool forked_here;
bool is_foreign(const struct owned *owned);
int fail_foreign(void);

/* share.c */
struct pp_share {
	int fd;
	int refs;
	void *data;
	size_t len;
};
struct pp_share *share_ref(struct pp_share *share);

/* setup.c: from options to a start request, for pools and processes alike. */
struct worker_setup {
	struct lane_boot boot; /* as a template */
	struct pp_fd_pass *fds;
	unsigned n_fds;
	struct pp_share *share[LANE_SHARES_MAX];
	char **env;
	char *cwd;
};
int setup_init(struct worker_setup *setup, const struct pp_process_opts *opts, const char *name);
int setup_shares(struct worker_setup *setup, struct pp_share *const *shares, size_t n);
void setup_done(struct worker_setup *setup);
#define STEP_CWD "change to its directory"
/* What child_setup could not do, in words. */
void setup_text(const char *cwd, const char *step, int err, char *text, size_t size);
void setup_failure(const struct lane_map *map, char *text, size_t size);
char **strings_copy(char *const *strings);
void strings_free(char **strings);

/* A lane's memory outlives its worker while results in it are held. Threads own their fds through it. */
struct lane_memory {
	struct lane_map map;
	struct lane_block *block; /* that it is a part of, or NULL */
	int refs;
	int event_fd, end_fd;
};
struct lane_memory *memory_ref(struct lane_memory *memory);
void memory_unref(struct lane_memory *memory);

/* The caller's ends of one worker. */
struct channel {
	struct lane_memory *memory;
	struct lane_map map; /* as in memory */
	int lane_fd; /* only until it has started */
	int life_fd, event_fd, pidfd;
	int life_peer; /* the worker's end, only until it has started */
	int wake_fd; /* what the worker is to write to: event_fd, or the pool's */
	pid_t pid;
	pthread_t thread;
	bool is_thread, is_fork;
};
/* Which fds it needs; a worker that outlives its caller needs no life pipe. */
#define NEEDS_LIFE 0x1u
#define NEEDS_EVENT 0x2u /* one of its own; a pool's workers share `wake_fd`, else -1 */
/* With lane `i` of a block where workers are copies of the caller; else `block` is NULL. */
int channel_open(struct channel *channel, const struct pp_context *context, unsigned needs,
		 int wake_fd, struct lane_block *block, unsigned i);
/* For so many fds a request must have room; MOVES_MAX is always enough. */
unsigned channel_moves(const struct worker_setup *setup);
int channel_request(struct channel *channel, const struct worker_setup *setup, int arena_fd,
		    const uint8_t *arena, uint64_t arena_size, struct start_request *ret_request);
/* Tells the worker-to-be which signals are not as by default here; before or soon after the start. */
void channel_tell_signals(struct channel *channel, uint64_t handled);
/* After the start: keeps what the caller needs, closes the worker's. */
void channel_started(struct channel *channel, const struct start_request *request);
void channel_close(struct channel *channel); /* fds and its reference to the memory */
/* A thread that cannot be stopped keeps what it needs; nobody waits for it. */
void channel_abandon(struct channel *channel);
/* Reaps it when it has ended: 1 and how; 0 it lives. */
struct ending {
	int signal; /* -1 unknown */
	int exit_status; /* -1 when killed or unknown */
	bool core;
};
int channel_reap(struct channel *channel, struct ending *ret_ending);

/*
 * The fd to watch a child by that was made just now: `pidfd` if it is one, or opened here. Without one (no
 * number is free) the child is killed and reaped, so that none is left that nobody knows of.
 */
int own_child(pid_t pid, int pidfd);
void channel_kill(const struct channel *channel, int sig, bool group);

#endif
