/* SPDX-License-Identifier: MIT */
/*
 * See lock_kind.h. Names and layouts are glibc's, whose lock types are part of its ABI: a mutex is lock,
 * count, owner, nusers, kind; a rwlock keeps its writer at 24 and waits at 8 and 12.
 */
#include "capture/lock_kind.h"

#include <string.h>

#include "capture/proc_wait.h"

#define TID_MASK 0x3fffffffu
#define MUTEX_ROBUST_OR_PI 0x30u
#define TID_MAX 4194304u

struct kind_name {
	const char *prefix; /* of the function's name, leading underscores left out */
	enum fs_wait_kind kind;
};

/* The first frame that has one of these names decides, so callees stand before their callers' kinds. */
static const struct kind_name names[] = {
	{ "pthread_mutex_", FS_WAIT_MUTEX },
	{ "pthread_rwlock_", FS_WAIT_RWLOCK },
	{ "pthread_spin_", FS_WAIT_SPIN },
	{ "pthread_cond_", FS_WAIT_CONDITION },
	{ "pthread_barrier_", FS_WAIT_BARRIER },
	{ "pthread_join", FS_WAIT_JOIN },
	{ "pthread_clockjoin", FS_WAIT_JOIN },
	{ "pthread_timedjoin", FS_WAIT_JOIN },
	{ "pthread_once", FS_WAIT_ONCE },
	{ "cxa_guard_acquire", FS_WAIT_GUARD },
	{ "gomp_", FS_WAIT_TEAM },
	{ "GOMP_", FS_WAIT_TEAM },
	{ "kmp", FS_WAIT_TEAM },
	{ "PyThread_acquire_lock", FS_WAIT_PYTHON },
	{ "new_sem_wait", FS_WAIT_SEMAPHORE },
	{ "new_sem_clockwait", FS_WAIT_SEMAPHORE },
	{ "sem_", FS_WAIT_SEMAPHORE },
	{ "ZNSt28__atomic_futex_unsigned_base", FS_WAIT_CONDITION }, /* std::future */
	{ "lll_lock_wait", FS_WAIT_LIBC },
	{ NULL, FS_WAIT_UNKNOWN },
};

/* The function's name in a frame: up to its offset. */
static const char *function_of(const char *frame, size_t *ret_len)
{
	const char *plus;

	for (;;) {
		if (*frame == '_')
			frame++;
		else if (strncmp(frame, "GI_", 3) == 0)
			frame += 3; /* libc's name for its own use */
		else
			break;
	}
	plus = strchr(frame, '+');
	*ret_len = plus ? (size_t)(plus - frame) : strlen(frame);
	return frame;
}

/* Runtimes whose own functions may have no names, stripped as they are. */
static bool is_team_object(const char *frame)
{
	return strstr(frame, "(libgomp.") || strstr(frame, "(libomp.") ||
	       strstr(frame, "(libiomp5.");
}

static enum fs_wait_kind kind_of_frame(const char *frame)
{
	size_t len;

	if (is_team_object(frame))
		return FS_WAIT_TEAM;

	frame = function_of(frame, &len);
	for (size_t i = 0; names[i].prefix; i++) {
		size_t n = strlen(names[i].prefix);

		if (len >= n && strncmp(frame, names[i].prefix, n) == 0)
			return names[i].kind;
	}
	return FS_WAIT_UNKNOWN;
}

enum fs_wait_kind lock_kind(const char *frames, size_t len)
{
	enum fs_wait_kind found = FS_WAIT_UNKNOWN;
	const char *end = frames + len;
	int depth = 0;

	for (; frames < end && depth < 10; frames += strlen(frames) + 1, depth++) {
		enum fs_wait_kind kind = kind_of_frame(frames);

		/* libc's bare wait is the last word only when no lock's own function called it,
		 * and a semaphore or a condition may be an interpreter's lock. */
		if (kind == FS_WAIT_UNKNOWN)
			continue;
		if (found == FS_WAIT_UNKNOWN ||
		    ((found == FS_WAIT_SEMAPHORE || found == FS_WAIT_CONDITION) &&
		     kind == FS_WAIT_PYTHON) ||
		    (found == FS_WAIT_LIBC && kind != FS_WAIT_LIBC &&
		     (kind == FS_WAIT_MUTEX || kind == FS_WAIT_RWLOCK)))
			found = kind;
	}
	return found;
}

bool frames_have(const char *frames, size_t len, const char *function)
{
	const char *end = frames + len;
	size_t n;

	for (; frames < end; frames += strlen(frames) + 1) {
		const char *name = function_of(frames, &n);

		if (n == strlen(function) && strncmp(name, function, n) == 0)
			return true;
	}
	return false;
}

static bool is_tid(uint32_t value)
{
	return value > 0 && value <= TID_MAX;
}

uint32_t lock_owner(pid_t pid, uint64_t address, enum fs_wait_kind kind, uint32_t word)
{
	uint32_t m[10] = { 0 };

	switch (kind) {
	case FS_WAIT_MUTEX:
		if (!proc_read(pid, address, m, 5 * sizeof(m[0])))
			return 0;
		if (m[4] & MUTEX_ROBUST_OR_PI)
			return is_tid(word & TID_MASK) ? word & TID_MASK : 0;
		return is_tid(m[2]) ? m[2] : 0;
	case FS_WAIT_RWLOCK:
		/* The word is the one at 8 or the one at 12: the writer is 16 or 12 bytes behind it. */
		if (!proc_read(pid, address + 12, m, 2 * sizeof(m[0])))
			return 0;
		if (is_tid(m[1]))
			return m[1];
		return is_tid(m[0]) ? m[0] : 0;
	default:
		return 0;
	}
}
