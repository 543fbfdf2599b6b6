/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Passing of fds by SCM_RIGHTS: the control messages of a sendmsg or recvmsg, taken apart in the caller's
 * memory. A message has at most 253 fds over all its control messages (the kernel's limit), so one
 * record holds them all.
 */
#include "syscall.h"

#define MAX_CMSGS 128

static __always_inline int read_cmsg(struct control_walk *w, __u32 compat, __u64 *len, int *level,
				     int *type)
{
	if (compat) {
		struct {
			__u32 len;
			int level, type;
		} c;

		if (w->at + sizeof(c) > w->end || bpf_probe_read_user(&c, sizeof(c), (void *)w->at))
			return -1;
		*len = c.len;
		*level = c.level;
		*type = c.type;
		return sizeof(c);
	} else {
		struct {
			__u64 len;
			int level, type;
		} c;

		if (w->at + sizeof(c) > w->end || bpf_probe_read_user(&c, sizeof(c), (void *)w->at))
			return -1;
		*len = c.len;
		*level = c.level;
		*type = c.type;
		return sizeof(c);
	}
}

static long control_step(__u32 i, void *unused)
{
	struct describe *d = describe_slot(SLOT_TRACEPOINT);
	__u32 compat, align, count, at;
	struct control_walk *w;
	int head, level, type;
	__u64 len;

	if (!d)
		return 1;
	w = &d->control;
	compat = d->message.how & PASS_COMPAT;
	align = compat ? 3 : 7;
	head = read_cmsg(w, compat, &len, &level, &type);
	if (head < 0 || len < (__u32)head || len > w->end - w->at)
		return 1;
	if (level == SOL_SOCKET && type == SCM_RIGHTS) {
		count = (__u32)(len - head) / 4;
		at = w->fds & (PIECE_FDS - 1);
		if (count > PIECE_FDS - at)
			count = PIECE_FDS - at;
		/* Again, and hidden from the compiler: the verifier of 6.1 sees no bound above. */
		barrier_var(count);
		if (count > PIECE_FDS)
			count = PIECE_FDS;
		if (bpf_probe_read_user(&d->raw_fds[at], count * 4, (void *)(w->at + head)))
			w->unreadable = 1;
		w->fds = at + count;
		w->rights++;
	}
	w->at += (len + align) & ~(__u64)align;
	return w->fds >= PIECE_FDS;
}

/* Collects the fds of all control messages in raw_fds. */
int walk_control(__u64 control, __u64 length)
{
	struct describe *d = describe_slot(SLOT_TRACEPOINT);
	__u8 first;

	if (!d)
		return 0;
	__builtin_memset(&d->control, 0, sizeof(d->control));
	if (!control || !length)
		return 0;
	d->control.at = control;
	d->control.end = control + length;
	if (bpf_probe_read_user(&first, 1, (void *)control))
		d->message.unreadable = 1;
	bpf_loop(MAX_CMSGS, control_step, NULL, 0);
	return d->control.rights;
}

struct resolve_walk {
	__u64 files;
	__u32 count;
};

static long resolve_step(__u32 i, struct resolve_walk *w)
{
	struct describe *d = describe_slot(SLOT_TRACEPOINT);
	struct scratch *s = scratch_slot(SLOT_TRACEPOINT);
	struct fs_fd *entry;
	__u32 fd;

	if (!d || !s || i >= w->count)
		return 1;
	fd = d->raw_fds[i & (PIECE_FDS - 1)];
	entry = (struct fs_fd *)(&s->pass + 1) + (i & (PIECE_FDS - 1));
	entry->fd = fd;
	entry->file = identify_fd(w->files, fd, SLOT_TRACEPOINT, 0);
	entry->flags = fd_is_cloexec(w->files, fd);
	return 0;
}

static __always_inline void describe_channel(struct fs_ev_fd_pass *e, __u64 files)
{
	struct file *file = (void *)file_of_fd(files, e->sock_fd);
	struct socket *socket = BPF_CORE_READ(file, private_data);
	struct unix_sock *u = (void *)BPF_CORE_READ(socket, sk);

	e->sock_file = file_identity((__u64)file, SLOT_TRACEPOINT, 0);
	e->sock_ino = BPF_CORE_READ(file, f_inode, i_ino);
	e->sock_peer_ino = BPF_CORE_READ(u, peer, sk_socket, file, f_inode, i_ino);
}

#define MSGHDR_TAIL (2 * sizeof(__u64) + sizeof(__u32)) /* control, length, flags */

/*
 * Takes what matters of a message header, of either ABI; returns the size of a struct mmsghdr, or -1. Not
 * inline, so that its variables are not on the stack below the long way to a file's path (512 bytes in all).
 */
static __noinline int read_message(void)
{
	struct describe *d = describe_slot(SLOT_TRACEPOINT);
	struct message_walk *w;
	__u32 words[3];

	if (!d)
		return -1;
	w = &d->message;
	if (w->how & PASS_COMPAT) {
		if (bpf_probe_read_user(words, sizeof(words), (void *)(w->at + 16)))
			return -1;
		w->control = words[0];
		w->length = words[1];
		w->flags = words[2];
		return 32;
	}
	if (bpf_probe_read_user(&w->control, MSGHDR_TAIL, (void *)(w->at + 32)))
		return -1;
	return 64;
}

int emit_message(void)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct describe *d = describe_slot(SLOT_TRACEPOINT);
	struct scratch *s = scratch_slot(SLOT_TRACEPOINT);
	struct resolve_walk r = { .files = (__u64)BPF_CORE_READ(task, files) };
	struct message_walk *w;
	struct fs_ev_fd_pass *e;
	__u32 size;
	__u16 type;

	if (!s || !d)
		return 0;
	w = &d->message;
	type = w->how & PASS_RECEIVED ? FS_EV_FD_RECV : FS_EV_FD_SEND;
	r.count = d->control.fds;
	if (r.count > PIECE_FDS)
		r.count = PIECE_FDS;
	e = &s->pass;
	__builtin_memset(e, 0, sizeof(*e));
	size = sizeof(*e) + r.count * sizeof(struct fs_fd);
	e->sock_fd = w->sock_fd;
	e->syscall = w->how >> PASS_NR_SHIFT;
	e->message = w->index;
	e->count = r.count;
	e->cmsgs = d->control.rights;
	if (w->how & PASS_RECEIVED && w->flags & MSG_CTRUNC)
		e->pass_flags |= FS_PASS_CTRUNC;
	if (w->how & PASS_WANT_CLOEXEC)
		e->pass_flags |= FS_PASS_CMSG_CLOEXEC;
	if (w->how & PASS_PEEKED)
		e->pass_flags |= FS_PASS_PEEK;
	describe_channel(e, r.files);
	bpf_loop(r.count, resolve_step, &r, 0);
	fill_header(&e->h, type, size, address_of(task));
	if (w->how & PASS_COMPAT)
		e->h.flags |= FS_EVENT_COMPAT;
	if (d->control.unreadable)
		e->h.flags |= FS_EVENT_UNREADABLE;
	if (size <= sizeof(*e) + PIECE_FDS * sizeof(struct fs_fd))
		emit(e, size, type);
	return 1;
}

static long message_step(__u32 i, void *unused)
{
	struct describe *d = describe_slot(SLOT_TRACEPOINT);
	struct message_walk *w;
	int stride, rights;

	if (!d)
		return 1;
	w = &d->message;
	stride = read_message();
	if (stride < 0) {
		w->unreadable = 1;
		return 1;
	}
	rights = walk_control(w->control, w->length);
	if (rights > 0 || (w->how & PASS_RECEIVED && w->flags & MSG_CTRUNC))
		w->told += emit_message();
	w->at += stride;
	w->index++;
	return 0;
}

int emit_messages(__u64 msg, __u32 sock_fd, __u32 messages, __u32 how)
{
	struct describe *d = describe_slot(SLOT_TRACEPOINT);
	struct message_walk *w;

	if (!d)
		return 0;
	w = &d->message;
	__builtin_memset(w, 0, sizeof(*w));
	w->at = msg;
	w->sock_fd = sock_fd;
	w->how = how;
	if (messages > 1024) /* UIO_MAXIOV */
		messages = 1024;
	bpf_loop(messages, message_step, NULL, 0);
	if (w->unreadable && !w->told)
		return -1;
	return w->told;
}
