/* SPDX-License-Identifier: MIT */
/* FS002 lock-held-at-fork. What FS001 would have been, had the child asked for that lock: by the shim's lists of locks. */
#include <string.h>

#include "rules/births.h"

static const struct fs_ev_lock_held *held_of(const struct fact *f)
{
	return (const struct fs_ev_lock_held *)(const void *)f->event;
}

static const char *kind_words(uint32_t kind)
{
	static const char *const words[] = {
		[FS_LOCK_MUTEX] = "a mutex",
		[FS_LOCK_RWLOCK_READ] = "a read-write lock (to read)",
		[FS_LOCK_RWLOCK_WRITE] = "a read-write lock",
		[FS_LOCK_SPIN] = "a spinlock",
		[FS_LOCK_SEM] = "a semaphore",
	};

	return kind < sizeof(words) / sizeof(words[0]) && words[kind] ? words[kind] : "a lock";
}

static int tell(const struct rule *self, const struct model *m, const struct fact *fact,
		uint32_t process, struct findings *out)
{
	const struct fs_ev_lock_held *e = held_of(fact);
	struct found f = { .rule = self, .severity = SEVERITY_NOTE, .process = process };

	buffer_printf(&f.detail, "POSSIBLE: when ");
	add_process_name(&f.detail, m, process);
	buffer_printf(&f.detail, " was forked, thread %u of ", e->holder_tid);
	add_process_name(&f.detail, m, fact->process);
	buffer_printf(&f.detail, " held %s at 0x%llx, taken", kind_words(e->kind),
		      (unsigned long long)e->lock);
	add_fact_place(&f.detail, fact);
	buffer_add_text(&f.detail, ". That thread is not in the child: should the child ask for "
				   "this lock, it waits for ever.");
	if (fact->place && fact->place->len)
		buffer_append(&f.key, fact->place->data, strcspn(fact->place->data, "+ "));
	buffer_add_char(&f.key, ':');
	add_image_name(&f.key, m, process);
	return finding_add(out, &f);
}

/* It is told as a deadlock already. */
static bool is_story(const struct model *m, uint32_t process, uint64_t lock)
{
	for (size_t i = 0; i < model_fact_count(m, FS_EV_LOCK_STORY); i++) {
		const struct fact *f = model_fact(m, FS_EV_LOCK_STORY, i);
		const struct fs_ev_lock_story *e = (const void *)f->event;

		if (f->process == process && e->lock == lock)
			return true;
	}
	return false;
}

/* An interpreter's semaphores are its conditions too: who waits for one holds another. */
static bool is_of_interpreter(const struct fact *f)
{
	return held_of(f)->kind == FS_LOCK_SEM && f->place &&
	       (memmem(f->place->data, f->place->len, "python", 6) ||
		memmem(f->place->data, f->place->len, "PyThread", 8));
}

static int check(const struct rule *self, const struct model *m, struct findings *out)
{
	struct births births = { 0 };
	int err = births_find(&births, m);

	for (size_t i = 0; i < model_fact_count(m, FS_EV_LOCK_HELD) && err == 0; i++) {
		const struct fact *f = model_fact(m, FS_EV_LOCK_HELD, i);
		uint32_t child = births_copy(&births, held_of(f)->call_id);

		/* What the forking thread holds, it can release in the child too. */
		if (child != MODEL_NONE && held_of(f)->holder_tid != f->event->tid &&
		    !is_of_interpreter(f) && !is_story(m, child, held_of(f)->lock))
			err = tell(self, m, f, child, out);
	}
	births_free(&births);
	return err;
}

const struct rule rule_lock_held = {
	.id = "FS002",
	.name = "lock-held-at-fork",
	.severity = SEVERITY_NOTE,
	.title = "another thread held a lock when the process forked",
	.fix = "exec at once after fork; or take the lock around fork with pthread_atfork",
	.text = "A prediction: this time the child went well, or another lock stopped it "
		"first. At the fork another thread held a lock, as the preloaded library saw; "
		"the child is a copy that goes on without exec, in which nobody can release "
		"that lock. A note, since the child may never ask for it, or may set it up "
		"anew.",
	.check = check,
};
