/* SPDX-License-Identifier: MIT */
/* What a spawned child takes along besides fds: directory, umask, masks, limits, ids. */
#include "case.h"

#include <sys/resource.h>

int main(void)
{
	struct rlimit files = { 100, 200 };
	sigset_t blocked;
	pid_t pid;

	begin();
	pid = fork_child();
	if (pid == 0) {
		sigemptyset(&blocked);
		sigaddset(&blocked, SIGUSR1);
		check(sigprocmask(SIG_SETMASK, &blocked, NULL) == 0);
		signal(SIGPIPE, SIG_IGN);
		signal(SIGUSR2, _exit); /* caught: an exec resets it */
		umask(027);
		check(chdir("/usr/bin") == 0);
		check(setrlimit(RLIMIT_NOFILE, &files) == 0);
		execl("/bin/true", "true", NULL);
		broken("exec");
	}
	say_child(pid, "fork", "spawn", reap(pid), "\"images\":[\"/bin/true\"]");
	say("{'expect':'state','pid':%d,'umask':%d,'cwd':'/usr/bin','blocked':[%d],'ignored':[%d],"
	    "'nofile':[100,200],'uid':%d,'gid':%d}",
	    pid, 027, SIGUSR1, SIGPIPE, getuid(), getgid());
	return 0;
}
