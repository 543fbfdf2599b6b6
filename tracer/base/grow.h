/* SPDX-License-Identifier: MIT */
/*
 * Growing an array: the one place that does the arithmetic.
 *
 * An array is a pointer, a count and a room, all starting as zeros. Room doubles, so that appending is
 * cheap; elements may move, so nobody keeps a pointer to one across an append.
 */
#ifndef TRACER_BASE_GROW_H
#define TRACER_BASE_GROW_H

#include <stddef.h>

/*
 * Makes room for `more` elements of `size` bytes behind the first `count`. array_p is the address of
 * the array's pointer. Returns 0, or -ENOMEM with all as before.
 */
int grow(void *array_p, size_t *room, size_t count, size_t more, size_t size);

#endif
