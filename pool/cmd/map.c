/* SPDX-License-Identifier: MIT */
/* `procpool map`: a task on every line of standard input. Options and set-up; the loop is stream.c. */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "cmd/stream.h"

#define PRELOADS_MAX 64

struct map_options {
	enum pp_start start;
	uint64_t workers, chunk, retries, max_tasks, max_rss_mb;
	int64_t timeout_ns;
	bool unordered, insights, no_progress, help;
	const char *preload[PRELOADS_MAX];
	size_t n_preload;
	const char *task;
};

static const char help_text[] =
	"  --start=METHOD   fork, spawn, forkserver (default) or thread\n"
	"  -j N             this many workers (default: the CPUs we may use)\n"
	"  --chunk N        lines handed to a worker at once (default: by the task's speed)\n"
	"  --unordered      results as they come, not in the order of the lines\n"
	"  --preload LIB    loaded once by the fork server; may be repeated\n"
	"  --retries N      how often a line is tried again when its worker died\n"
	"  --timeout S      seconds for one line; then its worker is killed\n"
	"  --max-tasks N    replace a worker after N lines\n"
	"  --max-rss MB     replace a worker that has grown above this\n"
	"  --insights       a table of what each worker did, on stderr, at the end\n"
	"  --no-progress    no progress bar on a terminal\n\n"
	"A failed line gives an empty line and a message; exit status 1 then. Results that hold a "
	"newline\n"
	"are written as they are: they make more than one line.\n";

static const struct option long_options[] = {
	{ "start", required_argument, NULL, 's' },
	{ "jobs", required_argument, NULL, 'j' },
	{ "chunk", required_argument, NULL, 'c' },
	{ "unordered", no_argument, NULL, 'u' },
	{ "preload", required_argument, NULL, 'p' },
	{ "retries", required_argument, NULL, 'r' },
	{ "timeout", required_argument, NULL, 't' },
	{ "max-tasks", required_argument, NULL, 'm' },
	{ "max-rss", required_argument, NULL, 'M' },
	{ "insights", no_argument, NULL, 'i' },
	{ "no-progress", no_argument, NULL, 'n' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static bool take_option(struct map_options *o, int c)
{
	switch (c) {
	case 's':
		return parse_start(optarg, &o->start);
	case 'j':
		return parse_count("-j", optarg, 1, PP_WORKERS_MAX, &o->workers);
	case 'c':
		return parse_count("--chunk", optarg, 1, 1u << 20, &o->chunk);
	case 'r':
		return parse_count("--retries", optarg, 0, 1000000, &o->retries);
	case 'm':
		return parse_count("--max-tasks", optarg, 1, INT64_MAX, &o->max_tasks);
	case 'M':
		return parse_count("--max-rss", optarg, 1, 1u << 30, &o->max_rss_mb);
	case 't':
		return parse_seconds("--timeout", optarg, &o->timeout_ns);
	case 'p':
		if (o->n_preload == PRELOADS_MAX) {
			complain("more than %d --preload; load the rest from one of them",
				 PRELOADS_MAX);
			return false;
		}
		o->preload[o->n_preload++] = optarg;
		return true;
	case 'u':
		return o->unordered = true;
	case 'i':
		return o->insights = true;
	case 'n':
		return o->no_progress = true;
	case 'h':
		return o->help = true;
	default:
		return false;
	}
}

/* False after a complaint. */
static bool parse(int argc, char **argv, struct map_options *o)
{
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "+:j:h", long_options, NULL)) != -1) {
		if (c == ':' || c == '?') {
			complain("map: %s %s; procpool map --help lists the options",
				 c == ':' ? "no value for" : "unknown option", argv[optind - 1]);
			return false;
		}
		if (!take_option(o, c))
			return false;
		if (o->help)
			return true;
	}
	if (optind + 1 != argc) {
		complain("map: one MODULE.so:TASK is wanted, as in ./tasks.so:resize");
		return false;
	}
	o->task = argv[optind];
	if (!strchr(o->task, ':')) {
		complain("map: '%s' names no task; MODULE.so:TASK is wanted", o->task);
		return false;
	}
	if (o->n_preload && o->start != PP_START_FORKSERVER) {
		complain("map: --preload needs --start=forkserver");
		return false;
	}
	return true;
}

/* The module by its real path: a worker may have another working directory. False after a complaint. */
static bool find_module(const char *task, char **ret_module, char **ret_task)
{
	const char *colon = strrchr(task, ':');
	char *name = strndup(task, (size_t)(colon - task));
	char *module = name ? realpath(name, NULL) : NULL;
	bool found = module && asprintf(ret_task, "%s%s", module, colon) >= 0;

	if (!found)
		complain("cannot load %s: %s", name ? name : task, strerror(errno));
	free(name);
	if (found)
		*ret_module = module;
	else
		free(module);
	return found;
}

static bool open_pool(const struct map_options *o, struct pp_context **ret_context,
		      struct pp_pool **ret_pool)
{
	struct pp_context_opts context_opts = PP_CONTEXT_OPTS_INIT;
	struct pp_pool_opts pool_opts = PP_POOL_OPTS_INIT;
	struct pp_context *context;

	context_opts.preload = o->preload;
	context_opts.n_preload = o->n_preload;
	pool_opts.workers = (unsigned)o->workers;
	pool_opts.retries = (unsigned)o->retries;
	pool_opts.timeout_ns = o->timeout_ns;
	pool_opts.max_tasks = o->max_tasks;
	pool_opts.max_rss_kb = o->max_rss_mb * 1024;
	if (pp_context_new(&context, o->start, &context_opts) < 0) {
		complain("%s", pp_last_error());
		return false;
	}
	if (pp_pool_new(ret_pool, context, &pool_opts) < 0) {
		complain("%s", pp_last_error());
		pp_context_free(context);
		return false;
	}
	*ret_context = context;
	return true;
}

/* An empty map resolves the task: a wrong name is told before any input is read. */
static bool task_exists(struct pp_pool *pool, const char *task)
{
	struct pp_results *results;

	if (pp_pool_map(pool, task, NULL, 0, NULL, &results) < 0) {
		complain("%s", pp_last_error());
		return false;
	}
	pp_results_free(results);
	return true;
}

static void print_insights(struct pp_pool *pool)
{
	struct pp_worker_insight w = PP_WORKER_INSIGHT_INIT;
	struct pp_pool_stats stats = PP_POOL_STATS_INIT;

	fprintf(stderr,
		"worker       pid      lines   busy ms   wait ms  start us  peak MB  restarts\n");
	for (unsigned i = 0; pp_pool_insight(pool, i, &w) == 0; i++)
		fprintf(stderr, "%6u %9d %10llu %9.1f %9.1f %9.0f %8.1f %9u\n", i, (int)w.pid,
			(unsigned long long)w.items, (double)w.busy_ns / 1e6,
			(double)w.waiting_ns / 1e6, (double)w.ready_ns / 1e3,
			(double)w.peak_rss_kb / 1024, w.restarts);
	if (pp_pool_stats(pool, &stats) == 0)
		fprintf(stderr,
			"%llu lines, %llu tried again, %llu workers replaced, %llu recycled\n",
			(unsigned long long)stats.items_ended, (unsigned long long)stats.retried,
			(unsigned long long)stats.restarts, (unsigned long long)stats.recycled);
}

static int finish(struct stream *stream, const struct map_options *o)
{
	int sig = stream->signal;

	if (sig)
		complain("interrupted: %llu lines done, %llu of them failed; %llu begun or read "
			 "and not "
			 "done, and what was not read",
			 (unsigned long long)stream->done, (unsigned long long)stream->failed,
			 (unsigned long long)(stream->lines_read - stream->done));
	else if (o->insights && !stream->unread)
		print_insights(stream->pool);
	if (!sig && !stream->trouble && !stream->unread && pp_pool_close(stream->pool) == 0 &&
	    pp_pool_join(stream->pool, -1) < 0)
		complain("the pool did not end well: %s", pp_last_error());
	if (stream->unread)
		return -SIGPIPE;
	if (sig)
		return -sig;
	if (stream->trouble)
		return EXIT_TROUBLE;
	return stream->failed ? EXIT_SOME_FAILED : EXIT_ALL_DONE;
}

/* Returns the exit status, or the negative number of the signal to die of. */
static int run_with_pool(const struct map_options *o, const char *module, const char *task,
			 struct pp_pool *pool, int in, int out, int signal_fd)
{
	struct pp_pool_stats stats = PP_POOL_STATS_INIT;
	struct stream stream = {
		.pool = pool,
		.task = task,
		.module = module,
		.chunk = o->chunk,
		.unordered = o->unordered,
		.signal_fd = signal_fd,
	};
	int status;

	if (!task_exists(pool, task))
		return EXIT_TROUBLE;
	if (stat(module, &stream.module_then) < 0) {
		complain("cannot look at %s: %s", module, strerror(errno));
		return EXIT_TROUBLE;
	}
	stream.workers = pp_pool_stats(pool, &stats) == 0 && stats.workers ? stats.workers : 1;
	lines_init(&stream.lines, in, PP_PAYLOAD_MAX);
	outbuf_init(&stream.out, out);
	progress_start(&stream.progress, !o->no_progress, in);
	stream_run(&stream);
	status = finish(&stream, o);
	lines_free(&stream.lines);
	outbuf_free(&stream.out);
	return status;
}

static int run(int argc, char **argv)
{
	struct map_options o = { .start = PP_START_FORKSERVER };
	struct pp_context *context;
	struct pp_pool *pool;
	int in, out, signal_fd, status = EXIT_TROUBLE;
	char *module, *task;

	if (!parse(argc, argv, &o))
		return EXIT_TROUBLE;
	if (o.help)
		return print_help(&map_command);
	if (!find_module(o.task, &module, &task))
		return EXIT_TROUBLE;
	if (take_stdio(&in, &out) && (signal_fd = open_signals()) >= 0 &&
	    open_pool(&o, &context, &pool)) {
		status = run_with_pool(&o, module, task, pool, in, out, signal_fd);
		pp_pool_free(pool);
		pp_context_free(context);
	}
	free(task);
	free(module);
	if (status < 0)
		die_of(-status);
	return status;
}

const struct command map_command = {
	.name = "map",
	.args = "[OPTIONS] MODULE.so:TASK < LINES > LINES",
	.summary = "run a task on each line of standard input, results in the same order",
	.help = help_text,
	.run = run,
};
