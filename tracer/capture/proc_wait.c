/* SPDX-License-Identifier: MIT */
/* See proc_wait.h. */
#include "capture/proc_wait.h"
#include "capture/look_wait.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/futex.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef __NR_futex_wait
#define __NR_futex_wait 455
#endif
#ifndef FUTEX_LOCK_PI2
#define FUTEX_LOCK_PI2 13
#endif

/* Reads a small file of /proc as text. */
static ssize_t read_text(const char *path, char *to, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, to, size - 1);
	close(fd);
	to[n > 0 ? n : 0] = 0;
	return n < 0 ? -EIO : n;
}

static bool read_wait(pid_t pid, struct thread_wait *t)
{
	char path[64], text[256];

	snprintf(path, sizeof(path), "/proc/%d/task/%u/syscall", pid, t->tid);
	if (read_text(path, text, sizeof(text)) <= 0)
		return false;
	t->nr = -1;
	if (sscanf(text,
		   "%" SCNd32 " %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64
		   " %" SCNx64 " %" SCNx64 " %" SCNx64,
		   &t->nr, &t->args[0], &t->args[1], &t->args[2], &t->args[3], &t->args[4],
		   &t->args[5], &t->sp, &t->pc) < 9)
		t->nr = -1;
	return true;
}

int proc_waits(pid_t pid, struct process_wait *ret)
{
	struct dirent *entry;
	char path[64];
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	if (!dir)
		return -errno;
	ret->count = 0;
	ret->more = false;
	while ((entry = readdir(dir))) {
		struct thread_wait *t = &ret->threads[ret->count];

		if (entry->d_name[0] < '0' || entry->d_name[0] > '9')
			continue;
		if (ret->count == WAIT_THREADS_MAX) {
			ret->more = true;
			break;
		}
		*t = (struct thread_wait){ .tid = strtoul(entry->d_name, NULL, 10) };
		if (read_wait(pid, t))
			ret->count++;
	}
	closedir(dir);
	return ret->count ? 0 : -ESRCH;
}

static uint64_t mix(uint64_t hash, uint64_t value)
{
	return (hash ^ value) * 0x9e3779b97f4a7c15ull ^ hash >> 31;
}

uint64_t proc_waits_signature(const struct process_wait *w)
{
	uint64_t hash = w->count;

	for (size_t i = 0; i < w->count; i++) {
		const struct thread_wait *t = &w->threads[i];

		hash = mix(mix(mix(hash, t->tid), (uint32_t)t->nr), t->pc);
		if (t->nr >= 0)
			hash = mix(mix(mix(mix(hash, t->args[0]), t->args[1]), t->args[2]), t->sp);
	}
	return hash ? hash : 1;
}

bool wait_is_endless_futex(const struct thread_wait *t)
{
	if (t->nr == __NR_futex_wait)
		return t->args[4] == 0;
	if (t->nr != __NR_futex || t->args[3] != 0)
		return false;
	switch (t->args[1] & FUTEX_CMD_MASK) {
	case FUTEX_WAIT:
	case FUTEX_WAIT_BITSET:
	case FUTEX_LOCK_PI:
	case FUTEX_WAIT_REQUEUE_PI:
	case FUTEX_LOCK_PI2:
		return true;
	}
	return false;
}

bool proc_read(pid_t pid, uint64_t address, void *to, size_t size)
{
	struct iovec local = { .iov_base = to, .iov_len = size };
	struct iovec remote = { .iov_base = (void *)(uintptr_t)address, .iov_len = size };

	return process_vm_readv(pid, &local, 1, &remote, 1, 0) == (ssize_t)size;
}

bool proc_is_shared(pid_t pid, uint64_t address)
{
	char path[64], line[512], flags[8];
	uint64_t from, to;
	bool shared = false;
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	maps = fopen(path, "re");
	if (!maps)
		return true; /* what is not known proves nothing */
	while (fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %7s", &from, &to, flags) == 3 &&
		    address >= from && address < to) {
			shared = flags[3] == 's';
			break;
		}
	}
	fclose(maps);
	return shared;
}

uint64_t proc_caught(pid_t pid)
{
	char path[64], text[4096];
	uint64_t mask = UINT64_MAX;
	const char *line;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	if (read_text(path, text, sizeof(text)) <= 0)
		return mask;
	line = strstr(text, "\nSigCgt:");
	if (line)
		sscanf(line + 8, "%" SCNx64, &mask);
	return mask & ~UINT64_C(0x180000000);
}

bool proc_has_ended(pid_t pid)
{
	char path[64], text[1024];
	const char *after;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	if (read_text(path, text, sizeof(text)) <= 0)
		return true;
	after = strrchr(text, ')');
	return after && (after[1] == ' ') && (after[2] == 'Z' || after[2] == 'X');
}

uint64_t proc_cpu(pid_t pid)
{
	unsigned long user = 0, system = 0;
	char path[64], text[1024];
	const char *after;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	if (read_text(path, text, sizeof(text)) <= 0)
		return 0;
	after = strrchr(text, ')');
	if (!after || sscanf(after + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
			     &user, &system) != 2)
		return 0;
	return user + system;
}

/* The pipe or socket an fd is, 0: none. */
static uint64_t stream_of_fd(pid_t pid, const char *fd, bool *ret_socket)
{
	char path[320], target[64];
	const char *format;
	uint64_t ino = 0;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/fd/%s", pid, fd);
	n = readlink(path, target, sizeof(target) - 1);
	if (n <= 0)
		return 0;
	target[n] = 0;
	*ret_socket = target[0] == 's';
	format = *ret_socket ? "socket:[%" SCNu64 "]" : "pipe:[%" SCNu64 "]";
	return sscanf(target, format, &ino) == 1 ? ino : 0;
}

uint64_t wait_reads_stream(pid_t pid, const struct thread_wait *t, uint32_t *ret_fd)
{
	struct pollfd one;
	bool is_socket;
	uint64_t ino;
	char text[16];

	switch (t->nr) {
	case __NR_read:
	case __NR_readv:
	case __NR_recvfrom:
	case __NR_recvmsg:
		*ret_fd = t->args[0];
		break;
#ifdef __NR_poll
	case __NR_poll:
		if ((int32_t)t->args[2] >= 0 || t->args[1] != 1 ||
		    !proc_read(pid, t->args[0], &one, sizeof(one)) || !(one.events & POLLIN))
			return 0;
		*ret_fd = one.fd;
		break;
#endif
	default:
		return 0;
	}
	snprintf(text, sizeof(text), "%u", *ret_fd);
	ino = stream_of_fd(pid, text, &is_socket);
	return ino && is_socket ? look_socket_peer(ino) : ino;
}

static bool fd_can_write(pid_t pid, const char *fd)
{
	char path[320], text[512];
	const char *line;
	unsigned flags;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%s", pid, fd);
	if (read_text(path, text, sizeof(text)) <= 0)
		return false;
	line = strstr(text, "flags:");
	return line && sscanf(line + 6, "%o", &flags) == 1 && (flags & O_ACCMODE) != O_RDONLY;
}

size_t proc_stream_writers(pid_t pid, uint64_t ino, struct fs_holder *list, size_t count,
			   size_t room)
{
	bool is_socket;
	struct dirent *entry;
	char path[64];
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	if (!dir)
		return count;
	while (count < room && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.' ||
		    stream_of_fd(pid, entry->d_name, &is_socket) != ino ||
		    !fd_can_write(pid, entry->d_name))
			continue;
		list[count++] = (struct fs_holder){ .pid = pid,
						    .fd = strtoul(entry->d_name, NULL, 10) };
	}
	closedir(dir);
	return count;
}
