/* SPDX-License-Identifier: MIT */
/* See expect.h. Each breach is a finding of severity bug, since it is what was asked to be told. */
#include "rules/expect.h"

#include <string.h>

static int breach(const struct rule *self, const struct model *m, uint32_t process,
		  const char *what, struct findings *out)
{
	struct found f = { .rule = self, .severity = SEVERITY_BUG, .process = process };

	add_process_name(&f.detail, m, process);
	buffer_printf(&f.detail, " %s", what);
	add_image_name(&f.key, m, process);
	return finding_add(out, &f);
}

static int each(const struct rule *self, const struct model *m, struct findings *out,
		bool (*is_breach)(const struct model *, const struct process *), const char *what)
{
	int err = 0;

	for (size_t i = 0; i < model_born_count(m) && err == 0; i++)
		if (is_breach(m, model_process(m, model_born(m, i))))
			err = breach(self, m, model_born(m, i), what, out);
	return err;
}

static bool forked_with_threads(const struct model *m, const struct process *p)
{
	(void)m;
	return is_plain_copy(p) && p->threads_at_fork > 1;
}

static int no_fork_with_threads(const struct rule *self, const struct model *m,
				struct findings *out)
{
	return each(self, m, out, forked_with_threads,
		    "was forked by a process with more than one thread, and did not exec.");
}

static bool leaked(const struct model *m, const struct process *p)
{
	(void)m;
	for (size_t i = 0; i < table_size(p->table_after_exec); i++)
		if (table_entry(p->table_after_exec, i)->fd > 2 && !p->is_target)
			return true;
	return false;
}

static int no_leaked_fds(const struct rule *self, const struct model *m, struct findings *out)
{
	return each(self, m, out, leaked, "has fds above 2 open after its exec.");
}

static bool unreaped(const struct model *m, const struct process *p)
{
	const struct process *parent = model_process(m, p->parent);

	(void)m;
	return p->ended && !p->reaped && !p->autoreaped && parent && parent->in_trace;
}

static int all_children_reaped(const struct rule *self, const struct model *m, struct findings *out)
{
	return each(self, m, out, unreaped, "ended and was not waited for by its parent.");
}

static bool orphaned(const struct model *m, const struct process *p)
{
	(void)m;
	return p->reparented_to != MODEL_NONE;
}

static int no_orphans(const struct rule *self, const struct model *m, struct findings *out)
{
	return each(self, m, out, orphaned, "outlived its parent.");
}

static bool copy_without_exec(const struct model *m, const struct process *p)
{
	(void)m;
	return is_plain_copy(p);
}

static int no_fork_without_exec(const struct rule *self, const struct model *m,
				struct findings *out)
{
	return each(self, m, out, copy_without_exec, "was forked and did not exec.");
}

static bool died_of_signal(const struct model *m, const struct process *p)
{
	(void)m;
	return p->ended && p->knows_status && (p->status & 0x7f);
}

static int no_signal_deaths(const struct rule *self, const struct model *m, struct findings *out)
{
	return each(self, m, out, died_of_signal, "was ended by a signal.");
}

#define EXPECTATION(variable, words, function, line) \
	static const struct rule variable = {        \
		.id = words,                         \
		.name = words,                       \
		.severity = SEVERITY_BUG,            \
		.title = line,                       \
		.check = function,                   \
	}
EXPECTATION(e_threads, "no-fork-with-threads", no_fork_with_threads,
	    "expected: no fork without exec while there is more than one thread");
EXPECTATION(e_fds, "no-leaked-fds", no_leaked_fds, "expected: nothing above fd 2 survives an exec");
EXPECTATION(e_reaped, "all-children-reaped", all_children_reaped,
	    "expected: every child is waited for");
EXPECTATION(e_orphans, "no-orphans", no_orphans, "expected: no process outlives its parent");
EXPECTATION(e_copies, "no-fork-without-exec", no_fork_without_exec,
	    "expected: every forked child execs");
EXPECTATION(e_signals, "no-signal-deaths", no_signal_deaths,
	    "expected: no process is ended by a signal");

const struct rule *const expectations[] = {
	&e_threads, &e_fds, &e_reaped, &e_orphans, &e_copies, &e_signals, NULL,
};

const struct rule *expectation_find(const char *name, size_t len)
{
	for (size_t i = 0; expectations[i]; i++)
		if (strlen(expectations[i]->id) == len &&
		    strncmp(expectations[i]->id, name, len) == 0)
			return expectations[i];
	return NULL;
}
