/* SPDX-License-Identifier: MIT */
/*
 * A fork server that loads a big table once; every worker has it from its first instruction on, and a
 * worker that dies is replaced without loading it again.
 */
#include <procpool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS 1000000

static unsigned *table;

/* Runs once, in the fork server. */
PP_HOOK(load_table)
{
	table = malloc(ROWS * sizeof(*table));
	if (!table)
		return 1;
	for (unsigned i = 0; i < ROWS; i++)
		table[i] = i * 2654435761u;
	return 0;
}

PP_TASK(look_up)
{
	unsigned row;

	memcpy(&row, pp_call_input(call, NULL), sizeof(row));
	if (row >= ROWS)
		return pp_call_fail(call, 1, "there is no row %u", row);
	return pp_call_write(call, &table[row], sizeof(table[row]));
}

static int look_up_rows(struct pp_context *context)
{
	unsigned rows[] = { 1, 1000, ROWS };
	struct pp_pool *pool;
	struct pp_result r;

	if (pp_pool_new(&pool, context, NULL) < 0)
		return -1;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (pp_pool_apply(pool, "look_up", &rows[i], sizeof(rows[i]), &r) < 0)
			break;
		if (r.outcome == PP_DONE)
			printf("row %u holds %u\n", rows[i], *(const unsigned *)r.data);
		else
			printf("row %u: %s\n", rows[i], r.message);
		pp_result_release(&r);
	}
	pp_pool_free(pool);
	return 0;
}

int main(int argc, char **argv)
{
	const char *const preload[] = { "load_table" };
	struct pp_context_opts opts = PP_CONTEXT_OPTS_INIT;
	struct pp_preload_report report;
	struct pp_context *context;

	pp_main(argc, argv);
	opts.preload = preload;
	opts.n_preload = 1;
	if (pp_context_new(&context, PP_START_FORKSERVER, &opts) < 0 ||
	    pp_context_warm(context) < 0 || pp_context_preload_report(context, 0, &report) < 0 ||
	    look_up_rows(context) < 0) {
		fprintf(stderr, "forkserver_preload: %s\n", pp_last_error());
		return 1;
	}
	printf("%s cost the server %lld ms and %lld MB, once\n", report.entry,
	       (long long)report.time_ns / 1000000, (long long)report.rss_kb / 1024);
	pp_context_free(context);
	return 0;
}
