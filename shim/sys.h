/* SPDX-License-Identifier: MIT */
/*
 * System calls without libc: nobody interposes them, no cancellation point, no errno. They return what the
 * kernel does, -errno for a failure. x86-64 and aarch64.
 */
#ifndef SHIM_SYS_H
#define SHIM_SYS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>

#if defined(__x86_64__)
static inline long sys6(long n, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}
#elif defined(__aarch64__)
static inline long sys6(long n, long a, long b, long c, long d, long e, long f)
{
	register long x8 __asm__("x8") = n;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;

	__asm__ volatile("svc 0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
			 : "memory");
	return x0;
}
#else
#error "the shim knows x86-64 and aarch64"
#endif

static inline long sys3(long n, long a, long b, long c)
{
	return sys6(n, a, b, c, 0, 0, 0);
}

static inline long sys4(long n, long a, long b, long c, long d)
{
	return sys6(n, a, b, c, d, 0, 0);
}

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
