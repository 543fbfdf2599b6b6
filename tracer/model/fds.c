/* SPDX-License-Identifier: MIT */
/*
 * What events do to fd tables.
 *
 * Whole tables come at fork, after exec and at attaching, in pieces; a table of which a piece is missing
 * counts as not seen. A child's table at its birth is a copy of its creator's, so it tells what the creator
 * held at that moment too: that is how tables stay nearly right without --fds=full, and how a lost open or
 * close is repaired with it. With --fds=full each change is followed.
 */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/syscall.h>

#include "model/impl.h"

static int own_table(struct model *m, uint32_t process, struct fd_table **ret)
{
	struct process_work *w = &m->work[process];

	if (!w->table)
		w->table = fd_table_new();
	*ret = w->table;
	return w->table ? 0 : -ENOMEM;
}

/* Its table, to be changed. */
static int live_table(struct model *m, uint32_t process, struct fd_table **ret)
{
	const struct process *p = &m->processes[process];
	int err = own_table(m, process, ret);

	if (err < 0)
		return err;
	return fd_table_make_live(*ret, p->attached || p->shares_table ? NULL : p->table_at_start);
}

static int unshare_table(struct model *m, uint32_t process)
{
	struct process_work *w = &m->work[process];
	struct fd_table *copy;

	if (!w->table || w->table->refs == 1)
		return 0;
	copy = fd_table_copy(w->table);
	if (!copy)
		return -ENOMEM;
	fd_table_unref(w->table);
	w->table = copy;
	return 0;
}

static int log_change(struct model *m, const struct fd_change *change)
{
	struct process *p = &m->processes[change->process];
	uint32_t index = (uint32_t)m->change_count;

	if (m->change_count >= MODEL_NONE ||
	    grow(&m->changes, &m->change_room, m->change_count, 1, sizeof(*m->changes)) < 0)
		return -ENOMEM;
	m->changes[index] = *change;
	m->changes[index].prev = p->last_change;
	p->last_change = index;
	m->change_count++;
	return 0;
}

/* A whole table of a process was seen. */
static int see_table(struct model *m, uint32_t process, const struct interned *table, uint64_t ts)
{
	struct fd_change change = { .ts = ts, .process = process, .what = CHANGE_TABLE };
	struct fd_table *t;
	bool differs;
	int err = own_table(m, process, &t);

	if (err == 0)
		err = fd_table_see(t, table, &differs);
	if (err < 0)
		return err;
	m->work[process].table_seen_ts = ts;
	pass_check_table(m, process, table, ts);
	if (!differs)
		return 0;
	if (grow(&m->seen_tables, &m->seen_room, m->seen_count, 1, sizeof(*m->seen_tables)) < 0)
		return -ENOMEM;
	change.arg = (uint32_t)m->seen_count;
	m->seen_tables[m->seen_count++] = table;
	return log_change(m, &change);
}

static void count_at_start(struct process *p, const struct interned *table)
{
	const struct table_entry *e = table_entries(table);
	size_t n = table_count(table), i;

	p->table_at_start = table;
	p->knows_at_start = true;
	p->fds_at_start = (uint32_t)n;
	p->fds_inherited = p->attached ? 0 : (uint32_t)n;
	p->fds_cloexec = 0;
	for (i = 0; i < n; i++)
		p->fds_cloexec += e[i].cloexec;
}

static int table_at_fork(struct model *m, uint32_t process, const struct interned *table)
{
	struct process *p = &m->processes[process];
	struct fd_table *t;
	int err;

	if (p->table_at_start)
		return 0;
	count_at_start(p, table);
	err = own_table(m, process, &t);
	if (err < 0)
		return err;
	t->base = table;
	if (!p->knows_fork || p->creator == MODEL_NONE || !m->processes[p->creator].in_trace)
		return 0;
	/* Of before the fork: what the creator no longer held then, it had let go earlier. */
	return see_table(m, p->creator, table, p->birth_ts - 1);
}

static int whole_table(struct model *m, uint32_t process, uint32_t when, uint64_t ts,
		       const struct table_pieces *pieces)
{
	struct process *p = &m->processes[process];
	const struct interned *table = intern(&m->pool, pieces->entries,
					      pieces->count * sizeof(*pieces->entries));

	if (!table)
		return -ENOMEM;
	switch (when) {
	case FS_TABLE_AT_FORK:
		return table_at_fork(m, process, table);
	case FS_TABLE_AFTER_EXEC:
		p->execed = true;
		if (!p->table_after_exec && p->images <= 1) {
			p->table_after_exec = table;
			p->knows_after_exec = true;
			p->fds_after_exec = (uint32_t)table_count(table);
		}
		/* The command itself is traced from its exec on: that is where its inheritance begins. */
		if (p->is_target && !p->table_at_start)
			count_at_start(p, table);
		return see_table(m, process, table, ts);
	case FS_TABLE_ATTACHED:
		p->attached = true;
		if (!p->table_at_start)
			count_at_start(p, table);
		return see_table(m, process, table, ts);
	default:
		return 0;
	}
}

static int by_fd(const void *a, const void *b)
{
	const struct table_entry *x = a, *y = b;

	return x->fd < y->fd ? -1 : x->fd > y->fd;
}

/* The kernel gives a table in order; a trace may say anything. */
static void put_in_order(struct table_pieces *t)
{
	size_t i, to = 0;

	for (i = 1; i < t->count; i++)
		if (t->entries[i - 1].fd >= t->entries[i].fd)
			break;
	if (i >= t->count)
		return;
	qsort(t->entries, t->count, sizeof(*t->entries), by_fd);
	for (i = 0; i < t->count; i++)
		if (to == 0 || t->entries[to - 1].fd != t->entries[i].fd)
			t->entries[to++] = t->entries[i];
	t->count = to;
}

static int append_piece(struct model *m, struct table_pieces *t, const struct fs_ev_fd_table *e)
{
	const struct fs_fd *fds = (const void *)(e + 1);
	struct table_entry entry;
	uint32_t i;
	int err;

	if (grow(&t->entries, &t->room, t->count, e->count, sizeof(*t->entries)) < 0)
		return -ENOMEM;
	for (i = 0; i < e->count; i++) {
		err = get_file(m, fds[i].file, &entry.file);
		if (err < 0)
			return err;
		entry.fd = fds[i].fd & ~FD_CLOEXEC_BIT;
		entry.cloexec = fds[i].flags & FS_FD_CLOEXEC ? 1 : 0;
		t->entries[t->count++] = entry;
	}
	return 0;
}

static void free_pieces(struct process_work *w)
{
	if (!w->pieces)
		return;
	free(w->pieces->entries);
	free(w->pieces);
	w->pieces = NULL;
}

/* A piece of a table of several. */
static int add_piece(struct model *m, uint32_t process, const struct fs_ev_fd_table *e)
{
	struct process_work *w = &m->work[process];
	int err = 0;

	if (e->count_before == 0)
		free_pieces(w);
	if (!w->pieces) {
		w->pieces = calloc(1, sizeof(*w->pieces));
		if (!w->pieces)
			return -ENOMEM;
	}
	if (e->count_before != w->pieces->count)
		w->pieces->broken = true;
	if (!w->pieces->broken)
		err = append_piece(m, w->pieces, e);
	if (err < 0)
		w->pieces->broken = true;
	if (e->last) {
		if (!w->pieces->broken) {
			put_in_order(w->pieces);
			err = whole_table(m, process, e->when, e->h.ts_ns, w->pieces);
		}
		free_pieces(w);
	}
	return err;
}

/* The table as it is now, interned; NULL: no memory. */
static const struct interned *snapshot(struct model *m, const struct fd_table *t)
{
	struct table_entry *e;
	size_t i;

	if (!t->is_live)
		return t->base;
	m->scratch.count = 0;
	if (grow(&m->scratch.entries, &m->scratch.room, 0, t->count, sizeof(*e)) < 0)
		return NULL;
	for (i = 0; i < t->count; i++) {
		if (t->slots[i].file == MODEL_NONE)
			continue;
		e = &m->scratch.entries[m->scratch.count++];
		e->file = t->slots[i].file;
		e->fd = t->slots[i].fd & ~FD_CLOEXEC_BIT;
		e->cloexec = t->slots[i].fd & FD_CLOEXEC_BIT ? 1 : 0;
	}
	return intern(&m->pool, m->scratch.entries, m->scratch.count * sizeof(*e));
}

static int share_table(struct model *m, uint32_t child, uint32_t creator)
{
	const struct interned *now;
	struct fd_table *t;
	int err;

	if (creator == MODEL_NONE || creator == child || m->work[child].table)
		return 0;
	err = own_table(m, creator, &t);
	if (err < 0)
		return err;
	t->refs++;
	m->work[child].table = t;
	m->processes[child].shares_table = true;
	/* No table comes with it: what it holds is known where each change of its creator's was seen. */
	if (m->options.fds < FDS_FULL || !t->base || model_lost(m))
		return 0;
	now = snapshot(m, t);
	if (!now)
		return -ENOMEM;
	count_at_start(&m->processes[child], now);
	return 0;
}

static int add_table(struct model *m, const struct fs_ev_fd_table *e)
{
	uint32_t process;
	int err = get_actor(m, &e->h, &process);

	if (err < 0 || process == MODEL_NONE)
		return err;
	if (e->count > (e->h.size - sizeof(*e)) / sizeof(struct fs_fd))
		return 0;
	if (e->table_flags & FS_TABLE_SHARED)
		return share_table(m, process, m->processes[process].creator);
	if (e->count_before != 0 || !e->last)
		return add_piece(m, process, e);
	free_pieces(&m->work[process]);
	m->scratch.count = 0;
	err = append_piece(m, &m->scratch, e);
	if (err < 0)
		return err;
	put_in_order(&m->scratch);
	return whole_table(m, process, e->when, e->h.ts_ns, &m->scratch);
}

int fds_of_fork(struct model *m, uint32_t child)
{
	const struct process *p = &m->processes[child];

	if (p->clone_flags & CLONE_FILES && m->options.fds >= FDS_SNAPSHOT)
		return share_table(m, child, p->creator);
	return 0;
}

/* CLOEXEC ones go. The table after the exec, if it was seen, comes later and has the last word. */
int fds_of_exec(struct model *m, uint32_t process, uint64_t ts)
{
	struct fd_change change = { .ts = ts, .process = process, .what = CHANGE_EXEC };
	const struct table_entry *e;
	struct fd_table *t;
	size_t i, n;
	int err;

	if (!m->work[process].table)
		return 0;
	err = unshare_table(m, process);
	if (err < 0)
		return err;
	t = m->work[process].table;
	if (t->is_live) {
		for (i = 0; i < t->count; i++)
			if (t->slots[i].file != MODEL_NONE && t->slots[i].fd & FD_CLOEXEC_BIT) {
				if (t->slots[i].bits & SLOT_RECEIVED)
					pass_let_go(m, process, t->slots[i].fd & ~FD_CLOEXEC_BIT,
						    t->slots[i].file, ts);
				fd_table_drop(t, &t->slots[i]);
			}
	} else if (t->base) {
		e = table_entries(t->base);
		n = table_count(t->base);
		m->scratch.count = 0;
		if (grow(&m->scratch.entries, &m->scratch.room, 0, n, sizeof(*e)) < 0)
			return -ENOMEM;
		for (i = 0; i < n; i++)
			if (!e[i].cloexec)
				m->scratch.entries[m->scratch.count++] = e[i];
		t->base = intern(&m->pool, m->scratch.entries, m->scratch.count * sizeof(*e));
		if (!t->base)
			return -ENOMEM;
	}
	return log_change(m, &change);
}

void fds_of_exit(struct model *m, uint32_t process)
{
	struct process_work *w = &m->work[process];

	free_pieces(w);
	fd_table_unref(w->table);
	w->table = NULL;
}

/* A new fd, whatever was there before. */
static int gain(struct model *m, const struct fd_change *change, uint32_t bits)
{
	uint32_t fd = change->fd & ~FD_CLOEXEC_BIT;
	struct fd_table *t;
	struct fd_slot *slot;
	int err = live_table(m, change->process, &t);

	if (err < 0)
		return err;
	slot = fd_table_find(t, fd);
	if (slot && slot->bits & SLOT_RECEIVED)
		pass_let_go(m, change->process, fd, slot->file, change->ts);
	err = fd_table_set(t, change->fd, change->file, bits);
	return err < 0 ? err : log_change(m, change);
}

int fds_gain(struct model *m, const struct fd_change *change)
{
	if (m->options.fds < FDS_SNAPSHOT)
		return log_change(m, change);
	return gain(m, change, SLOT_RECEIVED);
}

int fds_mark_used(struct model *m, uint32_t process, uint32_t fd, uint32_t file)
{
	struct fd_table *t;
	struct fd_slot *slot;
	int err;

	if (m->options.fds < FDS_FULL)
		return 0;
	err = live_table(m, process, &t);
	if (err < 0)
		return err;
	slot = fd_table_find(t, fd);
	if (!slot || (file != FILE_UNKNOWN && slot->file != file)) {
		/* Its opening was not seen. */
		return file == FILE_UNKNOWN ? 0 : fd_table_set(t, fd, file, SLOT_USED);
	}
	if (slot->bits & SLOT_INHERITED && !(slot->bits & SLOT_USED))
		m->work[process].inherited_used++;
	slot->bits |= SLOT_USED;
	return 0;
}

int fds_note_use(struct model *m, uint32_t process, uint32_t fd, uint32_t file, uint64_t ts)
{
	struct fd_change change = { .ts = ts,
				    .process = process,
				    .what = CHANGE_USE,
				    .fd = fd & ~FD_CLOEXEC_BIT,
				    .file = file };
	int err;

	if (m->options.fds < FDS_FULL)
		return 0;
	err = fds_mark_used(m, process, change.fd, file);
	return err < 0 ? err : log_change(m, &change);
}

static uint32_t fd_with_flags(uint32_t fd, uint32_t flags)
{
	return (fd & ~FD_CLOEXEC_BIT) | (flags & FS_FD_CLOEXEC ? FD_CLOEXEC_BIT : 0);
}

static int on_close(struct model *m, const struct fd_change *change)
{
	struct fd_table *t;
	struct fd_slot *slot;
	int err = live_table(m, change->process, &t);

	if (err < 0)
		return err;
	slot = fd_table_find(t, change->fd & ~FD_CLOEXEC_BIT);
	if (slot) {
		if (slot->bits & SLOT_RECEIVED)
			pass_let_go(m, change->process, change->fd & ~FD_CLOEXEC_BIT, slot->file,
				    change->ts);
		fd_table_drop(t, slot);
	}
	return log_change(m, change);
}

static int on_close_range(struct model *m, uint32_t process, const struct fs_ev_fd_close_range *e)
{
	struct fd_change change = { .ts = e->h.ts_ns,
				    .process = process,
				    .what = CHANGE_CLOSE_RANGE,
				    .file = e->range_flags,
				    .fd = e->first,
				    .arg = e->last };
	struct fd_table *t;
	size_t i;
	int err = e->range_flags & FS_CLOSE_RANGE_UNSHARE ? unshare_table(m, process) : 0;

	if (err == 0)
		err = live_table(m, process, &t);
	if (err < 0)
		return err;
	for (i = 0; i < t->count; i++) {
		uint32_t fd = t->slots[i].fd & ~FD_CLOEXEC_BIT;

		if (t->slots[i].file == MODEL_NONE || fd < e->first || fd > e->last)
			continue;
		if (e->range_flags & FS_CLOSE_RANGE_CLOEXEC) {
			t->slots[i].fd |= FD_CLOEXEC_BIT;
			continue;
		}
		if (t->slots[i].bits & SLOT_RECEIVED)
			pass_let_go(m, process, fd, t->slots[i].file, e->h.ts_ns);
		fd_table_drop(t, &t->slots[i]);
	}
	return log_change(m, &change);
}

/* By its number in a 64-bit program; a 32-bit one's may be. */
static bool is_of_pair(const struct fs_ev_fd *e)
{
	return e->h.flags & FS_EVENT_COMPAT || e->syscall == SYS_socketpair;
}

static int on_fd(struct model *m, uint32_t process, const struct fs_ev_fd *e)
{
	struct fd_change change = { .ts = e->h.ts_ns,
				    .process = process,
				    .tid = e->h.tid,
				    .fd = fd_with_flags(e->fd, e->flags) };
	struct fd_table *t;
	struct fd_slot *slot;
	int err = get_file(m, e->file, &change.file);

	if (err < 0)
		return err;
	switch (e->h.type) {
	case FS_EV_FD_OPEN:
		change.what = CHANGE_OPEN;
		if (change.file != FILE_UNKNOWN && m->files[change.file].opener == MODEL_NONE) {
			m->files[change.file].opener = process;
			m->files[change.file].of_pair = is_of_pair(e);
		}
		return gain(m, &change, 0);
	case FS_EV_FD_CLOSE:
		change.what = CHANGE_CLOSE;
		return on_close(m, &change);
	case FS_EV_FD_USE:
		return fds_note_use(m, process, e->fd, change.file, e->h.ts_ns);
	case FS_EV_FD_CLOEXEC:
		change.what = CHANGE_CLOEXEC;
		err = live_table(m, process, &t);
		if (err < 0)
			return err;
		slot = fd_table_find(t, e->fd & ~FD_CLOEXEC_BIT);
		if (slot)
			slot->fd = change.fd;
		return log_change(m, &change);
	default:
		return unshare_table(m, process);
	}
}

static int on_dup(struct model *m, uint32_t process, const struct fs_ev_fd_dup *e)
{
	struct fd_change change = { .ts = e->h.ts_ns,
				    .process = process,
				    .what = CHANGE_DUP,
				    .tid = e->h.tid,
				    .fd = fd_with_flags(e->fd, e->flags),
				    .arg = e->old_fd };
	int err = get_file(m, e->file, &change.file);

	if (err == 0)
		err = fds_mark_used(m, process, e->old_fd & ~FD_CLOEXEC_BIT, change.file);
	return err < 0 ? err : gain(m, &change, 0);
}

int add_fds(struct model *m, const struct fs_event *e)
{
	const void *any = e;
	uint32_t process;
	int err;

	switch (e->type) {
	case FS_EV_FILE:
		return add_file(m, any);
	case FS_EV_FD_TABLE:
		return add_table(m, any);
	case FS_EV_FD_OPEN:
	case FS_EV_FD_CLOSE:
	case FS_EV_FD_USE:
	case FS_EV_FD_CLOEXEC:
	case FS_EV_FD_UNSHARE:
	case FS_EV_FD_DUP:
	case FS_EV_FD_CLOSE_RANGE:
		break;
	default:
		return 1;
	}
	err = get_actor(m, e, &process);
	if (err < 0 || process == MODEL_NONE)
		return err;
	if (e->type == FS_EV_FD_DUP)
		return on_dup(m, process, any);
	if (e->type == FS_EV_FD_CLOSE_RANGE)
		return on_close_range(m, process, any);
	return on_fd(m, process, any);
}
