/* SPDX-License-Identifier: MIT */
/* The thread that waits is not the one that forked: the process is the reaper. */
#include "case.h"

#include <pthread.h>

static int status;

static void *waiter(void *arg)
{
	pid_t pid = *(pid_t *)arg;

	status = reap(pid);
	say("{'expect':'event','type':'reap','where':{'pid':%d,'tid':%d,'child_pid':%d},'count':1}",
	    getpid(), gettid(), pid);
	return NULL;
}

int main(void)
{
	pthread_t thread;
	pid_t pid;

	begin();
	pid = fork_child();
	if (pid == 0) {
		sleep_ms(20);
		_exit(97);
	}
	check(pthread_create(&thread, NULL, waiter, &pid) == 0 && pthread_join(thread, NULL) == 0);
	say_child(pid, "fork", "fork", status, "\"reaps\":1");
	return 0;
}
