/* SPDX-License-Identifier: MIT */
/* FS043 stream-mid-update. The child uses a stream that another thread was in the middle of when it was copied. */
#include "rules/births.h"

struct search {
	uint32_t fd;
	bool used;
};

static int look(void *arg, const struct holding *h)
{
	struct search *s = arg;

	s->used |= h->fd == s->fd && h->used && h->got == FD_HOW_INHERITED;
	return 0;
}

static int judge(const struct rule *self, const struct model *m, const struct fact *fact,
		 uint32_t process, struct findings *out)
{
	const struct fs_ev_stdio_pending *e = (const void *)fact->event;
	struct search s = { .fd = (uint32_t)e->fd };
	struct found f = { .rule = self, .severity = SEVERITY_WARNING, .process = process };

	(void)model_holdings(m, process, look, &s);
	if (!s.used)
		return 0;
	buffer_add_text(&f.detail, "LIKELY: when ");
	add_process_name(&f.detail, m, process);
	buffer_printf(&f.detail, " was forked, another thread of ");
	add_process_name(&f.detail, m, fact->process);
	buffer_printf(&f.detail,
		      " was inside of the stdio stream on fd %d; the child has it half "
		      "changed, and used it.",
		      e->fd);
	add_fork_place(&f.detail, m, process);
	buffer_printf(&f.key, "fd%d:", e->fd);
	add_image_name(&f.key, m, process);
	return finding_add(out, &f);
}

static int check(const struct rule *self, const struct model *m, struct findings *out)
{
	struct births births = { 0 };
	int err = births_find(&births, m);

	for (size_t i = 0; i < model_fact_count(m, FS_EV_STDIO_PENDING) && err == 0; i++) {
		const struct fact *f = model_fact(m, FS_EV_STDIO_PENDING, i);
		const struct fs_ev_stdio_pending *e = (const void *)f->event;
		uint32_t child = births_copy(&births, e->call_id);

		/* Standard error has no buffer that could be half changed. */
		if (e->direction == FS_STDIO_BUSY && e->fd >= 0 && e->fd != 2 &&
		    child != MODEL_NONE)
			err = judge(self, m, f, child, out);
	}
	births_free(&births);
	return err;
}

const struct rule rule_stream_busy = {
	.id = "FS043",
	.name = "stream-mid-update",
	.severity = SEVERITY_WARNING,
	.title = "fork caught another thread inside of a stdio stream that the child uses",
	.fix = "flockfile the stream around fork, or let the child use streams of its own, "
	       "or write(2)",
	.text = "fork makes the locks of all stdio streams free in the child, but what they "
		"guard is copied as it is: a buffer that another thread was just filling or "
		"writing out. A child that goes on with such a stream writes garbled, doubled "
		"or lost lines. Shown by the preloaded library, which finds the stream locked "
		"by another thread as fork is called, and by the child's use of the stream's "
		"descriptor.",
	.check = check,
};
