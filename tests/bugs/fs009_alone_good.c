/* SPDX-License-Identifier: MIT */
/* One child has ended; the other posts the semaphore that the parent waits for, some time later. */
#include "bug.h"

#include <semaphore.h>
#include <sys/mman.h>

int main(void)
{
	sem_t *turn = mmap(NULL, sizeof(*turn), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			   -1, 0);
	pid_t first, second;

	need(turn != MAP_FAILED && sem_init(turn, 1, 0) == 0);
	first = fork();
	need(first >= 0);
	if (first == 0)
		_exit(0);
	second = fork();
	need(second >= 0);
	if (second == 0) {
		sleep_ms(900);
		need(sem_post(turn) == 0);
		_exit(0);
	}
	need(waitpid(first, NULL, 0) == first);
	need(sem_wait(turn) == 0);
	end_child(second, 600);
	return 0;
}
