/* SPDX-License-Identifier: MIT */
/* See stuck_words.h. */
#include "rules/stuck_words.h"

#include <signal.h>
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

/* No lock is in its loop. */
static bool polls_memory(const struct fact *f)
{
	return stuck_of(f)->how == FS_STUCK_POLLS && stuck_of(f)->kind == FS_WAIT_UNKNOWN;
}

bool ended_by_itself(const struct process *p)
{
	return p->ended && p->knows_status && !(p->status & 0x7f);
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

static const struct fs_ev_lock_story *story_of(const struct fact *f)
{
	return (const struct fs_ev_lock_story *)(const void *)f->event;
}

/* The next story of a wait: they have its time. NULL: no more. */
static const struct fact *next_story(const struct model *m, const struct fact *f, size_t *at)
{
	while (*at < model_fact_count(m, FS_EV_LOCK_STORY)) {
		const struct fact *s = model_fact(m, FS_EV_LOCK_STORY, (*at)++);

		if (s->process == f->process && s->event->tid == f->event->tid &&
		    s->event->ts_ns == f->event->ts_ns)
			return s;
	}
	return NULL;
}

/*
 * A semaphore that no other thread had taken, by the word of the shim, which sees all who take and post: it is no lock,
 * but a way to say that something was done.
 */
static bool waits_for_completion(const struct model *m, const struct fact *f)
{
	const struct process *p = model_process(m, f->process);
	const struct process *creator = p ? model_process(m, p->creator) : NULL;
	size_t at = 0;
	const struct fact *s = next_story(m, f, &at);

	return stuck_of(f)->kind == FS_WAIT_SEMAPHORE && creator && creator->shim && s &&
	       (story_of(s)->by != FS_STORY_SHIM || story_of(s)->holder_tid == p->creator_tid);
}

bool waits_for_lock(const struct model *m, const struct fact *f)
{
	if (polls_memory(f) || waits_for_completion(m, f))
		return false;
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

static void add_lock(struct buffer *b, const struct model *m, const struct fact *f)
{
	const struct fs_ev_futex_stuck *e = stuck_of(f);
	size_t at = 0;
	const struct fact *s = next_story(m, f, &at);
	struct event_text name = s ? fact_lock_name(s) : (struct event_text){ "", 0 };
	size_t len = 0;

	if (polls_memory(f)) {
		buffer_add_text(b, "a change in its memory");
		return;
	}
	buffer_add_text(b, e->how == FS_STUCK_SPINS && e->kind == FS_WAIT_UNKNOWN
				   ? "a lock"
				   : lock_words(e->kind));
	while (len < name.len && name.text[len] != '+')
		len++;
	if (len) {
		buffer_add_text(b, ", ");
		buffer_append(b, name.text, len);
		if (name.len - len > 4 && strncmp(name.text + len, "+0x0 ", 5) == 0)
			len += 4; /* its beginning is the lock itself */
		buffer_append(b, name.text + len, name.len - len);
		buffer_add_char(b, ',');
	} else if (s && story_of(s)->lock) {
		buffer_printf(b, " at 0x%llx", (unsigned long long)story_of(s)->lock);
	} else if (e->how == FS_STUCK_WAITS) {
		buffer_printf(b, " at 0x%llx", (unsigned long long)e->address);
	}
}

static const char *thread_name(const struct model *m, uint32_t process, uint32_t tid)
{
	const struct process *p = model_process(m, process);
	uint32_t at = p ? p->first_thread : MODEL_NONE;

	for (; at != MODEL_NONE; at = model_thread(m, at)->next)
		if (model_thread(m, at)->tid == tid)
			return model_thread(m, at)->comm;
	return p && p->pid == tid ? p->comm : NULL;
}

/* "thread 4711 (flusher) of p0 (python3, pid 4700)". */
static void add_thread(struct buffer *b, const struct model *m, uint32_t process, uint32_t tid,
		       const char *comm)
{
	const struct process *p = model_process(m, process);
	const char *name = comm && *comm ? comm : thread_name(m, process, tid);

	buffer_add_text(b, p && p->pid == tid ? "the main thread, " : "thread ");
	buffer_printf(b, "%u", tid);
	if (name)
		buffer_printf(b, " (%.16s)", name);
	buffer_add_text(b, " of ");
	add_process_name(b, m, process);
}

static void add_place(struct buffer *b, const struct fact *s)
{
	struct event_text taken = fact_lock_taken(s);
	size_t len;
	const char *stack = fact_stack(s, &len);

	if (taken.len) {
		buffer_add_text(b, ", taken at ");
		buffer_append(b, taken.text, taken.len);
	}
	if (!len)
		return;
	buffer_add_text(b, story_of(s)->running ? "; around the fork it ran in "
						: "; at the fork it was in ");
	add_stack(b, stack, len);
}

/* Nobody knows which of them it was, or how many there were. */
static void add_lost_threads(struct buffer *b, const struct model *m, const struct fact *f)
{
	const struct process *p = model_process(m, f->process);
	const struct fact *s;
	size_t at = 0, told = 0;

	while ((s = next_story(m, f, &at))) {
		if (!story_of(s)->holder_tid)
			continue;
		buffer_add_text(b, told++ ? "; " : " Threads that fork did not copy: ");
		add_thread(b, m, p->creator, story_of(s)->holder_tid, story_of(s)->comm);
		add_place(b, s);
	}
	if (!told)
		return;
	at = 0;
	s = next_story(m, f, &at);
	if (story_of(s)->others > told)
		buffer_printf(b, "; and %u more", story_of(s)->others - (unsigned)told);
	buffer_add_char(b, '.');
}

static void add_owner(struct buffer *b, const struct model *m, const struct fact *f)
{
	const struct fs_ev_futex_stuck *e = stuck_of(f);
	const struct process *p = model_process(m, f->process);
	bool lock = waits_for_lock(m, f);
	size_t at = 0;
	const struct fact *s = next_story(m, f, &at);
	uint32_t tid = s ? story_of(s)->holder_tid : e->owner_tid;

	/* Who waited for it last, which was the forking thread, has not got it. */
	if (waits_for_completion(m, f) && story_of(s)->by == FS_STORY_SHIM)
		return;
	if (e->owner == FS_OWNER_HERE && e->owner_tid) {
		buffer_printf(b, " It is held by thread %u%s", e->owner_tid,
			      e->owner_tid == e->h.tid ? ", the very thread that waits."
						       : " of the same process.");
		return;
	}
	if (s && story_of(s)->by == FS_STORY_NOBODY) {
		add_lost_threads(b, m, f);
		return;
	}
	if (!tid)
		return;
	buffer_add_text(b, !lock ? " The only other thread was "
			   : s && story_of(s)->by == FS_STORY_ALONE
				   ? " The only thread that can have held it was "
			   : s && story_of(s)->by == FS_STORY_STACK
				   ? " By its stack it was held by "
				   : " It was held by ");
	if (!lock && s && story_of(s)->by != FS_STORY_ALONE)
		buffer_add_text(b, "not this one: ");
	if (thread_name(m, p->creator, tid) || s) {
		add_thread(b, m, p->creator, tid, s ? story_of(s)->comm : NULL);
		if (tid == p->creator_tid)
			buffer_add_text(b, ", the one that forked: the lock still bears its number "
					   "of the parent");
		else
			buffer_add_text(b, ", which fork did not copy");
	} else {
		buffer_printf(b, "thread %u, which is %s", tid,
			      e->owner == FS_OWNER_GONE ? "no longer alive"
							: "no thread of this process");
	}
	if (s)
		add_place(b, s);
	buffer_add_char(b, '.');
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
	buffer_printf(b, " %s for ever for ",
		      e->how == FS_STUCK_SPINS	 ? "spins"
		      : e->how == FS_STUCK_POLLS ? "polls"
						 : "waits");
	add_lock(b, m, f);
	buffer_printf(b, " in thread %u", e->h.tid);
	if (end > e->since_ns) {
		buffer_add_text(b, ", as it did for ");
		add_duration(b, end - e->since_ns);
		buffer_add_text(b, " to its end");
	}
	buffer_add_text(b, ", at ");
	add_stack(b, stack, len);
	buffer_add_char(b, '.');
	add_owner(b, m, f);
	add_fork_place(b, m, f->process);
	buffer_printf(b, " %s", why);
	add_culprit(&found.key, stack, len);
	buffer_add_char(&found.key, ':');
	add_image_name(&found.key, m, f->process);
	return finding_add(out, &found);
}

enum severity severity_of_stuck(const struct fact *f, bool proven)
{
	const struct fs_ev_futex_stuck *e = stuck_of(f);
	bool handled = e->sig_caught & ~(UINT64_C(1) << (SIGINT - 1));

	if (proven)
		return SEVERITY_BUG;
	if (handled &&
	    (e->kind == FS_WAIT_SEMAPHORE || (e->kind == FS_WAIT_PYTHON && waits_in_python(f))))
		return SEVERITY_NOTE;
	return SEVERITY_WARNING;
}
