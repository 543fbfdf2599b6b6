/* SPDX-License-Identifier: MIT */
/* FS080: children draw the same random numbers. */
#include "bug.h"

int main(void)
{
	pid_t pid[2];

	srandom((unsigned)time(NULL));
	for (int i = 0; i < 2; i++) {
		pid[i] = fork();
		need(pid[i] >= 0);
		if (pid[i] == 0) {
			_exit((int)(random() % 100));
		}
	}
	for (int i = 0; i < 2; i++)
		end_child(pid[i], 600);
	return 0;
}
