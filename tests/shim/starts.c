/* SPDX-License-Identifier: MIT */
/*
 * Starts a process in every way that libc knows, each once and in order; prints the name of the call before
 * each. With an argument: does only what that says, in the exec'ed child's place.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <pty.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <wordexp.h>

extern char **environ;

static char name_true[] = "true";
static char *const argv_true[] = { name_true, NULL };
static int done_with; /* of the child */

static void say(const char *name)
{
	printf("%s\n", name);
	fflush(stdout);
}

static void reap(pid_t pid)
{
	if (pid <= 0 || waitpid(pid, &done_with, 0) != pid || done_with != 0) {
		fprintf(stderr, "child %d: %d\n", (int)pid, done_with);
		exit(99);
	}
}

static int in_clone(void *unused)
{
	(void)unused;
	return 0;
}

static void forks(void)
{
	static char stack[65536] __attribute__((aligned(16)));
	struct clone_args args = { .exit_signal = SIGCHLD };
	char *volatile top = stack + sizeof(stack);
	pid_t pid;

	say("fork");
	pid = fork();
	if (pid == 0)
		_exit(0);
	reap(pid);
	say("_Fork");
	pid = _Fork();
	if (pid == 0)
		_exit(0);
	reap(pid);
	say("vfork");
	pid = vfork();
	if (pid == 0)
		_exit(0);
	reap(pid);
	say("clone");
	reap(clone(in_clone, top, SIGCHLD, NULL));
	say("syscall");
	pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (pid == 0)
		_exit(0);
	reap(pid);
}

static void shells(void)
{
	wordexp_t words;
	char name[256];
	pid_t pid;
	int master;

	say("system");
	if (system("true") != 0)
		exit(98);
	say("popen");
	if (pclose(popen("true", "r")) != 0)
		exit(97);
	say("wordexp");
	if (wordexp("$(echo x)", &words, 0) != 0 || strcmp(words.we_wordv[0], "x") != 0)
		exit(96);
	wordfree(&words);
	say("forkpty");
	pid = forkpty(&master, name, NULL, NULL);
	if (pid == 0)
		_exit(0);
	reap(pid);
	close(master);
	say("daemon");
	pid = fork();
	if (pid == 0)
		_exit(daemon(1, 1) == 0 ? 0 : 1); /* the parent of the daemon ends with 0 */
	reap(pid);
}

static void spawns(void)
{
	pid_t pid;

	say("posix_spawn");
	if (posix_spawn(&pid, "/bin/true", NULL, NULL, argv_true, environ) != 0)
		exit(95);
	reap(pid);
	say("posix_spawnp");
	if (posix_spawnp(&pid, "true", NULL, NULL, argv_true, environ) != 0)
		exit(94);
	reap(pid);
}

static void exec_as(const char *name)
{
	pid_t pid;

	say(name);
	pid = fork();
	if (pid == 0) {
		if (strcmp(name, "execve") == 0)
			execve("/bin/true", argv_true, environ);
		else if (strcmp(name, "execv") == 0)
			execv("/bin/true", argv_true);
		else if (strcmp(name, "execvp") == 0)
			execvp("true", argv_true);
		else if (strcmp(name, "execvpe") == 0)
			execvpe("true", argv_true, environ);
		else if (strcmp(name, "execl") == 0)
			execl("/bin/true", "true", "one", "two", (char *)NULL);
		else if (strcmp(name, "execlp") == 0)
			execlp("true", "true", (char *)NULL);
		else if (strcmp(name, "execle") == 0)
			execle("/bin/true", "true", "one", (char *)NULL, environ);
		else if (strcmp(name, "fexecve") == 0)
			fexecve(open("/bin/true", O_RDONLY | O_CLOEXEC), argv_true, environ);
		else
			execveat(AT_FDCWD, "/bin/true", argv_true, environ, 0);
		_exit(93);
	}
	reap(pid);
}

int main(void)
{
	static const char *const execs[] = { "execve", "execv",	 "execvp",  "execvpe", "execl",
					     "execlp", "execle", "fexecve", "execveat" };

	forks();
	spawns();
	for (size_t i = 0; i < sizeof(execs) / sizeof(execs[0]); i++)
		exec_as(execs[i]);
	shells();
	return 0;
}
