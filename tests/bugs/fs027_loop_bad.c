/* SPDX-License-Identifier: MIT */
/* FS027: the one descriptor that a library has is closed with all there might be, and its number taken. */
#include "bug.h"

int main(void)
{
	char name[] = "/tmp/fs027.XXXXXX", other[] = "/tmp/fs027.XXXXXX";
	int library = mkostemp(name, O_CLOEXEC | O_APPEND);
	pid_t pid;

	need(library >= 0 && unlink(name) == 0);
	pid = fork();
	need(pid >= 0);
	if (pid == 0) {
		int user;

		for (int fd = 3; fd < 256; fd++)
			close(fd);
		user = mkostemp(other, O_CLOEXEC);
		need(user == library && unlink(other) == 0);
		need(write(user, "user", 4) == 4);
		need(write(library, "report", 6) == 6);
		_exit(0);
	}
	end_child(pid, 600);
	return 0;
}
