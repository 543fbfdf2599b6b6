/* SPDX-License-Identifier: MIT */
/* Tasks that end in every way there is, and what the caller is told of each. */
#include <procpool.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

PP_TASK(misbehave)
{
	size_t len;
	const char *how = pp_call_input(call, &len);

	if (strcmp(how, "segfault") == 0)
		raise(SIGSEGV);
	if (strcmp(how, "exit") == 0)
		exit(3);
	if (strcmp(how, "overrun") == 0)
		sleep(60);
	if (strcmp(how, "fail") == 0)
		return pp_call_fail(call, 42, "nothing to be done");
	if (strcmp(how, "stumble") == 0 && pp_call_attempt(call) == 0)
		abort();
	return pp_call_write(call, "fine", 5);
}

static void tell(const char *how, const struct pp_result *r)
{
	printf("%-9s %-8s", how, pp_outcome_name(r->outcome));
	if (r->outcome == PP_DONE)
		printf(" '%s'", (const char *)r->data);
	if (r->outcome == PP_FAILED)
		printf(" code %d: %s", r->code, r->message);
	if (r->outcome == PP_DIED && r->signal > 0)
		printf(" signal %d", r->signal);
	else if (r->outcome == PP_DIED)
		printf(" exit status %d", r->exit_status);
	printf(" (attempts: %u)\n", r->attempts);
}

int main(int argc, char **argv)
{
	static const char *const ways[] = { "behave", "segfault", "exit",  "overrun",
					    "fail",   "stumble",  "behave" };
	struct pp_pool_opts opts = PP_POOL_OPTS_INIT;
	struct pp_map_opts map_opts = PP_MAP_OPTS_INIT;
	struct iovec items[sizeof(ways) / sizeof(ways[0])];
	size_t n = sizeof(ways) / sizeof(ways[0]);
	struct pp_context *context;
	struct pp_pool *pool;
	struct pp_results *results;
	struct pp_result r;

	pp_main(argc, argv);
	for (size_t i = 0; i < n; i++)
		items[i] = (struct iovec){ (void *)ways[i], strlen(ways[i]) + 1 };
	opts.workers = 2;
	opts.retries = 1;
	map_opts.timeout_ns = 200000000;
	if (pp_context_new(&context, PP_START_SPAWN, NULL) < 0 ||
	    pp_pool_new(&pool, context, &opts) < 0 ||
	    pp_pool_map(pool, "misbehave", items, n, &map_opts, &results) < 0) {
		fprintf(stderr, "crash: %s\n", pp_last_error());
		return 1;
	}
	for (size_t i = 0; i < n; i++) {
		if (pp_results_get(results, i, &r) == 0)
			tell(ways[i], &r);
	}
	pp_results_free(results);
	pp_pool_free(pool);
	pp_context_free(context);
	return 0;
}
