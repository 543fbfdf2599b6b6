/* SPDX-License-Identifier: MIT */
/* Marks of each kind, from threads, a forked child and a signal handler; prints what it marked. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "forkscope.h"

static uint64_t across;

static void *other(void *unused)
{
	forkscope_name("helper");
	forkscope_span_end(across);
	return unused;
}

static void on_signal(int sig)
{
	forkscope_mark_value("in handler", (uint64_t)sig);
}

int main(void)
{
	char long_name[5000];
	uint64_t open_one;
	pthread_t id;
	pid_t child;

	memset(long_name, 'x', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = 0;
	errno = 4711;
	forkscope_mark("first");
	forkscope_mark("\033[31mred\n");
	forkscope_mark(long_name);
	forkscope_mark(NULL);
	across = forkscope_span_begin("across threads");
	if (pthread_create(&id, NULL, other, NULL) || pthread_join(id, NULL))
		return 1;
	signal(SIGUSR1, on_signal);
	raise(SIGUSR1);
	open_one = forkscope_span_begin("left open");
	child = fork();
	if (child == 0) {
		forkscope_span_end(open_one);
		forkscope_mark("in child");
		_exit(0);
	}
	waitpid(child, NULL, 0);
	for (uint64_t i = 0; i < 1000; i++)
		forkscope_mark_value("many", i);
	printf("%d %d\n", errno, open_one != 0);
	return 0;
}
