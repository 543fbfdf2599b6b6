/* SPDX-License-Identifier: MIT */
/*
 * exec and execveat from a thread that is not the leader: the thread takes over the leader's id,
 * and the leader's end is not the process's.
 */
#include "case.h"

#include <pthread.h>

static bool by_execveat;

static void *exec_from_here(void *arg)
{
	char *const argv[] = { (char *)"sh", (char *)"-c", (char *)"exit 5", NULL };
	char *const envp[] = { NULL };
	int dir;

	(void)arg;
	say("{'expect':'event','type':'exec','where':{'pid':%d,'from_tid':%d},'count':1}", getpid(),
	    gettid());
	if (!by_execveat)
		execve("/bin/sh", argv, envp);
	dir = open("/bin", O_PATH | O_DIRECTORY | O_CLOEXEC);
	syscall(SYS_execveat, dir, "sh", argv, envp, 0);
	broken("exec");
	return NULL;
}

static void child(void)
{
	pthread_t thread;

	check(pthread_create(&thread, NULL, exec_from_here, NULL) == 0);
	for (;;)
		pause();
}

int main(void)
{
	begin();
	for (int i = 0; i < 2; i++) {
		char more[128];
		pid_t pid;

		by_execveat = i == 1;
		pid = fork_child();
		if (pid == 0)
			child();
		snprintf(more, sizeof(more),
			 "\"images\":[\"%s\"],\"argv\":[\"sh\",\"-c\",\"exit 5\"],\"threads\":2",
			 by_execveat ? "*/sh" : "/bin/sh");
		say_child(pid, "fork", "spawn", reap(pid), more);
		say("{'expect':'event','type':'exit','where':{'pid':%d},'count':1}", pid);
	}
	return 0;
}
