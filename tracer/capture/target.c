/* SPDX-License-Identifier: MIT */
/* See target.h. Between fork and exec only async-signal-safe calls. */
#include "capture/target.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/parse.h"

extern char **environ;

/* Where in its start a child failed. */
enum stage { STAGE_GROUPS = 1, STAGE_GID, STAGE_UID, STAGE_EXEC };

struct report {
	int stage;
	int error;
};

/* Who the child shall be; found before the fork, since looking up users is not async-signal-safe. */
struct identity {
	bool change;
	uid_t uid;
	gid_t gid;
	gid_t *groups;
	int count;
};

static int find_user(const char *user, struct identity *id, struct failure *why)
{
	struct passwd *pw = getpwnam(user);
	uint64_t number;
	int count = 64;

	if (!pw && parse_u64(user, 0, UINT32_MAX - 1, &number) == 0)
		pw = getpwuid(number);
	if (!pw)
		return fail(why, -EINVAL, "there is no user '%s'", user);
	id->uid = pw->pw_uid;
	id->gid = pw->pw_gid;
	for (;;) {
		gid_t *groups = realloc(id->groups, count * sizeof(gid_t));

		if (!groups)
			return fail_errno(why, -ENOMEM, "cannot list the groups of '%s'", user);
		id->groups = groups;
		if (getgrouplist(pw->pw_name, pw->pw_gid, groups, &count) >= 0)
			break;
	}
	id->count = count;
	id->change = true;
	return 0;
}

static int check_file(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EACCES;
	return access(path, X_OK) == 0 ? 0 : -errno;
}

/* As execvp(3): with a slash the path itself, else the first executable in PATH. */
static int find_program(const char *name, char path[4096])
{
	const char *dirs = getenv("PATH"), *end;
	int err, seen = -ENOENT;

	if (strlen(name) >= 4096)
		return -ENAMETOOLONG;
	if (strchr(name, '/')) {
		memcpy(path, name, strlen(name) + 1);
		return check_file(path);
	}
	if (!dirs)
		dirs = "/bin:/usr/bin";
	if (*name == 0)
		return -ENOENT;
	for (;; dirs = end + 1) {
		end = strchrnul(dirs, ':');
		if (snprintf(path, 4096, "%.*s%s%s", (int)(end - dirs), dirs, end > dirs ? "/" : "",
			     name) < 4096) {
			err = check_file(path);
			if (err == 0)
				return 0;
			if (err != -ENOENT && err != -ENOTDIR)
				seen = err;
		}
		if (*end == 0)
			return seen;
	}
}

static void child_fail(int fd, int stage)
{
	struct report report = { stage, errno };

	(void)!write(fd, &report, sizeof(report));
	_exit(125);
}

/* A file without "#!" that the kernel refuses is run by the shell, as execvp(3) does. */
static void exec_script(const char *path, char *const argv[], char *const env[], char **room)
{
	size_t n = 0;

	while (argv[n])
		n++;
	room[0] = (char *)"/bin/sh";
	room[1] = (char *)path;
	for (size_t i = 1; i <= n; i++)
		room[i + 1] = argv[i];
	if (n == 0)
		room[2] = NULL;
	execve("/bin/sh", room, env);
}

/*
 * The child, until its exec. `parent_ends` are forkscope's ends of the two pipes: unless they are closed
 * here, the child would never see that forkscope is gone.
 */
static void run_child(const char *path, char *const argv[], char *const env[], char **room,
		      const struct identity *id, int go_fd, int report_fd, const int parent_ends[2])
{
	uid_t r, e, s;
	ssize_t n;
	char go;

	close(parent_ends[0]);
	close(parent_ends[1]);
	if (id->change) {
		if (setgroups(id->count, id->groups) < 0)
			child_fail(report_fd, STAGE_GROUPS);
		if (setresgid(id->gid, id->gid, id->gid) < 0)
			child_fail(report_fd, STAGE_GID);
		if (setresuid(id->uid, id->uid, id->uid) < 0 || getresuid(&r, &e, &s) < 0)
			child_fail(report_fd, STAGE_UID);
		errno = EPERM;
		if (r != id->uid || e != id->uid || s != id->uid)
			child_fail(report_fd, STAGE_UID);
	}
	do
		n = read(go_fd, &go, 1);
	while (n < 0 && errno == EINTR);
	if (n != 1)
		_exit(125); /* forkscope gave up, or is gone */
	execve(path, argv, env);
	if (errno == ENOEXEC)
		exec_script(path, argv, env, room);
	child_fail(report_fd, STAGE_EXEC);
}

static int fork_child(struct target *t, char *const argv[], char *const env[], char **room,
		      const struct identity *id, struct failure *why)
{
	int go[2], report[2];

	if (pipe2(go, O_CLOEXEC) < 0)
		return fail_errno(why, -errno, "cannot make a pipe");
	if (pipe2(report, O_CLOEXEC) < 0) {
		int err = -errno;

		close(go[0]);
		close(go[1]);
		return fail_errno(why, err, "cannot make a pipe");
	}
	t->pid = fork();
	if (t->pid == 0)
		run_child(t->path, argv, env, room, id, go[0], report[1],
			  (int[]){ go[1], report[0] });
	close(go[0]);
	close(report[1]);
	t->go_fd = go[1];
	t->report_fd = report[0];
	if (t->pid < 0) {
		int err = -errno;

		target_abandon(t);
		return fail_errno(why, err, "cannot fork");
	}
	return 0;
}

int target_find(struct target *t, const char *name, struct failure *why)
{
	int err = find_program(name, t->path);

	if (err == -ENOENT || err == -ENOTDIR)
		return fail(why, -ENOENT, "command not found: '%s'", name);
	if (err)
		return fail_errno(why, -EACCES, "cannot execute '%s'", name);
	return 0;
}

/* Whether an entry of the environment has the name of a "NAME=value". */
static bool same_name(const char *entry, const char *variable)
{
	size_t len = (size_t)(strchr(variable, '=') - variable) + 1;

	return strncmp(entry, variable, len) == 0;
}

/* Our own environment with some variables set; in the order it has, new ones last. To be freed. */
static char **make_environment(char *const *add)
{
	size_t n = 0, more = 0;
	char **env;

	while (environ[n])
		n++;
	while (add && add[more])
		more++;
	env = calloc(n + more + 1, sizeof(*env));
	if (!env)
		return NULL;
	memcpy(env, environ, n * sizeof(*env));
	for (size_t i = 0; i < more; i++) {
		size_t at = 0;

		while (at < n && !same_name(env[at], add[i]))
			at++;
		env[at] = add[i];
		n += at == n;
	}
	return env;
}

int target_prepare(struct target *t, char *const argv[], const char *user, char *const *add,
		   struct failure *why)
{
	struct identity id = { 0 };
	char **room = NULL, **env = NULL;
	size_t n = 0;
	int err = 0;

	if (user) {
		err = find_user(user, &id, why);
		if (err)
			goto out;
	}
	while (argv[n])
		n++;
	room = calloc(n + 3, sizeof(*room));
	env = make_environment(add);
	if (!room || !env) {
		err = fail_errno(why, -ENOMEM, "cannot start '%s'", argv[0]);
		goto out;
	}
	err = fork_child(t, argv, env, room, &id, why);
out:
	free(room);
	free(env);
	free(id.groups);
	return err;
}

static void reap(struct target *t)
{
	while (!t->reaped) {
		if (waitpid(t->pid, &t->status, 0) == t->pid)
			t->reaped = true;
		else if (errno != EINTR)
			return;
	}
}

void target_abandon(struct target *t)
{
	if (t->go_fd >= 0)
		close(t->go_fd);
	if (t->report_fd >= 0)
		close(t->report_fd);
	t->go_fd = t->report_fd = -1;
	if (t->pid > 0)
		reap(t);
}

int target_go(struct target *t, struct failure *why)
{
	static const char *const what[] = { "", "cannot set the groups for",
					    "cannot set the group for", "cannot set the user for",
					    "cannot execute" };
	struct report report;
	ssize_t n;

	/* A child that failed before its exec has already reported; SIGPIPE would be ours. */
	sigset_t pipe_signal, old;
	struct timespec none = { 0 };

	sigemptyset(&pipe_signal);
	sigaddset(&pipe_signal, SIGPIPE);
	sigprocmask(SIG_BLOCK, &pipe_signal, &old);
	if (write(t->go_fd, "", 1) < 0 && errno == EPIPE && !sigismember(&old, SIGPIPE))
		(void)sigtimedwait(&pipe_signal, NULL, &none);
	sigprocmask(SIG_SETMASK, &old, NULL);
	close(t->go_fd);
	t->go_fd = -1;
	do
		n = read(t->report_fd, &report, sizeof(report));
	while (n < 0 && errno == EINTR);
	close(t->report_fd);
	t->report_fd = -1;
	if (n != sizeof(report))
		return 0;
	reap(t);
	if (report.stage < STAGE_GROUPS || report.stage > STAGE_EXEC)
		report.stage = STAGE_EXEC;
	fail_errno(why, -report.error, "%s '%s'", what[report.stage], t->path);
	return report.stage == STAGE_EXEC ? -report.error : -EPERM;
}

int target_wait(struct target *t)
{
	if (t->reaped)
		return 1;
	if (waitpid(t->pid, &t->status, WNOHANG) == t->pid)
		t->reaped = true;
	return t->reaped;
}

int target_exit_status(int err)
{
	return err == -ENOENT ? 127 : 126;
}

int end_as(int wait_status)
{
	struct rlimit no_core = { 0, 0 };
	sigset_t all;
	int sig;

	if (WIFEXITED(wait_status))
		return WEXITSTATUS(wait_status);
	sig = WTERMSIG(wait_status);
	(void)setrlimit(RLIMIT_CORE, &no_core);
	signal(sig, SIG_DFL);
	sigemptyset(&all);
	sigaddset(&all, sig);
	fflush(NULL);
	raise(sig);
	sigprocmask(SIG_UNBLOCK, &all, NULL);
	return 128 + sig;
}
