/* SPDX-License-Identifier: MIT */
/* Finding the recording and mapping its area; see forkscope/shim_area.h. */
#ifndef SHIM_CHANNEL_H
#define SHIM_CHANNEL_H

#include <stdbool.h>
#include <stdint.h>

/* Fills in shim.area and what comes from it. False: no recording, or it does not answer. Leaves no fd. */
bool channel_open(void);
/* Asks the recorder who we are, again, and who our parent is; 0: no answer. */
uint32_t channel_host_pid(uint32_t *ret_parent);

#endif
