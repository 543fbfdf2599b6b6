/* SPDX-License-Identifier: MIT */
/*
 * FS003: an OpenMP team was started before the fork.
 * build: -fopenmp
 */
#include "bug.h"

static int work(void)
{
	int sum = 0;

#pragma omp parallel for num_threads(2) reduction(+ : sum)
	for (int i = 0; i < 1000; i++)
		sum += i;
	return sum;
}

int main(void)
{
	pid_t pid;

	work();
	pid = fork();
	need(pid >= 0);
	if (pid == 0)
		_exit(work() ? 0 : 1);
	end_child(pid, 1000);
	return 0;
}
