/* SPDX-License-Identifier: MIT */
/*
 * See stream.h. Ownership: a batch owns its lines' bytes and its results, from building until its last
 * result is in the output buffer. The library's callback only marks a batch; all else is done in the loop.
 */
#include "cmd/stream.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define HELD_LINES_MAX (1u << 20)
#define HELD_BYTES_MAX (64u << 20)
#define BATCH_BYTES_MAX (1u << 20)
#define OUT_PENDING_MAX (1u << 20)
#define AUTO_CHUNK_MAX 2048u
#define RATE_NS 5000000LL /* how often the automatic chunk is reckoned again */
#define HANDOVER_NS 500000LL /* work worth one hand-over */
#define BATCHES_PER_WORKER 4

struct batch {
	struct batch *next;
	struct stream *stream;
	struct pp_results *results;
	struct iovec *items;
	size_t n, given, room;
	char *bytes;
	size_t len, size;
	size_t held; /* bytes counted in stream->held_bytes */
	uint64_t first_line;
	bool ended;
};

static void batch_free(struct batch *batch)
{
	if (!batch)
		return;
	pp_results_free(batch->results);
	free(batch->items);
	free(batch->bytes);
	free(batch);
}

static void fail(struct stream *stream, const char *what, const char *why)
{
	progress_clear(&stream->progress);
	complain("%s: %s", what, why);
	stream->trouble = true;
}

/* Until it is submitted an item's base is its offset: the bytes may move while they grow. */
static bool batch_add(struct batch *batch, const char *line, size_t len)
{
	size_t size = batch->size ? batch->size : 4096, room = batch->room ? batch->room * 2 : 16;
	void *grown;

	while (size - batch->len < len)
		size *= 2;
	if (size != batch->size) {
		grown = realloc(batch->bytes, size);
		if (!grown)
			return false;
		batch->bytes = grown;
		batch->size = size;
	}
	if (batch->n == batch->room) {
		grown = reallocarray(batch->items, room, sizeof(*batch->items));
		if (!grown)
			return false;
		batch->items = grown;
		batch->room = room;
	}
	memcpy(batch->bytes + batch->len, line, len);
	batch->items[batch->n++] = (struct iovec){ .iov_base = (void *)(uintptr_t)batch->len,
						   .iov_len = len };
	batch->len += len;
	return true;
}

/* Inside some call of the library. */
static void on_ended(struct pp_results *results, void *arg)
{
	struct batch *batch = arg;
	struct stream *stream = batch->stream;
	struct pp_result r;

	batch->ended = true;
	stream->running--;
	stream->ended += batch->n;
	for (size_t i = 0; i < batch->n; i++) {
		if (pp_results_get(results, i, &r) == 0)
			batch->held += r.len;
	}
	stream->held_bytes += batch->held - batch->len;
}

static void submit(struct stream *stream)
{
	struct pp_map_opts opts = PP_MAP_OPTS_INIT;
	struct batch *batch = stream->building;
	struct pp_results *results;

	stream->building = NULL;
	for (size_t i = 0; i < batch->n; i++)
		batch->items[i].iov_base = batch->bytes + (uintptr_t)batch->items[i].iov_base;
	opts.chunk = batch->n;
	opts.callback = on_ended;
	opts.arg = batch;
	batch->held = batch->len;
	stream->held_lines += batch->n;
	stream->held_bytes += batch->len;
	stream->running++;
	if (stream->last)
		stream->last->next = batch;
	else
		stream->first = batch;
	stream->last = batch;
	/* An own variable: the callback may run before this call has returned. */
	if (pp_pool_map_async(stream->pool, stream->task, batch->items, batch->n, &opts, &results) <
	    0) {
		fail(stream, "cannot run the task", pp_last_error());
		stream->running--;
		return;
	}
	batch->results = results;
}

/* Aims at HANDOVER_NS of work a batch: slow tasks go out one by one, tiny ones by the thousand. */
static size_t chunk_now(struct stream *stream)
{
	int64_t now, passed;
	double aim;

	if (stream->chunk)
		return stream->chunk;
	now = clock_ns();
	passed = now - stream->rate_since;
	if (passed >= RATE_NS) {
		aim = (double)(stream->ended - stream->rate_ended) / stream->workers *
		      ((double)HANDOVER_NS / (double)passed);
		if (aim > (double)stream->auto_chunk * 4)
			aim = (double)stream->auto_chunk * 4;
		stream->auto_chunk = aim < 1		    ? 1
				     : aim > AUTO_CHUNK_MAX ? AUTO_CHUNK_MAX
							    : (size_t)aim;
		stream->rate_since = now;
		stream->rate_ended = stream->ended;
	}
	return stream->auto_chunk;
}

static bool has_room(const struct stream *stream)
{
	return stream->running < (size_t)stream->workers * BATCHES_PER_WORKER + 1 &&
	       stream->held_lines < HELD_LINES_MAX && stream->held_bytes < HELD_BYTES_MAX &&
	       outbuf_pending(&stream->out) < OUT_PENDING_MAX;
}

static struct batch *building(struct stream *stream)
{
	struct batch *batch = stream->building;

	if (batch)
		return batch;
	batch = calloc(1, sizeof(*batch));
	if (!batch)
		return NULL;
	batch->stream = stream;
	batch->first_line = stream->lines_read + 1;
	stream->building = batch;
	return batch;
}

/* Takes one line. False: no line to be had now. */
static bool take_line(struct stream *stream)
{
	struct batch *batch;
	const char *line;
	size_t len;
	int r = lines_next(&stream->lines, &line, &len);

	if (r == -EAGAIN || r == -ENODATA)
		return false;
	if (r < 0) {
		progress_clear(&stream->progress);
		complain("line %llu of the input is longer than %zu bytes; split it",
			 (unsigned long long)stream->lines_read + 1, stream->lines.longest);
		stream->trouble = true;
		return false;
	}
	batch = building(stream);
	if (!batch || !batch_add(batch, line, len)) {
		fail(stream, "cannot keep the input", strerror(ENOMEM));
		return false;
	}
	stream->lines_read++;
	if (batch->n >= chunk_now(stream) || batch->len >= BATCH_BYTES_MAX)
		submit(stream);
	return true;
}

/* Reads at most once: what does not come now must not hold up the lines that have. */
static void take_input(struct stream *stream)
{
	int r;

	while (!stream->trouble && has_room(stream)) {
		if (take_line(stream))
			continue;
		if (stream->lines.at_end || !stream->input_ready)
			break;
		stream->input_ready = false;
		r = lines_fill(&stream->lines);
		if (r < 0 && r != -EINTR && r != -EAGAIN)
			fail(stream, "cannot read the input", strerror(-r));
	}
	if (!stream->trouble && stream->building && has_room(stream))
		submit(stream);
}

/*
 * A worker refuses a module that is another build than ours, as a failure with -ESTALE or -ELIBACC. A task
 * may fail so of its own accord: it is trouble only when the file is no longer the one we loaded.
 */
static bool module_is_gone(struct stream *stream, const struct pp_result *r)
{
	const struct stat *then = &stream->module_then;
	struct stat now;

	if (r->outcome != PP_FAILED || (r->code != -ESTALE && r->code != -ELIBACC))
		return false;
	return stat(stream->module, &now) < 0 || now.st_ino != then->st_ino ||
	       now.st_dev != then->st_dev || now.st_mtim.tv_sec != then->st_mtim.tv_sec ||
	       now.st_mtim.tv_nsec != then->st_mtim.tv_nsec;
}

static void tell_failure(struct stream *stream, uint64_t line, const struct pp_result *r)
{
	progress_clear(&stream->progress);
	if (r->outcome == PP_CANCELLED) {
		/* We cancel nothing ourselves before the end: the pool cannot go on. */
		complain("the pool has stopped at line %llu: %s", (unsigned long long)line,
			 r->message);
		stream->trouble = true;
		return;
	}
	if (module_is_gone(stream, r)) {
		fail(stream, "cannot go on", r->message);
		return;
	}
	stream->failed++;
	if (r->outcome == PP_FAILED)
		complain("line %llu: failed with code %d: %s", (unsigned long long)line, r->code,
			 r->message);
	else
		complain("line %llu: %s: %s", (unsigned long long)line, pp_outcome_name(r->outcome),
			 r->message);
}

static void give_one(struct stream *stream, struct batch *batch, const struct pp_result *r)
{
	if (r->outcome != PP_DONE)
		tell_failure(stream, batch->first_line + batch->given, r);
	if (stream->trouble)
		return;
	if (outbuf_add(&stream->out, r->data, r->outcome == PP_DONE ? r->len : 0) < 0 ||
	    outbuf_add(&stream->out, "\n", 1) < 0) {
		fail(stream, "cannot keep the output", strerror(ENOMEM));
		return;
	}
	batch->given++;
	stream->done++;
}

/* Gives what has ended of one batch; true when that was all of it. */
static bool give_batch(struct stream *stream, struct batch *batch)
{
	struct pp_result r;

	while (batch->results && batch->given < batch->n && !stream->trouble) {
		if (outbuf_pending(&stream->out) >= OUT_PENDING_MAX ||
		    pp_results_get(batch->results, batch->given, &r) < 0)
			break;
		give_one(stream, batch, &r);
	}
	return batch->ended && batch->given == batch->n;
}

/* Ordered: from the head, as far as it goes. Unordered: every batch that has ended. */
static void give_results(struct stream *stream)
{
	struct batch **link = &stream->first, *batch, *before = NULL;

	while ((batch = *link) && !stream->trouble) {
		if (stream->unordered && !batch->ended) {
			before = batch;
			link = &batch->next;
			continue;
		}
		if (!give_batch(stream, batch))
			break;
		*link = batch->next;
		if (stream->last == batch)
			stream->last = before;
		stream->held_lines -= batch->n;
		stream->held_bytes -= batch->held;
		batch_free(batch);
	}
}

static void take_signal(struct stream *stream)
{
	struct signalfd_siginfo info;

	if (read(stream->signal_fd, &info, sizeof(info)) == sizeof(info))
		stream->signal = (int)info.ssi_signo;
}

static void write_output(struct stream *stream)
{
	int r = outbuf_write(&stream->out);

	if (r == -EPIPE)
		stream->unread = true;
	else if (r < 0)
		fail(stream, "cannot write the output", strerror(-r));
}

static bool all_given(const struct stream *stream)
{
	return stream->lines.at_end && stream->lines.begin == stream->lines.end &&
	       !stream->building && !stream->first;
}

static void wait_for_something(struct stream *stream)
{
	bool read_more = !stream->lines.at_end && has_room(stream);
	struct pollfd fds[] = {
		{ .fd = stream->signal_fd, .events = POLLIN },
		{ .fd = pp_pool_fd(stream->pool), .events = POLLIN },
		{ .fd = stream->out.fd, .events = outbuf_pending(&stream->out) ? POLLOUT : 0 },
		{ .fd = read_more ? stream->lines.fd : -1, .events = POLLIN },
	};

	if (poll(fds, 4, stream->progress.on ? 100 : -1) < 0)
		return;
	if (fds[0].revents)
		take_signal(stream);
	if (fds[1].revents && pp_pool_drive(stream->pool) < 0)
		fail(stream, "the pool cannot go on", pp_last_error());
	/* POLLERR comes unasked when the last reader of a pipe has gone. */
	if ((fds[2].revents & POLLERR) && !stream->out.is_file)
		stream->unread = true;
	else if (fds[2].revents & POLLOUT)
		write_output(stream);
	stream->input_ready = fds[3].revents != 0;
}

/* What is done is given out even when the rest is not: but nobody waits long for a stuck reader. */
static void flush_output(struct stream *stream)
{
	struct pollfd fd = { .fd = stream->out.fd, .events = POLLOUT };

	while (outbuf_pending(&stream->out) && !stream->unread) {
		if (poll(&fd, 1, 1000) <= 0 || outbuf_write(&stream->out) < 0)
			return;
	}
}

void stream_run(struct stream *stream)
{
	struct batch *next;

	stream->auto_chunk = 1;
	stream->rate_since = clock_ns();
	while (!stream->trouble && !stream->signal && !stream->unread) {
		take_input(stream);
		give_results(stream);
		if (all_given(stream) && !outbuf_pending(&stream->out))
			break;
		progress_update(&stream->progress, stream->done, stream->failed,
				stream->lines.consumed);
		wait_for_something(stream);
	}
	progress_clear(&stream->progress);
	if (stream->trouble || stream->signal)
		flush_output(stream);
	if (stream->trouble || stream->signal || stream->unread)
		pp_pool_terminate(stream->pool);
	batch_free(stream->building);
	for (struct batch *batch = stream->first; batch; batch = next) {
		next = batch->next;
		batch_free(batch);
	}
	stream->first = stream->last = stream->building = NULL;
}
