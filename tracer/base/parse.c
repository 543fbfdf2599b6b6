/* SPDX-License-Identifier: MIT */
/* See parse.h. */
#include "base/parse.h"

#include <errno.h>
#include <string.h>

/* Reads digits up to the first other byte; moves *text there. At least one must be there. */
static int take_digits(const char **text, uint64_t *ret)
{
	const char *p = *text;
	uint64_t value = 0;

	if (*p < '0' || *p > '9')
		return -EINVAL;
	for (; *p >= '0' && *p <= '9'; p++)
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(*p - '0'), &value))
			return -ERANGE;
	*text = p;
	*ret = value;
	return 0;
}

int parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *ret)
{
	uint64_t value;
	int err = take_digits(&text, &value);

	if (err)
		return err;
	if (*text)
		return -EINVAL;
	if (value < min || value > max)
		return -ERANGE;
	*ret = value;
	return 0;
}

struct unit {
	const char *name;
	uint64_t factor;
};

static uint64_t unit_factor(const struct unit *units, const char *name)
{
	for (; units->name; units++)
		if (strcmp(units->name, name) == 0)
			return units->factor;
	return 0;
}

int parse_size(const char *text, uint64_t *ret)
{
	static const struct unit units[] = {
		{ "", 1 },	  { "K", 1 << 10 },   { "k", 1 << 10 },	  { "KiB", 1 << 10 },
		{ "M", 1 << 20 }, { "m", 1 << 20 },   { "MiB", 1 << 20 }, { "G", 1 << 30 },
		{ "g", 1 << 30 }, { "GiB", 1 << 30 }, { NULL, 0 },
	};
	uint64_t value, factor;
	int err = take_digits(&text, &value);

	if (err)
		return err;
	factor = unit_factor(units, text);
	if (!factor)
		return -EINVAL;
	if (__builtin_mul_overflow(value, factor, &value))
		return -ERANGE;
	*ret = value;
	return 0;
}

int parse_duration(const char *text, uint64_t *ret_ns)
{
	static const struct unit units[] = {
		{ "", 1000000000 },
		{ "ns", 1 },
		{ "us", 1000 },
		{ "ms", 1000000 },
		{ "s", 1000000000 },
		{ "m", 60000000000 },
		{ "min", 60000000000 },
		{ "h", 3600000000000 },
		{ NULL, 0 },
	};
	uint64_t whole, factor, fraction = 0, scale = 1;
	int err = take_digits(&text, &whole);

	if (err)
		return err;
	if (*text == '.') {
		text++;
		if (*text < '0' || *text > '9')
			return -EINVAL;
		/* Nine digits are a nanosecond of a second; more say nothing. */
		for (; *text >= '0' && *text <= '9'; text++) {
			if (scale < 1000000000) {
				fraction = fraction * 10 + (uint64_t)(*text - '0');
				scale *= 10;
			}
		}
	}
	factor = unit_factor(units, text);
	if (!factor)
		return -EINVAL;
	if (__builtin_mul_overflow(whole, factor, &whole) ||
	    __builtin_add_overflow(whole, (uint64_t)((unsigned __int128)fraction * factor / scale),
				   &whole))
		return -ERANGE;
	*ret_ns = whole;
	return 0;
}
