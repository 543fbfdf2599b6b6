/* SPDX-License-Identifier: MIT */
/*
 * FS020 eof-never-comes. While a process read a pipe or a socket, only itself, or processes that inherited the other
 * end and never used it, could have written: the end of file that it waits for cannot come from them. Or they
 * wait for the reader themselves.
 */
#include <inttypes.h>
#include <signal.h>

#include "rules/rule.h"

struct use {
	uint32_t fd;
	uint32_t file;
	bool found;
	bool used;
	bool meant; /* the holder made it, was sent it or put it on this number itself */
	bool cloexec;
};

static int look_at_holding(void *arg, const struct holding *h)
{
	struct use *u = arg;

	if (h->fd != u->fd)
		return 0;
	u->found = true;
	u->file = h->file;
	u->used |= h->used;
	u->cloexec = h->cloexec;
	u->meant |= h->got != FD_HOW_INHERITED && h->got != FD_HOW_UNKNOWN;
	return 0;
}

/* Its parent had ended by then: a daemon, or what a shell left in the background. */
static bool is_left_behind(const struct model *m, const struct process *p, uint64_t now)
{
	const struct process *parent = model_process(m, p->parent);

	return parent && parent->ended && parent->end_ts < now;
}

/* Whether this writer is one that never writes. */
static bool is_idle_writer(const struct model *m, uint32_t process, uint32_t fd, uint64_t now,
			   bool *ret_known)
{
	const struct process *p = model_process(m, process);
	struct use u = { .fd = fd };

	*ret_known = false;
	if (!p || !p->in_trace || p->io_uring)
		return false;
	/* stdin, stdout and stderr were given on purpose, but to who left it to run in the background. */
	if (fd < 3 && !is_left_behind(m, p, now))
		return false;
	(void)model_holdings(m, process, look_at_holding, &u);
	*ret_known = u.found;
	return u.found && !u.used && !u.meant;
}

static const struct fs_ev_blocked *blocked_of(const struct fact *f)
{
	return (const struct fs_ev_blocked *)(const void *)f->event;
}

/* Whether no later look at the same wait saw other writers: this is how it ended. */
static bool is_last_of_wait(const struct model *m, size_t index)
{
	const struct fact *f = model_fact(m, FS_EV_BLOCKED, index), *g;
	size_t n = model_fact_count(m, FS_EV_BLOCKED);

	for (size_t i = index + 1; i < n; i++) {
		g = model_fact(m, FS_EV_BLOCKED, i);
		if (g->process == f->process && blocked_of(g)->ino == blocked_of(f)->ino &&
		    blocked_of(g)->since_ns == blocked_of(f)->since_ns)
			return false;
	}
	return true;
}

/* The reader and who could write wait for each other, as the watcher saw. */
static bool is_standstill(const struct fact *f)
{
	return f->event->flags & FS_EVENT_STANDSTILL;
}

static void add_holder(struct buffer *b, const struct model *m, const struct fact *f,
		       const struct fs_holder *h)
{
	uint32_t process = model_find_process(m, h->pid, 0), reader = f->process;
	const struct process *p = model_process(m, process);

	if (process == reader) {
		buffer_printf(b, "the reader itself (fd %u)", h->fd);
		return;
	}
	add_process_name(b, m, process);
	if (is_standstill(f)) {
		buffer_printf(b, " (fd %u)", h->fd);
		return;
	}
	buffer_printf(b, " (fd %u, inherited at its birth%s)", h->fd,
		      p && p->execed ? ", open across exec" : "");
}

static void add_stream(struct buffer *b, const struct model *m, const struct fact *f)
{
	struct use u = { .fd = blocked_of(f)->fd };

	(void)model_holdings(m, f->process, look_at_holding, &u);
	if (u.found)
		add_file_name(b, m, u.file);
	else
		buffer_printf(b, "inode %" PRIu64, blocked_of(f)->ino);
}

struct end_of {
	const struct model *m;
	uint64_t ino;
	bool found;
};

static int look_for_end(void *arg, const struct holding *h)
{
	struct end_of *e = arg;
	const struct file *file = model_file(e->m, h->file);

	e->found |= file && file->ino == e->ino;
	return 0;
}

/* One who had an end of it was killed from outside before, as forkscope does with what hangs: hence the silence. */
static bool is_aftermath(const struct model *m, const struct fact *f)
{
	struct end_of end = { .m = m, .ino = blocked_of(f)->ino };

	for (size_t i = 0; i < model_fact_count(m, FS_EV_SIGNAL) && !end.found; i++) {
		const struct fact *s = model_fact(m, FS_EV_SIGNAL, i);
		const struct fs_ev_signal *e = (const void *)s->event;
		const struct process *by = model_process(m, s->process);

		if (e->sig == SIGKILL && e->h.pid && (!by || !by->in_trace) &&
		    e->h.ts_ns < f->event->ts_ns)
			(void)model_holdings(m, model_find_process(m, e->to_pid, e->to_start_ns),
					     look_for_end, &end);
	}
	return end.found;
}

static int judge(const struct rule *self, const struct model *m, const struct fact *f,
		 struct findings *out)
{
	struct found found = { .rule = self, .process = f->process, .at = blocked_of(f)->since_ns };
	const struct process *reader = model_process(m, f->process);
	const struct fs_holder *holders;
	struct buffer names = { 0 };
	size_t count, i, own = 0, known = 0;
	bool is_known, proven;
	uint64_t end;

	if (!reader || !reader->in_trace || is_aftermath(m, f))
		return 0;
	holders = fact_holders(f, &count);
	for (i = 0; i < count; i++) {
		uint32_t process = model_find_process(m, holders[i].pid, 0);

		if (process == f->process && blocked_of(f)->threads == 1)
			own++;
		else if (!is_standstill(f) &&
			 !is_idle_writer(m, process, holders[i].fd, f->event->ts_ns, &is_known))
			break;
		known++;
		buffer_add_text(&names, i ? ", " : "");
		add_holder(&names, m, f, &holders[i]);
	}
	if (!count || known < count) {
		buffer_free(&names);
		return 0;
	}
	proven = own == count || is_standstill(f);
	end = reader->end_ts ? reader->end_ts : model_last_ts(m);
	found.severity = proven ? SEVERITY_BUG : SEVERITY_WARNING;
	buffer_printf(&found.detail, "%s: ", proven ? "PROVEN" : "LIKELY");
	add_process_name(&found.detail, m, f->process);
	buffer_add_text(&found.detail, " reads ");
	add_stream(&found.detail, m, f);
	buffer_printf(&found.detail, " on fd %u and waited ", blocked_of(f)->fd);
	add_duration(&found.detail,
		     end > blocked_of(f)->since_ns ? end - blocked_of(f)->since_ns : 0);
	buffer_add_text(&found.detail, " or until these let go; the only writers left were: ");
	buffer_add_text(&found.detail, buffer_text(&names));
	buffer_add_text(&found.detail,
			is_standstill(f)
				? ". They wait for the reader's end, or for who does, so that "
				  "nothing and no end of file can come."
				: ". None of them ever used it, so nothing and no end of file "
				  "could come.");
	add_image_name(&found.key, m, f->process);
	buffer_free(&names);
	return finding_add(out, &found);
}

static int check(const struct rule *self, const struct model *m, struct findings *out)
{
	size_t n = model_fact_count(m, FS_EV_BLOCKED);
	int err;

	/* Without the ledger it is not known who uses what. */
	if (model_options(m)->fds < FDS_FULL)
		return 0;
	for (size_t i = 0; i < n; i++) {
		if (!is_last_of_wait(m, i))
			continue;
		err = judge(self, m, model_fact(m, FS_EV_BLOCKED, i), out);
		if (err < 0)
			return err;
	}
	return 0;
}

const struct rule rule_eof = {
	.id = "FS020",
	.name = "eof-never-comes",
	.severity = SEVERITY_BUG,
	.title = "a reader waits for the end of a pipe or socket that is held open by who never "
		 "writes",
	.fix = "close the ends a process does not use right after fork; make pipes with "
	       "pipe2(O_CLOEXEC)",
	.text = "A reader of a pipe, or of one end of a socketpair, sees the end of file only "
		"when the last copy of the other end is closed. "
		"Copies multiply at each fork: the reader's own, or one that a sibling or a "
		"background "
		"program inherited by accident or was left with, keeps the reader waiting after "
		"the real writer is "
		"gone. "
		"Shown by listing, while a process waits in read, who could write, and by the "
		"record "
		"that none of them ever used its copy; or by their waiting, in turn, for "
		"the reader to end, as a parent does that kept its end open and calls waitpid. "
		"O_CLOEXEC helps where children exec; "
		"children "
		"that do not must close what is not theirs.",
	.check = check,
};
