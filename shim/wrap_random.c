/* SPDX-License-Identifier: MIT */
/*
 * Whether parent and children draw the same random numbers: built only into libforkscope-shim-locks.so.
 *
 * A stamp stands for the generator's state: it begins at nought, goes up by one with each number, and is anything
 * else after a seed. fork copies it with the state. The first number that a process draws after a fork, it tells
 * the stamp: two processes that tell the same one go on with the same numbers. Threads that draw at once may
 * lose a step of the stamp, and then tell different states as one only if they drew the same count.
 */
#include "shim.h"

#ifdef SHIM_LOCKS

enum { PLAIN, RAND48 };

static uint64_t stamps[2];

static inline __attribute__((always_inline)) void drawn(int which, uint64_t caller)
{
	struct shim_process *p;
	uint64_t stamp = stamps[which]++;

	if (__builtin_expect(!shim.area, 0))
		return;
	p = shim_self();
	if (__builtin_expect(p->random_told[which], 1))
		return;
	p->random_told[which] = 1;
	call_note(FS_LIBC_RANDOM, caller, stamp, (uint32_t)which, 0);
}

static void seeded(int which)
{
	if (shim_ready())
		stamps[which] = (shim_now_ns() << 8 ^ (uint64_t)sys_gettid() << 40) | 1ull << 63;
}

#define DRAW(type, name, which)                      \
	SHIM_EXPORT type name(void)                  \
	{                                            \
		if (__builtin_expect(!real.name, 0)) \
			(void)shim_ready();          \
		drawn(which, CALLER);                \
		return real.name();                  \
	}

#define SEED(name, type, which)                      \
	SHIM_EXPORT void name(type seed)             \
	{                                            \
		if (__builtin_expect(!real.name, 0)) \
			(void)shim_ready();          \
		seeded(which);                       \
		real.name(seed);                     \
	}

DRAW(int, rand, PLAIN)
DRAW(long, random, PLAIN)
DRAW(double, drand48, RAND48)
DRAW(long, lrand48, RAND48)
DRAW(long, mrand48, RAND48)
SEED(srand, unsigned, PLAIN)
SEED(srandom, unsigned, PLAIN)
SEED(srand48, long, RAND48)

#endif
