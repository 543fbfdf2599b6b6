/* SPDX-License-Identifier: MIT */
/*
 * One open file of each kind, inherited by a child and, where the kernel allows, passed to it: the
 * trace names its kind both ways.
 */
#include "pass.h"

#include <linux/io_uring.h>
#include <netinet/in.h>
#include <pty.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

struct one {
	const char *kind;
	int fd;
};

static struct one all[40];
static int count;

/* Adds an fd, or says why there is none. */
static void add(const char *kind, int fd)
{
	if (fd < 0) {
		say("{'skip_part':'%s: %s'}", kind, strerror(errno));
		return;
	}
	all[count++] = (struct one){ kind, fd };
}

static int open_block_device(void)
{
	static const char *const names[] = { "/dev/vda", "/dev/sda", "/dev/nvme0n1", "/dev/loop0",
					     NULL };
	int fd = -1;

	for (int i = 0; names[i] && fd < 0; i++)
		fd = open(names[i], O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	return fd;
}

static void open_all(const char *dir)
{
	char fifo[PATH_MAX];
	struct io_uring_params ring = { 0 };
	sigset_t mask;
	int pair[2], master = -1, slave = -1;

	snprintf(fifo, sizeof(fifo), "%s/fifo", dir);
	sigemptyset(&mask);
	make_pipe(pair);
	check(mkfifo(fifo, 0600) == 0 && openpty(&master, &slave, NULL, NULL, NULL) == 0);
	add("file", open(make_file(dir, "file", "text", 0600), O_RDONLY | O_CLOEXEC));
	add("dir", open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	add("tty", master);
	add("tty", slave);
	add("char", open("/dev/zero", O_RDONLY | O_CLOEXEC));
	add("block", open_block_device());
	add("pipe", pair[0]);
	add("pipe", pair[1]);
	add("fifo", open(fifo, O_RDWR | O_CLOEXEC));
	add("socket:unix", socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
	add("socket:inet", socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
	add("socket:inet6", socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
	add("socket:netlink", socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0));
	add("memfd", memfd_create("a name", MFD_CLOEXEC));
	add("eventfd", eventfd(0, EFD_CLOEXEC));
	add("epoll", epoll_create1(EPOLL_CLOEXEC));
	add("signalfd", signalfd(-1, &mask, SFD_CLOEXEC));
	add("timerfd", timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC));
	add("pidfd", syscall(SYS_pidfd_open, getpid(), 0));
	add("inotify", inotify_init1(IN_CLOEXEC));
	add("io_uring", syscall(SYS_io_uring_setup, 4, &ring));
	add("anon:fanotify", syscall(SYS_fanotify_init, 0x1 /* FAN_CLOEXEC */, 0));
}

int main(void)
{
	const char *dir;
	int pair[2];
	pid_t pid;

	begin();
	dir = make_dir();
	check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	open_all(dir);
	pid = fork_child();
	if (pid == 0) {
		int fds[PASS_MAX];

		close(pair[0]);
		for (int i = 0; i < count; i++)
			if (strcmp(all[i].kind, "io_uring") != 0) /* the kernel passes none */
				answer_numbers(pair[1], fds, receive_fds(pair[1], fds, 1, 0, NULL));
		_exit(0);
	}
	close(pair[1]);
	for (int i = 0; i < count; i++) {
		const char *const kinds[] = { all[i].kind, NULL };
		int got[PASS_MAX];

		say("{'expect':'held','pid':%d,'fd':%d,'kind':'%s','cloexec':%s}", pid, all[i].fd,
		    all[i].kind, fcntl(all[i].fd, F_GETFD) ? "true" : "false");
		if (strcmp(all[i].kind, "io_uring") == 0)
			continue;
		check(send_fds(pair[0], &all[i].fd, 1) == 1 && hear_numbers(pair[0], got) == 1);
		say_pass(getpid(), pid, &all[i].fd, got, 1, kinds);
	}
	say_child(pid, "fork", "fork", reap(pid), "\"images\":[]");
	remove_dir(dir);
	return 0;
}
