/* SPDX-License-Identifier: MIT */
/*
 * Text that attacks the reader: terminal escapes, newlines, invalid UTF-8, right-to-left marks,
 * HTML, in argv, in the path of the program, in a thread's name and in the working directory.
 * Bytes are said as hex; check.py also looks that no control character reaches a text output.
 */
#include "case.h"

#include <sys/prctl.h>

static const char *const nasty[] = {
	"\033]0;owned\007\033[31mred\033[0m",
	"line\nbreak\r\ttab",
	"\xff\xfe\x80 not UTF-8 \xc3",
	"\xe2\x80\xae right to left \xed\xa0\x80 surrogate \xf4\x90\x80\x80 beyond",
	"<script>alert(1)</script> & \"quotes\" \\ back",
	"\xc2\x9b"
	"31m C1 control",
};
#define COUNT (int)(sizeof(nasty) / sizeof(nasty[0]))

static const char *hex(const char *text)
{
	static char out[8][512];
	static int next;
	char *to = out[next++ % 8];

	for (size_t i = 0; i < 255; i++) {
		snprintf(to + 2 * i, 3, "%02x", (unsigned char)text[i]);
		if (!text[i]) {
			to[2 * i] = 0;
			break;
		}
	}
	return to;
}

int main(void)
{
	char path[PATH_MAX], *argv[COUNT + 1] = { NULL }, cwd[PATH_MAX];
	const char *dir;
	char more[2048];
	size_t at;
	pid_t pid;

	begin();
	dir = make_dir();
	snprintf(cwd, sizeof(cwd), "%s/\033[2J\n\xfe<b>", dir);
	check(mkdir(cwd, 0700) == 0);
	snprintf(path, sizeof(path), "%s/\033[31m\n\xff<i>'", dir);
	check(symlink("/bin/true", path) == 0);
	for (int i = 0; i < COUNT; i++)
		argv[i] = (char *)nasty[i];
	pid = fork_child();
	if (pid == 0) {
		check(prctl(PR_SET_NAME, "\033[5m\n\xff<u>") == 0 && chdir(cwd) == 0);
		execve(path, argv, environ);
		broken("exec");
	}
	at = snprintf(more, sizeof(more), "\"images_hex\":[\"%s\"],\"argv_hex\":[", hex(path));
	for (int i = 0; i < COUNT; i++)
		at += snprintf(more + at, sizeof(more) - at, "%s\"%s\"", i ? "," : "",
			       hex(nasty[i]));
	snprintf(more + at, sizeof(more) - at, "]");
	say_child(pid, "fork", "spawn", reap(pid), more);
	pid = fork_child();
	if (pid == 0) {
		check(prctl(PR_SET_NAME, "\033[5m\n\xff<u>") == 0);
		_exit(0);
	}
	snprintf(more, sizeof(more), "\"comm_hex\":\"%s\"", hex("\033[5m\n\xff<u>"));
	say_child(pid, "fork", "fork", reap(pid), more);
	rmdir(cwd);
	remove_dir(dir);
	return 0;
}
