/* SPDX-License-Identifier: MIT */
/*
 * Bytes that lie in stdio's buffers at a fork, and so will lie there twice.
 *
 * libc's list of streams is walked under libc's own lock for it, which fork() is about to take anyway: hence
 * only before fork(), never for vfork or _Fork, which may be called where that lock must not be taken; and at a forked
 * child's exit(), which takes it too.
 *
 * A child that writes out what its parent had in a buffer may do so long before its end, by fflush, fclose or a full
 * buffer: what lay there at the fork is remembered, and is looked for where the child ends or execs.
 */
#include "shim.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <string.h>
#include <sys/stat.h>

#define QUOTED 64
#define LEFT_MAX 8

/* What lay unwritten at the last fork of the process that is named by `left_by`. */
static struct left {
	FILE *stream;
	uint64_t bytes;
	dev_t dev;
	ino_t ino;
	int fd;
	bool flushed; /* by a freopen that found it there, to where it was meant */
	uint32_t text_len;
	char text[QUOTED];
} left[LEFT_MAX];
static uint32_t left_count, left_by;
static uint64_t left_call;

/* glibc's iterator over all streams: exported, never declared. */
static void *(*iter_begin)(void);
static void *(*iter_end)(void);
static void *(*iter_next)(void *);
static FILE *(*iter_file)(void *);
static void (*list_lock)(void);
static void (*list_unlock)(void);

void stdio_find(void)
{
	iter_begin = (void *(*)(void))dlsym(RTLD_DEFAULT, "_IO_iter_begin");
	iter_end = (void *(*)(void))dlsym(RTLD_DEFAULT, "_IO_iter_end");
	iter_next = (void *(*)(void *))dlsym(RTLD_DEFAULT, "_IO_iter_next");
	iter_file = (FILE * (*)(void *)) dlsym(RTLD_DEFAULT, "_IO_iter_file");
	list_lock = (void (*)(void))dlsym(RTLD_DEFAULT, "_IO_list_lock");
	list_unlock = (void (*)(void))dlsym(RTLD_DEFAULT, "_IO_list_unlock");
	if (!iter_end || !iter_next || !iter_file || !list_lock || !list_unlock)
		iter_begin = NULL;
}

static void put(const struct fs_ev_stdio_pending *e, const char *text)
{
	char *r = ring_reserve(FS_EV_STDIO_PENDING, sizeof(*e) + e->text_len);

	if (!r)
		return;
	memcpy(r + sizeof(e->h), (const char *)e + sizeof(e->h), sizeof(*e) - sizeof(e->h));
	memcpy(r + sizeof(*e), text, e->text_len);
	ring_commit(r);
}

static void tell(uint64_t call_id, FILE *f, const char *from, const char *to, uint32_t direction)
{
	struct fs_ev_stdio_pending e = {
		.call_id = call_id,
		.stream = (uint64_t)(uintptr_t)f,
		.bytes = (uint64_t)(to - from),
		.fd = f->_fileno,
		.direction = direction,
	};

	e.text_len = e.bytes < QUOTED ? (uint32_t)e.bytes : QUOTED;
	put(&e, from);
}

static bool stat_fd(int fd, struct stat *ret)
{
	return sys3(SYS_fstat, fd, (long)ret, 0) == 0;
}

static void remember(uint64_t call_id, FILE *f)
{
	struct left *l = &left[left_count];
	struct stat st;

	if (left_count == LEFT_MAX || f->_fileno < 0 || !stat_fd(f->_fileno, &st))
		return;
	*l = (struct left){ .stream = f,
			    .bytes = (uint64_t)(f->_IO_write_ptr - f->_IO_write_base),
			    .dev = st.st_dev,
			    .ino = st.st_ino,
			    .fd = f->_fileno };
	l->text_len = l->bytes < QUOTED ? (uint32_t)l->bytes : QUOTED;
	memcpy(l->text, f->_IO_write_base, l->text_len);
	left_by = shim_self()->pid;
	left_call = call_id;
	left_count++;
}

/* glibc's _IO_lock_t; the owner is a pthread_t. */
struct stream_lock {
	int lock;
	int count;
	void *owner;
};

/* A thread that is inside of it now will most likely be when fork copies it. */
static bool is_busy(const FILE *f)
{
	const struct stream_lock *lock = (const void *)f->_lock;
	void *owner = lock ? __atomic_load_n(&lock->owner, __ATOMIC_RELAXED) : NULL;

	return owner && owner != (void *)(uintptr_t)pthread_self();
}

static bool has_unwritten(const FILE *f)
{
	return f->_IO_write_base && f->_IO_write_ptr > f->_IO_write_base;
}

void stdio_tell(uint64_t call_id, bool alone)
{
	if (!iter_begin)
		return;
	/* A page that is written to is copied for the child. */
	if (left_count)
		left_count = 0;
	/* As fork does it: without other threads no lock. It would cost the fault of one more page at each fork. */
	if (!alone)
		list_lock();
	for (void *i = iter_begin(); i != iter_end(); i = iter_next(i)) {
		FILE *f = iter_file(i);

		if (is_busy(f))
			tell(call_id, f, f->_IO_write_base, f->_IO_write_base, FS_STDIO_BUSY);
		else if (has_unwritten(f)) {
			tell(call_id, f, f->_IO_write_base, f->_IO_write_ptr, FS_STDIO_WRITE);
			remember(call_id, f);
		} else if (f->_IO_read_ptr && f->_IO_read_end > f->_IO_read_ptr)
			tell(call_id, f, f->_IO_read_ptr, f->_IO_read_end, FS_STDIO_READ);
	}
	if (!alone)
		list_unlock();
}

/* In a forked child that ends by exit(), which is about to take that lock too. */
void stdio_tell_pending(uint64_t call_id, uint32_t when)
{
	if (!iter_begin)
		return;
	list_lock();
	for (void *i = iter_begin(); i != iter_end(); i = iter_next(i)) {
		FILE *f = iter_file(i);

		if (has_unwritten(f))
			tell(call_id, f, f->_IO_write_base, f->_IO_write_ptr, when);
	}
	list_unlock();
}

static bool still_lies_there(const struct left *l)
{
	for (void *i = iter_begin(); i != iter_end(); i = iter_next(i)) {
		FILE *f = iter_file(i);

		if (f == l->stream)
			return has_unwritten(f) &&
			       (uint64_t)(f->_IO_write_ptr - f->_IO_write_base) >= l->bytes &&
			       memcmp(f->_IO_write_base, l->text, l->text_len) == 0;
	}
	return false;
}

/* Then it may have gone to the new file. */
static bool was_redirected(const struct left *l)
{
	struct stat st;

	return stat_fd(l->fd, &st) && (st.st_dev != l->dev || st.st_ino != l->ino);
}

/* Takes no lock, since _exit takes none: the only thread needs none, and of several each is silent. */
void stdio_tell_gone(void)
{
	if (!left_count || shim_in_vfork_child() || !shim_self()->forked ||
	    left_by == shim_self()->pid || threads_alive() != 1)
		return;
	for (struct left *l = left; l < left + left_count; l++) {
		struct fs_ev_stdio_pending e = { .call_id = left_call,
						 .stream = (uint64_t)(uintptr_t)l->stream,
						 .bytes = l->bytes,
						 .fd = l->fd,
						 .direction = FS_STDIO_GONE,
						 .text_len = l->text_len };

		if (!l->stream || (!l->flushed && (still_lies_there(l) || was_redirected(l))))
			continue;
		put(&e, l->text);
		l->stream = NULL;
	}
}

/* It writes to the old file first. */
static void note_reopened(const FILE *f)
{
	if (!shim_ready() || !left_count || left_by == shim_self()->pid || threads_alive() != 1)
		return;
	for (struct left *l = left; l < left + left_count; l++)
		if (l->stream == f && still_lies_there(l) && !was_redirected(l))
			l->flushed = true;
}

#define FREOPEN(name)                                                       \
	SHIM_EXPORT FILE *name(const char *path, const char *mode, FILE *f) \
	{                                                                   \
		int before = errno;                                         \
                                                                            \
		note_reopened(f);                                           \
		keep_errno(before);                                         \
		return real.name(path, mode, f);                            \
	}

FREOPEN(freopen)
FREOPEN(freopen64)

/* Thrown away, not written. */
SHIM_EXPORT void __fpurge(FILE *f)
{
	if (shim_ready())
		for (struct left *l = left; l < left + left_count; l++)
			if (l->stream == f)
				l->stream = NULL;
	real.__fpurge(f);
}
