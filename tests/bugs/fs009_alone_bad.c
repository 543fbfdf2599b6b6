/* SPDX-License-Identifier: MIT */
/* FS009: a child ends with the semaphore that its parent, and nobody else, waits for. */
#include "bug.h"

#include <semaphore.h>
#include <sys/mman.h>

int main(void)
{
	sem_t *turn = mmap(NULL, sizeof(*turn), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			   -1, 0);
	pid_t pid;

	need(turn != MAP_FAILED && sem_init(turn, 1, 1) == 0);
	pid = fork();
	need(pid >= 0);
	if (pid == 0) {
		need(sem_wait(turn) == 0);
		_exit(3);
	}
	need(waitpid(pid, NULL, 0) == pid);
	need(sem_wait(turn) == 0);
	return 0;
}
