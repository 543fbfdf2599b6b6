/* SPDX-License-Identifier: MIT */
/* Pieces of JSON that several outputs share; doc/json-schema.md tells every field. */
#include "out/json_parts.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "out/state.h"
#include "out/where.h"

void json_field_process(struct json *j, const char *key, const struct model *m, uint32_t index)
{
	const struct process *p = model_process(m, index);
	char id[16];

	if (!p || !p->in_trace) {
		json_field_null(j, key);
		return;
	}
	snprintf(id, sizeof(id), "p%u", p->number);
	json_field_text(j, key, id);
}

void json_field_moment(struct json *j, const char *key, const struct model *m, uint64_t ts)
{
	if (ts)
		json_field_i64(j, key, (int64_t)(ts - model_options(m)->start_ns));
	else
		json_field_null(j, key);
}

void json_field_duration(struct json *j, const char *key, bool known, uint64_t ns)
{
	json_field_known(j, key, known, ns);
}

void json_field_known(struct json *j, const char *key, bool known, uint64_t value)
{
	if (known)
		json_field_u64(j, key, value);
	else
		json_field_null(j, key);
}

void json_field_bytes(struct json *j, const char *key, const struct interned *text)
{
	json_key(j, key);
	if (text)
		json_string(j, text->data, text->len);
	else
		json_null(j);
}

void json_field_exit(struct json *j, const char *key, const struct process *p)
{
	if (!p || !p->ended || !p->knows_status) {
		json_field_null(j, key);
		return;
	}
	json_key(j, key);
	json_object_begin(j);
	if (WIFSIGNALED((int)p->status)) {
		json_field_u64(j, "signal", (uint64_t)WTERMSIG((int)p->status));
		json_field_bool(j, "core", WCOREDUMP((int)p->status));
	} else {
		json_field_u64(j, "code", (uint64_t)WEXITSTATUS((int)p->status));
	}
	json_object_end(j);
}

void json_field_argv(struct json *j, const char *key, const char *argv, size_t len)
{
	const char *at, *end, *nul;

	json_key(j, key);
	if (!argv) {
		json_null(j);
		return;
	}
	end = argv + len;
	json_array_begin(j);
	for (at = argv; at < end; at = nul + 1) {
		nul = memchr(at, '\0', (size_t)(end - at));
		if (!nul)
			nul = end;
		json_string(j, at, (size_t)(nul - at));
	}
	json_array_end(j);
}

static void add_image(struct json *j, const struct model *m, const struct image *image)
{
	json_object_begin(j);
	json_field_moment(j, "ts_ns", m, image->ts);
	json_field_bytes(j, "filename", image->filename);
	if (image->interp && image->interp != image->filename)
		json_field_bytes(j, "interp", image->interp);
	json_field_argv(j, "argv", image->argv->data, image->argv->len);
	if (image->argv_cut)
		json_field_bool(j, "argv_cut", true);
	if (image->error)
		json_field_i64(j, "errno", image->error);
	else if (image->from_tid)
		json_field_u64(j, "from_tid", image->from_tid);
	json_object_end(j);
}

static void add_images(struct json *j, const struct model *m, const struct process *p)
{
	const struct image *image;
	uint32_t at;

	json_key(j, "images");
	/* It ran something of its own, and what is lost. */
	if (p->execed && p->first_image == MODEL_NONE) {
		json_null(j);
	} else {
		json_array_begin(j);
		for (at = p->first_image; (image = model_image(m, at)); at = image->next)
			add_image(j, m, image);
		json_array_end(j);
	}
	json_key(j, "failed_execs");
	json_array_begin(j);
	for (at = p->first_failed_exec; (image = model_failed_exec(m, at)); at = image->next)
		add_image(j, m, image);
	json_array_end(j);
}

static void add_comm(struct json *j, const char *comm)
{
	json_key(j, "comm");
	if (comm[0])
		json_string(j, comm, strnlen(comm, 16));
	else
		json_null(j);
}

static void add_threads(struct json *j, const struct model *m, const struct process *p)
{
	const struct thread *t;
	uint32_t at;

	json_key(j, "threads");
	json_array_begin(j);
	json_object_begin(j);
	json_field_u64(j, "tid", p->pid);
	add_comm(j, p->comm);
	json_field_moment(j, "start_ns", m, p->birth_ts);
	json_field_moment(j, "end_ns", m, p->leader_exit_ts ? p->leader_exit_ts : p->end_ts);
	json_object_end(j);
	for (at = p->first_thread; (t = model_thread(m, at)); at = t->next) {
		json_object_begin(j);
		json_field_u64(j, "tid", t->tid);
		add_comm(j, t->comm);
		json_field_moment(j, "start_ns", m, t->start_ts);
		json_field_moment(j, "end_ns", m, t->end_ts ? t->end_ts : p->end_ts);
		json_object_end(j);
	}
	json_array_end(j);
}

static void add_birth(struct json *j, const struct model *m, const struct process *p)
{
	uint64_t ns = 0;
	bool known;

	json_field_process(j, "parent", m, p->parent);
	json_field_process(j, "creator", m, p->creator);
	json_field_process(j, "logical_parent", m, p->logical_parent);
	json_field_text(j, "start_method", start_method_name(p->start_method));
	json_field_text(j, "mechanism", mechanism_name(p->mechanism));
	json_field_text(j, "role", role_name(p->role));
	json_field_known(j, "threads_at_fork", p->knows_fork, p->threads_at_fork);
	known = process_call_ns(p, &ns);
	json_field_duration(j, "fork_call_ns", known, ns);
	known = process_window_ns(m, p, &ns);
	json_field_duration(j, "window_ns", known, ns);
	known = process_suspended_ns(m, p, &ns);
	json_field_duration(j, "suspended_ns", known, ns);
	json_field_moment(j, "ready_ns", m, p->ready_ts);
	json_field_known(j, "ready_calls", p->ready_calls, p->ready_calls);
	json_field_moment(j, "asked_ns", m, process_asked_ts(m, p));
	if (p->creator_rss_kb)
		json_field_u64(j, "creator_rss_kb", p->creator_rss_kb);
	if (p->creator_pgtables_kb)
		json_field_u64(j, "creator_pgtables_kb", p->creator_pgtables_kb);
}

static void add_end(struct json *j, const struct model *m, const struct process *p)
{
	uint64_t ns = 0;
	bool known = process_zombie_ns(p, &ns);
	const struct process *to = model_process(m, p->reparented_to);

	json_field_exit(j, "exit", p);
	json_field_process(j, "reaped_by", m, p->reaper);
	json_field_duration(j, "zombie_ns", known, ns);
	json_field_bool(j, "reaped", p->reaped);
	json_field_bool(j, "autoreaped", p->autoreaped);
	json_field_process(j, "killed_by", m, p->killer);
	json_field_process(j, "reparented_to", m, p->reparented_to);
	json_field_known(j, "reparented_to_pid", to, to ? to->pid : 0);
	json_field_known(j, "peak_rss_kb", p->knows_status, p->rss_peak_kb);
	json_field_known(j, "minor_faults", p->knows_status, p->minor_faults);
	json_field_known(j, "major_faults", p->knows_status, p->major_faults);
	json_field_known(j, "cpu_ns", p->knows_status, p->cpu_ns);
	if (p->oom_killed)
		json_field_bool(j, "oom_killed", true);
	if (p->died_in_exec)
		json_field_bool(j, "died_in_exec", true);
}

static void add_fds(struct json *j, const struct process *p)
{
	json_key(j, "fds");
	json_object_begin(j);
	json_field_known(j, "at_start", p->knows_at_start, p->fds_at_start);
	json_field_known(j, "inherited", p->knows_at_start && !p->attached, p->fds_inherited);
	json_field_known(j, "cloexec", p->knows_at_start, p->fds_cloexec);
	json_field_known(j, "after_exec", p->knows_after_exec, p->fds_after_exec);
	json_field_known(j, "received", p->knows_received, p->fds_received);
	json_field_known(j, "never_used", p->knows_never_used, p->fds_never_used);
	json_object_end(j);
}

static void add_changes(struct json *j, const struct process *p)
{
	struct state_change changes[STATE_CHANGES_MAX];
	size_t n, i;

	/* Only a fresh image's inheritance is a question: a forked child shares its parent's by nature. */
	if (!p->execed || !p->state_at_start || !p->state_now) {
		json_field_null(j, "state_changes");
		return;
	}
	n = state_changes(p->state_at_start, p->state_now, changes);
	json_key(j, "state_changes");
	json_array_begin(j);
	for (i = 0; i < n; i++) {
		json_object_begin(j);
		json_field_text(j, "what", changes[i].what);
		json_field_text(j, "from", changes[i].from);
		json_field_text(j, "to", changes[i].to);
		json_object_end(j);
	}
	json_array_end(j);
	state_changes_free(changes, n);
}

void json_process(struct json *j, const struct model *m, uint32_t index, bool list_threads)
{
	const struct process *p = model_process(m, index);

	json_object_begin(j);
	json_field_process(j, "id", m, index);
	json_field_u64(j, "pid", p->pid);
	json_field_known(j, "ns_pid", p->ns_pid, p->ns_pid);
	add_comm(j, p->comm);
	json_field_moment(j, "start_ns", m, p->birth_ts);
	json_field_moment(j, "end_ns", m, p->end_ts);
	add_birth(j, m, p);
	add_images(j, m, p);
	add_end(j, m, p);
	if (list_threads)
		add_threads(j, m, p);
	else
		json_field_u64(j, "threads", p->threads);
	add_fds(j, p);
	add_changes(j, p);
	if (p->io_uring)
		json_field_bool(j, "io_uring", true);
	json_field_where(j, "where", m, p);
	json_object_end(j);
}
