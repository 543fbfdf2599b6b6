/* SPDX-License-Identifier: MIT */
/* A process with an io_uring may act unseen: the trace says so instead of guessing. */
#include "case.h"

#include <linux/io_uring.h>

int main(void)
{
	struct io_uring_params params = { 0 };
	pid_t pid;
	int ring;

	begin();
	pid = fork_child();
	if (pid == 0) {
		ring = syscall(SYS_io_uring_setup, 4, &params);
		_exit(ring < 0 ? 77 : 0);
	}
	if (reap(pid) != 0)
		skip("{'skip':'io_uring is not allowed here'}");
	say("{'expect':'process','pid':%d,'parent':%d,'exit':{'code':0},'never_used':null}", pid,
	    getpid());
	say("{'expect':'event','type':'blind_spot','where':{'pid':%d},'count':1}", pid);
	return 0;
}
