/* SPDX-License-Identifier: MIT */
/* Recording to a trace file: what `record` does, for other commands too. */
#ifndef TRACER_CMD_RECORD_H
#define TRACER_CMD_RECORD_H

#include "capture/recording.h"

/*
 * Records to a trace file at path. Returns what recording_run does; *ret_recording is set in every case
 * (NULL when nothing began) and the caller's to free.
 */
int record_to_file(const struct recording_options *options, const char *path, char **cmdline,
		   struct recording **ret_recording, struct failure *why);

#endif
