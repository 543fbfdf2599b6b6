/* SPDX-License-Identifier: MIT */
/* CLONE_INTO_CGROUP: a child born in another control group. Needs a writable cgroup2. */
#include "case.h"

#include <linux/sched.h>

static const char *const roots[] = { "/sys/fs/cgroup/unified", "/sys/fs/cgroup", NULL };

int main(void)
{
	struct clone_args args = { .flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD };
	char path[128] = "", procs[160];
	struct stat st;
	pid_t pid;
	int dir;

	begin();
	for (int i = 0; roots[i]; i++) {
		snprintf(procs, sizeof(procs), "%s/cgroup.procs", roots[i]);
		snprintf(path, sizeof(path), "%s/forkscope-case-%d", roots[i], getpid());
		if (access(procs, W_OK) == 0 && mkdir(path, 0700) == 0)
			break;
		path[0] = 0;
	}
	if (!path[0])
		SKIP("no writable cgroup2");
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	check(dir >= 0 && fstat(dir, &st) == 0);
	args.cgroup = dir;
	pid = syscall(SYS_clone3, &args, sizeof(args));
	if (pid < 0) {
		rmdir(path);
		SKIP("CLONE_INTO_CGROUP");
	}
	if (pid == 0) {
		child_begin();
		execl("/bin/sh", "sh", "-c", "exit 43", NULL);
		_exit(1);
	}
	say_child(pid, "clone3", "spawn", reap(pid), "\"images\":[\"/bin/sh\"]");
	say("{'expect':'event','type':'state','where':{'pid':%d,'cgroup_id':%ju}}", pid,
	    (uintmax_t)st.st_ino);
	close(dir);
	for (int i = 0; i < 100 && rmdir(path) < 0; i++)
		sleep_ms(5);
	return 0;
}
