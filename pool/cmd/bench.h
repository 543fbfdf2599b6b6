/* SPDX-License-Identifier: MIT */
/* What the files of `procpool bench` share. */
#ifndef PROCPOOL_CMD_BENCH_H
#define PROCPOOL_CMD_BENCH_H

#include "cmd/cmd.h"

double median(double *samples, size_t n);

/* bench_process.c: nanoseconds, and ours as multiples of the others; NAN where a method has no such twin. */
struct process_cost {
	double ours, bare, empty, bare_ratio, empty_ratio;
};
/* False: something failed; pp_last_error() may say what. */
bool measure_process_cost(struct pp_context *context, enum pp_start how, struct process_cost *ret);
/* What the bare twin does when it was exec'ed: `fd` is the memory for its result; 0: none. Returns its status. */
int bare_child(int fd);

#endif
