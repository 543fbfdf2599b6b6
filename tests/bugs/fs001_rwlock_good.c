/* SPDX-License-Identifier: MIT */
/* FS001: a read-write lock is held for writing at fork. Repaired. */
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
	pid_t pid = fork();

	need(pid >= 0);
	if (pid == 0) {
		pthread_rwlock_wrlock(&lock);
		pthread_rwlock_unlock(&lock);
		_exit(0);
	}
	start_thread(holder);
	end_child(pid, 2000);
	sleep_ms(700);
	return 0;
}
