/* SPDX-License-Identifier: MIT */
/* FS027 fd-reused. Descriptors closed wholesale in a copy, whose numbers then stand for other files. */
#include "rules/rule.h"

#define WHOLESALE 2 /* where it is not known that it closed all there might be */
#define AT_ONCE_NS 20000000ull
#define REMEMBERED 64

struct closed {
	uint64_t ts;
	uint32_t fd, file;
};

struct search {
	size_t least; /* so many closed at about the same time are too many to be meant one by one */
	struct closed closed[REMEMBERED]; /* inherited ones */
	size_t count, inherited;
	struct closed reused;
	uint32_t now; /* the file that has the number now */
};

static int find_closed(void *arg, const struct holding *h)
{
	struct search *s = arg;

	if (h->got != FD_HOW_INHERITED || h->fd <= 2)
		return 0;
	s->inherited++;
	if (h->lost == FD_HOW_CLOSED && s->count < REMEMBERED)
		s->closed[s->count++] =
			(struct closed){ .ts = h->to_ts, .fd = h->fd, .file = h->file };
	return 0;
}

/* Closed among others, at about the same time. */
static bool is_wholesale(const struct search *s, const struct closed *c)
{
	size_t near = 0;

	for (size_t i = 0; i < s->count; i++)
		near += s->closed[i].ts + AT_ONCE_NS > c->ts &&
			s->closed[i].ts < c->ts + AT_ONCE_NS;
	return near >= s->least;
}

static int find_reused(void *arg, const struct holding *h)
{
	struct search *s = arg;

	if (h->got != FD_HOW_OPENED || !h->used)
		return 0;
	for (size_t i = 0; i < s->count; i++)
		if (s->closed[i].fd == h->fd && h->from_ts > s->closed[i].ts &&
		    s->closed[i].file != h->file && is_wholesale(s, &s->closed[i])) {
			s->reused = s->closed[i];
			s->now = h->file;
			return 1;
		}
	return 0;
}

/* Whether it closed what there might be, and not what it knew of: then one may be a library's. */
static bool closed_all(const struct model *m, uint32_t process)
{
	for (size_t i = 0; i < model_fact_count(m, FS_EV_ODD_CALL); i++) {
		const struct fact *f = model_fact(m, FS_EV_ODD_CALL, i);
		const struct fs_ev_odd_call *e = (const void *)f->event;

		if (f->process == process && e->what == FS_ODD_CLOSE_ALL)
			return true;
	}
	return false;
}

static int judge(const struct rule *self, const struct model *m, uint32_t process,
		 struct findings *out)
{
	struct search s = { .least = closed_all(m, process) ? 1 : WHOLESALE };
	struct found f = { .rule = self, .severity = SEVERITY_NOTE, .process = process };

	(void)model_holdings(m, process, find_closed, &s);
	/* Who closes some knows which. */
	if (s.count < s.least || s.count < s.inherited ||
	    !model_holdings(m, process, find_reused, &s))
		return 0;
	buffer_add_text(&f.detail, "POSSIBLE: ");
	add_process_name(&f.detail, m, process);
	buffer_printf(&f.detail, " closed %zu inherited descriptor%s, among them %u (", s.count,
		      s.count == 1 ? "" : "s", s.reused.fd);
	add_file_name(&f.detail, m, s.reused.file);
	buffer_add_text(&f.detail, "), whose number then became ");
	add_file_name(&f.detail, m, s.now);
	buffer_add_text(&f.detail,
			": a library that still has the number writes to the wrong file.");
	add_image_name(&f.key, m, process);
	return finding_add(out, &f);
}

static int check(const struct rule *self, const struct model *m, struct findings *out)
{
	int err = 0;

	for (size_t i = 0; i < model_born_count(m) && err == 0; i++)
		if (is_plain_copy(model_process(m, model_born(m, i))))
			err = judge(self, m, model_born(m, i), out);
	return err;
}

const struct rule rule_fd_reused = {
	.id = "FS027",
	.name = "fd-reused",
	.severity = SEVERITY_NOTE,
	.title = "descriptors were closed wholesale and their numbers reused",
	.fix = "close what is your own by name; set close-on-exec instead; or tell libraries "
	       "of the fork first",
	.text = "A forked child that closes everything above 2 closes what libraries have "
		"open too: a log, a connection, an event loop's descriptor. The next open "
		"gets the number, and the library, which knows nothing of it, writes into "
		"that file. A note: a daemon that closes all before it begins is right, and "
		"whether a library still has the number cannot be seen from outside. Only "
		"copies that go on without exec count.",
	.check = check,
};
