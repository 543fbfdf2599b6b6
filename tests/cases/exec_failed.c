/* SPDX-License-Identifier: MIT */
/* Execs that fail: which file, which error, with which arguments; then one that works. */
#include "case.h"

#include <sys/resource.h>

static char big[128 * 1024 + 16]; /* one argument may have 128 KiB with its NUL */

static void say_failed(const char *filename, int error, int count, const char *argv)
{
	say("{'expect':'event','type':'exec_failed','where':{'pid':%d,'error':%d,'filename':'%s',"
	    "'argv':%s},'count':%d}",
	    getpid(), error, filename, argv, count);
}

static void fail(const char *path, int error)
{
	char *const argv[] = { (char *)"name", (char *)"first word", (char *)"", NULL };

	check(execve(path, argv, environ) == -1 && errno == error);
	say_failed(path, error, 1, "[\"name\",\"first word\",\"\"]");
}

static void fail_too_big(void)
{
	char *const argv[] = { (char *)"name", big, NULL };

	memset(big, 'x', sizeof(big) - 1);
	check(execve("/bin/true", argv, environ) == -1 && errno == E2BIG);
	say("{'expect':'event','type':'exec_failed','where':{'pid':%d,'error':%d,"
	    "'filename':'/bin/true'},'count':1}",
	    getpid(), E2BIG);
}

static void walk_path(void)
{
	const char *const argv = "[\"true\",\"found\"]";

	setenv("PATH", "/nowhere/a:/nowhere/b:/bin", 1);
	say_failed("/nowhere/a/true", ENOENT, 1, argv);
	say_failed("/nowhere/b/true", ENOENT, 1, argv);
	execlp("true", "true", "found", NULL);
}

int main(void)
{
	const char *dir, *not_executable, *no_format, *no_interpreter;
	pid_t pid;

	begin();
	dir = make_dir();
	not_executable = make_file(dir, "not-executable", "#!/bin/sh\n", 0600);
	no_format = make_file(dir, "no-format", "neither ELF nor script\n", 0700);
	no_interpreter = make_file(dir, "no-interpreter", "#!/nowhere/interpreter\n", 0700);
	pid = fork_child();
	if (pid == 0) {
		fail("/nowhere/program", ENOENT);
		fail("/etc/passwd/program", ENOTDIR);
		fail(dir, EACCES);
		fail(not_executable, EACCES);
		fail(no_format, ENOEXEC);
		fail(no_interpreter, ENOENT);
		fail_too_big();
		walk_path();
		_exit(1);
	}
	say_child(pid, "fork", "spawn", reap(pid),
		  "\"images\":[\"/bin/true\"],\"argv\":[\"true\",\"found\"]");
	remove_dir(dir);
	return 0;
}
