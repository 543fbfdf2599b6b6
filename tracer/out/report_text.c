/* SPDX-License-Identifier: MIT */
/*
 * The report for people: the tree, then what is remarkable (each kind with its count and the first few
 * processes it happened to), then findings, and always who saw it and what was lost.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/escape.h"
#include "base/grow.h"
#include "base/hashmap.h"
#include "out/out.h"
#include "out/said.h"
#include "out/text_parts.h"
#include "out/tree_text.h"
#include "out/where.h"

/* How many processes, failures or messages of a kind are named. */
#define NAMED_MAX 6

/* A parent held up longer than this by its vfork is told. */
#define STALL_NS 20000000ull

struct remarks {
	const struct model *m;
	const struct term *term;
	FILE *to;
	unsigned count;
};

/* A bullet; the text has been escaped. */
static void remark(struct remarks *r, enum style style, const struct buffer *text)
{
	if (r->count++ == 0)
		fprintf(r->to, "\n%sRemarkable%s\n", term_style(r->term, STYLE_BOLD),
			term_style(r->term, STYLE_PLAIN));
	fprintf(r->to, "  %s%s%s\n", term_style(r->term, style), buffer_text(text),
		term_style(r->term, STYLE_PLAIN));
}

/* All processes for which a question is answered yes: "3 processes ...: p4, p5, p6". */
static void remark_all(struct remarks *r, enum style style, const char *one, const char *many,
		       bool (*is)(const struct model *, const struct process *))
{
	struct buffer names = { 0 }, b = { 0 };
	const struct process *p;
	size_t i, n = 0;

	for (i = 0; i < model_born_count(r->m); i++) {
		p = model_process(r->m, model_born(r->m, i));
		if (!is(r->m, p))
			continue;
		if (n++ >= NAMED_MAX)
			continue;
		buffer_printf(&names, "%sp%u ", n > 1 ? ", " : "", p->number);
		add_comm_text(&names, p->comm);
	}
	if (n) {
		buffer_printf(&b, "%s %s: ", number_text(n).text, n == 1 ? one : many);
		buffer_add_text(&b, buffer_text(&names));
		if (n > NAMED_MAX)
			buffer_printf(&b, " %s", term_glyph(r->term, GLYPH_MORE));
		remark(r, style, &b);
	}
	buffer_free(&names);
	buffer_free(&b);
}

/* --- ends, counted by how and who --------------------------------------------------------- */

struct ending {
	uint32_t example; /* process */
	uint32_t count;
	uint32_t named[NAMED_MAX];
};

struct endings {
	struct ending *list;
	size_t count, room;
	struct hashmap by_kind;
};

static int count_ending(struct endings *e, const struct process *p, uint32_t index)
{
	uint64_t comm, at;
	int err;

	memcpy(&comm, p->comm, sizeof(comm));
	if (!hashmap_get(&e->by_kind, comm, p->status, &at)) {
		if (grow(&e->list, &e->room, e->count, 1, sizeof(*e->list)) < 0)
			return -ENOMEM;
		at = e->count;
		err = hashmap_put(&e->by_kind, comm, p->status, at);
		if (err < 0)
			return err;
		e->list[e->count++] = (struct ending){ .example = index };
	}
	if (e->list[at].count < NAMED_MAX)
		e->list[at].named[e->list[at].count] = index;
	e->list[at].count++;
	return 0;
}

static void remark_ending(struct remarks *r, const struct ending *e)
{
	const struct process *p = model_process(r->m, e->example);
	bool killed = WIFSIGNALED((int)p->status);
	struct buffer b = { 0 };
	uint32_t i;

	if (e->count > 1)
		buffer_printf(&b, "%s %s ", number_text(e->count).text, r->term->utf8 ? "×" : "x");
	add_comm_text(&b, p->comm);
	if (killed)
		buffer_printf(&b, " killed by %s", exit_text(p).text);
	else
		buffer_printf(&b, " ended with %s", exit_text(p).text);
	buffer_add_text(&b, ":");
	for (i = 0; i < e->count && i < NAMED_MAX; i++) {
		p = model_process(r->m, e->named[i]);
		buffer_printf(&b, "%s p%u", i ? "," : "", p->number);
		if (killed && p->killer != MODEL_NONE)
			buffer_printf(&b, " (by %s)", process_text(r->m, p->killer).text);
		if (p->oom_killed)
			buffer_add_text(&b, " (out of memory)");
	}
	if (e->count > NAMED_MAX)
		buffer_printf(&b, " %s", term_glyph(r->term, GLYPH_MORE));
	remark(r, killed ? STYLE_RED : STYLE_YELLOW, &b);
	buffer_free(&b);
}

static int remark_endings(struct remarks *r)
{
	struct endings e = { 0 };
	const struct process *p;
	int err = 0, killed;
	size_t i;

	for (i = 0; i < model_born_count(r->m) && err == 0; i++) {
		p = model_process(r->m, model_born(r->m, i));
		if (p->ended && p->knows_status && p->status)
			err = count_ending(&e, p, model_born(r->m, i));
	}
	for (killed = 1; killed >= 0; killed--)
		for (i = 0; i < e.count; i++)
			if (!killed ==
			    !WIFSIGNALED((int)model_process(r->m, e.list[i].example)->status))
				remark_ending(r, &e.list[i]);
	hashmap_free(&e.by_kind);
	free(e.list);
	return err;
}

/* --- failed execs, the most frequent first ------------------------------------------------- */

struct failure_kind {
	const struct image *example;
	uint64_t count;
};

static int by_count(const void *a, const void *b)
{
	const struct failure_kind *x = a, *y = b;

	return x->count < y->count ? 1 : x->count > y->count ? -1 : 0;
}

static int remark_failed_execs(struct remarks *r)
{
	struct failure_kind *kinds = NULL;
	struct hashmap by_name = { 0 };
	const struct image *image;
	struct buffer b = { 0 };
	size_t n = 0, room = 0, i;
	uint64_t at;
	int err = 0;

	for (i = 0; (image = model_failed_exec(r->m, (uint32_t)i)) && err == 0; i++) {
		if (hashmap_get(&by_name, (uintptr_t)image->filename, (uint32_t)image->error,
				&at)) {
			kinds[at].count++;
			continue;
		}
		err = grow(&kinds, &room, n, 1, sizeof(*kinds));
		if (err == 0)
			err = hashmap_put(&by_name, (uintptr_t)image->filename,
					  (uint32_t)image->error, n);
		if (err == 0)
			kinds[n++] = (struct failure_kind){ image, 1 };
	}
	if (i && err == 0) {
		qsort(kinds, n, sizeof(*kinds), by_count);
		buffer_printf(&b, "%s exec%s failed:", number_text(i).text, i == 1 ? "" : "s");
		for (i = 0; i < n && i < NAMED_MAX; i++) {
			buffer_add_text(&b, i ? ", " : " ");
			escape_append(&b, kinds[i].example->filename->data,
				      kinds[i].example->filename->len);
			buffer_printf(&b, " (%s",
				      strerrorname_np(kinds[i].example->error)
					      ? strerrorname_np(kinds[i].example->error)
					      : "?");
			if (kinds[i].count > 1)
				buffer_printf(&b, ", %s times", number_text(kinds[i].count).text);
			buffer_add_text(&b, ")");
		}
		if (n > NAMED_MAX)
			buffer_printf(&b, " %s", term_glyph(r->term, GLYPH_MORE));
		remark(r, STYLE_YELLOW, &b);
	}
	hashmap_free(&by_name);
	buffer_free(&b);
	free(kinds);
	return err;
}

/* --- yes or no ----------------------------------------------------------------------------- */

static bool in_trace(const struct model *m, uint32_t index)
{
	const struct process *p = model_process(m, index);

	return p && p->in_trace;
}

/* Its parent, traced, never waited for it; who was adopted is its adopter's to reap. */
static bool is_unreaped(const struct model *m, const struct process *p)
{
	return p->ended && !p->reaped && !p->autoreaped && in_trace(m, p->parent) &&
	       (p->reparented_to == MODEL_NONE || in_trace(m, p->reparented_to)) &&
	       !model_lost_of(m, FS_EV_REAP);
}

static bool is_orphan(const struct model *m, const struct process *p)
{
	(void)m;
	return p->reparented_to != MODEL_NONE && !p->is_target;
}

static bool is_stalling(const struct model *m, const struct process *p)
{
	uint64_t ns;

	return process_suspended_ns(m, p, &ns) && ns >= STALL_NS;
}

static bool is_alive(const struct model *m, const struct process *p)
{
	(void)m;
	return !p->ended && !p->kthread;
}

static bool is_blind(const struct model *m, const struct process *p)
{
	(void)m;
	return p->io_uring;
}

static bool died_in_exec(const struct model *m, const struct process *p)
{
	(void)m;
	return p->died_in_exec;
}

static bool is_unborn(const struct model *m, const struct process *p)
{
	(void)m;
	return !p->knows_fork && !p->attached && !p->is_target;
}

/* --- passing ------------------------------------------------------------------------------- */

static void remark_count(struct remarks *r, enum style style, size_t n, const char *one,
			 const char *many)
{
	struct buffer b = { 0 };

	if (!n)
		return;
	buffer_printf(&b, "%s %s", number_text(n).text, n == 1 ? one : many);
	remark(r, style, &b);
	buffer_free(&b);
}

static void remark_passes(struct remarks *r)
{
	size_t no_cloexec = 0, truncated = 0, unreceived = 0, failed = 0, unknown = 0, i;
	const struct fd_pass *pass;

	for (i = 0; (pass = model_pass(r->m, i)); i++) {
		no_cloexec += pass->no_cloexec;
		truncated += pass->truncated;
		failed += pass->error != 0;
		unreceived += !pass->received_ts && !pass->error;
		unknown += !pass->sent_ts;
	}
	remark_count(r, STYLE_RED, truncated,
		     "message with fds was truncated (MSG_CTRUNC): fds were lost",
		     "messages with fds were truncated (MSG_CTRUNC): fds were lost");
	remark_count(r, STYLE_YELLOW, failed, "sending of fds failed", "sendings of fds failed");
	remark_count(r, STYLE_YELLOW, unreceived, "message with fds was never received",
		     "messages with fds were never received");
	remark_count(
		r, STYLE_YELLOW, no_cloexec,
		"message brought fds without CLOEXEC: the receiver's next exec hands them on",
		"messages brought fds without CLOEXEC: the receiver's next exec hands them on");
	remark_count(r, STYLE_PLAIN, unknown,
		     "message with fds came from outside, or its sending was not seen",
		     "messages with fds came from outside, or their sending was not seen");
}

static int print_remarks(const struct model *m, const struct view *v, FILE *to)
{
	struct remarks r = { .m = m, .term = &v->term, .to = to };
	int err = remark_endings(&r);

	if (err == 0)
		err = remark_failed_execs(&r);
	remark_all(&r, STYLE_RED, "process was killed inside exec",
		   "processes were killed inside exec", died_in_exec);
	remark_all(&r, STYLE_YELLOW,
		   "child ended and was never waited for (a zombie while its parent lived)",
		   "children ended and were never waited for (zombies while their parents lived)",
		   is_unreaped);
	remark_all(&r, STYLE_PLAIN, "process outlived its parent",
		   "processes outlived their parents", is_orphan);
	remark_all(&r, STYLE_YELLOW, "vfork suspended its caller for 20 ms or more",
		   "vforks suspended their callers for 20 ms or more", is_stalling);
	remark_passes(&r);
	remark_all(&r, STYLE_PLAIN, "process was still alive at the end of the trace",
		   "processes were still alive at the end of the trace", is_alive);
	remark_all(&r, STYLE_YELLOW, "process used io_uring, whose requests are not seen",
		   "processes used io_uring, whose requests are not seen", is_blind);
	remark_all(&r, STYLE_YELLOW, "process was first seen after its birth: its fork was lost",
		   "processes were first seen after their birth: their forks were lost", is_unborn);
	return err;
}

static void print_title(const struct model *m, const struct view *v, FILE *to)
{
	const struct model_options *o = model_options(m);
	const struct process *p = model_process(m, model_target(m));
	struct buffer b = { 0 };

	if (o->command)
		escape_quote_argv(&b, o->command, o->command_len < 2000 ? o->command_len : 2000);
	else if (p)
		add_command(&b, m, model_target(m));
	if (b.len)
		fprintf(to, "%s%s%s", term_style(&v->term, STYLE_BOLD), buffer_text(&b),
			term_style(&v->term, STYLE_PLAIN));
	if (b.len && p && p->ended && p->end_ts > p->birth_ts)
		fprintf(to, "%s%s after %s", term_glyph(&v->term, GLYPH_DOT), exit_text(p).text,
			duration_text(p->end_ts - p->birth_ts).text);
	if (b.len)
		fputs("\n\n", to);
	buffer_free(&b);
}

int report_text(const struct model *m, const struct findings *f, const struct view *v, FILE *to)
{
	int err, tree_err;

	print_title(m, v, to);
	tree_err = print_tree(m, v, to);
	err = where_print(m, v, to);
	if (err == 0)
		err = print_remarks(m, v, to);
	said_text(m, v, to);
	findings_text(m, f, v, to);
	fputc('\n', to);
	print_summary(m, v, to);
	if (tree_err || err)
		return tree_err ? tree_err : err;
	return ferror(to) ? -EIO : 0;
}
