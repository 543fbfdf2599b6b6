/* SPDX-License-Identifier: MIT */
/*
 * Percent encoding: any bytes as printable ASCII without spaces, so that a list of them can be one text
 * with a space between. The trace's META key `command` is a target's argv written so.
 */
#ifndef TRACER_BASE_PERCENT_H
#define TRACER_BASE_PERCENT_H

#include <stddef.h>

#include "base/buffer.h"

/* Appends text encoded: '%', space, control and non-ASCII bytes become %NN. */
void percent_encode(struct buffer *out, const char *text, size_t len);

/* Appends text decoded; a '%' without two hex digits behind it stays as it is. */
void percent_decode(struct buffer *out, const char *text, size_t len);

/*
 * Decodes a list (words with one space between) to arguments that each end in NUL, as
 * /proc/PID/cmdline has them. An empty text is no argument.
 */
void percent_decode_argv(struct buffer *out, const char *list);

#endif
