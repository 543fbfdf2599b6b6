/* SPDX-License-Identifier: MIT */
/*
 * Bytes from outside (argv, comm, paths, file contents), made fit for a terminal.
 *
 * What could steer a terminal or deceive a reader becomes visible: a byte that is no part of valid
 * UTF-8, and control characters, as \xNN (or \n, \t, \r, \e); other unsafe characters (see utf8.h) as
 * \uNNNN or \UNNNNNNNN. All else, any language's letters included, stays as it is. Nothing is cut.
 */
#ifndef TRACER_BASE_ESCAPE_H
#define TRACER_BASE_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

/*
 * Appends text, escaped. A backslash becomes \\, so that nothing in the text can pass itself off as an
 * escape; the result has no newline.
 */
void escape_append(struct buffer *out, const char *text, size_t len);

/* Likewise for a whole message which already holds escaped text: backslashes stay single. */
void escape_message(struct buffer *out, const char *text, size_t len);

/*
 * Appends one argument as a shell takes it: as it is when harmless, else in '...', or in $'...' with
 * escapes where bytes need them. An empty argument is ''.
 */
void escape_quote(struct buffer *out, const char *arg, size_t len);

/*
 * Appends a whole argv, given as arguments that each end in a NUL (as in /proc/PID/cmdline; the last NUL
 * may be missing), quoted, with one space between.
 */
void escape_quote_argv(struct buffer *out, const char *args, size_t len);

#endif
