/* SPDX-License-Identifier: MIT */
/* FS020: the parent wrote, kept its end of the pipe, and waits for the reader to end. */
#include "bug.h"

int main(void)
{
	pid_t reader;
	int data[2];
	char c;

	need(pipe2(data, O_CLOEXEC) == 0);
	reader = fork();
	need(reader >= 0);
	if (reader == 0) {
		close(data[1]);
		while (read(data[0], &c, 1) > 0)
			;
		_exit(0);
	}
	close(data[0]);
	need(write(data[1], "x", 1) == 1);
	need(waitpid(reader, NULL, 0) == reader);
	return 0;
}
