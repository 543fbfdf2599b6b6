/* SPDX-License-Identifier: MIT */
/* A table of 10,000 fds, every third CLOEXEC: counted at the fork and after the exec. */
#include "case.h"

#include <sys/resource.h>

#define COUNT 10000

int main(void)
{
	struct rlimit limit = { COUNT + 100, COUNT + 100 };
	char more[256];
	int fds, cloexec = 0, before;
	pid_t pid;

	begin();
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		SKIP("10,000 fds");
	before = count_fds();
	for (int i = 0; i < COUNT; i++) {
		cloexec += i % 3 == 0;
		check(fcntl(0, i % 3 ? F_DUPFD : F_DUPFD_CLOEXEC, 10) >= 0);
	}
	fds = count_fds();
	check(fds == before + COUNT);
	pid = fork_child();
	if (pid == 0) {
		execl("/bin/true", "true", NULL);
		broken("exec");
	}
	snprintf(more, sizeof(more),
		 "\"at_start\":%d,\"inherited\":%d,\"after_exec\":%d,\"cloexec\":%d", fds, fds,
		 fds - cloexec, cloexec);
	say_child(pid, "fork", "spawn", reap(pid), more);
	return 0;
}
