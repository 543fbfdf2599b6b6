/* SPDX-License-Identifier: MIT */
/* FS005: a fork handler and a thread take two locks in opposite order. Repaired. */
#include "bug.h"

static pthread_mutex_t a = PTHREAD_MUTEX_INITIALIZER, b = PTHREAD_MUTEX_INITIALIZER;

static void before(void)
{
	pthread_mutex_lock(&a);
	pthread_mutex_lock(&b);
}

static void after(void)
{
	pthread_mutex_unlock(&b);
	pthread_mutex_unlock(&a);
}

static void *other(void *arg)
{
	pthread_mutex_lock(&a);
	sleep_ms(300);
	pthread_mutex_lock(&b);
	pthread_mutex_unlock(&b);
	pthread_mutex_unlock(&a);
	return arg;
}

int main(void)
{
	pthread_t thread;
	pid_t pid;

	pthread_atfork(before, after, after);
	need(pthread_create(&thread, NULL, other, NULL) == 0);
	sleep_ms(100);
	pid = fork();
	need(pid >= 0);
	if (pid == 0)
		_exit(0);
	end_child(pid, 3000);
	pthread_join(thread, NULL);
	return 0;
}
