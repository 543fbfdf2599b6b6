/* SPDX-License-Identifier: MIT */
/*
 * The fork server's side. A fresh image with one thread that preloads, then clones workers on request until
 * its owner is gone.
 *
 * Workers are cloned as the owner's children (CLONE_PARENT), which libc's fork cannot do. What fork does for
 * libc in the child is done here: the thread's own number and the robust list are set again. No lock can be
 * held: there is no other thread. A preload that leaves threads behind is refused for that reason.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <malloc.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "server.h"

struct serving {
	struct server_page *page;
	int sock;
	void *tid_address; /* where libc keeps this thread's number */
	void *robust;
	size_t robust_len;
	uint64_t handled; /* signals, after the preloads */
	int fds[FDS_PER_MESSAGE];
	unsigned n_fds;
	uint8_t request[SERVER_REQUEST_MAX];
};

int wire_next(const uint8_t *data, size_t size, size_t *at, unsigned n_fds,
	      struct wire_item *ret_item)
{
	struct wire_worker head;
	struct wire_move move;
	uint32_t i;

	if (size - *at < sizeof(head))
		return -EBADMSG;
	memcpy(&head, data + *at, sizeof(head));
	if (head.lane >= n_fds || head.n_moves > MOVES_MAX ||
	    (size - *at - sizeof(head)) / sizeof(move) < head.n_moves)
		return -EBADMSG;
	for (i = 0; i < head.n_moves; i++) {
		memcpy(&move, data + *at + sizeof(head) + i * sizeof(move), sizeof(move));
		if (move.fd >= n_fds || move.to < 0 || move.to > 4096)
			return -EBADMSG;
	}
	ret_item->lane = head.lane;
	ret_item->n_moves = head.n_moves;
	ret_item->moves = data + *at + sizeof(head);
	*at += sizeof(head) + head.n_moves * sizeof(move);
	return 0;
}

/* ---- preloading ---- */

static int fds_here(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n;
}

static bool is_path(const char *entry)
{
	return strchr(entry, '/') || strstr(entry, ".so");
}

static int run_hook(const char *name, struct server_report *r)
{
	int (*hook)(void);
	int code;

	if (hook_find(name, &hook) < 0) {
		snprintf(r->message, sizeof(r->message), "no hook '%.200s': define it with PP_HOOK",
			 name);
		return -ENOENT;
	}
	code = hook();
	if (!code)
		return 0;
	snprintf(r->message, sizeof(r->message), "hook %.200s returned %d", name, code);
	return code < 0 ? code : -ECANCELED;
}

static int preload_entry(const char *entry, struct server_report *r)
{
	const char *colon = strrchr(entry, ':');
	char path[PATH_MAX];
	int err;

	if (!is_path(entry))
		return run_hook(entry, r);
	if (colon && strchr(colon, '/'))
		colon = NULL;
	snprintf(path, sizeof(path), "%.*s", colon ? (int)(colon - entry) : (int)strlen(entry),
		 entry);
	err = module_load(path, true, r->message, sizeof(r->message));
	return err < 0 || !colon ? err : run_hook(colon + 1, r);
}

static bool preload_one(struct server_page *page, struct server_report *r)
{
	int threads = threads_here(), fds = fds_here();
	int64_t start = now_ns(), rss = (int64_t)resident_kb();

	r->error = preload_entry((const char *)page + r->entry, r);
	r->time_ns = now_ns() - start;
	r->rss_kb = (int64_t)resident_kb() - rss;
	r->threads_left = threads_here() - threads;
	r->fds_left = fds_here() - fds;
	if (r->error == 0 && r->threads_left > 0) {
		r->error = -EDEADLK;
		snprintf(r->message, sizeof(r->message),
			 "it left %d threads running: forks of the server would be unsafe",
			 r->threads_left);
	}
	return r->error == 0;
}

static bool preload_all(struct server_page *page)
{
	bool ok = true;
	uint32_t i;

	for (i = 0; i < page->n_preload && (ok || (page->flags & SERVER_TOLERANT)); i++)
		ok = preload_one(page, &page->report[i]) && ok;
	return ok || (page->flags & SERVER_TOLERANT);
}

/* ---- workers ---- */

static void __attribute__((noreturn))
in_child(const struct serving *s, const struct wire_item *item)
{
	struct fd_move moves[MOVES_MAX];
	struct child_plan plan = { .moves = moves, .n_moves = item->n_moves };
	struct lane_map map;
	struct wire_move move;
	const char *step = "";
	uint32_t i;
	int r;

	if (s->robust)
		(void)syscall(SYS_set_robust_list, s->robust, s->robust_len);
	for (i = 0; i < item->n_moves; i++) {
		memcpy(&move, item->moves + i * sizeof(move), sizeof(move));
		moves[i] = (struct fd_move){ .from = s->fds[move.fd], .to = move.to };
	}
	if (lane_attach(&map, s->fds[item->lane]) < 0)
		_exit(127);
	plan.boot = map.boot;
	plan.cwd = map.cwd;
	r = child_setup(&plan, &step);
	if (r < 0) {
		strncpy(map.worker->setup_step, step, sizeof(map.worker->setup_step) - 1);
		store_release(&map.worker->setup_error, r);
		_exit(127);
	}
	child_signals(s->handled);
	close(map.boot->lane_fd);
	worker_fresh(&map);
}

/* Returns the pid, or a negative errno; 0 in the child. */
static long clone_worker(const struct serving *s, uint32_t *tid, int *ret_pidfd)
{
	struct clone_args args = {
		.flags = CLONE_PARENT | CLONE_PIDFD | CLONE_PARENT_SETTID,
		.pidfd = (uint64_t)(uintptr_t)ret_pidfd,
		.parent_tid = (uint64_t)(uintptr_t)tid,
	};
	long pid;

	if (s->tid_address) {
		args.flags |= CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID;
		args.child_tid = (uint64_t)(uintptr_t)s->tid_address;
	}
	pid = syscall(SYS_clone3, &args, sizeof(args));
	if (pid >= 0 || (errno != ENOSYS && errno != EPERM))
		return pid < 0 ? -errno : pid;
	/* Where a filter forbids clone3; the pid stays ours to open until its parent has reaped it. */
	pid = syscall(SYS_clone, args.flags & ~(uint64_t)CLONE_PIDFD, NULL, tid, s->tid_address, 0);
	if (pid > 0)
		*ret_pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	return pid < 0 ? -errno : pid;
}

static void serve(struct serving *s, size_t size)
{
	struct wire_request head;
	struct wire_reply reply = { .magic = SERVER_MAGIC };
	int pidfds[SERVER_BATCH];
	sigset_t all, old;
	size_t at = sizeof(head);
	unsigned n = 0, i;

	if (size < sizeof(head))
		_exit(1);
	memcpy(&head, s->request, sizeof(head));
	if (head.magic != SERVER_MAGIC || head.n > SERVER_BATCH)
		_exit(1);
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &old);
	for (i = 0; i < head.n; i++) {
		struct wire_item item;
		int pidfd = -1;
		long pid;

		if (wire_next(s->request, size, &at, s->n_fds, &item) < 0)
			_exit(1);
		pid = clone_worker(s, &s->page->tid[i], &pidfd);
		if (pid == 0)
			in_child(s, &item);
		reply.error[i] = pid < 0 ? (int32_t)pid : pidfd < 0 ? -EMFILE : 0;
		if (reply.error[i] == 0)
			pidfds[n++] = pidfd;
	}
	sigprocmask(SIG_SETMASK, &old, NULL);
	for (i = 0; i < s->n_fds; i++)
		close(s->fds[i]);
	reply.n = head.n;
	if (fds_send(s->sock, &reply, sizeof(reply), pidfds, n) < 0)
		_exit(1);
	for (i = 0; i < n; i++)
		close(pidfds[i]);
}

static void find_thread_state(struct serving *s)
{
	if (prctl(PR_GET_TID_ADDRESS, &s->tid_address, 0, 0, 0) < 0)
		s->tid_address = NULL;
	if (syscall(SYS_get_robust_list, 0, &s->robust, &s->robust_len) < 0)
		s->robust = NULL;
}

static struct server_page *map_page(int fd)
{
	struct server_page head, *page;

	if (pread(fd, &head, sizeof(head), 0) != (ssize_t)sizeof(head) ||
	    head.magic != SERVER_MAGIC)
		return NULL;
	page = mmap(NULL, head.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	/* Workers are not to reach it. */
	if (page == MAP_FAILED || madvise(page, head.size, MADV_DONTFORK) < 0)
		return NULL;
	return page;
}

int server_main(int page_fd)
{
	struct serving *s = calloc(1, sizeof(*s));
	struct wire_reply hello = { .magic = SERVER_MAGIC };
	sigset_t none;
	ssize_t got;

	child_signals(child_handled_signals());
	child_name("procpool:server");
	if (!s || !(s->page = map_page(page_fd)))
		return 127;
	s->sock = s->page->sock_fd;
	(void)fcntl(s->sock, F_SETFD, FD_CLOEXEC);
	(void)fcntl(s->page->life_fd, F_SETFD, FD_CLOEXEC);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (child_follow(s->page->life_fd) < 0)
		return 127;
	find_thread_state(s);
	store_release(&s->page->state, preload_all(s->page) ? SERVER_READY : SERVER_FAILED);
	s->handled = child_handled_signals();
	(void)tasks_know_all(); /* once, for all workers */
	(void)fflush(stdout);
	malloc_trim(0);
	if (fds_send(s->sock, &hello, sizeof(hello), NULL, 0) < 0)
		return 0;
	while ((got = fds_receive(s->sock, s->request, sizeof(s->request), s->fds, FDS_PER_MESSAGE,
				  &s->n_fds)) > 0)
		serve(s, (size_t)got);
	return 0;
}
