/* SPDX-License-Identifier: MIT */
/* See output.h. */
#include "cmd/output.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static bool wants_color(int choice, bool terminal)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

	if (choice != COLOR_AUTO)
		return choice == COLOR_ALWAYS;
	return terminal && !(no_color && *no_color) && !(term && strcmp(term, "dumb") == 0);
}

static int terminal_width(int fd)
{
	struct winsize size;

	if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		return size.ws_col;
	return 80;
}

/* "" when none is wanted. */
static const char *pager_command(void)
{
	const char *command = getenv("PAGER");

	if (!command)
		return "less";
	return strcmp(command, "cat") == 0 ? "" : command;
}

/*
 * Starts the pager behind a pipe. While it runs it owns the terminal: SIGINT is its business (it must live to
 * restore the terminal), so we ignore it from here on.
 */
static int start_pager(struct output *out)
{
	const char *argv[] = { "sh", "-c", pager_command(), NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t defaults;
	int ends[2], err;

	if (!*argv[2] || access("/bin/sh", X_OK) < 0)
		return -ENOENT;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	setenv("LESS", "FRSX", 0);
	sigemptyset(&defaults);
	sigaddset(&defaults, SIGINT);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setsigdefault(&attr, &defaults);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, ends[0], STDIN_FILENO);
	err = -posix_spawn(&out->pager, "/bin/sh", &actions, &attr, (char **)argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attr);
	close(ends[0]);
	out->to = err ? NULL : fdopen(ends[1], "w");
	if (!out->to) {
		close(ends[1]);
		return err ? err : -ENOMEM;
	}
	signal(SIGINT, SIG_IGN);
	return 0;
}

static bool same_file(const char *a, const char *b)
{
	struct stat first, second;

	return stat(a, &first) == 0 && stat(b, &second) == 0 && S_ISREG(first.st_mode) &&
	       first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

int output_open(struct output *ret, const struct read_options *options, const char *input,
		struct failure *why)
{
	struct output out = { .path = options->output ? options->output : "stdout" };

	if (options->output) {
		if (input && same_file(input, options->output))
			return fail(why, -EINVAL, "'%s' is the trace itself: -o needs another file",
				    options->output);
		out.to = fopen(options->output, "we");
		if (!out.to)
			return fail_errno(why, -errno, "cannot create '%s'", options->output);
	} else {
		out.terminal = isatty(STDOUT_FILENO);
		if (out.terminal)
			out.width = terminal_width(STDOUT_FILENO);
		if (!out.terminal || !options->pager || options->json || start_pager(&out) < 0) {
			out.to = stdout;
			out.pager = 0;
		}
	}
	out.color = wants_color(options->color, out.terminal);
	*ret = out;
	return 0;
}

int output_close(struct output *out, struct failure *why)
{
	int err = 0;

	/* After an earlier failure stdio has forgotten why: a write more asks again. */
	errno = 0;
	if (fflush(out->to) != 0 || ferror(out->to))
		err = errno || write(fileno(out->to), "\n", 1) < 0 ? -errno : -EIO;
	if (out->to != stdout && fclose(out->to) != 0 && !err)
		err = -errno;
	out->to = NULL;
	if (out->pager) {
		while (waitpid(out->pager, NULL, 0) < 0 && errno == EINTR)
			;
		signal(SIGINT, SIG_DFL);
	}
	return err ? fail_errno(why, err, "cannot write '%s'", out->path) : 0;
}
