/* SPDX-License-Identifier: MIT */
/* Start method thread: the same worker loop in a thread of the caller. All signals are blocked in it. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "internal.h"

struct thread_start {
	struct lane_memory *memory;
	struct worker_fds fds;
	const void *share[LANE_SHARES_MAX];
};

/* Also after pthread_exit() in a task. */
static void thread_ended(void *arg)
{
	struct thread_start *s = arg;
	uint64_t one = 1;

	while (write(s->memory->end_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
	memory_unref(s->memory);
	free(s);
}

static void *thread_main(void *arg)
{
	struct thread_start *s = arg;

	pthread_cleanup_push(thread_ended, s);
	(void)pthread_setname_np(pthread_self(), s->memory->map.boot->name);
	store_release(&s->memory->map.worker->pid, (uint32_t)syscall(SYS_gettid));
	if (s->memory->map.boot->cpus_size)
		(void)syscall(SYS_sched_setaffinity, 0, s->memory->map.boot->cpus_size,
			      s->memory->map.boot->cpus);
	lane_enter(&s->memory->map);
	(void)worker_run(&s->memory->map, &s->fds);
	pthread_cleanup_pop(1);
	return NULL;
}

static int start_one(struct start_request *rq)
{
	struct thread_start *s = calloc(1, sizeof(*s));
	uint32_t i;
	int r;

	if (!s)
		return -ENOMEM;
	r = fd_above_stdio(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
	if (r < 0) {
		free(s);
		return r;
	}
	rq->memory->end_fd = rq->pidfd = r;
	s->memory = memory_ref(rq->memory);
	s->fds.life = -1;
	s->fds.event = rq->memory->event_fd;
	s->fds.input_arena = rq->input_arena;
	s->fds.input_arena_size = rq->map->boot->arena_size;
	s->fds.thread = true;
	s->fds.share = s->share;
	for (i = 0; i < rq->map->boot->n_shares; i++)
		s->share[i] = rq->share[i]->data;
	r = -pthread_create(&rq->thread, NULL, thread_main, s);
	if (r < 0) {
		memory_unref(s->memory);
		free(s);
	}
	return r;
}

static int start(struct pp_context *context, struct start_request *requests, unsigned n)
{
	sigset_t all, old;
	unsigned i;
	int first = 0;

	(void)context;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	for (i = 0; i < n; i++) {
		requests[i].error = start_one(&requests[i]);
		if (requests[i].error < 0 && first == 0)
			first = requests[i].error;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (first < 0)
		fail(first, "cannot start a thread: %s", errno_text(first));
	return first;
}

static void stop(struct pp_context *context)
{
	(void)context;
}

const struct start_ops start_thread_ops = { .start = start, .stop = stop, .thread = true };
