/* SPDX-License-Identifier: MIT */
/* FS043: a thread is inside of a stream at fork, and the child goes on with that stream. */
#include "bug.h"

static FILE *out;

static void *writer(void *arg)
{
	flockfile(out);
	fputs("half a ", out);
	sleep_ms(400);
	fputs("line\n", out);
	funlockfile(out);
	return arg;
}

int main(void)
{
	pid_t pid;

	out = tmpfile();
	need(out != NULL);
	start_thread(writer);
	sleep_ms(100);
	pid = fork();
	need(pid >= 0);
	if (pid == 0) {
		fprintf(out, "child\n");
		fflush(out);
		_exit(0);
	}
	end_child(pid, 600);
	sleep_ms(500);
	return 0;
}
