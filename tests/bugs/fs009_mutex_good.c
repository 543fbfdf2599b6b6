/* SPDX-License-Identifier: MIT */
/* FS009: the holder of a mutex in shared memory is killed. Repaired. */
#include "bug.h"

static pthread_mutex_t *make_lock(int robust)
{
	pthread_mutexattr_t attr;
	pthread_mutex_t *lock = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
				     -1, 0);

	need(lock != MAP_FAILED);
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	if (robust)
		pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(lock, &attr);
	return lock;
}

int main(void)
{
	pthread_mutex_t *lock = make_lock(1);
	pid_t holder = fork(), waiter;

	need(holder >= 0);
	if (holder == 0) {
		pthread_mutex_lock(lock);
		raise(SIGKILL);
	}
	need(waitpid(holder, NULL, 0) == holder);
	waiter = fork();
	need(waiter >= 0);
	if (waiter == 0) {
		if (pthread_mutex_lock(lock) == EOWNERDEAD)
			pthread_mutex_consistent(lock);
		pthread_mutex_unlock(lock);
		_exit(0);
	}
	end_child(waiter, 5000);
	return 0;
}
