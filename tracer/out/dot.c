/* SPDX-License-Identifier: MIT */
/*
 * The processes as a graph for Graphviz. A label is text in "...": quotes and backslashes are escaped, and so
 * is &, for dot reads HTML entities in labels.
 */
#include <string.h>

#include "out/export.h"
#include "out/graph.h"

static void add_quoted(struct buffer *b, const char *text)
{
	for (; *text; text++) {
		if (*text == '&') {
			buffer_add_text(b, "&amp;");
			continue;
		}
		if (*text == '"' || *text == '\\')
			buffer_add_char(b, '\\');
		buffer_add_char(b, *text);
	}
}

static void dot_node(struct buffer *b, const struct graph_node *n)
{
	static const char *const colors[] = { "#4a90d9", "#d98e04", "#c62828" };
	size_t i;

	buffer_printf(b, "  p%u [label=\"", n->number);
	for (i = 0; i < GRAPH_LINES; i++) {
		if (!n->lines[i])
			continue;
		if (i)
			buffer_add_text(b, "\\n");
		add_quoted(b, n->lines[i]);
	}
	buffer_add_char(b, '"');
	if (n->severity >= 0)
		buffer_printf(b, ", color=\"%s\", penwidth=2", colors[n->severity % 3]);
	if (n->failed)
		buffer_add_text(b, ", fillcolor=\"#fdecea\"");
	buffer_add_text(b, "];\n");
}

static void dot_edge(struct buffer *b, const struct graph_edge *e)
{
	static const char *const styles[] = {
		[EDGE_START] = "",
		[EDGE_REQUEST] = ", style=dashed, constraint=false, color=\"#7b5ea7\"",
		[EDGE_PASS] = ", constraint=false, color=\"#00838f\", fontcolor=\"#00838f\"",
	};

	buffer_printf(b, "  p%u -> p%u [label=\"", e->from, e->to);
	add_quoted(b, e->label);
	buffer_printf(b, "\"%s];\n", styles[e->kind]);
}

static const struct graph_language dot = {
	.node = dot_node,
	.edge = dot_edge,
	.head = "digraph forkscope {\n"
		"  rankdir=LR;\n"
		"  node [shape=box, style=\"rounded,filled\", fillcolor=\"#f5f7fa\", "
		"fontname=\"sans-serif\", fontsize=10];\n"
		"  edge [fontname=\"sans-serif\", fontsize=9, color=\"#607080\"];\n",
	.tail = "}\n",
};

int export_dot(const struct model *m, const struct findings *f, FILE *to)
{
	return graph_write(m, f, &dot, to);
}
