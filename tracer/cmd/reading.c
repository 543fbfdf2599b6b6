/* SPDX-License-Identifier: MIT */
/* What the commands that show a trace have in common; see reading.h. */
#include "cmd/reading.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "cmd/cmd.h"
#include "cmd/output.h"
#include "rules/rule.h"

int story_load(struct story *ret, const char *path)
{
	struct story s = { .findings = { 0 } };
	struct failure why;
	int err = load_trace(&s.trace, path, &why);

	if (err < 0) {
		log_error("%s", why.text);
		return err;
	}
	err = rules_run(s.trace.model, &s.findings);
	if (err < 0) {
		log_error("cannot judge '%s': %s", path, strerror(-err));
		story_free(&s);
		return err;
	}
	*ret = s;
	return 0;
}

void story_free(struct story *s)
{
	findings_free(&s->findings);
	load_free(&s->trace);
}

int write_view(const struct read_options *o, const char *trace, bool all, write_fn fn, void *arg)
{
	struct failure why = { 0 };
	struct output out;
	struct view view = { .name = trace, .all = all };
	int err = output_open(&out, o, trace, &why), written;

	if (err) {
		log_error("%s", why.text);
		return EXIT_READ_TROUBLE;
	}
	view.term = (struct term){ .color = out.color, .utf8 = term_is_utf8(), .width = out.width };
	written = fn(arg, &view, o->json, out.to);
	err = output_close(&out, &why);
	if (err) {
		log_error("%s", why.text);
		return EXIT_READ_TROUBLE;
	}
	if (written == -E2BIG)
		log_error("'%s' has too many holdings to show at once; choose with --process PID "
			  "or --file ID",
			  trace);
	else if (written == -ENOENT)
		log_error("'%s' has nothing that --process and --file ask for", trace);
	else if (written < 0)
		log_error("cannot write '%s': %s", out.path, strerror(-written));
	return written < 0 ? EXIT_READ_TROUBLE : EXIT_READ_OK;
}
