/* SPDX-License-Identifier: MIT */
/*
 * Which locks this thread holds, since where: built only into libforkscope-shim-locks.so, which is preloaded with
 * --locks, so that nobody else pays for it. A list in the thread's slot; a fork reads those of all threads.
 *
 * The list is the thread's own, so no atomics; the count goes up after the entry is whole. A thread that holds
 * more than SHIM_HELD locks has the first ones remembered. Semaphores have no owner: who waited has it.
 */
#include "shim.h"

#ifdef SHIM_LOCKS

static inline __attribute__((always_inline)) void took(const volatile void *lock, uint32_t kind,
						       uint64_t pc)
{
	struct shim_thread *t;
	uint32_t n;

	if (__builtin_expect(!shim.on, 0))
		return;
	t = thread_self();
	if (__builtin_expect(!t, 0))
		return;
	n = t->held_count;
	if (n < SHIM_HELD) {
		t->held[n] = (struct shim_held){ .lock = (uint64_t)(uintptr_t)lock,
						 .pc = pc,
						 .kind = kind };
		__atomic_store_n(&t->held_count, n + 1, __ATOMIC_RELEASE);
	}
}

/* Of a lock that this thread has not got: perhaps one that it knows from its parent, where another had it. */
static __attribute__((noinline)) void gave_anothers(const volatile void *lock, uint64_t caller)
{
	if (locks_was_lost((uint64_t)(uintptr_t)lock))
		call_note(FS_LIBC_UNLOCK, caller, (uint64_t)(uintptr_t)lock, 0, 0);
}

static inline __attribute__((always_inline)) void gave(const volatile void *lock, uint64_t caller)
{
	struct shim_thread *t;

	if (__builtin_expect(!shim.on, 0))
		return;
	t = thread_self();
	if (__builtin_expect(!t, 0))
		return;
	for (uint32_t i = t->held_count; i-- > 0;) {
		if (t->held[i].lock != (uint64_t)(uintptr_t)lock)
			continue;
		for (uint32_t j = i + 1; j < t->held_count; j++)
			t->held[j - 1] = t->held[j];
		__atomic_store_n(&t->held_count, t->held_count - 1, __ATOMIC_RELEASE);
		return;
	}
	gave_anothers(lock, caller);
}

#define TAKE(name, kind, parameters, arguments)      \
	SHIM_EXPORT int name parameters              \
	{                                            \
		int ret;                             \
                                                     \
		if (__builtin_expect(!real.name, 0)) \
			(void)shim_ready();          \
		ret = real.name arguments;           \
		if (ret == 0)                        \
			took(lock, kind, CALLER);    \
		return ret;                          \
	}

#define GIVE(name, parameters, arguments)            \
	SHIM_EXPORT int name parameters              \
	{                                            \
		if (__builtin_expect(!real.name, 0)) \
			(void)shim_ready();          \
		gave(lock, CALLER);                  \
		return real.name arguments;          \
	}

/* A wait gives the mutex back and takes it again: who sleeps in one holds nothing. */
#define WAIT(name, parameters, arguments)            \
	SHIM_EXPORT int name parameters              \
	{                                            \
		int ret;                             \
                                                     \
		if (__builtin_expect(!real.name, 0)) \
			(void)shim_ready();          \
		gave(lock, CALLER);                  \
		ret = real.name arguments;           \
		took(lock, FS_LOCK_MUTEX, CALLER);   \
		return ret;                          \
	}

TAKE(pthread_mutex_lock, FS_LOCK_MUTEX, (pthread_mutex_t * lock), (lock))
TAKE(pthread_mutex_trylock, FS_LOCK_MUTEX, (pthread_mutex_t * lock), (lock))
TAKE(pthread_mutex_timedlock, FS_LOCK_MUTEX, (pthread_mutex_t * lock, const struct timespec *t),
     (lock, t))
TAKE(pthread_mutex_clocklock, FS_LOCK_MUTEX,
     (pthread_mutex_t * lock, clockid_t clock, const struct timespec *t), (lock, clock, t))

/* One that checks its owner knows the parent's thread, also where that is this very thread. */
SHIM_EXPORT int pthread_mutex_unlock(pthread_mutex_t *lock)
{
	int ret;

	if (__builtin_expect(!real.pthread_mutex_unlock, 0))
		(void)shim_ready();
	gave(lock, CALLER);
	ret = real.pthread_mutex_unlock(lock);
	if (__builtin_expect(ret == EPERM, 0) && shim.area && shim_self()->forked)
		call_note(FS_LIBC_UNLOCK, CALLER, (uint64_t)(uintptr_t)lock, 0, ret);
	return ret;
}

TAKE(pthread_rwlock_rdlock, FS_LOCK_RWLOCK_READ, (pthread_rwlock_t * lock), (lock))
TAKE(pthread_rwlock_tryrdlock, FS_LOCK_RWLOCK_READ, (pthread_rwlock_t * lock), (lock))
TAKE(pthread_rwlock_wrlock, FS_LOCK_RWLOCK_WRITE, (pthread_rwlock_t * lock), (lock))
TAKE(pthread_rwlock_trywrlock, FS_LOCK_RWLOCK_WRITE, (pthread_rwlock_t * lock), (lock))
GIVE(pthread_rwlock_unlock, (pthread_rwlock_t * lock), (lock))
TAKE(pthread_spin_lock, FS_LOCK_SPIN, (pthread_spinlock_t * lock), (lock))
TAKE(pthread_spin_trylock, FS_LOCK_SPIN, (pthread_spinlock_t * lock), (lock))
GIVE(pthread_spin_unlock, (pthread_spinlock_t * lock), (lock))
TAKE(sem_wait, FS_LOCK_SEM, (sem_t * lock), (lock))
TAKE(sem_trywait, FS_LOCK_SEM, (sem_t * lock), (lock))
TAKE(sem_timedwait, FS_LOCK_SEM, (sem_t * lock, const struct timespec *t), (lock, t))
GIVE(sem_post, (sem_t * lock), (lock))
WAIT(pthread_cond_wait, (pthread_cond_t * c, pthread_mutex_t *lock), (c, lock))
WAIT(pthread_cond_timedwait, (pthread_cond_t * c, pthread_mutex_t *lock, const struct timespec *t),
     (c, lock, t))
WAIT(pthread_cond_clockwait,
     (pthread_cond_t * c, pthread_mutex_t *lock, clockid_t clock, const struct timespec *t),
     (c, lock, clock, t))

#endif
