/* SPDX-License-Identifier: MIT */
/*
 * FS009: the holder of a semaphore in shared memory is killed; nobody can tell whose it was.
 * severity: note
 */
#include "bug.h"

int main(void)
{
	sem_t *lock = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t holder, waiter;

	need(lock != MAP_FAILED && sem_init(lock, 1, 1) == 0);
	holder = fork();
	need(holder >= 0);
	if (holder == 0) {
		sem_wait(lock);
		raise(SIGKILL);
	}
	need(waitpid(holder, NULL, 0) == holder);
	waiter = fork();
	need(waiter >= 0);
	if (waiter == 0) {
		sem_wait(lock);
		sem_post(lock);
		_exit(0);
	}
	end_child(waiter, 1200);
	return 0;
}
