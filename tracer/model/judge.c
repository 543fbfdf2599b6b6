/* SPDX-License-Identifier: MIT */
/*
 * The verdicts over the whole: start methods, logical parents, roles. doc/design.md tells each rule in prose.
 *
 * Order matters: start methods first (they need only facts), then roles (they need start methods).
 */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>

#include "model/impl.h"
#include "model/kind.h"

#define ARGS_LOOKED_AT 64

/* --- start methods ------------------------------------------------------------------------- */

struct request {
	bool holds; /* the child was born with a file of it */
	bool kept; /* and has one after its exec */
	bool let_go; /* the server gave one up after the fork */
	uint32_t from; /* who asked; MODEL_NONE: outside, or its sending was lost */
	uint32_t passes;
};

static bool lost_fd_events(const struct model *m, uint64_t from, uint64_t to)
{
	unsigned type;

	for (type = FS_EV_FD_TABLE; type <= FS_EV_FD_UNSHARE; type++)
		if (model_lost_between(m, type, from, to))
			return true;
	return false;
}

static void look_at_pass(const struct model *m, const struct process *c, const struct fd_pass *pass,
			 struct request *r, bool *ret_holds)
{
	uint32_t i;

	*ret_holds = false;
	for (i = 0; i < pass->files; i++) {
		const struct pass_file *pf = &m->pass_files[pass->first_file + i];

		if (pf->to_fd < 0 || pf->file == FILE_UNKNOWN)
			continue;
		if (table_has_file(c->table_at_start, pf->file))
			*ret_holds = true;
		if (table_has_file(c->table_after_exec, pf->file))
			r->kept = true;
		if (pf->let_go_ts > c->birth_ts)
			r->let_go = true;
	}
}

/* What the forking thread had received for this child, if anything. Marks the passes when `mark` is set. */
static struct request read_request(struct model *m, uint32_t child, bool mark)
{
	const struct process *c = &m->processes[child];
	const struct process_work *w = &m->work[child];
	struct request r = { .from = MODEL_NONE };
	uint32_t at;
	bool holds;

	for (at = w->request; at != MODEL_NONE && at != w->request_stop;
	     at = m->passes[at].prev_recv) {
		struct fd_pass *pass = &m->passes[at];

		if (pass->from == c->creator)
			continue;
		look_at_pass(m, c, pass, &r, &holds);
		if (!holds)
			continue;
		r.holds = true;
		r.passes++;
		/* The chain runs backwards: the first request of all is what counts. */
		if (pass->from != MODEL_NONE && m->processes[pass->from].in_trace)
			r.from = pass->from;
		if (mark && pass->for_process == MODEL_NONE)
			pass->for_process = child;
	}
	return r;
}

/* Whether later tables or closes could have told that the server let go. */
static bool would_know(const struct model *m, const struct process *c)
{
	if (c->creator == MODEL_NONE)
		return false;
	if (m->work[c->creator].table_seen_ts > c->birth_ts)
		return true;
	return m->options.fds == FDS_FULL && !lost_fd_events(m, c->birth_ts, 0);
}

/*
 * A proven fork server: the thread that forked had received fds since its fork before, the child was born
 * with one of them (and kept one through its exec), and the server let go of one afterwards, unless nothing
 * that came later could have told.
 */
static enum start_method judge_request(struct model *m, uint32_t child, enum start_method otherwise)
{
	const struct process *c = &m->processes[child];
	struct request r = read_request(m, child, false);

	if (m->work[child].request == MODEL_NONE ||
	    m->work[child].request == m->work[child].request_stop)
		return otherwise;
	if (!c->table_at_start)
		return m->options.fds >= FDS_SNAPSHOT && !c->shares_table ? START_UNKNOWN
									  : otherwise;
	if (!r.holds || (!r.let_go && would_know(m, c)))
		return otherwise;
	if (c->execed && !r.kept)
		return c->table_after_exec ? otherwise : START_UNKNOWN;
	return START_FORKSERVER;
}

/* --- libprocpool --------------------------------------------------------------------------- */

/* What its fresh images have as their one argument, and the memory a worker is born with. */
#define POOL_SERVER "--procpool-server="
#define POOL_WORKER "--procpool-worker="
#define POOL_LANE "memfd:procpool-lane"

static bool argument_begins(const struct image *image, const char *text)
{
	const char *nul;
	size_t left;

	if (!image || image->argc != 2)
		return false;
	nul = memchr(image->argv->data, '\0', image->argv->len);
	if (!nul)
		return false;
	left = image->argv->len - (size_t)(nul + 1 - (const char *)image->argv->data);
	return left >= strlen(text) && memcmp(nul + 1, text, strlen(text)) == 0;
}

/* A worker of its fork server: cloned as the child of the one who asked. */
static bool is_pool_server_child(const struct model *m, const struct process *p)
{
	return p->clone_flags & CLONE_PARENT && !p->execed && p->creator != MODEL_NONE &&
	       argument_begins(model_image(m, m->processes[p->creator].last_image), POOL_SERVER);
}

/* The lane's fd is open only while its worker is started. */
static bool born_with_lane(const struct model *m, const struct process *p)
{
	const struct table_entry *e = table_entries(p->table_at_start);
	size_t n = p->table_at_start ? table_count(p->table_at_start) : 0, i;

	for (i = 0; i < n; i++) {
		const struct file *f = model_file(m, e[i].file);

		if (f && f->id->len >= strlen(POOL_LANE) &&
		    memcmp(f->id->data, POOL_LANE, strlen(POOL_LANE)) == 0)
			return true;
	}
	return false;
}

static enum role pool_role(const struct model *m, const struct process *p)
{
	const struct image *own = model_image(m, p->last_image);

	if (argument_begins(own, POOL_SERVER))
		return ROLE_FORKSERVER;
	if (!argument_begins(own, POOL_WORKER) && !is_pool_server_child(m, p) &&
	    (p->start_method != START_FORK || !born_with_lane(m, p)))
		return ROLE_NONE;
	return strcmp(p->comm, "procpool:spare") == 0 ? ROLE_SPARE : ROLE_WORKER;
}

static void judge_start(struct model *m, uint32_t index)
{
	struct process *p = &m->processes[index];
	enum start_method s;

	p->logical_parent = p->parent;
	if (p->is_target) {
		p->start_method = START_INITIAL;
		p->logical_parent = MODEL_NONE;
		return;
	}
	if (!p->knows_fork) {
		/* The table or process event of an attached one says so; else its fork was lost. */
		p->start_method = p->attached ? START_ATTACHED : START_UNKNOWN;
		return;
	}
	s = p->execed ? START_SPAWN : START_FORK;
	if (!p->execed && model_lost_between(m, FS_EV_EXEC, p->birth_ts, p->end_ts))
		s = START_UNKNOWN;
	if (is_pool_server_child(m, p)) {
		/* Who asked is its parent, with or without the request having been seen. */
		p->start_method = START_FORKSERVER;
		(void)read_request(m, index, true);
		m->work[p->creator].started_for_others = true;
		return;
	}
	p->start_method = s == START_UNKNOWN ? s : judge_request(m, index, s);
	if (p->start_method == START_FORKSERVER) {
		struct request r = read_request(m, index, true);

		p->logical_parent = r.from;
		m->work[p->creator].started_for_others = true;
	}
}

/* --- roles --------------------------------------------------------------------------------- */

/* Whether argv has `flag`; with `text`, whether the argument behind it begins with text. */
static bool has_argument(const struct image *image, const char *flag, const char *text)
{
	const char *at, *end, *nul;
	bool after_flag = false;
	unsigned n;

	if (!image)
		return false;
	at = image->argv->data;
	end = at + image->argv->len;
	for (n = 0; at < end && n < ARGS_LOOKED_AT; n++, at = nul + 1) {
		nul = memchr(at, '\0', (size_t)(end - at));
		if (!nul)
			nul = end;
		if (after_flag && strncmp(at, text, strlen(text)) == 0)
			return true;
		after_flag = strcmp(at, flag) == 0;
		if (after_flag && !text)
			return true;
	}
	return false;
}

static bool is_pipe_or_socket(const struct file *f)
{
	return f && f->kind && (f->kind == kind_pipe || f->sock_family);
}

static bool begin_stamps(struct model *m)
{
	size_t old = m->stamp_room;

	if (grow(&m->stamps, &m->stamp_room, 0, m->file_count + 1, sizeof(*m->stamps)) < 0)
		return false;
	if (m->stamp_room > old)
		memset(m->stamps + old, 0, (m->stamp_room - old) * sizeof(*m->stamps));
	m->stamp++;
	return true;
}

static void stamp_table(struct model *m, const struct interned *table)
{
	const struct table_entry *e = table_entries(table);
	size_t n = table_count(table), i;

	for (i = 0; i < n; i++)
		if (e[i].file < m->file_count)
			m->stamps[e[i].file] = m->stamp;
}

/* Whether a stamped file is the other end of this one. */
static bool other_end_stamped(const struct model *m, uint32_t file)
{
	uint32_t other = MODEL_NONE;

	if (!is_pipe_or_socket(model_file(m, file)))
		return false;
	while ((other = model_other_end(m, file, other)) != MODEL_NONE)
		if (m->stamps[other] == m->stamp)
			return true;
	return false;
}

/*
 * At the end of a process whose every open and close was seen: does it, that was born with a copy of its
 * parent's table, still hold above fd 2 what its parent held the other end of?
 */
void settle_pipe(struct model *m, uint32_t process)
{
	const struct process *p = &m->processes[process];
	struct process_work *w = &m->work[process];
	size_t i;

	if (m->options.fds != FDS_FULL || p->execed || !p->table_at_start || !w->table ||
	    !w->table->is_live || w->settled_pipe || !begin_stamps(m))
		return;
	stamp_table(m, p->table_at_start);
	w->settled_pipe = true;
	for (i = 0; i < w->table->count && !w->holds_parents_pipe; i++) {
		const struct fd_slot *s = &w->table->slots[i];

		w->holds_parents_pipe = s->file != MODEL_NONE && s->bits & SLOT_INHERITED &&
					(s->fd & ~FD_CLOEXEC_BIT) > 2 &&
					other_end_stamped(m, s->file);
	}
}

/* The same from the table at birth alone; alike siblings share the answer. */
static bool table_has_both_ends(struct model *m, const struct interned *table)
{
	const struct table_entry *e = table_entries(table);
	size_t n = table_count(table), i;
	uint64_t known;
	bool found = false;

	if (!table)
		return false;
	if (hashmap_get(&m->pipe_tables, (uintptr_t)table, 0, &known))
		return known;
	if (!begin_stamps(m))
		return false;
	stamp_table(m, table);
	for (i = 0; i < n && !found; i++)
		found = e[i].fd > 2 && other_end_stamped(m, e[i].file);
	/* Without memory the answer is worked out again next time. */
	(void)hashmap_put(&m->pipe_tables, (uintptr_t)table, 0, found);
	return found;
}

static bool is_forked_worker(struct model *m, uint32_t index)
{
	const struct process *p = &m->processes[index];

	if (p->start_method != START_FORK || p->shares_table)
		return false;
	settle_pipe(m, index);
	if (m->work[index].settled_pipe)
		return m->work[index].holds_parents_pipe;
	return table_has_both_ends(m, p->table_at_start);
}

static enum role judge_role(struct model *m, uint32_t index)
{
	const struct process *p = &m->processes[index];
	const struct image *own = model_image(m, p->last_image);
	enum role pool = pool_role(m, p);

	if (pool != ROLE_NONE)
		return pool;
	if (has_argument(own, "-c", "from multiprocessing.resource_tracker import main") ||
	    has_argument(own, "-c", "from multiprocessing.semaphore_tracker import main"))
		return ROLE_RESOURCE_TRACKER;
	if (m->work[index].started_for_others ||
	    has_argument(own, "-c", "from multiprocessing.forkserver import main"))
		return ROLE_FORKSERVER;
	if (p->start_method == START_FORKSERVER ||
	    has_argument(own, "--multiprocessing-fork", NULL) ||
	    has_argument(own, "-c", "from multiprocessing.spawn import spawn_main") ||
	    is_forked_worker(m, index))
		return ROLE_WORKER;
	return ROLE_NONE;
}

/* --- the rest ------------------------------------------------------------------------------ */

/* A wait call returned a process whose exit is missing: when exits were lost there, that was its end. */
static void judge_end(struct model *m, uint32_t index)
{
	struct process *p = &m->processes[index];
	const struct process_work *w = &m->work[index];

	if (p->ended || w->maybe_reaper == MODEL_NONE ||
	    !model_lost_between(m, FS_EV_EXIT, p->birth_ts, w->maybe_reap_ts))
		return;
	p->ended = true;
	p->end_ts = w->maybe_reap_ts;
	p->reaped = true;
	p->reap_unsure = true;
	p->reaper = w->maybe_reaper;
	p->reap_ts = 0;
}

static void judge_fds(struct model *m, uint32_t index)
{
	struct process *p = &m->processes[index];

	p->knows_received = m->options.bpf && m->options.fds >= FDS_PASS;
	p->knows_never_used = m->options.fds == FDS_FULL && p->knows_at_start && !p->attached &&
			      !p->shares_table && !p->io_uring &&
			      !lost_fd_events(m, p->birth_ts, p->end_ts);
	if (p->knows_never_used)
		p->fds_never_used = p->fds_inherited - m->work[index].inherited_used;
	if (p->attached && p->attached_threads > p->threads)
		p->threads = p->attached_threads;
}

struct birth {
	uint64_t start_ns;
	uint32_t index;
};

static int by_birth(const void *a, const void *b)
{
	const struct birth *x = a, *y = b;

	if (x->start_ns != y->start_ns)
		return x->start_ns < y->start_ns ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

/* Process ids are in order of birth, and start times tell that even where a fork event is missing. */
static int number_processes(struct model *m)
{
	struct birth *births = calloc(m->process_count + 1, sizeof(*births));
	size_t i, n = 0;

	free(m->born);
	m->born = calloc(m->process_count + 1, sizeof(*m->born));
	if (!births || !m->born) {
		free(births);
		return -ENOMEM;
	}
	for (i = 0; i < m->process_count; i++)
		if (m->processes[i].in_trace)
			births[n++] = (struct birth){ m->processes[i].start_ns, (uint32_t)i };
	qsort(births, n, sizeof(*births), by_birth);
	for (i = 0; i < n; i++) {
		m->born[i] = births[i].index;
		m->processes[births[i].index].number = (uint32_t)i;
	}
	m->born_count = n;
	free(births);
	return 0;
}

int judge(struct model *m)
{
	uint32_t i;
	int err = number_processes(m);

	if (err < 0)
		return err;
	for (i = 0; i < m->process_count; i++) {
		end_argv(m, i);
		if (!m->processes[i].in_trace)
			continue;
		judge_end(m, i);
		judge_start(m, i);
		judge_fds(m, i);
	}
	for (i = 0; i < m->process_count; i++)
		if (m->processes[i].in_trace)
			m->processes[i].role = judge_role(m, i);
	return 0;
}
