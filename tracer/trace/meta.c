/* SPDX-License-Identifier: MIT */
/* See meta.h. */
#include "trace/meta.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct meta_pair *find(const struct meta *m, const char *key)
{
	size_t i;

	for (i = 0; i < m->count; i++)
		if (strcmp(m->pairs[i].key, key) == 0)
			return (struct meta_pair *)&m->pairs[i];
	return NULL;
}

int meta_set(struct meta *m, const char *key, const char *value)
{
	struct meta_pair *pair = find(m, key);
	size_t old = pair ? strlen(pair->value) : 0,
	       added = strlen(value) + (pair ? 0 : strlen(key));
	char *value_copy, *key_copy = NULL;

	if ((!pair && m->count == META_KEYS_MAX) || m->bytes - old + added > META_BYTES_MAX)
		return -E2BIG;
	value_copy = strdup(value);
	if (!value_copy)
		return -ENOMEM;
	if (!pair) {
		key_copy = strdup(key);
		if (!key_copy) {
			free(value_copy);
			return -ENOMEM;
		}
		pair = &m->pairs[m->count++];
		*pair = (struct meta_pair){ .key = key_copy };
	}
	free(pair->value);
	pair->value = value_copy;
	m->bytes = m->bytes - old + added;
	return 0;
}

const char *meta_get(const struct meta *m, const char *key)
{
	struct meta_pair *pair = find(m, key);

	return pair ? pair->value : NULL;
}

void meta_free(struct meta *m)
{
	size_t i;

	for (i = 0; i < m->count; i++) {
		free(m->pairs[i].key);
		free(m->pairs[i].value);
	}
	m->count = 0;
	m->bytes = 0;
}
