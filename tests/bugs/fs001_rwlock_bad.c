/* SPDX-License-Identifier: MIT */
/* FS001: a read-write lock is held for writing at fork. */
#include "bug.h"

static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;

static void *holder(void *arg)
{
	pthread_rwlock_wrlock(&lock);
	sleep_ms(600);
	pthread_rwlock_unlock(&lock);
	return arg;
}

int main(void)
{
	pid_t pid;

	start_thread(holder);
	sleep_ms(100);
	pid = fork();
	need(pid >= 0);
	if (pid == 0) {
		pthread_rwlock_wrlock(&lock);
		_exit(0);
	}
	end_child(pid, 60000);
	return 0;
}
