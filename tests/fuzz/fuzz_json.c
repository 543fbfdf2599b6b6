/* SPDX-License-Identifier: MIT */
/* Writes every event as a JSON line, and checks that a line it is. */
#include "fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "trace/event_json.h"

static void *json_begin(const struct trace_summary *summary)
{
	uint64_t *start_ns = malloc(sizeof(*start_ns));

	if (!start_ns)
		abort();
	*start_ns = summary->header.start_ns;
	return start_ns;
}

static void json_event(void *self, const struct fs_event *e)
{
	struct json j;
	size_t i;

	json_init(&j, NULL);
	event_json_line(&j, e, *(const uint64_t *)self);
	if (j.out.len < 2 || j.out.data[0] != '{' || j.out.data[j.out.len - 2] != '}')
		abort();
	for (i = 0; i + 1 < j.out.len; i++)
		if ((unsigned char)j.out.data[i] < ' ' || j.out.data[i] == 0x7f)
			abort();
	if (json_finish(&j) != 0)
		abort();
}

static void json_end(void *self, const struct trace_summary *summary)
{
	(void)summary;
	free(self);
}

const struct fuzz_consumer fuzz_json = { json_begin, json_event, json_end };
