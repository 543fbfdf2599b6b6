/* SPDX-License-Identifier: MIT */
/* FS001 and FS006: the forking thread holds an error-checking mutex, which in the child bears a stranger's number. Repaired. */
#include "bug.h"

static pthread_mutex_t lock;

static void make_lock(void)
{
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&lock, &attr);
}

int main(void)
{
	pid_t pid;

	make_lock();
	pthread_mutex_lock(&lock);
	pid = fork();
	need(pid >= 0);
	if (pid == 0) {
		make_lock();
		pthread_mutex_lock(&lock);
		pthread_mutex_unlock(&lock);
		_exit(0);
	}
	pthread_mutex_unlock(&lock);
	end_child(pid, 2000);
	return 0;
}
