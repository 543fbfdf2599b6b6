/* SPDX-License-Identifier: MIT */
/* FS003: the child asks a worker thread that only the parent has. Repaired. */
#include "bug.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t more = PTHREAD_COND_INITIALIZER, done = PTHREAD_COND_INITIALIZER;
static int asked, served;

static void *worker(void *arg)
{
	pthread_mutex_lock(&lock);
	for (;;) {
		while (served == asked)
			pthread_cond_wait(&more, &lock);
		served = asked;
		pthread_cond_signal(&done);
	}
	return arg;
}

static void ask(void)
{
	pthread_mutex_lock(&lock);
	asked++;
	pthread_cond_signal(&more);
	while (served != asked)
		pthread_cond_wait(&done, &lock);
	pthread_mutex_unlock(&lock);
}

int main(void)
{
	pid_t pid = fork();

	need(pid >= 0);
	if (pid == 0) {
		start_thread(worker);
		ask();
		_exit(0);
	}
	start_thread(worker);
	ask();
	end_child(pid, 3000);
	return 0;
}
