/* SPDX-License-Identifier: MIT */
/* Which call made a process, told from the facts of its fork event. */
#ifndef TRACER_MODEL_MECHANISM_H
#define TRACER_MODEL_MECHANISM_H

#include "model/model.h"

enum mechanism mechanism_of(const struct fs_ev_fork *e);

#endif
