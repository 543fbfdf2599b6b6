/* SPDX-License-Identifier: MIT */
/* `forkscope why --json`; see why.h. Pids are this machine's, as the caller sees them. */
#include "out/why.h"

#include <string.h>

#include "base/json.h"

static const char *const standings[] = {
	[STANDING_STUCK] = "stuck",
	[STANDING_IDLE] = "idle",
	[STANDING_ABLE] = "able",
};

static const char *const owners[] = {
	[OWNER_NONE] = NULL,
	[OWNER_HERE] = "here",
	[OWNER_ELSEWHERE] = "elsewhere",
	[OWNER_GONE] = "gone",
};

static void write_others(struct json *j, const struct seen_wait *w)
{
	json_key(j, "until");
	json_array_begin(j);
	for (size_t i = 0; i < w->count; i++) {
		const struct seen_other *o = &w->others[i];

		json_object_begin(j);
		json_field_u64(j, "pid", o->pid);
		if (o->tid)
			json_field_u64(j, "tid", o->tid);
		if (o->fd >= 0)
			json_field_i64(j, "fd", o->fd);
		json_field_bool(j, "inherited", o->inherited);
		json_field_bool(j, "sure", !o->maybe);
		json_object_end(j);
	}
	json_array_end(j);
}

static void write_wait(struct json *j, const struct seen_wait *w)
{
	json_object_begin(j);
	json_field_text(j, "for", why_wait_name(w->kind));
	json_field_bool(j, "timed", w->timed);
	if (w->fd >= 0)
		json_field_i64(j, "fd", w->fd);
	json_field_text(j, "what", w->what[0] ? w->what : NULL);
	if (w->kind == WAIT_LOCK) {
		json_field_text(j, "lock", why_lock_name(w->lock));
		json_field_hex(j, "address", w->address);
		json_field_u64(j, "word", w->word);
		json_field_bool(j, "shared", w->shared);
		if (w->owner_tid)
			json_field_u64(j, "owner", w->owner_tid);
		else
			json_field_null(j, "owner");
		json_field_text(j, "owner_is", owners[w->owner]);
	}
	write_others(j, w);
	json_object_end(j);
}

static void write_thread(struct json *j, const struct why *w, const struct seen_process *p,
			 const struct seen_thread *t)
{
	const char *at = t->frames.data, *end = at + t->frames.len;

	json_object_begin(j);
	json_field_u64(j, "tid", t->tid);
	json_field_text(j, "comm", t->comm);
	json_key(j, "state");
	json_string(j, &t->state, 1);
	json_field_text(j, "standing", standings[why_standing(w, p, t)]);
	if (t->nr >= 0)
		json_field_i64(j, "syscall", t->nr);
	else
		json_field_null(j, "syscall");
	json_field_text(j, "kernel", t->where[0] ? t->where : NULL);
	json_key(j, "waits");
	json_array_begin(j);
	for (size_t i = 0; i < t->wait_count; i++)
		write_wait(j, &t->waits[i]);
	json_array_end(j);
	json_key(j, "native");
	json_array_begin(j);
	for (; at && at < end && !why_python_frame(at); at += strlen(at) + 1)
		json_text(j, at);
	json_array_end(j);
	json_key(j, "python");
	json_array_begin(j);
	for (; at && at < end; at += strlen(at) + 1)
		json_text(j, why_python_frame(at) ? why_python_frame(at) : at);
	json_array_end(j);
	json_object_end(j);
}

static void write_process(struct json *j, const struct why *w, const struct seen_process *p)
{
	json_object_begin(j);
	json_field_u64(j, "pid", p->pid);
	json_field_u64(j, "parent", p->parent);
	json_field_text(j, "comm", p->comm);
	json_field_text(j, "command", p->command);
	json_key(j, "state");
	json_string(j, &p->state, 1);
	json_field_bool(j, "in_tree", p->asked_for);
	json_field_bool(j, "forked", p->forked);
	json_field_bool(j, "hidden", p->hidden);
	json_key(j, "threads");
	json_array_begin(j);
	for (size_t i = 0; i < p->thread_count; i++)
		write_thread(j, w, p, &p->threads[i]);
	json_array_end(j);
	json_object_end(j);
}

static void write_root(struct json *j, const struct why *w)
{
	json_key(j, "root");
	json_object_begin(j);
	json_field_text(j, "cause", why_cause_name(w->root.cause));
	json_field_text(j, "text", buffer_text(&w->text));
	json_field_text(j, "remedy", w->remedy.len ? buffer_text(&w->remedy) : NULL);
	json_field_u64(j, "waiting", w->root.victim->pid);
	if (w->culprit)
		json_field_u64(j, "culprit", w->culprit);
	else
		json_field_null(j, "culprit");
	json_object_end(j);
}

int why_json(const struct why *w, FILE *to)
{
	const struct snapshot *s = w->snapshot;
	struct json j;

	json_init(&j, to);
	json_object_begin(&j);
	json_field_text(&j, "schema", "forkscope.why/1");
	json_field_u64(&j, "pid", s->root);
	json_field_bool(&j, "stuck", w->stuck);
	write_root(&j, w);
	json_key(&j, "processes");
	json_array_begin(&j);
	for (size_t i = 0; i < s->count; i++)
		if (s->processes[i].wanted)
			write_process(&j, w, &s->processes[i]);
	json_array_end(&j);
	json_key(&j, "not_seen");
	json_object_begin(&j);
	json_field_u64(&j, "processes", w->unseen);
	json_field_u64(&j, "fds_of_others", w->unseen_fds);
	json_field_bool(&j, "registers", !s->privileged);
	json_object_end(&j);
	json_object_end(&j);
	json_line_end(&j);
	return json_finish(&j);
}
