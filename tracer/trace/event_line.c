/* SPDX-License-Identifier: MIT */
/*
 * See event_line.h. A type is one function here and one line in the table. The event has passed
 * event_problem(), so its struct is whole.
 */
#include "trace/event_line.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/escape.h"
#include "base/fail.h"
#include "trace/event_info.h"

/* More of an argv than this is cut in a line; the trace has all of it. */
#define LINE_ARGV 2000

static void add_comm(struct buffer *out, const struct fs_event *e)
{
	struct event_text comm = event_comm(e);

	escape_append(out, comm.text, comm.len);
}

static void add_signal(struct buffer *out, int sig)
{
	const char *name = sigabbrev_np(sig);

	if (name)
		buffer_printf(out, "SIG%s", name);
	else
		buffer_printf(out, "signal %d", sig);
}

static enum line_tone line_fork(struct buffer *out, const struct fs_event *e)
{
	const struct fs_ev_fork *f = (const void *)e;

	buffer_printf(out, "starts %u", f->child_pid);
	if (f->child_ns_pid != f->child_pid)
		buffer_printf(out, " (%u in its namespace)", f->child_ns_pid);
	if (f->parent_pid != e->pid)
		buffer_printf(out, ", a child of %u", f->parent_pid);
	if (f->threads > 1)
		buffer_printf(out, ", with %u threads alive", f->threads);
	return TONE_BIRTH;
}

static enum line_tone line_fork_done(struct buffer *out, const struct fs_event *e)
{
	const struct fs_ev_fork_done *f = (const void *)e;

	if (f->ret < 0) {
		buffer_printf(out, "cannot start a process: %s", error_text(f->ret));
		return TONE_TROUBLE;
	}
	buffer_printf(out, "started %u in %.3f ms", f->child_pid, (e->ts_ns - f->enter_ns) / 1e6);
	return TONE_PLAIN;
}

static enum line_tone line_thread_start(struct buffer *out, const struct fs_event *e)
{
	buffer_printf(out, "starts thread %u", ((const struct fs_ev_thread_start *)e)->new_tid);
	return TONE_PLAIN;
}

static enum line_tone line_thread_exit(struct buffer *out, const struct fs_event *e)
{
	buffer_printf(out, "thread %u ends%s", e->tid,
		      ((const struct fs_ev_thread_exit *)e)->is_leader
			      ? " (the first one; others live on)"
			      : "");
	return TONE_PLAIN;
}

static void add_argv(struct buffer *out, const struct fs_event *e, uint32_t total)
{
	struct event_text argv = event_argv(e);
	bool cut = argv.len < total || argv.len > LINE_ARGV;

	if (argv.len > LINE_ARGV)
		argv.len = LINE_ARGV;
	escape_quote_argv(out, argv.text, argv.len);
	if (cut)
		buffer_printf(out, " ... (%u bytes in all)", total);
}

static enum line_tone line_exec(struct buffer *out, const struct fs_event *e)
{
	const struct fs_ev_exec *x = (const void *)e;
	struct event_text file = event_filename(e), interp = event_interp(e);

	buffer_add_text(out, "runs ");
	escape_quote(out, file.text, file.len);
	if (interp.len != file.len || memcmp(interp.text, file.text, file.len) != 0) {
		buffer_add_text(out, " (by ");
		escape_quote(out, interp.text, interp.len);
		buffer_add_char(out, ')');
	}
	buffer_add_text(out, ": ");
	add_argv(out, e, x->argv_total);
	if (x->from_tid != e->pid)
		buffer_printf(out, " (from thread %u)", x->from_tid);
	return TONE_EXEC;
}

static enum line_tone line_exec_failed(struct buffer *out, const struct fs_event *e)
{
	const struct fs_ev_exec_failed *x = (const void *)e;
	struct event_text file = event_filename(e);

	buffer_add_text(out, "cannot run ");
	escape_quote(out, file.text, file.len);
	buffer_add_text(out, ": ");
	add_argv(out, e, x->argv_total);
	buffer_printf(out, ": %s", error_text(x->error));
	return TONE_TROUBLE;
}

static enum line_tone line_exit(struct buffer *out, const struct fs_event *e)
{
	const struct fs_ev_exit *x = (const void *)e;
	int status = x->status;

	if (WIFEXITED(status)) {
		buffer_printf(out, "exits with %d", WEXITSTATUS(status));
		return WEXITSTATUS(status) ? TONE_TROUBLE : TONE_END;
	}
	buffer_add_text(out, "dies of ");
	add_signal(out, WTERMSIG(status));
	if (WCOREDUMP(status))
		buffer_add_text(out, " (core dumped)");
	return TONE_TROUBLE;
}

static enum line_tone line_reap(struct buffer *out, const struct fs_event *e)
{
	const struct fs_ev_reap *r = (const void *)e;

	if (r->child_ns_pid)
		buffer_printf(out, "waited for %u", r->child_ns_pid);
	else
		buffer_add_text(out, "waited for a child");
	return TONE_PLAIN;
}

static enum line_tone line_reparent(struct buffer *out, const struct fs_event *e)
{
	const struct fs_ev_reparent *r = (const void *)e;

	buffer_printf(out, "leaves its child %u to %u", r->child_pid, r->to_pid);
	return TONE_PLAIN;
}

static enum line_tone line_signal(struct buffer *out, const struct fs_event *e)
{
	const struct fs_ev_signal *s = (const void *)e;

	buffer_add_text(out, e->pid ? "sends " : "the kernel sends ");
	add_signal(out, s->sig);
	buffer_printf(out, " to %u", s->to_pid);
	if (!s->group && s->to_tid != s->to_pid)
		buffer_printf(out, ", thread %u", s->to_tid);
	if (s->result)
		buffer_add_text(out, s->result == 1   ? " (ignored)"
				     : s->result == 2 ? " (already pending)"
						      : " (lost)");
	return TONE_PLAIN;
}

static enum line_tone line_oom(struct buffer *out, const struct fs_event *e)
{
	(void)e;
	buffer_add_text(out, "is chosen by the kernel, which is out of memory");
	return TONE_TROUBLE;
}

static enum line_tone line_rename(struct buffer *out, const struct fs_event *e)
{
	buffer_add_text(out, "is now called ");
	add_comm(out, e);
	return TONE_PLAIN;
}

static enum line_tone line_process(struct buffer *out, const struct fs_event *e)
{
	const struct fs_ev_process *p = (const void *)e;
	struct event_text argv = event_argv(e);

	buffer_printf(out, "was there: a child of %u, %u thread%s: ", p->parent_pid, p->threads,
		      p->threads == 1 ? "" : "s");
	escape_quote_argv(out, argv.text, argv.len);
	return TONE_BIRTH;
}

static enum line_tone line_thread(struct buffer *out, const struct fs_event *e)
{
	buffer_printf(out, "thread %u was there: ", e->tid);
	add_comm(out, e);
	return TONE_PLAIN;
}

static enum line_tone line_cred(struct buffer *out, const struct fs_event *e)
{
	const struct fs_ev_cred *c = (const void *)e;

	buffer_printf(out, "has uid %u (effective %u), gid %u (effective %u)", c->uid, c->euid,
		      c->gid, c->egid);
	return TONE_PLAIN;
}

static enum line_tone line_first_write(struct buffer *out, const struct fs_event *e)
{
	buffer_printf(out, "first writes to a channel, fd %u",
		      ((const struct fs_ev_first_write *)e)->fd);
	return TONE_FD;
}

static enum line_tone line_calls(struct buffer *out, const struct fs_event *e)
{
	buffer_printf(out, "has made %llu system calls until then",
		      (unsigned long long)((const struct fs_ev_calls *)e)->count);
	return TONE_FD;
}

/* "0-2,5*,7-9": the fds in ranges, those that are close-on-exec starred. */
static void add_fds(struct buffer *out, const struct fs_event *e)
{
	size_t n, i, j;
	const struct fs_fd *fds = event_fds(e, &n);

	for (i = 0; i < n; i = j) {
		uint32_t star = fds[i].flags & FS_FD_CLOEXEC;

		for (j = i + 1; j < n && fds[j].fd == fds[j - 1].fd + 1 &&
				(fds[j].flags & FS_FD_CLOEXEC) == star;
		     j++)
			;
		buffer_printf(out, "%s%u", i ? "," : "", fds[i].fd);
		if (j > i + 1)
			buffer_printf(out, "-%u", fds[j - 1].fd);
		if (star)
			buffer_add_char(out, '*');
	}
}

static enum line_tone line_table(struct buffer *out, const struct fs_event *e)
{
	const struct fs_ev_fd_table *t = (const void *)e;

	if (t->table_flags & FS_TABLE_SHARED) {
		buffer_add_text(out, "shares its fds with its creator");
		return TONE_FD;
	}
	buffer_add_text(out, t->when == FS_TABLE_AT_FORK      ? "begins with fds "
			     : t->when == FS_TABLE_AFTER_EXEC ? "keeps fds "
							      : "has fds ");
	add_fds(out, e);
	return TONE_FD;
}

static enum line_tone line_pass(struct buffer *out, const struct fs_event *e)
{
	const struct fs_ev_fd_pass *p = (const void *)e;

	buffer_printf(out,
		      e->type == FS_EV_FD_SEND ? "sends %u fd%s by fd %u: "
					       : "receives %u fd%s by fd %u: ",
		      p->count, p->count == 1 ? "" : "s", p->sock_fd);
	add_fds(out, e);
	if (p->pass_flags & FS_PASS_CTRUNC) {
		buffer_add_text(out, " (some were lost: MSG_CTRUNC)");
		return TONE_TROUBLE;
	}
	return TONE_FD;
}

static enum line_tone line_getfd(struct buffer *out, const struct fs_event *e)
{
	const struct fs_ev_fd_getfd *g = (const void *)e;

	buffer_printf(out, "takes fd %u of %u as its fd %u", g->from_fd, g->from_pid, g->fd);
	return TONE_FD;
}

static enum line_tone line_send_failed(struct buffer *out, const struct fs_event *e)
{
	const struct fs_ev_fd_send_failed *f = (const void *)e;

	buffer_printf(out, "did not send them: %s",
		      f->error ? error_text(f->error) : "only a part went out");
	return TONE_TROUBLE;
}

static enum line_tone line_fd(struct buffer *out, const struct fs_event *e)
{
	const struct fs_ev_fd *f = (const void *)e;

	switch (e->type) {
	case FS_EV_FD_OPEN:
		buffer_printf(out, "opens fd %u%s", f->fd,
			      f->flags & FS_FD_CLOEXEC ? " (close-on-exec)" : "");
		break;
	case FS_EV_FD_CLOSE:
		buffer_printf(out, "closes fd %u", f->fd);
		break;
	case FS_EV_FD_USE:
		buffer_printf(out, "first uses fd %u", f->fd);
		break;
	case FS_EV_FD_EOF:
		buffer_printf(out, "reads the end of fd %u", f->fd);
		break;
	case FS_EV_FD_CLOEXEC:
		buffer_printf(out, "makes fd %u %sclose-on-exec", f->fd,
			      f->flags & FS_FD_CLOEXEC ? "" : "not ");
		break;
	default:
		buffer_add_text(out, "no longer shares its fds");
	}
	return TONE_FD;
}

static enum line_tone line_dup(struct buffer *out, const struct fs_event *e)
{
	const struct fs_ev_fd_dup *d = (const void *)e;

	buffer_printf(out, "copies fd %u to %u%s", d->old_fd, d->fd,
		      d->flags & FS_FD_CLOEXEC ? " (close-on-exec)" : "");
	return TONE_FD;
}

static enum line_tone line_close_range(struct buffer *out, const struct fs_event *e)
{
	const struct fs_ev_fd_close_range *r = (const void *)e;

	buffer_printf(out, "%s fds %u to ",
		      r->range_flags & FS_CLOSE_RANGE_CLOEXEC ? "makes close-on-exec the"
							      : "closes all",
		      r->first);
	if (r->last == UINT32_MAX)
		buffer_add_text(out, "the last");
	else
		buffer_printf(out, "%u", r->last);
	return TONE_FD;
}

static enum line_tone line_blind(struct buffer *out, const struct fs_event *e)
{
	(void)e;
	buffer_add_text(out, "uses io_uring: what it does through it is not seen");
	return TONE_TROUBLE;
}

static enum line_tone line_lost(struct buffer *out, const struct fs_event *e)
{
	const struct fs_ev_lost *l = (const void *)e;
	const char *name = event_type_name(l->lost_type);

	buffer_printf(out, "LOST %llu %s event%s within %.3f ms", (unsigned long long)l->count,
		      name ? name : "other", l->count == 1 ? "" : "s",
		      (l->to_ns - l->from_ns) / 1e6);
	return TONE_TROUBLE;
}

static enum line_tone line_hello(struct buffer *out, const struct fs_event *e)
{
	const struct fs_ev_shim_hello *hello = (const void *)e;
	struct event_text exe = event_filename(e);

	buffer_add_text(out, "has the shim: ");
	if (hello->argc)
		add_argv(out, e, hello->argv_total);
	else
		escape_quote(out, exe.text, exe.len);
	return TONE_PLAIN;
}

/* A wait as the shim tells it: all that a recording without the kernel witness knows of a child's end. */
static enum line_tone line_wait(struct buffer *out, const struct fs_ev_call *c)
{
	buffer_printf(out, "waited for %u", c->child_pid);
	if (c->status == UINT32_MAX)
		return TONE_PLAIN;
	if (WIFEXITED(c->status)) {
		buffer_printf(out, ", which exited with %d", WEXITSTATUS(c->status));
	} else {
		buffer_add_text(out, ", which died of ");
		add_signal(out, WTERMSIG(c->status));
	}
	return TONE_END;
}

static enum line_tone line_call(struct buffer *out, const struct fs_event *e)
{
	const struct fs_ev_call *c = (const void *)e;
	const char *name = event_call_name(c->call), *gap = event_gap_name(c->shim_gap);
	struct event_text what = event_filename(e);
	enum line_tone tone = TONE_PLAIN;

	if (c->call == FS_LIBC_WAIT && c->phase == FS_PHASE_DONE && c->child_pid)
		return line_wait(out, c);
	if (c->phase == FS_PHASE_IN_CHILD)
		buffer_add_text(out, "begins as the child of a ");
	else
		buffer_add_text(out, c->phase == FS_PHASE_DONE ? "made the call " : "calls ");
	buffer_add_text(out, name ? name : "unknown");
	if (what.len) {
		buffer_add_char(out, ' ');
		escape_quote(out, what.text, what.len);
	}
	if (c->phase == FS_PHASE_DONE && c->error) {
		const char *text = strerrordesc_np(c->error);

		buffer_printf(out, ": %s", text ? text : "unknown error");
		tone = TONE_TROUBLE;
	} else if (c->phase == FS_PHASE_DONE && c->child_pid) {
		buffer_printf(out, ": %u", c->child_pid);
	}
	if (c->threads > 1)
		buffer_printf(out, ", with %u threads alive", c->threads);
	if (gap)
		buffer_printf(out, " (the shim cannot go there: %s)", gap);
	return tone;
}

static enum line_tone line_snapshot(struct buffer *out, const struct fs_event *e)
{
	buffer_printf(out, "leaves thread %u (",
		      ((const struct fs_ev_fork_snapshot *)e)->other_tid);
	add_comm(out, e);
	buffer_add_text(out, ") behind in this fork");
	return TONE_PLAIN;
}

static enum line_tone line_lock(struct buffer *out, const struct fs_event *e)
{
	static const char *const kinds[] = { "lock",	       "mutex",	   "rwlock (read)",
					     "rwlock (write)", "spinlock", "semaphore" };
	const struct fs_ev_lock_held *l = (const void *)e;
	uint32_t kind = l->kind < sizeof(kinds) / sizeof(kinds[0]) ? l->kind : 0;

	buffer_printf(out, "forks while thread %u holds %s 0x%llx", l->holder_tid, kinds[kind],
		      (unsigned long long)l->lock);
	return l->holder_tid == e->tid ? TONE_PLAIN : TONE_TROUBLE;
}

static enum line_tone line_stdio(struct buffer *out, const struct fs_event *e)
{
	const struct fs_ev_stdio_pending *p = (const void *)e;
	struct event_text text = event_words(e);

	buffer_printf(out, "%s %llu bytes %s on fd %d: ",
		      p->direction == FS_STDIO_GONE	 ? "has written"
		      : p->direction >= FS_STDIO_AT_EXIT ? "ends with"
							 : "forks with",
		      (unsigned long long)p->bytes,
		      p->direction == FS_STDIO_READ   ? "read ahead"
		      : p->direction == FS_STDIO_GONE ? "of its parent's"
						      : "not yet written",
		      p->fd);
	escape_quote(out, text.text, text.len);
	return TONE_PLAIN;
}

static enum line_tone line_mark(struct buffer *out, const struct fs_event *e)
{
	const struct fs_ev_mark *mark = (const void *)e;
	struct event_text text = event_words(e);

	buffer_add_text(out, e->type == FS_EV_MARK	   ? "marks "
			     : e->type == FS_EV_SPAN_BEGIN ? "begins "
			     : e->type == FS_EV_NAME	   ? "is for "
							   : "ends ");
	if (e->type == FS_EV_SPAN_END)
		buffer_printf(out, "span %llu", (unsigned long long)mark->id);
	else
		escape_quote(out, text.text, text.len);
	if (mark->value)
		buffer_printf(out, " %llu", (unsigned long long)mark->value);
	if (e->type == FS_EV_SPAN_BEGIN)
		buffer_printf(out, " (span %llu)", (unsigned long long)mark->id);
	return TONE_PLAIN;
}

static enum line_tone line_pool(struct buffer *out, const struct fs_event *e)
{
	static const char *const what[] = { "opens a pool",  "closes its pool",
					    "starts worker", "is ready as worker",
					    "lost worker",   "submits task",
					    "starts task",   "ended task" };
	const struct fs_ev_pool *p = (const void *)e;
	struct event_text text = event_words(e);

	buffer_add_text(out, what[e->type - FS_EV_POOL_OPEN]);
	if (e->type >= FS_EV_TASK_SUBMIT) {
		if (p->count > 1)
			buffer_add_char(out, 's');
		buffer_printf(out, " %llu", (unsigned long long)p->task);
		if (p->count > 1)
			buffer_printf(out, " to %llu",
				      (unsigned long long)(p->task + p->count - 1));
		if (e->type == FS_EV_TASK_SUBMIT)
			buffer_printf(out, " to worker %u", p->worker);
		if (e->type == FS_EV_TASK_DONE && p->code)
			buffer_printf(out, " (%d failed)", p->code);
	} else if (p->worker_pid)
		buffer_printf(out, " %u", p->worker_pid);
	if (text.len) {
		buffer_add_char(out, ' ');
		escape_quote(out, text.text, text.len);
	}
	return TONE_PLAIN;
}

static const struct {
	uint16_t type;
	enum line_tone (*append)(struct buffer *out, const struct fs_event *e);
} lines[] = {
	{ FS_EV_FORK, line_fork },
	{ FS_EV_FORK_DONE, line_fork_done },
	{ FS_EV_THREAD_START, line_thread_start },
	{ FS_EV_THREAD_EXIT, line_thread_exit },
	{ FS_EV_EXEC, line_exec },
	{ FS_EV_EXEC_FAILED, line_exec_failed },
	{ FS_EV_EXIT, line_exit },
	{ FS_EV_REAP, line_reap },
	{ FS_EV_REPARENT, line_reparent },
	{ FS_EV_SIGNAL, line_signal },
	{ FS_EV_OOM_KILL, line_oom },
	{ FS_EV_RENAME, line_rename },
	{ FS_EV_PROCESS, line_process },
	{ FS_EV_THREAD, line_thread },
	{ FS_EV_CRED, line_cred },
	{ FS_EV_FIRST_WRITE, line_first_write },
	{ FS_EV_CALLS, line_calls },
	{ FS_EV_FD_TABLE, line_table },
	{ FS_EV_FD_SEND, line_pass },
	{ FS_EV_FD_RECV, line_pass },
	{ FS_EV_FD_GETFD, line_getfd },
	{ FS_EV_FD_OPEN, line_fd },
	{ FS_EV_FD_CLOSE, line_fd },
	{ FS_EV_FD_DUP, line_dup },
	{ FS_EV_FD_CLOEXEC, line_fd },
	{ FS_EV_FD_CLOSE_RANGE, line_close_range },
	{ FS_EV_FD_USE, line_fd },
	{ FS_EV_FD_EOF, line_fd },
	{ FS_EV_FD_UNSHARE, line_fd },
	{ FS_EV_FD_SEND_FAILED, line_send_failed },
	{ FS_EV_BLIND_SPOT, line_blind },
	{ FS_EV_SHIM_HELLO, line_hello },
	{ FS_EV_CALL, line_call },
	{ FS_EV_FORK_SNAPSHOT, line_snapshot },
	{ FS_EV_LOCK_HELD, line_lock },
	{ FS_EV_STDIO_PENDING, line_stdio },
	{ FS_EV_MARK, line_mark },
	{ FS_EV_SPAN_BEGIN, line_mark },
	{ FS_EV_SPAN_END, line_mark },
	{ FS_EV_NAME, line_mark },
	{ FS_EV_POOL_OPEN, line_pool },
	{ FS_EV_POOL_CLOSE, line_pool },
	{ FS_EV_WORKER_START, line_pool },
	{ FS_EV_WORKER_READY, line_pool },
	{ FS_EV_WORKER_EXIT, line_pool },
	{ FS_EV_TASK_SUBMIT, line_pool },
	{ FS_EV_TASK_START, line_pool },
	{ FS_EV_TASK_DONE, line_pool },
	{ FS_EV_LOST, line_lost },
};

bool event_line_append(struct buffer *out, const struct fs_event *e, enum line_tone *ret_tone)
{
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		if (lines[i].type != e->type)
			continue;
		*ret_tone = lines[i].append(out, e);
		return true;
	}
	return false;
}
