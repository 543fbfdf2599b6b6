/* SPDX-License-Identifier: MIT */
/*
 * A process for one task: a worker whose lane holds one record and an order to leave, written before it
 * starts. Its result stays in the lane until it is asked for.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "internal.h"

struct pp_process {
	struct owned owned;
	pthread_mutex_t lock;
	struct link link; /* in `active` */
	struct pp_context *context;
	struct channel ch;
	struct worker_setup setup;
	struct ending ending;
	bool ended;
	bool told; /* the caller shapes it, and finds it so when it is started */
	struct lane_block *block; /* of one, until it is started, where that is by fork */
	int arena_fd;
	uint8_t *arena;
	uint64_t arena_size;
	char *message;
};

static pthread_mutex_t active_lock TOUCHED_BY_FORK = PTHREAD_MUTEX_INITIALIZER;
static struct link active = { &active, &active };

static void disown(struct owned *owned)
{
	struct pp_process *p = container_of(owned, struct pp_process, owned);

	close_fd(&p->ch.life_fd);
	close_fd(&p->ch.life_peer);
	close_fd(&p->ch.lane_fd);
	close_fd(&p->ch.event_fd);
	close_fd(&p->ch.pidfd);
	close_fd(&p->arena_fd);
	if (p->block)
		close_fd(&p->block->fd);
	list_remove(&p->link);
}

/* ---- what it will read ---- */

static uint8_t *put_record(struct channel *ch, uint64_t *at, uint16_t kind, uint32_t task,
			   uint32_t count, uint32_t bytes)
{
	struct sub_rec *rec = (void *)(ch->map.sub + *at);

	rec->size = lane_align(sub_data(count) + bytes);
	rec->kind = kind;
	rec->seq = 1;
	rec->task = task;
	rec->count = count;
	*at += rec->size;
	return (uint8_t *)rec + sub_data(count);
}

static int write_records(struct pp_process *p, const struct task *task, const void *in, size_t len)
{
	uint32_t inside = len > LANE_INLINE_MAX ? (uint32_t)sizeof(struct item_ref) : (uint32_t)len;
	struct item_ref ref = { .len = len };
	struct sub_rec *rec;
	uint64_t at = 0;
	uint8_t *data;

	define_write((void *)put_record(&p->ch, &at, REC_DEFINE, 0, 0, define_size(task)), 0, task);
	rec = (void *)(p->ch.map.sub + at);
	data = put_record(&p->ch, &at, REC_RUN, 0, 1, inside);
	rec->ends[0] = sub_data(1) + inside;
	if (len > LANE_INLINE_MAX) {
		memcpy(p->arena, in, len);
		(void)mprotect(p->arena, p->arena_size, PROT_READ);
		in = &ref;
		rec->ends[0] |= (uint32_t)ITEM_ARENA << END_SHIFT;
	}
	if (inside)
		memcpy(data, in, inside);
	(void)put_record(&p->ch, &at, REC_QUIT, 0, 0, 0);
	store_release(&p->ch.map.caller->sub_tail, at);
	return 0;
}

/* ---- starting ---- */

/* Until it is ready, or has ended because it could not be set up. */
static int wait_set_up(struct pp_process *p)
{
	struct lane_worker *w = p->ch.map.worker;
	struct pollfd fds[] = { { .fd = p->ch.event_fd, .events = POLLIN },
				{ .fd = p->ch.pidfd, .events = POLLIN } };
	char text[256];

	while (!load_acquire(&p->ch.map.caller->entered)) {
		if (poll(fds, 2, -1) < 0)
			continue;
		if (fds[1].revents)
			break;
	}
	if (load_acquire(&p->ch.map.caller->entered))
		return 0;
	(void)channel_reap(&p->ch, &p->ending);
	p->ended = true;
	if (w->setup_error < 0) {
		setup_failure(&p->ch.map, text, sizeof(text));
		return fail(w->setup_error, "process %s cannot be set up: %s", p->setup.boot.name,
			    text);
	}
	return fail(-ECHILD, "process %s ended before its task began (status %d, signal %d)",
		    p->setup.boot.name, p->ending.exit_status, p->ending.signal);
}

static void block_done(struct pp_process *p)
{
	struct lane_block *block = p->block;

	p->block = NULL;
	if (block)
		lane_block_started(block);
}

static int start(struct pp_process *p)
{
	struct fd_move moves[MOVES_MAX];
	struct start_request rq = { .moves = moves };
	int r;

	channel_request(&p->ch, &p->setup, p->arena_fd, p->arena, p->arena_size, &rq);
	rq.has_stdio = !(p->setup.boot.flags & BOOT_TELL); /* or it would */
	r = p->context->ops->start(p->context, &rq, 1);
	if (r < 0)
		return r;
	/* It will want to know, but has other things to do first. */
	if (p->context->ops->signals)
		channel_tell_signals(&p->ch, child_handled_signals());
	channel_started(&p->ch, &rq);
	block_done(p);
	return p->setup.boot.flags & BOOT_TELL ? wait_set_up(p) : 0;
}

static int check_task(struct pp_context *ctx, const struct task *task)
{
	const char *image;

	if (!ctx->ops->fresh_image)
		return 0;
	if (!*task->module->path && !pp_main_called && worker_image(ctx, &image) == 0)
		return fail(-ENOTSUP,
			    "task '%s' is in the program itself: main() must begin with pp_main()",
			    task->name);
	return module_check_file(task->module);
}

/* Where nothing of a forked child's set-up can fail, nobody need be told that it did not. */
static bool may_fail(const struct pp_process *p)
{
	const struct lane_boot *boot = &p->setup.boot;

	return !p->context->ops->copy || p->told || p->setup.n_fds || boot->cpus_size ||
	       boot->n_rlimits || boot->flags != BOOT_PROCESS || child_stdio_missing();
}

static int process_init(struct pp_process *p, const struct task *task, const void *in, size_t len,
			const struct pp_process_opts *opts)
{
	struct pp_process_opts o;
	void *base = NULL;
	int r = opts_read(&o, sizeof(o), opts, "pp_process_opts");

	if (r == 0)
		r = setup_init(&p->setup, &o, task->name);
	if (r < 0)
		return r;
	p->setup.boot.flags |= BOOT_PROCESS;
	p->told = o.name != NULL;
	if (may_fail(p))
		p->setup.boot.flags |= BOOT_TELL;
	if (p->context->ops->copy && (r = lane_block_create(&p->block, 1)) < 0)
		return fail(r, "cannot make the process's memory: %s", errno_text(r));
	r = channel_open(&p->ch, p->context,
			 (p->setup.boot.flags & BOOT_TELL ? NEEDS_EVENT : 0) |
				 (p->setup.boot.flags & BOOT_DAEMON ? NEEDS_LIFE : 0),
			 -1, p->block, 0);
	if (r < 0)
		return r;
	if (len > LANE_INLINE_MAX) {
		r = memory_new("procpool-input", len, &p->arena_fd, &base);
		if (r < 0)
			return fail(r, "no shared memory for %zu bytes of input: %s", len,
				    errno_text(r));
		p->arena = base;
		p->arena_size = len;
	}
	return write_records(p, task, in, len);
}

static void process_destroy(struct pp_process *p)
{
	channel_close(&p->ch);
	block_done(p);
	setup_done(&p->setup);
	if (p->arena)
		munmap(p->arena, p->arena_size);
	close_fd(&p->arena_fd);
	pthread_mutex_destroy(&p->lock);
	free(p->message);
	free(p);
}

int pp_process_start(struct pp_process **ret_process, struct pp_context *context, const char *task,
		     const void *in, size_t len, const struct pp_process_opts *opts)
{
	struct pp_process *p;
	struct task *t;
	int r;

	if (context->owner != getpid())
		return fail_foreign();
	if (len > PP_PAYLOAD_MAX)
		return fail(-EMSGSIZE, "an input of %zu bytes: at most %zu", len, PP_PAYLOAD_MAX);
	r = task_find(task, &t);
	if (r == 0)
		r = check_task(context, t);
	if (r < 0)
		return r;
	p = calloc(1, sizeof(*p));
	if (!p)
		return fail(-ENOMEM, "out of memory");
	pthread_mutex_init(&p->lock, NULL);
	p->context = context;
	p->arena_fd = -1;
	p->ch.lane_fd = p->ch.life_fd = p->ch.life_peer = p->ch.event_fd = p->ch.pidfd = -1;
	list_init(&p->link);
	owned_add(&p->owned, disown);
	r = process_init(p, t, in, len, opts);
	if (r == 0)
		r = start(p);
	if (r < 0) {
		owned_remove(&p->owned);
		process_destroy(p);
		return r;
	}
	context_use(context, 1);
	pthread_mutex_lock(&active_lock);
	list_append(&active, &p->link);
	pthread_mutex_unlock(&active_lock);
	*ret_process = p;
	return 0;
}

/* ---- using ---- */

pid_t pp_process_pid(const struct pp_process *p)
{
	return p->ch.is_thread ? (pid_t)load_relaxed(&p->ch.map.worker->pid) : p->ch.pid;
}

const char *pp_process_name(const struct pp_process *p)
{
	return p->setup.boot.name;
}

int pp_process_fd(const struct pp_process *p)
{
	return is_foreign(&p->owned) ? fail_foreign() : p->ch.pidfd;
}

static bool reap(struct pp_process *p)
{
	pthread_mutex_lock(&p->lock);
	if (!p->ended && channel_reap(&p->ch, &p->ending))
		p->ended = true;
	pthread_mutex_unlock(&p->lock);
	if (p->ended) {
		pthread_mutex_lock(&active_lock);
		list_remove(&p->link);
		pthread_mutex_unlock(&active_lock);
	}
	return p->ended;
}

int pp_process_join(struct pp_process *p, int64_t timeout_ns)
{
	if (is_foreign(&p->owned))
		return fail_foreign();
	if (reap(p))
		return 0;
	if (poll_fd(p->ch.pidfd, deadline_after(timeout_ns)) <= 0 || !reap(p))
		return fail(-ETIMEDOUT, "process %s has not ended in time", pp_process_name(p));
	return 0;
}

int pp_process_alive(struct pp_process *p)
{
	return is_foreign(&p->owned) ? fail_foreign() : !reap(p);
}

/* A thread has no exit status: it is made of how its task ended, as a process makes its own. */
static int thread_code(struct pp_process *p)
{
	struct pp_result r;

	if (pp_process_result(p, &r) < 0)
		return 1;
	if (r.outcome == PP_DONE)
		return 0;
	return r.outcome == PP_FAILED && r.code > 0 && r.code <= 255 ? r.code : 1;
}

int pp_process_exit_code(struct pp_process *p, int *ret_code)
{
	if (is_foreign(&p->owned))
		return fail_foreign();
	if (!reap(p))
		return fail(-EAGAIN, "process %s lives", pp_process_name(p));
	if (p->ch.is_thread)
		*ret_code = thread_code(p);
	else if (p->ending.signal < 0)
		return fail(-ENODATA, "somebody else took the exit status of process %s",
			    pp_process_name(p));
	else
		*ret_code = p->ending.signal ? -p->ending.signal : p->ending.exit_status;
	return 0;
}

static int take_result(struct pp_process *p, const struct comp_view *view, struct pp_result *r)
{
	enum item_kind kind;
	const uint8_t *data;
	uint32_t len;
	struct item_ref ref;
	int32_t code;

	if (comp_item(view->at, view, 0, &kind, &data, &len) < 0)
		return -EBADMSG;
	if (kind == ITEM_FAILED) {
		if (!p->message)
			p->message = strndup((const char *)data + 4, len - 4);
		memcpy(&code, data, sizeof(code));
		r->outcome = PP_FAILED;
		r->code = code;
		r->message = p->message ? p->message : "";
		return 0;
	}
	r->outcome = PP_DONE;
	r->data = data;
	r->len = len;
	if (kind == ITEM_ARENA) {
		memcpy(&ref, data, sizeof(ref));
		if (ref.off > p->ch.map.arena_size || ref.len > p->ch.map.arena_size - ref.off)
			return -EBADMSG;
		r->data = p->ch.map.arena + ref.off;
		r->len = ref.len;
	}
	return 0;
}

int pp_process_result(struct pp_process *p, struct pp_result *ret_result)
{
	struct pp_result r = { .message = "", .data = "", .exit_status = -1, .attempts = 1 };
	struct comp_view view;
	uint64_t pos = 0, tail;

	if (is_foreign(&p->owned))
		return fail_foreign();
	if (!reap(p))
		return fail(-EAGAIN, "process %s lives", pp_process_name(p));
	tail = load_acquire(&p->ch.map.worker->comp_tail);
	r.worker_pid = pp_process_pid(p);
	while (comp_next(p->ch.map.comp, pos, tail, &view) > 0 && view.kind != REC_RUN)
		pos += view.size;
	if (comp_next(p->ch.map.comp, pos, tail, &view) <= 0 || !view.count ||
	    take_result(p, &view, &r) < 0) {
		r.outcome = PP_DIED;
		r.signal = p->ending.signal;
		r.exit_status = p->ending.exit_status;
		r.core_dumped = p->ending.core;
		r.message = "the process ended before its task did";
	}
	*ret_result = r;
	return 0;
}

static int send_signal(struct pp_process *p, int sig)
{
	if (is_foreign(&p->owned))
		return fail_foreign();
	if (p->ch.is_thread)
		return fail(-ENOTSUP, "a thread cannot be killed");
	pthread_mutex_lock(&p->lock);
	if (!p->ended)
		channel_kill(&p->ch, sig, p->setup.boot.flags & BOOT_NEW_GROUP);
	pthread_mutex_unlock(&p->lock);
	return 0;
}

int pp_process_terminate(struct pp_process *p)
{
	return send_signal(p, SIGTERM);
}

int pp_process_kill(struct pp_process *p)
{
	return send_signal(p, SIGKILL);
}

void pp_process_free(struct pp_process *p)
{
	if (!p)
		return;
	if (!is_foreign(&p->owned)) {
		if (!reap(p) && (p->setup.boot.flags & BOOT_DAEMON) && !p->ch.is_thread) {
			(void)pp_process_kill(p);
			(void)poll_fd(p->ch.pidfd, INT64_MAX);
			(void)reap(p);
		}
		if (!p->ended && p->ch.is_thread)
			pthread_detach(p->ch.thread);
		pthread_mutex_lock(&active_lock);
		list_remove(&p->link);
		pthread_mutex_unlock(&active_lock);
		owned_remove(&p->owned);
		context_use(p->context, -1);
	}
	process_destroy(p);
}

size_t pp_active_children(struct pp_process **list, size_t n)
{
	struct link *at, *next;
	size_t alive = 0;

	pthread_mutex_lock(&active_lock);
	for (at = active.next; at != &active; at = next) {
		struct pp_process *p = container_of(at, struct pp_process, link);

		next = at->next;
		pthread_mutex_lock(&p->lock);
		if (!p->ended && channel_reap(&p->ch, &p->ending))
			p->ended = true;
		pthread_mutex_unlock(&p->lock);
		if (p->ended) {
			list_remove(at);
			continue;
		}
		if (alive < n)
			list[alive] = p;
		alive++;
	}
	pthread_mutex_unlock(&active_lock);
	return alive;
}
