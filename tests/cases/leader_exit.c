/* SPDX-License-Identifier: MIT */
/*
 * The leader ends first, the group later: its code, signal or exec is the last thread's, and so is
 * its age.
 */
#include "case.h"

#include <pthread.h>

enum how { EXIT_7, DIE_OF_SIGNAL, EXEC, EXIT_THREAD };

static void *outlive_leader(void *arg)
{
	sleep_ms(150);
	switch (*(enum how *)arg) {
	case EXIT_7:
		exit(7);
	case DIE_OF_SIGNAL:
		raise(SIGTERM);
		break;
	case EXEC:
		execl("/bin/sh", "sh", "-c", "exit 9", NULL);
		break;
	case EXIT_THREAD: /* the group ends with its last thread, by its own code */
		syscall(SYS_exit, 3);
	}
	broken("still here");
	return NULL;
}

static void child(enum how how)
{
	pthread_t thread;

	check(pthread_create(&thread, NULL, outlive_leader, &how) == 0);
	/* Not pthread_exit, which would unwind `how` away: to the kernel it is the same. */
	syscall(SYS_exit, 0);
}

int main(void)
{
	begin();
	for (enum how how = EXIT_7; how <= EXIT_THREAD; how++) {
		pid_t pid = fork_child();

		if (pid == 0)
			child(how);
		say_child(pid, "fork", how == EXEC ? "spawn" : "fork", reap(pid),
			  "\"threads\":2,\"min_life_ms\":150");
		say("{'expect':'event','type':'exit','where':{'pid':%d},'count':1}", pid);
	}
	return 0;
}
