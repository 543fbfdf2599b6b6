/* SPDX-License-Identifier: MIT */
/*
 * FS006 foreign-unlock. A forked child's unlock that the mutex refused: it knows the parent's thread as its owner. Or one
 * that went well, of a lock which another thread had at the fork: what it guards may be half done.
 */
#include <string.h>

#include "rules/births.h"

static int check(const struct rule *self, const struct model *m, struct findings *out)
{
	int err = 0;

	for (size_t i = 0; i < model_fact_count(m, FS_EV_CALL) && err == 0; i++) {
		const struct fact *fact = model_fact(m, FS_EV_CALL, i);
		const struct fs_ev_call *e = (const void *)fact->event;
		const struct process *p = model_process(m, fact->process);
		struct found f = { .rule = self,
				   .severity = SEVERITY_BUG,
				   .process = fact->process };

		if (e->call != FS_LIBC_UNLOCK || !p || !is_plain_copy(p))
			continue;
		buffer_add_text(&f.detail, "PROVEN: ");
		add_process_name(&f.detail, m, fact->process);
		buffer_printf(&f.detail, " %s at 0x%llx",
			      e->error ? "could not unlock the mutex" : "unlocked the lock",
			      (unsigned long long)e->argument);
		add_fact_place(&f.detail, fact);
		buffer_add_text(&f.detail,
				e->error ? ": EPERM, it is a recursive, error-checking or robust "
					   "one and bears a thread of "
					 : ", which it had not taken: at the fork another thread "
					   "had it, of ");
		add_process_name(&f.detail, m, p->creator);
		buffer_add_text(&f.detail, e->error
						   ? " as its owner. It stays locked."
						   : ". What that was changing is half done here.");
		if (fact->place)
			buffer_append(&f.key, fact->place->data, strcspn(fact->place->data, "+ "));
		buffer_add_char(&f.key, ':');
		add_image_name(&f.key, m, fact->process);
		err = finding_add(out, &f);
	}
	return err;
}

const struct rule rule_foreign_unlock = {
	.id = "FS006",
	.name = "foreign-unlock",
	.severity = SEVERITY_BUG,
	.title = "a forked child unlocks a mutex that the parent's thread owns",
	.fix = "in the child set the mutex up anew (pthread_mutex_init in pthread_atfork's "
	       "child handler), do not unlock it",
	.text = "A recursive, error-checking or robust mutex remembers the thread that took "
		"it by number. In a forked child the same thread has another number: "
		"pthread_mutex_unlock gives EPERM, and the mutex stays locked for ever. So "
		"the old advice to lock before fork and to unlock in both parent and child "
		"holds for plain mutexes alone. Proven: the preloaded library saw the unlock "
		"being refused. Likewise where the child unlocks, with success, a lock that "
		"another thread held at the fork: only who took a lock may release it, and "
		"what that thread was changing stays half changed.",
	.check = check,
};
