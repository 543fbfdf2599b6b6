/* SPDX-License-Identifier: MIT */
/* The same loop before an exec: nothing of the old image goes on to use a number. */
#include "bug.h"

int main(void)
{
	char name[] = "/tmp/fs027.XXXXXX";
	int library = mkostemp(name, O_CLOEXEC | O_APPEND);
	pid_t pid;

	need(library >= 0 && unlink(name) == 0);
	pid = fork();
	need(pid >= 0);
	if (pid == 0) {
		for (int fd = 3; fd < 256; fd++)
			close(fd);
		need(open("/dev/null", O_RDWR | O_CLOEXEC) == library);
		execl("/bin/true", "true", (char *)NULL);
		_exit(127);
	}
	end_child(pid, 600);
	return 0;
}
