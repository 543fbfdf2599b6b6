/* SPDX-License-Identifier: MIT */
/*
 * Whether parent and children draw the same random numbers: built only into libforkscope-shim-locks.so.
 *
 * A stamp stands for the generator's state: it begins at nought, goes up by one with each number, and is made of the
 * seed after one, since processes that seed alike (by the time, say) draw alike. fork copies it with the state. The first number that a process draws after a fork, it tells
 * the stamp: two processes that tell the same one go on with the same numbers. Threads that draw at once may
 * lose a step of the stamp, and then tell different states as one only if they drew the same count.
 */
#include "shim.h"

#ifdef SHIM_LOCKS

enum { PLAIN, RAND48, OF_CALLER };

static uint64_t stamps[2];

static inline __attribute__((always_inline)) void drawn(int which, uint64_t stamp, uint64_t caller)
{
	struct shim_process *p;

	if (__builtin_expect(!shim.area, 0))
		return;
	p = shim_self();
	if (__builtin_expect(p->random_told[which], 1))
		return;
	p->random_told[which] = 1;
	call_note(FS_LIBC_RANDOM, caller, stamp, (uint32_t)which, 0);
}

#define SEEDED (1ull << 63)

/* Room below for what is drawn then: 16 million numbers until it looks like another seed's. */
static void seeded(int which, uint32_t seed)
{
	if (shim_ready())
		stamps[which] = SEEDED | (uint64_t)seed << 24;
}

#define DRAW(type, name, which)                        \
	SHIM_EXPORT type name(void)                    \
	{                                              \
		if (__builtin_expect(!real.name, 0))   \
			(void)shim_ready();            \
		drawn(which, stamps[which]++, CALLER); \
		return real.name();                    \
	}

#define SEED(name, type, which)                      \
	SHIM_EXPORT void name(type seed)             \
	{                                            \
		if (__builtin_expect(!real.name, 0)) \
			(void)shim_ready();          \
		seeded(which, (uint32_t)seed);       \
		real.name(seed);                     \
	}

/* Its state is the caller's; so where that lies and what it is stand for it. */
SHIM_EXPORT int rand_r(unsigned *seed)
{
	if (__builtin_expect(!real.rand_r, 0))
		(void)shim_ready();
	drawn(OF_CALLER, (uint64_t)(uintptr_t)seed << 32 ^ *seed, CALLER);
	return real.rand_r(seed);
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
