/* SPDX-License-Identifier: MIT */
/* See proc_text.h. */
#include "capture/proc_text.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

size_t proc_exe(pid_t pid, char *buffer, size_t size)
{
	char path[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	n = readlink(path, buffer, size);
	return n > 0 ? n : 0;
}

size_t proc_cmdline(pid_t pid, char *buffer, size_t size)
{
	size_t len = 0;
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	while (len < size && (n = read(fd, buffer + len, size - len)) != 0) {
		if (n < 0 && errno != EINTR)
			break;
		if (n > 0)
			len += n;
	}
	close(fd);
	return len;
}

bool process_exists(pid_t pid)
{
	return kill(pid, 0) == 0 || errno == EPERM;
}
