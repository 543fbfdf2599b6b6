/* SPDX-License-Identifier: MIT */
/*
 * What the benchmark programs share: a clock, memory that is really there, and the one output line.
 * Every program prints "name value unit" lines only; bench/pool.py compares them.
 */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include <err.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

static inline int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

static inline void print_figure(const char *name, double value, const char *unit)
{
	printf("%s %.6g %s\n", name, value, unit);
	fflush(stdout);
}

/* Small pages on purpose: the page tables are what fork copies, and huge pages would hide that. */
static inline void fill_memory(size_t megabytes)
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

static inline int by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

static inline double median_ns(int64_t *samples, size_t n)
{
	qsort(samples, n, sizeof(*samples), by_value);
	return (double)samples[n / 2];
}

#endif
