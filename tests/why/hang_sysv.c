/* SPDX-License-Identifier: MIT */
/*
 * Programs that wait for System V semaphores and queues, for why.t: hang_sysv NAME. Each says in one line of JSON who it
 * is, and which object it leaves behind: to be removed by who runs it.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/sem.h>
#include <sys/wait.h>
#include <unistd.h>

static void die(const char *what)
{
	perror(what);
	exit(99);
}

static void tell(pid_t culprit, const char *kind, int id)
{
	printf("{\"pid\": %d, \"culprit\": %d, \"victim\": %d, \"%s\": %d}\n", getpid(), culprit,
	       getpid(), kind, id);
	fflush(stdout);
}

/* A semaphore that a child has taken; the child ends, or waits on with it. */
static void take(bool ends)
{
	int id = semget(IPC_PRIVATE, 1, 0600);
	struct sembuf down = { .sem_op = -1 }, up = { .sem_op = 1 };
	pid_t taker;

	if (id < 0 || semop(id, &up, 1) < 0)
		die("semget");
	taker = fork();
	if (taker == 0) {
		prctl(PR_SET_NAME, "keeper");
		if (semop(id, &down, 1) < 0)
			_exit(1);
		while (!ends)
			pause();
		_exit(0);
	}
	if (ends)
		waitpid(taker, NULL, 0);
	while (semctl(id, 0, GETVAL) > 0)
		usleep(1000);
	tell(taker, "semaphores", id);
	(void)semop(id, &down, 1);
}

static void queue(void)
{
	int id = msgget(IPC_PRIVATE, 0600);
	struct {
		long type;
		char text[8];
	} message;

	if (id < 0)
		die("msgget");
	tell(0, "queue", id);
	(void)msgrcv(id, &message, sizeof(message.text), 0, 0);
}

int main(int argc, char **argv)
{
	const char *name = argc == 2 ? argv[1] : "";

	if (strcmp(name, "held") == 0)
		take(false);
	else if (strcmp(name, "gone") == 0)
		take(true);
	else if (strcmp(name, "queue") == 0)
		queue();
	else
		fprintf(stderr, "usage: hang_sysv held|gone|queue\n");
	return 1; /* it did not hang */
}
