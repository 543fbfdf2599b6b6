/* SPDX-License-Identifier: MIT */
/* FS006: a recursive mutex is locked around fork, and unlocked in the child too, repaired. */
#include "bug.h"

static pthread_mutex_t lock;

int main(void)
{
	pthread_mutexattr_t kind;
	pid_t pid;

	pthread_mutexattr_init(&kind);
	pthread_mutexattr_settype(&kind, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&lock, &kind);
	pthread_mutex_lock(&lock);
	pid = fork();
	need(pid >= 0);
	if (pid == 0) {
		pthread_mutex_init(&lock, &kind);
		_exit(0);
	}
	pthread_mutex_unlock(&lock);
	end_child(pid, 600);
	return 0;
}
