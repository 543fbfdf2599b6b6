/* SPDX-License-Identifier: MIT */
/* The comparison as a table for people, and as JSON, schema forkscope.compare/1. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/escape.h"
#include "base/json.h"
#include "base/table.h"
#include "out/compare.h"
#include "out/text_parts.h"

/* Side by side; more are in the JSON. */
#define COLUMNS_MAX (TABLE_COLUMNS_MAX - 1)

static struct short_text value_text(enum measure_unit unit, uint64_t value)
{
	struct short_text t;

	if (unit == UNIT_NS)
		return value ? duration_text(value) : (struct short_text){ "0" };
	if (unit == UNIT_COUNT)
		return number_text(value);
	snprintf(t.text, sizeof(t.text), "%.1f MB", (double)value / 1024);
	return t;
}

static void add_starters(struct table *t, const struct group *g, bool brief)
{
	const struct process *p = g->starter_count ? model_process(g->trace->model, g->starters[0])
						   : NULL;
	struct buffer b = { 0 };

	if (p && p->in_trace)
		buffer_printf(&b, "p%u ", p->number);
	if (p)
		escape_append(&b, p->comm, strnlen(p->comm, sizeof(p->comm)));
	if (p && p->role == ROLE_FORKSERVER && !brief)
		buffer_printf(&b, " (%s)", role_name((enum role)p->role));
	if (g->starter_count > 1)
		buffer_printf(&b, " and %zu more", g->starter_count - 1);
	table_add(t, p ? STYLE_PLAIN : STYLE_DIM, p ? buffer_text(&b) : "-");
	buffer_free(&b);
}

/* "3 (FS021 2, FS060 1)" */
static void add_found(struct table *t, const struct group *g, bool brief)
{
	struct buffer b = { 0 };

	buffer_printf(&b, "%zu", g->findings);
	for (size_t i = 0; i < g->found_count && !brief; i++)
		buffer_printf(&b, "%s%s%s", i ? ", " : " (", g->found[i].rule,
			      i + 1 == g->found_count ? ")" : "");
	table_add(t, g->findings ? STYLE_RED : STYLE_PLAIN,
		  g->trace->findings ? buffer_text(&b) : "-");
	buffer_free(&b);
}

/* "310 us" or, where children differ and there is room, "310 us (290 us..1.20 ms)" */
static void add_spread(struct table *t, enum measure_unit unit, const struct spread *s, bool brief)
{
	if (!s->n)
		table_add(t, STYLE_DIM, "-");
	else if (s->min == s->max || brief)
		table_add(t, STYLE_PLAIN, value_text(unit, s->median).text);
	else
		table_printf(t, STYLE_PLAIN, "%s (%s..%s)", value_text(unit, s->median).text,
			     value_text(unit, s->min).text, value_text(unit, s->max).text);
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

/* Of a trace's name; in brief without its ending. */
static size_t name_length(const char *name, bool brief)
{
	const char *end = strstr(name, ".data");

	return brief && end && end > name && !end[5] ? (size_t)(end - name) : strlen(name);
}

static void fill_table(struct table *t, const struct group *groups, size_t n, bool name_traces,
		       bool brief)
{
	const char *headings[TABLE_COLUMNS_MAX + 1] = { "" };
	struct buffer names = { 0 };
	size_t i, k;

	/* The headings are cells of a row of their own, so that they can be built text. */
	for (i = 0; i < n; i++)
		headings[i + 1] = ">";
	table_init(t, headings);
	table_add(t, STYLE_DIM, name_traces ? "TRACE" : "");
	for (i = 0; i < n; i++) {
		buffer_reset(&names);
		if (name_traces)
			escape_append(&names, base_name(groups[i].trace->name),
				      name_length(base_name(groups[i].trace->name), brief));
		table_add(t, STYLE_DIM, buffer_text(&names));
	}
	table_add(t, STYLE_PLAIN, "start method");
	for (i = 0; i < n; i++)
		table_add(t, STYLE_BOLD, start_method_name(groups[i].start));
	table_add(t, STYLE_PLAIN, "starts");
	for (i = 0; i < n; i++)
		table_printf(t, STYLE_PLAIN, "%s%s", number_text(groups[i].starts).text,
			     groups[i].workers == groups[i].starts && !brief ? " (workers)" : "");
	table_add(t, STYLE_PLAIN, "started by");
	for (i = 0; i < n; i++)
		add_starters(t, &groups[i], brief);
	for (k = 0; k < measure_count; k++) {
		table_add(t, STYLE_PLAIN, measures[k].label);
		for (i = 0; i < n; i++)
			add_spread(t, measures[k].unit, &groups[i].spreads[k], brief);
	}
	table_add(t, STYLE_PLAIN, "findings");
	for (i = 0; i < n; i++)
		add_found(t, &groups[i], brief);
	buffer_free(&names);
}

static int print_groups(const struct group *groups, size_t n, bool name_traces,
			const struct term *term, FILE *to)
{
	struct table t;

	fill_table(&t, groups, n, name_traces, false);
	if (!table_fits(&t, term)) {
		table_free(&t);
		fill_table(&t, groups, n, name_traces, true);
	}
	return table_print(&t, term, to);
}

/* "spawn.data, spawn: exit, reap, last close (3 of 4)": how most of a group's children went. */
static void print_orders(const struct group *groups, size_t n, bool name_traces, FILE *to)
{
	struct buffer b = { 0 };

	fputs("\norder in which they end\n", to);
	for (size_t i = 0; i < n; i++) {
		const struct end_order *o = compare_common_order(&groups[i]);
		const char *name = base_name(groups[i].trace->name);

		if (!o)
			continue;
		buffer_reset(&b);
		if (name_traces)
			escape_append(&b, name, strlen(name));
		fprintf(to, "  %s%s%s: ", buffer_text(&b), name_traces ? ", " : "",
			start_method_name(groups[i].start));
		for (size_t k = 0; k < o->count; k++)
			fprintf(to, "%s%s", k ? ", " : "",
				end_step_name((enum end_step)o->steps[k]));
		fprintf(to, " (%zu of %zu)\n", o->n, groups[i].starts);
	}
	buffer_free(&b);
}

static void print_losses(const struct compared *traces, size_t n, const struct term *term, FILE *to)
{
	struct buffer b = { 0 };
	size_t i;

	fputc('\n', to);
	for (i = 0; i < n; i++) {
		const struct model *m = traces[i].model;

		buffer_reset(&b);
		escape_append(&b, traces[i].name, strlen(traces[i].name));
		fprintf(to, "%s: %s events, %s lost%s\n", buffer_text(&b),
			number_text(model_events(m)).text, number_text(model_lost(m)).text,
			model_options(m)->incomplete ? ", incomplete" : "");
	}
	buffer_free(&b);
	fprintf(to,
		"%smedian (lowest..highest); ready: from the request to the child's first write to "
		"a pipe or socket%s\n",
		term_style(term, STYLE_DIM), term_style(term, STYLE_PLAIN));
}

int compare_text(const struct compared *traces, size_t n, const struct view *v, FILE *to)
{
	struct group *groups;
	size_t count;
	int err = compare_groups(traces, n, &groups, &count);

	if (err < 0)
		return err;
	if (!count)
		fputs("no process was started by another one\n", to);
	else
		err = print_groups(groups, count < COLUMNS_MAX ? count : COLUMNS_MAX, n > 1,
				   &v->term, to);
	if (count && !err)
		print_orders(groups, count < COLUMNS_MAX ? count : COLUMNS_MAX, n > 1, to);
	if (count > COLUMNS_MAX)
		fprintf(to, "%s and %zu more: see --json\n", term_glyph(&v->term, GLYPH_MORE),
			count - COLUMNS_MAX);
	print_losses(traces, n, &v->term, to);
	compare_free(groups, count);
	return err ? err : ferror(to) ? -EIO : 0;
}

static void add_lists(struct json *j, const struct group *g)
{
	size_t i, k;

	json_key(j, "started_by");
	json_array_begin(j);
	for (i = 0; i < g->starter_count; i++) {
		const struct process *p = model_process(g->trace->model, g->starters[i]);
		char id[16];

		if (!p || !p->in_trace)
			continue;
		snprintf(id, sizeof(id), "p%u", p->number);
		json_text(j, id);
	}
	json_array_end(j);
	json_key(j, "end_orders");
	json_array_begin(j);
	for (i = 0; i < g->order_count; i++) {
		json_object_begin(j);
		json_field_u64(j, "n", g->orders[i].n);
		json_key(j, "order");
		json_array_begin(j);
		for (k = 0; k < g->orders[i].count; k++)
			json_text(j, end_step_name((enum end_step)g->orders[i].steps[k]));
		json_array_end(j);
		json_object_end(j);
	}
	json_array_end(j);
	json_key(j, "findings");
	json_object_begin(j);
	for (i = 0; i < g->found_count; i++)
		json_field_u64(j, g->found[i].rule, g->found[i].n);
	json_object_end(j);
}

static void add_group(struct json *j, const struct group *g)
{
	size_t k;

	json_object_begin(j);
	json_field_text(j, "trace", g->trace->name);
	json_field_text(j, "start_method", start_method_name(g->start));
	json_field_u64(j, "starts", g->starts);
	json_field_u64(j, "workers", g->workers);
	add_lists(j, g);
	for (k = 0; k < measure_count; k++) {
		const struct spread *s = &g->spreads[k];

		if (!s->n) {
			json_field_null(j, measures[k].key);
			continue;
		}
		json_key(j, measures[k].key);
		json_object_begin(j);
		json_field_u64(j, "n", s->n);
		json_field_u64(j, "median", s->median);
		json_field_u64(j, "min", s->min);
		json_field_u64(j, "max", s->max);
		json_object_end(j);
	}
	json_object_end(j);
}

int compare_json(const struct compared *traces, size_t n, FILE *to)
{
	struct group *groups;
	size_t count, i;
	struct json j;
	int err = compare_groups(traces, n, &groups, &count);

	if (err < 0)
		return err;
	json_init(&j, to);
	json_object_begin(&j);
	json_field_text(&j, "schema", "forkscope.compare/1");
	json_key(&j, "traces");
	json_array_begin(&j);
	for (i = 0; i < n; i++) {
		json_object_begin(&j);
		json_field_text(&j, "trace", traces[i].name);
		json_field_u64(&j, "processes", model_born_count(traces[i].model));
		json_field_u64(&j, "events", model_events(traces[i].model));
		json_field_u64(&j, "lost", model_lost(traces[i].model));
		json_field_bool(&j, "incomplete", model_options(traces[i].model)->incomplete);
		json_object_end(&j);
	}
	json_array_end(&j);
	json_key(&j, "groups");
	json_array_begin(&j);
	for (i = 0; i < count; i++)
		add_group(&j, &groups[i]);
	json_array_end(&j);
	json_object_end(&j);
	json_line_end(&j);
	err = json_finish(&j);
	compare_free(groups, count);
	return err;
}
