/* SPDX-License-Identifier: MIT */
/* See stuck_words.h. */
#include "rules/stuck_words.h"

#include <string.h>

const struct fs_ev_futex_stuck *stuck_of(const struct fact *f)
{
	return (const struct fs_ev_futex_stuck *)(const void *)f->event;
}

const char *lock_words(uint32_t kind)
{
	static const char *const words[] = {
		[FS_WAIT_UNKNOWN] = "a futex",
		[FS_WAIT_MUTEX] = "a mutex",
		[FS_WAIT_RWLOCK] = "a read-write lock",
		[FS_WAIT_SEMAPHORE] = "a semaphore",
		[FS_WAIT_SPIN] = "a spinlock",
		[FS_WAIT_CONDITION] = "a condition variable",
		[FS_WAIT_BARRIER] = "a barrier",
		[FS_WAIT_JOIN] = "the end of a thread",
		[FS_WAIT_GUARD] = "the guard of a static object's construction",
		[FS_WAIT_ONCE] = "a pthread_once in progress",
		[FS_WAIT_LIBC] = "a lock inside libc",
		[FS_WAIT_TEAM] = "the threads of a parallel runtime",
		[FS_WAIT_PYTHON] = "a lock of the Python interpreter",
	};

	return kind < sizeof(words) / sizeof(words[0]) ? words[kind] : words[0];
}

/* Python's conditions, events, joins and futures are built on plain locks: the function tells. */
static bool waits_in_python(const struct fact *f)
{
	static const char *const functions[] = { "Condition.wait ",
						 "Event.wait ",
						 "Thread._wait_for_tstate_lock ",
						 "Thread.join ",
						 "Barrier.wait ",
						 "Semaphore.acquire ",
						 NULL };
	size_t len;
	const char *stack = fact_stack(f, &len), *frame = python_frame(stack, len, 0);

	for (size_t i = 0; frame && functions[i]; i++)
		if (strncmp(frame, functions[i], strlen(functions[i])) == 0)
			return true;
	return false;
}

bool waits_for_lock(const struct fact *f)
{
	switch (stuck_of(f)->kind) {
	case FS_WAIT_PYTHON:
		return !waits_in_python(f);
	case FS_WAIT_CONDITION:
	case FS_WAIT_BARRIER:
	case FS_WAIT_JOIN:
	case FS_WAIT_TEAM:
		return false;
	}
	return true;
}

bool is_in_handler(const struct fact *f)
{
	size_t len;
	const char *stack = fact_stack(f, &len), *frame;

	for (size_t i = 0; (frame = stack_frame(stack, len, i)); i++)
		if (strncmp(frame, "__restore_rt+", 13) == 0)
			return true;
	return false;
}

static void add_owner(struct buffer *b, const struct model *m, const struct process *p,
		      const struct fs_ev_futex_stuck *e)
{
	const struct process *creator = model_process(m, p->creator);
	uint32_t at;

	if (!e->owner_tid)
		return;
	buffer_printf(b, " It is held by thread %u", e->owner_tid);
	if (e->owner == FS_OWNER_HERE) {
		buffer_add_text(b, e->owner_tid == e->h.tid ? ", the very thread that waits."
							    : " of the same process.");
		return;
	}
	for (at = creator ? creator->first_thread : MODEL_NONE; at != MODEL_NONE;
	     at = model_thread(m, at)->next) {
		const struct thread *t = model_thread(m, at);

		if (t->tid != e->owner_tid)
			continue;
		buffer_printf(b, " (%s) of ", t->comm);
		add_process_name(b, m, p->creator);
		buffer_add_text(b, ", which fork did not copy.");
		return;
	}
	if (creator && e->owner_tid == creator->pid) {
		buffer_add_text(b, ", the main thread of ");
		add_process_name(b, m, p->creator);
		buffer_add_text(b, ": the lock still bears the parent's thread as its owner.");
	} else {
		buffer_printf(b, ", which is %s.",
			      e->owner == FS_OWNER_GONE ? "no longer alive"
							: "no thread of this process");
	}
}

int add_stuck(const struct rule *self, const struct model *m, const struct fact *f,
	      enum severity severity, const char *why, struct findings *out)
{
	const struct fs_ev_futex_stuck *e = stuck_of(f);
	const struct process *p = model_process(m, f->process);
	struct found found = { .rule = self,
			       .severity = severity,
			       .process = f->process,
			       .at = stuck_of(f)->since_ns };
	struct buffer *b = &found.detail;
	size_t len;
	const char *stack = fact_stack(f, &len);
	uint64_t end = p->end_ts ? p->end_ts : model_last_ts(m);

	buffer_printf(b, "%s: ", severity == SEVERITY_BUG ? "PROVEN" : "LIKELY");
	add_process_name(b, m, f->process);
	if (p->creator != MODEL_NONE) {
		buffer_add_text(b, ", child of ");
		add_process_name(b, m, p->creator);
		buffer_add_char(b, ',');
	}
	buffer_printf(b, " %s for %s in thread %u",
		      e->how == FS_STUCK_SPINS ? "spins for ever" : "waits for ever",
		      e->how == FS_STUCK_SPINS && e->kind == FS_WAIT_UNKNOWN ? "a lock"
									     : lock_words(e->kind),
		      e->h.tid);
	if (end > e->since_ns) {
		buffer_add_text(b, ", as it did for ");
		add_duration(b, end - e->since_ns);
		buffer_add_text(b, " to its end");
	}
	buffer_add_text(b, ", at ");
	add_stack(b, stack, len);
	buffer_add_char(b, '.');
	add_owner(b, m, p, e);
	buffer_printf(b, " %s", why);
	add_culprit(&found.key, stack, len);
	buffer_add_char(&found.key, ':');
	add_image_name(&found.key, m, f->process);
	return finding_add(out, &found);
}
