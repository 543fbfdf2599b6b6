/* SPDX-License-Identifier: MIT */
/*
 * FS003: the child starts its own team.
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
	pid_t pid = fork();

	need(pid >= 0);
	if (pid == 0)
		_exit(work() ? 0 : 1);
	work();
	end_child(pid, 3000);
	return 0;
}
