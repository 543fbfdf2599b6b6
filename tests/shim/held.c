/* SPDX-License-Identifier: MIT */
/*
 * Forks with all that the shim shall tell: a thread that holds a mutex, bytes in stdout's buffer, a fork handler.
 * Prints the addresses that a trace must have.
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static sem_t ready, over;
static int tid;

static void prepare(void)
{
}

static void at_exit(void)
{
}

static void with_status(int status, void *unused)
{
	(void)status;
	(void)unused;
}

static void *holder(void *unused)
{
	prctl(PR_SET_NAME, "holder");
	tid = (int)syscall(SYS_gettid);
	pthread_mutex_lock(&mutex);
	sem_post(&ready);
	sem_wait(&over);
	pthread_mutex_unlock(&mutex);
	return unused;
}

int main(void)
{
	pthread_t thread;
	pid_t pid;

	sem_init(&ready, 0, 0);
	sem_init(&over, 0, 0);
	pthread_atfork(prepare, NULL, NULL);
	atexit(at_exit);
	on_exit(with_status, NULL);
	pthread_create(&thread, NULL, holder, NULL);
	sem_wait(&ready);
	printf("{\"mutex\": \"0x%lx\", \"holder\": %d, \"routine\": \"0x%lx\", \"prepare\": "
	       "\"0x%lx\"}\n",
	       (unsigned long)&mutex, tid, (unsigned long)holder, (unsigned long)prepare);
	fflush(stdout);
	usleep(20000); /* until the holder sleeps */
	printf("pending");
	pid = fork();
	if (pid == 0)
		_exit(0);
	waitpid(pid, NULL, 0);
	sem_post(&over);
	pthread_join(thread, NULL);
	return 0;
}
