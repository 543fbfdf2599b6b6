/* SPDX-License-Identifier: MIT */
/*
 * FS023 shared-description-used. Alternating use of one open file by a process and its copy, and its lock dropped by
 * the one while the other counts on it.
 */
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "rules/rule.h"

static bool is_stateful(const struct file *f)
{
	static const char *const kinds[] = { "epoll", "timerfd", "inotify", "io_uring", NULL };

	if (!f->kind)
		return false;
	for (size_t i = 0; kinds[i]; i++)
		if (strcmp(f->kind, kinds[i]) == 0)
			return true;
	if (strcmp(f->kind, "file") == 0)
		return true;
	/* A stream that is connected to some peer; a pair was made for the two to talk. */
	return (f->sock_family == AF_INET || f->sock_family == AF_INET6 ||
		(f->sock_family == AF_UNIX && f->opener != MODEL_NONE && !f->of_pair)) &&
	       f->sock_type == SOCK_STREAM && f->sock_state != 10;
}

enum way { WAY_OTHER, WAY_READ, WAY_WRITE, WAY_SEEK };

static enum way way_of(const struct fact *f)
{
	switch (odd_of(f)->syscall) {
	case SYS_read:
	case SYS_readv:
	case SYS_recvfrom:
	case SYS_recvmsg:
		return WAY_READ;
	case SYS_write:
	case SYS_writev:
	case SYS_sendto:
	case SYS_sendmsg:
		return WAY_WRITE;
	case SYS_lseek:
		return odd_of(f)->args[2] == SEEK_SET ? WAY_SEEK : WAY_OTHER;
	default:
		return WAY_OTHER;
	}
}

/*
 * Whether the two uses get into each other's way. One may read from a connection and the other write to it; of
 * a file, a log is written by both and its offset is meant to be one, but who reads gets a part, and who goes to a
 * place takes the other along.
 */
static bool is_in_the_way(const struct file *file, const struct fact *use, const struct fact *other)
{
	if (strcmp(file->kind, "file") == 0)
		return !(file->f_mode & 2) ||
		       (way_of(use) == way_of(other) &&
			(way_of(use) == WAY_READ || way_of(use) == WAY_SEEK));
	return file->sock_type != SOCK_STREAM || way_of(use) == way_of(other);
}

/* One side is a copy of the other, and had the file from it. */
static uint32_t copy_of_two(const struct model *m, uint32_t a, uint32_t b)
{
	const struct process *p = model_process(m, a), *q = model_process(m, b);

	if (!p || !q || a == b)
		return MODEL_NONE;
	if (is_plain_copy(p) && p->creator == b)
		return a;
	if (is_plain_copy(q) && q->creator == a)
		return b;
	if (is_plain_copy(p) && is_plain_copy(q) && p->creator == q->creator)
		return a;
	return MODEL_NONE;
}

/* A change of an epoll set stays when who made it has ended. */
static bool stays(const struct fact *use)
{
	return odd_of(use)->syscall == SYS_epoll_ctl;
}

/*
 * Whether the one who uses the file now had used it before, and the one in between could go on with it, or had
 * changed it. A file that is handed to a child until its end, and then used again, is not shared.
 */
static bool is_taken_back(const struct model *m, const struct file *file, const struct fact *f,
			  const struct process *between)
{
	bool ended = between->ended && between->end_ts <= odd_of(f)->h.ts_ns;

	for (size_t i = 0; i < model_fact_count(m, FS_EV_ODD_CALL); i++) {
		const struct fact *g = model_fact(m, FS_EV_ODD_CALL, i);

		if (odd_of(g)->what == FS_ODD_SHARED_USE && odd_of(g)->file == odd_of(f)->file &&
		    odd_of(g)->h.ts_ns < odd_of(f)->h.ts_ns &&
		    (uint32_t)odd_of(g)->args[1] == odd_of(f)->h.pid && (!ended || stays(g)) &&
		    is_in_the_way(file, f, g))
			return true;
	}
	return false;
}

static int judge(const struct rule *self, const struct model *m, const struct fact *fact,
		 struct findings *out)
{
	const struct fs_ev_odd_call *e = odd_of(fact);
	struct found f = { .rule = self, .severity = SEVERITY_WARNING, .at = fact->event->ts_ns };
	const struct file *file;
	uint32_t at, other;

	if (e->what != FS_ODD_SHARED_USE)
		return 0;
	at = model_find_file(m, e->file);
	file = model_file(m, at);
	other = model_find_process(m, (uint32_t)e->args[1], 0);
	f.process = copy_of_two(m, fact->process, other);
	if (f.process == MODEL_NONE || !file || !is_stateful(file))
		return 0;
	if (!is_taken_back(m, file, fact, model_process(m, other)))
		return 0;
	add_process_name(&f.detail, m, fact->process);
	buffer_add_text(&f.detail, " and ");
	add_process_name(&f.detail, m, other);
	buffer_printf(&f.detail, " take turns in using one open %s (", file->kind);
	add_file_name(&f.detail, m, at);
	buffer_add_text(&f.detail, "), which one has from the other by fork.");
	buffer_printf(&f.key, "%s:", file->kind);
	add_image_name(&f.key, m, fact->process);
	return finding_add(out, &f);
}

/* --- flock --- */

static bool is_flock(const struct fact *f, uint64_t file, uint32_t process, bool unlocks)
{
	return odd_of(f)->what == FS_ODD_FLOCK && odd_of(f)->file == file &&
	       f->process == process && !(odd_of(f)->args[1] & LOCK_UN) == !unlocks;
}

/*
 * A copy dropped the lock that its creator had by flock, which both have by the one open file; and the creator
 * dropped it, too, later: until then it took it for its own. A lock that is handed over has one end.
 */
static int judge_flock(const struct rule *self, const struct model *m, const struct fact *fact,
		       struct findings *out)
{
	const struct process *p = model_process(m, fact->process);
	struct found f = { .rule = self,
			   .severity = SEVERITY_WARNING,
			   .process = fact->process,
			   .at = fact->event->ts_ns };
	const struct fs_ev_odd_call *e = odd_of(fact);
	bool had = false, thought = false;

	if (e->what != FS_ODD_FLOCK || !(e->args[1] & LOCK_UN) || !is_plain_copy(p))
		return 0;
	for (size_t i = 0; i < model_fact_count(m, FS_EV_ODD_CALL); i++) {
		const struct fact *g = model_fact(m, FS_EV_ODD_CALL, i);
		bool unlocks = is_flock(g, e->file, p->creator, true);

		/* A lock of the copy's own, or one that the creator took after. */
		if (is_flock(g, e->file, fact->process, false) && g->event->ts_ns < e->h.ts_ns)
			return 0;
		if (unlocks || is_flock(g, e->file, p->creator, false)) {
			if (g->event->ts_ns < e->h.ts_ns)
				had = !unlocks;
			else if (!thought && !unlocks)
				return 0;
			else
				thought = true;
		}
	}
	if (!had || !thought)
		return 0;
	add_process_name(&f.detail, m, fact->process);
	buffer_add_text(&f.detail, " dropped the lock that ");
	add_process_name(&f.detail, m, p->creator);
	buffer_add_text(&f.detail, " had taken by flock on ");
	add_file_name(&f.detail, m, model_find_file(m, e->file));
	buffer_add_text(
		&f.detail,
		": a fork makes no second lock. The other went on without, and dropped it later.");
	buffer_add_text(&f.key, "flock:");
	add_image_name(&f.key, m, fact->process);
	return finding_add(out, &f);
}

/* --- SQLite --- */

/* Where its locks begin, in each of its files. */
#define SQLITE_LOCKS 0x40000000u

static bool is_sqlite_lock(const struct fact *f, uint64_t file, uint32_t process)
{
	return odd_of(f)->what == FS_ODD_RECORD_LOCK && odd_of(f)->file == file &&
	       f->process == process && odd_of(f)->args[3] >= SQLITE_LOCKS &&
	       odd_of(f)->args[3] < SQLITE_LOCKS + 1024;
}

/* A connection is made for one process: its copy of it believes in locks and pages that are the parent's. */
static int judge_database(const struct rule *self, const struct model *m, const struct fact *fact,
			  struct findings *out)
{
	const struct process *p = model_process(m, fact->process);
	struct found f = { .rule = self,
			   .severity = SEVERITY_WARNING,
			   .process = fact->process,
			   .at = fact->event->ts_ns };
	const struct fs_ev_odd_call *e = odd_of(fact);
	bool had = false;

	if (!p || !is_plain_copy(p) || !is_sqlite_lock(fact, e->file, fact->process))
		return 0;
	for (size_t i = 0; i < model_fact_count(m, FS_EV_ODD_CALL) && !had; i++) {
		const struct fact *g = model_fact(m, FS_EV_ODD_CALL, i);

		had = is_sqlite_lock(g, e->file, p->creator);
	}
	if (!had)
		return 0;
	add_process_name(&f.detail, m, fact->process);
	buffer_add_text(&f.detail, " uses the connection to an SQLite database (");
	add_file_name(&f.detail, m, model_find_file(m, e->file));
	buffer_add_text(&f.detail, ") that ");
	add_process_name(&f.detail, m, p->creator);
	buffer_add_text(&f.detail,
			" had opened before the fork, and uses too: its locks and its cache "
			"are not the child's.");
	add_fork_place(&f.detail, m, fact->process);
	buffer_add_text(&f.key, "sqlite:");
	add_image_name(&f.key, m, fact->process);
	return finding_add(out, &f);
}

static int check(const struct rule *self, const struct model *m, struct findings *out)
{
	int err = 0;

	for (size_t i = 0; i < model_fact_count(m, FS_EV_ODD_CALL) && err == 0; i++) {
		const struct fact *f = model_fact(m, FS_EV_ODD_CALL, i);

		err = judge(self, m, f, out);
		err = err < 0 ? err : judge_flock(self, m, f, out);
		err = err < 0 ? err : judge_database(self, m, f, out);
	}
	return err;
}

const struct rule rule_shared_file = {
	.id = "FS023",
	.name = "shared-description-used",
	.severity = SEVERITY_WARNING,
	.title = "both sides of a fork use one inherited open file",
	.fix = "open connections, epoll sets, timers and files to be read anew in the child; close "
	       "the inherited ones",
	.text = "A forked child has the parent's open files, not copies: two processes that talk "
		"over one connection get each other's answers; an epoll set, timerfd, inotify or "
		"io_uring instance reports to whoever asks first; a file read by both has one "
		"offset, so each gets a part, and where both go to places of their own (lseek) "
		"they write over each other. Shown by a use of the file by the parent, by the "
		"child, and by the parent again (or the reverse), both alive, the child being a "
		"copy that did not exec, both reading or both writing. A lock of flock belongs to "
		"the open file: a child that drops it drops its parent's; shown where the parent "
		"dropped it, too, later. Of a connection to an SQLite database any use by the "
		"child counts, seen by its record locks. Not told of listening sockets, "
		"socketpairs and pipes, "
		"which are shared on purpose, and of files that are written (logs).",
	.check = check,
};
