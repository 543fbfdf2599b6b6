/* SPDX-License-Identifier: MIT */
/* FS060: children that end are never waited for. */
#include "bug.h"

int main(void)
{
	for (int i = 0; i < 3; i++) {
		pid_t pid = fork();

		need(pid >= 0);
		if (pid == 0)
			_exit(0);
	}
	sleep_ms(600);

	return 0;
}
