/* SPDX-License-Identifier: MIT */
/* Does a program mark its own recordings (forkscope.h, libprocpool)? Then `auto` brings the shim to take them. */
#ifndef TRACER_CAPTURE_ANNOTATED_H
#define TRACER_CAPTURE_ANNOTATED_H

#include <stdbool.h>

/* By the names in the file's dynamic section; false for what is no dynamic ELF file, or cannot be read. */
bool program_is_annotated(const char *path);

#endif
