/* SPDX-License-Identifier: MIT */
/*
 * Processes as a graph, for languages that draw one (dot, mermaid): a node a process, an edge for each start, for
 * each request of a start, and one for all that a process passed to another.
 */
#ifndef TRACER_OUT_GRAPH_H
#define TRACER_OUT_GRAPH_H

#include <stdio.h>

#include "base/buffer.h"
#include "model/finding.h"
#include "model/model.h"

enum edge_kind {
	EDGE_START, /* from parent to child */
	EDGE_REQUEST, /* from who asked for it (the logical parent), where that is not the parent */
	EDGE_PASS, /* fds, by SCM_RIGHTS or pidfd_getfd */
};

#define GRAPH_LINES 4

struct graph_node {
	uint32_t number; /* of pN */
	const char *lines
		[GRAPH_LINES]; /* name and pid, command, how it ended, rules that found something; each
				     * may be NULL; escaped for people only */
	bool failed; /* ended by a signal or with a status other than 0 */
	int severity; /* enum severity of its worst finding; -1: none */
};

struct graph_edge {
	enum edge_kind kind;
	uint32_t from, to; /* numbers */
	const char *label;
};

/* A language: what it writes for each. What it quotes is its own business. */
struct graph_language {
	void (*node)(struct buffer *b, const struct graph_node *n);
	void (*edge)(struct buffer *b, const struct graph_edge *e);
	const char *head, *tail;
};

/* 0 or a negative errno. */
int graph_write(const struct model *m, const struct findings *f, const struct graph_language *l,
		FILE *to);

#endif
