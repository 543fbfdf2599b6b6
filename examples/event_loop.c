/* SPDX-License-Identifier: MIT */
/*
 * A pool in a program that has an event loop already: its one fd is polled beside a timer, results come
 * as callbacks, and nothing ever waits for a worker.
 */
#include <poll.h>
#include <procpool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define TASKS 20

static int left = TASKS;

PP_TASK(slow_square)
{
	long x;

	memcpy(&x, pp_call_input(call, NULL), sizeof(x));
	usleep(20000);
	x *= x;
	return pp_call_write(call, &x, sizeof(x));
}

static void on_result(struct pp_future *future, void *arg)
{
	long *total = arg, y;
	struct pp_result r;

	if (pp_future_result(future, &r) == 0 && r.outcome == PP_DONE) {
		memcpy(&y, r.data, sizeof(y));
		*total += y;
	}
	pp_future_free(future);
	left--;
}

static int loop(struct pp_pool *pool, int timer)
{
	unsigned ticks = 0;
	uint64_t expired;

	while (left > 0) {
		struct pollfd fds[] = {
			{ .fd = pp_pool_fd(pool), .events = POLLIN },
			{ .fd = timer, .events = POLLIN },
		};

		if (poll(fds, 2, -1) < 0)
			return -1;
		if (fds[0].revents && pp_pool_drive(pool) < 0)
			return -1;
		if (fds[1].revents && read(timer, &expired, sizeof(expired)) > 0)
			ticks += (unsigned)expired;
	}
	printf("the timer %s while the pool worked\n", ticks ? "went on" : "stood still");
	return 0;
}

int main(int argc, char **argv)
{
	struct itimerspec every = { { 0, 10000000 }, { 0, 10000000 } };
	struct pp_submit_opts submit = PP_SUBMIT_OPTS_INIT;
	struct pp_context *context;
	struct pp_pool *pool;
	struct pp_future *future;
	long total = 0;
	int timer;

	pp_main(argc, argv);
	timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (timer < 0 || timerfd_settime(timer, 0, &every, NULL) < 0)
		return 1;
	if (pp_context_new(&context, PP_START_FORKSERVER, NULL) < 0 ||
	    pp_pool_new(&pool, context, NULL) < 0)
		goto fail;
	submit.callback = on_result;
	submit.arg = &total;
	for (long x = 1; x <= TASKS; x++) {
		if (pp_pool_submit(pool, "slow_square", &x, sizeof(x), &submit, &future) < 0)
			goto fail;
	}
	if (loop(pool, timer) < 0)
		goto fail;
	printf("%ld\n", total);
	pp_pool_free(pool);
	pp_context_free(context);
	close(timer);
	return 0;
fail:
	fprintf(stderr, "event_loop: %s\n", pp_last_error());
	return 1;
}
