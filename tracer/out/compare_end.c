/* SPDX-License-Identifier: MIT */
/*
 * Of each child what only the ledger of fds can tell, for `compare`: what it was given for nothing, and when what it
 * held was let go by the last who had it. Two replays of the ledger: who held what to the last; what the child had.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/grow.h"
#include "model/facts.h"
#include "model/ledger.h"
#include "out/compare.h"

/* More holdings than this are not replayed for a table. */
#define REPLAY_MAX 16000000

/* Of each open file. */
struct file_end {
	uint64_t last_ts; /* its last copy was closed */
	uint64_t eof_ts; /* its end was first read */
	bool held; /* a copy was never closed */
};

struct replay {
	const struct model *m;
	struct file_end *files;
	const struct process *p;
	struct extra *x;
};

static int note_release(void *arg, const struct holding *h)
{
	const struct replay *r = arg;
	struct file_end *f;

	if (h->file >= model_file_count(r->m))
		return 0;
	f = &r->files[h->file];
	if (!h->to_ts)
		f->held = true;
	else if (h->to_ts > f->last_ts)
		f->last_ts = h->to_ts;
	return 0;
}

/* Whether somebody at another end learns that it is closed. */
static bool is_channel(const struct model *m, uint32_t file)
{
	return model_other_end(m, file, MODEL_NONE) != MODEL_NONE;
}

static void note_last(const struct replay *r, uint32_t file)
{
	const struct file_end *f = &r->files[file];
	uint64_t end = r->p->end_ts, eof;
	uint32_t other = MODEL_NONE;

	if (!f->held && f->last_ts >= end && f->last_ts > r->x->last_close_ts)
		r->x->last_close_ts = f->last_ts;
	while ((other = model_other_end(r->m, file, other)) != MODEL_NONE) {
		eof = r->files[other].eof_ts;
		if (eof >= end && (!r->x->eof_ts || eof < r->x->eof_ts))
			r->x->eof_ts = eof;
	}
}

static int note_own(void *arg, const struct holding *h)
{
	const struct replay *r = arg;
	bool to_the_end = h->lost == FD_HOW_EXIT || h->lost == FD_HOW_HELD;

	if (h->fd <= 2 || !to_the_end || h->file >= model_file_count(r->m))
		return 0;
	r->x->leaked += h->got == FD_HOW_INHERITED && !h->used;
	if (r->p->ended && is_channel(r->m, h->file))
		note_last(r, h->file);
	return 0;
}

static void note_ends_read(const struct model *m, struct file_end *files)
{
	size_t n = model_fact_count(m, FS_EV_FD_EOF);

	for (size_t i = 0; i < n; i++) {
		const struct fs_event *e = model_fact(m, FS_EV_FD_EOF, i)->event;
		uint32_t file = model_find_file(m,
						((const struct fs_ev_fd *)(const void *)e)->file);

		if (file != MODEL_NONE && !files[file].eof_ts)
			files[file].eof_ts = e->ts_ns;
	}
}

static bool is_too_much(const struct model *m)
{
	size_t sum = 0;

	for (size_t i = 0; i < model_process_count(m) && sum <= REPLAY_MAX; i++)
		sum += model_holdings_bound(m, (uint32_t)i);
	return sum > REPLAY_MAX;
}

static int replay_all(const struct model *m, struct extra *extras)
{
	struct replay r = { .m = m };
	size_t n = model_process_count(m);
	int err = 0;

	if (model_options(m)->fds < FDS_FULL || is_too_much(m))
		return 0;
	r.files = calloc(model_file_count(m) + 1, sizeof(*r.files));
	if (!r.files)
		return -ENOMEM;
	note_ends_read(m, r.files);
	for (size_t i = 0; i < n && err == 0; i++)
		err = model_holdings(m, (uint32_t)i, note_release, &r);
	for (size_t i = 0; i < n && err == 0; i++) {
		r.p = model_process(m, (uint32_t)i);
		r.x = &extras[i];
		r.x->knows_fds = true;
		if (r.p->in_trace)
			err = model_holdings(m, (uint32_t)i, note_own, &r);
	}
	free(r.files);
	return err;
}

int compare_extras(const struct model *m, struct extra **ret)
{
	struct extra *extras = calloc(model_process_count(m) + 1, sizeof(*extras));
	const struct fd_pass *pass;
	int err;

	if (!extras)
		return -ENOMEM;
	for (size_t i = 0; (pass = model_pass(m, i)); i++)
		if (pass->for_process != MODEL_NONE && pass->received_ts)
			extras[pass->for_process].passed += pass->files;
	err = replay_all(m, extras);
	if (err)
		free(extras);
	else
		*ret = extras;
	return err;
}

int compare_note_starter(struct group *g, uint32_t process)
{
	size_t i = 0;

	/* Children come in order of birth: mostly it is the one before. */
	while (i < g->starter_count && g->starters[g->starter_count - 1 - i] != process)
		i++;
	if (process == MODEL_NONE || i < g->starter_count)
		return 0;
	if (grow(&g->starters, &g->starter_room, g->starter_count, 1, sizeof(*g->starters)) < 0)
		return -ENOMEM;
	g->starters[g->starter_count++] = process;
	return 0;
}

int compare_note_finding(struct group *g, const struct finding *f)
{
	size_t i = 0;

	g->findings += f->count;
	while (i < g->found_count && strcmp(g->found[i].rule, f->rule) != 0)
		i++;
	if (i == g->found_count) {
		if (grow(&g->found, &g->found_room, g->found_count, 1, sizeof(*g->found)) < 0)
			return -ENOMEM;
		g->found[g->found_count++] = (struct rule_count){ .rule = f->rule };
	}
	g->found[i].n += f->count;
	return 0;
}

const char *end_step_name(enum end_step step)
{
	static const char *const names[] = { "exit", "reap", "last close", "end-of-file" };

	return step < END_STEPS ? names[step] : NULL;
}

void compare_note_order(struct group *g, const struct model *m, const struct process *p,
			const struct extra *x)
{
	uint64_t zombie;
	const uint64_t at[END_STEPS] = {
		[END_EXIT] = p->ended ? p->end_ts : 0,
		[END_REAP] = process_zombie_ns(p, &zombie) ? p->reap_ts : 0,
		[END_LAST_CLOSE] = x->last_close_ts,
		[END_EOF] = x->eof_ts,
	};
	struct end_order o = { .n = 1 };
	size_t i, k;

	(void)m;
	if (!at[END_EXIT])
		return;
	for (i = 0; i < END_STEPS; i++) {
		if (!at[i])
			continue;
		for (k = o.count++; k > 0 && at[o.steps[k - 1]] > at[i]; k--)
			o.steps[k] = o.steps[k - 1];
		o.steps[k] = (uint8_t)i;
	}
	for (i = 0; i < g->order_count; i++)
		if (g->orders[i].count == o.count &&
		    memcmp(g->orders[i].steps, o.steps, o.count) == 0)
			break;
	if (i == END_ORDERS_MAX)
		return;
	if (i == g->order_count)
		g->orders[g->order_count++] = o;
	else
		g->orders[i].n++;
}

const struct end_order *compare_common_order(const struct group *g)
{
	const struct end_order *best = NULL;

	for (size_t i = 0; i < g->order_count; i++)
		if (!best || g->orders[i].n > best->n)
			best = &g->orders[i];
	return best;
}
