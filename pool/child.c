/* SPDX-License-Identifier: MIT */
/*
 * The first steps of a worker: between fork and the worker loop, or between a vfork-like clone and exec.
 *
 * Rules: async-signal-safe only (scripts/check-as-safe looks at the object file): the process may be a copy
 * of one with many threads, any lock may be held for ever. Nothing allocates, nothing prints. When the memory
 * is the caller's (spawn), nothing is written but this stack and *ret_step.
 *
 * Order: fds, then what may fail for want of an fd or a limit, then signals. They are all blocked here, so no handler
 * of the caller runs in this process. To look at each costs more than all else here; so the caller does that once for
 * many workers, or while the child is being set up (child_signals_told), and the child looks only when it was faster.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "forkscope/raw_syscall.h"
#include "internal.h"

/* Ctrl-C is the caller's to act on. A handler, not SIG_IGN: exec'ed programs get the default back. */
static void ignore_interrupt(int sig)
{
	(void)sig;
}

/* The mask after this name in what /proc/self/status says. */
static bool status_mask(const char *text, size_t len, const char *name, uint64_t *ret_mask)
{
	size_t name_len = strlen(name), i, j;
	uint64_t mask = 0;

	for (i = 0; i + name_len + 16 <= len; i++)
		if (text[i] == '\n' && !memcmp(text + i + 1, name, name_len))
			break;
	if (i + 1 + name_len + 16 > len)
		return false;
	for (j = i + 1 + name_len; j < i + 1 + name_len + 16; j++) {
		char c = text[j];

		if (c >= '0' && c <= '9')
			mask = mask << 4 | (uint64_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			mask = mask << 4 | (uint64_t)(c - 'a' + 10);
		else
			return false;
	}
	*ret_mask = mask;
	return true;
}

/* Half as dear as to ask for each. Not where /proc is missing, no fd is free, or a long list of groups is in front. */
static bool read_handled(uint64_t *ret_handled)
{
	int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	uint64_t ignored, caught;
	char text[2048];
	ssize_t n;

	if (fd < 0)
		return false;
	n = read(fd, text, sizeof(text));
	(void)close(fd);
	if (n <= 0 || !status_mask(text, (size_t)n, "SigIgn:\t", &ignored) ||
	    !status_mask(text, (size_t)n, "SigCgt:\t", &caught))
		return false;
	*ret_handled = ignored | caught;
	return true;
}

uint64_t child_handled_signals(void)
{
	uint64_t handled = 0;
	int sig;

	if (read_handled(&handled))
		return handled;
	for (sig = 1; sig <= 64; sig++) {
		struct sigaction sa;

		if (sigaction(sig, NULL, &sa) == 0 && sa.sa_handler != SIG_DFL)
			handled |= 1ull << (sig - 1);
	}
	return handled;
}

void child_signals(uint64_t handled)
{
	struct sigaction sa;
	int sig;

	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = SIG_DFL;
	for (sig = 1; sig <= 64; sig++)
		if (handled >> (sig - 1) & 1)
			(void)sigaction(sig, &sa, NULL);
	sa.sa_handler = ignore_interrupt;
	sa.sa_flags = SA_RESTART;
	(void)sigaction(SIGINT, &sa, NULL);
}

void child_signals_told(const struct lane_map *map)
{
	child_signals(load_acquire(&map->caller->handled_told) ? map->caller->handled
							       : child_handled_signals());
}

static int close_between(int first, int last)
{
	long r;

	if (first > last)
		return 0;
	r = sys3(SYS_close_range, first, last, 0);
	if (r != -ENOSYS && r != -EPERM)
		return (int)r;
	/* Before 5.9, or where a filter forbids it. */
	if (last > 65535)
		last = 65535;
	for (; first <= last; first++)
		(void)close(first);
	return 0;
}

/* Closes all fds from 3 up but these; with `to`, the targets, else the sources. */
static int close_others(const struct fd_move *moves, unsigned n, bool to)
{
	int at = 3;

	for (;;) {
		int next = INT_MAX;
		unsigned i;
		int r;

		for (i = 0; i < n; i++) {
			int fd = to ? moves[i].to : moves[i].from;

			if (fd >= at && fd < next)
				next = fd;
		}
		r = close_between(at, next == INT_MAX ? INT_MAX : next - 1);
		if (r < 0 || next == INT_MAX)
			return r;
		at = next + 1;
	}
}

/*
 * Puts each fd under its number. Sources that another move would overwrite first go above all
 * targets; closing the rest before makes room even at the limit of open files. Most of a copy's stay as they are.
 */
static int __attribute__((noinline))
move_fds(const struct fd_move *given, unsigned n, const char **ret_step)
{
	struct fd_move moves[MOVES_MAX];
	bool moved = false;
	int above = 3;
	unsigned i;

	*ret_step = "close other fds";
	if (close_others(given, n, false) < 0)
		return -errno;
	for (i = 0; i < n; i++)
		if (given[i].from != given[i].to && given[i].to >= above)
			above = given[i].to + 1;
	*ret_step = "move fds aside";
	for (i = 0; i < n; i++) {
		moves[i] = given[i];
		if (moves[i].from == moves[i].to || moves[i].from >= above)
			continue;
		moves[i].from = fcntl(moves[i].from, F_DUPFD_CLOEXEC, above);
		if (moves[i].from < 0)
			return -errno;
	}
	*ret_step = "place fds";
	for (i = 0; i < n; i++) {
		if (moves[i].from != moves[i].to) {
			if (syscall(SYS_dup3, moves[i].from, moves[i].to,
				    moves[i].cloexec ? O_CLOEXEC : 0) < 0)
				return -errno;
			moved = true;
		} else if (!moves[i].cloexec && fcntl(moves[i].to, F_SETFD, 0) < 0) {
			return -errno;
		}
	}
	*ret_step = "close other fds";
	return moved && close_others(moves, n, true) < 0 ? -errno : 0;
}

static bool all_in_place(const struct fd_move *moves, unsigned n)
{
	unsigned i;

	for (i = 0; i < n; i++)
		if (moves[i].from != moves[i].to || !moves[i].cloexec)
			return false;
	return true;
}

/* Apart from move_fds(), whose copy of the list would take another page of a copied stack. */
static int place_fds(const struct fd_move *moves, unsigned n, const char **ret_step)
{
	if (!all_in_place(moves, n))
		return move_fds(moves, n, ret_step);
	*ret_step = "close other fds";
	return close_others(moves, n, false);
}

/* A worker always has 0, 1 and 2, or its first open() would become its stdout. */
static int fill_stdio(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
		if (fd < 0 || (fd < 3 && fcntl(fd, F_SETFD, 0) < 0))
			return -errno;
	} while (fd < 3);
	(void)close(fd);
	return 0;
}

bool child_stdio_missing(void)
{
	int fd;

	for (fd = 0; fd < 3; fd++)
		if (sys3(SYS_fcntl, fd, F_GETFD, 0) < 0)
			return true;
	return false;
}

void child_name(const char *name)
{
	(void)sys3(SYS_prctl, PR_SET_NAME, (long)name, 0);
}

int child_follow(int life)
{
	struct pollfd p = { .fd = life, .events = POLLIN };
	const struct timespec at_once = { 0, 0 };
	long r;

	/*
	 * The kernel sends the signal when the other end closes, also to a worker in the middle of a task,
	 * and whichever thread started it. The caller never writes to this socket.
	 */
	r = sys3(SYS_fcntl, life, F_SETOWN, sys3(SYS_getpid, 0, 0, 0));
	if (r == 0)
		r = sys3(SYS_fcntl, life, F_SETSIG, SIGKILL);
	if (r == 0)
		r = sys3(SYS_fcntl, life, F_SETFL, O_ASYNC | O_NONBLOCK);
	if (r < 0)
		return (int)r;
	if (sys6(SYS_ppoll, (long)&p, 1, (long)&at_once, 0, 0, 0) != 0)
		_exit(0); /* it closed before we were armed */
	return 0;
}

static int apply_boot(const struct lane_boot *boot, const char *cwd, const char **ret_step)
{
	unsigned i;

	*ret_step = "make a process group";
	if ((boot->flags & BOOT_NEW_GROUP) && setpgid(0, 0) < 0)
		return -errno;
	*ret_step = "set the CPUs";
	if (boot->cpus_size && syscall(SYS_sched_setaffinity, 0, boot->cpus_size, boot->cpus) < 0)
		return -errno;
	*ret_step = STEP_CWD;
	if ((boot->flags & BOOT_CWD) && chdir(cwd) < 0)
		return -errno;
	*ret_step = "set a resource limit";
	for (i = 0; i < boot->n_rlimits; i++)
		if (setrlimit((__rlimit_resource_t)boot->rlimits[i].resource,
			      &boot->rlimits[i].limit) < 0)
			return -errno;
	return 0;
}

int child_setup(const struct child_plan *plan, const char **ret_step)
{
	int r;

	*ret_step = "open /dev/null";
	r = !plan->has_stdio && child_stdio_missing() ? fill_stdio() : 0;
	if (r == 0)
		r = place_fds(plan->moves, plan->n_moves, ret_step);
	if (r == 0 && plan->boot)
		r = apply_boot(plan->boot, plan->cwd, ret_step);
	return r;
}
