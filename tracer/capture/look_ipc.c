/* SPDX-License-Identifier: MIT */
/*
 * See look_ipc.h. Ids mean something only in their own IPC namespace: of a process in another one, and without the
 * right to read the object, its number is all that can be told.
 */
#include "capture/look_ipc.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "capture/look_proc.h"
#include "capture/proc_wait.h"

#define OPS_MAX 64

static bool same_namespace(uint32_t pid)
{
	struct stat mine, theirs;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%u/ns/ipc", pid);
	return stat("/proc/self/ns/ipc", &mine) == 0 && stat(path, &theirs) == 0 &&
	       mine.st_dev == theirs.st_dev && mine.st_ino == theirs.st_ino;
}

/* Which of the semaphores of a call keeps it waiting; -1: cannot be told. */
static int blocking_semaphore(const struct seen_process *p, const struct seen_thread *t)
{
	size_t n = t->args[2] < OPS_MAX ? (size_t)t->args[2] : OPS_MAX;
	struct sembuf ops[OPS_MAX];
	int value;

	if (!n || !proc_read((pid_t)p->pid, t->args[1], ops, n * sizeof(ops[0])))
		return -1;
	for (size_t i = 0; i < n; i++) {
		value = semctl((int)t->args[0], ops[i].sem_num, GETVAL);
		if (value < 0)
			return -1;
		if (ops[i].sem_op == 0 ? value != 0 : value < -ops[i].sem_op)
			return ops[i].sem_num;
	}
	return -1;
}

/* Who used it last; 0: nobody, or it cannot be told. */
static pid_t last_user(const struct seen_thread *t, int semaphore)
{
	struct msqid_ds queue;
	int pid;

	if (t->nr != SYS_msgrcv && t->nr != SYS_msgsnd) {
		pid = semaphore >= 0 ? semctl((int)t->args[0], semaphore, GETPID) : 0;
		return pid > 0 ? pid : 0;
	}
	if (msgctl((int)t->args[0], IPC_STAT, &queue) < 0)
		return 0;
	return t->nr == SYS_msgrcv ? queue.msg_lspid : queue.msg_lrpid;
}

/* Whether a process itself waits for the same semaphores: it then is no holder. */
static bool waits_for_same(pid_t pid, int id)
{
	char path[64], text[256];
	int64_t nr;
	uint64_t first;

	snprintf(path, sizeof(path), "/proc/%d/syscall", pid);
	return look_text(path, text, sizeof(text)) > 0 &&
	       sscanf(text, "%" SCNd64 " %" SCNx64, &nr, &first) == 2 &&
	       (nr == SYS_semop || nr == SYS_semtimedop) && (int)first == id;
}

/* To be blamed is who took a semaphore last; who sent a message last is nobody's hope. */
static void add_last(const struct snapshot *s, struct seen_wait *w, const char *did, pid_t pid,
		     bool blame)
{
	size_t len = strlen(w->what);

	if (!snapshot_find(s, (uint32_t)pid)) {
		snprintf(w->what + len, sizeof(w->what) - len, ", last %s by %d, which has ended",
			 did, pid);
		return;
	}
	snprintf(w->what + len, sizeof(w->what) - len, ", last %s by %d", did, pid);
	if (blame)
		(void)snapshot_add_other(
			w, &(struct seen_other){ .pid = (uint32_t)pid, .fd = -1, .maybe = true });
}

bool look_ipc(const struct snapshot *s, const struct seen_process *p, const struct seen_thread *t,
	      struct seen_wait *w)
{
	bool queue = t->nr == SYS_msgrcv || t->nr == SYS_msgsnd, known;
	int id = (int)t->args[0], semaphore = -1;
	pid_t last;

	if (!queue && t->nr != SYS_semop && t->nr != SYS_semtimedop)
		return false;
	known = same_namespace(p->pid);
	if (queue)
		snprintf(w->what, sizeof(w->what), "%s the System V queue %d",
			 t->nr == SYS_msgrcv ? "a message in" : "room in", id);
	else if (known && (semaphore = blocking_semaphore(p, t)) >= 0)
		snprintf(w->what, sizeof(w->what), "semaphore %d of the System V set %d", semaphore,
			 id);
	else
		snprintf(w->what, sizeof(w->what), "the System V semaphores %d", id);
	last = known ? last_user(t, semaphore) : 0;
	if (last && last != (pid_t)p->pid)
		add_last(s, w,
			 !queue		       ? "changed"
			 : t->nr == SYS_msgrcv ? "sent to"
					       : "read",
			 last, !queue && !waits_for_same(last, id));
	return true;
}
