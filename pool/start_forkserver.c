/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include "internal.h"
static int start(struct pp_context *context, struct start_request *requests, unsigned n)
{
	return start_spawn_ops.start(context, requests, n);
}
static void stop(struct pp_context *context)
{
	start_spawn_ops.stop(context);
}
int server_main(int sock)
{
	(void)sock;
	return 127;
}
const struct start_ops start_forkserver_ops = { .start = start, .stop = stop, .fresh_image = true };
