/* SPDX-License-Identifier: MIT */
/*
 * Bytes that lie in stdio's buffers at a fork, and so will lie there twice.
 *
 * libc's list of streams is walked under libc's own lock for it, which fork() is about to take anyway: hence
 * only before fork(), never for vfork or _Fork, which may be called where that lock must not be taken; and at a forked
 * child's exit(), which takes it too.
 */
#include "shim.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#define QUOTED 64

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

static void tell(uint64_t call_id, FILE *f, const char *from, const char *to, uint32_t direction)
{
	struct fs_ev_stdio_pending e = {
		.call_id = call_id,
		.stream = (uint64_t)(uintptr_t)f,
		.bytes = (uint64_t)(to - from),
		.fd = f->_fileno,
		.direction = direction,
	};
	char *r;

	e.text_len = e.bytes < QUOTED ? (uint32_t)e.bytes : QUOTED;
	r = ring_reserve(FS_EV_STDIO_PENDING, sizeof(e) + e.text_len);
	if (!r)
		return;
	memcpy(r + sizeof(e.h), (char *)&e + sizeof(e.h), sizeof(e) - sizeof(e.h));
	memcpy(r + sizeof(e), from, e.text_len);
	ring_commit(r);
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

void stdio_tell(uint64_t call_id, bool alone)
{
	if (!iter_begin)
		return;
	/* As fork does it: without other threads no lock. It would cost the fault of one more page at each fork. */
	if (!alone)
		list_lock();
	for (void *i = iter_begin(); i != iter_end(); i = iter_next(i)) {
		FILE *f = iter_file(i);

		if (is_busy(f))
			tell(call_id, f, f->_IO_write_base, f->_IO_write_base, FS_STDIO_BUSY);
		else if (f->_IO_write_base && f->_IO_write_ptr > f->_IO_write_base)
			tell(call_id, f, f->_IO_write_base, f->_IO_write_ptr, FS_STDIO_WRITE);
		else if (f->_IO_read_ptr && f->_IO_read_end > f->_IO_read_ptr)
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

		if (f->_IO_write_base && f->_IO_write_ptr > f->_IO_write_base)
			tell(call_id, f, f->_IO_write_base, f->_IO_write_ptr, when);
	}
	list_unlock();
}
