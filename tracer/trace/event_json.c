/* SPDX-License-Identifier: MIT */
/*
 * See event_json.h. The fixed fields come from event_fields.h; what lies in a tail, or reads better by
 * name, is added by type here.
 */
#include "trace/event_json.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "trace/event_fields.h"
#include "trace/event_info.h"

/* --- the header --- */

void event_json_counts(struct json *j, const uint64_t by_type[FS_EV_MAX])
{
	unsigned type;

	json_object_begin(j);
	for (type = 0; type < FS_EV_MAX; type++) {
		const char *name = event_type_name(type);
		char number[16];

		if (!by_type[type])
			continue;
		snprintf(number, sizeof(number), "%u", type);
		json_field_u64(j, name ? name : number, by_type[type]);
	}
	json_object_end(j);
}

void event_json_meta(struct json *j, const struct meta *meta)
{
	size_t i;

	json_object_begin(j);
	for (i = 0; i < meta->count; i++)
		json_field_text(j, meta->pairs[i].key, meta->pairs[i].value);
	json_object_end(j);
}

static void add_boot_id(struct json *j, const uint8_t id[16])
{
	char text[37];
	int n = 0, i;

	for (i = 0; i < 16; i++) {
		bool dash = i == 4 || i == 6 || i == 8 || i == 10;

		n += snprintf(text + n, sizeof(text) - (size_t)n, "%s%02x", dash ? "-" : "", id[i]);
	}
	json_field_text(j, "boot_id", text);
}

void event_json_header(struct json *j, const struct fs_trace_header *header,
		       const struct meta *meta, const struct trace_summary *whole)
{
	json_object_begin(j);
	json_field_text(j, "type", "header");
	json_field_text(j, "schema", "forkscope.events/1");
	json_field_u64(j, "major", header->major);
	json_field_u64(j, "minor", header->minor);
	json_field_u64(j, "start_ns", header->start_ns);
	json_field_i64(j, "boot_offset_ns", header->boot_offset_ns);
	json_field_i64(j, "wall_offset_ns", header->wall_offset_ns);
	add_boot_id(j, header->boot_id);
	json_field_u64(j, "recorder_pid", header->recorder_pid);
	json_key(j, "meta");
	event_json_meta(j, meta);
	if (whole) {
		json_field_u64(j, "events", whole->events);
		json_field_u64(j, "lost", whole->lost);
		json_key(j, "lost_by");
		event_json_counts(j, whole->lost_by_type);
		json_field_bool(j, "incomplete", whole->incomplete);
		json_field_text(j, "incomplete_why",
				whole->incomplete ? whole->incomplete_why : NULL);
	} else {
		json_field_null(j, "events");
		json_field_null(j, "lost");
		json_field_null(j, "lost_by");
		json_field_null(j, "incomplete");
		json_field_null(j, "incomplete_why");
	}
	json_object_end(j);
	json_line_end(j);
}

/* --- tails --- */

static void add_text(struct json *j, const char *key, struct event_text text)
{
	json_key(j, key);
	json_string(j, text.text, text.len);
}

/* An argv that lies whole in its event is a list; else its bytes, to be joined with those that follow. */
static void add_argv(struct json *j, const struct fs_event *e, bool whole)
{
	struct event_text argv = event_argv(e), arg;

	json_key(j, "argv");
	if (whole) {
		json_array_begin(j);
		while (event_next_component(&argv, &arg))
			json_string(j, arg.text, arg.len);
		json_array_end(j);
	} else {
		json_null(j);
		add_text(j, "argv_text", argv);
	}
}

static void add_path(struct json *j, const char *key, struct event_text components)
{
	struct buffer path = { 0 };

	json_key(j, key);
	if (!components.len) {
		json_null(j);
		return;
	}
	event_append_path(&path, components);
	if (path.failed)
		j->out.failed = true;
	json_string(j, buffer_text(&path), path.len);
	buffer_free(&path);
}

static void add_fds(struct json *j, const struct fs_event *e)
{
	const struct fs_fd *fds;
	size_t count, i;

	fds = event_fds(e, &count);
	json_key(j, "fds");
	json_array_begin(j);
	for (i = 0; i < count; i++) {
		json_object_begin(j);
		json_field_u64(j, "fd", fds[i].fd);
		json_field_hex(j, "file", fds[i].file);
		json_field_bool(j, "cloexec", fds[i].flags & FS_FD_CLOEXEC);
		json_object_end(j);
	}
	json_array_end(j);
}

static void add_rlimit(struct json *j, uint64_t limit)
{
	if (limit == UINT64_MAX)
		json_null(j); /* unlimited */
	else
		json_u64(j, limit);
}

static void add_state(struct json *j, const struct fs_ev_state *e)
{
	static const char *const ns[FS_NS_COUNT] = { "mnt", "uts",    "ipc",  "pid",
						     "net", "cgroup", "time", "user" };
	static const char *const limits[16] = { "cpu",	    "fsize", "data",   "stack",
						"core",	    "rss",   "nproc",  "nofile",
						"memlock",  "as",    "locks",  "sigpending",
						"msgqueue", "nice",  "rtprio", "rttime" };
	int i;

	add_path(j, "cwd", event_components(&e->h));
	json_key(j, "ns");
	json_object_begin(j);
	for (i = 0; i < FS_NS_COUNT; i++)
		json_field_u64(j, ns[i], e->ns[i]);
	json_object_end(j);
	json_key(j, "rlimits");
	json_object_begin(j);
	for (i = 0; i < 16; i++) {
		json_key(j, limits[i]);
		json_array_begin(j);
		add_rlimit(j, e->rlimits[2 * i]);
		add_rlimit(j, e->rlimits[2 * i + 1]);
		json_array_end(j);
	}
	json_object_end(j);
}

static void add_address(struct json *j, const char *key, uint16_t family, const uint8_t addr[16])
{
	char text[INET6_ADDRSTRLEN] = "";

	if (family == AF_INET || family == AF_INET6)
		inet_ntop(family, addr, text, sizeof(text));
	json_field_text(j, key, *text ? text : NULL);
}

static void add_file(struct json *j, const struct fs_ev_file *e)
{
	struct event_text name = event_components(&e->h);

	if (event_file_has_path(e)) {
		add_path(j, "name", name);
	} else {
		name.len = strnlen(name.text, name.len);
		json_key(j, "name");
		if (name.len)
			json_string(j, name.text, name.len);
		else
			json_null(j);
	}
	add_address(j, "local_addr", e->sock_family, e->local_addr);
	add_address(j, "peer_addr", e->sock_family, e->peer_addr);
}

static void add_exit(struct json *j, const struct fs_ev_exit *e)
{
	json_key(j, "exit");
	json_object_begin(j);
	if (e->status & 0x7f) {
		json_field_u64(j, "signal", e->status & 0x7f);
		json_field_bool(j, "core", e->status & 0x80);
	} else {
		json_field_u64(j, "code", (e->status >> 8) & 0xff);
	}
	json_object_end(j);
}

static void add_frames(struct json *j, const struct fs_event *e)
{
	struct event_text frames = event_frames(e), frame;

	json_key(j, "stack");
	json_array_begin(j);
	while (event_next_component(&frames, &frame))
		json_string(j, frame.text, frame.len);
	json_array_end(j);
}

static void add_holders(struct json *j, const struct fs_event *e)
{
	const struct fs_holder *holders;
	size_t count, i;

	holders = event_holders(e, &count);
	json_key(j, "holders");
	json_array_begin(j);
	for (i = 0; i < count; i++) {
		json_object_begin(j);
		json_field_u64(j, "pid", holders[i].pid);
		json_field_u64(j, "fd", holders[i].fd);
		json_object_end(j);
	}
	json_array_end(j);
}

static void add_stack(struct json *j, const struct fs_event *e)
{
	const uint64_t *addresses;
	size_t count, i;

	if (((const struct fs_ev_stack *)e)->kind != FS_STACK_NATIVE) {
		add_text(j, "text", event_words(e));
		return;
	}
	addresses = event_stack(e, &count);
	json_key(j, "addresses");
	json_array_begin(j);
	for (i = 0; i < count; i++)
		json_hex(j, addresses[i]);
	json_array_end(j);
}

static void add_build_id(struct json *j, const struct fs_ev_dlopen *e)
{
	char text[2 * sizeof(e->build_id) + 1] = "";
	uint32_t i;

	for (i = 0; i < e->build_id_len && i < sizeof(e->build_id); i++)
		snprintf(text + 2 * i, 3, "%02x", e->build_id[i]);
	json_field_text(j, "build_id", *text ? text : NULL);
}

static void add_call(struct json *j, const struct fs_ev_call *e)
{
	struct event_text name = event_filename(&e->h);

	json_field_text(j, "call", event_call_name(e->call));
	json_field_text(j, "phase", event_phase_name(e->phase));
	json_field_text(j, "shim_gap", event_gap_name(e->shim_gap));
	json_key(j, "name");
	if (name.len)
		json_string(j, name.text, name.len);
	else
		json_null(j);
	if (e->argc)
		add_argv(j, &e->h, e->argv_len == e->argv_total);
}

static void add_intent_tail(struct json *j, const struct fs_event *e)
{
	const struct fs_ev_shim_hello *hello = (const struct fs_ev_shim_hello *)e;

	switch (e->type) {
	case FS_EV_SHIM_HELLO:
		add_text(j, "exe", event_filename(e));
		add_argv(j, e, hello->argv_len == hello->argv_total);
		break;
	case FS_EV_CALL:
		add_call(j, (const struct fs_ev_call *)e);
		break;
	case FS_EV_STACK:
		add_stack(j, e);
		break;
	case FS_EV_HANDLER:
		add_text(j, "object", event_filename(e));
		break;
	case FS_EV_DLOPEN:
		add_text(j, "path", event_filename(e));
		add_build_id(j, (const struct fs_ev_dlopen *)e);
		break;
	case FS_EV_STDIO_PENDING:
		add_text(j, "text", event_words(e));
		break;
	case FS_EV_MARK:
	case FS_EV_SPAN_BEGIN:
	case FS_EV_SPAN_END:
	case FS_EV_NAME:
		add_text(j, "name", event_words(e));
		break;
	case FS_EV_POOL_OPEN ... FS_EV_TASK_DONE:
		add_text(j, "text", event_words(e));
		break;
	}
}

static void add_tail(struct json *j, const struct fs_event *e)
{
	const struct fs_ev_exec *exec = (const struct fs_ev_exec *)e;
	const struct fs_ev_exec_failed *failed = (const struct fs_ev_exec_failed *)e;

	switch (e->type) {
	case FS_EV_EXEC:
		add_text(j, "filename", event_filename(e));
		add_text(j, "interp", event_interp(e));
		add_argv(j, e, exec->argv_len == exec->argv_total);
		break;
	case FS_EV_EXEC_ARGV:
		add_text(j, "argv_text", event_argv(e));
		break;
	case FS_EV_EXEC_FAILED:
		add_text(j, "filename", event_filename(e));
		add_argv(j, e, failed->argv_len == failed->argv_total);
		break;
	case FS_EV_PROCESS:
		add_text(j, "exe", event_filename(e));
		add_argv(j, e, true);
		break;
	case FS_EV_STATE:
		add_state(j, (const struct fs_ev_state *)e);
		break;
	case FS_EV_FILE:
		add_file(j, (const struct fs_ev_file *)e);
		break;
	case FS_EV_EXIT:
		add_exit(j, (const struct fs_ev_exit *)e);
		break;
	case FS_EV_FUTEX_STUCK:
		add_frames(j, e);
		break;
	case FS_EV_LOCK_STORY:
		add_text(j, "name", event_lock_name(e));
		add_text(j, "taken", event_lock_taken(e));
		add_frames(j, e);
		break;
	case FS_EV_BLOCKED:
		add_holders(j, e);
		break;
	case FS_EV_FD_TABLE:
	case FS_EV_FD_SEND:
	case FS_EV_FD_RECV:
		add_fds(j, e);
		break;
	default:
		add_intent_tail(j, e);
	}
}

/* --- the line --- */

static void add_name(struct json *j, const char *name, uint64_t number)
{
	if (name)
		json_text(j, name);
	else
		json_u64(j, number);
}

static void add_field(struct json *j, const struct fs_event *e, const struct event_field *field,
		      uint64_t start_ns)
{
	uint64_t value = event_field_value(e, field);
	struct event_text comm;

	json_key(j, field->name);
	switch (field->format) {
	case FIELD_SIGNED:
		json_i64(j, (int64_t)value);
		break;
	case FIELD_HEX:
		json_hex(j, value);
		break;
	case FIELD_TIME:
		json_i64(j, (int64_t)(value - start_ns));
		break;
	case FIELD_COMM:
		comm = event_comm(e);
		json_string(j, comm.text, comm.len);
		break;
	case FIELD_FLAG:
		json_bool(j, value & 1);
		break;
	case FIELD_TYPE:
		add_name(j, value < FS_EV_MAX ? event_type_name((unsigned)value) : NULL, value);
		break;
	case FIELD_SOURCE:
		add_name(j, value < 256 ? event_source_name((unsigned)value) : NULL, value);
		break;
	default:
		json_u64(j, value);
	}
}

void event_json_line(struct json *j, const struct fs_event *e, uint64_t start_ns)
{
	const struct event_field *field;

	json_object_begin(j);
	json_key(j, "type");
	add_name(j, event_type_name(e->type), e->type);
	json_field_i64(j, "ts_ns", (int64_t)(e->ts_ns - start_ns));
	json_key(j, "source");
	add_name(j, event_source_name(e->source), e->source);
	json_field_u64(j, "pid", e->pid);
	json_field_u64(j, "tid", e->tid);
	json_field_u64(j, "ns_pid", e->ns_pid);
	json_field_u64(j, "start_ns", e->start_ns);
	json_field_u64(j, "cpu", e->cpu);
	if (e->flags & FS_EVENT_CUT)
		json_field_bool(j, "cut", true);
	if (e->flags & FS_EVENT_COMPAT)
		json_field_bool(j, "compat", true);
	if (e->flags & FS_EVENT_UNREADABLE)
		json_field_bool(j, "unreadable", true);
	if (e->flags & FS_EVENT_STANDSTILL)
		json_field_bool(j, "standstill", true);
	for (field = event_fields(e->type); field->name; field++)
		add_field(j, e, field, start_ns);
	add_tail(j, e);
	json_object_end(j);
	json_line_end(j);
}
