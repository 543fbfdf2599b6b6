/* SPDX-License-Identifier: MIT */
/*
 * FS040 double-flush. What lay in a stream's buffer at the fork still lay there when the child ended by exit(), or was
 * gone from there before the child's end.
 */
#include <string.h>
#include <sys/wait.h>

#include "rules/rule.h"

#define QUOTED 40

static const struct fs_ev_stdio_pending *pending_of(const struct fact *f)
{
	return (const struct fs_ev_stdio_pending *)(const void *)f->event;
}

/* The same stream, with the same bytes at its beginning. */
static bool still_has(const struct fact *now, const struct fact *then)
{
	const struct fs_ev_stdio_pending *a = pending_of(then), *b = pending_of(now);
	struct event_text was = event_words(then->event), is = event_words(now->event);

	return a->direction == FS_STDIO_WRITE && a->stream == b->stream && a->fd == b->fd &&
	       b->direction != FS_STDIO_GONE && b->bytes >= a->bytes && is.len >= was.len &&
	       memcmp(is.text, was.text, was.len) == 0;
}

static const struct fact *find_at_fork(const struct model *m, size_t before, const struct fact *now,
				       const struct start_call *c)
{
	while (before-- > 0) {
		const struct fact *f = model_fact(m, FS_EV_STDIO_PENDING, before);

		if (f->event->ts_ns < c->ts)
			return NULL;
		if (pending_of(f)->call_id == c->id && still_has(now, f))
			return f;
	}
	return NULL;
}

/* By _exit: it wrote nothing more itself, as who leaves all to its child does. */
static bool left_barely(const struct model *m, uint32_t process)
{
	const struct process *p = model_process(m, process);

	if (!p || !p->knows_status || WIFSIGNALED(p->status))
		return false;
	for (size_t i = 0; i < model_fact_count(m, FS_EV_CALL); i++) {
		const struct fact *f = model_fact(m, FS_EV_CALL, i);

		if (f->process == process &&
		    ((const struct fs_ev_call *)(const void *)f->event)->call == FS_LIBC_EXIT)
			return false;
	}
	return true;
}

static int tell(const struct rule *self, const struct model *m, uint32_t process,
		const struct fact *then, const char *how, struct findings *out)
{
	const struct process *p = model_process(m, process);
	const struct fs_ev_stdio_pending *e = pending_of(then);
	struct event_text text = event_words(then->event);
	struct found f = { .rule = self, .severity = SEVERITY_BUG, .process = process };

	buffer_add_text(&f.detail, "PROVEN: ");
	add_process_name(&f.detail, m, process);
	buffer_printf(&f.detail, " %s %llu byte%s (\"", how, (unsigned long long)e->bytes,
		      e->bytes == 1 ? "" : "s");
	buffer_append(&f.detail, text.text, text.len < QUOTED ? text.len : QUOTED);
	buffer_printf(&f.detail, "%s\") to fd %d that lay unwritten in the buffer of ",
		      e->bytes > QUOTED ? "..." : "", e->fd);
	add_process_name(&f.detail, m, p->creator);
	buffer_add_text(&f.detail, " at the fork, and that it has to write itself.");
	add_fork_place(&f.detail, m, process);
	buffer_printf(&f.key, "fd%d:", e->fd);
	add_image_name(&f.key, m, process);
	return finding_add(out, &f);
}

static int check(const struct rule *self, const struct model *m, struct findings *out)
{
	uint32_t told = MODEL_NONE;
	int err = 0;

	for (size_t i = 0; i < model_fact_count(m, FS_EV_STDIO_PENDING) && err == 0; i++) {
		const struct fact *now = model_fact(m, FS_EV_STDIO_PENDING, i), *then;
		const struct process *p = model_process(m, now->process);
		const struct start_call *c = p ? model_call(m, p->where) : NULL;
		const char *how;

		/* C++ flushes its streams in a handler: before that they are there too. */
		if (pending_of(now)->direction < FS_STDIO_AT_EXIT || !c || now->process == told ||
		    left_barely(m, p->creator))
			continue;
		if (pending_of(now)->direction == FS_STDIO_GONE) {
			then = pending_of(now)->call_id == c->id ? now : NULL;
			how = "wrote, before its end or its exec,";
		} else {
			then = is_plain_copy(p) ? find_at_fork(m, i, now, c) : NULL;
			how = "ended by exit() and wrote";
		}
		if (!then)
			continue;
		told = now->process; /* of several streams, or seen twice, one is enough */
		err = tell(self, m, told, then, how, out);
	}
	return err;
}

const struct rule rule_double_flush = {
	.id = "FS040",
	.name = "double-flush",
	.severity = SEVERITY_BUG,
	.title = "a forked child wrote out what the parent had in its buffers",
	.fix = "fflush(NULL) before fork, or leave the child by _exit (os._exit) instead of "
	       "exit",
	.text = "Output that stdio has not written yet lies in memory, and fork copies it. A "
		"child that ends by exit, or returns from main, writes it out; later the "
		"parent writes the same bytes again. Proven by the preloaded library: the "
		"same bytes lay in the same stream at the fork and when the child's exit "
		"handlers had run, or were gone from it when the child ended or exec'ed: written "
		"by fflush, fclose or because the buffer was full. Flush before the fork, or end "
		"the child by _exit.",
	.check = check,
};
