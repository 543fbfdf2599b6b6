/* SPDX-License-Identifier: MIT */
/*
 * What a process that was started as a worker or server does: pp_main() recognises it by its one
 * argument, which no grandchild inherits.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "forkscope/raw_syscall.h"
#include "internal.h"

bool pp_main_called;

/* Flushes what tasks printed; the rest of the caller's image (exit handlers, other streams) is not ours. */
void worker_leave(int status)
{
	/* Only where there is something: a flush writes to the stream, and a short life copies no page for that. */
	if (stream_pending(stdout))
		(void)fflush(stdout);
	if (stream_pending(stderr))
		(void)fflush(stderr);
	_exit(status);
}

/* exit() in a task. Registered last, it runs first, so none of a forked caller's exit handlers do. */
static void leave_on_exit(int status, void *arg)
{
	(void)arg;
	worker_leave(status);
}

static void set_cloexec(int fd)
{
	if (fd >= 0)
		(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
}

void worker_enter(struct lane_map *map, const struct worker_fds *fds)
{
	const uint64_t none = 0;

	map->worker->pid = (uint32_t)sys3(SYS_getpid, 0, 0, 0);
	child_name(map->boot->flags & BOOT_SPARE ? "procpool:spare" : map->boot->name);
	if ((map->boot->flags & BOOT_DAEMON) && child_follow(fds->life) < 0)
		_exit(127);
	lane_enter(map);
	lane_protect(map);
	(void)on_exit(leave_on_exit, NULL);
	(void)sys4(SYS_rt_sigprocmask, SIG_SETMASK, (long)&none, 0, sizeof(none));
	worker_leave(worker_run(map, fds));
}

/* Maps what came by fd; the fd is not needed after that. */
static const void *map_fd(int fd, size_t len)
{
	void *at = mmap(NULL, len ? len : 1, PROT_READ, MAP_SHARED, fd, 0);

	close(fd);
	return at == MAP_FAILED ? NULL : at;
}

void worker_fresh(struct lane_map *map)
{
	const void *share[LANE_SHARES_MAX] = { NULL };
	struct worker_fds fds;
	uint32_t i;

	memset(&fds, 0, sizeof(fds));
	fds.life = map->boot->life_fd;
	fds.event = map->boot->event_fd;
	set_cloexec(fds.life);
	set_cloexec(fds.event);
	if (map->boot->arena_fd >= 0) {
		fds.input_arena = map_fd(map->boot->arena_fd, map->boot->arena_size);
		fds.input_arena_size = map->boot->arena_size;
	}
	for (i = 0; i < map->boot->n_shares && i < LANE_SHARES_MAX; i++)
		share[i] = map_fd(map->boot->share_fd[i], map->boot->share_len[i]);
	fds.share = share;
	worker_enter(map, &fds);
}

int worker_main_fresh(int lane_fd)
{
	struct lane_map map;

	if (lane_attach(&map, lane_fd) < 0)
		return 127;
	close(lane_fd);
	child_signals_told(&map);
	worker_fresh(&map);
}

static bool role_fd(const char *arg, const char *prefix, int *ret_fd)
{
	char *end;
	long fd;

	if (strncmp(arg, prefix, strlen(prefix)))
		return false;
	errno = 0;
	fd = strtol(arg + strlen(prefix), &end, 10);
	if (errno || *end || end == arg + strlen(prefix) || fd < 3 || fd > 4096)
		return false;
	*ret_fd = (int)fd;
	return true;
}

int pp_main(int argc, char **argv)
{
	int fd;

	pp_main_called = true;
	if (argc != 2)
		return 0;
	if (role_fd(argv[1], ARG_WORKER, &fd))
		_exit(worker_main_fresh(fd));
	if (role_fd(argv[1], ARG_SERVER, &fd))
		_exit(server_main(fd));
	return 0;
}
