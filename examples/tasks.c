/* SPDX-License-Identifier: MIT */
/*
 * A module of tasks for `procpool map build/examples/tasks.so:TASK` and for the tests. Input is one line
 * without its newline. Some of them end badly on purpose: that is what a pool must survive.
 */
#include <ctype.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "procpool.h"

/* The input as a number. Inputs are not terminated, so they cannot go to strtol directly. */
static long number_in(const struct pp_call *call)
{
	size_t len;
	const void *in = pp_call_input(call, &len);
	char text[32] = "";

	memcpy(text, in, len < sizeof(text) ? len : sizeof(text) - 1);
	return strtol(text, NULL, 10);
}

PP_TASK(echo)
{
	size_t len;
	const void *in = pp_call_input(call, &len);

	return pp_call_write(call, in, len);
}

PP_TASK(upper)
{
	size_t len;
	const unsigned char *in = pp_call_input(call, &len);
	unsigned char *out = pp_call_reserve(call, len);

	if (!out)
		return pp_call_fail(call, 1, "no memory for %zu bytes", len);
	for (size_t i = 0; i < len; i++)
		out[i] = (unsigned char)toupper(in[i]);
	return 0;
}

/* The sum of the numbers on the line. */
PP_TASK(sum)
{
	size_t len, out_len;
	const char *in = pp_call_input(call, &len);
	char *text = strndup(in, len), *at = text, *end;
	char out[32];
	long long total = 0;

	if (!text)
		return pp_call_fail(call, 1, "no memory");
	for (;;) {
		long long n = strtoll(at, &end, 10);

		if (end == at)
			break;
		total += n;
		at = end;
	}
	while (isspace((unsigned char)*end))
		end++;
	if (*end) {
		pp_call_fail(call, 2, "not a number: %s", end);
		free(text);
		return 2;
	}
	free(text);
	out_len = (size_t)snprintf(out, sizeof(out), "%lld", total);
	return pp_call_write(call, out, out_len);
}

/* Dies of SIGSEGV when the line says so; else an echo. "crash once FILE" leaves FILE and dies only once. */
PP_TASK(crash)
{
	size_t len;
	const char *in = pp_call_input(call, &len);
	char path[256] = "";
	int fd;

	if (len >= 5 && memcmp(in, "crash", 5) == 0) {
		if (len > 11 && len < sizeof(path) && memcmp(in, "crash once ", 11) == 0) {
			memcpy(path, in + 11, len - 11);
			fd = open(path, O_CREAT | O_EXCL | O_CLOEXEC | O_WRONLY, 0600);
			if (fd < 0)
				return pp_call_write(call, "survived", 8);
			close(fd);
		}
		raise(SIGSEGV);
	}
	return pp_call_write(call, in, len);
}

/* Ends its worker by exit(N) when the line is a number; else an echo. */
PP_TASK(quit)
{
	size_t len;
	const char *in = pp_call_input(call, &len);

	if (len > 0 && isdigit((unsigned char)in[0]))
		exit((int)number_in(call));
	return pp_call_write(call, in, len);
}

/* Sleeps that many milliseconds, then gives the line back. */
PP_TASK(nap)
{
	long ms = number_in(call);
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000 };
	size_t len;
	const void *in = pp_call_input(call, &len);

	if (ms > 0)
		nanosleep(&ts, NULL);
	return pp_call_write(call, in, len);
}

/* Fails when the line is a number other than 0, with that code; else an echo. */
PP_TASK(error)
{
	size_t len;
	const void *in = pp_call_input(call, &len);
	long code = number_in(call);

	if (code)
		return pp_call_fail(call, (int)code, "asked to fail with %ld", code);
	return pp_call_write(call, in, len);
}

/* Takes that many MiB of memory and touches them. */
PP_TASK(hog)
{
	size_t len = (size_t)number_in(call) << 20;
	char *at = malloc(len);

	if (!at)
		return pp_call_fail(call, 1, "no memory for %zu bytes", len);
	for (size_t i = 0; i < len; i += 4096)
		((volatile char *)at)[i] = 1;
	free(at);
	return pp_call_write(call, "ok", 2);
}

/* The worker's open fds, and its stdin and stdout as they are linked: what a worker really got. */
PP_TASK(descriptors)
{
	char link[256], path[64];
	ssize_t n;

	puts("a task's own words on stdout");
	for (int fd = 0; fd < 1024; fd++) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		n = readlink(path, link, sizeof(link) - 1);
		if (n < 0)
			continue;
		link[n] = 0;
		n = snprintf(path, sizeof(path), "%d=%.40s|", fd, link);
		pp_call_write(call, path, (size_t)n);
	}
	return 0;
}
