/* SPDX-License-Identifier: MIT */
/*
 * How inner code hands up why something failed: a negative errno and one line for people.
 *
 * Libraries never print. A function that can fail for a reason a user should read takes a
 * `struct failure *why`, and ends with `return fail(why, -errno, "cannot open '%s'", path)`; the
 * command prints why->text once, behind its own name. `why` may be NULL where nobody will read it.
 */
#ifndef TRACER_BASE_FAIL_H
#define TRACER_BASE_FAIL_H

#include <stdint.h>

struct failure {
	int error; /* negative errno; 0: nothing failed yet */
	char text[512]; /* one line, no full stop; may hold bytes of a path: log.h escapes them */
};

/* Fills why (unless NULL) and returns err, which is a negative errno. Keeps errno. */
int fail(struct failure *why, int err, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Likewise, with ": " and the errno's text added: "cannot open 'x': Permission denied". */
int fail_errno(struct failure *why, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* An errno's text, whatever its sign; "unknown error" for what is none (a trace may claim anything). */
const char *error_text(int64_t error);

#endif
