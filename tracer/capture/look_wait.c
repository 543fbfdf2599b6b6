/* SPDX-License-Identifier: MIT */
/*
 * What a thread's system call waits for; see look_wait.h. The arguments come from the target and are only
 * used to read, with limits: a count of fds it claims is cut, an address that is not there gives nothing.
 */
#include "capture/look_wait.h"
#include "capture/proc_wait.h"

#include <fcntl.h>
#include <inttypes.h>
#include <linux/futex.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "capture/look_ipc.h"
#include "capture/look_proc.h"

#define CALL_VFORK 0x4000u
#define POLLED_MAX 64
#ifndef SYS_futex_wait
#define SYS_futex_wait 455
#endif
#ifndef FUTEX_LOCK_PI2
#define FUTEX_LOCK_PI2 13
#endif

/* Calls that wait for what their first argument, an fd, names. */
static const struct {
	int64_t nr;
	enum wait_kind kind;
} fd_calls[] = {
	{ SYS_read, WAIT_READ },       { SYS_readv, WAIT_READ },     { SYS_pread64, WAIT_READ },
	{ SYS_preadv, WAIT_READ },     { SYS_recvfrom, WAIT_READ },  { SYS_recvmsg, WAIT_READ },
	{ SYS_recvmmsg, WAIT_READ },   { SYS_splice, WAIT_READ },    { SYS_write, WAIT_WRITE },
	{ SYS_writev, WAIT_WRITE },    { SYS_pwrite64, WAIT_WRITE }, { SYS_sendto, WAIT_WRITE },
	{ SYS_sendmsg, WAIT_WRITE },   { SYS_sendmmsg, WAIT_WRITE }, { SYS_connect, WAIT_WRITE },
	{ SYS_accept, WAIT_ACCEPT },   { SYS_accept4, WAIT_ACCEPT }, { SYS_flock, WAIT_FILE_LOCK },
	{ SYS_fcntl, WAIT_FILE_LOCK },
};

/* What an fd is, as /proc shows it. */
static void name_fd(const struct seen_process *p, struct seen_wait *w)
{
	char path[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%u/fd/%d", p->pid, w->fd);
	n = readlink(path, w->what, sizeof(w->what) - 1);
	w->what[n > 0 ? n : 0] = 0;
}

static struct seen_wait *add_fd_wait(const struct seen_process *p, struct seen_thread *t,
				     enum wait_kind kind, int32_t fd, bool timed)
{
	struct seen_wait *w = snapshot_add_wait(t, kind);

	if (!w)
		return NULL;
	w->fd = fd;
	w->timed = timed;
	name_fd(p, w);
	return w;
}

static bool wait_on_fd(const struct seen_process *p, struct seen_thread *t)
{
	for (size_t i = 0; i < sizeof(fd_calls) / sizeof(fd_calls[0]); i++) {
		if (fd_calls[i].nr != t->nr)
			continue;
		add_fd_wait(p, t, fd_calls[i].kind, (int32_t)t->args[0], false);
		return true;
	}
	return false;
}

static void wait_on_poll(const struct seen_process *p, struct seen_thread *t)
{
	bool plain = t->nr != SYS_ppoll;
	bool timed = plain ? (int32_t)t->args[2] >= 0 : t->args[2] != 0;
	size_t n = t->args[1] < POLLED_MAX ? (size_t)t->args[1] : POLLED_MAX;
	struct pollfd fds[POLLED_MAX];

	if (n && !proc_read((pid_t)p->pid, t->args[0], fds, n * sizeof(fds[0])))
		n = 0;
	for (size_t i = 0; i < n; i++)
		if (fds[i].fd >= 0)
			add_fd_wait(p, t, fds[i].events & POLLOUT ? WAIT_WRITE : WAIT_READ,
				    fds[i].fd, timed);
	if (!t->wait_count)
		(void)add_fd_wait(p, t, timed ? WAIT_SLEEP : WAIT_OTHER, -1, timed);
}

static void wait_on_select(const struct seen_process *p, struct seen_thread *t)
{
	size_t n = t->args[0] < FD_SETSIZE ? (size_t)t->args[0] : FD_SETSIZE;
	bool timed = t->args[4] != 0;
	uint64_t bits[FD_SETSIZE / 64];

	for (int set = 1; set <= 2; set++) {
		memset(bits, 0, sizeof(bits));
		if (!t->args[set] ||
		    !proc_read((pid_t)p->pid, t->args[set], bits, (n + 63) / 64 * sizeof(bits[0])))
			continue;
		for (size_t fd = 0; fd < n && t->wait_count < POLLED_MAX; fd++)
			if (bits[fd / 64] >> fd % 64 & 1)
				add_fd_wait(p, t, set == 1 ? WAIT_READ : WAIT_WRITE, (int32_t)fd,
					    timed);
	}
	if (!t->wait_count)
		(void)add_fd_wait(p, t, timed ? WAIT_SLEEP : WAIT_OTHER, -1, timed);
}

/* The fds an epoll watches are in its fdinfo: "tfd: 5 events: 19 data: ..." */
static void wait_on_epoll(const struct seen_process *p, struct seen_thread *t)
{
	bool timed = (int32_t)t->args[3] >= 0;
	char path[64], line[256];
	unsigned events;
	int fd;
	FILE *info;

	snprintf(path, sizeof(path), "/proc/%u/fdinfo/%d", p->pid, (int32_t)t->args[0]);
	info = fopen(path, "re");
	while (info && fgets(line, sizeof(line), info) && t->wait_count < POLLED_MAX)
		if (sscanf(line, "tfd: %d events: %x", &fd, &events) == 2)
			add_fd_wait(p, t, events & EPOLLIN ? WAIT_READ : WAIT_WRITE, fd, timed);
	if (info)
		fclose(info);
	if (!t->wait_count)
		(void)add_fd_wait(p, t, WAIT_OTHER, (int32_t)t->args[0], timed);
}

static bool is_futex_wait(const struct seen_thread *t, bool *ret_timed)
{
	if (t->nr == SYS_futex_wait) {
		*ret_timed = t->args[4] != 0;
		return true;
	}
	if (t->nr != SYS_futex)
		return false;
	*ret_timed = t->args[3] != 0;
	switch (t->args[1] & FUTEX_CMD_MASK) {
	case FUTEX_WAIT:
	case FUTEX_WAIT_BITSET:
	case FUTEX_LOCK_PI:
	case FUTEX_WAIT_REQUEUE_PI:
	case FUTEX_LOCK_PI2:
		return true;
	}
	return false;
}

static bool is_vfork(const struct seen_process *p, const struct seen_thread *t)
{
	uint64_t flags = 0;

	if (t->nr == SYS_clone)
		return t->args[0] & CALL_VFORK;
	if (t->nr == SYS_clone3)
		return proc_read((pid_t)p->pid, t->args[0], &flags, sizeof(flags)) &&
		       flags & CALL_VFORK;
#ifdef SYS_vfork
	return t->nr == SYS_vfork;
#else
	return false;
#endif
}

static bool wait_on_many(const struct seen_process *p, struct seen_thread *t)
{
	switch (t->nr) {
#ifdef SYS_poll
	case SYS_poll:
#endif
	case SYS_ppoll:
		wait_on_poll(p, t);
		return true;
#ifdef SYS_select
	case SYS_select:
#endif
	case SYS_pselect6:
		wait_on_select(p, t);
		return true;
#ifdef SYS_epoll_wait
	case SYS_epoll_wait:
#endif
	case SYS_epoll_pwait:
		wait_on_epoll(p, t);
		return true;
	}
	return false;
}

/* Calls that wait for no thing at all. */
static enum wait_kind kind_of_call(const struct seen_process *p, const struct seen_thread *t,
				   bool *ret_timed)
{
	switch (t->nr) {
	case SYS_wait4:
	case SYS_waitid:
		return WAIT_CHILD;
	case SYS_nanosleep:
	case SYS_clock_nanosleep:
		*ret_timed = true;
		return WAIT_SLEEP;
	case SYS_rt_sigtimedwait:
		*ret_timed = t->args[2] != 0;
		return WAIT_SIGNAL;
#ifdef SYS_pause
	case SYS_pause:
#endif
	case SYS_rt_sigsuspend:
		return WAIT_SIGNAL;
	}
	return is_vfork(p, t) ? WAIT_VFORK : WAIT_OTHER;
}

static void wait_on_futex(const struct seen_process *p, struct seen_thread *t, bool timed)
{
	struct seen_wait *w = snapshot_add_wait(t, WAIT_LOCK);
	struct look_map map;

	if (!w)
		return;
	w->timed = timed;
	w->address = t->args[0];
	(void)proc_read((pid_t)p->pid, w->address, &w->word, sizeof(w->word));
	/* A private wait is private whatever the memory; the mappings of a large process are long to read. */
	if ((t->nr == SYS_futex && t->args[1] & FUTEX_PRIVATE_FLAG) ||
	    !look_map(p->pid, w->address, &map))
		return;
	w->shared = map.shared;
	w->memory = map.ino;
	if (map.shared)
		snprintf(w->what, sizeof(w->what), "%s", map.name);
}

/* Whether an open waits for the other end of a fifo; path gets its name as the target wrote it. */
static bool waits_to_open(const struct seen_process *p, const struct seen_thread *t, char *path,
			  size_t size)
{
	uint64_t at = t->nr == SYS_openat ? t->args[1] : 0, room;

#ifdef SYS_open
	if (t->nr == SYS_open)
		at = t->args[0];
#endif
	if (!at)
		return false;
	/* No further than its page: the next one may not be there. */
	room = 4096 - at % 4096;
	memset(path, 0, size);
	return proc_read((pid_t)p->pid, at, path, room < size ? room : size - 1) && path[0] != 0;
}

/* Waits for things that no fd of ours tells more of: in words. */
static void name_other(const struct snapshot *s, const struct seen_process *p,
		       const struct seen_thread *t, struct seen_wait *w)
{
	char path[56];

	if (look_ipc(s, p, t, w))
		return;
	switch (t->nr) {
	case SYS_mq_timedreceive:
	case SYS_mq_timedsend:
		w->fd = (int32_t)t->args[0];
		name_fd(p, w);
		snprintf(path, sizeof(path), "%.*s", (int)sizeof(path) - 1, w->what);
		snprintf(w->what, sizeof(w->what), "%s the queue %s",
			 t->nr == SYS_mq_timedreceive ? "a message in" : "room in", path);
		return;
	case SYS_io_uring_enter:
		snprintf(w->what, sizeof(w->what), "its io_uring");
		return;
	}
	if (waits_to_open(p, t, path, sizeof(path)))
		snprintf(w->what, sizeof(w->what),
			 "somebody to open the other end of %s, which nobody has open", path);
}

void look_waits(const struct snapshot *s, const struct seen_process *p, struct seen_thread *t)
{
	struct seen_wait *w;
	bool timed = false;
	enum wait_kind kind;

	if (t->wait_count || t->state == 'Z' || t->state == 'X')
		return;
	if (t->state == 'T' || t->state == 't') {
		(void)snapshot_add_wait(t, t->state == 'T' ? WAIT_STOPPED : WAIT_TRACED);
		return;
	}
	/* Of a 32-bit program the numbers are others. */
	if (t->nr < 0 || t->sp >> 32 == 0)
		return;
	if (is_futex_wait(t, &timed)) {
		wait_on_futex(p, t, timed);
		return;
	}
	if (wait_on_many(p, t) || wait_on_fd(p, t))
		return;
	kind = kind_of_call(p, t, &timed);
	w = snapshot_add_wait(t, kind);
	if (w && kind == WAIT_OTHER)
		name_other(s, p, t, w);
	if (w)
		w->timed = timed;
}
