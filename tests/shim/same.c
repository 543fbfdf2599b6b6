/* SPDX-License-Identifier: MIT */
/*
 * Tells all that a program can see of itself which a preloaded library might change: run with and without the
 * shim, it must print the same. Only LD_PRELOAD and FORKSCOPE_SHIM are passed over in the environment.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static void show_fds(const char *when)
{
	DIR *d = opendir("/proc/self/fd");
	struct dirent *e;
	struct stat st;

	printf("fds %s:", when);
	while ((e = readdir(d)))
		if (e->d_name[0] != '.' && fstat(atoi(e->d_name), &st) == 0)
			printf(" %s:%o", e->d_name, st.st_mode & S_IFMT);
	closedir(d);
	printf("; next %d\n", dup(0));
}

static void show_environment(void)
{
	for (char **e = environ; *e; e++)
		if (strncmp(*e, "LD_PRELOAD=", 11) != 0 && strncmp(*e, "FORKSCOPE_SHIM=", 15) != 0)
			printf("env %s\n", *e);
}

static void show_signals(void)
{
	struct sigaction a;
	sigset_t set;

	sigprocmask(SIG_BLOCK, NULL, &set);
	for (int sig = 1; sig < 65; sig++)
		if (sigaction(sig, NULL, &a) == 0)
			printf("signal %d: %d%s\n", sig,
			       a.sa_handler == SIG_DFL	 ? 0
			       : a.sa_handler == SIG_IGN ? 1
							 : 2,
			       sigismember(&set, sig) ? " blocked" : "");
}

static int count_tasks(void)
{
	struct stat st;

	return stat("/proc/self/task", &st) == 0 ? (int)st.st_nlink - 2 : -1;
}

static void *nothing(void *unused)
{
	return unused;
}

/* Each call with errno set before, where it succeeds and where it fails. */
static void show_errno(void)
{
	char name[] = "x";
	char *const argv[] = { name, NULL };
	pthread_t thread;
	pid_t pid;
	int status, ret;

	errno = 77;
	pid = fork();
	if (pid == 0)
		_exit(errno == 77 ? 0 : 1);
	printf("fork: errno %d\n", errno);
	errno = 77;
	ret = waitpid(pid, &status, 0) == pid;
	printf("waitpid: %d status %d errno %d\n", ret, status, errno);
	ret = waitpid(-1, &status, 0);
	printf("waitpid, no child: %d errno %d\n", ret, errno);
	errno = 77;
	pid = vfork();
	if (pid == 0)
		_exit(3);
	printf("vfork: errno %d\n", errno);
	ret = wait(&status);
	printf("wait: %d status %d errno %d\n", ret == pid, status, errno);
	ret = execve("/nowhere/program", argv, environ);
	printf("execve: %d errno %d\n", ret, errno);
	ret = execvp("no-such-program", argv);
	printf("execvp: %d errno %d\n", ret, errno);
	ret = execl("/etc/passwd", "x", (char *)NULL);
	printf("execl: %d errno %d\n", ret, errno);
	errno = 77;
	ret = posix_spawn(&pid, "/nowhere/program", NULL, NULL, argv, environ);
	printf("posix_spawn: %d errno %d\n", ret, errno);
	errno = 77;
	ret = system("exit 5");
	printf("system: %d errno %d\n", ret, errno);
	errno = 77;
	ret = pthread_create(&thread, NULL, nothing, NULL);
	pthread_join(thread, NULL);
	printf("pthread_create: %d errno %d\n", ret, errno);
}

int main(void)
{
	int high;

	setvbuf(stdout, NULL, _IOFBF, 65536);
	show_fds("at start");
	show_environment();
	show_signals();
	printf("threads %d\n", count_tasks());
	fflush(stdout);
	show_errno();
	fflush(stdout);
	show_fds("after all");
	/* The shim must not need anything that this takes away. */
	high = dup2(1, 900);
	if (high != 900 || close_range(3, 899, 0) != 0)
		return 1;
	show_errno();
	show_fds("after closing all");
	printf("threads %d\n", count_tasks());
	return 0;
}
