/* SPDX-License-Identifier: MIT */
/*
 * 2 MB of arguments, in sixteen pieces of the largest size one may have. Needs a larger stack
 * limit.
 */
#include "case.h"

#include <sys/resource.h>

#define COUNT 16
#define SIZE (128 * 1024) /* the kernel's MAX_ARG_STRLEN, NUL included */

static char pieces[COUNT][SIZE];

int main(void)
{
	struct rlimit stack = { 64 << 20, RLIM_INFINITY };
	char *argv[COUNT + 2] = { (char *)"true" };
	char more[128];
	int status;
	pid_t pid;

	begin();
	for (int i = 0; i < COUNT; i++) {
		for (int j = 0; j < SIZE - 1; j++)
			pieces[i][j] = 'a' + (i + j * 7) % 26;
		argv[i + 1] = pieces[i];
	}
	pid = fork_child();
	if (pid == 0) {
		if (setrlimit(RLIMIT_STACK, &stack) < 0)
			_exit(77);
		execve("/bin/true", argv, environ);
		_exit(errno == E2BIG ? 77 : 1);
	}
	snprintf(more, sizeof(more),
		 "\"images\":[\"/bin/true\"],\"argc\":%d,\"argv_fnv\":\"%" PRIx64 "\"", COUNT + 1,
		 fnv1a_argv(argv));
	status = reap(pid);
	if (status == W_EXITCODE(77, 0))
		skip("{'skip':'the limits here do not allow 2 MB of arguments'}");
	say_child(pid, "fork", "spawn", status, more);
	return 0;
}
