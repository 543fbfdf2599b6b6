/* SPDX-License-Identifier: MIT */
/* What the commands share: see cmd.h. */
#include "cmd/cmd.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

/* Length of the valid, printable UTF-8 character at text; 0: control character or not UTF-8. */
static size_t printable(const unsigned char *text)
{
	size_t len = text[0] < 0x80 ? 1 : text[0] < 0xe0 ? 2 : text[0] < 0xf0 ? 3 : 4;

	if (text[0] < 0x20 || text[0] == 0x7f || (text[0] >= 0x80 && text[0] < 0xc2) ||
	    text[0] > 0xf4)
		return 0;
	for (size_t i = 1; i < len; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
	}
	/* The C1 controls, overlong forms and surrogates. */
	if ((text[0] == 0xc2 && text[1] < 0xa0) || (text[0] == 0xe0 && text[1] < 0xa0) ||
	    (text[0] == 0xed && text[1] > 0x9f) || (text[0] == 0xf0 && text[1] < 0x90) ||
	    (text[0] == 0xf4 && text[1] > 0x8f))
		return 0;
	return len;
}

/* Messages of tasks and names of files reach the terminal here: control bytes must not. */
static size_t escape(char *out, size_t size, const char *text)
{
	const unsigned char *at = (const unsigned char *)text;
	size_t len = 0, n;

	while (*at && len + 5 < size) {
		n = printable(at);
		if (n)
			memcpy(out + len, at, n);
		else
			snprintf(out + len, size - len, "\\x%02x", *at);
		len += n ? n : 4;
		at += n ? n : 1;
	}
	return len;
}

void complain(const char *fmt, ...)
{
	char text[4096], line[8192] = "procpool: ";
	size_t len = strlen(line);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	len += escape(line + len, sizeof(line) - len - 1, text);
	line[len++] = '\n';
	/* One write, so that lines of several processes on one stderr stay whole. */
	if (write(STDERR_FILENO, line, len) < 0)
		return;
}

int64_t clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

bool parse_count(const char *option, const char *text, uint64_t min, uint64_t max, uint64_t *ret)
{
	unsigned long long value;
	char *end;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno || *end || !isdigit((unsigned char)text[0]) || value < min || value > max) {
		complain("%s wants a number from %llu to %llu, not '%s'", option,
			 (unsigned long long)min, (unsigned long long)max, text);
		return false;
	}
	*ret = value;
	return true;
}

bool parse_seconds(const char *option, const char *text, int64_t *ret_ns)
{
	double seconds;
	char *end;

	seconds = strtod(text, &end);
	if (end == text || *end || !(seconds > 0) || seconds > 1e9) {
		complain("%s wants seconds above 0, as in 2.5, not '%s'", option, text);
		return false;
	}
	*ret_ns = (int64_t)(seconds * 1e9);
	return true;
}

bool parse_start(const char *text, enum pp_start *ret_start)
{
	if (pp_start_from_name(text, ret_start) == 0)
		return true;
	complain("no start method '%s'; there are fork, spawn, forkserver and thread", text);
	return false;
}

bool take_stdio(int *ret_in, int *ret_out)
{
	int in, out, null;

	/* open() gives the lowest free number: this fills those of 0, 1, 2 that were closed. */
	do
		null = open("/dev/null", O_RDWR | O_CLOEXEC);
	while (null >= 0 && null < 3 && fcntl(null, F_SETFD, 0) == 0);
	in = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	if (null < 0 || in < 0 || out < 0 || dup2(null, STDIN_FILENO) < 0 ||
	    dup2(STDERR_FILENO, STDOUT_FILENO) < 0) {
		complain("cannot set up standard input and output: %s", strerror(errno));
		return false;
	}
	close(null);
	*ret_in = in;
	*ret_out = out;
	return true;
}

int open_signals(void)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	/* A closed output is an error of write, told quietly, not a death that skips the clean-up. */
	signal(SIGPIPE, SIG_IGN);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		complain("cannot watch signals: %s", strerror(errno));
	return fd;
}

void die_of(int sig)
{
	sigset_t set;

	prctl(PR_SET_DUMPABLE, 0);
	signal(sig, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, sig);
	raise(sig);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	_exit(128 + sig); /* the signal is ignored in this process for good */
}
