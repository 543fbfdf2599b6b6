/* SPDX-License-Identifier: MIT */
/* See fail.h. */
#include "base/fail.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void fill(struct failure *why, int err, const char *fmt, va_list ap)
{
	why->error = err;
	vsnprintf(why->text, sizeof(why->text), fmt, ap);
}

int fail(struct failure *why, int err, const char *fmt, ...)
{
	int saved = errno;
	va_list ap;

	if (!why)
		return err;
	va_start(ap, fmt);
	fill(why, err, fmt, ap);
	va_end(ap);
	errno = saved;
	return err;
}

int fail_errno(struct failure *why, int err, const char *fmt, ...)
{
	const char *reason = strerrordesc_np(-err);
	int saved = errno;
	va_list ap;
	size_t len;

	if (!why)
		return err;
	va_start(ap, fmt);
	fill(why, err, fmt, ap);
	va_end(ap);
	len = strlen(why->text);
	if (reason)
		snprintf(why->text + len, sizeof(why->text) - len, ": %s", reason);
	else
		snprintf(why->text + len, sizeof(why->text) - len, ": error %d", -err);
	errno = saved;
	return err;
}
