/* SPDX-License-Identifier: MIT */
/*
 * `procpool bench`: what pools cost and carry on this machine, one column a start method.
 *
 * Each figure is a function that makes its own pool, so that none sees what another left. Throughputs are
 * over at least MEASURE_NS; times are medians.
 */
#include <getopt.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cmd/bench.h"

#define MEASURE_NS 300000000LL
#define SAMPLES 31
#define WINDOW_MAX 4096

struct bench {
	struct pp_context *context;
	enum pp_start start;
	unsigned workers;
};

struct figure {
	const char *name, *what, *unit;
	double scale; /* from what measure() gives to the unit of the table */
	size_t size;
	/* Items a second, or nanoseconds; negative: trouble, told. */
	double (*measure)(const struct bench *bench, size_t size);
};

PP_TASK(procpool_bench_echo)
{
	size_t len;
	const void *in = pp_call_input(call, &len);

	return pp_call_write(call, in, len);
}

PP_TASK(procpool_bench_nothing)
{
	(void)call;
	return 0;
}

/* Gives as many bytes as the number it is given, made where they lie. */
PP_TASK(procpool_bench_produce)
{
	size_t len;
	char *out;

	memcpy(&len, pp_call_input(call, NULL), sizeof(len));
	out = pp_call_reserve(call, len);
	if (!out)
		return 1;
	for (size_t i = 0; i < len; i += 64)
		out[i] = 1;
	return 0;
}

PP_TASK(procpool_bench_die)
{
	(void)call;
	raise(SIGKILL);
	return 0;
}

static double trouble(const char *what)
{
	complain("bench: %s: %s", what, pp_last_error());
	return -1;
}

static struct pp_pool *open_pool(const struct bench *bench, unsigned workers)
{
	struct pp_pool_opts opts = PP_POOL_OPTS_INIT;
	struct pp_pool *pool;

	opts.workers = workers;
	if (pp_pool_new(&pool, bench->context, &opts) < 0) {
		trouble("no pool");
		return NULL;
	}
	return pool;
}

static bool run_one(struct pp_pool *pool, const char *task, enum pp_outcome wanted)
{
	struct pp_result r;
	bool good;

	if (pp_pool_apply(pool, task, NULL, 0, &r) < 0)
		return false;
	good = r.outcome == wanted;
	pp_result_release(&r);
	return good;
}

/* One by one, each with its future, `window` of them under way. Gives items a second. */
static double pipelined(struct pp_pool *pool, const char *task, const void *in, size_t len,
			size_t window)
{
	struct pp_future *futures[WINDOW_MAX];
	int64_t start = clock_ns(), passed = 0;
	size_t n = 0, taken = 0;
	struct pp_result r;

	while (taken < n || passed < MEASURE_NS) {
		if (passed < MEASURE_NS && n - taken < window) {
			if (pp_pool_submit(pool, task, in, len, NULL, &futures[n % window]) < 0)
				return trouble(task);
			n++;
			continue;
		}
		if (pp_future_wait(futures[taken % window], -1) < 0 ||
		    pp_future_result(futures[taken % window], &r) < 0 || r.outcome != PP_DONE)
			return trouble(task);
		pp_future_free(futures[taken % window]);
		if (++taken % 64 == 0)
			passed = clock_ns() - start;
	}
	return (double)n * 1e9 / (double)(clock_ns() - start);
}

static double measure_pipelined(const struct bench *bench, const char *task, const void *in,
				size_t len, size_t window)
{
	struct pp_pool *pool = open_pool(bench, bench->workers);
	double rate;

	if (!pool)
		return -1;
	run_one(pool, "procpool_bench_nothing", PP_DONE);
	rate = pipelined(pool, task, in, len, window);
	pp_pool_free(pool);
	return rate;
}

static double measure_tiny(const struct bench *bench, size_t size)
{
	(void)size;
	return measure_pipelined(bench, "procpool_bench_nothing", NULL, 0, WINDOW_MAX);
}

static double measure_echo(const struct bench *bench, size_t size)
{
	char *data = calloc(1, size);
	size_t window = size > 65536 ? 8 : 512;
	double rate = data ? measure_pipelined(bench, "procpool_bench_echo", data, size, window)
			   : -1;

	free(data);
	return rate;
}

static double measure_produce(const struct bench *bench, size_t size)
{
	return measure_pipelined(bench, "procpool_bench_produce", &size, sizeof(size), 8);
}

static double measure_map(const struct bench *bench, size_t n)
{
	struct pp_pool *pool = open_pool(bench, bench->workers);
	struct iovec *items = calloc(n, sizeof(*items));
	struct pp_results *results;
	double rate = -1;

	if (pool && items) {
		run_one(pool, "procpool_bench_nothing", PP_DONE);
		/* The first map also pays for memory that is new to the kernel: take the better of three. */
		for (int i = 0; i < 3; i++) {
			int64_t start = clock_ns();
			double this_rate;

			if (pp_pool_map(pool, "procpool_bench_nothing", items, n, NULL, &results) <
			    0) {
				rate = trouble("map");
				break;
			}
			this_rate = (double)n * 1e9 / (double)(clock_ns() - start);
			if (pp_results_bad(results) == 0 && this_rate > rate)
				rate = this_rate;
			pp_results_free(results);
		}
	}
	free(items);
	pp_pool_free(pool);
	return rate;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

double median(double *samples, size_t n)
{
	qsort(samples, n, sizeof(*samples), by_value);
	return samples[n / 2];
}

static double measure_apply(const struct bench *bench, size_t rounds)
{
	struct pp_pool *pool = open_pool(bench, 1);
	double *samples = calloc(rounds, sizeof(*samples)), value = -1;
	size_t n = 0;

	if (pool && samples) {
		run_one(pool, "procpool_bench_nothing", PP_DONE);
		for (; n < rounds; n++) {
			int64_t start = clock_ns();

			if (!run_one(pool, "procpool_bench_nothing", PP_DONE))
				break;
			samples[n] = (double)(clock_ns() - start);
		}
		value = n == rounds ? median(samples, n) : trouble("apply");
	}
	free(samples);
	pp_pool_free(pool);
	return value;
}

static double once_started(const struct bench *bench, unsigned workers)
{
	int64_t start = clock_ns();
	struct iovec items[PP_WORKERS_MAX] = { { NULL, 0 } };
	struct pp_map_opts opts = PP_MAP_OPTS_INIT;
	struct pp_results *results;
	struct pp_pool *pool = open_pool(bench, workers);
	bool good;

	if (!pool)
		return -1;
	opts.chunk = 1;
	good = pp_pool_map(pool, "procpool_bench_nothing", items, workers, &opts, &results) == 0;
	if (good)
		pp_results_free(results);
	good = good && pp_pool_close(pool) == 0 && pp_pool_join(pool, -1) == 0;
	pp_pool_free(pool);
	return good ? (double)(clock_ns() - start) : trouble("start");
}

static double measure_start(const struct bench *bench, size_t workers)
{
	double samples[7];

	once_started(bench, 1);
	for (int i = 0; i < 7; i++) {
		samples[i] = once_started(bench, (unsigned)workers);
		if (samples[i] < 0)
			return -1;
	}
	return median(samples, 7);
}

/* From the call until it has ended and is reaped. All figures of it are of the same rounds. */
static double measure_process(const struct bench *bench, size_t which)
{
	static struct process_cost costs[PP_START_THREAD + 1];
	struct process_cost *cost = &costs[bench->start];

	if (cost->ours <= 0 && !measure_process_cost(bench->context, bench->start, cost))
		return trouble("process");
	return *(const double *)((const char *)cost + which);
}

/* From giving the deadly task to the next task's result from the worker that took its place. */
static double measure_death(const struct bench *bench, size_t unused)
{
	struct pp_pool *pool;
	double samples[SAMPLES], value = -1;
	int n = 0;

	(void)unused;
	if (bench->start == PP_START_THREAD)
		return NAN;
	pool = open_pool(bench, 1);
	if (!pool)
		return -1;
	run_one(pool, "procpool_bench_nothing", PP_DONE);
	for (; n < SAMPLES; n++) {
		int64_t start = clock_ns();

		if (!run_one(pool, "procpool_bench_die", PP_DIED) ||
		    !run_one(pool, "procpool_bench_nothing", PP_DONE))
			break;
		samples[n] = (double)(clock_ns() - start);
	}
	value = n == SAMPLES ? median(samples, SAMPLES) : trouble("death");
	pp_pool_free(pool);
	return value;
}

static const struct figure figures[] = {
	{ "tiny", "empty tasks one by one", "k/s", 1e-3, 0, measure_tiny },
	{ "map", "map of 2,000,000 empty tasks", "k/s", 1e-3, 2000000, measure_map },
	{ "echo64", "echo of 64 B one by one", "k/s", 1e-3, 64, measure_echo },
	{ "echo4k", "echo of 4 KiB one by one", "k/s", 1e-3, 4096, measure_echo },
	{ "echo1m", "echo of 1 MiB, copied", "k/s", 1e-3, 1u << 20, measure_echo },
	{ "produce1m", "1 MiB produced in place", "k/s", 1e-3, 1u << 20, measure_produce },
	{ "apply", "apply, there and back", "us", 1e-3, 5000, measure_apply },
	{ "start1", "start, task, stop: 1 worker", "ms", 1e-6, 1, measure_start },
	{ "start4", "4 workers", "ms", 1e-6, 4, measure_start },
	{ "start16", "16 workers", "ms", 1e-6, 16, measure_start },
	{ "start64", "64 workers", "ms", 1e-6, 64, measure_start },
	{ "process", "one process, one task", "us", 1e-3, offsetof(struct process_cost, ours),
	  measure_process },
	{ "process_bare", "  by bare system calls", "us", 1e-3, offsetof(struct process_cost, bare),
	  measure_process },
	{ "process_ratio", "  times the bare", "x", 1, offsetof(struct process_cost, bare_ratio),
	  measure_process },
	{ "process_empty", "  an empty child", "us", 1e-3, offsetof(struct process_cost, empty),
	  measure_process },
	{ "process_empty_ratio", "  times the empty", "x", 1,
	  offsetof(struct process_cost, empty_ratio), measure_process },
	{ "death", "worker dies, told and replaced", "ms", 1e-6, 0, measure_death },
};

#define N_FIGURES (sizeof(figures) / sizeof(figures[0]))

static const char help_text[] =
	"  --start=METHOD   fork, spawn, forkserver or thread alone (default: all)\n"
	"  -j N             workers for the throughputs (default: 2)\n"
	"  --only NAME      one figure: tiny, map, echo64, echo4k, echo1m, produce1m, apply, "
	"start1, start4,\n"
	"                   start16, start64, death, process and, beside it in turn, "
	"process_bare,\n"
	"                   process_ratio, process_empty, process_empty_ratio; a star at the end "
	"for "
	"all that begin so\n"
	"  --caller MB      with so much memory touched in the caller\n"
	"  --plain          \"METHOD NAME VALUE\" lines, tasks a second or nanoseconds, for "
	"scripts\n";

struct bench_options {
	enum pp_start start;
	uint64_t workers, caller_mb, bare_fd;
	const char *only;
	bool plain, help;
	bool bare_child; /* for our own use: see bench_process.c */
};

static bool parse(int argc, char **argv, struct bench_options *o)
{
	static const struct option long_options[] = {
		{ "start", required_argument, NULL, 's' },
		{ "jobs", required_argument, NULL, 'j' },
		{ "only", required_argument, NULL, 'o' },
		{ "plain", no_argument, NULL, 'p' },
		{ "caller", required_argument, NULL, 'm' },
		{ "bare-child", required_argument, NULL, 'b' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	bool good = true;
	int c;

	opterr = 0;
	while (good && (c = getopt_long(argc, argv, "+:j:h", long_options, NULL)) != -1) {
		if (c == 's')
			good = parse_start(optarg, &o->start);
		else if (c == 'j')
			good = parse_count("-j", optarg, 1, PP_WORKERS_MAX, &o->workers);
		else if (c == 'm')
			good = parse_count("--caller", optarg, 0, 1u << 20, &o->caller_mb);
		else if (c == 'b')
			o->bare_child = parse_count("--bare-child", optarg, 0, 1u << 20,
						    &o->bare_fd);
		else if (c == 'o')
			o->only = optarg;
		else if (c == 'p')
			o->plain = true;
		else if (c == 'h')
			return o->help = true;
		else
			good = false;
		if (!good && (c == ':' || c == '?'))
			complain("bench: %s %s; procpool bench --help lists the options",
				 c == ':' ? "no value for" : "unknown option", argv[optind - 1]);
	}
	if (good && optind < argc) {
		complain("bench: '%s' is too much; procpool bench --help lists the options",
			 argv[optind]);
		return false;
	}
	return good;
}

/* Small pages on purpose: the page tables are what fork copies. */
static bool touch_memory(size_t megabytes)
{
	size_t len = megabytes << 20;
	char *at;

	if (!len)
		return true;
	at = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (at == MAP_FAILED) {
		complain("bench: cannot take %zu MB of memory", megabytes);
		return false;
	}
	madvise(at, len, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < len; i += 4096)
		at[i] = 1;
	return true;
}

static bool wanted(const struct bench_options *o, size_t i)
{
	size_t len = o->only ? strlen(o->only) : 0;

	if (len && o->only[len - 1] == '*')
		return strncmp(o->only, figures[i].name, len - 1) == 0;
	return !o->only || strcmp(o->only, figures[i].name) == 0;
}

static bool measure_method(const struct bench_options *o, enum pp_start start, double *values)
{
	struct bench bench = { .start = start, .workers = (unsigned)o->workers };
	bool good = true;

	if (pp_context_new(&bench.context, start, NULL) < 0 || pp_context_warm(bench.context) < 0) {
		trouble(pp_start_name(start));
		return false;
	}
	for (size_t i = 0; i < N_FIGURES && good; i++) {
		if (!wanted(o, i))
			continue;
		values[i] = figures[i].measure(&bench, figures[i].size);
		good = !(values[i] < 0);
		if (good && o->plain && !isnan(values[i])) {
			printf("%s %s %.6g\n", pp_start_name(start), figures[i].name, values[i]);
			fflush(stdout);
		}
	}
	pp_context_free(bench.context);
	return good;
}

static void print_table(const struct bench_options *o, double values[][N_FIGURES])
{
	printf("%-32s", "");
	for (enum pp_start s = PP_START_FORK; s <= PP_START_THREAD; s++) {
		if (!o->start || o->start == s)
			printf("%12s", pp_start_name(s));
	}
	printf("\n");
	for (size_t i = 0; i < N_FIGURES; i++) {
		if (!wanted(o, i))
			continue;
		printf("%-32s", figures[i].what);
		for (enum pp_start s = PP_START_FORK; s <= PP_START_THREAD; s++) {
			if (o->start && o->start != s)
				continue;
			if (isnan(values[s][i]))
				printf("%12s", "-");
			else
				printf("%12.*f", values[s][i] * figures[i].scale < 100 ? 2 : 0,
				       values[s][i] * figures[i].scale);
		}
		printf("  %s\n", figures[i].unit);
	}
}

static int run(int argc, char **argv)
{
	static double values[PP_START_THREAD + 1][N_FIGURES];
	struct bench_options o = { .workers = 2 };
	bool any = false;

	if (!parse(argc, argv, &o))
		return EXIT_TROUBLE;
	if (o.bare_child)
		return bare_child((int)o.bare_fd);
	if (o.help)
		return print_help(&bench_command);
	for (size_t i = 0; i < N_FIGURES; i++)
		any |= wanted(&o, i);
	if (!any) {
		complain("bench: no figure '%s'; procpool bench --help lists them", o.only);
		return EXIT_TROUBLE;
	}
	if (!touch_memory(o.caller_mb))
		return EXIT_TROUBLE;
	for (enum pp_start s = PP_START_FORK; s <= PP_START_THREAD; s++) {
		if ((!o.start || o.start == s) && !measure_method(&o, s, values[s]))
			return EXIT_TROUBLE;
	}
	if (!o.plain)
		print_table(&o, values);
	return EXIT_ALL_DONE;
}

const struct command bench_command = {
	.name = "bench",
	.args = "[OPTIONS]",
	.summary = "this machine's figures as a table",
	.help = help_text,
	.run = run,
};
