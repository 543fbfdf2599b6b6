/* SPDX-License-Identifier: MIT */
/* FS080: two children draw by rand_r from copies of one seed. */
#include "bug.h"

int main(void)
{
	unsigned seed = 1;

	for (int i = 0; i < 2; i++) {
		pid_t pid = fork();

		need(pid >= 0);
		if (pid == 0) {
			_exit(rand_r(&seed) & 0x7f);
		}
	}
	while (waitpid(-1, NULL, 0) > 0)
		;
	return 0;
}
