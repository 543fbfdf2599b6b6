/* SPDX-License-Identifier: MIT */
/* FS020: who reads a pipe that its own signal handler, or its own thread, writes to. */
#include "bug.h"

static int wakeup[2];

static void on_signal(int sig)
{
	const char c = (char)sig;

	need(write(wakeup[1], &c, 1) == 1);
}

static void *write_late(void *arg)
{
	const int *fd = arg;

	sleep_ms(1000);
	need(write(*fd, "x", 1) == 1);
	return NULL;
}

int main(void)
{
	pthread_t writer;
	pid_t child;
	char c;

	need(pipe2(wakeup, O_CLOEXEC) == 0 && signal(SIGUSR1, on_signal) != SIG_ERR);
	child = fork();
	need(child >= 0);
	if (child == 0) {
		sleep_ms(1000);
		_exit(kill(getppid(), SIGUSR1));
	}
	while (read(wakeup[0], &c, 1) < 0)
		need(errno == EINTR);
	need(waitpid(child, NULL, 0) == child && signal(SIGUSR1, SIG_DFL) != SIG_ERR);
	need(pthread_create(&writer, NULL, write_late, &wakeup[1]) == 0);
	need(read(wakeup[0], &c, 1) == 1);
	pthread_join(writer, NULL);
	return 0;
}
