/* SPDX-License-Identifier: MIT */
/* Processes as a graph; see graph.h. */
#include "out/graph.h"

#include <errno.h>
#include <stdlib.h>

#include "base/hashmap.h"
#include "out/text_parts.h"

/* A command in a node is for recognizing it; the report has the whole. */
#define COMMAND_COLUMNS 60
#define CHUNK 65536

struct graph {
	const struct model *m;
	const struct graph_language *l;
	const struct findings *findings;
	struct hashmap worst; /* severity + 1 by process */
	struct buffer b;
	FILE *to;
	int error;
};

static void flush_text(struct graph *g)
{
	if (g->b.failed)
		g->error = -ENOMEM;
	else if (g->b.len && fwrite(g->b.data, 1, g->b.len, g->to) != g->b.len)
		g->error = -EIO;
	buffer_reset(&g->b);
}

static int rate(struct graph *g, const struct findings *f)
{
	uint64_t have;
	size_t i;

	for (i = 0; i < f->count; i++) {
		uint64_t severity = f->list[i].severity + 1u;

		have = 0;
		(void)hashmap_get(&g->worst, f->list[i].process, 0, &have);
		if (severity > have && hashmap_put(&g->worst, f->list[i].process, 0, severity) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* "FS001, FS060" */
static void add_rules(struct buffer *b, const struct graph *g, uint32_t process)
{
	for (size_t i = 0; i < g->findings->count; i++)
		if (g->findings->list[i].process == process)
			buffer_printf(b, "%s%s", b->len ? ", " : "", g->findings->list[i].rule);
}

static void add_node(struct graph *g, uint32_t index)
{
	const struct process *p = model_process(g->m, index);
	struct short_text end = exit_text(p);
	struct graph_node n = { .number = p->number, .severity = -1 };
	struct buffer name = { 0 }, command = { 0 }, rules = { 0 };
	const char *role = role_name(p->role);
	uint64_t worst;

	buffer_printf(&name, "p%u ", p->number);
	add_comm_text(&name, p->comm);
	buffer_printf(&name, " %u%s%s", p->pid, role ? ", " : "", role ? role : "");
	add_command(&command, g->m, index);
	if (term_width(buffer_text(&command), command.len) > COMMAND_COLUMNS) {
		command.len = term_fit(command.data, command.len, COMMAND_COLUMNS);
		buffer_add_text(&command, "...");
	}
	if (hashmap_get(&g->worst, index, 0, &worst)) {
		n.severity = (int)worst - 1;
		add_rules(&rules, g, index);
	}
	n.lines[0] = buffer_text(&name);
	n.lines[1] = command.len ? buffer_text(&command) : NULL;
	n.lines[2] = end.text;
	n.lines[3] = rules.len ? buffer_text(&rules) : NULL;
	n.failed = p->ended && p->knows_status && p->status;
	if (name.failed || command.failed || rules.failed)
		g->error = -ENOMEM;
	else
		g->l->node(&g->b, &n);
	buffer_free(&name);
	buffer_free(&command);
	buffer_free(&rules);
}

static void add_edge(struct graph *g, enum edge_kind kind, uint32_t from, uint32_t to,
		     const char *label)
{
	const struct process *a = model_process(g->m, from), *b = model_process(g->m, to);

	if (!a || !b || !a->in_trace || !b->in_trace)
		return;
	g->l->edge(&g->b, &(struct graph_edge){ kind, a->number, b->number, label });
}

static void add_starts(struct graph *g, uint32_t index)
{
	const struct process *p = model_process(g->m, index);
	const char *method = start_method_name(p->start_method),
		   *mechanism = mechanism_name(p->mechanism);
	char label[64];

	snprintf(label, sizeof(label), "%s%s%s", method ? method : "started", mechanism ? ", " : "",
		 mechanism ? mechanism : "");
	add_edge(g, EDGE_START, p->parent, index, label);
	if (p->logical_parent != p->parent)
		add_edge(g, EDGE_REQUEST, p->logical_parent, index, "asked for");
}

/* One edge for all that went from one process to another. */
static int add_passes(struct graph *g)
{
	struct hashmap sums = { 0 };
	const struct fd_pass *pass;
	uint64_t files, sum;
	size_t i;
	int err = 0;

	for (i = 0; (pass = model_pass(g->m, i)) && err == 0; i++) {
		files = 0;
		if (pass->error || !pass->received_ts)
			continue;
		(void)hashmap_get(&sums, pass->from, pass->to, &files);
		err = hashmap_put(&sums, pass->from, pass->to, files + pass->files);
	}
	/* In the order of the first passing: a map has no order, and an output should be the same each time. */
	for (i = 0; (pass = model_pass(g->m, i)) && err == 0; i++) {
		char label[96];

		if (pass->error || !hashmap_get(&sums, pass->from, pass->to, &sum))
			continue;
		snprintf(label, sizeof(label), "%s fd%s passed", number_text(sum).text,
			 sum == 1 ? "" : "s");
		add_edge(g, EDGE_PASS, pass->from, pass->to, label);
		hashmap_remove(&sums, pass->from, pass->to);
	}
	hashmap_free(&sums);
	return err;
}

int graph_write(const struct model *m, const struct findings *f, const struct graph_language *l,
		FILE *to)
{
	struct graph g = { .m = m, .l = l, .findings = f, .to = to };
	size_t i;

	g.error = rate(&g, f);
	buffer_add_text(&g.b, l->head);
	for (i = 0; i < model_born_count(m) && !g.error; i++) {
		add_node(&g, model_born(m, i));
		if (g.b.len >= CHUNK)
			flush_text(&g);
	}
	for (i = 0; i < model_born_count(m) && !g.error; i++) {
		add_starts(&g, model_born(m, i));
		if (g.b.len >= CHUNK)
			flush_text(&g);
	}
	if (!g.error)
		g.error = add_passes(&g);
	buffer_add_text(&g.b, l->tail);
	if (!g.error)
		flush_text(&g);
	buffer_free(&g.b);
	hashmap_free(&g.worst);
	return g.error;
}
