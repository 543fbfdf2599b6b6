/* SPDX-License-Identifier: MIT */
/*
 * The caller's ends of one worker, and who owns which fd.
 *
 *   life_fd   the writing end of a pipe that nothing is ever written to. While the caller lives it is open;
 *             its closing kills the worker (child_follow), which has the other end.
 *   wake_fd   what the worker writes to when it has something for a sleeping caller: of a pool, one for all its
 *             workers (drive.c). A thread has a copy of its own, since it may outlive the pool.
 *   event_fd  of a process for one task, an eventfd that is its wake_fd; of a thread, its copy.
 *   pidfd     readable when the worker has ended.
 *   lane_fd   the lane's memory; closed on both sides as soon as it is mapped there.
 *
 * life_peer is the worker's end, closed here once the worker has it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/types.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "internal.h"

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

/* Of a process others have reaped, kernels from 6.15 still tell the exit status through its pidfd. */
struct pidfd_info_exit {
	uint64_t mask;
	uint64_t cgroupid;
	uint32_t ids[12];
	int32_t exit_code;
};
#define PIDFD_INFO_EXIT_BIT (1ull << 3)
#define PIDFD_GET_INFO_EXIT _IOWR(0xFF, 11, struct pidfd_info_exit)

struct lane_memory *memory_ref(struct lane_memory *memory)
{
	__atomic_add_fetch(&memory->refs, 1, __ATOMIC_RELAXED);
	return memory;
}

void memory_unref(struct lane_memory *memory)
{
	if (!memory || __atomic_sub_fetch(&memory->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	if (memory->block)
		lane_block_put(memory->block, &memory->map);
	else
		lane_unmap(&memory->map);
	close_fd(&memory->event_fd);
	close_fd(&memory->end_fd);
	free(memory);
}

static int open_memory(struct channel *ch, struct lane_block *block, unsigned i)
{
	struct lane_memory *m = calloc(1, sizeof(*m));
	int r = 0;

	if (!m)
		return -ENOMEM;
	m->refs = 1;
	m->event_fd = m->end_fd = -1;
	ch->memory = m;
	m->block = block;
	if (block)
		lane_block_get(block, i, &m->map);
	else if (ch->is_thread)
		r = lane_create_private(&m->map);
	else
		r = lane_create(&m->map, &ch->lane_fd);
	if (r < 0)
		return r;
	ch->map = m->map;
	return 0;
}

int channel_open(struct channel *ch, const struct pp_context *context, unsigned needs, int wake_fd,
		 struct lane_block *block, unsigned i)
{
	int pair[2], r;

	memset(ch, 0, sizeof(*ch));
	ch->lane_fd = ch->life_fd = ch->life_peer = ch->event_fd = ch->pidfd = -1;
	ch->is_thread = context->ops->thread;
	ch->is_fork = context->ops->copy;
	r = open_memory(ch, block, i);
	if (r < 0)
		goto fail;
	if (needs & NEEDS_EVENT)
		r = ch->event_fd = fd_above_stdio(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
	else if (ch->is_thread && wake_fd >= 0)
		r = ch->event_fd = fd_above_stdio(fcntl(wake_fd, F_DUPFD_CLOEXEC, 3));
	if (r < 0)
		goto fail;
	ch->wake_fd = ch->event_fd < 0 ? wake_fd : ch->event_fd;
	if (ch->is_thread) {
		ch->memory->event_fd = ch->event_fd;
	} else if (needs & NEEDS_LIFE) {
		if (pipe2(pair, O_CLOEXEC) < 0) {
			r = -errno;
			goto fail;
		}
		ch->life_fd = fd_above_stdio(pair[1]);
		ch->life_peer = fd_above_stdio(pair[0]);
		r = ch->life_fd < 0 ? ch->life_fd : ch->life_peer;
		if (r < 0)
			goto fail;
	}
	return 0;
fail:
	channel_close(ch);
	return fail(r, "cannot make a worker's channel: %s", errno_text(r));
}

static bool is_taken(const struct start_request *rq, int number)
{
	unsigned i;

	for (i = 0; i < rq->n_moves; i++)
		if (rq->moves[i].to == number)
			return true;
	return false;
}

/* Gives fd the lowest number in the worker that nothing else has. Without an fd it is -1. */
static int32_t place(struct start_request *rq, int fd)
{
	int number = 3;

	if (fd < 0)
		return -1;
	while (is_taken(rq, number))
		number++;
	rq->moves[rq->n_moves++] = (struct fd_move){ .from = fd, .to = number };
	return number;
}

/* The same for a copy of the caller, which has it already: under its number here, unless that is taken. */
static int32_t keep(struct start_request *rq, int fd)
{
	int number = fd;

	if (fd < 0)
		return -1;
	if (is_taken(rq, fd))
		number = place(rq, fd);
	else
		rq->moves[rq->n_moves++] = (struct fd_move){ .from = fd, .to = fd };
	rq->moves[rq->n_moves - 1].cloexec = true;
	return number;
}

unsigned channel_moves(const struct worker_setup *setup)
{
	return setup->n_fds + setup->boot.n_shares + 4; /* life, wake, lane, arena */
}

int channel_request(struct channel *ch, const struct worker_setup *setup, int arena_fd,
		    const uint8_t *arena, uint64_t arena_size, struct start_request *rq)
{
	struct lane_boot *boot = ch->map.boot;
	unsigned i;

	memset(rq, 0, offsetof(struct start_request, moves));
	rq->n_moves = 0;
	rq->env = setup->env;
	rq->has_stdio = false;
	rq->pid = 0;
	rq->pidfd = -1;
	rq->error = 0;
	memcpy(boot, &setup->boot, sizeof(*boot));
	if (setup->cwd)
		(void)put_string(ch->map.cwd, setup->cwd);
	boot->start_ns = now_ns();
	for (i = 0; i < setup->n_fds; i++) {
		rq->moves[rq->n_moves++] = (struct fd_move){ .from = setup->fds[i].fd,
							     .to = setup->fds[i].as };
	}
	boot->life_fd = boot->arena_fd = boot->lane_fd = -1;
	rq->map = &ch->map;
	rq->memory = ch->memory;
	rq->lane_fd = -1;
	rq->input_arena = arena;
	rq->share = (const struct pp_share *const *)setup->share;
	boot->arena_size = arena_size;
	if (ch->is_thread) {
		boot->event_fd = ch->wake_fd;
		return 0;
	}
	if (ch->is_fork) { /* and it has the memory, too */
		boot->life_fd = keep(rq, ch->life_peer);
		boot->event_fd = keep(rq, ch->wake_fd);
		boot->n_known = tasks_know_all();
		return 0;
	}
	boot->life_fd = place(rq, ch->life_peer);
	boot->event_fd = place(rq, ch->wake_fd);
	rq->lane_fd = ch->lane_fd;
	boot->lane_fd = place(rq, ch->lane_fd);
	boot->arena_fd = place(rq, arena_fd);
	for (i = 0; i < boot->n_shares; i++)
		boot->share_fd[i] = place(rq, setup->share[i]->fd);
	return 0;
}

void channel_tell_signals(struct channel *ch, uint64_t handled)
{
	ch->map.caller->handled = handled;
	store_release(&ch->map.caller->handled_told, 1);
}

void channel_started(struct channel *ch, const struct start_request *rq)
{
	ch->pid = rq->pid;
	ch->pidfd = rq->pidfd;
	ch->thread = rq->thread;
	close_fd(&ch->life_peer);
	close_fd(&ch->lane_fd);
	/* Nobody's copies get it; see also lane_block_started(). */
	if (!ch->is_thread && !ch->is_fork)
		(void)madvise(ch->map.arena, ch->map.arena_size + LANE_END_OFF, MADV_DONTFORK);
}

void channel_close(struct channel *ch)
{
	close_fd(&ch->life_peer);
	close_fd(&ch->lane_fd);
	close_fd(&ch->life_fd);
	if (!ch->is_thread) {
		close_fd(&ch->event_fd);
		close_fd(&ch->pidfd);
	}
	ch->event_fd = ch->pidfd = -1;
	memory_unref(ch->memory);
	ch->memory = NULL;
}

void channel_abandon(struct channel *ch)
{
	pthread_detach(ch->thread);
	channel_close(ch);
}

static void ending_from_status(int code, int status, struct ending *ret_ending)
{
	ret_ending->core = code == CLD_DUMPED;
	ret_ending->signal = code == CLD_EXITED ? 0 : status;
	ret_ending->exit_status = code == CLD_EXITED ? status : -1;
}

/* Somebody else took the exit status (a waitpid(-1), SIGCHLD ignored): ask the pidfd. */
static void ending_stolen(int pidfd, struct ending *ret_ending)
{
	struct pidfd_info_exit info;

	memset(&info, 0, sizeof(info));
	info.mask = PIDFD_INFO_EXIT_BIT;
	ret_ending->signal = ret_ending->exit_status = -1;
	ret_ending->core = false;
	if (ioctl(pidfd, PIDFD_GET_INFO_EXIT, &info) < 0 || !(info.mask & PIDFD_INFO_EXIT_BIT))
		return;
	if (WIFEXITED(info.exit_code))
		ending_from_status(CLD_EXITED, WEXITSTATUS(info.exit_code), ret_ending);
	else
		ending_from_status(WCOREDUMP(info.exit_code) ? CLD_DUMPED : CLD_KILLED,
				   WTERMSIG(info.exit_code), ret_ending);
}

static int reap_thread(struct channel *ch, struct ending *ret_ending)
{
	if (poll_fd(ch->pidfd, 0) <= 0)
		return 0;
	pthread_join(ch->thread, NULL);
	ret_ending->signal = 0;
	ret_ending->exit_status = 0;
	ret_ending->core = false;
	return 1;
}

int channel_reap(struct channel *ch, struct ending *ret_ending)
{
	siginfo_t info;
	int r;

	if (ch->is_thread)
		return reap_thread(ch, ret_ending);
	info.si_pid = 0;
	do
		r = waitid((idtype_t)P_PIDFD, (id_t)ch->pidfd, &info, WEXITED | WNOHANG);
	while (r < 0 && errno == EINTR);
	if (r < 0) {
		if (poll_fd(ch->pidfd, 0) <= 0)
			return 0;
		ending_stolen(ch->pidfd, ret_ending);
		return 1;
	}
	if (!info.si_pid)
		return 0;
	ending_from_status(info.si_code, info.si_status, ret_ending);
	return 1;
}

int own_child(pid_t pid, int pidfd)
{
	/* Nobody has reaped it yet, so the number is still its own. */
	int fd = fd_above_stdio(pidfd >= 0 ? pidfd : (int)syscall(SYS_pidfd_open, pid, 0));

	/* -ESRCH: it has ended and somebody else has reaped it; the number may be another's now. */
	if (fd < 0 && fd != -ESRCH) {
		(void)kill(pid, SIGKILL);
		while (waitpid(pid, NULL, __WALL) < 0 && errno == EINTR)
			;
	}
	return fd;
}

void channel_kill(const struct channel *ch, int sig, bool group)
{
	if (ch->is_thread || ch->pidfd < 0)
		return;
	/* The group's number is the unreaped worker's pid, so it cannot have become another's. */
	if (group && kill(-ch->pid, sig) == 0)
		return;
	(void)syscall(SYS_pidfd_send_signal, ch->pidfd, sig, NULL, 0);
}
