/* SPDX-License-Identifier: MIT */
/* FS001: a spinlock of the program's own, at -O0, is held at fork. Repaired. */
#include "bug.h"

static volatile int lock;

static void take(void)
{
	while (__atomic_exchange_n(&lock, 1, __ATOMIC_ACQUIRE))
		__builtin_ia32_pause();
}

static void *holder(void *arg)
{
	take();
	sleep_ms(600);
	__atomic_store_n(&lock, 0, __ATOMIC_RELEASE);
	return arg;
}

int main(void)
{
	pid_t pid = fork();

	need(pid >= 0);
	if (pid == 0) {
		take();
		__atomic_store_n(&lock, 0, __ATOMIC_RELEASE);
		_exit(0);
	}
	start_thread(holder);
	end_child(pid, 2000);
	sleep_ms(700);
	return 0;
}
