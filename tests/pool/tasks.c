/* SPDX-License-Identifier: MIT */
/* Tasks for the tests. In a file of their own: they run in workers, where nothing may assert. */
#include "pool/tasks.h"

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../pool/lane.h"
#include "procpool.h"
#include "pool/support.h"

PP_TASK(echo)
{
	size_t len;
	const void *in = pp_call_input(call, &len);

	return pp_call_write(call, in, len);
}

static void hog(size_t megabytes)
{
	size_t len = megabytes << 20;
	volatile char *at = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
				 0);

	if (at == MAP_FAILED)
		abort();
	for (size_t i = 0; i < len; i += 4096)
		at[i] = 1;
	munmap((void *)at, len);
}

PP_TASK(act)
{
	size_t len;
	const void *in = pp_call_input(call, &len);
	struct act act;

	if (len < sizeof(act))
		return pp_call_fail(call, 22, "%zu bytes of input, not %zu", len, sizeof(act));
	memcpy(&act, in, sizeof(act));
	switch ((enum act_what)act.what) {
	case ACT_ECHO:
		break;
	case ACT_SEGV:
		raise(SIGSEGV);
		break;
	case ACT_EXIT:
		exit((int)act.arg);
	case ACT_KILL:
		kill(getpid(), SIGKILL);
		break;
	case ACT_ABORT:
		abort();
	case ACT_SLEEP:
		sleep_ms(act.arg);
		break;
	case ACT_SPIN:
		for (volatile unsigned long i = 0;; i++)
			;
	case ACT_FAIL:
		return pp_call_fail(call, (int)act.arg, "told to fail %u", act.arg);
	case ACT_RETURN:
		return (int)act.arg;
	case ACT_FIRST:
		if (pp_call_attempt(call) < act.arg)
			raise(SIGSEGV);
		break;
	case ACT_HOG:
		hog(act.arg);
		break;
	}
	return pp_call_write(call, &act.value, sizeof(act.value));
}

/* Writes nonsense over all memory this worker may write and shares with its caller; the seed is the input. */
PP_TASK(scribble)
{
	FILE *file = fopen("/proc/self/maps", "re");
	unsigned long from, to;
	char line[512], access[8];
	unsigned seed;

	memcpy(&seed, pp_call_input(call, NULL), sizeof(seed));
	while (file && fgets(line, sizeof(line), file)) {
		if (!strstr(line, "memfd:") ||
		    sscanf(line, "%lx-%lx %7s", &from, &to, access) != 3 || access[1] != 'w' ||
		    access[3] != 's')
			continue;
		/* What a lane tells its caller is behind the arena. */
		if (to - from > 256u << 10)
			from = to - (256u << 10);
		for (unsigned long at = from; at + 4 <= to; at += 4) {
			if (rand_r(&seed) % 4 == 0)
				*(volatile uint32_t *)at = (uint32_t)rand_r(&seed);
		}
	}
	if (file)
		fclose(file);
	return pp_call_write(call, "", 1);
}

/* Writes the byte given over what this worker tells its caller of itself, and never comes back. */
PP_TASK(forget)
{
	FILE *file = fopen("/proc/self/maps", "re");
	unsigned long from, to;
	char line[512], access[8];

	while (file && fgets(line, sizeof(line), file))
		if (strstr(line, "memfd:procpool-lane") &&
		    sscanf(line, "%lx-%lx %7s", &from, &to, access) == 3 && access[1] == 'w')
			memset((void *)(to - (LANE_CALLER_OFF - LANE_WORKER_OFF)),
			       *(const uint8_t *)pp_call_input(call, NULL), 4096);
	for (;;)
		pause();
	return 0;
}

/* How many bytes it was given, when one in each page and the last are those of produce. */
PP_TASK(count_bytes)
{
	size_t len, n = 0;
	const char *in = pp_call_input(call, &len);

	while (n < len && in[n] == 'p' && in[len - 1] == 'p')
		n += 4096;
	return n >= len ? pp_call_write(call, &len, sizeof(len)) : 1;
}

static void fill_lane(uint8_t *at, const struct lie *lie)
{
	unsigned seed = lie->seed;

	if (lie->fill == LIE_DENIAL) {
		struct lane_worker *notes = (void *)at;

		notes->run = RUN_NONE;
		memset(at + LANE_CLAIM_OFF - LANE_WORKER_OFF, 0, 8 * LANE_SLOTS);
		return;
	}
	for (uint32_t i = 0; i + 4 <= lie->extent; i += 4) {
		uint32_t word = lie->fill == LIE_ZEROS ? 0 : UINT32_MAX;

		if (lie->fill == LIE_NOISE)
			word = (uint32_t)rand_r(&seed) << 16 ^ (uint32_t)rand_r(&seed);
		*(volatile uint32_t *)(at + i) = word;
	}
}

PP_TASK(lie)
{
	unsigned long from, to;
	char line[512], access[8];
	struct lie lie;
	size_t len;
	FILE *file;
	int fd;

	if (!pp_call_input(call, &len) || len != sizeof(lie))
		return pp_call_write(call, pp_call_input(call, NULL), len);
	memcpy(&lie, pp_call_input(call, NULL), sizeof(lie));
	fd = open(lie.witness, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, "", 1) != 1)
		return 1;
	close(fd);
	file = fopen("/proc/self/maps", "re");
	while (file && fgets(line, sizeof(line), file))
		if (strstr(line, "memfd:procpool-lane") &&
		    sscanf(line, "%lx-%lx %7s", &from, &to, access) == 3 && access[1] == 'w')
			fill_lane((uint8_t *)from, &lie); /* NOLINT: an address from a file */
	if (lie.then == LIE_CRASH)
		raise(SIGSEGV);
	if (lie.then == LIE_LEAVE)
		_exit(3);
	return pp_call_write(call, "", 1);
}

/* Closes every fd, and opens files where they were. */
PP_TASK(close_all)
{
	(void)close_range(0, ~0u, 0);
	for (int i = 0; i < 8; i++)
		(void)!open("/dev/null", O_RDWR | O_CLOEXEC);
	return pp_call_write(call, "closed", 6);
}

/* For so many milliseconds, writes what goes into each of its fds, and takes what can be read from them. */
PP_TASK(abuse_fds)
{
	uint64_t ms, wrote = 0;
	struct timespec t;
	int64_t end;
	char junk[4096];

	memcpy(&ms, pp_call_input(call, NULL), sizeof(ms));
	memset(junk, 0, sizeof(junk));
	clock_gettime(CLOCK_MONOTONIC, &t);
	end = t.tv_sec * 1000 + t.tv_nsec / 1000000 + (int64_t)ms;
	while (t.tv_sec * 1000 + t.tv_nsec / 1000000 < end) {
		for (int fd = 3; fd < 64; fd++) {
			int flags = fcntl(fd, F_GETFL);
			ssize_t n;

			if (flags < 0 || !(flags & O_NONBLOCK))
				continue;
			while ((n = write(fd, junk, sizeof(junk))) > 0)
				wrote += (uint64_t)n;
			(void)!read(fd, junk, sizeof(junk));
		}
		clock_gettime(CLOCK_MONOTONIC, &t);
	}
	return pp_call_write(call, &wrote, sizeof(wrote));
}

/* Forks, and comes back in both processes. */
PP_TASK(fork_and_return)
{
	pid_t pid = fork();

	if (pid < 0)
		return 1;
	if (pid)
		waitpid(pid, NULL, 0);
	return pp_call_write(call, pid ? "parent" : "child", 6);
}

PP_TASK(own_pid)
{
	pid_t pid = getpid();

	return pp_call_write(call, &pid, sizeof(pid));
}

/* The worker's fd numbers as text. */
PP_TASK(own_fds)
{
	char text[8192];
	int n = fds_of(getpid(), text, sizeof(text));

	return n < 0 ? n : pp_call_write(call, text, strlen(text) + 1);
}

/* Takes a number of bytes; gives that many bytes of a pattern, made in place. */
PP_TASK(produce)
{
	uint64_t len;
	char *out;

	memcpy(&len, pp_call_input(call, NULL), sizeof(len));
	out = pp_call_reserve(call, len);
	if (!out)
		return pp_call_fail(call, 12, "no room for %llu bytes", (unsigned long long)len);
	memset(out, 'p', len);
	return 0;
}

/* The sum of the arguments of a starmap item. */
PP_TASK(add)
{
	uint64_t total = 0, n;
	const void *arg;
	size_t len;

	for (unsigned i = 0; (arg = pp_call_arg(call, i, &len)); i++) {
		memcpy(&n, arg, sizeof(n));
		total += n;
	}
	return pp_call_write(call, &total, sizeof(total));
}

/* Index and attempt, as the call tells them. */
PP_TASK(position)
{
	uint64_t out[2] = { pp_call_index(call), pp_call_attempt(call) };

	return pp_call_write(call, out, sizeof(out));
}

/* The initializer keeps a number in the worker's state; from_state gives it back. */
PP_TASK(set_state)
{
	uint64_t *state = malloc(sizeof(*state));

	if (!state)
		return 12;
	memcpy(state, pp_call_input(call, NULL), sizeof(*state));
	*pp_call_state(call) = state;
	return 0;
}

PP_TASK(from_state)
{
	uint64_t *state = *pp_call_state(call);

	if (!state)
		return pp_call_fail(call, 2, "no state");
	return pp_call_write(call, state, sizeof(*state));
}

PP_TASK(fail_init)
{
	return pp_call_fail(call, 5, "this initializer always fails");
}

PP_TASK(die_init)
{
	(void)call;
	raise(SIGSEGV);
	return 0;
}

/* Length and first byte of share 0. */
PP_TASK(read_share)
{
	size_t len = 0;
	const char *data = pp_call_share(call, 0, &len);

	if (!data)
		return pp_call_fail(call, 2, "no share");
	pp_call_write(call, &len, sizeof(len));
	return pp_call_write(call, data, 1);
}

PP_TASK(say)
{
	(void)call;
	printf("said by a task\n");
	return 0;
}

/* A pool inside a task: the sum of squares below the number given, by a pool of its own. */
PP_TASK(square)
{
	uint64_t n;

	memcpy(&n, pp_call_input(call, NULL), sizeof(n));
	n *= n;
	return pp_call_write(call, &n, sizeof(n));
}

PP_TASK(nested)
{
	struct pp_context *context;
	struct pp_pool *pool;
	struct pp_pool_opts opts = PP_POOL_OPTS_INIT;
	struct pp_result r;
	uint32_t start;
	uint64_t total = 0, y;
	int status = 0;

	memcpy(&start, pp_call_input(call, NULL), sizeof(start));
	opts.workers = 2;
	if (pp_context_new(&context, start, NULL) < 0)
		return pp_call_fail(call, 1, "context: %s", pp_last_error());
	if (pp_pool_new(&pool, context, &opts) < 0) {
		status = pp_call_fail(call, 2, "pool: %s", pp_last_error());
		pp_context_free(context);
		return status;
	}
	for (uint64_t i = 0; i < 10 && !status; i++) {
		if (pp_pool_apply(pool, "square", &i, sizeof(i), &r) < 0 || r.outcome != PP_DONE) {
			status = pp_call_fail(call, 3, "apply: %s", pp_last_error());
			break;
		}
		memcpy(&y, r.data, sizeof(y));
		total += y;
		pp_result_release(&r);
	}
	pp_pool_free(pool);
	pp_context_free(context);
	return status ? status : pp_call_write(call, &total, sizeof(total));
}

/* One pool inside a worker, whose workers tell their fds: the outer's must not be among them. */
PP_TASK(nested_fds)
{
	struct pp_context *context;
	struct pp_pool *pool;
	struct pp_pool_opts opts = PP_POOL_OPTS_INIT;
	struct pp_result r;
	uint32_t start;

	memcpy(&start, pp_call_input(call, NULL), sizeof(start));
	opts.workers = 2;
	if (pp_context_new(&context, start, NULL) < 0 || pp_pool_new(&pool, context, &opts) < 0)
		return pp_call_fail(call, 1, "%s", pp_last_error());
	if (pp_pool_apply(pool, "own_fds", NULL, 0, &r) < 0 || r.outcome != PP_DONE)
		return pp_call_fail(call, 2, "%s", pp_last_error());
	pp_call_write(call, r.data, r.len);
	pp_result_release(&r);
	pp_pool_free(pool);
	pp_context_free(context);
	return 0;
}

/* Reads one line from fd 7, which was passed under that number, and gives it back. */
PP_TASK(read_seven)
{
	char text[64];
	ssize_t n = read(7, text, sizeof(text));

	return n < 0 ? pp_call_fail(call, 9, "read: %m") : pp_call_write(call, text, (size_t)n);
}

/* cwd, an environment variable, RLIMIT_NOFILE and the comm, one a line. */
PP_TASK(surroundings)
{
	char cwd[256] = "", comm[32] = "", text[512];
	struct rlimit limit = { 0, 0 };
	const char *env = getenv("POOL_TEST");
	FILE *file = fopen("/proc/self/comm", "re");

	if (file) {
		if (!fgets(comm, sizeof(comm), file))
			comm[0] = 0;
		fclose(file);
	}
	if (!getcwd(cwd, sizeof(cwd)))
		return 1;
	getrlimit(RLIMIT_NOFILE, &limit);
	snprintf(text, sizeof(text), "%s\n%s\n%llu\n%s", cwd, env ? env : "-",
		 (unsigned long long)limit.rlim_cur, comm);
	return pp_call_write(call, text, strlen(text) + 1);
}

/* The mask of blocked and of ignored signals, from /proc. */
PP_TASK(signal_state)
{
	char line[256];
	FILE *file = fopen("/proc/self/status", "re");

	if (!file)
		return 1;
	while (fgets(line, sizeof(line), file)) {
		if (strncmp(line, "SigBlk", 6) == 0 || strncmp(line, "SigIgn", 6) == 0 ||
		    strncmp(line, "SigCgt", 6) == 0)
			pp_call_write(call, line, strlen(line));
	}
	fclose(file);
	return pp_call_write(call, "", 1);
}
