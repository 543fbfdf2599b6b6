/* SPDX-License-Identifier: MIT */
/*
 * Two processes with one pid, told apart. The kernel is asked for the number (ns_last_pid); others
 * on this machine fork too, so it is tried until it comes. Children with other numbers are cases
 * as well.
 */
#include "case.h"

static bool ask_for_pid(pid_t pid)
{
	int fd = open("/proc/sys/kernel/ns_last_pid", O_WRONLY | O_CLOEXEC);
	bool done = fd >= 0 && dprintf(fd, "%d", pid - 1) > 0;

	if (fd >= 0)
		close(fd);
	return done;
}

static int leave_with(int code, pid_t *ret_pid)
{
	*ret_pid = fork_child();
	if (*ret_pid == 0)
		_exit(code);
	return reap(*ret_pid);
}

int main(void)
{
	pid_t first, pid;
	int status, made = 1;

	begin();
	status = leave_with(71, &first);
	say("{'expect':'process','pid':%d,'nth':0,'parent':%d,'exit':%s,'reaped_by':%d}", first,
	    getpid(), exit_json(status), getpid());
	do {
		if (!ask_for_pid(first))
			SKIP("ns_last_pid");
		status = leave_with(72, &pid);
		made++;
	} while (pid != first && made < 2000);
	if (pid != first)
		skip("{'skip':'the pid never came back: this machine is too busy'}");
	say("{'expect':'process','pid':%d,'nth':1,'parent':%d,'exit':%s,'reaped_by':%d}", pid,
	    getpid(), exit_json(status), getpid());
	say("{'expect':'total','processes':%d}", made + 1);
	return 0;
}
