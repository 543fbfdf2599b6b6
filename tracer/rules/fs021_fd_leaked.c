/* SPDX-License-Identifier: MIT */
/* FS021 fd-leaked-across-exec. Found in the table after exec, opened by an ancestor by chance, never used by the new image. */
#include <string.h>

#include "rules/rule.h"

struct search {
	uint32_t fd;
	uint32_t file;
	bool inherited;
	bool used;
	bool tidied; /* the new image closed it: it looks after itself */
	bool by_chance; /* opened without close-on-exec, and left so; else it is FS022's affair */
};

static int look_at_own(void *arg, const struct holding *h)
{
	struct search *s = arg;

	if (h->fd != s->fd || h->file != s->file)
		return 0;
	s->inherited = h->got == FD_HOW_INHERITED && !h->cloexec_off_ts;
	s->used |= h->used;
	s->tidied |= h->lost == FD_HOW_CLOSED;
	return 0;
}

static int look_at_opener(void *arg, const struct holding *h)
{
	struct search *s = arg;

	if (h->fd == s->fd && h->file == s->file)
		s->by_chance = h->got == FD_HOW_OPENED && !h->born_cloexec && !h->cloexec_off_ts &&
			       !h->cloexec_on_ts;
	return 0;
}

/* Things nobody is harmed by: /dev/null and terminals. */
static bool is_harmless(const struct file *f)
{
	return !f->kind || strcmp(f->kind, "tty") == 0 || strcmp(f->kind, "char") == 0;
}

static enum severity gravity(const struct file *f)
{
	bool reads_only = !(f->f_mode & 2) && strcmp(f->kind, "file") == 0;

	return reads_only ? SEVERITY_NOTE : SEVERITY_WARNING;
}

static int tell(const struct rule *self, const struct model *m, uint32_t process,
		const struct table_entry *e, struct findings *out)
{
	const struct file *file = model_file(m, e->file);
	struct found f = { .rule = self, .severity = gravity(file), .process = process };

	add_process_name(&f.detail, m, process);
	buffer_printf(&f.detail, " has fd %u, a %s%s (", (unsigned)e->fd, file->kind,
		      file->sock_state == 10 ? " that listens" : "");
	add_file_name(&f.detail, m, e->file);
	buffer_add_text(&f.detail, "), which ");
	add_process_name(&f.detail, m, file->opener);
	buffer_add_text(&f.detail, " opened without close-on-exec; the new image never used it.");
	buffer_printf(&f.key, "%s:", file->kind);
	add_image_name(&f.key, m, file->opener);
	return finding_add(out, &f);
}

static int judge(const struct rule *self, const struct model *m, uint32_t process,
		 struct findings *out)
{
	const struct process *p = model_process(m, process);
	int err = 0;

	if (!p->table_after_exec || p->is_target || p->io_uring || !p->knows_fork)
		return 0;
	for (size_t i = 0; i < table_size(p->table_after_exec) && err == 0; i++) {
		const struct table_entry *e = table_entry(p->table_after_exec, i);
		const struct file *file = model_file(m, e->file);
		struct search s = { .fd = e->fd, .file = e->file };

		if (e->fd < 3 || e->cloexec || !file || is_harmless(file) ||
		    file->opener == MODEL_NONE || file->opener == process)
			continue;
		(void)model_holdings(m, process, look_at_own, &s);
		if (!s.inherited || s.used || s.tidied)
			continue;
		(void)model_holdings(m, file->opener, look_at_opener, &s);
		if (s.by_chance)
			err = tell(self, m, process, e, out);
	}
	return err;
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

const struct rule rule_fd_leaked = {
	.id = "FS021",
	.name = "fd-leaked-across-exec",
	.severity = SEVERITY_WARNING,
	.title = "a new image was given an open file it was not meant to have",
	.fix = "open with O_CLOEXEC (SOCK_CLOEXEC, pipe2, accept4); or close_range(3, ~0U, "
	       "CLOSE_RANGE_CLOEXEC) before exec",
	.text = "A descriptor without close-on-exec survives every exec of every child: a helper "
		"keeps a listening socket (the port stays taken after the server is gone), the end "
		"of a pipe (no end of file comes), a directory outside of a sandbox, a lock. Shown "
		"by the table of the new image: an fd above 2 that an ancestor opened for itself, "
		"without close-on-exec, and that the image never named in a system call. Not told: "
		"fds put on a number on purpose (dup2, posix_spawn file actions), or whose "
		"close-on-exec was cleared by hand, those that the new image closed, terminals, "
		"and what was there before the "
		"recording. Files opened for reading alone are notes.",
	.check = check,
};
