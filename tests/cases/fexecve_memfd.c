/* SPDX-License-Identifier: MIT */
/* fexecve of a program that has no name in any file system. */
#include "case.h"

#include <sys/mman.h>
#include <sys/sendfile.h>

int main(void)
{
	char *const argv[] = { (char *)"ghost", (char *)"-c", (char *)"exit 23", NULL };
	char more[96];
	struct stat st;
	int from, memfd;
	pid_t pid;

	begin();
	from = open("/bin/sh", O_RDONLY | O_CLOEXEC);
	memfd = memfd_create("ghost", MFD_CLOEXEC);
	check(from >= 0 && memfd >= 0 && fstat(from, &st) == 0);
	while (st.st_size > 0) {
		ssize_t n = sendfile(memfd, from, NULL, st.st_size);

		check(n > 0);
		st.st_size -= n;
	}
	close(from);
	pid = fork_child();
	if (pid == 0) {
		fexecve(memfd, argv, environ);
		broken("fexecve");
	}
	snprintf(more, sizeof(more),
		 "\"images\":[\"/dev/fd/%d\"],\"argv\":[\"ghost\",\"-c\",\"exit 23\"]", memfd);
	say_child(pid, "fork", "spawn", reap(pid), more);
	close(memfd);
	return 0;
}
