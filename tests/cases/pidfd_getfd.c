/* SPDX-License-Identifier: MIT */
/* pidfd_getfd: one process takes a copy of another's fd without asking it. */
#include "case.h"

int main(void)
{
	int tell[2], go[2], held, pidfd, taken;
	pid_t pid;

	begin();
	make_pipe(tell);
	make_pipe(go);
	pid = fork_child();
	if (pid == 0) {
		int pair[2];

		check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
		check(dup2(pair[0], 77) == 77);
		send_int(tell[1], 77);
		receive_int(go[0]);
		_exit(0);
	}
	held = receive_int(tell[0]);
	pidfd = syscall(SYS_pidfd_open, pid, 0);
	taken = pidfd < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, pidfd, held, 0);
	send_int(go[1], 1);
	if (taken < 0) {
		reap(pid);
		SKIP("pidfd_getfd");
	}
	say("{'expect':'fd_pass','from':%d,'to':%d,'via':'pidfd_getfd','files':[[%d,%d,'socket:"
	    "unix']]}",
	    pid, getpid(), held, taken);
	say_child(pid, "fork", "fork", reap(pid), "\"images\":[]");
	say("{'expect':'process','pid':%d,'received':1}", getpid());
	return 0;
}
