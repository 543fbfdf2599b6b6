/* SPDX-License-Identifier: MIT */
/*
 * Messages to the user: one line each, to stderr, "forkscope: COMMAND: text".
 *
 * For cmd/ alone: inner code returns a struct failure (fail.h). A line is written by one write(2), so
 * that lines of several threads do not mix; whatever bytes a message holds (a path, a target's name) are
 * escaped for the terminal here. stdout is never touched.
 */
#ifndef TRACER_BASE_LOG_H
#define TRACER_BASE_LOG_H

enum log_level {
	LOG_QUIET = 0, /* nothing at all */
	LOG_ERROR = 1,
	LOG_WARNING = 2,
	LOG_INFO = 3, /* the level at start */
};

/* The command whose name lines bear; kept by pointer. NULL: only "forkscope: ". */
void log_set_command(const char *name);

/* Messages above this level are not written. */
void log_set_level(enum log_level level);

void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
