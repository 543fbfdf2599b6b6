/* SPDX-License-Identifier: MIT */
/* The processes as a forest; see forest.h. */
#include "out/forest.h"

#include <errno.h>
#include <stdlib.h>

#include "base/hashmap.h"

/* Of each kind of alike siblings so many are shown. */
#define SHOWN_OF_A_KIND 3
#define DEPTH_DRAWN 24

struct node {
	uint32_t first_child, last_child, next; /* process indexes */
	uint32_t more; /* folded ones behind it */
	bool hidden;
};

struct forest {
	const struct model *m;
	const struct term *term;
	struct node *nodes;
	struct buffer lines;
	forest_fn fn;
	void *arg;
};

/* A parent is born before its child: so there are no circles, whatever a trace says. */
static uint32_t parent_of(const struct model *m, const struct process *p)
{
	const struct process *parent = model_process(m, p->parent);

	return parent && parent->in_trace && parent->number < p->number ? p->parent : MODEL_NONE;
}

static void link_child(struct forest *f, struct node *parent, uint32_t child)
{
	if (parent->last_child == MODEL_NONE)
		parent->first_child = child;
	else
		f->nodes[parent->last_child].next = child;
	parent->last_child = child;
}

/* What alike siblings have in common. Those with children of their own are never alike. */
static void kind_of(const struct model *m, const struct process *p, uint64_t *a, uint64_t *b)
{
	const struct image *image = model_image(m, p->last_image);

	*a = image ? (uintptr_t)image->argv : 0;
	*b = (uint64_t)p->status << 32 | (uint64_t)p->start_method << 16 |
	     (uint64_t)p->mechanism << 8 | (uint64_t)p->role << 4 | (uint64_t)p->ended << 3 |
	     (uint64_t)p->knows_status << 2 | (uint64_t)p->reaped << 1 | (image != NULL);
}

/* Hides all but the first few of each kind among one's children; the last shown one says how many. */
static int fold(struct forest *f, const struct node *parent)
{
	struct hashmap seen = { 0 }, last = { 0 };
	uint64_t a, b, count, shown;
	uint32_t at;
	int err = 0;

	for (at = parent->first_child; at != MODEL_NONE && err == 0; at = f->nodes[at].next) {
		if (f->nodes[at].first_child != MODEL_NONE)
			continue;
		kind_of(f->m, model_process(f->m, at), &a, &b);
		count = 0;
		(void)hashmap_get(&seen, a, b, &count);
		err = hashmap_put(&seen, a, b, ++count);
		if (err == 0 && count == SHOWN_OF_A_KIND)
			err = hashmap_put(&last, a, b, at);
		if (count > SHOWN_OF_A_KIND && hashmap_get(&last, a, b, &shown)) {
			f->nodes[at].hidden = true;
			f->nodes[shown].more++;
		}
	}
	hashmap_free(&seen);
	hashmap_free(&last);
	return err;
}

static uint32_t next_shown(const struct forest *f, uint32_t at)
{
	while (at != MODEL_NONE && f->nodes[at].hidden)
		at = f->nodes[at].next;
	return at;
}

struct level {
	uint32_t at; /* the process whose row comes next, or whose children are being shown */
	size_t lines; /* length of the lines left of this level */
};

static int show(struct forest *f, const struct level *l, uint32_t depth, bool is_last, bool more)
{
	struct forest_row row = { .process = l->at };

	/* Back to where this level begins; the NUL behind follows. */
	f->lines.len = l->lines;
	if (depth && depth <= DEPTH_DRAWN)
		buffer_add_text(&f->lines,
				term_glyph(f->term, is_last ? GLYPH_LAST : GLYPH_BRANCH));
	if (more)
		row.more = f->nodes[l->at].more;
	if (f->lines.failed)
		return -ENOMEM;
	if (f->lines.data)
		f->lines.data[f->lines.len] = '\0';
	row.lines = buffer_text(&f->lines);
	return f->fn(f->arg, &row);
}

/* All rows below and with `root`, depth first. */
static int walk(struct forest *f, struct level *stack, uint32_t root)
{
	uint32_t depth = 0, next;
	int ret;

	stack[0] = (struct level){ .at = root };
	for (;;) {
		struct level *l = &stack[depth];
		const struct node *n = &f->nodes[l->at];
		uint32_t sibling = depth ? next_shown(f, n->next) : MODEL_NONE;
		bool is_last = sibling == MODEL_NONE;

		ret = show(f, l, depth, is_last && !n->more, false);
		if (ret == 0 && n->more)
			ret = show(f, l, depth, is_last, true);
		if (ret)
			return ret;
		next = next_shown(f, n->first_child);
		if (next != MODEL_NONE) {
			f->lines.len = l->lines;
			if (depth && depth <= DEPTH_DRAWN)
				buffer_add_text(
					&f->lines,
					term_glyph(f->term, is_last ? GLYPH_BLANK : GLYPH_BAR));
			stack[++depth] = (struct level){ .at = next, .lines = f->lines.len };
			continue;
		}
		/* Up until there is a sibling to go on with. */
		while (depth && next_shown(f, f->nodes[stack[depth].at].next) == MODEL_NONE)
			depth--;
		if (!depth)
			return 0;
		stack[depth].at = next_shown(f, f->nodes[stack[depth].at].next);
	}
}

static int build(struct forest *f, bool all)
{
	size_t n = model_process_count(f->m), i;
	uint32_t index, parent;
	int err = 0;

	for (i = 0; i < n; i++)
		f->nodes[i] = (struct node){ MODEL_NONE, MODEL_NONE, MODEL_NONE, 0, false };
	for (i = 0; i < model_born_count(f->m); i++) {
		index = model_born(f->m, i);
		parent = parent_of(f->m, model_process(f->m, index));
		if (parent != MODEL_NONE)
			link_child(f, &f->nodes[parent], index);
	}
	for (i = 0; i < n && !all && err == 0; i++)
		err = fold(f, &f->nodes[i]);
	return err;
}

int forest_walk(const struct model *m, const struct term *term, bool all, forest_fn fn, void *arg)
{
	struct forest f = { .m = m, .term = term, .fn = fn, .arg = arg };
	size_t n = model_process_count(m), i;
	struct level *stack = calloc(n + 1, sizeof(*stack));
	int ret = -ENOMEM;

	f.nodes = calloc(n + 1, sizeof(*f.nodes));
	if (f.nodes && stack)
		ret = build(&f, all);
	for (i = 0; i < model_born_count(m) && ret == 0; i++)
		if (parent_of(m, model_process(m, model_born(m, i))) == MODEL_NONE) {
			buffer_reset(&f.lines);
			ret = walk(&f, stack, model_born(m, i));
		}
	buffer_free(&f.lines);
	free(f.nodes);
	free(stack);
	return ret;
}
