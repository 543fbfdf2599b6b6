/* SPDX-License-Identifier: MIT */
/* FS067: It does not. */
#include "bug.h"

int main(void)
{
	pid_t first = fork(), second;

	need(first >= 0);
	if (first == 0) {
		sleep_ms(200);
		_exit(0);
	}
	second = fork();
	need(second >= 0);
	if (second == 0) {

		_exit(0);
	}
	end_child(second, 3000);
	end_child(first, 3000);
	return 0;
}
