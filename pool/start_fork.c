/* SPDX-License-Identifier: MIT */
/*
 * Start method fork: the worker goes on in a copy of the caller.
 *
 * libc's fork, not a bare clone, so that its locks and the program's atfork handlers are looked after.
 * Signals are blocked across it: no handler of the caller runs in the worker. What the caller's stdio has
 * pending is dropped in the worker, or it would be written twice.
 */
#include <alloca.h>
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/single_threaded.h>
#include <unistd.h>

#include "internal.h"

#define TOGETHER 16
#define PAGE_MASK 4095u
#define ADOPTED_YIELDS 64
#define ADOPTED_WITHIN_MS 10000

/*
 * libc's fork gives no pidfd. Where nobody waits for children (SIGCHLD ignored) or somebody for all of them, one
 * that ends before the caller has opened its own would be gone without a trace, and its number another's.
 * The caller is long done when a child comes here. Else it may be waiting for this CPU; then this looks again each
 * millisecond.
 */
static void wait_until_adopted(const struct lane_map *map, int life)
{
	struct pollfd p = { .fd = life, .events = POLLIN };
	int i;

	for (i = 0; i < ADOPTED_YIELDS && !load_acquire(&map->caller->adopted); i++)
		(void)sched_yield();
	for (i = 0; i < ADOPTED_WITHIN_MS && !load_acquire(&map->caller->adopted); i++)
		if (poll(&p, 1, 1) > 0)
			_exit(0); /* the caller is gone */
}

/* A purge writes to the stream: only where there is something, so that no page is copied for nothing. */
static void drop_pending(FILE *stream)
{
	if (stream_pending(stream) || stream->_IO_read_ptr != stream->_IO_read_end)
		__fpurge(stream);
}

static void __attribute__((noreturn)) in_child(const struct start_request *rq)
{
	struct child_plan plan = { .boot = rq->map->boot,
				   .cwd = rq->map->cwd,
				   .moves = rq->moves,
				   .n_moves = rq->n_moves,
				   .has_stdio = rq->has_stdio };
	struct lane_map map = *rq->map;
	struct worker_fds fds;
	const char *step = "map its memory";
	const void **share;
	uint32_t i;
	bool can_tell;
	int r = lane_block_map(rq->memory->block, &map, &can_tell);

	if (!can_tell)
		_exit(127);
	if (r == 0)
		r = child_setup(&plan, &step);
	if (r < 0) {
		strncpy(map.worker->setup_step, step, sizeof(map.worker->setup_step) - 1);
		store_release(&map.worker->setup_error, r);
		wait_until_adopted(&map, -1);
		_exit(127);
	}
	child_signals_told(&map);
	forking_worker = forking_alone = false;
	drop_pending(stdin);
	drop_pending(stdout);
	drop_pending(stderr);
	memset(&fds, 0, sizeof(fds));
	fds.life = map.boot->life_fd;
	fds.event = map.boot->event_fd;
	/* The memory came with the fork; its fds are closed. */
	fds.share = share = alloca(map.boot->n_shares * sizeof(*share));
	for (i = 0; i < map.boot->n_shares; i++)
		share[i] = rq->share[i]->data;
	fds.input_arena = rq->input_arena;
	fds.input_arena_size = map.boot->arena_size;
	wait_until_adopted(&map, fds.life);
	worker_enter(&map, &fds);
}

/* What became of a request. On the stack while others are forked: each page that is written then is copied. */
struct forked {
	pid_t pid;
	int pidfd; /* -errno: why there is none */
};

static struct forked fork_one(const struct start_request *rq)
{
	struct forked child = { .pid = fork() };

	if (child.pid == 0)
		in_child(rq);
	if (child.pid < 0) {
		child.pidfd = -errno;
		return child;
	}
	child.pidfd = own_child(child.pid, -1);
	store_release(&rq->map->caller->adopted, 1);
	return child;
}

static int fork_some(struct start_request *requests, unsigned n)
{
	struct forked child[TOGETHER];
	unsigned i;
	int first = 0;

	for (i = 0; i < n; i++)
		child[i] = fork_one(&requests[i]);
	for (i = 0; i < n; i++) {
		requests[i].pid = child[i].pid < 0 ? 0 : child[i].pid;
		requests[i].pidfd = child[i].pidfd;
		requests[i].error = child[i].pidfd < 0 ? child[i].pidfd : 0;
		if (requests[i].error < 0 && first == 0)
			first = requests[i].error;
	}
	return first;
}

static int __attribute__((noinline)) fork_all(struct start_request *requests, unsigned n)
{
	unsigned i, some;
	int first = 0, r;

	for (i = 0; i < n; i += some) {
		some = n - i < TOGETHER ? n - i : TOGETHER;
		r = fork_some(requests + i, some);
		if (r < 0 && first == 0)
			first = r;
	}
	return first;
}

/*
 * From the top of a page of the stack: what is written between two forks, and by a child, then lies in as few of its
 * pages as can be.
 */
static int fork_from_page_top(struct start_request *requests, unsigned n)
{
	char *skipped = alloca((uintptr_t)__builtin_frame_address(0) & PAGE_MASK);

	/* Or the compiler would leave it out. */
	__asm__ volatile("" : : "r"(skipped) : "memory");
	return fork_all(requests, n);
}

static int start(struct pp_context *context, struct start_request *requests, unsigned n)
{
	sigset_t all, old;
	int first;

	(void)context;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	forking_worker = true;
	forking_alone = __libc_single_threaded;
	first = fork_from_page_top(requests, n);
	forking_worker = forking_alone = false;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (first < 0)
		fail(first, "cannot fork a worker: %s", errno_text(first));
	return first;
}

static void stop(struct pp_context *context)
{
	(void)context;
}

const struct start_ops start_fork_ops = {
	.start = start, .stop = stop, .together = TOGETHER, .copy = true, .signals = true
};
