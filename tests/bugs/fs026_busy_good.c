/* SPDX-License-Identifier: MIT */
/* FS026: The sibling was forked before. */
#include "bug.h"

static void copy_program(const char *to)
{
	char buffer[65536];
	int in = open("/bin/true", O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fork() == 0) {
		sleep_ms(300);
		_exit(0);
	}
	int out = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0700);

	need(in >= 0 && out >= 0);
	while ((n = read(in, buffer, sizeof(buffer))) > 0)
		need(write(out, buffer, (size_t)n) == n);
	close(out);
	close(in);
}

int main(void)
{
	char dir[] = "/tmp/forkscope-bug-XXXXXX", path[64];
	pid_t pid;

	need(mkdtemp(dir) != NULL);
	snprintf(path, sizeof(path), "%s/program", dir);
	copy_program(path);
	pid = fork();
	need(pid >= 0);
	if (pid == 0) {
		execl(path, "program", (char *)NULL);
		_exit(127);
	}
	end_child(pid, 3000);
	while (waitpid(-1, NULL, 0) > 0)
		;
	unlink(path);
	rmdir(dir);
	return 0;
}
