/* SPDX-License-Identifier: MIT */
/* Errors in words, names of enums, and reading options structs of other versions. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "internal.h"

static __thread char last_error[512];

int fail(int err, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(last_error, sizeof(last_error), fmt, args);
	va_end(args);
	return err;
}

const char *pp_last_error(void)
{
	return last_error;
}

/* Unlike strerror, never allocates and never reads a locale; good enough for what systems calls give. */
const char *errno_text(int err)
{
	const char *text = strerrordesc_np(-err);

	/* Which limit can be raised; the other one of this kind, ENFILE, cannot by a user. */
	if (err == -EMFILE)
		return "Too many open files; raise their limit (ulimit -n)";
	return text ? text : "unknown error";
}

const char *pp_version(void)
{
	return FORKSCOPE_VERSION;
}

static const char *const start_names[] = {
	[PP_START_FORK] = "fork",
	[PP_START_SPAWN] = "spawn",
	[PP_START_FORKSERVER] = "forkserver",
	[PP_START_THREAD] = "thread",
};

const char *pp_start_name(enum pp_start start)
{
	return (unsigned)start < ARRAY_SIZE(start_names) ? start_names[start] : NULL;
}

int pp_start_from_name(const char *name, enum pp_start *ret_start)
{
	unsigned i;

	for (i = PP_START_FORK; name && i < ARRAY_SIZE(start_names); i++) {
		if (!strcmp(name, start_names[i])) {
			*ret_start = (enum pp_start)i;
			return 0;
		}
	}
	return fail(-EINVAL, "no start method '%s': take fork, spawn, forkserver or thread",
		    name ? name : "(null)");
}

const char *pp_outcome_name(enum pp_outcome outcome)
{
	static const char *const names[] = {
		[PP_DONE] = "done",	  [PP_FAILED] = "failed",	[PP_DIED] = "died",
		[PP_TIMEOUT] = "timeout", [PP_CANCELLED] = "cancelled",
	};

	return (unsigned)outcome < ARRAY_SIZE(names) ? names[outcome] : NULL;
}

int opts_read(void *to, size_t size, const void *from, const char *what)
{
	size_t theirs, i;

	memset(to, 0, size);
	if (!from)
		return 0;
	memcpy(&theirs, from, sizeof(theirs));
	if (theirs < sizeof(theirs))
		return fail(-EINVAL, "%s: size is not set; use the PP_..._INIT of its type", what);
	for (i = size; i < theirs; i++)
		if (((const char *)from)[i])
			return fail(-E2BIG, "%s: sets an option that libprocpool %s does not know",
				    what, pp_version());
	memcpy(to, from, theirs < size ? theirs : size);
	return 0;
}
