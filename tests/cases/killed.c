/* SPDX-License-Identifier: MIT */
/* Groups that end by a signal, with core and without, and by exit_group from a thread. */
#include "case.h"

#include <pthread.h>
#include <sys/resource.h>

static void *segfault(void *arg)
{
	*(volatile int *)arg = 1;
	return NULL;
}

static void *exit_group(void *arg)
{
	(void)arg;
	_exit(3);
}

static void end(int how)
{
	pthread_t thread;

	if (how == 1)
		abort();
	if (how == 2)
		check(pthread_create(&thread, NULL, segfault, NULL) == 0);
	if (how == 3)
		check(pthread_create(&thread, NULL, exit_group, NULL) == 0);
	for (;;)
		pause();
}

int main(void)
{
	struct rlimit core = { 1 << 20, RLIM_INFINITY };
	const char *dir;

	begin();
	dir = make_dir();
	check(chdir(dir) == 0);
	(void)setrlimit(RLIMIT_CORE, &core);
	for (int how = 0; how < 4; how++) {
		pid_t pid = fork_child();

		if (pid == 0)
			end(how);
		if (how == 0)
			check(kill(pid, SIGKILL) == 0);
		say_child(pid, "fork", "fork", reap(pid), "\"images\":[]");
	}
	check(chdir("/") == 0);
	remove_dir(dir);
	return 0;
}
