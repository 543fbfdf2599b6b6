/* SPDX-License-Identifier: MIT */
/* One process that execs four times: images has its own execs, in order. */
#include "case.h"

int main(void)
{
	pid_t pid;

	begin();
	pid = fork_child();
	if (pid == 0) {
		execl("/bin/sh", "sh", "-c", "exec /usr/bin/env /bin/sh -c 'exec /bin/true last'",
		      NULL);
		broken("exec");
	}
	say_child(pid, "fork", "spawn", reap(pid),
		  "\"images\":[\"/bin/sh\",\"/usr/bin/env\",\"/bin/sh\",\"/bin/true\"],"
		  "\"argv\":[\"/bin/true\",\"last\"]");
	return 0;
}
