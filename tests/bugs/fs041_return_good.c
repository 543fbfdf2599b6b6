/* SPDX-License-Identifier: MIT */
/* FS041: the handler looks at whose it is, repaired. */
#include "bug.h"

static int peer;
static pid_t owner;

static void goodbye(int status, void *unused)
{
	(void)status;
	(void)unused;
	if (getpid() != owner)
		return;
	(void)!send(peer, "QUIT", 4, MSG_NOSIGNAL);
}

int main(void)
{
	int pair[2];
	pid_t pid;

	need(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair) == 0);
	peer = pair[0];
	owner = getpid();
	need(on_exit(goodbye, NULL) == 0);
	pid = fork();
	need(pid >= 0);
	if (pid == 0)
		return 0;
	need(waitpid(pid, NULL, 0) == pid);
	return owner == 0;
}
