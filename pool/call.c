/* SPDX-License-Identifier: MIT */
/* What a task can do with its struct pp_call; results are built in place, in shared memory. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "worker.h"

const void *pp_call_input(const struct pp_call *call, size_t *ret_len)
{
	if (ret_len)
		*ret_len = call->in_len;
	return call->in;
}

/* A starmap item: count, then the lengths, then each argument aligned (map.c packs it). */
const void *pp_call_arg(const struct pp_call *call, unsigned arg, size_t *ret_len)
{
	uint64_t n, len, at, i;

	if (call->in_len < 8)
		return NULL;
	memcpy(&n, call->in, 8);
	if (arg >= n || n > (call->in_len - 8) / 8)
		return NULL;
	at = (8 + 8 * n + LANE_ALIGN - 1) & ~(uint64_t)(LANE_ALIGN - 1);
	for (i = 0;; i++) {
		memcpy(&len, call->in + 8 + 8 * i, 8);
		if (at > call->in_len || len > call->in_len - at)
			return NULL;
		if (i == arg)
			break;
		at = (at + len + LANE_ALIGN - 1) & ~(uint64_t)(LANE_ALIGN - 1);
	}
	if (ret_len)
		*ret_len = len;
	return call->in + at;
}

void *pp_call_reserve(struct pp_call *call, size_t len)
{
	uint8_t *at;

	/* A process that the task forked: the result is written by its parent, in the same memory. */
	if (load_relaxed(&forked_here))
		return NULL;
	if (len > call->cap - call->len) {
		if (len > PP_PAYLOAD_MAX - call->len ||
		    worker_grow(call->worker, call, call->len + len) < 0)
			return NULL;
	}
	at = call->out + call->len;
	call->len += len;
	return at;
}

int pp_call_write(struct pp_call *call, const void *data, size_t len)
{
	void *at = pp_call_reserve(call, len);

	if (!at && load_relaxed(&forked_here))
		return -EOWNERDEAD;
	if (!at)
		return len > PP_PAYLOAD_MAX - call->len ? -EMSGSIZE : -ENOMEM;
	if (len)
		memcpy(at, data, len);
	return 0;
}

int pp_call_truncate(struct pp_call *call, size_t len)
{
	if (len > call->len)
		return -EINVAL;
	call->len = len;
	return 0;
}

int pp_call_fail(struct pp_call *call, int code, const char *fmt, ...)
{
	va_list args;

	call->failed = true;
	call->code = code ? code : -1;
	va_start(args, fmt);
	vsnprintf(call->message, sizeof(call->message), fmt, args);
	va_end(args);
	return call->code;
}

uint64_t pp_call_index(const struct pp_call *call)
{
	return call->index;
}

unsigned pp_call_attempt(const struct pp_call *call)
{
	return call->attempt;
}

void **pp_call_state(struct pp_call *call)
{
	return &call->worker->state;
}

const void *pp_call_share(const struct pp_call *call, unsigned i, size_t *ret_len)
{
	const struct worker *w = call->worker;

	if (i >= w->map.boot->n_shares)
		return NULL;
	if (ret_len)
		*ret_len = w->map.boot->share_len[i];
	return w->fds->share[i];
}
