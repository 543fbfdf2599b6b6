/* SPDX-License-Identifier: MIT */
/*
 * Work whose cost under the shim is measured; prints nanoseconds for one piece of it.
 *
 *   shim_work lock N            uncontended lock and unlock of a mutex
 *   shim_work fork N THREADS    the call of fork in the parent, THREADS others asleep
 *   shim_work malloc N          neither: blocks allocated, filled and freed
 *   shim_work stdio N           neither: a line printed, to /dev/null, and read, from /dev/zero
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static double locks(long n)
{
	static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	double start = now();

	for (long i = 0; i < n; i++) {
		pthread_mutex_lock(&mutex);
		pthread_mutex_unlock(&mutex);
	}
	return (now() - start) / (double)n;
}

static void *asleep(void *unused)
{
	pause();
	return unused;
}

static double forks(long n, int threads)
{
	double took = 0;
	pthread_t id;

	for (int i = 0; i < threads; i++)
		if (pthread_create(&id, NULL, asleep, NULL))
			exit(1);
	for (long i = 0; i < n; i++) {
		double start = now();
		pid_t pid = fork();

		if (pid == 0)
			_exit(0);
		took += now() - start;
		waitpid(pid, NULL, 0);
	}
	return took / (double)n;
}

/*
 * Blocks of many sizes that live for a while, as programs have them; not one block again and again, a loop of 5 ns
 * which what ran before it made 5 to 10 % slower or faster for good on a Zen 5: one malloc in any library's
 * constructor did. The fastest of some slices, since what else runs here can only make one slower.
 */
static double allocations(long n)
{
	static unsigned char *blocks[1024];
	const long slices = 20;
	unsigned long sum = 0, random = 1;
	double best = 0;

	for (long slice = 0; slice < slices; slice++) {
		double start = now(), took;

		for (long i = 0; i < n / slices; i++) {
			unsigned char **block = &blocks[random >> 54];
			size_t size = 16 + (random >> 32) % 500;

			random = random * 6364136223846793005 + 1442695040888963407;
			free(*block);
			*block = malloc(size);
			if (!*block)
				exit(1);
			memset(*block, (int)i, size);
			sum += (*block)[size / 2];
		}
		took = now() - start;
		if (slice == 0 || took < best)
			best = took;
	}
	return best / (double)(n / slices) + (sum == 1);
}

static double lines(long n)
{
	FILE *out = fopen("/dev/null", "w"), *in = fopen("/dev/zero", "r");
	char line[64];
	double start;

	if (!out || !in)
		exit(1);
	start = now();
	for (long i = 0; i < n; i++) {
		fprintf(out, "line %ld of %ld\n", i, n);
		if (fread(line, 1, sizeof(line), in) != sizeof(line))
			exit(1);
		fputc(line[i % 64], out);
	}
	return (now() - start) / (double)n;
}

int main(int argc, char **argv)
{
	long n = argc > 2 ? atol(argv[2]) : 1;

	if (argc > 1 && strcmp(argv[1], "lock") == 0)
		printf("%.3f\n", locks(n));
	else if (argc > 1 && strcmp(argv[1], "fork") == 0)
		printf("%.3f\n", forks(n, argc > 3 ? atoi(argv[3]) : 0));
	else if (argc > 1 && strcmp(argv[1], "stdio") == 0)
		printf("%.3f\n", lines(n));
	else
		printf("%.3f\n", allocations(n));
	return 0;
}
