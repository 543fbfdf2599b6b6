/* SPDX-License-Identifier: MIT */
/* FS022 cloexec-race. An image that holds what another thread made close-on-exec just after its fork. */
#include "rules/rule.h"

struct race {
	const struct model *m;
	uint32_t opener;
	uint32_t child;
	const struct process *c;
	uint32_t fd, file;
};

static int look(void *arg, const struct holding *h)
{
	struct race *r = arg;
	const struct table_entry *e;

	if (h->got != FD_HOW_OPENED && h->got != FD_HOW_DUPED && h->got != FD_HOW_PASSED)
		return 0;
	if (h->born_cloexec || !h->cloexec_on_ts || r->c->birth_ts <= h->from_ts ||
	    r->c->birth_ts >= h->cloexec_on_ts)
		return 0;
	/* One thread alone does things in the order it means to: this child was to have it, later ones not. */
	if (!h->tid || h->tid == r->c->creator_tid)
		return 0;
	e = table_find(r->c->table_after_exec, h->fd);
	if (!e || e->file != h->file)
		return 0;
	r->fd = h->fd;
	r->file = h->file;
	return 1;
}

static int judge(const struct rule *self, const struct model *m, uint32_t process,
		 struct findings *out)
{
	const struct process *p = model_process(m, process);
	struct race r = { .m = m, .opener = p->creator, .child = process, .c = p };
	struct found f = { .rule = self, .severity = SEVERITY_BUG, .process = process };

	if (!p->table_after_exec || !p->knows_fork || model_holdings(m, p->creator, look, &r) != 1)
		return 0;
	buffer_add_text(&f.detail, "PROVEN: ");
	add_process_name(&f.detail, m, p->creator);
	buffer_printf(&f.detail, " opened fd %u (", r.fd);
	add_file_name(&f.detail, m, r.file);
	buffer_add_text(&f.detail, ") and set close-on-exec later; in between ");
	add_process_name(&f.detail, m, process);
	buffer_add_text(&f.detail, " was forked, and its new image holds the fd.");
	add_image_name(&f.key, m, p->creator);
	return finding_add(out, &f);
}

static int check(const struct rule *self, const struct model *m, struct findings *out)
{
	int err = 0;

	if (model_options(m)->fds < FDS_FULL)
		return 0;
	for (size_t i = 0; i < model_born_count(m) && err == 0; i++)
		err = judge(self, m, model_born(m, i), out);
	return err;
}

const struct rule rule_cloexec_race = {
	.id = "FS022",
	.name = "cloexec-race",
	.severity = SEVERITY_BUG,
	.title = "close-on-exec was set in a second step, and a fork came in between",
	.fix = "set it at birth: O_CLOEXEC, SOCK_CLOEXEC, pipe2, accept4, F_DUPFD_CLOEXEC, "
	       "MSG_CMSG_CLOEXEC",
	.text = "open() and then fcntl(F_SETFD, FD_CLOEXEC) leaves a moment in which another "
		"thread's fork and exec gives the file away. Proven by the record: the fd was "
		"opened, another thread made a child, the flag was set, and the child's new image "
		"held the "
		"fd.",
	.check = check,
};
