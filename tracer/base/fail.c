/* SPDX-License-Identifier: MIT */
/* See fail.h. */
#include "base/fail.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

const char *error_text(int64_t error)
{
	bool fits = error >= -INT32_MAX && error <= INT32_MAX;
	const char *text = fits ? strerrordesc_np((int)(error < 0 ? -error : error)) : NULL;

	return text ? text : "unknown error";
}

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
	int saved = errno;
	va_list ap;
	size_t len;

	if (!why)
		return err;
	va_start(ap, fmt);
	fill(why, err, fmt, ap);
	va_end(ap);
	len = strlen(why->text);
	snprintf(why->text + len, sizeof(why->text) - len, ": %s", error_text(err));
	errno = saved;
	return err;
}
