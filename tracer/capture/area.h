/* SPDX-License-Identifier: MIT */
/* The recorder's side of the shim's area (forkscope/shim_area.h): making it, and reading what is in it. */
#ifndef TRACER_CAPTURE_AREA_H
#define TRACER_CAPTURE_AREA_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fail.h"
#include "capture/source.h"
#include "forkscope/shim_area.h"

struct area;

int area_new(struct area **ret, uint32_t wanted, struct failure *why);
void area_free(struct area *a);

/* The memfd, to be sent; the area keeps it. */
int area_fd(const struct area *a);
uint64_t area_size(const struct area *a);

/* Images that come from now on are told that the kernel witness takes part. */
void area_set_kernel(struct area *a);

/* Hands over all whole records. Returns how many, or the sink's first error. */
int area_drain(struct area *a, const struct event_sink *sink);

/*
 * Since when a record has been in the making that the last drain found; UINT64_MAX: none. What is younger may still
 * be overtaken by it.
 */
uint64_t area_horizon(const struct area *a);

/* Takes back the blocks of processes that are gone. */
void area_sweep(struct area *a);

uint64_t area_lost(const struct area *a, unsigned type);

#endif
