/* SPDX-License-Identifier: MIT */
/* UTF-8, one character at a time, strictly: what the standard forbids is not a character here. */
#ifndef TRACER_BASE_UTF8_H
#define TRACER_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Decodes the character at the start of text (len bytes). Returns its length, 1 to 4, and its code
 * point; or 0 when the first byte begins no whole valid character (overlong, surrogate, cut ...): the
 * caller treats that one byte by itself and goes on with the next.
 */
unsigned utf8_decode(const char *text, size_t len, uint32_t *ret_point);

/*
 * True for characters that must not reach a terminal as they are: control characters (C0, DEL, C1), and
 * those that are invisible or turn the direction of text around, so that what is shown lies.
 */
bool utf8_is_unsafe(uint32_t point);

#endif
