/* SPDX-License-Identifier: MIT */
/* FS001: a daemon, forked twice, takes a lock that fork handlers released. Repaired. */
#include "bug.h"

static volatile int held;

static void take(void)
{
	while (__atomic_exchange_n(&held, 1, __ATOMIC_ACQUIRE))
		;
}

static void give(void)
{
	__atomic_store_n(&held, 0, __ATOMIC_RELEASE);
}

static void *worker(void *arg)
{
	take();
	sleep_ms(300);
	give();
	return arg;
}

int main(void)
{
	pid_t pid;

	need(pthread_atfork(take, give, give) == 0);
	start_thread(worker);
	sleep_ms(50);
	pid = fork();
	need(pid >= 0);
	if (pid == 0) {
		if (fork() == 0) {
			take();
			give();
			sleep_ms(400);
		}
		_exit(0);
	}
	need(waitpid(pid, NULL, 0) == pid);
	return 0;
}
