/* SPDX-License-Identifier: MIT */
/* FS020: the daemon's output goes elsewhere, repaired. */
#include "bug.h"

int main(void)
{
	int pipe_[2];
	pid_t pid;
	char text[64];

	need(pipe2(pipe_, O_CLOEXEC) == 0);
	pid = fork();
	need(pid >= 0);
	if (pid == 0) {
		dup2(pipe_[1], STDOUT_FILENO);
		close(pipe_[0]);
		close(pipe_[1]);
		if (fork() == 0) {
			setsid();
			dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDOUT_FILENO);
			sleep_ms(1500);
			_exit(0);
		}
		(void)!write(STDOUT_FILENO, "started\n", 8);
		_exit(0);
	}
	close(pipe_[1]);
	need(waitpid(pid, NULL, 0) == pid);
	while (read(pipe_[0], text, sizeof(text)) > 0)
		;
	return 0;
}
