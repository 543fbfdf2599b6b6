/* SPDX-License-Identifier: MIT */
/*
 * See writer.h. One mutex guards the queue; it is held for a copy or for handing over a pointer, never
 * over a system call other than futex.
 *
 * Chunks: `filling` is the one that calls append to. When it is full, of another type, or old enough, it
 * moves to the list of those to be written, and the thread takes the whole list. Written chunks are kept
 * for reuse up to KEEP_CHUNKS, so a steady recording allocates nothing.
 */
#include "trace/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#include "trace/chunk.h"

enum {
	CHUNK_ROOM = 32 *
		     1024, /* what a full disk can cost; a larger event gets a chunk of its own */
	META_MAX = 1 << 20,
	KEEP_CHUNKS = 128,
	MAX_AGE_MS = 50,
};

struct chunk {
	struct chunk *next;
	struct fs_trace_chunk head; /* checksum and number: filled in by the thread */
	size_t room;
	char data[];
};

struct trace_writer {
	pthread_mutex_t lock;
	pthread_cond_t wake; /* the thread: there is something to do */
	pthread_cond_t ready; /* trace_writer_open: the header is written, or not */
	pthread_t thread;
	int fd;
	struct fs_trace_header header;

	/* Under the lock. */
	struct chunk *filling;
	struct chunk *full, **full_end;
	struct chunk *spare;
	unsigned spares;
	size_t queued; /* bytes of room of the chunks that wait or are being written */
	size_t queue_max;
	uint64_t events;
	int error;
	bool header_done;
	bool closing;

	uint64_t number; /* of the next chunk; the thread's own */
};

/* --- header --- */

static int64_t clock_ns(clockid_t clock)
{
	struct timespec ts = { 0 };

	clock_gettime(clock, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* The mean of a monotonic reading before and after is when the other clock was read. */
static int64_t clock_offset(clockid_t clock)
{
	int64_t before = clock_ns(CLOCK_MONOTONIC), there = clock_ns(clock);

	return there - before - (clock_ns(CLOCK_MONOTONIC) - before) / 2;
}

/* Left all zeros where there is no boot id to be had. */
static void read_boot_id(uint8_t ret[16])
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	unsigned n = 0, value;
	char text[37] = "";
	const char *p = text;

	if (fd < 0)
		return;
	if (read(fd, text, sizeof(text) - 1) == sizeof(text) - 1)
		while (n < 16 && sscanf(p, "%2x", &value) == 1) {
			ret[n++] = (uint8_t)value;
			p += p[2] == '-' ? 3 : 2;
		}
	close(fd);
}

void trace_header_now(struct fs_trace_header *ret)
{
	*ret = (struct fs_trace_header){
		.magic = { 'F', 'O', 'R', 'K', 'S', 'C', 'P', '\n' },
		.major = FS_TRACE_MAJOR,
		.minor = FS_TRACE_MINOR,
		.header_size = sizeof(*ret),
		.start_ns = (uint64_t)clock_ns(CLOCK_MONOTONIC),
		.boot_offset_ns = clock_offset(CLOCK_BOOTTIME),
		.wall_offset_ns = clock_offset(CLOCK_REALTIME),
		.recorder_pid = (uint32_t)getpid(),
	};
	read_boot_id(ret->boot_id);
}

/* --- the thread --- */

static int write_all(int fd, struct iovec *iov, int n)
{
	while (n > 0) {
		ssize_t done = writev(fd, iov, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -errno;
		for (; n > 0 && (size_t)done >= iov->iov_len; iov++, n--)
			done -= (ssize_t)iov->iov_len;
		if (n > 0) {
			iov->iov_base = (char *)iov->iov_base + done;
			iov->iov_len -= (size_t)done;
		}
	}
	return 0;
}

static int write_header(struct trace_writer *w)
{
	struct iovec iov = { &w->header, sizeof(w->header) };

	w->header.crc = (uint32_t)crc32(0, (const Bytef *)&w->header,
					offsetof(struct fs_trace_header, crc));
	return write_all(w->fd, &iov, 1);
}

static int write_chunk(struct trace_writer *w, struct chunk *c)
{
	struct iovec iov[2] = { { &c->head, sizeof(c->head) }, { c->data, c->head.length } };

	c->head.number = w->number++;
	c->head.crc = chunk_crc(c->head, c->data);
	return write_all(w->fd, iov, 2);
}

/* Under the lock: what was being filled waits to be written now. */
static void seal(struct trace_writer *w)
{
	if (!w->filling)
		return;
	*w->full_end = w->filling;
	w->full_end = &w->filling->next;
	w->filling = NULL;
}

/* Under the lock: a chunk is written, or given up. */
static void retire(struct trace_writer *w, struct chunk *c)
{
	w->queued -= c->room;
	if (c->room == CHUNK_ROOM && w->spares < KEEP_CHUNKS) {
		c->next = w->spare;
		w->spare = c;
		w->spares++;
	} else {
		free(c);
	}
}

/* Under the lock, which it gives back while it writes. After an error the rest is thrown away. */
static void write_full(struct trace_writer *w)
{
	struct chunk *c;

	while ((c = w->full)) {
		int err = w->error;

		w->full = c->next;
		if (!w->full)
			w->full_end = &w->full;
		c->next = NULL;
		if (!err) {
			pthread_mutex_unlock(&w->lock);
			err = write_chunk(w, c);
			pthread_mutex_lock(&w->lock);
		}
		w->error = err;
		retire(w, c);
	}
}

/*
 * Under the lock: sleeps until there are full chunks, or what is being filled is old enough and is sealed,
 * or the end has come. (A chunk begins to fill when the one before is sealed, so none waits longer.)
 */
static void wait_for_work(struct trace_writer *w)
{
	struct timespec until;

	while (!w->filling && !w->full && !w->closing)
		pthread_cond_wait(&w->wake, &w->lock);
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += MAX_AGE_MS * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	while (!w->full && !w->closing)
		if (pthread_cond_timedwait(&w->wake, &w->lock, &until) == ETIMEDOUT)
			seal(w);
}

static void *writer_main(void *arg)
{
	struct trace_writer *w = arg;
	int err = write_header(w);

	pthread_mutex_lock(&w->lock);
	w->error = err;
	w->header_done = true;
	pthread_cond_signal(&w->ready);
	while (!w->closing) {
		wait_for_work(w);
		write_full(w);
	}
	seal(w);
	write_full(w);
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

/* --- the callers' side --- */

/* Under the lock: a place for len bytes in a chunk of this type, or NULL and *ret_err. */
static char *reserve(struct trace_writer *w, uint32_t type, size_t len, bool always, int *ret_err)
{
	struct chunk *c = w->filling;
	size_t room = len > CHUNK_ROOM ? len : CHUNK_ROOM;

	if (c && c->head.type == type && c->room - c->head.length >= len) {
		c->head.length += (uint32_t)len;
		return c->data + c->head.length - len;
	}
	if (!always && w->queued + room > w->queue_max) {
		*ret_err = -ENOBUFS;
		return NULL;
	}
	if (w->spare && room == CHUNK_ROOM) {
		c = w->spare;
		w->spare = c->next;
		w->spares--;
	} else {
		c = malloc(sizeof(*c) + room);
		if (!c) {
			*ret_err = -ENOMEM;
			return NULL;
		}
	}
	c->next = NULL;
	c->head = (struct fs_trace_chunk){ .magic = FS_TRACE_CHUNK_MAGIC, .type = type };
	c->room = room;
	c->head.length = (uint32_t)len;
	w->queued += room;
	seal(w);
	w->filling = c;
	/* Wakes a thread that slept with nothing to do, or hands it the chunk just sealed. */
	pthread_cond_signal(&w->wake);
	return c->data;
}

int trace_writer_event(struct trace_writer *w, const struct fs_event *event)
{
	int err;
	char *to;

	if (event->size < sizeof(*event) || event->size % 8 || event->size > FS_TRACE_CHUNK_MAX)
		return -EINVAL;
	pthread_mutex_lock(&w->lock);
	err = w->error;
	to = err ? NULL : reserve(w, FS_CHUNK_EVENTS, event->size, false, &err);
	if (to) {
		memcpy(to, event, event->size);
		w->events++;
	}
	pthread_mutex_unlock(&w->lock);
	return err;
}

int trace_writer_meta(struct trace_writer *w, const char *key, const char *value)
{
	size_t key_size = strlen(key) + 1, value_size = strlen(value) + 1;
	int err;
	char *to;

	if (key_size == 1 || key_size > META_MAX || value_size > META_MAX)
		return -EINVAL;
	pthread_mutex_lock(&w->lock);
	err = w->error;
	to = err ? NULL : reserve(w, FS_CHUNK_META, key_size + value_size, false, &err);
	if (to) {
		memcpy(to, key, key_size);
		memcpy(to + key_size, value, value_size);
	}
	pthread_mutex_unlock(&w->lock);
	return err;
}

uint64_t trace_writer_events(const struct trace_writer *w)
{
	struct trace_writer *unlocked = (struct trace_writer *)w;
	uint64_t events;

	pthread_mutex_lock(&unlocked->lock);
	events = w->events;
	pthread_mutex_unlock(&unlocked->lock);
	return events;
}

int trace_writer_error(struct trace_writer *w)
{
	int err;

	pthread_mutex_lock(&w->lock);
	err = w->error;
	pthread_mutex_unlock(&w->lock);
	return err;
}

void trace_writer_set_queue(struct trace_writer *w, size_t bytes)
{
	pthread_mutex_lock(&w->lock);
	w->queue_max = bytes;
	pthread_mutex_unlock(&w->lock);
}

/* --- open and close --- */

/* Something is at path already. A regular file is taken away; the rest is written to as it is. */
static int open_existing(const char *path, struct failure *why)
{
	struct stat st;
	int fd;

	if (lstat(path, &st) < 0)
		return fail_errno(why, -errno, "cannot create '%s'", path);
	if (S_ISREG(st.st_mode)) {
		if (unlink(path) < 0)
			return fail_errno(why, -errno, "cannot replace '%s'", path);
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
		return fd < 0 ? fail_errno(why, -errno, "cannot create '%s'", path) : fd;
	}
	fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return fail_errno(why, -errno, "cannot write to '%s'", path);
	if (S_ISLNK(st.st_mode) && fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
		close(fd);
		return fail(why, -ELOOP, "'%s' is a symbolic link to a file: name the file itself",
			    path);
	}
	return fd;
}

static int open_file(const char *path, struct failure *why)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd >= 0)
		return fd;
	if (errno == EEXIST)
		return open_existing(path, why);
	return fail_errno(why, -errno, "cannot create '%s'", path);
}

/* The thread inherits a full signal mask: signals belong to the program, never to this thread. */
static int start_thread(struct trace_writer *w)
{
	pthread_condattr_t attr;
	sigset_t all, before;
	int err;

	pthread_mutex_init(&w->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&w->wake, &attr);
	pthread_cond_init(&w->ready, NULL);
	pthread_condattr_destroy(&attr);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = -pthread_create(&w->thread, NULL, writer_main, w);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (err)
		return err;
	pthread_setname_np(w->thread, "trace-writer");
	pthread_mutex_lock(&w->lock);
	while (!w->header_done)
		pthread_cond_wait(&w->ready, &w->lock);
	pthread_mutex_unlock(&w->lock);
	return 0;
}

/* The thread is gone, or never was. */
static void free_writer(struct trace_writer *w)
{
	struct chunk *c;

	while ((c = w->spare)) {
		w->spare = c->next;
		free(c);
	}
	pthread_cond_destroy(&w->wake);
	pthread_cond_destroy(&w->ready);
	pthread_mutex_destroy(&w->lock);
	free(w);
}

int trace_writer_open(struct trace_writer **ret, const char *path,
		      const struct fs_trace_header *header, struct failure *why)
{
	struct trace_writer *w = calloc(1, sizeof(*w));
	int err;

	if (!w)
		return fail_errno(why, -ENOMEM, "cannot write '%s'", path);
	w->header = *header;
	w->full_end = &w->full;
	w->queue_max = TRACE_WRITER_QUEUE;
	w->fd = open_file(path, why);
	if (w->fd < 0) {
		err = w->fd;
		free(w);
		return err;
	}
	err = start_thread(w);
	if (err) {
		close(w->fd);
		free_writer(w);
		return fail_errno(why, err, "cannot start the thread that writes '%s'", path);
	}
	if (trace_writer_error(w)) {
		err = trace_writer_close(w, NULL, NULL);
		return fail_errno(why, err, "cannot write '%s'", path);
	}
	*ret = w;
	return 0;
}

int trace_writer_close(struct trace_writer *w, const struct fs_trace_end *end, struct failure *why)
{
	struct fs_trace_end *to;
	int err = 0;

	pthread_mutex_lock(&w->lock);
	if (end && !w->error) {
		to = (struct fs_trace_end *)reserve(w, FS_CHUNK_END, sizeof(*to), true, &err);
		if (to) {
			*to = *end;
			to->events = w->events;
		}
	}
	w->closing = true;
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->lock);
	pthread_join(w->thread, NULL);
	if (w->error)
		err = w->error;
	if (close(w->fd) < 0 && !err)
		err = -errno;
	free_writer(w);
	return err ? fail_errno(why, err, "cannot write the trace") : 0;
}
