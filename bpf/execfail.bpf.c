/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * A failed exec: its file name and arguments, from the caller's memory, where what the kernel did not come
 * to read may not be resident (said by FS_EVENT_UNREADABLE).
 */
#include "syscall.h"

#define FAILED_BYTES (PIECE_BYTES + PATH_BYTES)

static long string_step(__u32 i, void *unused)
{
	struct scratch *s = scratch_slot(SLOT_TRACEPOINT);
	struct describe *d = describe_slot(SLOT_TRACEPOINT);
	struct strings_walk *c;
	__u64 pointer = 0;
	char *tail;
	long n;

	if (!s || !d)
		return 1;
	c = &d->strings;
	if (bpf_probe_read_user(&pointer, c->compat ? 4 : 8,
				(void *)(c->argv + i * (c->compat ? 4ULL : 8ULL)))) {
		c->unreadable = 1;
		return 1;
	}
	if (!pointer)
		return 1;
	c->argc++;
	if (c->len > FAILED_BYTES - PATH_BYTES) {
		c->cut = 1;
		return 0; /* only count */
	}
	tail = (char *)(&s->failed + 1);
	n = bpf_probe_read_user_str(&tail[c->len & (4 * PATH_BYTES - 1)], PATH_BYTES,
				    (void *)pointer);
	if (n <= 0) {
		tail[c->len & (4 * PATH_BYTES - 1)] = 0;
		c->unreadable = 1;
		n = 1;
	}
	if (n == PATH_BYTES)
		c->cut = 1;
	c->len += n & (2 * PATH_BYTES - 1);
	return 0;
}

int emit_exec_failed(__u64 filename, __u64 argv, int error, int dirfd, __u32 compat)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct scratch *s = scratch_slot(SLOT_TRACEPOINT);
	struct describe *d = describe_slot(SLOT_TRACEPOINT);
	struct strings_walk *c;
	struct fs_ev_exec_failed *e;
	__u32 size;
	char *tail;
	long n;

	if (!s || !d)
		return 0;
	c = &d->strings;
	__builtin_memset(c, 0, sizeof(*c));
	c->argv = argv;
	c->compat = compat;
	e = &s->failed;
	tail = (char *)(e + 1);
	__builtin_memset(e, 0, sizeof(*e));
	tail[0] = 0;
	n = bpf_probe_read_user_str(tail, PATH_BYTES, (void *)filename);
	if (n <= 0) {
		c->unreadable = 1;
		n = 1;
	}
	e->filename_len = (n - 1) & (PATH_BYTES - 1);
	c->len = e->filename_len + 1;
	if (argv)
		bpf_loop(1 << 17, string_step, NULL, 0);
	e->argc = c->argc;
	e->error = error;
	e->dirfd = dirfd;
	e->argv_len = c->len - e->filename_len - 1;
	e->argv_total = e->argv_len;
	size = round_up_8(sizeof(*e) + (c->len & (4 * PATH_BYTES - 1)));
	fill_header(&e->h, FS_EV_EXEC_FAILED, size, address_of(task));
	if (compat)
		e->h.flags |= FS_EVENT_COMPAT;
	if (c->unreadable)
		e->h.flags |= FS_EVENT_UNREADABLE;
	if (c->cut)
		e->h.flags |= FS_EVENT_CUT;
	if (size <= sizeof(*e) + FAILED_BYTES + PATH_BYTES)
		emit(e, size, FS_EV_EXEC_FAILED);
	return 1;
}
