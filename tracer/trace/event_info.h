/* SPDX-License-Identifier: MIT */
/*
 * What an event is called, how long its fixed part is, and what lies in its tail.
 *
 * The accessors never read outside the event, whatever its fields say, and never count on a NUL: a tail that
 * was cut (FS_EVENT_CUT) gives what there is of it. They take any event; one whose type has no such piece
 * gives an empty one. What they return points into the event.
 */
#ifndef TRACER_TRACE_EVENT_INFO_H
#define TRACER_TRACE_EVENT_INFO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "forkscope/event.h"

/* Bytes; text is never NULL, and no C string. */
struct event_text {
	const char *text;
	size_t len;
};

/* "fork", "fd_table" ...: the name in JSON and in lost_by. NULL: a type not known here. */
const char *event_type_name(unsigned type);

/* The type of that name, 0 if there is none. */
unsigned event_type_of(const char *name);

/* "bpf", "shim" ...; NULL: not known here. */
const char *event_source_name(unsigned source);

/* Size of the type's struct, without the tail; 0: a type not known here, or reserved. */
size_t event_fixed_size(unsigned type);

/* The name of the thread, for the types that carry one. */
struct event_text event_comm(const struct fs_event *e);

/*
 * exec, exec_failed, call: the file as the caller named it. process, shim_hello: its exe. handler, dlopen:
 * the object.
 */
struct event_text event_filename(const struct fs_event *e);

/* exec: the image in fact loaded. */
struct event_text event_interp(const struct fs_event *e);

/* exec, exec_failed, exec_argv, process, shim_hello, call: (a piece of) argv, arguments that each end in NUL. */
struct event_text event_argv(const struct fs_event *e);

/* stack: Python's text; stdio_pending: bytes; marks: the name; pool events: the text. No NUL ends it. */
struct event_text event_words(const struct fs_event *e);

/* stack: the return addresses there are; their number goes to ret_count. */
const uint64_t *event_stack(const struct fs_event *e, size_t *ret_count);

/* enum fs_call, fs_call_phase and fs_shim_gap by name; NULL: not known here, or none. */
const char *event_call_name(unsigned call);
const char *event_phase_name(unsigned phase);
const char *event_gap_name(unsigned gap);

/* state: cwd, file: its name; as components, the deepest first, each ending in NUL. */
struct event_text event_components(const struct fs_event *e);

/* lock_story: the lock's name, and where it was taken. */
struct event_text event_lock_name(const struct fs_event *e);
struct event_text event_lock_taken(const struct fs_event *e);

/* futex_stuck, lock_story: the stack, innermost frame first, each ending in NUL. */
struct event_text event_frames(const struct fs_event *e);

/* blocked: who could write. */
const struct fs_holder *event_holders(const struct fs_event *e, size_t *ret_count);

/* Takes the first component off *rest. False when there is none left. */
bool event_next_component(struct event_text *rest, struct event_text *ret);

/* Appends components as an absolute path: "c", "b" is /b/c; a component "/" or none adds only the root. */
void event_append_path(struct buffer *out, struct event_text components);

/* file: whether its components are a path; else they are a name of the kernel's ("[eventfd]", "memfd:x"). */
bool event_file_has_path(const struct fs_ev_file *e);

/* fd_table, fd_send, fd_recv: the entries there are; their number goes to ret_count. */
const struct fs_fd *event_fds(const struct fs_event *e, size_t *ret_count);

#endif
