/* SPDX-License-Identifier: MIT */
/* The Python stack of a thread that does not move, read from its process's memory. */
#ifndef TRACER_CAPTURE_PYTHON_STACK_H
#define TRACER_CAPTURE_PYTHON_STACK_H

#include <stdint.h>
#include <sys/types.h>

#include "base/buffer.h"

/*
 * Adds the frames of a thread, innermost first, each as text with a NUL: "python: name
 * (file.py:12)". runtime: address of the interpreter's _PyRuntime. Versions not known here add nothing.
 */
void python_stack(pid_t pid, pid_t tid, uint64_t runtime, uint64_t version, struct buffer *frames);

#endif
