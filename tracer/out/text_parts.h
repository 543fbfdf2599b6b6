/* SPDX-License-Identifier: MIT */
/* Pieces that several text outputs share: durations, names of processes, how one ended. */
#ifndef TRACER_OUT_TEXT_PARTS_H
#define TRACER_OUT_TEXT_PARTS_H

#include "base/buffer.h"
#include "base/term.h"
#include "model/model.h"

struct short_text {
	char text[64];
};

/* "1.24 s", "310 us", "850 ns". */
struct short_text duration_text(uint64_t ns);
struct short_text duration_or_dash(bool known, uint64_t ns);
struct short_text count_or_dash(bool known, uint64_t n);
/* "p3"; "pid 1" for one outside of the trace; "?" for nobody known. */
struct short_text process_text(const struct model *m, uint32_t index);
/* "exit 0", "SIGSEGV, core", "alive". */
struct short_text exit_text(const struct process *p);
enum style exit_style(const struct process *p);
struct short_text signal_text(int sig);

/* "20,001" */
struct short_text number_text(uint64_t n);

/* Appends its command line, escaped and quoted: its last image's argv, else in () the comm. */
void add_command(struct buffer *b, const struct model *m, uint32_t index);

/* Appends its short name: role or comm, escaped. */
void add_comm_text(struct buffer *b, const char *comm);

#endif
