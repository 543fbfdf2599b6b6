/* SPDX-License-Identifier: MIT */
/* What a thread waits for, by the names on its stack; and who a lock in memory says holds it. */
#ifndef TRACER_CAPTURE_LOCK_KIND_H
#define TRACER_CAPTURE_LOCK_KIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "forkscope/event.h"

/* frames as in struct fs_ev_futex_stuck. */
enum fs_wait_kind lock_kind(const char *frames, size_t len);

/* Whether a function of this name is among the frames. */
bool frames_have(const char *frames, size_t len, const char *function);

/* The thread that the lock around this futex word names as its holder; 0: none. `word`: as read. */
uint32_t lock_owner(pid_t pid, uint64_t address, enum fs_wait_kind kind, uint32_t word);

#endif
