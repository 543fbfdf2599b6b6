/* SPDX-License-Identifier: MIT */
/* 4,000 arguments: every one is in the trace. */
#include "case.h"

#define COUNT 4000

int main(void)
{
	static char words[COUNT][16];
	static char *argv[COUNT + 1];
	char more[128];
	pid_t pid;

	begin();
	for (int i = 0; i < COUNT; i++) {
		snprintf(words[i], sizeof(words[i]), "argument-%d", i);
		argv[i] = words[i];
	}
	pid = fork_child();
	if (pid == 0) {
		execve("/bin/true", argv, environ);
		broken("exec");
	}
	snprintf(more, sizeof(more),
		 "\"images\":[\"/bin/true\"],\"argc\":%d,\"argv_fnv\":\"%" PRIx64 "\"", COUNT,
		 fnv1a_argv(argv));
	say_child(pid, "fork", "spawn", reap(pid), more);
	return 0;
}
