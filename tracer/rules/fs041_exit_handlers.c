/* SPDX-License-Identifier: MIT */
/* FS041 exit-handlers-in-child. A copy ended by exit(), by which it ran what the parent had registered for its own end. */
#include <string.h>

#include "rules/births.h"

/* Of the program itself: the destructors of libraries' objects are made for this, or nobody's affair. */
static bool is_of_program(const struct model *m, uint32_t process, uint64_t function)
{
	const struct process *p = model_process(m, process);
	const struct module *module = model_process_module_at(m, process, function);

	return p->exe && module && module->path && module->path->len == p->exe->len &&
	       memcmp(module->path->data, p->exe->data, p->exe->len) == 0;
}

/* The newest handler that the child inherited; NULL: none. */
static const struct fact *find_handler(const struct model *m, const struct process *child)
{
	const struct fact *found = NULL;

	for (size_t i = 0; i < model_fact_count(m, FS_EV_HANDLER); i++) {
		const struct fact *f = model_fact(m, FS_EV_HANDLER, i);
		const struct fs_ev_handler *e = (const void *)f->event;

		if (f->event->ts_ns > child->birth_ts)
			break;
		if (e->kind == FS_HANDLER_EXIT && f->process == child->creator &&
		    is_of_program(m, child->creator, e->functions[0]))
			found = f;
	}
	return found;
}

/* Since it called exit() it removed or renamed a file, or sent a signal. */
static bool did_something(const struct model *m, const struct fact *ending)
{
	for (size_t i = 0; i < model_fact_count(m, FS_EV_ODD_CALL); i++) {
		const struct fact *f = model_fact(m, FS_EV_ODD_CALL, i);
		const struct fs_ev_odd_call *e = (const void *)f->event;

		if (e->what == FS_ODD_EFFECT && f->process == ending->process &&
		    f->event->ts_ns >= ending->event->ts_ns)
			return true;
	}
	return false;
}

static uint64_t pending(const struct model *m, const struct fact *ending, uint32_t when)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < model_fact_count(m, FS_EV_STDIO_PENDING); i++) {
		const struct fact *f = model_fact(m, FS_EV_STDIO_PENDING, i);
		const struct fs_ev_stdio_pending *e = (const void *)f->event;

		if (f->process == ending->process && e->direction == when)
			sum += e->bytes;
	}
	return sum;
}

/* Of its writes one came while its handlers ran; what stdio still had was written later. */
static bool wrote(const struct model *m, const struct fact *ending)
{
	uint64_t done = 0;

	for (size_t i = 0; i < model_fact_count(m, FS_EV_CALL) && !done; i++) {
		const struct fact *f = model_fact(m, FS_EV_CALL, i);

		if (f->process == ending->process && call_of(f)->call == FS_LIBC_EXIT_DONE)
			done = f->event->ts_ns;
	}
	for (size_t i = 0; i < model_fact_count(m, FS_EV_ODD_CALL) && done; i++) {
		const struct fact *f = model_fact(m, FS_EV_ODD_CALL, i);
		const struct fs_ev_odd_call *e = (const void *)f->event;

		if (e->what != FS_ODD_LAST_WRITES || f->process != ending->process)
			continue;
		for (size_t n = 0; n < 4; n++)
			if (e->args[n] >= ending->event->ts_ns && e->args[n] <= done)
				return true;
	}
	return false;
}

static bool is_python(const struct model *m, uint32_t process)
{
	const struct start_call *call = model_call(m, model_process(m, process)->where);

	return call && call->python && call->python->len;
}

static bool has_call(const struct model *m, uint32_t process, uint32_t call)
{
	for (size_t i = 0; i < model_fact_count(m, FS_EV_CALL); i++) {
		const struct fact *f = model_fact(m, FS_EV_CALL, i);

		if (f->process == process && call_of(f)->call == call)
			return true;
	}
	return false;
}

/* What os.fork copied ended as the interpreter ends, and not by os._exit: its handlers are not known one by one. */
static int judge_python(const struct rule *self, const struct model *m, uint32_t process,
			struct findings *out)
{
	const struct process *p = model_process(m, process);
	struct found f = { .rule = self, .severity = SEVERITY_NOTE, .process = process };

	if (!is_python(m, process))
		return 0;
	if (has_call(m, process, FS_LIBC_FINAL_EFFECT))
		f.severity = SEVERITY_WARNING;
	add_process_name(&f.detail, m, process);
	buffer_add_text(&f.detail,
			" left Python as a program does, not by os._exit: it ran the atexit "
			"functions and finally blocks, and flushed the buffers, that it had "
			"copied from ");
	add_process_name(&f.detail, m, p->creator);
	buffer_add_char(&f.detail, '.');
	if (f.severity == SEVERITY_WARNING)
		buffer_add_text(&f.detail,
				" They removed or renamed files that are older than it.");
	add_fork_place(&f.detail, m, process);
	buffer_add_text(&f.key, "python:");
	add_image_name(&f.key, m, process);
	return finding_add(out, &f);
}

static int judge(const struct rule *self, const struct model *m, const struct fact *ending,
		 struct findings *out)
{
	const struct process *p = model_process(m, ending->process);
	const struct fact *handler = find_handler(m, p);
	struct found f = { .rule = self, .process = ending->process };
	bool printed, acted = did_something(m, ending);

	/* Destructors that the linker knows of are registered with nobody: what they do shows them. */
	if (!handler && (!acted || is_python(m, ending->process)))
		return judge_python(self, m, ending->process, out);
	/* A return from main that met no handler of the program's is told only when all is over. */
	printed = call_of(ending)->caller &&
		  (wrote(m, ending) ||
		   pending(m, ending, FS_STDIO_AT_END) > pending(m, ending, FS_STDIO_AT_EXIT));
	f.severity = printed || acted ? SEVERITY_WARNING : SEVERITY_NOTE;
	add_process_name(&f.detail, m, ending->process);
	buffer_add_text(&f.detail, " ended by exit(), and so ran the exit handlers and destructors "
				   "of ");
	add_process_name(&f.detail, m, p->creator);
	buffer_add_text(&f.detail, ", whose copy it is");
	if (handler) {
		buffer_add_text(&f.detail, ": the newest is that");
		add_fact_place(&f.detail, handler);
	}
	buffer_add_text(&f.detail, acted     ? ". They removed or renamed files or sent signals."
				   : printed ? ". They wrote output."
					     : ". They did nothing that was seen.");
	add_fork_place(&f.detail, m, ending->process);
	add_image_name(&f.key, m, ending->process);
	return finding_add(out, &f);
}

static int check(const struct rule *self, const struct model *m, struct findings *out)
{
	int err = 0;

	for (size_t i = 0; i < model_fact_count(m, FS_EV_CALL) && err == 0; i++) {
		const struct fact *f = model_fact(m, FS_EV_CALL, i);
		const struct process *p = model_process(m, f->process);

		if (call_of(f)->call == FS_LIBC_EXIT && p && is_plain_copy(p) &&
		    p->creator != MODEL_NONE)
			err = judge(self, m, f, out);
	}
	return err;
}

const struct rule rule_exit_handlers = {
	.id = "FS041",
	.name = "exit-handlers-in-child",
	.severity = SEVERITY_WARNING,
	.title = "a forked child ran the parent's exit handlers",
	.fix = "leave the child by _exit (std::_Exit, os._exit), or look at getpid() in the "
	       "handler",
	.text = "What atexit registered, and the destructors of C++'s static objects, are "
		"copied by fork. A child that ends by exit, or returns from main, runs them: "
		"it removes the parent's files, says goodbye to its servers, stops its "
		"helpers. A warning where the handlers were seen to do something (files "
		"removed or renamed, signals sent, output written), else a note. Only "
		"handlers of the program itself count, and destructors that were seen to act. A "
		"child of os.fork that ends other than "
		"by os._exit is a note too, and a warning where it removed or renamed files that "
		"were there before it, while its interpreter ended.",
	.check = check,
};
