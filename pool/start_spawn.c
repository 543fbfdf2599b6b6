/* SPDX-License-Identifier: MIT */
/*
 * Start method spawn: a fresh image, at the cost of exec alone.
 *
 * The child shares the caller's memory until it execs (CLONE_VM|CLONE_VFORK): nothing is copied, whatever
 * the caller's size, and a failure is told through that memory. It runs on a stack of its own, with all
 * signals blocked, and its fd table is its own. The new image unblocks them when it is ready (main.c).
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "internal.h"

#define STACK_SIZE (64u << 10)

#ifdef __SANITIZE_THREAD__ /* its clone() forgets, in the memory that is shared, what this thread has locked */
int __clone(int (*fn)(void *), void *stack, int flags, void *arg, ...);
#define clone __clone
#endif

struct spawn {
	struct child_plan plan;
	const char *path;
	char *const *argv;
	char *const *env;
	const char *step;
	int error;
};

/* It never returns, which a thread sanitizer would have to know. */
__attribute__((no_sanitize_thread)) static int in_child(void *arg)
{
	struct spawn *s = arg;

	s->error = child_setup(&s->plan, &s->step);
	if (s->error == 0) {
		s->step = "execute it";
		execve(s->path, s->argv, s->env);
		s->error = -errno;
	}
	_exit(127);
}

static int clone_image(struct spawn *s, pid_t *ret_pid, int *ret_pidfd)
{
	uint8_t *stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	sigset_t all, old;
	int pidfd = -1, saved = errno;
	pid_t pid;

	if (stack == MAP_FAILED)
		return -errno;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	pid = clone(in_child, stack + STACK_SIZE, CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, s,
		    &pidfd);
	if (pid < 0)
		s->error = -errno;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	errno = saved;
	munmap(stack, STACK_SIZE);
	if (pid >= 0 && s->error < 0) {
		struct channel dead = { .pidfd = pidfd };
		struct ending ending;

		(void)poll_fd(pidfd, INT64_MAX);
		(void)channel_reap(&dead, &ending);
		close_fd(&pidfd);
	}
	if (s->error < 0)
		return s->error;
	*ret_pid = pid;
	*ret_pidfd = own_child(pid, pidfd);
	return *ret_pidfd < 0 ? *ret_pidfd : 0;
}

int spawn_image(const struct pp_context *context, const char *role, const struct lane_map *map,
		const struct fd_move *moves, unsigned n, int boot_fd, char *const *env,
		pid_t *ret_pid, int *ret_pidfd)
{
	char arg[48], name[] = "procpool", text[256];
	char *argv[] = { name, arg, NULL };
	const char *cwd = map ? map->cwd : NULL;
	struct spawn s = { .plan = { .boot = map ? map->boot : NULL,
				     .cwd = cwd,
				     .moves = moves,
				     .n_moves = n },
			   .argv = argv,
			   .env = env		 ? env
				  : context->env ? context->env
						 : environ,
			   .step = "start" };
	int r = worker_image(context, &s.path);

	if (r < 0)
		return r;
	snprintf(arg, sizeof(arg), "%s%d", role, boot_fd);
	r = clone_image(&s, ret_pid, ret_pidfd);
	if (r < 0) {
		setup_text(cwd, s.step, r, text, sizeof(text));
		return fail(r, "cannot start %s: %s", s.path, text);
	}
	return 0;
}

static int start(struct pp_context *context, struct start_request *requests, unsigned n)
{
	unsigned i;
	int first = 0;

	for (i = 0; i < n; i++) {
		struct start_request *rq = &requests[i];

		rq->error = spawn_image(context, ARG_WORKER, rq->map, rq->moves, rq->n_moves,
					rq->map->boot->lane_fd, rq->env, &rq->pid, &rq->pidfd);
		if (rq->error < 0 && first == 0)
			first = rq->error;
	}
	return first;
}

static void stop(struct pp_context *context)
{
	(void)context;
}

const struct start_ops start_spawn_ops = {
	.start = start, .stop = stop, .fresh_image = true, .signals = true
};
