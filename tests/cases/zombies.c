/* SPDX-License-Identifier: MIT */
/*
 * Children that end and that nobody in the trace reaps: ours, and those of a child that ends
 * first.
 */
#include "case.h"

int main(void)
{
	int tell[2];
	siginfo_t info;
	pid_t child, middle;

	begin();
	make_pipe(tell);
	child = fork_child();
	if (child == 0)
		_exit(101);
	check(waitid(P_PID, child, &info, WEXITED | WNOWAIT) == 0);
	say("{'expect':'process','pid':%d,'parent':%d,'start_method':'fork','exit':{'code':101},"
	    "'reaped_by':null,'reaps':0}",
	    child, getpid());
	middle = fork_child();
	if (middle == 0) {
		pid_t orphan = fork_child();

		if (orphan == 0)
			_exit(102);
		check(waitid(P_PID, orphan, &info, WEXITED | WNOWAIT) == 0);
		send_int(tell[1], orphan);
		_exit(103);
	}
	say("{'expect':'process','pid':%d,'parent':%d,'start_method':'fork','exit':{'code':102},"
	    "'reaped_by':null,'reaps':0}",
	    receive_int(tell[0]), middle);
	say_child(middle, "fork", "fork", reap(middle), "\"images\":[]");
	return 0;
}
