/* SPDX-License-Identifier: MIT */
/* See event_check.h. One function a kind of tail; all sums in 64 bits, so that none overflows. */
#include "trace/event_check.h"

#include <stdbool.h>
#include <stddef.h>

#include "trace/event_info.h"

static const char *const too_short = "its tail is shorter than it says";
static const char *const no_end = "a text in it has no end";
static const char *const too_long = "its argv is longer than any can be";

/* Checks run on a tail: `used` is where the next piece begins. */
struct tail {
	const char *text;
	uint64_t room;
	uint64_t used;
	bool cut;
};

/* len bytes of any kind. */
static const char *take_bytes(struct tail *t, uint64_t len)
{
	t->used += len;
	return t->used > t->room && !t->cut ? too_short : NULL;
}

/* len bytes and a NUL. */
static const char *take_text(struct tail *t, uint64_t len)
{
	const char *problem = take_bytes(t, len + 1);

	if (!problem && t->used <= t->room && t->text[t->used - 1] != '\0')
		return no_end;
	return problem;
}

/* len bytes that, unless there are none, end in a NUL. */
static const char *take_components(struct tail *t, uint64_t len)
{
	return len ? take_text(t, len - 1) : NULL;
}

static const char *check_exec(const struct fs_ev_exec *e, struct tail *t)
{
	const char *problem = take_text(t, e->filename_len);

	if (!problem)
		problem = take_text(t, e->interp_len);
	if (!problem)
		problem = take_bytes(t, e->argv_len);
	if (!problem && (e->argv_total > EVENT_ARGV_MAX || e->argv_len > e->argv_total))
		problem = too_long;
	return problem;
}

static const char *check_exec_failed(const struct fs_ev_exec_failed *e, struct tail *t)
{
	const char *problem = take_text(t, e->filename_len);

	if (!problem)
		problem = take_bytes(t, e->argv_len);
	if (!problem && (e->argv_total > EVENT_ARGV_MAX || e->argv_len > e->argv_total))
		problem = too_long;
	return problem;
}

static const char *check_exec_argv(const struct fs_ev_exec_argv *e, struct tail *t)
{
	if ((uint64_t)e->offset + e->len > EVENT_ARGV_MAX)
		return too_long;
	return take_bytes(t, e->len);
}

static const char *check_process(const struct fs_ev_process *e, struct tail *t)
{
	const char *problem = take_text(t, e->exe_len);

	if (e->argv_len > EVENT_ARGV_MAX)
		return too_long;
	return problem ? problem : take_bytes(t, e->argv_len);
}

/* A name and a piece of argv. */
static const char *check_named(struct tail *t, uint64_t name_len, uint64_t len, uint64_t total)
{
	const char *problem = take_text(t, name_len);

	if (!problem)
		problem = take_bytes(t, len);
	if (!problem && (total > EVENT_ARGV_MAX || len > total))
		problem = too_long;
	return problem;
}

static const char *check_stack(const struct fs_ev_stack *e, struct tail *t)
{
	if (e->kind == FS_STACK_NATIVE)
		return take_bytes(t, (uint64_t)e->count * sizeof(uint64_t));
	return take_bytes(t, e->text_len);
}

static const char *check_intent(const struct fs_event *e, struct tail *t)
{
	const struct fs_ev_shim_hello *hello = (const struct fs_ev_shim_hello *)e;
	const struct fs_ev_call *call = (const struct fs_ev_call *)e;
	const struct fs_ev_dlopen *dlopened = (const struct fs_ev_dlopen *)e;

	switch (e->type) {
	case FS_EV_SHIM_HELLO:
		return check_named(t, hello->exe_len, hello->argv_len, hello->argv_total);
	case FS_EV_CALL:
		return check_named(t, call->name_len, call->argv_len, call->argv_total);
	case FS_EV_STACK:
		return check_stack((const struct fs_ev_stack *)e, t);
	case FS_EV_STDIO_PENDING:
		return take_bytes(t, ((const struct fs_ev_stdio_pending *)e)->text_len);
	case FS_EV_HANDLER:
		return take_bytes(t, ((const struct fs_ev_handler *)e)->object_len);
	case FS_EV_DLOPEN:
		if (dlopened->build_id_len > sizeof(dlopened->build_id))
			return "its build-id is longer than it can be";
		return take_bytes(t, dlopened->path_len);
	case FS_EV_MARK:
	case FS_EV_SPAN_BEGIN:
	case FS_EV_SPAN_END:
	case FS_EV_NAME:
		return take_bytes(t, ((const struct fs_ev_mark *)e)->name_len);
	}
	if (e->type >= FS_EV_POOL_OPEN && e->type <= FS_EV_TASK_DONE)
		return take_bytes(t, ((const struct fs_ev_pool *)e)->text_len);
	return NULL;
}

static const char *check_story(const struct fs_ev_lock_story *e, struct tail *t)
{
	const char *problem = take_text(t, e->name_len);

	if (!problem)
		problem = take_text(t, e->taken_len);
	return problem ? problem : take_components(t, e->frames_len);
}

static const char *check_tail(const struct fs_event *e, struct tail *t)
{
	const struct fs_ev_fd_table *table = (const struct fs_ev_fd_table *)e;
	const struct fs_ev_fd_pass *pass = (const struct fs_ev_fd_pass *)e;

	switch (e->type) {
	case FS_EV_EXEC:
		return check_exec((const struct fs_ev_exec *)e, t);
	case FS_EV_EXEC_ARGV:
		return check_exec_argv((const struct fs_ev_exec_argv *)e, t);
	case FS_EV_EXEC_FAILED:
		return check_exec_failed((const struct fs_ev_exec_failed *)e, t);
	case FS_EV_PROCESS:
		return check_process((const struct fs_ev_process *)e, t);
	case FS_EV_STATE:
		return take_components(t, ((const struct fs_ev_state *)e)->cwd_len);
	case FS_EV_FILE:
		return take_components(t, ((const struct fs_ev_file *)e)->name_len);
	case FS_EV_FD_TABLE:
		return take_bytes(t, (uint64_t)table->count * sizeof(struct fs_fd));
	case FS_EV_FUTEX_STUCK:
		return take_components(t, ((const struct fs_ev_futex_stuck *)e)->frames_len);
	case FS_EV_LOCK_STORY:
		return check_story((const struct fs_ev_lock_story *)e, t);
	case FS_EV_BLOCKED:
		return take_bytes(t, (uint64_t)((const struct fs_ev_blocked *)e)->count *
					     sizeof(struct fs_holder));
	case FS_EV_FD_SEND:
	case FS_EV_FD_RECV:
		return take_bytes(t, (uint64_t)pass->count * sizeof(struct fs_fd));
	}
	return check_intent(e, t);
}

const char *event_problem(const struct fs_event *e)
{
	size_t fixed = event_fixed_size(e->type);
	struct tail tail = { .cut = e->flags & FS_EVENT_CUT };

	if (e->size < sizeof(*e) || e->size % 8)
		return "its size is no size";
	if (!fixed)
		return NULL;
	if (e->size < fixed)
		return "it is shorter than its type";
	if (event_comm(e).len == 16)
		return no_end;
	tail.text = (const char *)e + fixed;
	tail.room = e->size - fixed;
	return check_tail(e, &tail);
}
