/* SPDX-License-Identifier: MIT */
/*
 * Start method forkserver, the caller's side: the server is started by spawn, asked over a socket pair that
 * has no name anywhere, started again when it has died, and ends with its context (or its owner's death).
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "forkscope/probes.h"
#include "server.h"

#define ATTEMPTS 4

struct server {
	struct owned owned;
	struct channel ch; /* life_fd, pidfd, pid; no lane */
	int sock;
	struct server_page *page;
	uint64_t page_size;
	bool running;
	unsigned starts;
};

static void disown(struct owned *owned)
{
	struct server *s = container_of(owned, struct server, owned);

	close_fd(&s->sock);
	close_fd(&s->ch.life_fd);
	close_fd(&s->ch.pidfd);
}

/* ---- its life ---- */

static int make_page(struct server *s, const struct pp_context *ctx, int *ret_fd)
{
	uint64_t size = sizeof(*s->page) + ctx->n_preload * sizeof(struct server_report), at = size;
	void *base;
	size_t i;
	int r;

	for (i = 0; i < ctx->n_preload; i++)
		size += strlen(ctx->preload[i]) + 1;
	r = memory_new("procpool-server", size, ret_fd, &base);
	if (r < 0)
		return r;
	if (s->page)
		munmap(s->page, s->page_size);
	s->page = base;
	s->page_size = s->page->size = size;
	s->page->magic = SERVER_MAGIC;
	s->page->flags = ctx->flags & PP_PRELOAD_TOLERANT ? SERVER_TOLERANT : 0;
	s->page->n_preload = (uint32_t)ctx->n_preload;
	for (i = 0; i < ctx->n_preload; i++) {
		s->page->report[i].entry = (uint32_t)at;
		(void)put_string((char *)base + at, ctx->preload[i]);
		at += strlen(ctx->preload[i]) + 1;
	}
	return 0;
}

static int pair(int *ret_ours, int *ret_theirs)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		return -errno;
	*ret_ours = fd_above_stdio(fds[0]);
	*ret_theirs = fd_above_stdio(fds[1]);
	return *ret_ours < 0 ? *ret_ours : *ret_theirs < 0 ? *ret_theirs : 0;
}

/* Closing its life socket kills it; then it is reaped. Its workers live on: they are the caller's. */
static void end_server(struct server *s)
{
	struct ending ending;

	close_fd(&s->sock);
	close_fd(&s->ch.life_fd);
	if (s->running) {
		channel_kill(&s->ch, SIGKILL, false);
		(void)poll_fd(s->ch.pidfd, INT64_MAX);
		(void)channel_reap(&s->ch, &ending);
	}
	close_fd(&s->ch.pidfd);
	s->running = false;
}

static int receive_reply(struct server *s, struct wire_reply *reply, int *fds, unsigned *ret_n)
{
	ssize_t got = fds_receive(s->sock, reply, sizeof(*reply), fds, SERVER_BATCH, ret_n);

	if (got == 0 || got == -ECONNRESET)
		return -EPIPE;
	if (got < 0)
		return (int)got;
	return got == (ssize_t)sizeof(*reply) && reply->magic == SERVER_MAGIC ? 0 : -EBADMSG;
}

static int check_preload(const struct server *s)
{
	uint32_t i;

	if (s->page->state == SERVER_READY)
		return 0;
	for (i = 0; i < s->page->n_preload; i++) {
		const struct server_report *r = &s->page->report[i];

		if (r->error)
			return fail(-ELIBACC, "preload %s: %.*s", (const char *)s->page + r->entry,
				    (int)sizeof(r->message), r->message);
	}
	return fail(-ELIBACC, "the fork server could not preload");
}

static int spawn_server(struct server *s, struct pp_context *ctx)
{
	int page_fd = -1, sock_peer = -1, life_peer = -1, r;
	struct fd_move moves[3];

	r = make_page(s, ctx, &page_fd);
	if (r == 0)
		r = pair(&s->sock, &sock_peer);
	if (r == 0)
		r = pair(&s->ch.life_fd, &life_peer);
	if (r < 0) {
		fail(r, "cannot make the fork server's sockets: %s", errno_text(r));
	} else {
		moves[0] = (struct fd_move){ .from = sock_peer, .to = 3 };
		moves[1] = (struct fd_move){ .from = life_peer, .to = 4 };
		moves[2] = (struct fd_move){ .from = page_fd, .to = 5 };
		s->page->sock_fd = 3;
		s->page->life_fd = 4;
		r = spawn_image(ctx, ARG_SERVER, NULL, moves, 3, 5, NULL, &s->ch.pid, &s->ch.pidfd);
	}
	close_fd(&page_fd);
	close_fd(&sock_peer);
	close_fd(&life_peer);
	return r;
}

static int start_server(struct server *s, struct pp_context *ctx)
{
	struct wire_reply hello;
	unsigned n;
	int fds[SERVER_BATCH], r = spawn_server(s, ctx);

	if (r == 0) {
		s->running = true;
		r = receive_reply(s, &hello, fds, &n);
		if (r < 0)
			fail(-ECHILD, "the fork server ended while it started");
		else
			r = check_preload(s);
	}
	if (r < 0)
		end_server(s);
	else
		s->starts++;
	FS_PROBE1(procpool, server__start, s->ch.pid);
	return r;
}

/* Needs context->lock. */
static int need_server(struct pp_context *ctx)
{
	struct server *s = ctx->server;
	struct ending ending;

	if (!s) {
		s = calloc(1, sizeof(*s));
		if (!s)
			return fail(-ENOMEM, "out of memory");
		s->sock = s->ch.life_fd = s->ch.pidfd = -1;
		ctx->server = s;
		owned_add(&s->owned, disown);
	}
	if (s->running && channel_reap(&s->ch, &ending)) {
		s->running = false;
		end_server(s);
	}
	return s->running ? 0 : start_server(s, ctx);
}

/* ---- asking ---- */

struct asking {
	uint8_t data[SERVER_REQUEST_MAX];
	size_t size;
	int fds[FDS_PER_MESSAGE];
	unsigned n_fds;
	struct start_request *asked[SERVER_BATCH];
	unsigned n;
};

/* Its index among the message's fds; fds that many workers get travel once. */
static int index_of(struct asking *a, int fd)
{
	unsigned i;

	for (i = 0; i < a->n_fds && a->fds[i] != fd; i++)
		;
	if (i == FDS_PER_MESSAGE)
		return -1;
	if (i == a->n_fds)
		a->fds[a->n_fds++] = fd;
	return (int)i;
}

/* False: the message has no room for it. */
static bool add_worker(struct asking *a, struct start_request *rq)
{
	struct wire_worker head = { .n_moves = rq->n_moves };
	unsigned before = a->n_fds, i;
	size_t at = a->size + sizeof(head);
	int index = index_of(a, rq->lane_fd);

	head.lane = (uint32_t)index;
	for (i = 0; index >= 0 && i < rq->n_moves; i++) {
		struct wire_move move = { .to = rq->moves[i].to };

		index = index_of(a, rq->moves[i].from);
		move.fd = (uint32_t)index;
		memcpy(a->data + at, &move, sizeof(move));
		at += sizeof(move);
	}
	if (index < 0) {
		a->n_fds = before;
		return false;
	}
	memcpy(a->data + a->size, &head, sizeof(head));
	a->size = at;
	a->asked[a->n++] = rq;
	return true;
}

/* It exists, whatever became of the server: it is our child. */
static void adopt(struct start_request *rq, pid_t pid, int pidfd)
{
	rq->pid = pid;
	rq->pidfd = own_child(pid, pidfd);
	rq->error = rq->pidfd < 0 ? rq->pidfd : 0;
}

/* Sends one message and takes the answer. -EPIPE: the server died; who was made is adopted all the same. */
static int ask(struct server *s, struct asking *a)
{
	struct wire_request head = { SERVER_MAGIC, a->n };
	struct wire_reply reply;
	int pidfds[SERVER_BATCH], r;
	unsigned n = 0, next = 0, i;

	memcpy(a->data, &head, sizeof(head));
	memset(s->page->tid, 0, sizeof(s->page->tid));
	r = fds_send(s->sock, a->data, a->size, a->fds, a->n_fds);
	if (r == 0)
		r = receive_reply(s, &reply, pidfds, &n);
	for (i = 0; i < a->n; i++) {
		uint32_t tid = load_acquire(&s->page->tid[i]);

		if (r == 0 && reply.error[i] == 0 && next < n)
			adopt(a->asked[i], (pid_t)tid, pidfds[next++]);
		else if (tid)
			adopt(a->asked[i], (pid_t)tid, -1);
		else
			a->asked[i]->error = r < 0 ? r : reply.error[i];
	}
	while (next < n)
		close(pidfds[next++]);
	return r == -ECONNRESET ? -EPIPE : r;
}

/* Asks for all that have not been started yet. */
static int ask_for_rest(struct server *s, struct start_request *requests, unsigned n,
			struct asking *a)
{
	unsigned i = 0;
	int r = 0;

	while (r == 0 && i < n) {
		a->n = 0;
		a->n_fds = 0;
		a->size = sizeof(struct wire_request);
		for (; i < n && a->n < SERVER_BATCH; i++)
			if (requests[i].error && !add_worker(a, &requests[i]))
				break;
		if (a->n)
			r = ask(s, a);
	}
	return r;
}

static int start(struct pp_context *ctx, struct start_request *requests, unsigned n)
{
	struct asking *a = malloc(sizeof(*a));
	unsigned i, attempt;
	int r = a ? -EPIPE : -ENOMEM;

	for (i = 0; i < n; i++)
		requests[i].error = -EINPROGRESS;
	pthread_mutex_lock(&ctx->lock);
	for (attempt = 0; r == -EPIPE && attempt < ATTEMPTS; attempt++) {
		r = need_server(ctx);
		if (r < 0)
			break;
		r = ask_for_rest(ctx->server, requests, n, a);
		if (r < 0)
			end_server(ctx->server);
	}
	pthread_mutex_unlock(&ctx->lock);
	free(a);
	for (i = 0; i < n; i++) {
		if (requests[i].error == -EINPROGRESS)
			requests[i].error = r < 0 ? r : -EPIPE;
		if (requests[i].error < 0 && r == 0)
			r = fail(requests[i].error, "the fork server cannot start a worker: %s",
				 errno_text(requests[i].error));
	}
	return r;
}

static void stop(struct pp_context *ctx)
{
	struct server *s = ctx->server;

	if (!s)
		return;
	end_server(s);
	owned_remove(&s->owned);
	if (s->page)
		munmap(s->page, s->page_size);
	free(s);
	ctx->server = NULL;
}

const struct start_ops start_forkserver_ops = {
	.start = start, .stop = stop, .together = UINT_MAX, .fresh_image = true
};

/* ---- telling ---- */

int pp_context_warm(struct pp_context *ctx)
{
	int r = 0;

	if (ctx->owner != getpid())
		return fail_foreign();
	pthread_mutex_lock(&ctx->lock);
	if (ctx->start == PP_START_FORKSERVER)
		r = need_server(ctx);
	pthread_mutex_unlock(&ctx->lock);
	return r;
}

pid_t pp_context_server_pid(const struct pp_context *ctx)
{
	return ctx->server && ctx->server->running ? ctx->server->ch.pid : 0;
}

unsigned pp_context_server_restarts(const struct pp_context *ctx)
{
	return ctx->server && ctx->server->starts ? ctx->server->starts - 1 : 0;
}

int pp_context_preload_report(struct pp_context *ctx, size_t i, struct pp_preload_report *ret)
{
	const struct server_report *r;

	if (ctx->owner != getpid())
		return fail_foreign();
	if (i >= ctx->n_preload)
		return fail(-ENOENT, "no preload entry %zu of %zu", i, ctx->n_preload);
	if (!ctx->server || !ctx->server->page || ctx->server->page->state == SERVER_STARTING)
		return fail(-EAGAIN, "no fork server was started yet");
	r = &ctx->server->page->report[i];
	ret->entry = ctx->preload[i];
	ret->error = r->error;
	ret->message = r->message;
	ret->time_ns = r->time_ns;
	ret->rss_kb = r->rss_kb;
	ret->threads_left = r->threads_left;
	ret->fds_left = r->fds_left;
	return 0;
}
