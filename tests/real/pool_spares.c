/* SPDX-License-Identifier: MIT */
/* A pool of two workers and two spares: `pool_spares METHOD`. One task, so that no spare is ever used. */
#include <procpool.h>
#include <stdio.h>
#include <time.h>

PP_TASK(nap)
{
	struct timespec ts = { 0, 100000000 };

	(void)call;
	return nanosleep(&ts, NULL);
}

int main(int argc, char **argv)
{
	struct pp_pool_opts opts = PP_POOL_OPTS_INIT;
	struct pp_context *context;
	enum pp_start start;
	struct pp_pool *pool;
	struct pp_result r;

	pp_main(argc, argv);
	opts.workers = 2;
	opts.spares = 2;
	if (argc != 2 || pp_start_from_name(argv[1], &start) < 0 ||
	    pp_context_new(&context, start, NULL) < 0 || pp_pool_new(&pool, context, &opts) < 0 ||
	    pp_pool_apply(pool, "nap", NULL, 0, &r) < 0) {
		fprintf(stderr, "pool_spares: %s\n", pp_last_error());
		return 1;
	}
	pp_result_release(&r);
	pp_pool_free(pool);
	return pp_context_free(context) < 0;
}
