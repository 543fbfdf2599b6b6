/* SPDX-License-Identifier: MIT */
/* FS020: a sibling keeps the write end of a pipe whose reader waits for its end. Repaired. */
#include "bug.h"

int main(void)
{
	int data[2], other[2];
	pid_t writer, sibling;
	char c;

	need(pipe2(data, O_CLOEXEC) == 0 && pipe2(other, O_CLOEXEC) == 0);
	sibling = fork();
	need(sibling >= 0);
	if (sibling == 0) {
		close(data[0]);
		close(data[1]);
		close(other[1]);
		need(read(other[0], &c, 1) == 0);
		_exit(0);
	}
	writer = fork();
	need(writer >= 0);
	if (writer == 0) {
		need(write(data[1], "x", 1) == 1);
		_exit(0);
	}
	close(data[1]);
	close(other[0]);
	while (read(data[0], &c, 1) > 0)
		;
	close(other[1]);
	need(waitpid(writer, NULL, 0) == writer && waitpid(sibling, NULL, 0) == sibling);
	return 0;
}
