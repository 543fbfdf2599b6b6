/* SPDX-License-Identifier: MIT */
/*
 * Builds the model of every trace that gets through, and writes the report and the tree of it: whatever is in a
 * trace, no text of it may steer a terminal. Every event's line for people is written too.
 */
#include "fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "model/model.h"
#include "out/out.h"
#include "trace/event_line.h"

static void *model_begin(const struct trace_summary *summary)
{
	struct model_options options = {
		.start_ns = summary->header.start_ns,
		.boot_offset_ns = summary->header.boot_offset_ns,
		.fds = (enum fds_level)(summary->header.recorder_pid % (FDS_FULL + 1)),
		.bpf = true,
		.target_pid = summary->header.recorder_pid / 4 % 4096,
		.command = "x",
		.command_len = 2,
	};
	struct model *m;

	if (model_new(&m, &options) < 0)
		abort();
	return m;
}

/* Line ends apart, nothing below space, and no DEL. */
static void check_text(const char *text, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (((unsigned char)text[i] < ' ' && text[i] != '\n') || text[i] == 0x7f)
			abort();
}

static void model_event(void *self, const struct fs_event *e)
{
	struct buffer line = { 0 };
	enum line_tone tone;

	event_line_append(&line, e, &tone);
	check_text(buffer_text(&line), line.len);
	if (strchr(buffer_text(&line), '\n'))
		abort();
	buffer_free(&line);
	if (model_add(self, e) < 0)
		abort();
}

static void model_end(void *self, const struct trace_summary *summary)
{
	struct view view = { .name = "fuzz", .term = { .utf8 = true, .width = 80 } };
	struct findings none = { 0 };
	char *text = NULL;
	size_t len = 0;
	FILE *to;

	model_set_incomplete(self, summary->incomplete);
	to = open_memstream(&text, &len);
	if (!to || model_finish(self) < 0 || report_json(self, &none, to) < 0 ||
	    tree_json(self, to) < 0 || report_text(self, &none, &view, to) < 0 ||
	    tree_text(self, &view, to) < 0 || fclose(to) != 0)
		abort();
	check_text(text, len);
	free(text);
	model_free(self);
}

const struct fuzz_consumer fuzz_model = { model_begin, model_event, model_end };
