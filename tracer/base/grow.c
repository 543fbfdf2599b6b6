/* SPDX-License-Identifier: MIT */
/* Growing an array; see grow.h. */
#include "base/grow.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int grow(void *array_p, size_t *room, size_t count, size_t more, size_t size)
{
	size_t need, new_room, bytes;
	void *old, *new;

	if (__builtin_add_overflow(count, more, &need))
		return -ENOMEM;
	if (need <= *room)
		return 0;
	new_room = *room < 16 ? 16 : *room;
	while (new_room < need) {
		if (new_room > SIZE_MAX / 2)
			return -ENOMEM;
		new_room *= 2;
	}
	if (__builtin_mul_overflow(new_room, size, &bytes))
		return -ENOMEM;
	/* The caller's pointer has a type of its own: it is read and written as bytes. */
	memcpy(&old, array_p, sizeof(old));
	new = realloc(old, bytes);
	if (!new)
		return -ENOMEM;
	memcpy(array_p, &new, sizeof(new));
	*room = new_room;
	return 0;
}
