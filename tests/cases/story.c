/* SPDX-License-Identifier: MIT */
/*
 * A random tree of processes, three deep: made by every call, ending in every way, several alive at
 * once, reaped in any order. Each parent says what it knows of its children. The seed is the time, or
 * FORKSCOPE_SEED, and is told.
 */
#include "case.h"

#include <linux/sched.h>
#include <spawn.h>

#define CHILDREN 7
#define DEPTH 3

struct child {
	pid_t pid;
	const char *mechanism;
	bool execs;
};

static uint64_t dice;

/* xorshift64*: the same everywhere for one seed. */
static unsigned roll(unsigned sides)
{
	dice ^= dice >> 12;
	dice ^= dice << 25;
	dice ^= dice >> 27;
	return (unsigned)((dice * 0x2545f4914f6cdd1dull) >> 33) % sides;
}

static void live(int depth);

/* The end of a child that stays in its image. */
static void end(unsigned how, int depth)
{
	static const int signals[] = { SIGKILL, SIGTERM, SIGUSR1, SIGHUP };

	if (depth > 0)
		live(depth - 1);
	if (how % 3 == 0)
		kill(getpid(), signals[how / 3 % 4]);
	_exit(how % 256);
}

static void exec_something(unsigned how)
{
	char script[32];

	snprintf(script, sizeof(script), "exit %u", how % 256);
	execl("/bin/sh", "sh", "-c", script, NULL);
	_exit(255);
}

static pid_t __attribute__((noinline)) start_vfork(unsigned how)
{
	pid_t pid = vfork();

	if (pid == 0)
		exec_something(how);
	return pid;
}

static pid_t start_spawn(void)
{
	char *const argv[] = { (char *)"true", NULL };
	pid_t pid = -1;

	check(posix_spawn(&pid, "/bin/true", NULL, NULL, argv, environ) == 0);
	return pid;
}

static struct child start_child(int depth)
{
	struct clone_args args = { .exit_signal = SIGCHLD };
	unsigned how = 1 + roll(60000), kind = roll(6);
	struct child c = { -1, "fork", kind == 1 || kind == 2 || kind == 3 };

	if (kind == 2) {
		c.pid = start_vfork(how);
		c.mechanism = "vfork";
	} else if (kind == 3) {
		c.pid = start_spawn();
		c.mechanism = "posix_spawn";
	} else if (kind == 4) {
		c.pid = syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
		c.mechanism = "clone";
	} else if (kind == 5) {
		c.pid = syscall(SYS_clone3, &args, sizeof(args));
		c.mechanism = "clone3";
	} else {
		c.pid = fork();
	}
	check(c.pid >= 0);
	if (c.pid == 0) {
		child_begin();
		dice += how; /* a child's luck is not its sibling's */
		if (kind == 1)
			exec_something(how);
		end(how, depth);
	}
	return c;
}

static void live(int depth)
{
	struct child children[CHILDREN];
	unsigned n = 1 + roll(CHILDREN);

	for (unsigned i = 0; i < n; i++)
		children[i] = start_child(depth);
	while (n > 0) {
		unsigned i = roll(n);
		struct child c = children[i];

		children[i] = children[--n];
		say_child(c.pid, c.mechanism, c.execs ? "spawn" : "fork", reap(c.pid),
			  c.execs ? "\"threads\":1" : "\"images\":[],\"threads\":1");
	}
}

int main(void)
{
	const char *seed = getenv("FORKSCOPE_SEED");

	begin();
	dice = seed ? strtoull(seed, NULL, 10) : now_ns();
	say("{'note':'FORKSCOPE_SEED=%" PRIu64 "'}", dice);
	dice = dice * 2 + 1; /* never 0 */
	for (int i = 0; i < 3; i++)
		live(DEPTH);
	return 0;
}
