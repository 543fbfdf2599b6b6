/* SPDX-License-Identifier: MIT */
/*
 * A model as an SQLite database in memory; see sql.h.
 *
 * Rows are filled column by column in the order of sql_schema.h; a value that is not known is NULL. Processes are
 * named by their number (3 for p3), files by theirs (12 for f12), times count from the trace's start.
 */
#include <errno.h>
#include <string.h>
#include <sys/wait.h>

#include "base/escape.h"
#include "model/ledger.h"
#include "out/export.h"
#include "out/span.h"
#include "out/sql.h"
#include "out/sql_schema.h"
#include "out/text_parts.h"

/* Beyond so many the holdings are left out from there on, and the table `trace` says so. */
#define HOLDINGS_MAX 4000000

struct builder {
	const struct model *m;
	sqlite3 *db;
	sqlite3_stmt *row; /* the table being filled */
	int column; /* the last one set */
	struct buffer text;
	uint64_t holdings;
	sqlite3_int64 execs;
	int error;
};

/* --- rows --- */

static void check(struct builder *b, int result)
{
	if (result != SQLITE_OK && result != SQLITE_DONE && !b->error)
		b->error = result == SQLITE_NOMEM || result == SQLITE_TOOBIG ? -ENOMEM : -EIO;
}

static void table_begin(struct builder *b, const char *table, int columns)
{
	struct buffer sql = { 0 };
	int i;

	buffer_printf(&sql, "INSERT INTO %s VALUES (", table);
	for (i = 0; i < columns; i++)
		buffer_add_text(&sql, i ? ",?" : "?");
	buffer_add_char(&sql, ')');
	check(b, sqlite3_prepare_v2(b->db, buffer_text(&sql), -1, &b->row, NULL));
	buffer_free(&sql);
}

static void table_end(struct builder *b)
{
	check(b, sqlite3_finalize(b->row));
	b->row = NULL;
}

static void row_end(struct builder *b)
{
	if (!b->error)
		check(b, sqlite3_step(b->row));
	if (!b->error)
		check(b, sqlite3_reset(b->row));
	b->column = 0;
}

static void put_known(struct builder *b, bool known, uint64_t value)
{
	b->column++;
	check(b, known ? sqlite3_bind_int64(b->row, b->column, (sqlite3_int64)value)
		       : sqlite3_bind_null(b->row, b->column));
}

static void put(struct builder *b, uint64_t value)
{
	put_known(b, true, value);
}

static void put_null(struct builder *b)
{
	put_known(b, false, 0);
}

static void put_moment(struct builder *b, uint64_t ts)
{
	put_known(b, ts, ts - model_options(b->m)->start_ns);
}

static void put_process(struct builder *b, uint32_t index)
{
	const struct process *p = model_process(b->m, index);

	put_known(b, p && p->in_trace, p ? p->number : 0);
}

/* Text that is fit to be shown as it is. */
static void put_text(struct builder *b, const char *text)
{
	b->column++;
	check(b, text ? sqlite3_bind_text(b->row, b->column, text, -1, SQLITE_TRANSIENT)
		      : sqlite3_bind_null(b->row, b->column));
}

static void put_buffer(struct builder *b)
{
	put_text(b, buffer_text(&b->text));
	if (b->text.failed)
		b->error = -ENOMEM;
	buffer_reset(&b->text);
}

static void put_bytes(struct builder *b, const char *text, size_t len)
{
	escape_append(&b->text, text, len);
	put_buffer(b);
}

static void put_interned(struct builder *b, const struct interned *text)
{
	if (text)
		put_bytes(b, text->data, text->len);
	else
		put_null(b);
}

static void put_comm(struct builder *b, const char *comm)
{
	if (comm[0])
		put_bytes(b, comm, strnlen(comm, 16));
	else
		put_null(b);
}

/* --- tables --- */

static void put_exit(struct builder *b, const struct process *p)
{
	bool known = p->ended && p->knows_status;
	int status = (int)p->status;
	bool signaled = known && WIFSIGNALED(status);

	put_known(b, known && !signaled, (uint64_t)WEXITSTATUS(status));
	put_known(b, signaled, (uint64_t)WTERMSIG(status));
	put_known(b, signaled, WCOREDUMP(status) != 0);
}

static void put_birth(struct builder *b, const struct process *p)
{
	uint64_t ns = 0;
	bool known;

	put_process(b, p->parent);
	put_process(b, p->creator);
	put_process(b, p->logical_parent);
	put_text(b, start_method_name(p->start_method));
	put_text(b, mechanism_name(p->mechanism));
	put_text(b, role_name(p->role));
	put_known(b, p->knows_fork, p->threads_at_fork);
	known = process_call_ns(p, &ns);
	put_known(b, known, ns);
	known = process_window_ns(b->m, p, &ns);
	put_known(b, known, ns);
	known = process_suspended_ns(b->m, p, &ns);
	put_known(b, known, ns);
	put_moment(b, p->ready_ts);
}

static void put_end(struct builder *b, const struct process *p)
{
	uint64_t ns = 0;
	bool known = process_zombie_ns(p, &ns);

	put_exit(b, p);
	put_process(b, p->reaper);
	put_moment(b, p->reap_ts);
	put_known(b, known, ns);
	put_process(b, p->killer);
	put_known(b, p->knows_status, p->rss_peak_kb);
	put_known(b, p->knows_status, p->minor_faults);
	put_known(b, p->knows_status, p->major_faults);
	put_known(b, p->knows_status, p->cpu_ns);
}

static void add_process(struct builder *b, uint32_t index)
{
	const struct process *p = model_process(b->m, index);

	put(b, p->number);
	put(b, p->pid);
	put_known(b, p->ns_pid, p->ns_pid);
	put_comm(b, p->comm);
	add_command(&b->text, b->m, index);
	if (b->text.len)
		put_buffer(b);
	else
		put_null(b);
	put_moment(b, p->birth_ts);
	put_moment(b, p->end_ts);
	put_birth(b, p);
	put_end(b, p);
	put(b, p->threads);
	put_known(b, p->knows_at_start, p->fds_at_start);
	put_known(b, p->knows_at_start && !p->attached, p->fds_inherited);
	put_known(b, p->knows_at_start, p->fds_cloexec);
	put_known(b, p->knows_after_exec, p->fds_after_exec);
	put_known(b, p->knows_received, p->fds_received);
	put_known(b, p->knows_never_used, p->fds_never_used);
	row_end(b);
}

static void add_thread(struct builder *b, const struct process *p, uint32_t tid, const char *comm,
		       uint64_t start_ts, uint64_t end_ts)
{
	put(b, p->number);
	put(b, tid);
	put_comm(b, comm);
	put_moment(b, start_ts);
	put_moment(b, end_ts ? end_ts : p->end_ts);
	row_end(b);
}

static void add_threads(struct builder *b, uint32_t index)
{
	const struct process *p = model_process(b->m, index);
	const struct thread *t;
	uint32_t at;

	add_thread(b, p, p->pid, p->comm, p->birth_ts, p->leader_exit_ts);
	for (at = p->first_thread; (t = model_thread(b->m, at)) && !b->error; at = t->next)
		add_thread(b, p, t->tid, t->comm, t->start_ts, t->end_ts);
}

static void add_exec(struct builder *b, const struct process *p, const struct image *image)
{
	put(b, (uint64_t)++b->execs);
	put(b, p->number);
	put_moment(b, image->ts);
	put_interned(b, image->filename);
	escape_quote_argv(&b->text, image->argv->data, image->argv->len);
	put_buffer(b);
	put_known(b, image->error, (uint64_t)image->error);
	row_end(b);
}

/* The arguments of the exec that add_exec numbered the same. */
static void add_args(struct builder *b, const struct process *p, const struct image *image)
{
	const char *at = image->argv->data, *end = at + image->argv->len, *nul;
	uint64_t n;

	(void)p;
	b->execs++;
	for (n = 0; at < end && !b->error; at = nul + 1) {
		nul = memchr(at, '\0', (size_t)(end - at));
		if (!nul)
			nul = end;
		put(b, (uint64_t)b->execs);
		put(b, n++);
		put_bytes(b, at, (size_t)(nul - at));
		row_end(b);
	}
}

static void each_exec(struct builder *b,
		      void (*fn)(struct builder *, const struct process *, const struct image *))
{
	const struct image *image;
	size_t i;
	uint32_t at;

	b->execs = 0;
	for (i = 0; i < model_born_count(b->m) && !b->error; i++) {
		const struct process *p = model_process(b->m, model_born(b->m, i));

		for (at = p->first_image; (image = model_image(b->m, at)); at = image->next)
			fn(b, p, image);
		for (at = p->first_failed_exec; (image = model_failed_exec(b->m, at));
		     at = image->next)
			fn(b, p, image);
	}
}

static void add_files(struct builder *b)
{
	size_t i;

	for (i = 0; i < model_file_count(b->m) && !b->error; i++) {
		const struct file *f = model_file(b->m, (uint32_t)i);

		put(b, i);
		put_text(b, f->kind);
		put_interned(b, f->kind ? f->id : NULL);
		put_known(b, f->kind, f->ino);
		put_known(b, f->kind && f->peer_ino, f->peer_ino);
		put_process(b, f->opener);
		put_known(b, f->kind, f->f_mode & 1);
		put_known(b, f->kind, (f->f_mode & 2) != 0);
		row_end(b);
	}
}

static void add_other_ends(struct builder *b)
{
	uint32_t i, other;

	for (i = 0; i < model_file_count(b->m) && !b->error; i++) {
		for (other = model_other_end(b->m, i, MODEL_NONE); other != MODEL_NONE && !b->error;
		     other = model_other_end(b->m, i, other)) {
			put(b, i);
			put(b, other);
			row_end(b);
		}
	}
}

static int add_holding(void *arg, const struct holding *h)
{
	struct builder *b = arg;
	const struct process *p = model_process(b->m, h->process);

	if (b->holdings++ >= HOLDINGS_MAX)
		return -E2BIG;
	put(b, h->file);
	put_process(b, h->process);
	put(b, h->fd);
	put_text(b, fd_how_name(h->got));
	put_process(b, h->from);
	put_known(b, h->from_fd != MODEL_NONE, h->from_fd);
	put_moment(b, h->from_ts);
	put_moment(b, h->to_ts);
	put_text(b, fd_how_name(h->lost));
	put(b, h->cloexec);
	put_known(b, model_options(b->m)->fds == FDS_FULL && !p->io_uring, h->used);
	row_end(b);
	return b->error;
}

static void add_holdings(struct builder *b)
{
	size_t i;
	int err = 0;

	for (i = 0; i < model_born_count(b->m) && !err; i++)
		err = model_holdings(b->m, model_born(b->m, i), add_holding, b);
	if (err && err != -E2BIG)
		b->error = err;
}

static void add_passes(struct builder *b)
{
	const struct fd_pass *pass;
	size_t i;

	for (i = 0; (pass = model_pass(b->m, i)) && !b->error; i++) {
		put(b, i);
		put_moment(b, pass->sent_ts);
		put_moment(b, pass->received_ts);
		put_process(b, pass->from);
		put_process(b, pass->to);
		put_process(b, pass->for_process);
		put_text(b, pass->via == PASS_PIDFD_GETFD ? "pidfd_getfd" : "scm_rights");
		put(b, pass->truncated);
		put_known(b, pass->error, (uint64_t)pass->error);
		row_end(b);
	}
}

static void add_pass_files(struct builder *b)
{
	const struct fd_pass *pass;
	uint32_t k;
	size_t i;

	for (i = 0; (pass = model_pass(b->m, i)) && !b->error; i++) {
		for (k = 0; k < pass->files; k++) {
			const struct pass_file *pf = model_pass_file(b->m, pass->first_file + k);

			put(b, i);
			put_known(b, model_file(b->m, pf->file), pf->file);
			put_known(b, pf->from_fd >= 0, (uint64_t)pf->from_fd);
			put_known(b, pf->to_fd >= 0, (uint64_t)pf->to_fd);
			put_known(b, pf->to_fd >= 0, pf->cloexec);
			row_end(b);
		}
	}
}

static void add_findings(struct builder *b, const struct findings *f)
{
	size_t i;

	for (i = 0; i < f->count && !b->error; i++) {
		const struct finding *one = &f->list[i];

		put_text(b, one->rule);
		put_text(b, severity_name(one->severity));
		put_process(b, one->process);
		put_text(b, one->title);
		if (one->detail)
			put_bytes(b, one->detail, strlen(one->detail));
		else
			put_null(b);
		put_text(b, one->fix);
		put_moment(b, one->ts);
		row_end(b);
	}
}

static void add_losses(struct builder *b)
{
	struct span gap;
	unsigned type;
	size_t at = 0;

	table_begin(b, "gap", 2);
	while (next_gap(b->m, &at, &gap) && !b->error) {
		put_moment(b, gap.from_ts);
		put_moment(b, gap.to_ts);
		row_end(b);
	}
	table_end(b);
	table_begin(b, "lost", 2);
	for (type = 0; type < FS_EV_MAX && !b->error; type++) {
		if (!model_lost_of(b->m, type))
			continue;
		put_text(b, model_event_class(type));
		put(b, model_lost_of(b->m, type));
		row_end(b);
	}
	table_end(b);
}

static void add_trace(struct builder *b)
{
	static const char *const levels[] = { "none", "pass", "snapshot", "full" };
	const struct model_options *o = model_options(b->m);
	const struct {
		const char *name;
		uint64_t value;
	} numbers[] = {
		{ "events", model_events(b->m) },
		{ "lost", model_lost(b->m) },
		{ "incomplete", o->incomplete },
		{ "bpf", o->bpf },
		{ "shim", o->shim },
		{ "holdings_complete", b->holdings <= HOLDINGS_MAX },
	};
	size_t i;

	table_begin(b, "trace", 2);
	put_text(b, "schema");
	put_text(b, "forkscope.sqlite/1");
	row_end(b);
	put_text(b, "command");
	escape_quote_argv(&b->text, o->command ? o->command : "", o->command_len);
	put_buffer(b);
	row_end(b);
	put_text(b, "fds");
	put_text(b, levels[o->fds & 3]);
	row_end(b);
	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		put_text(b, numbers[i].name);
		put(b, numbers[i].value);
		row_end(b);
	}
	table_end(b);
}

static void each_process(struct builder *b, void (*fn)(struct builder *, uint32_t))
{
	size_t i;

	for (i = 0; i < model_born_count(b->m) && !b->error; i++)
		fn(b, model_born(b->m, i));
}

static void fill_processes(struct builder *b)
{
	table_begin(b, "process", 36);
	each_process(b, add_process);
	table_end(b);
	table_begin(b, "thread", 5);
	each_process(b, add_threads);
	table_end(b);
	table_begin(b, "exec", 6);
	each_exec(b, add_exec);
	table_end(b);
	table_begin(b, "arg", 3);
	each_exec(b, add_args);
	table_end(b);
}

static void fill_files(struct builder *b)
{
	table_begin(b, "file", 8);
	add_files(b);
	table_end(b);
	table_begin(b, "other_end", 2);
	add_other_ends(b);
	table_end(b);
	table_begin(b, "holding", 11);
	add_holdings(b);
	table_end(b);
	table_begin(b, "fd_pass", 9);
	add_passes(b);
	table_end(b);
	table_begin(b, "pass_file", 5);
	add_pass_files(b);
	table_end(b);
}

int sql_build(sqlite3 **ret, const struct model *m, const struct findings *f)
{
	struct builder b = { .m = m };

	check(&b,
	      sqlite3_open_v2(":memory:", &b.db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL));
	if (!b.error)
		check(&b, sqlite3_exec(b.db, sql_schema, NULL, NULL, NULL));
	if (!b.error)
		check(&b, sqlite3_exec(b.db, "BEGIN", NULL, NULL, NULL));
	if (!b.error) {
		fill_processes(&b);
		fill_files(&b);
		table_begin(&b, "finding", 7);
		add_findings(&b, f);
		table_end(&b);
		add_losses(&b);
		add_trace(&b);
	}
	if (!b.error)
		check(&b, sqlite3_exec(b.db, sql_indexes, NULL, NULL, NULL));
	if (!b.error)
		check(&b, sqlite3_exec(b.db, "COMMIT", NULL, NULL, NULL));
	buffer_free(&b.text);
	if (b.error) {
		sqlite3_close(b.db);
		return b.error;
	}
	*ret = b.db;
	return 0;
}

/* The bytes of a database file, so that the output may be a pipe as well. */
int export_sqlite(const struct model *m, const struct findings *f, FILE *to)
{
	sqlite3_int64 size = 0;
	unsigned char *bytes;
	sqlite3 *db;
	int err = sql_build(&db, m, f);

	if (err)
		return err;
	bytes = sqlite3_serialize(db, "main", &size, 0);
	if (!bytes)
		err = -ENOMEM;
	else if (fwrite(bytes, 1, (size_t)size, to) != (size_t)size)
		err = errno ? -errno : -EIO;
	sqlite3_free(bytes);
	sqlite3_close(db);
	return err;
}
