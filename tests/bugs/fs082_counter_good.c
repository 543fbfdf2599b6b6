/* SPDX-License-Identifier: MIT */
/* FS082: parent and child count in the same shared memory, without a lock, repaired. */
#include "bug.h"

int main(void)
{
	volatile long *counter = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
				      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pid_t pid;

	need(counter != MAP_FAILED);
	pid = fork();
	need(pid >= 0);
	for (int i = 0; i < 100000; i++)
		*counter = *counter + 1;
	if (pid == 0)
		_exit(0);
	end_child(pid, 600);
	return 0;
}
