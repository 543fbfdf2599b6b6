/* SPDX-License-Identifier: MIT */
/*
 * A streaming JSON writer: members come out in the order they are written, no tree is held in memory.
 *
 *     struct json j;
 *     json_init(&j, stdout);
 *     json_object_begin(&j);
 *     json_field_u64(&j, "pid", 4711);
 *     json_key(&j, "argv");
 *     json_array_begin(&j); json_string(&j, arg, len); json_array_end(&j);
 *     json_object_end(&j);
 *     json_line_end(&j);
 *     err = json_finish(&j);
 *
 * Commas are its own business; that begins and ends match is the caller's (asserted).
 *
 * Strings may hold any bytes, the result is always valid JSON in valid UTF-8, and fit for a terminal:
 * control, invisible and direction-changing characters are written as \uNNNN, which a JSON reader turns
 * back. A byte that is no part of valid UTF-8 becomes \u00NN, the character of the same number: its value
 * and place stay readable (byte 0xff reads as U+00FF), at the price that it cannot be told from that
 * character. Doubles that are no finite number become null.
 */
#ifndef TRACER_BASE_JSON_H
#define TRACER_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/buffer.h"

#define JSON_DEPTH_MAX 32

struct json {
	FILE *to; /* NULL: everything stays in out */
	struct buffer out; /* what is not yet written to `to` */
	int error; /* first one, negative errno; latched */
	unsigned depth;
	bool has_member[JSON_DEPTH_MAX]; /* at each depth: a comma is due before the next one */
	bool after_key;
};

/* `to` stays the caller's. With NULL the text is taken from j->out before json_finish. */
void json_init(struct json *j, FILE *to);

/* Hands all to `to` (no fflush), frees the buffer; 0 or the first error (-ENOMEM, -ENOSPC, ...). */
int json_finish(struct json *j);

/* Hands over what there is so far (no fflush), for a reader that follows along. */
void json_flush(struct json *j);

void json_object_begin(struct json *j);
void json_object_end(struct json *j);
void json_array_begin(struct json *j);
void json_array_end(struct json *j);

/* Before each value inside an object. */
void json_key(struct json *j, const char *key);

void json_string(struct json *j, const char *text, size_t len);
void json_text(struct json *j, const char *text); /* a C string; NULL is null */
void json_u64(struct json *j, uint64_t value);
void json_i64(struct json *j, int64_t value);
void json_hex(struct json *j, uint64_t value); /* "0x1f", a string: no reader rounds it */
void json_double(struct json *j, double value, int decimals);
void json_bool(struct json *j, bool value);
void json_null(struct json *j);

/* Key and value in one. */
void json_field_text(struct json *j, const char *key, const char *text);
void json_field_u64(struct json *j, const char *key, uint64_t value);
void json_field_i64(struct json *j, const char *key, int64_t value);
void json_field_hex(struct json *j, const char *key, uint64_t value);
void json_field_bool(struct json *j, const char *key, bool value);
void json_field_null(struct json *j, const char *key);

/* Ends a line between top-level values (JSON lines). */
void json_line_end(struct json *j);

#endif
