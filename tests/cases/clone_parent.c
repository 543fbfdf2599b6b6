/* SPDX-License-Identifier: MIT */
/* CLONE_PARENT: the creator is not the parent. */
#include "case.h"

#include <linux/sched.h>

int main(void)
{
	struct clone_args args = { .flags = CLONE_PARENT };
	int tell[2];
	pid_t creator, sibling;
	int status;

	begin();
	make_pipe(tell);
	creator = fork_child();
	if (creator == 0) {
		sibling = syscall(SYS_clone3, &args, sizeof(args));
		check(sibling >= 0);
		if (sibling == 0) {
			child_begin();
			_exit(21);
		}
		send_int(tell[1], sibling);
		_exit(22);
	}
	sibling = receive_int(tell[0]);
	status = reap(sibling);
	say("{'expect':'process','pid':%d,'parent':%d,'creator':%d,'mechanism':'clone3',"
	    "'start_method':'fork','exit':%s,'reaped_by':%d}",
	    sibling, getpid(), creator, exit_json(status), getpid());
	say_child(creator, "fork", "fork", reap(creator), "\"images\":[]");
	return 0;
}
