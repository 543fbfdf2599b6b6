/* SPDX-License-Identifier: MIT */
/*
 * What every program in tests/cases shares.
 *
 * A case does one thing for real and says on stdout, as JSON lines, what a trace of it must tell,
 * as seen from inside: pids from getpid and fork, statuses from wait, fd numbers from recvmsg. The
 * words are in README.md; check.py compares. The rules:
 *
 *  - libc only, and no process hangs: begin() and child_begin() set an alarm (it does not survive a
 *    fork), and check.py kills what is left.
 *  - A line is one write, so that several processes may speak.
 *  - A case that cannot run here says why with skip(); one that went wrong by itself says broken().
 *  - What a case speaks of ends before its first process does: a recording ends then.
 *  - In a format of say(), ' stands for ", so that JSON reads well in C; arguments are left alone.
 */
#ifndef TESTS_CASES_CASE_H
#define TESTS_CASES_CASE_H

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <dirent.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CASE_SECONDS 40
#define MS UINT64_C(1000000)

static inline void say_args(const char *format, va_list args)
{
	static __thread char text[16384];
	char json[4096];
	size_t i;
	int n;

	for (i = 0; format[i] && i < sizeof(json) - 1; i++)
		json[i] = format[i] == '\'' ? '"' : format[i];
	json[i] = 0;
	n = vsnprintf(text, sizeof(text) - 1, json, args);
	if (n < 0 || n >= (int)sizeof(text) - 1)
		_exit(3);
	text[n++] = '\n';
	if (write(1, text, n) != n)
		_exit(3);
}

/* Says one line. */
__attribute__((format(printf, 1, 2))) static inline void say(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say_args(format, args);
	va_end(args);
}

/* The whole case cannot run here. */
#define skip(...)                 \
	do {                      \
		say(__VA_ARGS__); \
		exit(0);          \
	} while (0)
#define SKIP(reason) skip("{'skip':'%s: %s'}", reason, strerror(errno))

/* The case itself failed: check.py reports that, not the tracer. */
#define broken(what)                                                                          \
	do {                                                                                  \
		say("{'broken':'%s, %s:%d: %s'}", what, __FILE__, __LINE__, strerror(errno)); \
		_exit(3);                                                                     \
	} while (0)
#define check(condition)                  \
	do {                              \
		if (!(condition))         \
			broken("failed"); \
	} while (0)

static inline void begin(void)
{
	alarm(CASE_SECONDS);
}

/* First in every process that is not made by fork_child(). */
static inline void child_begin(void)
{
	alarm(CASE_SECONDS);
}

static inline pid_t fork_child(void)
{
	pid_t pid = fork();

	check(pid >= 0);
	if (pid == 0)
		child_begin();
	return pid;
}

static inline uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000ull + t.tv_nsec;
}

static inline void sleep_ms(int ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000L };

	while (nanosleep(&t, &t) < 0 && errno == EINTR)
		;
}

static inline int reap(pid_t pid)
{
	int status = 0;
	pid_t got;

	do
		got = waitpid(pid, &status, __WALL);
	while (got < 0 && errno == EINTR);
	check(got == pid);
	return status;
}

/* A wait status as the value of "exit". Returns a static text. */
static inline const char *exit_json(int status)
{
	static char text[64];

	if (WIFSIGNALED(status))
		snprintf(text, sizeof(text), "{\"signal\":%d,\"core\":%s}", WTERMSIG(status),
			 WCOREDUMP(status) ? "true" : "false");
	else
		snprintf(text, sizeof(text), "{\"code\":%d}", WEXITSTATUS(status));
	return text;
}

/* Says a process of which the caller is the parent and the reaper; `more` is more JSON members. */
static inline void say_child(pid_t pid, const char *mechanism, const char *start_method, int status,
			     const char *more)
{
	say("{'expect':'process','pid':%d,'parent':%d,'creator':%d,'mechanism':'%s',"
	    "'start_method':'%s','exit':%s,'reaped_by':%d%s%s}",
	    pid, getpid(), getpid(), mechanism, start_method, exit_json(status), getpid(),
	    more[0] ? "," : "", more);
}

/* How many fds this process has open. */
static inline int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	check(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n - 3; /* ".", ".." and the directory itself */
}

/* A private directory for files of the case; remove_dir() removes it and the files in it. */
static inline const char *make_dir(void)
{
	static char path[64];

	snprintf(path, sizeof(path), "/tmp/forkscope-case-XXXXXX");
	check(mkdtemp(path));
	return path;
}

static inline void remove_dir(const char *path)
{
	char name[PATH_MAX];
	struct dirent *entry;
	DIR *dir = opendir(path);

	check(dir);
	while ((entry = readdir(dir))) {
		snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
		(void)unlink(name); /* fails on "." and ".." */
	}
	closedir(dir);
	(void)rmdir(path);
}

/* Writes a file; returns its path, in one of four static buffers. */
static inline const char *make_file(const char *dir, const char *name, const char *content,
				    mode_t mode)
{
	static char paths[4][PATH_MAX];
	static int next;
	char *path = paths[next++ % 4];
	int fd;

	snprintf(path, PATH_MAX, "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);
	check(fd >= 0);
	check(write(fd, content, strlen(content)) == (ssize_t)strlen(content));
	check(fchmod(fd, mode) == 0);
	close(fd);
	return path;
}

/* FNV-1a over bytes: how argv too long to print is told; see README.md. */
static inline uint64_t fnv1a(uint64_t hash, const void *data, size_t len)
{
	const unsigned char *bytes = data;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ bytes[i]) * 0x100000001b3ull;
	return hash;
}
#define FNV_START 0xcbf29ce484222325ull

/* Of an argv, each argument with its NUL. */
static inline uint64_t fnv1a_argv(char *const *argv)
{
	uint64_t hash = FNV_START;

	for (; *argv; argv++)
		hash = fnv1a(hash, *argv, strlen(*argv) + 1);
	return hash;
}

/* A child blocks until its parent lets it go on, and the other way round: one byte over a pipe. */
static inline void make_pipe(int fds[2])
{
	check(pipe2(fds, O_CLOEXEC) == 0);
}

static inline void send_int(int fd, int value)
{
	check(write(fd, &value, sizeof(value)) == sizeof(value));
}

static inline int receive_int(int fd)
{
	int value = -1;

	check(read(fd, &value, sizeof(value)) == sizeof(value));
	return value;
}

#endif
