/* SPDX-License-Identifier: MIT */
/* SIGCHLD ignored, or SA_NOCLDWAIT: nobody reaps, the kernel takes the child away at once. */
#include "case.h"

static void handle(int signal)
{
	(void)signal;
}

static void run(int code)
{
	pid_t pid = fork_child();
	int ret;

	if (pid == 0)
		_exit(code);
	do
		ret = waitpid(pid, NULL, 0);
	while (ret < 0 && errno == EINTR);
	check(ret == -1 && errno == ECHILD); /* comes when it has ended */
	say("{'expect':'process','pid':%d,'parent':%d,'mechanism':'fork','start_method':'fork',"
	    "'exit':{'code':%d},'reaped_by':null,'reaps':0}",
	    pid, getpid(), code);
	say("{'expect':'event','type':'exit','where':{'pid':%d,'autoreap':true},'count':1}", pid);
}

int main(void)
{
	struct sigaction no_wait = { .sa_handler = handle, .sa_flags = SA_NOCLDWAIT | SA_RESTART };

	begin();
	signal(SIGCHLD, SIG_IGN);
	run(98);
	check(sigaction(SIGCHLD, &no_wait, NULL) == 0);
	run(99);
	return 0;
}
