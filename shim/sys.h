/* SPDX-License-Identifier: MIT */
/* The system calls that the shim makes, all without libc (forkscope/raw_syscall.h). x86-64 and aarch64. */
#ifndef SHIM_SYS_H
#define SHIM_SYS_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "forkscope/raw_syscall.h"

#if !defined(__x86_64__) && !defined(__aarch64__)
#error "the shim knows x86-64 and aarch64"
#endif

static inline uint32_t sys_getpid(void)
{
	return (uint32_t)sys3(SYS_getpid, 0, 0, 0);
}

static inline uint32_t sys_gettid(void)
{
	return (uint32_t)sys3(SYS_gettid, 0, 0, 0);
}

static inline uint32_t sys_getppid(void)
{
	return (uint32_t)sys3(SYS_getppid, 0, 0, 0);
}

static inline uint64_t sys_now_ns(void)
{
	struct timespec t = { 0 };

	sys3(SYS_clock_gettime, CLOCK_MONOTONIC, (long)&t, 0);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* The clock by which file systems date what they make. */
static inline uint64_t sys_file_time_ns(void)
{
	struct timespec t = { 0 };

	sys3(SYS_clock_gettime, CLOCK_REALTIME_COARSE, (long)&t, 0);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static inline long sys_open(const char *path, int flags)
{
	return sys4(SYS_openat, -100 /* AT_FDCWD */, (long)path, flags, 0);
}

static inline long sys_read(long fd, void *buffer, size_t size)
{
	return sys3(SYS_read, fd, (long)buffer, (long)size);
}

static inline void sys_close(long fd)
{
	sys3(SYS_close, fd, 0, 0);
}

/* The first `size` bytes of a file in /proc (dirfd as for openat); how many, or -errno. */
static inline long sys_read_file_at(long dirfd, const char *path, char *buffer, size_t size)
{
	long fd = sys4(SYS_openat, dirfd, (long)path, 02000000 /* O_RDONLY | O_CLOEXEC */, 0);
	long n;

	if (fd < 0)
		return fd;
	do /* of /proc a short read is the whole */
		n = sys_read(fd, buffer, size);
	while (n == -4 /* EINTR */);
	sys_close(fd);
	return n;
}

static inline long sys_read_file(const char *path, char *buffer, size_t size)
{
	return sys_read_file_at(-100 /* AT_FDCWD */, path, buffer, size);
}

#endif
