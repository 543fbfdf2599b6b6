/* SPDX-License-Identifier: MIT */
/* FS065 signals-inherited. State of a new image against that of the first one, and against its own at its end. */
#include <string.h>

#include "rules/births.h"

#define BIT(n) (UINT64_C(1) << ((n)-1))
/* HUP INT QUIT, as shells and nohup do; CHLD has its own rule; KILL STOP cannot be; 32 33 are libc's. */
#define MEANT (BIT(1) | BIT(2) | BIT(3) | BIT(17) | BIT(9) | BIT(19) | BIT(32) | BIT(33))
#define NAMED_MAX 8 /* signals; more say no more */
#define QUIET (BIT(13) | BIT(25) | BIT(31) | BIT(20) | BIT(21) | BIT(22))

static void add_signals(struct buffer *b, uint64_t set)
{
	int count = __builtin_popcountll(set), told = 0;
	bool more = false;

	for (int n = 1; n <= 64; n++) {
		const char *name = n < 32 ? sigabbrev_np(n) : NULL;

		if (!(set & BIT(n)))
			continue;
		if (count > NAMED_MAX && told++ == NAMED_MAX) {
			buffer_printf(b, " and %d others", count - NAMED_MAX);
			return;
		}
		if (name)
			buffer_printf(b, "%sSIG%s", more ? ", " : "", name);
		else
			buffer_printf(b, "%s%d", more ? ", " : "", n);
		more = true;
	}
}

/* Where `trap '' TERM` is how one says that children shall ignore it. */
static bool is_shell(const struct model *m, uint32_t process)
{
	static const char *const shells[] = { "sh", "dash", "bash", "ksh", "zsh", "busybox", NULL };
	struct buffer name = { 0 };
	bool found = false;

	add_image_name(&name, m, process);
	for (size_t i = 0; shells[i] && !name.failed; i++)
		found |= strcmp(buffer_text(&name), shells[i]) == 0;
	buffer_free(&name);
	return found;
}

static int judge(const struct rule *self, const struct model *m, uint32_t process,
		 struct findings *out)
{
	const struct process *p = model_process(m, process);
	const struct fs_ev_state *s = p->state_after_exec;
	struct found f = { .rule = self, .process = process };
	uint64_t ignored, blocked;

	if (!s || p->is_target)
		return 0;
	ignored = s->sig_ignored & ~signals_from_before(m, p, true) & ~MEANT;
	blocked = s->sig_blocked & ~signals_from_before(m, p, false) &
		  ~(BIT(17) | BIT(9) | BIT(19));
	/* An image that unblocks them itself, later, was meant to. */
	if (p->ended && p->state_now)
		blocked &= p->state_now->sig_blocked;
	if (!ignored && !blocked)
		return 0;
	f.severity = blocked || (ignored & ~QUIET && !is_shell(m, p->creator)) ? SEVERITY_WARNING
									       : SEVERITY_NOTE;
	/* What a handler starts begins so, which crash handlers mean. */
	if (runs_same_program(m, process) || (!ignored && !(blocked & ~forked_in_handler_of(m, p))))
		f.severity = SEVERITY_NOTE;
	add_process_name(&f.detail, m, process);
	buffer_add_text(&f.detail, " began its image with ");
	add_signals(&f.detail, blocked);
	buffer_add_text(&f.detail, blocked ? " blocked" : "");
	buffer_add_text(&f.detail, blocked && ignored ? " and " : "");
	add_signals(&f.detail, ignored);
	buffer_add_text(&f.detail, ignored ? " ignored" : "");
	buffer_add_text(&f.detail, ", as ");
	add_process_name(&f.detail, m, p->creator);
	buffer_add_text(&f.detail, " left it.");
	buffer_add_text(&f.key, f.severity == SEVERITY_NOTE ? "quiet:" : "");
	add_image_name(&f.key, m, p->creator);
	return finding_add(out, &f);
}

static int check(const struct rule *self, const struct model *m, struct findings *out)
{
	int err = 0;

	for (size_t i = 0; i < model_born_count(m) && err == 0; i++)
		err = judge(self, m, model_born(m, i), out);
	return err;
}

const struct rule rule_signals_inherited = {
	.id = "FS065",
	.name = "signals-inherited",
	.severity = SEVERITY_WARNING,
	.title = "a new image began with signals blocked or ignored that its parent had set for "
		 "itself",
	.fix = "unblock all and restore SIG_DFL in the child before exec "
	       "(posix_spawnattr_setsigmask and _setsigdefault)",
	.text = "The signal mask and SIG_IGN dispositions survive exec: a program started by a "
		"thread that had blocked SIGTERM cannot be ended by it. Shown by the state of each "
		"new image against that of the command's own start. SIGINT and SIGQUIT ignored for "
		"a background job, and SIGHUP ignored as nohup does, are meant; SIGPIPE and "
		"SIGXFSZ, which interpreters ignore, and terminal stops are notes, and so is the "
		"signal in whose handler the program was started. SIGCHLD is FS061's.",
	.check = check,
};
