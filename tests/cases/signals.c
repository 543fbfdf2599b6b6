/* SPDX-License-Identifier: MIT */
/*
 * Signals sent: from whom, to whom, which, and whether it was ignored; to a thread, a group, a
 * queue.
 */
#include "case.h"

static pid_t start(void)
{
	int ready[2];
	pid_t pid;

	make_pipe(ready);
	pid = fork_child();
	if (pid == 0) {
		signal(SIGUSR1, SIG_IGN);
		check(setpgid(0, 0) == 0);
		send_int(ready[1], 1);
		for (;;)
			pause();
	}
	receive_int(ready[0]);
	close(ready[0]);
	close(ready[1]);
	return pid;
}

static void say_signal(pid_t to, int signal, const char *more)
{
	say("{'expect':'event','type':'signal','where':{'pid':%d,'to_pid':%d,'sig':%d%s},'count':"
	    "1}",
	    getpid(), to, signal, more);
}

int main(void)
{
	pid_t pid;

	begin();
	pid = start();
	check(kill(pid, SIGUSR1) == 0);
	say_signal(pid, SIGUSR1, ",\"result\":1");
	check(sigqueue(pid, SIGTERM, (union sigval){ 0 }) == 0);
	say_signal(pid, SIGTERM, "");
	say_child(pid, "fork", "fork", reap(pid), "\"images\":[]");
	pid = start();
	check(syscall(SYS_tgkill, pid, pid, SIGUSR2) == 0);
	say_signal(pid, SIGUSR2, "");
	say_child(pid, "fork", "fork", reap(pid), "\"images\":[]");
	pid = start();
	check(killpg(pid, SIGHUP) == 0);
	say_signal(pid, SIGHUP, "");
	say_child(pid, "fork", "fork", reap(pid), "\"images\":[]");
	pid = start();
	check(kill(pid, SIGRTMIN + 3) == 0);
	say_signal(pid, SIGRTMIN + 3, "");
	say_child(pid, "fork", "fork", reap(pid), "\"images\":[]");
	return 0;
}
