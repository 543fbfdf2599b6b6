/* SPDX-License-Identifier: MIT */
/* A task over a million items. One constant, START, says how the workers begin. */
#include <procpool.h>
#include <stdio.h>

#ifndef START
#define START PP_START_FORKSERVER /* or _FORK, _SPAWN, _THREAD */
#endif
#define N 1000000

PP_TASK(square)
{
	long x = *(const long *)pp_call_input(call, NULL);

	return pp_call_write(call, &(long){ x * x }, sizeof(long));
}

int main(int argc, char **argv)
{
	static long numbers[N];
	static struct iovec items[N];
	struct pp_context *context;
	struct pp_pool *pool;
	struct pp_results *results;
	struct pp_result r;
	long total = 0;

	pp_main(argc, argv);
	for (long i = 0; i < N; numbers[i] = i, i++)
		items[i] = (struct iovec){ &numbers[i], sizeof(long) };
	if (pp_context_new(&context, START, NULL) < 0 || pp_pool_new(&pool, context, NULL) < 0 ||
	    pp_pool_map(pool, "square", items, N, NULL, &results) < 0)
		return fprintf(stderr, "million: %s\n", pp_last_error()), 1;
	for (size_t i = 0; i < N && pp_results_get(results, i, &r) == 0; i++)
		total += r.outcome == PP_DONE ? *(const long *)r.data : 0;
	printf("%ld\n", total);
	pp_results_free(results);
	pp_pool_free(pool);
	return pp_context_free(context) < 0;
}
