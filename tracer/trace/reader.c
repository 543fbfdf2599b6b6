/* SPDX-License-Identifier: MIT */
/*
 * See reader.h. One chunk is in memory at a time. Its buffer grows as its bytes arrive, so that a length
 * that lies costs no memory; `at` walks the events in it.
 */
#include "trace/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "trace/chunk.h"
#include "trace/event_check.h"
#include "trace/event_info.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the file is little-endian");

enum { FIRST_READ = 512 * 1024, HEADER_SIZE_MAX = 64 * 1024 };

struct trace_reader {
	int fd;
	bool done;
	int error; /* why it is done: 0 for the end and for damage */
	struct trace_summary summary;
	struct meta meta;
	char *data; /* payload of an EVENTS chunk; malloc's alignment is that of events */
	size_t room;
	size_t length;
	size_t at;
};

/* The end, before its time. Keeps the first reason. */
static int stop(struct trace_reader *r, int result, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static int stop(struct trace_reader *r, int result, const char *fmt, ...)
{
	struct trace_summary *s = &r->summary;
	va_list ap;

	if (!s->incomplete) {
		va_start(ap, fmt);
		vsnprintf(s->incomplete_why, sizeof(s->incomplete_why), fmt, ap);
		va_end(ap);
	}
	s->incomplete = true;
	r->done = true;
	r->error = result;
	r->length = r->at = 0;
	return result;
}

/* Reads len bytes, fewer only at the end of the file. Returns how many, or a negative errno. */
static ssize_t read_fully(int fd, void *to, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = read(fd, (char *)to + done, len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

static int stop_at_error(struct trace_reader *r, int err)
{
	return stop(r, err, "it could not be read further: %s", error_text(err));
}

/* Reads a payload into data. 1: it is whole. 0: the file ends in it (told). Negative: trouble (told). */
static int read_payload(struct trace_reader *r, size_t length)
{
	size_t done = 0;

	while (done < length) {
		size_t step = done ? done : FIRST_READ;
		ssize_t n;

		if (step > length - done)
			step = length - done;
		if (done + step > r->room) {
			char *bigger = realloc(r->data, done + step);

			if (!bigger)
				return stop_at_error(r, -ENOMEM);
			r->data = bigger;
			r->room = done + step;
		}
		n = read_fully(r->fd, r->data + done, step);
		if (n < 0)
			return stop_at_error(r, (int)n);
		done += (size_t)n;
		r->summary.bytes += (uint64_t)n;
		if ((size_t)n < step)
			return stop(r, 0, "it is cut within chunk %llu",
				    (unsigned long long)r->summary.chunks);
	}
	return 1;
}

/* --- chunks --- */

static int take_meta(struct trace_reader *r, size_t length)
{
	size_t at = 0;

	while (at < length) {
		const char *key = r->data + at, *value, *end;
		int err;

		value = memchr(key, '\0', length - at);
		end = value ? memchr(value + 1, '\0', length - (size_t)(value + 1 - r->data))
			    : NULL;
		if (!end)
			return stop(r, 0, "chunk %llu is damaged: a META text has no end",
				    (unsigned long long)r->summary.chunks);
		err = meta_set(&r->meta, key, value + 1);
		if (err == -ENOMEM)
			return stop_at_error(r, err);
		if (err)
			return stop(r, 0, "chunk %llu is damaged: more META than there can be",
				    (unsigned long long)r->summary.chunks);
		at = (size_t)(end + 1 - r->data);
	}
	return 1;
}

static int take_end(struct trace_reader *r, size_t length)
{
	struct trace_summary *s = &r->summary;
	uint64_t seen = s->events + s->unknown_events;

	if (length < sizeof(s->end))
		return stop(r, 0, "its END chunk is too short");
	memcpy(&s->end, r->data, sizeof(s->end));
	s->has_end = true;
	r->done = true;
	if (s->end.events != seen)
		return stop(r, 0, "it ends with %llu events where %llu were written",
			    (unsigned long long)seen, (unsigned long long)s->end.events);
	return 0;
}

/* The chunk is whole and its checksum right. 1: go on; 0: the end; negative: trouble. */
static int take_chunk(struct trace_reader *r, uint32_t type, size_t length)
{
	int result = 1;

	switch (type) {
	case FS_CHUNK_META:
		result = take_meta(r, length);
		break;
	case FS_CHUNK_EVENTS:
		r->length = length;
		r->at = 0;
		break;
	case FS_CHUNK_END:
		result = take_end(r, length);
		break;
	default:
		r->summary.unknown_chunks++;
	}
	r->summary.chunks++;
	return result;
}

static int read_chunk(struct trace_reader *r)
{
	struct trace_summary *s = &r->summary;
	unsigned long long number = s->chunks;
	struct fs_trace_chunk head;
	ssize_t n = read_fully(r->fd, &head, sizeof(head));
	int result;

	if (n < 0)
		return stop_at_error(r, (int)n);
	if (n == 0)
		return stop(r, 0, "it has no end: its recording still runs, or was killed");
	if (n < (ssize_t)sizeof(head))
		return stop(r, 0, "it is cut within the head of chunk %llu", number);
	s->bytes += sizeof(head);
	if (head.magic != FS_TRACE_CHUNK_MAGIC)
		return stop(r, 0, "it is damaged where chunk %llu should begin", number);
	if (head.number != number)
		return stop(r, 0, "it is damaged: chunk %llu follows where %llu should",
			    (unsigned long long)head.number, number);
	if (head.length > FS_TRACE_CHUNK_MAX)
		return stop(r, 0, "it is damaged: chunk %llu claims %u bytes", number, head.length);
	result = read_payload(r, head.length);
	if (result <= 0)
		return result;
	if (chunk_crc(head, r->data) != head.crc)
		return stop(r, 0, "it is damaged: the checksum of chunk %llu is wrong", number);
	return take_chunk(r, head.type, head.length);
}

/* --- events --- */

static void add_up(uint64_t *sum, uint64_t more)
{
	if (__builtin_add_overflow(*sum, more, sum))
		*sum = UINT64_MAX;
}

static void count_event(struct trace_summary *s, const struct fs_event *e)
{
	if (!s->events || e->ts_ns < s->first_ns)
		s->first_ns = e->ts_ns;
	if (!s->events || e->ts_ns > s->last_ns)
		s->last_ns = e->ts_ns;
	s->events++;
	s->by_type[e->type]++;
	if (e->type == FS_EV_LOST) {
		const struct fs_ev_lost *lost = (const struct fs_ev_lost *)e;
		uint32_t type = lost->lost_type;

		add_up(&s->lost, lost->count);
		add_up(&s->lost_by_type[type < FS_EV_MAX ? type : FS_EV_MAX - 1], lost->count);
	}
}

int trace_reader_next(struct trace_reader *r, const struct fs_event **ret)
{
	struct trace_summary *s = &r->summary;

	for (;;) {
		size_t left = r->length - r->at;
		const struct fs_event *e;
		const char *problem;

		if (!left) {
			int result = r->done ? r->error : read_chunk(r);

			if (result <= 0)
				return result;
			continue;
		}
		e = (const struct fs_event *)(void *)(r->data + r->at);
		if (left < sizeof(*e) || e->size > left)
			problem = "it does not end within its chunk";
		else
			problem = event_problem(e);
		if (problem)
			return stop(r, 0, "event %llu is damaged: %s",
				    (unsigned long long)(s->events + s->unknown_events), problem);
		r->at += e->size;
		if (!event_fixed_size(e->type)) {
			s->unknown_events++;
			continue;
		}
		count_event(s, e);
		*ret = e;
		return 1;
	}
}

/* --- open --- */

static int check_header(const struct fs_trace_header *h, size_t got, const char *path,
			struct failure *why)
{
	size_t magic = got < sizeof(h->magic) ? got : sizeof(h->magic);

	if (got == 0)
		return fail(why, -EINVAL, "'%s' is empty: nothing was recorded in it", path);
	if (memcmp(h->magic, FS_TRACE_MAGIC, magic) != 0)
		return fail(why, -EINVAL, "'%s' is not a forkscope trace", path);
	if (got < sizeof(*h))
		return fail(why, -EINVAL, "'%s' is cut within its header: nothing can be read",
			    path);
	if (h->major > FS_TRACE_MAJOR)
		return fail(why, -EPROTO,
			    "'%s' has trace format version %u.%u, newer than %u.x: read it with a "
			    "newer "
			    "forkscope",
			    path, h->major, h->minor, FS_TRACE_MAJOR);
	if (h->major < FS_TRACE_MAJOR)
		return fail(why, -EPROTO,
			    "'%s' has trace format version %u.%u, older than %u.x: read it with an "
			    "older "
			    "forkscope",
			    path, h->major, h->minor, FS_TRACE_MAJOR);
	if (crc32(0, (const Bytef *)h, offsetof(struct fs_trace_header, crc)) != h->crc ||
	    h->header_size < sizeof(*h) || h->header_size > HEADER_SIZE_MAX)
		return fail(why, -EINVAL, "'%s' is damaged in its header: nothing can be read",
			    path);
	return 0;
}

static int read_header(struct trace_reader *r, const char *path, struct failure *why)
{
	ssize_t n = read_fully(r->fd, &r->summary.header, sizeof(r->summary.header));
	int err;

	if (n == -EISDIR)
		return fail(why, -EISDIR, "'%s' is a directory, not a trace", path);
	if (n < 0)
		return fail_errno(why, (int)n, "cannot read '%s'", path);
	r->summary.bytes = (uint64_t)n;
	err = check_header(&r->summary.header, (size_t)n, path, why);
	if (err)
		return err;
	/* A later minor version may have a longer header; the rest of it is of no use here. */
	(void)read_payload(r, r->summary.header.header_size - sizeof(r->summary.header));
	/* On to the first events, so that META can be asked for at once. Trouble waits for the next call. */
	while (!r->done && !r->length)
		(void)read_chunk(r);
	return 0;
}

/* A FIFO that nobody writes to is an empty file here, and no reason to wait for ever. */
static int open_file(const char *path)
{
	int fd;

	if (strcmp(path, "-") == 0)
		return fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd >= 0)
		fcntl(fd, F_SETFL, 0);
	return fd;
}

int trace_reader_open(struct trace_reader **ret, const char *path, struct failure *why)
{
	struct trace_reader *r = calloc(1, sizeof(*r));
	int err;

	if (!r)
		return fail_errno(why, -ENOMEM, "cannot read '%s'", path);
	r->fd = open_file(path);
	if (r->fd < 0) {
		err = -errno;
		free(r);
		return fail_errno(why, err, "cannot open '%s'", path);
	}
	err = read_header(r, path, why);
	if (err) {
		trace_reader_free(r);
		return err;
	}
	*ret = r;
	return 0;
}

bool trace_is_rereadable(const char *path)
{
	struct stat st;

	return strcmp(path, "-") != 0 && stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

const struct trace_summary *trace_reader_summary(const struct trace_reader *r)
{
	return &r->summary;
}

const char *trace_reader_meta(const struct trace_reader *r, const char *key)
{
	return meta_get(&r->meta, key);
}

const struct meta *trace_reader_metas(const struct trace_reader *r)
{
	return &r->meta;
}

void trace_reader_free(struct trace_reader *r)
{
	if (!r)
		return;
	close(r->fd);
	meta_free(&r->meta);
	free(r->data);
	free(r);
}
