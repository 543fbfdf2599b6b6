/* SPDX-License-Identifier: MIT */
/* See log.h. */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/escape.h"

static const char *command;
static enum log_level highest = LOG_INFO;

void log_set_command(const char *name)
{
	command = name;
}

void log_set_level(enum log_level level)
{
	highest = level;
}

static void log_line(enum log_level level, const char *kind, const char *fmt, va_list ap)
{
	struct buffer line = { 0 };
	int saved = errno;
	char text[2048];

	if (level > highest)
		return;
	vsnprintf(text, sizeof(text), fmt, ap);
	buffer_add_text(&line, "forkscope: ");
	if (command)
		buffer_printf(&line, "%s: ", command);
	buffer_add_text(&line, kind);
	escape_message(&line, text, strlen(text));
	buffer_add_char(&line, '\n');
	/* A line that cannot be written has nowhere to complain. */
	if (!line.failed && write(STDERR_FILENO, line.data, line.len) < 0)
		errno = 0;
	buffer_free(&line);
	errno = saved;
}

void log_error(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_line(LOG_ERROR, "", fmt, ap);
	va_end(ap);
}

void log_warning(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_line(LOG_WARNING, "warning: ", fmt, ap);
	va_end(ap);
}

void log_info(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_line(LOG_INFO, "", fmt, ap);
	va_end(ap);
}
