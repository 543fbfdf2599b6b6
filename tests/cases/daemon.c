/* SPDX-License-Identifier: MIT */
/*
 * A double-fork daemon: its parent stays the process that forked it, whoever adopts it later. It
 * ends before we do (the pipe it holds closes), so that its end is in the trace.
 */
#include "case.h"

int main(void)
{
	int held[2], tell[2];
	pid_t middle, daemon;
	char byte;

	begin();
	make_pipe(held);
	make_pipe(tell);
	middle = fork_child();
	if (middle == 0) {
		pid_t self = setsid();

		check(self == getpid());
		daemon = fork_child();
		if (daemon > 0) {
			send_int(tell[1], daemon);
			_exit(0);
		}
		close(held[0]);
		for (int i = 0; i < 2000 && getppid() == self; i++)
			sleep_ms(1);
		_exit(61);
	}
	close(held[1]);
	daemon = receive_int(tell[0]);
	say_child(middle, "fork", "fork", reap(middle), "\"images\":[]");
	check(read(held[0], &byte, 1) == 0);
	say("{'expect':'process','pid':%d,'parent':%d,'mechanism':'fork','start_method':'fork',"
	    "'exit':{'code':61},'reaped_by':null}",
	    daemon, middle);
	say("{'expect':'event','type':'reparent','where':{'pid':%d,'child_pid':%d},'count':1}",
	    middle, daemon);
	return 0;
}
