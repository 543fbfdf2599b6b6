/* SPDX-License-Identifier: MIT */
/*
 * storm THREADS FORKS: each thread forks and reaps FORKS children while others hold and take locks. A child
 * takes no lock of the parent's. Prints how many children ended as they should.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static atomic_int good;
static int forks;

static void *storm(void *unused)
{
	for (int i = 0; i < forks; i++) {
		int status;
		pid_t pid;

		pthread_rwlock_rdlock(&rwlock);
		pid = fork();
		if (pid == 0)
			_exit(7);
		pthread_rwlock_unlock(&rwlock);
		pthread_mutex_lock(&mutex);
		pthread_mutex_unlock(&mutex);
		if (pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
		    WEXITSTATUS(status) == 7)
			good++;
	}
	return unused;
}

int main(int argc, char **argv)
{
	int threads = argc > 1 ? atoi(argv[1]) : 8;
	pthread_t ids[64];

	forks = argc > 2 ? atoi(argv[2]) : 100;
	if (threads > 64)
		return 2;
	for (int i = 0; i < threads; i++)
		if (pthread_create(&ids[i], NULL, storm, NULL))
			return 3;
	for (int i = 0; i < threads; i++)
		pthread_join(ids[i], NULL);
	printf("%d\n", good);
	return 0;
}
