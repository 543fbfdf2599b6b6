/* SPDX-License-Identifier: MIT */
/*
 * The processes as a Mermaid flow chart, for Markdown. Mermaid's labels may hold HTML and Markdown: every ASCII
 * character that is no letter, digit or plain punctuation becomes an entity (#60; is <), so that nothing in
 * a label means anything.
 */
#include <string.h>

#include "out/export.h"
#include "out/graph.h"

static void add_label(struct buffer *b, const char *text)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    " .,:/=+-";

	for (; *text; text++) {
		if ((*text & 0x80) || strchr(plain, *text))
			buffer_add_char(b, *text);
		else
			buffer_printf(b, "#%d;", *text);
	}
}

static void mermaid_node(struct buffer *b, const struct graph_node *n)
{
	static const char *const classes[] = { "note", "warning", "bug" };
	size_t i;

	buffer_printf(b, "  p%u[\"", n->number);
	for (i = 0; i < GRAPH_LINES; i++) {
		if (!n->lines[i])
			continue;
		if (i)
			buffer_add_text(b, "<br/>");
		add_label(b, n->lines[i]);
	}
	buffer_add_text(b, "\"]");
	if (n->severity >= 0)
		buffer_printf(b, ":::%s", classes[n->severity % 3]);
	else if (n->failed)
		buffer_add_text(b, ":::failed");
	buffer_add_char(b, '\n');
}

static void mermaid_edge(struct buffer *b, const struct graph_edge *e)
{
	static const char *const arrows[] = {
		[EDGE_START] = "-->",
		[EDGE_REQUEST] = "-.->",
		[EDGE_PASS] = "==>",
	};

	buffer_printf(b, "  p%u %s|\"", e->from, arrows[e->kind]);
	add_label(b, e->label);
	buffer_printf(b, "\"| p%u\n", e->to);
}

static const struct graph_language mermaid = {
	.node = mermaid_node,
	.edge = mermaid_edge,
	.head = "flowchart LR\n",
	.tail = "  classDef failed fill:#fdecea\n"
		"  classDef note stroke:#4a90d9\n"
		"  classDef warning stroke:#d98e04,stroke-width:2px\n"
		"  classDef bug stroke:#c62828,stroke-width:3px\n",
};

int export_mermaid(const struct model *m, const struct findings *f, FILE *to)
{
	return graph_write(m, f, &mermaid, to);
}
