/* SPDX-License-Identifier: MIT */
/*
 * Marks of a program's own in its recording. Nothing is linked; without forkscope the marks are a branch each.
 *
 *     build/forkscope -- build/examples/marks
 *     build/forkscope trace -- build/examples/marks
 */
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "forkscope.h"

static long sum_up(long to)
{
	uint64_t span = forkscope_span_begin("sum up");
	volatile long sum = 0;

	for (long i = 0; i < to; i++)
		sum += i;
	forkscope_span_end(span);
	return sum;
}

int main(void)
{
	pid_t child;

	forkscope_name("summer");
	forkscope_mark("begin");
	child = fork();
	if (child == 0) {
		forkscope_mark_value("child sums up to", 1000);
		_exit(sum_up(1000) != 499500);
	}
	printf("%ld\n", sum_up(1000000));
	if (child > 0)
		waitpid(child, NULL, 0);
	forkscope_mark("end");
	return 0;
}
