/* SPDX-License-Identifier: MIT */
/* How files come to be open, and go: each call that makes an fd, and close. */
#include "case.h"

#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/un.h>

static void say_open(int fd, const char *cloexec)
{
	check(fd >= 0);
	say("{'expect':'event','type':'fd_open','where':{'pid':%d,'fd':%d,'cloexec':%s},'count':1}",
	    getpid(), fd, cloexec);
}

static void say_close(int fd)
{
	check(close(fd) == 0);
	say("{'expect':'event','type':'fd_close','where':{'pid':%d,'fd':%d},'count':1}", getpid(),
	    fd);
}

static int next = 100;

/* Every fd gets a number of its own, so that an event names one for sure. */
static int own_number(int fd)
{
	check(fd >= 0 && dup3(fd, next, O_CLOEXEC) == next);
	close(fd);
	return next++;
}

static void run(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "" };
	socklen_t len = sizeof(sa_family_t);
	int listener, client, accepted, pair[2];

	say_open(open("/dev/null", O_RDONLY), "false");
	say_open(open("/dev/null", O_RDONLY | O_CLOEXEC), "true");
	say_open(openat(AT_FDCWD, "/dev/null", O_WRONLY), "false");
	say_open(eventfd(0, EFD_CLOEXEC), "true");
	say_open(memfd_create("m", 0), "false");
	check(pipe(pair) == 0);
	say_open(pair[0], "false");
	say_open(pair[1], "false");
	check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	say_open(pair[0], "true");
	say_open(pair[1], "true");
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	say_open(listener, "true");
	check(bind(listener, (struct sockaddr *)&address, len) == 0 && listen(listener, 1) == 0);
	len = sizeof(address);
	check(getsockname(listener, (struct sockaddr *)&address, &len) == 0);
	client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	say_open(client, "true");
	check(connect(client, (struct sockaddr *)&address, len) == 0);
	accepted = accept4(listener, NULL, NULL, 0);
	say_open(accepted, "false");
	say_close(own_number(open("/dev/null", O_RDONLY)));
}

int main(void)
{
	begin();
	run();
	return 0;
}
