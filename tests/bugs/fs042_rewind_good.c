/* SPDX-License-Identifier: MIT */
/* FS042: _exit. */
#include "bug.h"

int main(void)
{
	char path[] = "/tmp/forkscope-bug-XXXXXX", line[64];
	int fd = mkostemp(path, O_CLOEXEC);
	FILE *in;

	need(fd >= 0);
	for (int i = 0; i < 100; i++)
		need(write(fd, "some line\n", 10) == 10);
	close(fd);
	in = fopen(path, "r");
	need(in != NULL);
	for (int i = 0; i < 3 && fgets(line, sizeof(line), in); i++) {
		pid_t pid = fork();

		need(pid >= 0);
		if (pid == 0)
			_exit(0);
		end_child(pid, 3000);
	}
	unlink(path);
	return 0;
}
