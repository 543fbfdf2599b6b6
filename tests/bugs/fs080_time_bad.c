/* SPDX-License-Identifier: MIT */
/* FS080: each child seeds by the time in seconds, and all are born in one. */
#include "bug.h"

int main(void)
{
	time_t begun = time(NULL);
	pid_t pid[3];

	/* Not at the end of a second. */
	while (time(NULL) == begun)
		sleep_ms(5);
	for (int i = 0; i < 3; i++) {
		pid[i] = fork();
		need(pid[i] >= 0);
		if (pid[i] == 0) {
			srand((unsigned)time(NULL));
			_exit(rand() % 6);
		}
	}
	for (int i = 0; i < 3; i++)
		end_child(pid[i], 600);
	return 0;
}
