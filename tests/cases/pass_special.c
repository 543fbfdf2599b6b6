/* SPDX-License-Identifier: MIT */
/*
 * Receivers that do not get what was sent: room for two of five (MSG_CTRUNC), a look without taking
 * (MSG_PEEK installs fds too), with CLOEXEC, and not at all (dead before it received).
 */
#include "pass.h"

static const char *const kinds[] = { "pipe", NULL };

static pid_t start(int *ret_sock, void (*receiver)(int sock))
{
	int pair[2];
	pid_t pid;

	check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	pid = fork_child();
	if (pid == 0) {
		close(pair[0]);
		receiver(pair[1]);
		_exit(0);
	}
	close(pair[1]);
	*ret_sock = pair[0];
	return pid;
}

static void receive_two(int sock)
{
	int fds[PASS_MAX], flags, n = receive_fds(sock, fds, 2, 0, &flags);

	check(n == 2 && flags & MSG_CTRUNC);
	say("{'expect':'event','type':'fd_recv','where':{'pid':%d,'ctrunc':true,'count':2},'count':"
	    "1}",
	    getpid());
	answer_numbers(sock, fds, n);
}

static void peek_then_receive(int sock)
{
	int fds[PASS_MAX], n = receive_fds(sock, fds, PASS_MAX, MSG_PEEK, NULL);

	check(n == 5);
	say("{'expect':'event','type':'fd_recv','where':{'pid':%d,'peek':true,'count':5},'count':"
	    "1}",
	    getpid());
	answer_numbers(sock, fds, receive_fds(sock, fds, PASS_MAX, 0, NULL));
}

static void receive_cloexec(int sock)
{
	int fds[PASS_MAX], n = receive_fds(sock, fds, PASS_MAX, MSG_CMSG_CLOEXEC, NULL);

	check(n == 5 && fcntl(fds[0], F_GETFD) == FD_CLOEXEC);
	say("{'expect':'event','type':'fd_recv','where':{'pid':%d,'cmsg_cloexec':true,'count':5},"
	    "'count':1}",
	    getpid());
	answer_numbers(sock, fds, n);
	execl("/bin/true", "true", NULL);
}

static void die_first(int sock)
{
	receive_int(sock);
	_exit(1);
}

static void run(void (*receiver)(int sock), const int *fds, int arrive, const char *method,
		const char *more)
{
	int sock, got[PASS_MAX];
	pid_t pid = start(&sock, receiver);

	check(send_fds(sock, fds, 5) == 1);
	check(hear_numbers(sock, got) == arrive);
	say_pass(getpid(), pid, fds, got, arrive, kinds);
	say_child(pid, "fork", method, reap(pid), more);
	close(sock);
}

int main(void)
{
	int fds[6], sock;
	pid_t pid;

	begin();
	for (int i = 0; i < 6; i += 2)
		make_pipe(fds + i);
	run(receive_two, fds, 2, "fork", "\"received\":2");
	run(peek_then_receive, fds, 5, "fork", "\"images\":[]");
	run(receive_cloexec, fds, 5, "spawn", "\"received\":5,\"after_exec\":3");
	pid = start(&sock, die_first);
	send_int(sock, 1);
	check(send_fds(sock, fds, 5) == 1 || errno == EPIPE);
	say("{'expect':'no_fd_pass','to':%d}", pid);
	say_child(pid, "fork", "fork", reap(pid), "\"received\":0");
	return 0;
}
