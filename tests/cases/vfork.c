/* SPDX-License-Identifier: MIT */
/* vfork: the parent is suspended from the call to the child's exec or end, and how long is told. */
#include "case.h"

static void run(bool exec)
{
	uint64_t start = now_ns(), took;
	char more[128];
	pid_t pid = vfork();

	if (pid == 0) {
		struct timespec t = { 0, 80 * 1000 * 1000 };

		nanosleep(&t, NULL);
		if (exec)
			execl("/bin/sh", "sh", "-c", "exit 6", NULL);
		_exit(4);
	}
	took = now_ns() - start;
	check(pid > 0);
	snprintf(more, sizeof(more),
		 "\"images\":[%s],\"fork_call_ms\":[80,%" PRIu64 "],\"threads_at_fork\":1",
		 exec ? "\"/bin/sh\"" : "", took / MS + 1);
	say_child(pid, "vfork", exec ? "spawn" : "fork", reap(pid), more);
}

int main(void)
{
	begin();
	run(true);
	run(false);
	return 0;
}
