/* SPDX-License-Identifier: MIT */
/*
 * The recording flags that record, trace, check and the bare command share: their table, and what they come
 * to for capture/. A command puts struct record_options first in its own struct.
 */
#ifndef TRACER_CMD_RECORD_OPTIONS_H
#define TRACER_CMD_RECORD_OPTIONS_H

#include "capture/recording.h"
#include "cmd/options.h"

#define RECORD_MAX_PIDS 1024

struct record_options {
	pid_t pids[RECORD_MAX_PIDS];
	size_t pid_count;
	const char *cgroup;
	const char *user;
	int source; /* enum source_choice */
	int fds; /* enum fs_fds_level */
	int stacks; /* enum stacks_choice, STACKS_UNSAID unless given */
	bool locks;
	uint64_t buffer;
	uint64_t status_fd; /* UINT64_MAX: none */
	bool follow;
	bool fail_on_loss;
};

#define RECORD_OPTIONS_INIT                                                              \
	{                                                                                \
		.fds = FS_FDS_SNAPSHOT, .stacks = STACKS_UNSAID, .status_fd = UINT64_MAX \
	}

#define STACKS_UNSAID (-1)

extern const struct option_spec record_target_specs[]; /* -p, --cgroup, -u, --follow */
extern const struct option_spec record_what_specs[]; /* --source, --fds, --stacks, ... */

/*
 * Parses the command line of a recording command and checks options and operands together. `values` is the
 * command's own struct, which begins with a struct record_options. False: the command returns *ret_status,
 * which is 0 after --help and EXIT_RECORD_TROUBLE after an error, already told.
 */
bool record_options_go(const struct option_table *table, int argc, char **argv, void *values,
		       struct recording_options *ret, int *ret_status);

/* The second half of it, for a command that records only sometimes: the operands from `first` on. */
enum options_result record_options_resolve(const struct option_table *table,
					   const struct record_options *o, int argc, char **argv,
					   int first, struct recording_options *ret);

/* The names of the levels of --fds, as in META "fds". */
extern const char *const fds_level_names[];

/* Exit status of a recording command: the target's own, or 125-127. May end the process by a signal. */
int record_exit(const struct recording *r, int err, const struct failure *why, bool fail_on_loss);

#endif
