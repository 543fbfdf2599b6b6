/* SPDX-License-Identifier: MIT */
/*
 * PR_SET_CHILD_SUBREAPER: orphans come to us, and we reap them; their parent at birth was another.
 */
#include "case.h"

#include <sys/prctl.h>

int main(void)
{
	int tell[2], status;
	pid_t middle, orphan;

	begin();
	if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
		SKIP("no subreaper");
	make_pipe(tell);
	middle = fork_child();
	if (middle == 0) {
		orphan = fork_child();
		if (orphan == 0) {
			sleep_ms(60);
			_exit(62);
		}
		send_int(tell[1], orphan);
		_exit(63);
	}
	orphan = receive_int(tell[0]);
	say_child(middle, "fork", "fork", reap(middle), "\"images\":[]");
	status = reap(orphan);
	say("{'expect':'process','pid':%d,'parent':%d,'mechanism':'fork','start_method':'fork',"
	    "'exit':%s,'reaped_by':%d}",
	    orphan, middle, exit_json(status), getpid());
	say("{'expect':'event','type':'reparent','where':{'pid':%d,'child_pid':%d,'to_pid':%d},'"
	    "count':1}",
	    middle, orphan, getpid());
	return 0;
}
