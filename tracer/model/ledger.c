/* SPDX-License-Identifier: MIT */
/*
 * The fd ledger: replays one process's table from its birth and tells each holding when it ends.
 */
#include "model/ledger.h"

#include <errno.h>
#include <stdlib.h>

#include "model/impl.h"

struct replay {
	const struct model *m;
	uint32_t process;
	struct holding *held; /* open holdings, in order of fd */
	size_t count, room;
	holding_fn fn;
	void *arg;
};

const char *fd_how_name(enum fd_how how)
{
	static const char *const names[] = {
		[FD_HOW_UNKNOWN] = "unknown",	[FD_HOW_INHERITED] = "inherited",
		[FD_HOW_ATTACHED] = "attached", [FD_HOW_OPENED] = "opened",
		[FD_HOW_DUPED] = "duped",	[FD_HOW_PASSED] = "passed",
		[FD_HOW_GETFD] = "pidfd_getfd", [FD_HOW_HELD] = "held",
		[FD_HOW_CLOSED] = "closed",	[FD_HOW_REPLACED] = "replaced",
		[FD_HOW_EXEC] = "exec",		[FD_HOW_EXIT] = "exit",
		[FD_HOW_GONE] = "gone",
	};

	return (unsigned)how < sizeof(names) / sizeof(names[0]) ? names[how] : NULL;
}

static size_t find(const struct replay *r, uint32_t fd)
{
	size_t low = 0, high = r->count, mid;

	while (low < high) {
		mid = low + (high - low) / 2;
		if (r->held[mid].fd < fd)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static struct holding *held_at(const struct replay *r, uint32_t fd)
{
	size_t at = find(r, fd);

	return at < r->count && r->held[at].fd == fd ? &r->held[at] : NULL;
}

static int end_holding(struct replay *r, const struct holding *h, uint64_t ts, enum fd_how how)
{
	struct holding ended = *h;

	ended.to_ts = ts;
	ended.lost = (uint8_t)how;
	return r->fn(r->arg, &ended);
}

static int lose(struct replay *r, uint32_t fd, uint64_t ts, enum fd_how how)
{
	size_t at = find(r, fd);
	int ret;

	if (at == r->count || r->held[at].fd != fd)
		return 0;
	ret = end_holding(r, &r->held[at], ts, how);
	r->count--;
	memmove(&r->held[at], &r->held[at + 1], (r->count - at) * sizeof(*r->held));
	return ret;
}

static int hold(struct replay *r, const struct holding *h)
{
	int ret = lose(r, h->fd, h->from_ts, FD_HOW_REPLACED);
	size_t at = find(r, h->fd);

	if (ret)
		return ret;
	if (grow(&r->held, &r->room, r->count, 1, sizeof(*r->held)) < 0)
		return -ENOMEM;
	memmove(&r->held[at + 1], &r->held[at], (r->count - at) * sizeof(*r->held));
	r->held[at] = *h;
	r->count++;
	return 0;
}

/* Ends all holdings for which `pick` is true: in place, in one walk. */
static int lose_some(struct replay *r, const struct fd_change *c, enum fd_how how,
		     bool (*pick)(const struct replay *, const struct fd_change *,
				  const struct holding *))
{
	size_t i, to = 0;
	int ret = 0;

	for (i = 0; i < r->count; i++) {
		if (ret == 0 && pick(r, c, &r->held[i]))
			ret = end_holding(r, &r->held[i], c->ts, how);
		else
			r->held[to++] = r->held[i];
	}
	r->count = to;
	return ret;
}

static bool is_cloexec(const struct replay *r, const struct fd_change *c, const struct holding *h)
{
	(void)r;
	(void)c;
	return h->cloexec;
}

static bool in_range(const struct replay *r, const struct fd_change *c, const struct holding *h)
{
	(void)r;
	return h->fd >= c->fd && h->fd <= c->arg;
}

static bool not_in_table(const struct replay *r, const struct fd_change *c, const struct holding *h)
{
	return !table_has(r->m->seen_tables[c->arg], h->fd, h->file);
}

static struct holding new_holding(const struct replay *r, uint64_t ts, uint32_t file, uint32_t fd,
				  bool cloexec, enum fd_how got)
{
	return (struct holding){
		.from_ts = ts,
		.process = r->process,
		.file = file,
		.fd = fd,
		.from = MODEL_NONE,
		.from_fd = MODEL_NONE,
		.got = (uint8_t)got,
		.born_cloexec = cloexec,
		.cloexec = cloexec,
	};
}

static int take_table(struct replay *r, const struct interned *table, uint64_t ts, enum fd_how got,
		      uint32_t from)
{
	const struct table_entry *e = table_entries(table);
	size_t n = table_count(table), i;
	struct holding *known, h;
	int ret = 0;

	for (i = 0; i < n && ret == 0; i++) {
		known = held_at(r, e[i].fd);
		if (known && known->file == e[i].file) {
			known->cloexec = e[i].cloexec;
			continue;
		}
		h = new_holding(r, ts, e[i].file, e[i].fd, e[i].cloexec, got);
		h.from = from;
		if (from != MODEL_NONE)
			h.from_fd = e[i].fd;
		ret = hold(r, &h);
	}
	return ret;
}

static int gain(struct replay *r, const struct fd_change *c, enum fd_how got)
{
	struct holding h = new_holding(r, c->ts, c->file, c->fd & ~FD_CLOEXEC_BIT,
				       c->fd & FD_CLOEXEC_BIT, got);
	const struct fd_pass *pass;
	uint32_t i;

	h.tid = c->tid;
	if (got == FD_HOW_DUPED) {
		h.from_fd = c->arg;
		if (held_at(r, c->arg))
			held_at(r, c->arg)->used = true;
	}
	if (got == FD_HOW_PASSED || got == FD_HOW_GETFD) {
		pass = model_pass(r->m, c->arg);
		h.from = pass->from;
		for (i = 0; i < pass->files; i++)
			if ((uint32_t)r->m->pass_files[pass->first_file + i].to_fd == h.fd)
				h.from_fd =
					(uint32_t)r->m->pass_files[pass->first_file + i].from_fd;
	}
	return hold(r, &h);
}

static void note_use(struct replay *r, const struct fd_change *c)
{
	struct holding *h = held_at(r, c->fd & ~FD_CLOEXEC_BIT);

	if (!h)
		return;
	if (c->what == CHANGE_USE) {
		h->used = true;
		return;
	}
	h->cloexec = c->fd & FD_CLOEXEC_BIT;
	*(h->cloexec ? &h->cloexec_on_ts : &h->cloexec_off_ts) = c->ts;
}

static int replay_one(struct replay *r, const struct fd_change *c)
{
	int ret;

	switch (c->what) {
	case CHANGE_OPEN:
		return gain(r, c, FD_HOW_OPENED);
	case CHANGE_DUP:
		return gain(r, c, FD_HOW_DUPED);
	case CHANGE_RECV:
		return gain(r, c, FD_HOW_PASSED);
	case CHANGE_GETFD:
		return gain(r, c, FD_HOW_GETFD);
	case CHANGE_CLOSE:
		return lose(r, c->fd & ~FD_CLOEXEC_BIT, c->ts, FD_HOW_CLOSED);
	case CHANGE_CLOSE_RANGE:
		if (c->file & FS_CLOSE_RANGE_CLOEXEC) {
			size_t i;

			for (i = 0; i < r->count; i++)
				if (in_range(r, c, &r->held[i]))
					r->held[i].cloexec = true;
			return 0;
		}
		return lose_some(r, c, FD_HOW_CLOSED, in_range);
	case CHANGE_CLOEXEC:
	case CHANGE_USE:
		note_use(r, c);
		return 0;
	case CHANGE_EXEC:
		return lose_some(r, c, FD_HOW_EXEC, is_cloexec);
	case CHANGE_TABLE:
		ret = lose_some(r, c, FD_HOW_GONE, not_in_table);
		return ret ? ret
			   : take_table(r, r->m->seen_tables[c->arg], c->ts, FD_HOW_UNKNOWN,
					MODEL_NONE);
	default:
		return 0;
	}
}

static size_t count_changes(const struct model *m, uint32_t process)
{
	uint32_t at;
	size_t n = 0;

	for (at = m->processes[process].last_change; at != MODEL_NONE; at = m->changes[at].prev)
		n++;
	return n;
}

size_t model_holdings_bound(const struct model *m, uint32_t process)
{
	const struct process *p = model_process(m, process);
	size_t n = 0;
	uint32_t at;

	if (!p)
		return 0;
	for (at = p->last_change; at != MODEL_NONE; at = m->changes[at].prev)
		n += m->changes[at].what == CHANGE_TABLE
			     ? table_count(m->seen_tables[m->changes[at].arg])
			     : 1;
	return n + table_count(p->table_at_start);
}

/* What the process began with. Of the command itself the exec's table may be the first one seen. */
static int begin(struct replay *r, const struct process *p)
{
	enum fd_how got = FD_HOW_INHERITED;

	if (p->attached)
		got = FD_HOW_ATTACHED;
	return take_table(r, p->table_at_start, p->birth_ts, got,
			  p->attached ? MODEL_NONE : p->creator);
}

int model_holdings(const struct model *m, uint32_t process, holding_fn fn, void *arg)
{
	struct replay r = { .m = m, .process = process, .fn = fn, .arg = arg };
	const struct process *p = model_process(m, process);
	uint32_t *order, at;
	size_t n, i;
	int ret;

	if (!p)
		return 0;
	n = count_changes(m, process);
	order = calloc(n + 1, sizeof(*order));
	if (!order)
		return -ENOMEM;
	for (at = p->last_change, i = n; at != MODEL_NONE; at = m->changes[at].prev)
		order[--i] = at;
	ret = begin(&r, p);
	for (i = 0; i < n && ret == 0; i++)
		ret = replay_one(&r, &m->changes[order[i]]);
	for (i = 0; i < r.count && ret == 0; i++)
		ret = end_holding(&r, &r.held[i], p->ended ? p->end_ts : 0,
				  p->ended ? FD_HOW_EXIT : FD_HOW_HELD);
	free(order);
	free(r.held);
	return ret;
}
