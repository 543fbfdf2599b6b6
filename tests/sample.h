/* SPDX-License-Identifier: MIT */
/*
 * Valid events of every type, for tests of whatever reads events: unit tests, the fuzzer's corpus, damaged
 * traces. Texts hold what is hard to print: escapes, newlines, invalid UTF-8.
 */
#ifndef TESTS_SAMPLE_H
#define TESTS_SAMPLE_H

#include <stddef.h>
#include <stdint.h>

#include "forkscope/event.h"

/* Room enough for any sample event. */
union sample {
	struct fs_event h;
	struct fs_ev_lost lost;
	uint64_t words[256];
};

/* How many different types there are; sample_type(i) names the i-th. */
size_t sample_types(void);
unsigned sample_type(size_t i);

/* Fills ret with a valid event of that type; `number` varies its times, pids and lengths. */
void sample_event(union sample *ret, unsigned type, unsigned number);

#endif
