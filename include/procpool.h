/* SPDX-License-Identifier: MIT */
/*
 * libprocpool: processes and process pools for C, with the start methods of Python's multiprocessing.
 *
 * This header is the manual. Where Python's multiprocessing has a thing, it means the same here.
 *
 * LIFE CYCLE
 *
 *   1. pp_main(argc, argv) is the first statement of main(): in a worker it runs the worker and does
 *      not come back; in every other process it returns 0 at once. (Programs whose tasks live in
 *      shared objects can do without; the helper procpool-worker then loads those objects.)
 *   2. PP_TASK(name) { ... } at file scope makes a task. It is found by name, in every image.
 *   3. pp_context_new() chooses the start method. One context serves many pools and processes.
 *   4. pp_pool_new() starts workers. Or pp_process_start() starts one process for one task.
 *   5. pp_pool_apply(), _submit(), _map(), _imap() ... run tasks. There is no helper thread: tasks already
 *      handed to workers run on by themselves; queues behind them, supervision, callbacks and timeouts
 *      move on inside your calls (waits, submits, pp_pool_drive()).
 *   6. pp_pool_close() (no more tasks), pp_pool_join() (all done, workers gone), pp_pool_free().
 *      Or pp_pool_terminate(), pp_pool_free(); pp_pool_free() alone terminates. Then pp_context_free().
 *
 * EXAMPLE
 *
 *      #include <procpool.h>
 *      #include <stdio.h>
 *      #include <string.h>
 *
 *      PP_TASK(square)
 *      {
 *              size_t len;
 *              const long *x = pp_call_input(call, &len);
 *              long y = *x * *x;
 *
 *              return pp_call_write(call, &y, sizeof(y));
 *      }
 *
 *      int main(int argc, char **argv)
 *      {
 *              struct pp_context *ctx;
 *              struct pp_pool *pool;
 *              struct pp_result r;
 *              long x = 12, y;
 *
 *              pp_main(argc, argv);
 *              if (pp_context_new(&ctx, PP_START_SPAWN, NULL) < 0 || pp_pool_new(&pool, ctx, NULL) < 0)
 *                      goto fail;
 *              if (pp_pool_apply(pool, "square", &x, sizeof(x), &r) < 0)
 *                      goto fail;
 *              if (r.outcome == PP_DONE && r.len == sizeof(y)) {
 *                      memcpy(&y, r.data, sizeof(y));
 *                      printf("%ld\n", y);
 *              }
 *              pp_result_release(&r);
 *              pp_pool_free(pool);
 *              pp_context_free(ctx);
 *              return 0;
 *      fail:
 *              fprintf(stderr, "%s\n", pp_last_error());
 *              return 1;
 *      }
 *
 * CONVENTIONS
 *
 *   Errors     Functions return 0 (or a count) or a negative errno; pp_last_error() then says in words
 *              what failed, on what and what to do. `ret` parameters are untouched on failure.
 *   Options    Each options struct begins with its size; make one with its PP_..._INIT. NULL means the
 *              defaults. Fields a newer library adds read as zero from older callers; a set field that
 *              this library does not know is -E2BIG.
 *   Times      int64_t nanoseconds. A timeout below 0 is no limit, 0 does not wait (-ETIMEDOUT).
 *   Memory     What a function returns through `struct pp_foo **` you free with pp_foo_free(); all
 *              those take NULL. Inputs are copied during the call unless the function says otherwise.
 *   fds        Every fd the library makes is CLOEXEC and belongs to the library: never close one.
 *   Threads    A pool, its futures, results and iterators may be used from several threads at once,
 *              except that an object must not be used while or after it is freed. Contexts likewise.
 *   Fork       In a child made by fork() all handles of the parent are foreign: their fds have been
 *              closed, every call on them returns -EOWNERDEAD and changes nothing; freeing them frees the
 *              child's memory only. The child may make contexts and pools of its own (so may tasks).
 *   Never      The library never prints, never exits the caller, installs no signal handler in it and
 *              starts no thread in it (workers of PP_START_THREAD excepted: you asked for those).
 *
 * WORKERS
 *
 *   A worker process has fds 0, 1, 2, at most three fds of its own channel, and what was passed to it;
 *   nothing else (0, 1, 2 are on /dev/null where the caller has them closed). Its signal mask is empty
 *   and all signals have their default action, except SIGINT, which does nothing in a worker: Ctrl-C is the
 *   caller's to act on (programs that a task execs get the default back). It ends by _exit: exit handlers
 *   and unflushed stdio of a forked image are not run twice; what a task itself printed is flushed.
 *   It is killed at once when the caller ends, however the caller ends, even in the middle of a task.
 *   It may die at any instruction: the item it was running ends as PP_DIED (or is tried again: `retries`),
 *   every other item goes on elsewhere, and a new worker takes its place.
 *
 * LIMITS
 *
 *   PP_PAYLOAD_MAX bytes of input or result for one item (-EMSGSIZE), PP_WORKERS_MAX workers (-EINVAL),
 *   PP_FDS_MAX passed fds (-E2BIG), PP_TASK_NAME_MAX bytes of task name (-ENAMETOOLONG). Queue length: see
 *   pp_pool_opts.queue_limit.
 *
 * CAVEATS
 *
 *   - PP_START_FORK copies a process of which only the calling thread goes on. When other threads exist,
 *     a lock one of them holds stays locked in the worker for ever. Fork before you start threads, or use
 *     forkserver or spawn.
 *   - PP_START_THREAD workers share the caller's fate: a crash, exit() or memory error in a task is one
 *     in the caller. They cannot be killed: after a timeout or cancellation the item is reported and a new
 *     thread takes over, while the old one runs on until its task returns. There is no max_rss, and no
 *     fds, cwd, environment or rlimits of its own.
 *   - PP_START_FORKSERVER and PP_START_SPAWN workers begin as a fresh image: global variables the caller
 *     has set are not there. Use inputs, the initializer or pp_share_new().
 *   - Workers are children of the caller: each death raises SIGCHLD. A handler that waits for any child
 *     (waitpid(-1)) takes their exit status away; outcomes then have signal and exit_status unknown (-1) on
 *     kernels before 6.15. Nothing else breaks.
 *   - A fork made behind libc's back (raw clone, _Fork) and living on keeps the workers alive until it,
 *     too, ends.
 *   - A task's cancellation or timeout is SIGKILL for its worker: what the task held outside (locks in
 *     files, half-written files) it leaves as it was.
 *   - A task that writes over its worker's memory at random, the part shared with the caller included, harms
 *     neither the caller nor other workers. Results of that worker that the caller has not yet taken may be
 *     damaged with it, and what was queued in it may be begun once more than `retries` says.
 *   - A task that closes fds it has not opened may close those that tie its worker to the caller. The worker ends
 *     when it next needs one, after that item; another takes its place.
 *   - A process that a task forks is not a worker: it cannot write the result, and when it returns from the
 *     task, it ends by _exit.
 *   - A callback runs inside one of your calls on the pool, with no lock held: it may use the pool, but must
 *     not free it.
 */
#ifndef PROCPOOL_H
#define PROCPOOL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>
#include <sys/uio.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

#define PP_VERSION_MAJOR 0
#define PP_VERSION_MINOR 1
#define PP_VERSION_PATCH 0

#define PP_PAYLOAD_MAX ((size_t)1 << 30)
#define PP_WORKERS_MAX 1024u
#define PP_FDS_MAX 128u
#define PP_TASK_NAME_MAX 255u

struct pp_call;
struct pp_context;
struct pp_process;
struct pp_pool;
struct pp_future;
struct pp_results;
struct pp_imap;
struct pp_share;
struct pp_buffer;

/* "0.1.0", of the library in use. */
const char *pp_version(void);

/* What the last failed call of this thread had to say; "" when none failed. Valid until the next call. */
const char *pp_last_error(void);

/* ---- start methods ----------------------------------------------------------------------------- */

/* How a worker begins. 0 stands for the default: see pp_set_start_method(). */
enum pp_start {
	PP_START_FORK = 1, /* a copy of the caller; cost grows with the caller's memory */
	PP_START_SPAWN, /* a fresh image by exec; about 1 ms */
	PP_START_FORKSERVER, /* a copy of a small server that has preloaded what workers need */
	PP_START_THREAD, /* a thread of the caller: no isolation; the baseline */
};

/* Sets the method that 0 means from now on (at first: PP_START_FORKSERVER). -EINVAL: no such method. */
int pp_set_start_method(enum pp_start start);
enum pp_start pp_get_start_method(void);
/* "fork", "spawn", "forkserver", "thread"; NULL for anything else. And back: -EINVAL when unknown. */
const char *pp_start_name(enum pp_start start);
int pp_start_from_name(const char *name, enum pp_start *ret_start);

/*
 * What fork servers of contexts made from now on load before they fork (copied). Each entry is
 *   "path/lib.so"        a shared object, opened with RTLD_NOW | RTLD_GLOBAL
 *   "path/lib.so:hook"   likewise, then its PP_HOOK(hook) is run
 *   "hook"               a PP_HOOK of the program itself
 * in this order, once per server.
 */
int pp_set_forkserver_preload(const char *const *entries, size_t n);

/*
 * Call first in main(). In a process that the library started as a worker or fork server, runs that and
 * never returns. Else returns 0, and remembers that this program can be started again as its own worker.
 */
int pp_main(int argc, char **argv);

/* ---- tasks --------------------------------------------------------------------------------------- */

/* Internal to PP_TASK and PP_HOOK. */
struct pp_task_entry {
	const char *name;
	int (*task)(struct pp_call *call);
	int (*hook)(void);
	struct pp_task_entry *next;
};
void pp_task_register(struct pp_task_entry *entry);
void pp_task_unregister(struct pp_task_entry *entry);

#define PP_ENTRY_(name, task, hook)                                                       \
	static struct pp_task_entry pp_entry_##name                                       \
		__attribute__((used, section("pp_tasks"))) = { #name, task, hook, NULL }; \
	__attribute__((constructor)) static void pp_register_##name(void)                 \
	{                                                                                 \
		pp_task_register(&pp_entry_##name);                                       \
	}                                                                                 \
	__attribute__((destructor)) static void pp_unregister_##name(void)                \
	{                                                                                 \
		pp_task_unregister(&pp_entry_##name);                                     \
	}

/*
 * PP_TASK(name) { ... return 0; } defines a task: static int name(struct pp_call *call).
 *
 * Returning 0 is PP_DONE; anything else, or having called pp_call_fail(), is PP_FAILED with that code.
 *
 * Functions that take a task name accept "name" for a task of any module loaded in the caller (the
 * program first), or "path/module.so:name", which is loaded into the caller when it is not yet there. Workers
 * find it by module, build-id and name. Errors, all at submit: -ENOENT no such task, -ELIBACC the module
 * cannot be loaded, -ESTALE the module's file is another build than the one loaded here, -ENOTSUP a task of
 * the program itself for a fresh image, but main() does not begin with pp_main().
 */
#define PP_TASK(name)                          \
	static int name(struct pp_call *call); \
	PP_ENTRY_(name, name, NULL)            \
	static int name(struct pp_call *call)

/* PP_HOOK(name) { ... return 0; } defines a preload hook: static int name(void). Non-zero is failure. */
#define PP_HOOK(name)               \
	static int name(void);      \
	PP_ENTRY_(name, NULL, name) \
	static int name(void)

/*
 * The functions for use inside a task; `call` is valid until the task returns, and only in its thread.
 *
 * The input: aligned for any type, *ret_len bytes, read-only, never NULL. ret_len may be NULL.
 */
const void *pp_call_input(const struct pp_call *call, size_t *ret_len);
/* Argument number `arg` of a pp_pool_starmap() item; NULL when there is no such argument. */
const void *pp_call_arg(const struct pp_call *call, unsigned arg, size_t *ret_len);
/*
 * Appends to the result. 0, -EMSGSIZE (result would exceed PP_PAYLOAD_MAX), -ENOMEM, or -EOWNERDEAD in a process that
 * the task forked.
 */
int pp_call_write(struct pp_call *call, const void *data, size_t len);
/*
 * Appends len uninitialised bytes to the result and returns them for writing in place (aligned for any type
 * when the result was empty). The pointer is good until the next pp_call_write() or _reserve(). NULL when
 * too large, out of memory, or in a process that the task forked; never NULL for len 0 otherwise.
 */
void *pp_call_reserve(struct pp_call *call, size_t len);
/* Cuts the result to its first len bytes (after reserving more than was needed). -EINVAL: it is shorter. */
int pp_call_truncate(struct pp_call *call, size_t len);
/*
 * Makes this call PP_FAILED with this code (0 becomes -1) and message (cut at 1023 bytes); the result's data is
 * discarded. Returns code, for `return pp_call_fail(...)`.
 */
int pp_call_fail(struct pp_call *call, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Index of the item in its map or imap; 0 else. And how often it was tried before. */
uint64_t pp_call_index(const struct pp_call *call);
unsigned pp_call_attempt(const struct pp_call *call);
/* One pointer per worker, NULL at first, for the initializer and tasks to keep state in. */
void **pp_call_state(struct pp_call *call);
/* The data of pp_pool_opts.shares[i], read-only, mapped for the worker's life; NULL: no such share. */
const void *pp_call_share(const struct pp_call *call, unsigned i, size_t *ret_len);

/* ---- results ------------------------------------------------------------------------------------- */

enum pp_outcome {
	PP_DONE = 1, /* the task returned 0 */
	PP_FAILED, /* the task said so: code, message */
	PP_DIED, /* its worker died while running it: signal or exit_status, core */
	PP_TIMEOUT, /* it ran longer than its timeout; its worker was killed */
	PP_CANCELLED, /* pp_future_cancel(), pp_pool_terminate(), or the pool could not go on: message */
};

/* How one item ended. Read-only; the memory belongs to its future, results, or imap step. */
struct pp_result {
	enum pp_outcome outcome;
	int code; /* PP_FAILED: the task's; PP_CANCELLED: a negative errno; else 0 */
	const void *data; /* PP_DONE: the result, never NULL; else "" */
	size_t len;
	const char *message; /* in words, for all but PP_DONE; else "" */
	int signal; /* PP_DIED: the signal's number, 0 when it exited, -1 unknown */
	int exit_status; /* PP_DIED: its exit status, -1 when killed or unknown */
	int core_dumped;
	pid_t worker_pid; /* who ran it last; 0 when nobody did (thread workers: their tid) */
	unsigned attempts; /* how often it was begun (but see CAVEATS) */
	uint64_t index; /* of the item in its map or imap; 0 else */
	void *owner; /* internal */
};

/* "done", "failed", "died", "timeout", "cancelled"; NULL for anything else. */
const char *pp_outcome_name(enum pp_outcome outcome);

/* Frees what a result of pp_pool_apply() holds and clears it. Others: does nothing but clear. */
void pp_result_release(struct pp_result *result);

/* ---- contexts ------------------------------------------------------------------------------------ */

#define PP_PRELOAD_TOLERANT \
	0x1u /* context flag: a preload that fails or starts threads is only reported */

struct pp_context_opts {
	size_t size;
	unsigned flags; /* PP_PRELOAD_TOLERANT */
	const char *const
		*preload; /* instead of pp_set_forkserver_preload()'s, when n_preload is not 0 */
	size_t n_preload;
	/*
	 * The helper for programs that do not call pp_main(); NULL: $PROCPOOL_WORKER when set and the caller is
	 * not set-user-id, else procpool-worker beside the library, in its ../libexec/procpool, or in $PATH.
	 */
	const char *worker_program;
	char *const *env; /* environment of fresh images; NULL: the caller's */
};

/*
 * Makes a context. A fork server is not started before it is needed. -EINVAL: no such method.
 */
int pp_context_new(struct pp_context **ret_context, enum pp_start start,
		   const struct pp_context_opts *opts);
/* The method in use. */
enum pp_start pp_context_start(const struct pp_context *context);
/* Starts the fork server now, so that the first pool finds it warm. Others: 0. Errors as pp_pool_new(). */
int pp_context_warm(struct pp_context *context);
/* The fork server's pid, 0 when none runs; how often it was started again after it died. */
pid_t pp_context_server_pid(const struct pp_context *context);
unsigned pp_context_server_restarts(const struct pp_context *context);
/* -EBUSY while pools or processes of it exist. Stops the fork server. */
int pp_context_free(struct pp_context *context);

/* What one preload entry cost the fork server. */
struct pp_preload_report {
	const char *entry;
	int error; /* 0, or a negative errno */
	const char *message; /* why it failed; "" */
	int64_t time_ns;
	int64_t rss_kb; /* growth of the server's resident memory: what each fork must map again */
	int threads_left; /* threads it started and left running: forks are then unsafe */
	int fds_left; /* fds it left open (workers do not get them) */
};

/* Entry i, after the server has started. -ENOENT: no such entry; -EAGAIN: no server was started yet. */
int pp_context_preload_report(struct pp_context *context, size_t i,
			      struct pp_preload_report *ret_report);

/* ---- processes ----------------------------------------------------------------------------------- */

struct pp_fd_pass {
	int fd; /* in the caller; stays the caller's, may be closed after the call */
	int as; /* number in the worker, 0 to 1023; 0, 1, 2 replace its stdio */
};

struct pp_rlimit {
	int resource; /* RLIMIT_... */
	struct rlimit limit;
};

#define PP_DAEMON 0x1u /* killed when the caller ends (pool workers always are) */
#define PP_NEW_GROUP 0x2u /* leads a process group of its own; kill and terminate reach all of it */

struct pp_process_opts {
	size_t size;
	unsigned flags;
	const char *name; /* its comm, as ps shows it, at most 15 bytes; default: the task's name */
	const struct pp_fd_pass *fds;
	size_t n_fds;
	const void *cpus; /* cpu_set_t to run on; NULL: as the caller's thread */
	size_t cpus_size;
	const struct pp_rlimit *rlimits;
	size_t n_rlimits;
	const char *cwd;
	char *const *env; /* spawn alone; NULL: the context's */
	struct pp_share *const *shares;
	size_t n_shares;
};

/*
 * Starts a process that runs one task and ends. Its exit status is the task's return value when that is
 * between 0 and 255, else 1 (a task that failed with 0: 1). `in` is copied. A child made by fork that
 * could not be set up, or an image that could not be started, is an error here. A forked child with default
 * options has nothing in its set-up that can fail, and is not waited for.
 */
int pp_process_start(struct pp_process **ret_process, struct pp_context *context, const char *task,
		     const void *in, size_t len, const struct pp_process_opts *opts);
/* Its pid (thread: tid); the name it was given. */
pid_t pp_process_pid(const struct pp_process *process);
const char *pp_process_name(const struct pp_process *process);
/* The sentinel: an fd that polls readable once it has ended (a pidfd). Owned by the process object. */
int pp_process_fd(const struct pp_process *process);
/* Waits for its end and reaps it. 0, or -ETIMEDOUT. */
int pp_process_join(struct pp_process *process, int64_t timeout_ns);
/* 1 alive, 0 ended. */
int pp_process_alive(struct pp_process *process);
/* Exit status, or the negative number of the signal that ended it. -EAGAIN: it lives. -ENODATA: unknown. */
int pp_process_exit_code(struct pp_process *process, int *ret_code);
/* What its task wrote. As for a pool's task. -EAGAIN: it lives. Valid until pp_process_free(). */
int pp_process_result(struct pp_process *process, struct pp_result *ret_result);
/* SIGTERM; SIGKILL. 0 also when it has ended. Threads: -ENOTSUP. */
int pp_process_terminate(struct pp_process *process);
int pp_process_kill(struct pp_process *process);
/* A process that still lives is killed when PP_DAEMON, else goes on (nobody then reaps it for you). */
void pp_process_free(struct pp_process *process);
/* Reaps what has ended; returns how many live, and their handles in list (at most n; may be NULL, 0). */
size_t pp_active_children(struct pp_process **list, size_t n);

/* ---- shared read-only data ----------------------------------------------------------------------- */

/*
 * Copies data into sealed anonymous shared memory that workers map, whatever the start method. May be freed
 * once the pools and processes that use it have been made (they keep it alive).
 */
int pp_share_new(struct pp_share **ret_share, const void *data, size_t len);
const void *pp_share_data(const struct pp_share *share, size_t *ret_len);
void pp_share_free(struct pp_share *share);

/* ---- pools --------------------------------------------------------------------------------------- */

struct pp_pool_opts {
	size_t size;
	unsigned workers; /* 0: the CPUs this thread may run on */
	unsigned flags; /* none yet */
	const char *initializer; /* a task run first in each worker; NULL: none */
	const void *init_in; /* its input, copied */
	size_t init_len;
	uint64_t max_tasks; /* items a worker may run before it is replaced; 0: no limit */
	uint64_t
		max_rss_kb; /* replace a worker whose resident memory is above, between items; 0: none */
	uint64_t
		queue_limit; /* items accepted but not ended; submit waits (-EAGAIN) above; 0: 65536 */
	uint64_t queue_bytes; /* likewise bytes of their inputs; 0: 256 MiB */
	int64_t timeout_ns; /* of each item, unless its own options say otherwise; 0: none */
	unsigned retries; /* how often an item whose worker died is tried again, likewise */
	unsigned spares; /* workers kept ready beyond `workers`, for replacements */
	int64_t keep_alive_ns; /* idle workers end after this; they come back when needed; 0: never end */
	const struct pp_process_opts *worker; /* fds, cpus, rlimits, cwd ... of each worker */
	struct pp_share *const *shares;
	size_t n_shares;
};

/*
 * Makes a pool and starts its workers; does not wait until they are ready. An initializer that fails or
 * dies stops the pool: all items end PP_CANCELLED with the reason, submits return -ESHUTDOWN. The same when
 * workers cannot be started, or die 8 times in a row before they are ready.
 * Errors: -ENOENT etc. for the initializer (see PP_TASK), -ELIBACC preload failed, -EMFILE, -ENOMEM, -EAGAIN.
 */
int pp_pool_new(struct pp_pool **ret_pool, struct pp_context *context,
		const struct pp_pool_opts *opts);

/* Runs one task and waits for it. 0 whatever the outcome; release the result. */
int pp_pool_apply(struct pp_pool *pool, const char *task, const void *in, size_t len,
		  struct pp_result *ret_result);

#define PP_NONBLOCK 0x1u /* -EAGAIN instead of waiting for room in the queue */
#define PP_UNORDERED 0x2u /* imap: items as they end */

struct pp_submit_opts {
	size_t size;
	unsigned flags; /* PP_NONBLOCK */
	int64_t timeout_ns; /* 0: the pool's; below 0: none */
	int retries; /* 0: the pool's; below 0: none */
	/* Called once when the item has ended, inside some call on the pool. May free the future. */
	void (*callback)(struct pp_future *future, void *arg);
	void *arg;
	struct pp_buffer
		*buffer; /* the input, instead of in and len; taken over when the call succeeds */
};

/*
 * Queues one task (apply_async). Waits, driving the pool, while the queue is full. -ESHUTDOWN: closed,
 * terminated or stopped. The future must be freed; freeing it early drops the result, not the task.
 */
int pp_pool_submit(struct pp_pool *pool, const char *task, const void *in, size_t len,
		   const struct pp_submit_opts *opts, struct pp_future **ret_future);
/* 0 once it has ended, or -ETIMEDOUT. */
int pp_future_wait(struct pp_future *future, int64_t timeout_ns);
/* 1 ended, 0 not yet; does not drive the pool. */
int pp_future_done(const struct pp_future *future);
/* -EAGAIN: not ended. The result's memory lives as long as the future. */
int pp_future_result(struct pp_future *future, struct pp_result *ret_result);
/*
 * Ends it as PP_CANCELLED: a queued one is never begun, a running one loses its worker. 0; -EALREADY: it had
 * ended.
 */
int pp_future_cancel(struct pp_future *future);
void pp_future_free(struct pp_future *future);

/*
 * An input to be produced in place, in memory that workers see: no copy at all for large inputs. Fill
 * pp_buffer_data(), then submit with pp_submit_opts.buffer; or free it. -EMSGSIZE, -ENOMEM.
 */
int pp_pool_buffer(struct pp_pool *pool, size_t len, struct pp_buffer **ret_buffer);
void *pp_buffer_data(struct pp_buffer *buffer, size_t *ret_len);
void pp_buffer_free(struct pp_buffer *buffer);

struct pp_map_opts {
	size_t size;
	unsigned flags;
	size_t chunk; /* items handed over at once; 0: ceil(n / (4 * workers)), within caps (imap: adaptive) */
	int64_t timeout_ns; /* of each item; 0: the pool's; below 0: none */
	int retries; /* 0: the pool's; below 0: none */
	/* Called now and then inside waits, and at the end, with how many items have ended. */
	void (*progress)(size_t done, size_t total, void *arg);
	/* map_async: called once when all have ended. May free the results. */
	void (*callback)(struct pp_results *results, void *arg);
	void *arg;
	size_t window; /* imap: items in flight or waiting to be taken; 0: 2 * workers * chunk, at least 1024 */
};

/*
 * Runs the task on each item and waits for all. 0 also when items failed: ask each. Whatever the chunk, each
 * item succeeds, fails, dies, times out and is retried by itself.
 */
int pp_pool_map(struct pp_pool *pool, const char *task, const struct iovec *items, size_t n,
		const struct pp_map_opts *opts, struct pp_results **ret_results);
/* Does not wait. items, and what they point to, must stay until pp_results_wait() gave 0 or _free(). */
int pp_pool_map_async(struct pp_pool *pool, const char *task, const struct iovec *items, size_t n,
		      const struct pp_map_opts *opts, struct pp_results **ret_results);
/* Items of n_args arguments each: args[i * n_args + k] is argument k of item i; see pp_call_arg(). Copies. */
int pp_pool_starmap(struct pp_pool *pool, const char *task, const struct iovec *args,
		    unsigned n_args, size_t n, const struct pp_map_opts *opts,
		    struct pp_results **ret_results);
/* 0 once all have ended, or -ETIMEDOUT. Cancel ends all that have not; then wait. */
int pp_results_wait(struct pp_results *results, int64_t timeout_ns);
int pp_results_cancel(struct pp_results *results);
/* How many items there are; how many have ended; how many of those not PP_DONE. */
size_t pp_results_count(const struct pp_results *results);
size_t pp_results_ended(const struct pp_results *results);
size_t pp_results_bad(const struct pp_results *results);
/* Item i. -ERANGE: no such item; -EAGAIN: not ended. Its memory lives as long as the results. */
int pp_results_get(const struct pp_results *results, size_t i, struct pp_result *ret_result);
/* Cancels what has not ended. */
void pp_results_free(struct pp_results *results);

/* Gives the next item in *ret_item (memory stays until its next call): 1, or 0 at the end, or negative. */
typedef int (*pp_next_fn)(struct iovec *ret_item, void *arg);

/*
 * Runs the task on items that `next` gives one by one, in bounded memory: it is called only while fewer than
 * `window` items are on their way, always from inside pp_imap_next().
 */
int pp_pool_imap(struct pp_pool *pool, const char *task, pp_next_fn next, void *arg,
		 const struct pp_map_opts *opts, struct pp_imap **ret_imap);
/*
 * The next result, in order of input (PP_UNORDERED: as they end): 1, or 0 when all have been given; -ETIMEDOUT; or
 * what `next` returned below 0, after all items before it. Memory stays until the next call on this imap, by
 * whichever thread.
 */
int pp_imap_next(struct pp_imap *imap, int64_t timeout_ns, struct pp_result *ret_result);
/* Cancels what is on its way. */
void pp_imap_free(struct pp_imap *imap);

/*
 * For event loops: poll this fd for reading; when ready, call pp_pool_drive(), which handles what has
 * happened without waiting and runs callbacks. Returns how many items ended. The fd is the pool's.
 */
int pp_pool_fd(struct pp_pool *pool);
int pp_pool_drive(struct pp_pool *pool);

/* From now on this many workers: new ones start, those too many end when idle. -EINVAL, -ESHUTDOWN. */
int pp_pool_resize(struct pp_pool *pool, unsigned workers);
/* No more tasks; what was accepted goes on. Idempotent. */
int pp_pool_close(struct pp_pool *pool);
/* After close or terminate: waits until all items have ended and all workers are gone. -EINVAL: not closed. */
int pp_pool_join(struct pp_pool *pool, int64_t timeout_ns);
/* Kills the workers; all items that have not ended are PP_CANCELLED at once. Idempotent. */
int pp_pool_terminate(struct pp_pool *pool);
/*
 * Terminates what still runs, reaps the workers, frees. Futures, results and imaps may be freed before or
 * after; their results stay readable.
 */
void pp_pool_free(struct pp_pool *pool);

struct pp_pool_stats {
	size_t size; /* set it before the call */
	unsigned workers; /* wanted */
	unsigned alive; /* alive now, spares included */
	uint64_t items_accepted, items_ended,
		items_waiting; /* waiting: not yet handed to a worker */
	uint64_t done, failed, died, timed_out, cancelled; /* by outcome */
	uint64_t retried; /* items begun again */
	uint64_t restarts; /* workers started to replace one that died or was killed */
	uint64_t recycled; /* workers replaced because of max_tasks or max_rss */
	uint64_t wakes, parks; /* how often a worker had to be woken, and the caller slept */
};

int pp_pool_stats(struct pp_pool *pool, struct pp_pool_stats *ret_stats);

struct pp_worker_insight {
	size_t size; /* set it before the call */
	pid_t pid; /* 0: the place is empty now */
	unsigned restarts; /* how often this place got a new worker */
	int64_t start_ns; /* CLOCK_MONOTONIC */
	int64_t ready_ns; /* from start until its first instruction of the worker loop; -1 not yet */
	int64_t init_ns; /* the initializer's time */
	int64_t busy_ns, waiting_ns;
	uint64_t items; /* ended in this worker */
	uint64_t peak_rss_kb; /* 0 for threads */
	int running; /* 1: in an item now */
};

/* Place i (0 to wanted + spares - 1). -ERANGE: no such place. */
int pp_pool_insight(struct pp_pool *pool, unsigned i, struct pp_worker_insight *ret_insight);

#pragma GCC visibility pop

#ifdef __cplusplus
} /* extern "C" */
extern "C++" {
template <class T> inline T pp_sized_(void)
{
	T t = T();
	t.size = sizeof(T);
	return t;
}
}
#define PP_SIZED_(type) pp_sized_<type>()
#else
#define PP_SIZED_(type)                     \
	{                                   \
		.size = sizeof(struct type) \
	}
#endif

#define PP_CONTEXT_OPTS_INIT PP_SIZED_(pp_context_opts)
#define PP_PROCESS_OPTS_INIT PP_SIZED_(pp_process_opts)
#define PP_POOL_OPTS_INIT PP_SIZED_(pp_pool_opts)
#define PP_SUBMIT_OPTS_INIT PP_SIZED_(pp_submit_opts)
#define PP_MAP_OPTS_INIT PP_SIZED_(pp_map_opts)
#define PP_POOL_STATS_INIT PP_SIZED_(pp_pool_stats)
#define PP_WORKER_INSIGHT_INIT PP_SIZED_(pp_worker_insight)

#endif
