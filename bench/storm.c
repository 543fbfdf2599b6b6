/* SPDX-License-Identifier: MIT */
/*
 * A fork storm, as fast as the machine can: COUNT children that end at once, each reaped before
 * the next. Times itself, so that what starts and records it stays out of the figure, and prints
 * one JSON line: {"count":N,"threads":N,"ns":N,"failed":N}.
 *
 *     storm [-e PROGRAM] [-t THREADS] [-f FDS] [-v] COUNT
 *
 * -e: each child execs PROGRAM; -v: by vfork; -t: from that many threads at once, COUNT in all;
 * -f: with that many more fds open. libc only.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define THREADS_MAX 64

static const char *program;
static bool by_vfork;
static long per_thread;

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void child(void)
{
	if (program)
		execl(program, program, (char *)NULL);
	_exit(program ? 127 : 0);
}

/* A function of its own: nothing in a register here must live on over a vfork. */
static __attribute__((noinline)) pid_t start_child(void)
{
	pid_t pid = by_vfork ? vfork() : fork();

	if (pid == 0)
		child();
	return pid;
}

/* Returns, as the thread's value, how many children did not end as they should. */
static void *storm(void *arg)
{
	intptr_t failed = 0;

	(void)arg;
	for (long i = 0; i < per_thread; i++) {
		pid_t pid = start_child();
		int status = -1;

		if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
			failed++;
	}
	return (void *)failed;
}

static long number(const char *text, long least, long most)
{
	char *end;
	long value;

	errno = 0;
	value = strtol(text, &end, 10);
	if (errno || *end || end == text || value < least || value > most) {
		fprintf(stderr, "storm: '%s' is not a number from %ld to %ld\n", text, least, most);
		exit(2);
	}
	return value;
}

static void open_more(long fds)
{
	struct rlimit limit = { (rlim_t)fds + 64, (rlim_t)fds + 64 };

	if (fds > 900 && setrlimit(RLIMIT_NOFILE, &limit) < 0) {
		perror("storm: cannot raise the limit of open files");
		exit(2);
	}
	while (fds-- > 0) {
		if (open("/dev/null", O_RDONLY) < 0) { /* inherited on purpose: no O_CLOEXEC */
			perror("storm: cannot open /dev/null");
			exit(2);
		}
	}
}

int main(int argc, char **argv)
{
	pthread_t threads[THREADS_MAX];
	long count, n = 1, failed = 0;
	uint64_t start, took;
	int option;

	while ((option = getopt(argc, argv, "e:t:f:v")) != -1) {
		if (option == 'e')
			program = optarg;
		else if (option == 't')
			n = number(optarg, 1, THREADS_MAX);
		else if (option == 'f')
			open_more(number(optarg, 0, 1000000));
		else if (option == 'v')
			by_vfork = true;
		else
			return 2;
	}
	if (optind != argc - 1) {
		fprintf(stderr, "usage: storm [-e PROGRAM] [-t THREADS] [-f FDS] [-v] COUNT\n");
		return 2;
	}
	count = number(argv[optind], 1, 100000000);
	per_thread = count / n;
	start = now_ns();
	for (long i = 1; i < n; i++)
		if (pthread_create(&threads[i], NULL, storm, NULL) != 0)
			return 2;
	failed += (long)(intptr_t)storm(NULL);
	for (long i = 1; i < n; i++) {
		void *value;

		pthread_join(threads[i], &value);
		failed += (long)(intptr_t)value;
	}
	took = now_ns() - start;
	printf("{\"count\":%ld,\"threads\":%ld,\"ns\":%" PRIu64 ",\"failed\":%ld}\n",
	       per_thread * n, n, took, failed);
	return failed != 0;
}
