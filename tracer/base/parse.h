/* SPDX-License-Identifier: MIT */
/*
 * Numbers as people type them, checked: the whole text must be the number, inside its range, with no
 * sign, space or locale. Returns 0, -EINVAL (not such a thing) or -ERANGE; the out parameter is then
 * untouched.
 */
#ifndef TRACER_BASE_PARSE_H
#define TRACER_BASE_PARSE_H

#include <stdint.h>

/* Decimal. */
int parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *ret);

/* Bytes: "65536", "64K", "8M", "1G" (powers of 1024; also k, m, g, and KiB, MiB, GiB). */
int parse_size(const char *text, uint64_t *ret);

/* A length of time: "250ms", "1.5s", "2m", "1h", "10us", "7ns"; a bare number is seconds. */
int parse_duration(const char *text, uint64_t *ret_ns);

#endif
