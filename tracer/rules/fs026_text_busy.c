/* SPDX-License-Identifier: MIT */
/* FS026 text-busy. A failed exec with that error, and who held the file. */
#include <errno.h>
#include <string.h>

#include "rules/rule.h"

struct search {
	const char *name;
	size_t name_len;
	const struct model *m;
	uint64_t ts;
	bool inherited, found;
};

static int look(void *arg, const struct holding *h)
{
	struct search *s = arg;
	const struct file *f = model_file(s->m, h->file);

	if (!f || !(f->f_mode & 2) || h->from_ts > s->ts || (h->to_ts && h->to_ts < s->ts) ||
	    f->id->len < s->name_len ||
	    memcmp(f->id->data + f->id->len - s->name_len, s->name, s->name_len) != 0)
		return 0;
	s->found = true;
	s->inherited |= h->got == FD_HOW_INHERITED;
	return 0;
}

/* Who held the file, an innocent heir rather than the writer itself. */
static uint32_t find_holder(const struct model *m, const struct image *failed, bool *ret_inherited)
{
	uint32_t holder = MODEL_NONE;
	struct search s = { .name = failed->filename->data,
			    .name_len = failed->filename->len,
			    .m = m,
			    .ts = failed->ts };

	while (s.name_len && strchr("./", *s.name)) {
		s.name++;
		s.name_len--;
	}
	for (size_t i = 0; i < model_born_count(m) && s.name_len; i++) {
		s.found = s.inherited = false;
		(void)model_holdings(m, model_born(m, i), look, &s);
		if (!s.found || (*ret_inherited && !s.inherited))
			continue;
		holder = model_born(m, i);
		*ret_inherited |= s.inherited;
	}
	return holder;
}

static int judge(const struct rule *self, const struct model *m, uint32_t process,
		 struct findings *out)
{
	const struct process *p = model_process(m, process);
	const struct image *i;
	bool inherited = false;
	uint32_t holder;

	for (i = model_failed_exec(m, p->first_failed_exec); i; i = model_failed_exec(m, i->next)) {
		struct found f = { .rule = self, .process = process };

		if (i->error != ETXTBSY)
			continue;
		holder = find_holder(m, i, &inherited);
		f.severity = p->execed && model_image_of(m, process) &&
					     model_image_of(m, process)->ts > i->ts
				     ? SEVERITY_NOTE
			     : inherited ? SEVERITY_BUG
					 : SEVERITY_WARNING;
		add_process_name(&f.detail, m, process);
		buffer_printf(&f.detail, " could not execute %s (text file busy)",
			      i->filename->data);
		if (holder != MODEL_NONE) {
			buffer_add_text(&f.detail, ": it was held open for writing by ");
			add_process_name(&f.detail, m, holder);
			buffer_add_text(&f.detail, inherited ? ", which had inherited it." : ".");
		}
		add_image_name(&f.key, m, process);
		return finding_add(out, &f);
	}
	return 0;
}

static int check(const struct rule *self, const struct model *m, struct findings *out)
{
	int err = 0;

	for (size_t i = 0; i < model_born_count(m) && err == 0; i++)
		err = judge(self, m, model_born(m, i), out);
	return err;
}

const struct rule rule_text_busy = {
	.id = "FS026",
	.name = "text-busy",
	.severity = SEVERITY_BUG,
	.title = "exec failed because somebody held the program file open for writing (ETXTBSY)",
	.fix = "write the program in a process of its own, or to another name and rename it; exec "
	       "again after a moment",
	.text = "A program file cannot be executed while anyone has it open for writing. In a "
		"program that writes executables and starts processes in several threads, a child "
		"forked at the wrong moment holds the writer's descriptor until its own exec: "
		"close-on-exec does not help. Shown by the failed exec; a bug where the record has "
		"a forked child that held the file open without having opened it. A note where the "
		"same file could be executed by a later try.",
	.check = check,
};
