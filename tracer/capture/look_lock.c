/* SPDX-License-Identifier: MIT */
/*
 * Locks: what lies around a futex word, and the kernel's table of file locks; see look_wait.h.
 *
 * What kind of lock it is, its stack tells (lock_kind.h); a semaphore and libc's own locks note no owner.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "capture/lock_kind.h"
#include "capture/look_proc.h"
#include "capture/look_wait.h"
#include "capture/proc_wait.h"

#define TID_MAX 4194304u
#define MUTEX_KINDS 0x400u
#define NAMED_SEMAPHORE "/dev/shm/sem." /* where sem_open keeps them */

/* What the names on a stack say, in a snapshot's words. */
static enum seen_lock lock_of_stack(const struct buffer *frames)
{
	static const enum seen_lock locks[] = {
		[FS_WAIT_MUTEX] = LOCK_MUTEX,	      [FS_WAIT_RWLOCK] = LOCK_RWLOCK,
		[FS_WAIT_SEMAPHORE] = LOCK_SEMAPHORE, [FS_WAIT_CONDITION] = LOCK_CONDITION,
		[FS_WAIT_BARRIER] = LOCK_BARRIER,     [FS_WAIT_JOIN] = LOCK_JOIN,
		[FS_WAIT_GUARD] = LOCK_ONCE,	      [FS_WAIT_ONCE] = LOCK_ONCE,
		[FS_WAIT_LIBC] = LOCK_LIBC,	      [FS_WAIT_PYTHON] = LOCK_PYTHON,
	};
	enum fs_wait_kind kind = frames->len ? lock_kind(frames->data, frames->len) : 0;

	return kind < sizeof(locks) / sizeof(locks[0]) ? locks[kind] : LOCK_UNKNOWN;
}

static bool is_tid(uint32_t value)
{
	return value > 0 && value <= TID_MAX;
}

/* The owner of what nothing but its memory says that it is a contended mutex. */
static uint32_t guessed_owner(uint32_t pid, uint64_t address, uint32_t word)
{
	uint32_t m[5];

	if (!proc_read((pid_t)pid, address, m, sizeof(m)) || word != 2 || m[3] == 0 ||
	    m[3] > 65536 || m[4] >= MUTEX_KINDS)
		return 0;
	return lock_owner((pid_t)pid, address, FS_WAIT_MUTEX, word);
}

/* Of which process a thread is; 0: there is none such. */
static uint32_t process_of(uint32_t tid)
{
	char path[64], text[4096];
	const char *at;
	unsigned pid = 0;

	snprintf(path, sizeof(path), "/proc/%u/status", tid);
	if (look_text(path, text, sizeof(text)) <= 0)
		return 0;
	at = strstr(text, "\nTgid:");
	return at && sscanf(at + 6, "%u", &pid) == 1 ? pid : 0;
}

void look_lock(const struct snapshot *s, const struct seen_process *p, const struct seen_thread *t,
	       struct seen_wait *w)
{
	(void)s;
	w->lock = lock_of_stack(&t->frames);
	switch (w->lock) {
	case LOCK_MUTEX:
		w->owner_tid = lock_owner((pid_t)p->pid, w->address, FS_WAIT_MUTEX, w->word);
		break;
	case LOCK_RWLOCK:
		w->owner_tid = lock_owner((pid_t)p->pid, w->address, FS_WAIT_RWLOCK, w->word);
		break;
	case LOCK_JOIN:
		w->owner_tid = is_tid(w->word) ? w->word : 0;
		break;
	case LOCK_UNKNOWN:
	case LOCK_LIBC:
		w->owner_tid = guessed_owner(p->pid, w->address, w->word);
		if (w->owner_tid)
			w->lock = LOCK_MUTEX;
		else if (!w->lock &&
			 strncmp(w->what, NAMED_SEMAPHORE, strlen(NAMED_SEMAPHORE)) == 0)
			w->lock = LOCK_SEMAPHORE;
		else if (!w->lock && w->word == 2)
			w->lock = LOCK_LIBC;
		break;
	default:
		break;
	}
	if (!w->owner_tid)
		return;
	w->owner_pid = process_of(w->owner_tid);
	w->owner = !w->owner_pid	    ? OWNER_GONE
		   : w->owner_pid == p->pid ? OWNER_HERE
					    : OWNER_ELSEWHERE;
}

/* --- file locks --- */

struct lock_line {
	unsigned long long number;
	bool waits;
	char type[16];
	int pid;
	unsigned major, minor;
	unsigned long long ino;
};

/* "1: -> FLOCK  ADVISORY  WRITE 4711 00:2a:1234 0 EOF" */
static bool parse_lock(const char *line, struct lock_line *ret)
{
	const char *rest = strchr(line, ':');

	if (!rest || sscanf(line, "%llu:", &ret->number) != 1)
		return false;
	rest++;
	rest += strspn(rest, " ");
	ret->waits = strncmp(rest, "->", 2) == 0;
	if (ret->waits)
		rest += 2;
	return sscanf(rest, " %15s %*s %*s %d %x:%x:%llu", ret->type, &ret->pid, &ret->major,
		      &ret->minor, &ret->ino) == 5;
}

/* Whether the open file behind an fd holds a lock: the kernel says so in its fdinfo. */
static bool fd_holds_lock(uint32_t pid, int32_t fd, const char *type)
{
	char path[64], line[512];
	bool holds = false;
	FILE *info;

	snprintf(path, sizeof(path), "/proc/%u/fdinfo/%d", pid, fd);
	info = fopen(path, "re");
	while (info && !holds && fgets(line, sizeof(line), info))
		holds = strncmp(line, "lock:", 5) == 0 && !strstr(line, "->") &&
			strstr(line, type) != NULL;
	if (info)
		fclose(info);
	return holds;
}

/* Who has the locked file open through a description that holds the lock; the fd is found on the way. */
static void add_holders(const struct snapshot *s, const struct lock_line *held, struct seen_wait *w)
{
	bool by_process = strcmp(held->type, "POSIX") == 0;

	for (size_t i = 0; i < s->count; i++) {
		const struct seen_process *q = &s->processes[i];

		for (size_t k = 0; k < q->fd_count; k++) {
			const struct seen_fd *f = &q->fds[k];

			if (f->kind != 'f' || f->ino != held->ino ||
			    (by_process && (int)q->pid != held->pid) ||
			    !fd_holds_lock(q->pid, f->fd, held->type))
				continue;
			if (!snapshot_add_other(w, &(struct seen_other){ .pid = q->pid,
									 .fd = f->fd,
									 .inherited = (int)q->pid !=
										      held->pid }))
				return;
			break;
		}
	}
	if (!w->count && held->pid > 0 && snapshot_find(s, (uint32_t)held->pid))
		(void)snapshot_add_other(
			w, &(struct seen_other){ .pid = (uint32_t)held->pid, .fd = -1 });
}

/* A lock of an open file description is no process's (-1): it is known by the file. */
static bool is_waiter(const struct lock_line *line, const struct seen_process *p,
		      const struct seen_wait *w)
{
	char path[64];
	struct stat st;

	if (line->pid >= 0)
		return line->pid == (int)p->pid;
	snprintf(path, sizeof(path), "/proc/%u/fd/%d", p->pid, w->fd);
	return stat(path, &st) == 0 && st.st_ino == line->ino;
}

void look_lock_holders(const struct snapshot *s, const struct seen_process *p,
		       const struct seen_thread *t, struct seen_wait *w)
{
	struct lock_line held = { 0 }, line;
	char text[256];
	FILE *locks = fopen("/proc/locks", "re");

	(void)t;
	/* A lock is followed by those who wait for it, under the same number. */
	while (locks && fgets(text, sizeof(text), locks)) {
		if (!parse_lock(text, &line))
			continue;
		if (!line.waits) {
			held = line;
		} else if (line.number == held.number && is_waiter(&line, p, w)) {
			add_holders(s, &held, w);
			break;
		}
	}
	if (locks)
		fclose(locks);
	w->others_unknown = !w->count;
}
