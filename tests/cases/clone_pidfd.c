/* SPDX-License-Identifier: MIT */
/* CLONE_PIDFD: the parent gets a pidfd, the child does not inherit it; waitid(P_PIDFD) reaps. */
#include "case.h"

#include <linux/sched.h>
#include <linux/wait.h>

int main(void)
{
	int pidfd = -1, fds;
	struct clone_args args = { .flags = CLONE_PIDFD, .exit_signal = SIGCHLD };
	char more[128];
	siginfo_t info;
	pid_t pid;

	begin();
	args.pidfd = (uintptr_t)&pidfd;
	fds = count_fds();
	pid = syscall(SYS_clone3, &args, sizeof(args));
	if (pid < 0)
		SKIP("no clone3 with CLONE_PIDFD");
	if (pid == 0) {
		child_begin();
		_exit(count_fds() == fds ? 41 : 1);
	}
	check(waitid((idtype_t)P_PIDFD, pidfd, &info, WEXITED) == 0);
	check(info.si_pid == pid && info.si_code == CLD_EXITED);
	snprintf(more, sizeof(more), "\"at_start\":%d,\"inherited\":%d", fds, fds);
	say_child(pid, "clone3", "fork", W_EXITCODE(info.si_status, 0), more);
	close(pidfd);
	return 0;
}
