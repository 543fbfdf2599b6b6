/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The first system call of a process that names a fd (FS_EV_FD_USE), one record a fd. */
#include "syscall.h"

int note_fd_use(__u32 fd, __u32 nr)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct used_fd key = { .tgid = task->tgid, .fd = fd };
	__u64 start = process_start(task);
	__u64 *known = bpf_map_lookup_elem(&used, &key);
	struct fs_ev_fd e = {};

	if (known && *known == start)
		return 0;
	e.file = identify_fd((__u64)BPF_CORE_READ(task, files), fd, SLOT_TRACEPOINT, 0);
	if (!e.file)
		return 0; /* not open: the call will fail */
	bpf_map_update_elem(&used, &key, &start, BPF_ANY);
	fill_header(&e.h, FS_EV_FD_USE, sizeof(e), address_of(task));
	e.fd = fd;
	e.syscall = nr;
	emit(&e, sizeof(e), FS_EV_FD_USE);
	return 1;
}

struct poll_walk {
	__u64 at;
	__u32 nr;
};

static long poll_step(__u32 i, struct poll_walk *w)
{
	int fd = -1;

	if (bpf_probe_read_user(&fd, sizeof(fd), (void *)(w->at + i * 8ULL)))
		return 1;
	if (fd >= 0)
		note_fd_use(fd, w->nr);
	return 0;
}

int note_poll(__u64 fds, __u32 count, __u32 nr)
{
	struct poll_walk w = { .at = fds, .nr = nr };

	if (count > 4096)
		count = 4096;
	if (fds)
		bpf_loop(count, poll_step, &w, 0);
	return 0;
}

struct select_walk {
	__u64 set[3];
	__u32 nfds;
	__u32 nr;
};

static long select_step(__u32 fd, struct select_walk *w)
{
	__u64 bits = 0, word = 0;

	if (fd >= w->nfds)
		return 1;
	for (int k = 0; k < 3; k++) {
		word = 0;
		if (w->set[k])
			bpf_probe_read_user(&word, 8, (void *)(w->set[k] + fd / 64 * 8));
		bits |= word;
	}
	if (bits >> (fd & 63) & 1)
		note_fd_use(fd, w->nr);
	return 0;
}

int note_select(__u64 set0, __u64 set1, __u64 set2, __u32 nfds, __u32 nr)
{
	struct select_walk w = { .set = { set0, set1, set2 }, .nfds = nfds, .nr = nr };

	bpf_loop(1024, select_step, &w, 0);
	return 0;
}
