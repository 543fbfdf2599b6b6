/* SPDX-License-Identifier: MIT */
/* FS021: Close-on-exec. */
#include "bug.h"

#include <netinet/in.h>

int main(void)
{
	struct sockaddr_in any = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	pid_t pid;

	need(fd >= 0 && bind(fd, (struct sockaddr *)&any, sizeof(any)) == 0 && listen(fd, 5) == 0);
	pid = fork();
	need(pid >= 0);
	if (pid == 0) {
		execl("/bin/sleep", "sleep", "0.1", (char *)NULL);
		_exit(127);
	}
	end_child(pid, 3000);
	return 0;
}
