/* SPDX-License-Identifier: MIT */
/*
 * Locks: what lies around a futex word, and the kernel's table of file locks; see look_wait.h.
 *
 * Layouts are glibc's, part of its ABI: a mutex is lock, count, owner, nusers, kind; a rwlock waits at 8 and
 * 12 and keeps its writer at 24; a semaphore and libc's own locks note no owner.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "capture/look_proc.h"
#include "capture/look_wait.h"

#define TID_MASK 0x3fffffffu
#define TID_MAX 4194304u
#define MUTEX_ROBUST_OR_PI 0x30u
#define MUTEX_KINDS 0x400u
#define DEPTH_MAX 10
#define NAMED_SEMAPHORE "/dev/shm/sem." /* where sem_open keeps them */

/* The beginning of a function's name, leading underscores and "GI_" left out, tells the kind of lock. */
static const struct {
	const char *begin;
	enum seen_lock lock;
} names[] = {
	{ "pthread_mutex_", LOCK_MUTEX },    { "pthread_rwlock_", LOCK_RWLOCK },
	{ "pthread_cond_", LOCK_CONDITION }, { "pthread_barrier_", LOCK_BARRIER },
	{ "pthread_clockjoin", LOCK_JOIN },  { "pthread_timedjoin", LOCK_JOIN },
	{ "pthread_join", LOCK_JOIN },	     { "pthread_once", LOCK_ONCE },
	{ "cxa_guard_acquire", LOCK_ONCE },  { "PyThread_acquire_lock", LOCK_PYTHON },
	{ "new_sem_", LOCK_SEMAPHORE },	     { "sem_", LOCK_SEMAPHORE },
	{ "lll_lock_wait", LOCK_LIBC },
};

static enum seen_lock lock_of_frame(const char *frame)
{
	while (*frame == '_' || strncmp(frame, "GI_", 3) == 0)
		frame += *frame == '_' ? 1 : 3;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strncmp(frame, names[i].begin, strlen(names[i].begin)) == 0)
			return names[i].lock;
	return LOCK_UNKNOWN;
}

/* libc's bare wait is the last word only where no lock's function called it; an interpreter's lock may be
 * made of a semaphore or of a mutex with a condition. */
static enum seen_lock lock_of_stack(const struct buffer *frames)
{
	enum seen_lock found = LOCK_UNKNOWN, lock;
	const char *at = frames->data, *end = at + frames->len;

	for (int depth = 0; at && at < end && depth < DEPTH_MAX; at += strlen(at) + 1, depth++) {
		lock = lock_of_frame(at);
		if (lock == LOCK_UNKNOWN)
			continue;
		if (lock == LOCK_PYTHON)
			return lock;
		if (found == LOCK_UNKNOWN ||
		    (found == LOCK_LIBC && (lock == LOCK_MUTEX || lock == LOCK_RWLOCK)))
			found = lock;
	}
	return found;
}

static bool is_tid(uint32_t value)
{
	return value > 0 && value <= TID_MAX;
}

static uint32_t mutex_owner(uint32_t pid, uint64_t address, uint32_t word, bool guess)
{
	uint32_t m[5];

	if (!look_memory(pid, address, m, sizeof(m)))
		return 0;
	if (guess && (word != 2 || m[3] == 0 || m[3] > 65536 || m[4] >= MUTEX_KINDS))
		return 0;
	if (m[4] & MUTEX_ROBUST_OR_PI && m[4] < MUTEX_KINDS)
		return is_tid(word & TID_MASK) ? word & TID_MASK : 0;
	return is_tid(m[2]) ? m[2] : 0;
}

/* The word is the one at 8 or the one at 12; the writer is at 24. */
static uint32_t rwlock_owner(uint32_t pid, uint64_t address)
{
	uint32_t m[2];

	if (!look_memory(pid, address + 12, m, sizeof(m)))
		return 0;
	return is_tid(m[1]) ? m[1] : is_tid(m[0]) ? m[0] : 0;
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
		w->owner_tid = mutex_owner(p->pid, w->address, w->word, false);
		break;
	case LOCK_RWLOCK:
		w->owner_tid = rwlock_owner(p->pid, w->address);
		break;
	case LOCK_JOIN:
		w->owner_tid = is_tid(w->word) ? w->word : 0;
		break;
	case LOCK_UNKNOWN:
	case LOCK_LIBC:
		w->owner_tid = mutex_owner(p->pid, w->address, w->word, true);
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
		} else if (line.pid == (int)p->pid && line.number == held.number) {
			add_holders(s, &held, w);
			break;
		}
	}
	if (locks)
		fclose(locks);
	w->others_unknown = !w->count;
}
