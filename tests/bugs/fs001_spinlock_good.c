/* SPDX-License-Identifier: MIT */
/* FS001: a spinlock is held by another thread at fork. Repaired. */
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
	pid_t pid = fork();

	need(pid >= 0);
	if (pid == 0) {
		pthread_spin_lock(&lock);
		pthread_spin_unlock(&lock);
		_exit(0);
	}
	start_thread(holder);
	end_child(pid, 2000);
	sleep_ms(700);
	return 0;
}
