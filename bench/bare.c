/* SPDX-License-Identifier: MIT */
/*
 * The floor that the pool is measured against: bare system calls, no library.
 *
 *     bare pingpong ROUNDS         two processes hand a word back and forth: spin for one wake-up's
 *                                  cost, then futex
 *     bare create MB ROUNDS        fork, vfork+exec and clone(VM|VFORK|PIDFD)+exec of this program, for
 *                                  a caller with MB MiB touched: from the call until it is reaped
 *
 * Figures are medians in nanoseconds.
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

/* Small pages on purpose: the page tables are what fork copies, and huge pages would hide that. */
static void fill_memory(size_t megabytes)
{
	size_t len = megabytes << 20;
	char *at;

	if (!len)
		return;
	at = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (at == MAP_FAILED)
		err(2, "cannot map %zu MiB", megabytes);
	madvise(at, len, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < len; i += 4096)
		at[i] = 1;
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

enum birth { BY_FORK, BY_VFORK_EXEC, BY_CLONE_EXEC };

static const char *const birth_names[] = { "fork", "vfork_exec", "clone_exec" };

static int become_nothing(void *unused)
{
	char name[] = "bare", word[] = "exit";
	char *const argv[] = { name, word, NULL };

	(void)unused;
	execv("/proc/self/exe", argv);
	_exit(127);
}

/* clone gets a stack of its own: with CLONE_VM a child on ours would write over our return addresses. */
static pid_t give_birth(enum birth how)
{
	static _Alignas(64) char stack[64 << 10];
	int pidfd = -1;
	pid_t pid;

	switch (how) {
	case BY_FORK:
		pid = fork();
		if (pid == 0)
			_exit(0);
		return pid;
	case BY_VFORK_EXEC:
		pid = vfork();
		if (pid == 0)
			become_nothing(NULL);
		return pid;
	case BY_CLONE_EXEC:
		pid = clone(become_nothing, stack + sizeof(stack),
			    CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, NULL, &pidfd);
		if (pid > 0)
			close(pidfd);
		return pid;
	}
	return -1;
}

static void create(size_t megabytes, size_t rounds)
{
	int64_t *samples = calloc(rounds, sizeof(*samples));

	if (!samples)
		err(2, "cannot allocate");
	fill_memory(megabytes);
	for (enum birth how = BY_FORK; how <= BY_CLONE_EXEC; how++) {
		for (size_t i = 0; i < rounds; i++) {
			int64_t start = now_ns();
			pid_t pid = give_birth(how);
			int status = 0;

			if (pid < 0)
				err(2, "cannot start a process by %s", birth_names[how]);
			waitpid(pid, &status, 0);
			if (status != 0)
				errx(2, "a child by %s ended with status %d", birth_names[how],
				     status);
			samples[i] = now_ns() - start;
		}
		print_figure(birth_names[how], median_ns(samples, rounds), "ns");
	}
	free(samples);
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "exit") == 0)
		return 0;
	if (argc == 3 && strcmp(argv[1], "pingpong") == 0)
		pingpong((uint32_t)strtoul(argv[2], NULL, 10));
	else if (argc == 4 && strcmp(argv[1], "create") == 0)
		create(strtoul(argv[2], NULL, 10), strtoul(argv[3], NULL, 10));
	else
		errx(2, "usage: bare pingpong ROUNDS | create MB ROUNDS");
	return 0;
}
