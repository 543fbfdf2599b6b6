/* SPDX-License-Identifier: MIT */
/*
 * A 32-bit program: its system calls have other numbers and other layouts. By the C library's door
 * and by int 0x80.
 * build: -m32
 */
#include "case.h"

static void exec_by_int80(void)
{
	static const char *argv[] = { "sh", "-c", "exit 83", NULL }, *envp[] = { NULL };
	int ret;

	__asm__ volatile("int $0x80"
			 : "=a"(ret)
			 : "0"(SYS_execve), "b"("/bin/sh"), "c"(argv), "d"(envp)
			 : "memory");
	_exit(1);
}

int main(void)
{
	pid_t pid;

	begin();
	pid = fork_child();
	if (pid == 0)
		_exit(84);
	say_child(pid, "fork", "fork", reap(pid), "\"images\":[]");
	pid = fork_child();
	if (pid == 0) {
		execl("/nowhere/program", "name", "one", NULL);
		say("{'expect':'event','type':'exec_failed','where':{'pid':%d,'error':%d,"
		    "'filename':'/nowhere/program','argv':['name','one']},'count':1}",
		    getpid(), errno);
		exec_by_int80();
	}
	say_child(pid, "fork", "spawn", reap(pid),
		  "\"images\":[\"/bin/sh\"],\"argv\":[\"sh\",\"-c\",\"exit 83\"]");
	pid = vfork();
	if (pid == 0) {
		execl("/bin/true", "true", NULL);
		_exit(1);
	}
	check(pid > 0);
	say_child(pid, "vfork", "spawn", reap(pid),
		  "\"images\":[\"/bin/true\"],\"argv\":[\"true\"]");
	return 0;
}
