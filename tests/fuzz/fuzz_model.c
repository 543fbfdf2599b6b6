/* SPDX-License-Identifier: MIT */
/* Feeds every event to a model and writes all outputs of it to nowhere. */
#include "fuzz/fuzz.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/ledger.h"
#include "model/model.h"
#include "out/export.h"
#include "out/out.h"

static void *model_begin(const struct trace_summary *summary)
{
	/* The level has a say in what the model does: a byte of the header chooses it. */
	struct model_options o = { .start_ns = summary->header.start_ns,
				   .boot_offset_ns = summary->header.boot_offset_ns,
				   .fds = (enum fds_level)(summary->header.recorder_pid & 3),
				   .bpf = true,
				   .target_pid = summary->header.recorder_pid };
	struct model *m;

	if (model_new(&m, &o) < 0)
		abort();
	return m;
}

static void model_event(void *self, const struct fs_event *e)
{
	(void)model_add(self, e);
}

static void must(int err)
{
	if (err < 0 && err != -E2BIG && err != -ENOENT)
		abort();
}

/* What the page brings along, and nothing of the trace's, ends a script. */
static void check_page(const struct model *m, const struct findings *f, const struct view *v)
{
	char *text = NULL, *at;
	int scripts = 0;
	size_t len;
	FILE *to = open_memstream(&text, &len);

	if (!to)
		abort();
	must(view_html(m, f, v, to));
	fclose(to);
	for (at = text; (at = strstr(at, "</script")); at++)
		scripts++;
	if (scripts != 2)
		abort();
	free(text);
}

static void model_end(void *self, const struct trace_summary *summary)
{
	const struct fds_filter everything = { .process = MODEL_NONE };
	const struct view view = { .term = { .utf8 = true, .width = 100 }, .name = "fuzz" };
	const struct findings findings = { 0 };
	const struct compared one = { "fuzz", self, &findings };
	FILE *to = fopen("/dev/null", "we");

	(void)summary;
	if (!to || model_finish(self) < 0)
		abort();
	must(report_json(self, &findings, to));
	must(report_text(self, &findings, &view, to));
	must(tree_json(self, to));
	must(fds_json(self, &everything, to));
	must(fds_text(self, &everything, &view, to));
	must(compare_json(&one, 1, to));
	must(compare_text(&one, 1, &view, to));
	must(export_perfetto(self, &findings, to));
	must(export_dot(self, &findings, to));
	must(export_mermaid(self, &findings, to));
	must(export_chrome(self, &findings, to));
	fclose(to);
	check_page(self, &findings, &view);
	model_free(self);
}

const struct fuzz_consumer fuzz_model = { model_begin, model_event, model_end };
