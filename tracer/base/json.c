/* SPDX-License-Identifier: MIT */
/* See json.h. Text is gathered in a buffer and handed to the FILE in large pieces. */
#include "base/json.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/utf8.h"

enum { FLUSH_AT = 64 * 1024 };

void json_init(struct json *j, FILE *to)
{
	*j = (struct json){ .to = to };
}

void json_flush(struct json *j)
{
	if (!j->to || j->out.len == 0)
		return;
	if (!j->error && fwrite(j->out.data, 1, j->out.len, j->to) != j->out.len)
		j->error = errno ? -errno : -EIO;
	j->out.len = 0;
}

int json_finish(struct json *j)
{
	int err;

	assert(j->depth == 0);
	json_flush(j);
	err = j->error ? j->error : j->out.failed ? -ENOMEM : 0;
	buffer_free(&j->out);
	return err;
}

/* Before every value and key: the comma, unless a key was just written. */
static void separate(struct json *j)
{
	if (j->after_key) {
		j->after_key = false;
		return;
	}
	if (j->depth && j->has_member[j->depth - 1])
		buffer_add_char(&j->out, ',');
	if (j->depth)
		j->has_member[j->depth - 1] = true;
	if (j->out.len >= FLUSH_AT)
		json_flush(j);
}

static void begin(struct json *j, char bracket)
{
	separate(j);
	buffer_add_char(&j->out, bracket);
	assert(j->depth < JSON_DEPTH_MAX);
	j->has_member[j->depth++] = false;
}

static void end(struct json *j, char bracket)
{
	assert(j->depth > 0 && !j->after_key);
	j->depth--;
	buffer_add_char(&j->out, bracket);
}

void json_object_begin(struct json *j)
{
	begin(j, '{');
}

void json_object_end(struct json *j)
{
	end(j, '}');
}

void json_array_begin(struct json *j)
{
	begin(j, '[');
}

void json_array_end(struct json *j)
{
	end(j, ']');
}

static void add_escape(struct buffer *out, uint32_t point)
{
	switch (point) {
	case '"':
		buffer_append(out, "\\\"", 2);
		return;
	case '\\':
		buffer_append(out, "\\\\", 2);
		return;
	case '\n':
		buffer_append(out, "\\n", 2);
		return;
	case '\t':
		buffer_append(out, "\\t", 2);
		return;
	}
	if (point <= 0xffff) {
		buffer_printf(out, "\\u%04x", (unsigned)point);
	} else {
		point -= 0x10000;
		buffer_printf(out, "\\u%04x\\u%04x", 0xd800 + (unsigned)(point >> 10),
			      0xdc00 + (unsigned)(point & 0x3ff));
	}
}

/* Printable ASCII that needs no escape: nearly all that is ever written, so it takes the short way. */
static bool is_plain(char c)
{
	return c >= ' ' && c < 0x7f && c != '"' && c != '\\';
}

static void add_quoted(struct buffer *out, const char *text, size_t len)
{
	size_t i = 0, start = 0;

	buffer_add_char(out, '"');
	while (i < len) {
		uint32_t point = 0;
		unsigned n;

		if (is_plain(text[i])) {
			i++;
			continue;
		}
		n = utf8_decode(text + i, len - i, &point);
		if (n && point != '"' && point != '\\' && !utf8_is_unsafe(point)) {
			i += n;
			continue;
		}
		buffer_append(out, text + start, i - start);
		add_escape(out, n ? point : (unsigned char)text[i]);
		i += n ? n : 1;
		start = i;
	}
	buffer_append(out, text + start, len - start);
	buffer_add_char(out, '"');
}

void json_key(struct json *j, const char *key)
{
	assert(j->depth > 0 && !j->after_key);
	separate(j);
	add_quoted(&j->out, key, strlen(key));
	buffer_add_char(&j->out, ':');
	j->after_key = true;
}

void json_string(struct json *j, const char *text, size_t len)
{
	separate(j);
	add_quoted(&j->out, text, len);
}

void json_text(struct json *j, const char *text)
{
	if (text)
		json_string(j, text, strlen(text));
	else
		json_null(j);
}

/* printf is most of the time of a large export; so numbers are written by hand. */
void json_u64(struct json *j, uint64_t value)
{
	char digits[20];
	size_t at = sizeof(digits);

	separate(j);
	do
		digits[--at] = (char)('0' + value % 10);
	while (value /= 10);
	buffer_append(&j->out, digits + at, sizeof(digits) - at);
}

void json_i64(struct json *j, int64_t value)
{
	if (value >= 0) {
		json_u64(j, (uint64_t)value);
		return;
	}
	separate(j);
	buffer_printf(&j->out, "%" PRId64, value);
}

void json_hex(struct json *j, uint64_t value)
{
	separate(j);
	buffer_printf(&j->out, "\"0x%" PRIx64 "\"", value);
}

void json_double(struct json *j, double value, int decimals)
{
	separate(j);
	if (isfinite(value))
		buffer_printf(&j->out, "%.*f", decimals, value);
	else
		buffer_add_text(&j->out, "null");
}

void json_bool(struct json *j, bool value)
{
	separate(j);
	buffer_add_text(&j->out, value ? "true" : "false");
}

void json_null(struct json *j)
{
	separate(j);
	buffer_add_text(&j->out, "null");
}

void json_field_text(struct json *j, const char *key, const char *text)
{
	json_key(j, key);
	json_text(j, text);
}

void json_field_u64(struct json *j, const char *key, uint64_t value)
{
	json_key(j, key);
	json_u64(j, value);
}

void json_field_i64(struct json *j, const char *key, int64_t value)
{
	json_key(j, key);
	json_i64(j, value);
}

void json_field_hex(struct json *j, const char *key, uint64_t value)
{
	json_key(j, key);
	json_hex(j, value);
}

void json_field_bool(struct json *j, const char *key, bool value)
{
	json_key(j, key);
	json_bool(j, value);
}

void json_field_null(struct json *j, const char *key)
{
	json_key(j, key);
	json_null(j);
}

void json_line_end(struct json *j)
{
	assert(j->depth == 0);
	buffer_add_char(&j->out, '\n');
	if (j->out.len >= FLUSH_AT)
		json_flush(j);
}
