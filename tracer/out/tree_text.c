/* SPDX-License-Identifier: MIT */
/*
 * The tree for people: one row a process, drawn below its kernel's parent; who asked for it stands beside it
 * where that is somebody else.
 */
#include "out/tree_text.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/escape.h"
#include "base/table.h"
#include "out/forest.h"
#include "out/out.h"
#include "out/text_parts.h"

struct printing {
	const struct model *m;
	const struct term *term;
	struct table table;
	bool with_threads;
};

static void add_name(struct table *t, const struct model *m, const struct forest_row *row)
{
	const struct process *p = model_process(m, row->process);
	struct buffer b = { 0 };

	buffer_add_text(&b, row->lines);
	buffer_printf(&b, "p%u ", p->number);
	add_comm_text(&b, p->comm);
	if (role_name(p->role))
		buffer_printf(&b, " (%s)", role_name(p->role));
	table_add(t, STYLE_BOLD, buffer_text(&b));
	buffer_free(&b);
}

/* "spawn (posix_spawn)", "forkserver for p0" */
static void add_start(struct table *t, const struct model *m, const struct process *p)
{
	const char *start = start_method_name(p->start_method),
		   *call = mechanism_name(p->mechanism);
	struct buffer b = { 0 };

	buffer_add_text(&b, start ? start : "?");
	if (call && (!start || strcmp(call, start) != 0))
		buffer_printf(&b, " (%s)", call);
	if (p->logical_parent != p->parent && !p->is_target && p->knows_fork)
		buffer_printf(&b, " for %s", process_text(m, p->logical_parent).text);
	else if (p->creator != p->parent && p->knows_fork)
		buffer_printf(&b, " by %s", process_text(m, p->creator).text);
	table_add(t, p->start_method == START_FORKSERVER ? STYLE_CYAN : STYLE_PLAIN,
		  buffer_text(&b));
	buffer_free(&b);
}

static void add_row(struct printing *pr, const struct forest_row *row)
{
	const struct model *m = pr->m;
	const struct process *p = model_process(m, row->process);
	uint64_t life = p->birth_ts && p->end_ts > p->birth_ts ? p->end_ts - p->birth_ts : 0,
		 ns = 0;
	bool zombie = process_zombie_ns(p, &ns);
	struct buffer b = { 0 };

	add_name(&pr->table, m, row);
	table_printf(&pr->table, STYLE_DIM, "%u", p->pid);
	add_start(&pr->table, m, p);
	table_add(&pr->table, STYLE_PLAIN, duration_or_dash(p->ended, life).text);
	table_add(&pr->table, STYLE_PLAIN,
		  count_or_dash(p->knows_at_start && !p->attached, p->fds_inherited).text);
	table_add(&pr->table, STYLE_PLAIN, count_or_dash(p->knows_received, p->fds_received).text);
	table_add(&pr->table, STYLE_PLAIN,
		  count_or_dash(p->knows_never_used, p->fds_never_used).text);
	table_printf(&pr->table, p->threads > 1 ? STYLE_PLAIN : STYLE_DIM, "%u", p->threads);
	table_add(&pr->table, exit_style(p), exit_text(p).text);
	table_add(&pr->table, STYLE_PLAIN, duration_or_dash(zombie, ns).text);
	add_command(&b, m, row->process);
	table_add(&pr->table, STYLE_DIM, buffer_text(&b));
	buffer_free(&b);
}

static int print_process(void *arg, const struct forest_row *row)
{
	struct printing *pr = arg;
	struct buffer b = { 0 };

	if (!row->more) {
		add_row(pr, row);
		return pr->table.failed ? -ENOMEM : 0;
	}
	buffer_printf(&b, "%s%s and %s more like it", row->lines, term_glyph(pr->term, GLYPH_MORE),
		      number_text(row->more).text);
	table_note(&pr->table, STYLE_DIM, buffer_text(&b));
	buffer_free(&b);
	return pr->table.failed ? -ENOMEM : 0;
}

int print_tree(const struct model *m, const struct view *v, FILE *to)
{
	static const char *const headings[] = { "PROCESS", ">PID",    "START",	 ">LIFE",
						">FDS IN", ">PASSED", ">UNUSED", ">THREADS",
						"END",	   ">ZOMBIE", "COMMAND", NULL };
	/* What counts least first: PASSED, UNUSED, ZOMBIE, THREADS, FDS IN, COMMAND, LIFE, PID. */
	static const unsigned char spare[] = { 5, 6, 9, 7, 4, 10, 3, 1 };
	struct printing pr = { .m = m, .term = &v->term };
	int ret, err;

	table_init(&pr.table, headings);
	table_spare(&pr.table, spare, sizeof(spare));
	ret = forest_walk(m, &v->term, v->all, print_process, &pr);
	err = table_print(&pr.table, &v->term, to);
	return ret < 0 ? ret : err;
}

static void print_losses(const struct model *m, const struct term *t, FILE *to)
{
	unsigned type;
	bool first = true;

	fprintf(to, "%s%s events lost%s (", term_style(t, STYLE_RED),
		number_text(model_lost(m)).text, term_style(t, STYLE_PLAIN));
	for (type = 0; type < FS_EV_MAX; type++) {
		if (!model_lost_of(m, type))
			continue;
		fprintf(to, "%s%s %s", first ? "" : ", ", number_text(model_lost_of(m, type)).text,
			model_event_class(type));
		first = false;
	}
	fputc(')', to);
}

void print_summary(const struct model *m, const struct view *v, FILE *to)
{
	static const char *const levels[] = { "none", "pass", "snapshot", "full" };
	const struct model_options *o = model_options(m);
	const char *dot = term_glyph(&v->term, GLYPH_DOT);
	struct buffer b = { 0 };

	fprintf(to, "%s process%s%s%s events, ", number_text(model_born_count(m)).text,
		model_born_count(m) == 1 ? "" : "es", dot, number_text(model_events(m)).text);
	if (model_lost(m))
		print_losses(m, &v->term, to);
	else
		fputs("0 lost", to);
	fprintf(to, "%ssources: %s%s%s%sfds: %s", dot, o->bpf ? "bpf" : "",
		o->bpf && o->shim ? " and " : "",
		o->shim	 ? "shim"
		: o->bpf ? ""
			 : "none",
		dot, levels[o->fds & 3]);
	fputc('\n', to);
	if (o->incomplete) {
		if (o->incomplete_why)
			escape_message(&b, o->incomplete_why, strlen(o->incomplete_why));
		fprintf(to, "%sincomplete: %s%s\n", term_style(&v->term, STYLE_YELLOW),
			b.len ? buffer_text(&b) : "the trace was cut short",
			term_style(&v->term, STYLE_PLAIN));
		buffer_reset(&b);
	}
	if (o->sources_why) {
		escape_append(&b, o->sources_why, strlen(o->sources_why));
		fprintf(to, "%s%s%s\n", term_style(&v->term, STYLE_DIM), buffer_text(&b),
			term_style(&v->term, STYLE_PLAIN));
	}
	buffer_free(&b);
}

int tree_text(const struct model *m, const struct view *v, FILE *to)
{
	int err = print_tree(m, v, to);

	fputc('\n', to);
	print_summary(m, v, to);
	return err ? err : ferror(to) ? -EIO : 0;
}
