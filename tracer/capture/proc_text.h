/* SPDX-License-Identifier: MIT */
/* Small readings of /proc: what of a process the kernel witness cannot tell. */
#ifndef TRACER_CAPTURE_PROC_TEXT_H
#define TRACER_CAPTURE_PROC_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* The path of its image, without a NUL; at most size bytes. 0 bytes when it cannot be read. */
size_t proc_exe(pid_t pid, char *buffer, size_t size);

/* Its arguments, NUL-separated, as many as fit. */
size_t proc_cmdline(pid_t pid, char *buffer, size_t size);

/* Whether the process is there. */
bool process_exists(pid_t pid);

#endif
