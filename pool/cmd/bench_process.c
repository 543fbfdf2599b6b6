/* SPDX-License-Identifier: MIT */
/*
 * `procpool bench`: what one process for one task costs, beside the bare system calls.
 *
 * The bare twin is what one would write by hand: new shared memory for the result, a child of this very image (forked,
 * or by clone(CLONE_VM|CLONE_VFORK) and exec), which writes its result there and ends, a wait, the memory given back.
 * `empty` leaves the memory out: a child that does nothing at all. Ours, the twin and the empty one are run in turn,
 * and ratios are medians of such rounds: what the machine does beside hits all three alike.
 */
#include <fcntl.h>
#include <math.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/bench.h"

#define ROUNDS 51
#define ROUNDS_LEAST 9
#define ENOUGH_NS 1000000000LL /* a large caller takes long to fork */
#define STACK_SIZE (64u << 10)

static int64_t ours(struct pp_context *context)
{
	struct pp_process *process;
	int64_t start = clock_ns();
	int code = -1;

	if (pp_process_start(&process, context, "procpool_bench_nothing", NULL, 0, NULL) < 0)
		return -1;
	if (pp_process_join(process, -1) < 0 || pp_process_exit_code(process, &code) < 0)
		code = -1;
	pp_process_free(process);
	return code == 0 ? clock_ns() - start : -1;
}

static pid_t fork_child(char *result)
{
	pid_t pid = fork();

	if (pid == 0) {
		if (result)
			*result = 1;
		_exit(0);
	}
	return pid;
}

struct bare_exec {
	int fd; /* 0: none */
	char option[32];
};

/* On a stack of its own, with an fd table of its own. */
static int exec_self(void *arg)
{
	struct bare_exec *exec = arg;
	char name[] = "procpool", command[] = "bench";
	char *argv[] = { name, command, exec->option, NULL };

	if (exec->fd)
		(void)fcntl(exec->fd, F_SETFD, 0);
	execv("/proc/self/exe", argv);
	_exit(127);
}

static pid_t exec_child(int fd)
{
	_Alignas(64) char stack[STACK_SIZE];
	struct bare_exec exec = { .fd = fd };

	snprintf(exec.option, sizeof(exec.option), "--bare-child=%d", fd);
	return clone(exec_self, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD, &exec);
}

int bare_child(int fd)
{
	char *result;

	if (fd == 0)
		return 0;
	result = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (result == MAP_FAILED)
		return 1;
	*result = 1;
	return 0;
}

static bool ended_well(pid_t pid)
{
	int status;

	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

static int64_t bare(enum pp_start how)
{
	int64_t start = clock_ns();
	int fd = how == PP_START_FORK ? -1 : memfd_create("procpool-bare", MFD_CLOEXEC);
	char *result;
	bool good;

	if (how != PP_START_FORK && (fd < 0 || ftruncate(fd, 4096) < 0))
		return -1;
	result = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | (fd < 0 ? MAP_ANONYMOUS : 0),
		      fd, 0);
	if (result == MAP_FAILED)
		return -1;
	good = ended_well(fd < 0 ? fork_child(result) : exec_child(fd)) && *result == 1;
	munmap(result, 4096);
	if (fd >= 0)
		close(fd);
	return good ? clock_ns() - start : -1;
}

static int64_t empty(enum pp_start how)
{
	int64_t start = clock_ns();
	bool good = ended_well(how == PP_START_FORK ? fork_child(NULL) : exec_child(0));

	return good ? clock_ns() - start : -1;
}

bool measure_process_cost(struct pp_context *context, enum pp_start how, struct process_cost *ret)
{
	double samples[3][ROUNDS], ratio[3][ROUNDS];
	bool twin = how == PP_START_FORK || how == PP_START_SPAWN;
	int64_t start = clock_ns();
	int n = 0;

	for (int i = -1; i < ROUNDS && (n < ROUNDS_LEAST || clock_ns() - start < ENOUGH_NS); i++) {
		int64_t ns[3] = { ours(context), twin ? bare(how) : 0, twin ? empty(how) : 0 };

		if (ns[0] < 0 || ns[1] < 0 || ns[2] < 0)
			return false;
		for (int k = 0; i >= 0 && k < 3; k++) {
			samples[k][i] = (double)ns[k];
			ratio[k][i] = (double)ns[0] / (double)(ns[k] ? ns[k] : 1);
		}
		n = i + 1;
	}
	ret->ours = median(samples[0], (size_t)n);
	ret->bare = twin ? median(samples[1], (size_t)n) : NAN;
	ret->empty = twin ? median(samples[2], (size_t)n) : NAN;
	ret->bare_ratio = twin ? median(ratio[1], (size_t)n) : NAN;
	ret->empty_ratio = twin ? median(ratio[2], (size_t)n) : NAN;
	return true;
}
