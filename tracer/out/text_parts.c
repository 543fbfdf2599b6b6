/* SPDX-License-Identifier: MIT */
/* Pieces that several text outputs share. */
#include "out/text_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/escape.h"

/* A command line longer than this is cut: the whole of it is in the JSON. */
#define COMMAND_MAX 400

struct short_text duration_text(uint64_t ns)
{
	static const struct {
		const char *unit;
		double ns;
	} units[] = { { "s", 1e9 }, { "ms", 1e6 }, { "us", 1e3 } };
	struct short_text t;
	size_t i;

	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		double n = (double)ns / units[i].ns;

		if (n < 0.9995)
			continue;
		snprintf(t.text, sizeof(t.text), "%.*f %s",
			 n < 9.995   ? 2
			 : n < 99.95 ? 1
				     : 0,
			 n, units[i].unit);
		return t;
	}
	snprintf(t.text, sizeof(t.text), "%" PRIu64 " ns", ns);
	return t;
}

struct short_text duration_or_dash(bool known, uint64_t ns)
{
	return known ? duration_text(ns) : (struct short_text){ "-" };
}

struct short_text number_text(uint64_t n)
{
	struct short_text t;
	char digits[24];
	int len = snprintf(digits, sizeof(digits), "%" PRIu64, n), i, at = 0;

	for (i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			t.text[at++] = ',';
		t.text[at++] = digits[i];
	}
	t.text[at] = '\0';
	return t;
}

struct short_text count_or_dash(bool known, uint64_t n)
{
	return known ? number_text(n) : (struct short_text){ "-" };
}

struct short_text process_text(const struct model *m, uint32_t index)
{
	const struct process *p = model_process(m, index);
	struct short_text t = { "?" };

	if (p && p->in_trace)
		snprintf(t.text, sizeof(t.text), "p%u", p->number);
	else if (p)
		snprintf(t.text, sizeof(t.text), "pid %u", p->pid);
	return t;
}

struct short_text signal_text(int sig)
{
	const char *name = sigabbrev_np(sig);
	struct short_text t;

	if (name)
		snprintf(t.text, sizeof(t.text), "SIG%s", name);
	else
		snprintf(t.text, sizeof(t.text), "signal %d", sig);
	return t;
}

struct short_text exit_text(const struct process *p)
{
	struct short_text t = { "alive" };

	if (!p->ended)
		return t;
	if (!p->knows_status)
		snprintf(t.text, sizeof(t.text), "ended");
	else if (WIFSIGNALED((int)p->status))
		snprintf(t.text, sizeof(t.text), "%.50s%s",
			 signal_text(WTERMSIG((int)p->status)).text,
			 WCOREDUMP((int)p->status) ? ", core" : "");
	else
		snprintf(t.text, sizeof(t.text), "exit %d", WEXITSTATUS((int)p->status));
	return t;
}

enum style exit_style(const struct process *p)
{
	if (!p->ended || !p->knows_status)
		return STYLE_YELLOW;
	if (WIFSIGNALED((int)p->status))
		return STYLE_RED;
	return WEXITSTATUS((int)p->status) ? STYLE_YELLOW : STYLE_PLAIN;
}

void add_comm_text(struct buffer *b, const char *comm)
{
	escape_append(b, comm, strnlen(comm, 16));
	if (!comm[0])
		buffer_add_char(b, '?');
}

void add_command(struct buffer *b, const struct model *m, uint32_t index)
{
	const struct process *p = model_process(m, index);
	const struct image *image = model_image(m, p->last_image);
	const struct interned *argv = image ? image->argv : p->attached ? p->attached_argv : NULL;

	if (!argv || !argv->len) {
		if (image)
			escape_quote(b, image->filename->data, image->filename->len);
		return;
	}
	escape_quote_argv(b, argv->data, argv->len < COMMAND_MAX ? argv->len : COMMAND_MAX);
	if (argv->len > COMMAND_MAX || (image && image->argv_cut))
		buffer_add_text(b, " ...");
}
