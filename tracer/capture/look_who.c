/* SPDX-License-Identifier: MIT */
/* Who could end a wait: the holders of other ends, owners, children; see look_wait.h. */
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "capture/look_proc.h"
#include "capture/look_wait.h"

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

/* --- sockets --- */

static uint64_t peer_in(const struct nlmsghdr *h)
{
	const struct unix_diag_msg *m = NLMSG_DATA(h);
	const struct rtattr *a = (const void *)(m + 1);
	int left = (int)h->nlmsg_len - (int)NLMSG_LENGTH(sizeof(*m));

	for (; RTA_OK(a, left); a = RTA_NEXT(a, left))
		if (a->rta_type == UNIX_DIAG_PEER && RTA_PAYLOAD(a) >= sizeof(uint32_t))
			return *(const uint32_t *)RTA_DATA(a);
	return 0;
}

uint64_t look_socket_peer(uint64_t ino)
{
	struct {
		struct nlmsghdr h;
		struct unix_diag_req r;
	} ask = {
		.h = { .nlmsg_len = sizeof(ask),
		       .nlmsg_type = SOCK_DIAG_BY_FAMILY,
		       .nlmsg_flags = NLM_F_REQUEST },
		.r = { .sdiag_family = AF_UNIX,
		       .udiag_states = UINT32_MAX,
		       .udiag_ino = (uint32_t)ino,
		       .udiag_show = UDIAG_SHOW_PEER,
		       .udiag_cookie = { UINT32_MAX, UINT32_MAX } },
	};
	union {
		struct nlmsghdr h;
		char bytes[4096];
	} answer;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	uint64_t peer = 0;
	ssize_t n;

	if (fd < 0)
		return 0;
	if (send(fd, &ask, sizeof(ask), 0) == (ssize_t)sizeof(ask)) {
		n = recv(fd, &answer, sizeof(answer), 0);
		if (n > 0 && NLMSG_OK(&answer.h, (size_t)n) &&
		    answer.h.nlmsg_type == SOCK_DIAG_BY_FAMILY)
			peer = peer_in(&answer.h);
	}
	close(fd);
	return peer;
}

struct tcp_line {
	char local[48], remote[48]; /* address and port, as the kernel writes them */
	uint64_t ino;
};

static bool parse_tcp(const char *line, struct tcp_line *ret)
{
	return sscanf(line, " %*d: %47s %47s %*s %*s %*s %*s %*s %*s %" SCNu64, ret->local,
		      ret->remote, &ret->ino) == 3;
}

/* Finds the line of a socket, or the one whose ends are that line's the other way round. */
static bool find_tcp(const char *path, uint64_t ino, const struct tcp_line *other,
		     struct tcp_line *ret)
{
	char line[512];
	bool found = false;
	FILE *table = fopen(path, "re");

	while (table && !found && fgets(line, sizeof(line), table))
		found = parse_tcp(line, ret) && ret->ino &&
			(other ? strcmp(ret->local, other->remote) == 0 &&
					 strcmp(ret->remote, other->local) == 0
			       : ret->ino == ino);
	if (table)
		fclose(table);
	return found;
}

/* The other end of a TCP connection within one machine; 0: it is none. */
static uint64_t tcp_peer(uint32_t pid, uint64_t ino)
{
	static const char *const tables[] = { "tcp", "tcp6" };
	struct tcp_line mine, theirs;
	char path[64];

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		snprintf(path, sizeof(path), "/proc/%u/net/%s", pid, tables[i]);
		if (find_tcp(path, ino, NULL, &mine))
			return find_tcp(path, 0, &mine, &theirs) ? theirs.ino : 0;
	}
	return 0;
}

/* --- fds --- */

static const struct seen_fd *find_fd(const struct seen_process *p, int32_t fd)
{
	for (size_t i = 0; i < p->fd_count; i++)
		if (p->fds[i].fd == fd)
			return &p->fds[i];
	return NULL;
}

/* Whether a process has what it holds from another: its parent has the same, or it is a bare fork. */
static bool is_inherited(const struct snapshot *s, const struct seen_process *p,
			 const struct seen_fd *f)
{
	const struct seen_process *parent = snapshot_find(s, p->parent);

	for (size_t i = 0; parent && i < parent->fd_count; i++)
		if (parent->fds[i].kind == f->kind && parent->fds[i].ino == f->ino &&
		    parent->fds[i].dev == f->dev)
			return true;
	return p->forked;
}

static void add_fd_holders(const struct snapshot *s, struct seen_wait *w,
			   const struct seen_fd *what, uint64_t ino, bool write_ends, bool maybe)
{
	for (size_t i = 0; i < s->count; i++) {
		const struct seen_process *q = &s->processes[i];

		for (size_t k = 0; k < q->fd_count; k++) {
			const struct seen_fd *f = &q->fds[k];

			if (f->kind != what->kind || f->ino != ino || f->dev != what->dev ||
			    !(write_ends ? f->can_write : f->can_read))
				continue;
			if (!snapshot_add_other(
				    w, &(struct seen_other){ .pid = q->pid,
							     .fd = f->fd,
							     .inherited = is_inherited(s, q, f),
							     .maybe = maybe }))
				return;
			break; /* one fd a process is enough to blame it */
		}
	}
}

static void find_fd_others(const struct snapshot *s, const struct seen_process *p,
			   struct seen_wait *w)
{
	const struct seen_fd *f = find_fd(p, w->fd);
	uint64_t peer;

	switch (f ? f->kind : 0) {
	case 'p':
		add_fd_holders(s, w, f, f->ino, w->kind == WAIT_READ, false);
		break;
	case 'e':
		add_fd_holders(s, w, f, f->ino, true, true);
		/* Held by the only thread there is, which waits, and no signal's handler can write either. */
		if (w->count == 1 && w->others[0].pid == p->pid && p->thread_count == 1 &&
		    !p->caught)
			w->others[0].maybe = false;
		break;
	case 's':
		peer = look_socket_peer(f->ino);
		if (!peer)
			peer = tcp_peer(p->pid, f->ino);
		if (peer)
			add_fd_holders(s, w, f, peer, true, false);
		break;
	}
	/* A terminal, a file, a socket to elsewhere: what ends the wait is not a process we could see. */
	w->others_unknown = !w->count;
}

/* --- children, memory --- */

/* The child a wait call names; 0: any. */
static uint32_t named_child(const struct seen_thread *t)
{
	if (t->nr == SYS_wait4)
		return (int32_t)t->args[0] > 0 ? (uint32_t)t->args[0] : 0;
	return t->nr == SYS_waitid && t->args[0] == P_PID ? (uint32_t)t->args[1] : 0;
}

static void find_children(const struct snapshot *s, const struct seen_process *p,
			  const struct seen_thread *t, struct seen_wait *w)
{
	uint32_t named = named_child(t);

	for (size_t i = 0; i < s->count; i++) {
		const struct seen_process *q = &s->processes[i];

		if (q->parent != p->pid || (named && q->pid != named) || q->state == 'Z' ||
		    (w->kind == WAIT_VFORK && !q->forked))
			continue;
		if (!snapshot_add_other(w, &(struct seen_other){ .pid = q->pid, .fd = -1 }))
			return;
	}
	w->others_unknown = !w->count;
}

/* What was found for another wait in the same memory: workers that wait for one lock are many. */
static bool copy_sharers(const struct snapshot *s, struct seen_wait *w)
{
	for (size_t i = 0; i < s->count; i++)
		for (size_t k = 0; k < s->processes[i].thread_count; k++) {
			const struct seen_thread *t = &s->processes[i].threads[k];
			const struct seen_wait *known = t->wait_count ? t->waits : NULL;

			if (!known || known == w || known->kind != WAIT_LOCK || known->owner ||
			    !known->count || known->memory != w->memory)
				continue;
			for (size_t n = 0; n < known->count; n++)
				if (!snapshot_add_other(w, &known->others[n]))
					break;
			return true;
		}
	return false;
}

/* Everybody who has the same piece of memory. */
static void find_sharers(const struct snapshot *s, const struct seen_process *p,
			 struct seen_wait *w)
{
	struct look_map map;
	char path[64], line[512];
	unsigned major, minor;
	uint64_t ino;

	if (copy_sharers(s, w) || !look_map(p->pid, w->address, &map))
		return;
	for (size_t i = 0; i < s->count; i++) {
		bool has = false;
		FILE *maps;

		snprintf(path, sizeof(path), "/proc/%u/maps", s->processes[i].pid);
		maps = fopen(path, "re");
		while (maps && !has && fgets(line, sizeof(line), maps))
			has = sscanf(line, "%*s %*s %*s %x:%x %" SCNu64, &major, &minor, &ino) ==
				      3 &&
			      ino == map.ino && major == map.major && minor == map.minor;
		if (maps)
			fclose(maps);
		if (has && !snapshot_add_other(w, &(struct seen_other){ .pid = s->processes[i].pid,
									.fd = -1,
									.maybe = true }))
			return;
	}
}

static void find_lock_others(const struct snapshot *s, const struct seen_process *p,
			     struct seen_wait *w)
{
	switch (w->owner) {
	case OWNER_HERE:
		(void)snapshot_add_other(
			w, &(struct seen_other){ .pid = p->pid, .tid = w->owner_tid, .fd = -1 });
		return;
	case OWNER_ELSEWHERE:
		/* In memory of its own nobody else can release it. */
		if (w->shared)
			(void)snapshot_add_other(w, &(struct seen_other){ .pid = w->owner_pid,
									  .tid = w->owner_tid,
									  .fd = -1 });
		return;
	case OWNER_GONE:
		return;
	case OWNER_NONE:
		break;
	}
	if (w->shared) {
		find_sharers(s, p, w);
		return;
	}
	/* Any other thread may be the one that ends it. */
	(void)snapshot_add_other(w, &(struct seen_other){ .pid = p->pid, .fd = -1, .maybe = true });
}

void look_others(const struct snapshot *s, const struct seen_process *p,
		 const struct seen_thread *t, struct seen_wait *w)
{
	switch (w->kind) {
	case WAIT_LOCK:
		find_lock_others(s, p, w);
		break;
	case WAIT_READ:
	case WAIT_WRITE:
		find_fd_others(s, p, w);
		break;
	case WAIT_CHILD:
	case WAIT_VFORK:
		find_children(s, p, t, w);
		break;
	case WAIT_FILE_LOCK:
		look_lock_holders(s, p, t, w);
		break;
	case WAIT_TRACED:
		if (p->tracer)
			(void)snapshot_add_other(
				w, &(struct seen_other){ .pid = p->tracer, .fd = -1 });
		break;
	default:
		w->others_unknown = true;
	}
}
