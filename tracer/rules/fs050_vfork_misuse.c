/* SPDX-License-Identifier: MIT */
/* FS050 vfork-child-misuse. Odd calls of a vfork child, or its end without exec. */
#include <errno.h>
#include <stdio.h>

#include "rules/rule.h"

static const char *call_words(uint32_t nr)
{
	switch (nr) {
	case 9:
	case 11:
	case 12:
		return "got or returned memory (malloc)";
	case 1:
	case 20:
		return "wrote data";
	case 202:
		return "waited for or released a lock";
	case 34:
	case 35:
	case 230:
		return "slept";
	default:
		return "started another process";
	}
}

static bool is_write(uint32_t nr)
{
	return nr == 1 || nr == 20;
}

/* It gave up before its exec (no such directory, no such fd): telling the parent so is its duty. */
static bool reports_failure(const struct process *p)
{
	return p->ended && !p->execed && p->knows_status && p->status;
}

static bool wrote(const struct model *m, uint32_t process)
{
	for (size_t i = 0; i < model_fact_count(m, FS_EV_ODD_CALL); i++) {
		const struct fact *f = model_fact(m, FS_EV_ODD_CALL, i);

		if (f->process == process && odd_of(f)->what == FS_ODD_VFORK_CHILD &&
		    is_write(odd_of(f)->syscall))
			return true;
	}
	return false;
}

static int tell(const struct rule *self, const struct model *m, uint32_t process,
		enum severity severity, const char *what, struct findings *out)
{
	struct found f = { .rule = self, .severity = severity, .process = process };
	const struct process *p = model_process(m, process);

	if (severity == SEVERITY_NOTE)
		buffer_add_text(&f.detail, "POSSIBLE: ");
	add_process_name(&f.detail, m, process);
	buffer_add_text(&f.detail, ", a vfork child in the memory of ");
	add_process_name(&f.detail, m, p->creator);
	buffer_printf(&f.detail, ", %s.", what);
	add_image_name(&f.key, m, p->creator);
	return finding_add(out, &f);
}

static bool is_vfork(const struct process *p)
{
	return p && p->knows_fork && p->mechanism == MECHANISM_VFORK;
}

static int judge_call(const struct rule *self, const struct model *m, const struct fact *fact,
		      struct findings *out)
{
	const struct process *p = model_process(m, fact->process);
	const struct image *failed;
	char what[96];

	if (odd_of(fact)->what != FS_ODD_VFORK_CHILD || !is_vfork(p))
		return 0;
	/* Complaining that exec failed is what one must do. */
	failed = model_failed_exec(m, p->first_failed_exec);
	if (failed && failed->ts <= fact->event->ts_ns)
		return 0;
	if (reports_failure(p) && is_write(odd_of(fact)->syscall))
		return 0;
	snprintf(what, sizeof(what), "%s before its exec", call_words(odd_of(fact)->syscall));
	return tell(self, m, fact->process, SEVERITY_WARNING, what, out);
}

static int judge_wrote(const struct rule *self, const struct model *m, const struct fact *fact,
		       struct findings *out)
{
	const struct fs_ev_call *e = (const void *)fact->event;
	const struct process *p = model_process(m, fact->process);
	const struct module *in;
	struct buffer what = { 0 };
	enum severity severity = SEVERITY_WARNING;
	int err;

	if (e->call != FS_LIBC_VFORK_WROTE || !is_vfork(p))
		return 0;
	/* Shells do it on their way to exec, and know what they change. */
	if (e->status && p->execed)
		return 0;
	/* Others tell so why their exec failed, or give it another environment and take that back. */
	if (p->execed || p->failed_execs)
		severity = SEVERITY_NOTE;
	in = model_process_module_at(m, p->creator, e->argument);
	if (!e->status)
		buffer_add_text(&what, "changed the environment");
	else
		buffer_printf(&what,
			      "changed %u byte%s of the program's variables, the first at 0x%llx",
			      e->status, e->status == 1 ? "" : "s",
			      (unsigned long long)(e->argument - (in ? in->base : 0)));
	buffer_add_text(&what, ": they are its parent's");
	err = what.failed ? -ENOMEM
			  : tell(self, m, fact->process, severity, buffer_text(&what), out);
	buffer_free(&what);
	return err;
}

static int check(const struct rule *self, const struct model *m, struct findings *out)
{
	const struct process *p;
	int err = 0;

	for (size_t i = 0; i < model_fact_count(m, FS_EV_CALL) && err == 0; i++)
		err = judge_wrote(self, m, model_fact(m, FS_EV_CALL, i), out);

	for (size_t i = 0; i < model_fact_count(m, FS_EV_ODD_CALL) && err == 0; i++)
		err = judge_call(self, m, model_fact(m, FS_EV_ODD_CALL, i), out);
	for (size_t i = 0; i < model_born_count(m) && err == 0; i++) {
		p = model_process(m, model_born(m, i));
		if (is_vfork(p) && p->vfork_exit)
			err = tell(
				self, m, model_born(m, i), SEVERITY_WARNING,
				"called exit(), not _exit(): the handlers and streams that it ran "
				"and flushed are its parent's",
				out);
		else if (is_vfork(p) && p->ended && !p->execed && !p->failed_execs &&
			 p->knows_status && !(p->status & 0x7f) &&
			 !(reports_failure(p) && wrote(m, model_born(m, i))) &&
			 !model_lost_between(m, FS_EV_EXEC_FAILED, p->birth_ts, p->end_ts))
			err = tell(
				self, m, model_born(m, i), SEVERITY_NOTE,
				"ended without having tried to exec: what it changed, it changed "
				"there",
				out);
	}
	return err;
}

const struct rule rule_vfork_misuse = {
	.id = "FS050",
	.name = "vfork-child-misuse",
	.severity = SEVERITY_WARNING,
	.title = "a vfork child did more than exec or _exit",
	.fix = "use posix_spawn, or fork; in a vfork child call only exec and _exit",
	.text = "A vfork child runs in its parent's memory, on its stack and with its thread-local "
		"data: what it allocates, prints through stdio, locks or changes is the parent's, "
		"which finds it changed when it goes on; exit() runs the parent's exit handlers. "
		"Shown by system calls that such a child made before its exec: getting memory, "
		"waiting for locks, starting processes, sleeping, writing before any exec failed; "
		"by a call of exit(), which the preloaded library sees; by variables of the "
		"program's that are no more what they were before the vfork of its one thread (not "
		"where it exec'ed, as shells do that know what they change, and a note where that "
		"failed, or where it was the environment); "
		"and, as a note, since "
		"_exit alone is right, by a child that ended without having tried to exec. "
		"posix_spawn, which libc "
		"makes in a safe way, is not meant.",
	.check = check,
};
