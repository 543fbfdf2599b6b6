/* SPDX-License-Identifier: MIT */
/*
 * The floor that the pool is measured against: bare system calls, no library.
 *
 *     bare pingpong ROUNDS         two processes hand a word back and forth: spin for one wake-up's
 *                                  cost, then futex
 *
 * Figures are medians in nanoseconds. The floor of starting a process is in `procpool bench` (process_bare), since it
 * must be the same image.
 */
#include <err.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

static void print_figure(const char *name, double value, const char *unit)
{
	printf("%s %.6g %s\n", name, value, unit);
	fflush(stdout);
}

static int by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

static double median_ns(int64_t *samples, size_t n)
{
	qsort(samples, n, sizeof(*samples), by_value);
	return (double)samples[n / 2];
}

#define SPIN_NS 30000

/* One of these for each direction, on a cache line of its own. */
struct word {
	_Alignas(64) _Atomic uint32_t turn;
	_Atomic uint32_t parked;
};

static void hand_over(struct word *w, uint32_t value)
{
	atomic_store(&w->turn, value);
	if (atomic_load(&w->parked))
		syscall(SYS_futex, &w->turn, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static void await(struct word *w, uint32_t value)
{
	int64_t until = now_ns() + SPIN_NS;
	uint32_t seen;

	while ((seen = atomic_load(&w->turn)) != value) {
		if (now_ns() < until) {
			__builtin_ia32_pause();
			continue;
		}
		atomic_store(&w->parked, 1);
		if (atomic_load(&w->turn) == seen)
			syscall(SYS_futex, &w->turn, FUTEX_WAIT, seen, NULL, NULL, 0);
		atomic_store(&w->parked, 0);
	}
}

static void pingpong(uint32_t rounds)
{
	struct word *words = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
				  -1, 0);
	int64_t *samples = calloc(rounds, sizeof(*samples));
	pid_t pid;

	if (words == MAP_FAILED || !samples)
		err(2, "cannot allocate");
	pid = fork();
	if (pid < 0)
		err(2, "cannot fork");
	if (pid == 0) {
		for (uint32_t i = 1; i <= rounds; i++) {
			await(&words[0], i);
			hand_over(&words[1], i);
		}
		_exit(0);
	}
	for (uint32_t i = 1; i <= rounds; i++) {
		int64_t start = now_ns();

		hand_over(&words[0], i);
		await(&words[1], i);
		samples[i - 1] = now_ns() - start;
	}
	waitpid(pid, NULL, 0);
	print_figure("pingpong", median_ns(samples, rounds), "ns");
	free(samples);
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "pingpong") == 0)
		pingpong((uint32_t)strtoul(argv[2], NULL, 10));
	else
		errx(2, "usage: bare pingpong ROUNDS");
	return 0;
}
