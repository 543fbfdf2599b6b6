/* SPDX-License-Identifier: MIT */
/* FS001: a spinlock is held by another thread at fork. */
#include "bug.h"

static pthread_spinlock_t lock;

__attribute__((constructor)) static void make_lock(void)
{
	pthread_spin_init(&lock, PTHREAD_PROCESS_PRIVATE);
}

static void *holder(void *arg)
{
	pthread_spin_lock(&lock);
	sleep_ms(600);
	pthread_spin_unlock(&lock);
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
		pthread_spin_lock(&lock);
		_exit(0);
	}
	end_child(pid, 60000);
	return 0;
}
