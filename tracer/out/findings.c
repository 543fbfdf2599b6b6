/* SPDX-License-Identifier: MIT */
/* Findings for people, and as JUnit for CI servers. Details hold bytes of the target: escaped for each. */
#include <errno.h>
#include <string.h>

#include "base/escape.h"
#include "out/out.h"
#include "out/text_parts.h"

static const char *const severities[] = { "note", "warning", "bug" };

void findings_text(const struct model *m, const struct findings *f, const struct view *v, FILE *to)
{
	static const enum style styles[] = { STYLE_PLAIN, STYLE_YELLOW, STYLE_RED };
	struct buffer b = { 0 };
	size_t i;

	for (i = 0; i < f->count; i++) {
		const struct finding *x = &f->list[i];

		buffer_reset(&b);
		if (x->detail)
			escape_message(&b, x->detail, strlen(x->detail));
		fprintf(to, "%s%s%s %s%s %s: %s", i ? "" : "\nFindings\n",
			term_style(&v->term, styles[x->severity]), x->rule, severities[x->severity],
			term_style(&v->term, STYLE_PLAIN), process_text(m, x->process).text,
			x->title);
		if (x->count > 1)
			fprintf(to, " (%u times)", x->count);
		fputc('\n', to);
		if (b.len)
			fprintf(to, "      %s\n", buffer_text(&b));
		if (x->fix)
			fprintf(to, "      fix: %s\n", x->fix);
		buffer_reset(&b);
		if (x->key) {
			escape_message(&b, x->key, strlen(x->key));
			fprintf(to, "      suppress: %s:%s\n", x->rule, buffer_text(&b));
		}
	}
	buffer_free(&b);
}

/* Text for XML: escaped for the terminal first, so that no character XML forbids is left. */
static void add_xml(struct buffer *out, const char *text)
{
	struct buffer safe = { 0 };
	const char *c;

	escape_message(&safe, text, strlen(text));
	for (c = buffer_text(&safe); *c; c++) {
		switch (*c) {
		case '<':
			buffer_add_text(out, "&lt;");
			break;
		case '>':
			buffer_add_text(out, "&gt;");
			break;
		case '&':
			buffer_add_text(out, "&amp;");
			break;
		case '"':
			buffer_add_text(out, "&quot;");
			break;
		default:
			buffer_add_char(out, *c);
		}
	}
	out->failed |= safe.failed;
	buffer_free(&safe);
}

static void add_case(struct buffer *b, const struct model *m, const struct findings *f,
		     const char *id)
{
	size_t i;

	buffer_printf(b, "  <testcase classname=\"forkscope\" name=\"%s\">", id);
	for (i = 0; i < f->count; i++) {
		const struct finding *x = &f->list[i];
		const char *tag = x->severity == SEVERITY_NOTE ? "system-out" : "failure";

		if (strcmp(x->rule, id) != 0)
			continue;
		buffer_printf(b, "\n    <%s", tag);
		if (x->severity != SEVERITY_NOTE) {
			buffer_printf(b, " type=\"%s\" message=\"", severities[x->severity]);
			add_xml(b, x->title);
			buffer_add_char(b, '"');
		}
		buffer_printf(b, ">%s: ", process_text(m, x->process).text);
		add_xml(b, x->detail ? x->detail : "");
		buffer_printf(b, "</%s>", tag);
	}
	buffer_add_text(b, "</testcase>\n");
}

int findings_junit(const struct model *m, const struct findings *f, const char *const *checked,
		   FILE *to)
{
	unsigned tests = 0, failures = 0;
	struct buffer b = { 0 };
	size_t i;
	int err;

	for (i = 0; i < f->count; i++)
		failures += f->list[i].severity != SEVERITY_NOTE;
	while (checked[tests])
		tests++;
	buffer_printf(&b,
		      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		      "<testsuite name=\"forkscope check\" tests=\"%u\" failures=\"%u\">\n",
		      tests, failures);
	for (i = 0; checked[i]; i++)
		add_case(&b, m, f, checked[i]);
	buffer_add_text(&b, "</testsuite>\n");
	err = b.failed ? -ENOMEM : 0;
	if (!err && fwrite(buffer_text(&b), 1, b.len, to) != b.len)
		err = -EIO;
	buffer_free(&b);
	return err;
}
