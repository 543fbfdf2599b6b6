/* SPDX-License-Identifier: MIT */
/* See support.h. */
#include "pool/support.h"
#include "pool/tasks.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

int64_t clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * SECOND + ts.tv_nsec;
}

void sleep_ms(unsigned ms)
{
	struct timespec ts = { ms / 1000, (long)(ms % 1000) * MSEC };

	while (nanosleep(&ts, &ts) < 0 && errno == EINTR)
		;
}

static ssize_t read_proc(pid_t pid, const char *name, char *text, size_t size)
{
	char path[64];
	size_t len;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	file = fopen(path, "re");
	if (!file)
		return -1;
	len = fread(text, 1, size - 1, file);
	fclose(file);
	text[len] = 0;
	return (ssize_t)len;
}

/* The fields of /proc/PID/stat behind the command name, which may hold spaces and parentheses. */
static const char *stat_fields(pid_t pid, char *text, size_t size)
{
	const char *close;

	if (read_proc(pid, "stat", text, size) <= 0)
		return NULL;
	close = strrchr(text, ')');
	return close ? close + 2 : NULL;
}

size_t children_of(pid_t pid, pid_t *ret_pids, size_t max)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	char text[1024], state;
	const char *fields;
	size_t n = 0;
	int parent;

	while (dir && (entry = readdir(dir))) {
		pid_t child = atoi(entry->d_name);

		if (child <= 0)
			continue;
		fields = stat_fields(child, text, sizeof(text));
		if (!fields || sscanf(fields, "%c %d", &state, &parent) != 2 || parent != pid)
			continue;
		if (n < max)
			ret_pids[n] = child;
		n++;
	}
	if (dir)
		closedir(dir);
	return n;
}

static bool is_gone(pid_t pid)
{
	char text[1024];
	const char *fields = stat_fields(pid, text, sizeof(text));

	return !fields || fields[0] == 'Z' || fields[0] == 'X';
}

bool is_doomed(pid_t pid)
{
	char text[4096];
	const char *at;
	unsigned long long pending;

	if (is_gone(pid) || read_proc(pid, "status", text, sizeof(text)) <= 0)
		return true;
	at = strstr(text, "SigPnd:");
	if (at && sscanf(at, "SigPnd: %llx", &pending) == 1 && pending & 1ull << (SIGKILL - 1))
		return true;
	return false;
}

bool all_gone_within(const pid_t *pids, size_t n, unsigned ms)
{
	int64_t until = clock_ns() + ms * MSEC;
	size_t left = n;

	for (;;) {
		while (left > 0 && is_gone(pids[left - 1]))
			left--;
		if (left == 0)
			return true;
		if (clock_ns() > until)
			return false;
		sleep_ms(1);
	}
}

int64_t cpu_ns_of(pid_t pid)
{
	char text[256];
	long long ns;

	/* schedstat counts run time in ns, where stat has ticks of 10 ms. */
	if (read_proc(pid, "schedstat", text, sizeof(text)) <= 0)
		return -1;
	if (sscanf(text, "%lld", &ns) != 1)
		return -1;
	return ns;
}

static int by_number(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

int fds_of(pid_t pid, char *text, size_t size)
{
	char path[64];
	struct dirent *entry;
	int fds[4096], own;
	size_t n = 0, len = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	if (!dir)
		return -1;
	own = pid == getpid() ? dirfd(dir) : -1;
	while ((entry = readdir(dir)) && n < 4096) {
		if (entry->d_name[0] == '.' || atoi(entry->d_name) == own)
			continue;
		fds[n++] = atoi(entry->d_name);
	}
	closedir(dir);
	qsort(fds, n, sizeof(fds[0]), by_number);
	text[0] = 0;
	for (size_t i = 0; i < n && len + 12 < size; i++)
		len += (size_t)snprintf(text + len, size - len, "%d ", fds[i]);
	return (int)n;
}

void assert_ok_at(int result, const char *call, const char *file, int line)
{
	if (result >= 0)
		return;
	print_error("# %s:%d: %s gave %d: %s\n", file, line, call, result, pp_last_error());
	_fail(file, line);
}

struct pool_under_test open_pool(enum pp_start start, const struct pp_pool_opts *opts)
{
	struct pool_under_test t;

	assert_ok(pp_context_new(&t.context, start, NULL));
	assert_ok(pp_pool_new(&t.pool, t.context, opts));
	return t;
}

#ifdef __SANITIZE_THREAD__ /* has some of its own, the more after a fork */
#define OWN_THREADS 3
#else
#define OWN_THREADS 1
#endif

static size_t count_threads(void)
{
	DIR *dir = opendir("/proc/self/task");
	size_t n = 0;

	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n - 2; /* "." and ".." */
}

void close_pool(struct pool_under_test *t)
{
	int64_t until;

	pp_pool_free(t->pool);
	assert_ok(pp_context_free(t->context));
	/* A thread in a task cannot be stopped: what it holds is let go when its task returns. */
	until = clock_ns() + 3 * SECOND;
	while (count_threads() > OWN_THREADS && clock_ns() < until)
		sleep_ms(1);
	assert_in_range(count_threads(), 1, OWN_THREADS);
}

struct pp_result apply_act(struct pp_pool *pool, const struct act *act)
{
	struct pp_result r;

	assert_ok(pp_pool_apply(pool, "act", act, sizeof(*act), &r));
	return r;
}

struct iovec *act_items(size_t n, struct act **ret_acts)
{
	struct iovec *items = calloc(n, sizeof(struct iovec) + sizeof(struct act));
	struct act *acts = (struct act *)(items + n);

	assert_non_null(items);
	for (size_t i = 0; i < n; i++) {
		acts[i] = act_of(ACT_ECHO, 0, i);
		items[i] = (struct iovec){ &acts[i], sizeof(acts[i]) };
	}
	*ret_acts = acts;
	return items;
}

uint64_t value_of(const struct pp_result *r)
{
	uint64_t value = UINT64_MAX;

	if (r->outcome == PP_DONE && r->len == sizeof(value))
		memcpy(&value, r->data, sizeof(value));
	return value;
}

struct tally *tally_new(size_t n)
{
	size_t len = n * sizeof(struct tally);
	void *at = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return at == MAP_FAILED ? NULL : at;
}

void tally_free(struct tally *tally, size_t n)
{
	munmap(tally, n * sizeof(struct tally));
}
