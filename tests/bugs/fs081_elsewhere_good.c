/* SPDX-License-Identifier: MIT */
/* FS081: a child that dies of a null pointer, in a program that has memory kept from children. */
#include "bug.h"

int main(void)
{
	size_t len = 1 << 20;
	char *ring = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pid_t pid;

	need(ring != MAP_FAILED && madvise(ring, len, MADV_DONTFORK) == 0);
	ring[0] = 1;
	pid = fork();
	need(pid >= 0);
	if (pid == 0)
		*(volatile char *)(uintptr_t)8 = 1;
	need(waitpid(pid, NULL, 0) == pid);
	return 0;
}
