/* SPDX-License-Identifier: MIT */
/*
 * The hand-shake. All by raw system calls; the two fds it needs live for as long as it takes, before main.
 * A recorder that does not answer within WAIT_MS is done without: the program comes first.
 */
#include "channel.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "shim.h"

#define WAIT_MS 1000

extern char **environ;

static const char *find_variable(void)
{
	static const char name[] = FS_SHIM_VARIABLE "=";

	for (char **e = environ; e && *e; e++)
		if (strncmp(*e, name, sizeof(name) - 1) == 0)
			return *e;
	return NULL;
}

static bool is_name(const char *name)
{
	return strlen(name) == FS_SHIM_NAME_LEN &&
	       strspn(name, "0123456789abcdef") == FS_SHIM_NAME_LEN;
}

static long wait_for(long fd, short events)
{
	struct pollfd p = { .fd = (int)fd, .events = events };
	struct timespec limit = { .tv_sec = WAIT_MS / 1000, .tv_nsec = WAIT_MS % 1000 * 1000000 };

	return sys6(SYS_ppoll, (long)&p, 1, (long)&limit, 0, 0, 0);
}

static long connect_to(const char *name)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	const size_t prefix = sizeof(FS_SHIM_SOCKET_PREFIX) - 1;
	size_t len = offsetof(struct sockaddr_un, sun_path) + 1 + prefix + FS_SHIM_NAME_LEN;
	long fd = sys3(SYS_socket, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct timespec pause = { .tv_nsec = 2000000 };
	long err;

	if (fd < 0)
		return fd;
	memcpy(to.sun_path + 1, FS_SHIM_SOCKET_PREFIX, prefix);
	memcpy(to.sun_path + 1 + prefix, name, FS_SHIM_NAME_LEN);
	/* EAGAIN: more images start at this moment than the recorder's queue holds. */
	for (int tries = 0; tries < WAIT_MS / 2; tries++) {
		err = sys3(SYS_connect, fd, (long)&to, (long)len);
		if (err != -EAGAIN && err != -EINTR)
			break;
		(void)sys3(SYS_nanosleep, (long)&pause, 0, 0);
	}
	if (err == 0 && wait_for(fd, POLLIN) == 1)
		return fd;
	sys_close(fd);
	return -ETIMEDOUT;
}

/* Receives the welcome and its memfd; the memfd, or negative. */
static long receive(long fd, struct fs_shim_welcome *ret)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec part = { ret, sizeof(*ret) };
	struct msghdr m = { .msg_iov = &part,
			    .msg_iovlen = 1,
			    .msg_control = &control,
			    .msg_controllen = sizeof(control) };
	long n = sys3(SYS_recvmsg, fd, (long)&m, MSG_CMSG_CLOEXEC);
	int memory = -1;

	if (n < 0)
		return n;
	if (m.msg_controllen >= CMSG_LEN(sizeof(int)) && control.head.cmsg_type == SCM_RIGHTS &&
	    control.head.cmsg_level == SOL_SOCKET)
		memcpy(&memory, CMSG_DATA(&control.head), sizeof(memory));
	if (n == sizeof(*ret) && ret->magic == FS_AREA_MAGIC && ret->version == FS_AREA_VERSION)
		return memory;
	if (memory >= 0)
		sys_close(memory);
	return -EPROTO;
}

static bool map_area(long memory, const struct fs_shim_welcome *w)
{
	struct fs_area *area;
	long p = sys6(SYS_mmap, 0, (long)w->area_size, PROT_READ | PROT_WRITE, MAP_SHARED, memory,
		      0);

	if (p < 0 && p > -4096)
		return false;
	area = (struct fs_area *)p;
	if (area->magic != FS_AREA_MAGIC || area->version != FS_AREA_VERSION ||
	    FS_AREA_SIZE((uint64_t)area->block_count, area->block_size) != w->area_size) {
		(void)sys3(SYS_munmap, p, (long)w->area_size, 0);
		return false;
	}
	shim.wanted = area->wanted;
	shim.blocks = (char *)area + FS_AREA_DATA(area->block_count);
	shim.foreign_pids = w->pid != sys_getpid();
	shim.area = area;
	return true;
}

/* The path of this very library, as ld.so was told it; lives as long as the library. */
static const char *own_path(void)
{
	Dl_info info;

	return dladdr((void *)channel_open, &info) && info.dli_fname ? info.dli_fname : NULL;
}

/* A copy that no setenv of the program can pull away. */
static const char *keep(const char *text)
{
	static char room[sizeof(FS_SHIM_VARIABLE) + FS_SHIM_NAME_LEN + 1];

	memcpy(room, text, sizeof(room) - 1); /* its length was looked at */
	return room;
}

/* The memfd, or negative. */
static long ask(struct fs_shim_welcome *ret)
{
	long fd = connect_to(shim.variable + sizeof(FS_SHIM_VARIABLE)), memory;

	if (fd < 0)
		return fd;
	memory = receive(fd, ret);
	sys_close(fd);
	return memory;
}

bool channel_open(void)
{
	const char *variable = find_variable();
	struct fs_shim_welcome welcome = { 0 };
	long memory;
	bool mapped;

	shim.path = own_path();
	if (!variable || !shim.path || !is_name(variable + sizeof(FS_SHIM_VARIABLE)))
		return false;
	shim.variable = keep(variable);
	memory = ask(&welcome);
	if (memory < 0)
		return false;
	mapped = map_area(memory, &welcome);
	sys_close(memory);
	return mapped;
}

uint32_t channel_host_pid(uint32_t *ret_parent)
{
	struct fs_shim_welcome welcome = { 0 };
	long memory = ask(&welcome);

	if (memory < 0)
		return 0;
	sys_close(memory);
	*ret_parent = welcome.parent_pid;
	return welcome.pid;
}
