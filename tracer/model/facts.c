/* SPDX-License-Identifier: MIT */
/* See facts.h. */
#include "model/facts.h"

#include <errno.h>
#include <stdlib.h>

#include "model/impl.h"
#include "trace/event_info.h"

/* Which types are kept, and in which list. */
static int list_of(unsigned type)
{
	switch (type) {
	case FS_EV_FUTEX_STUCK:
		return FACTS_STUCK;
	case FS_EV_BLOCKED:
		return FACTS_BLOCKED;
	case FS_EV_ODD_CALL:
		return FACTS_ODD_CALL;
	case FS_EV_SIGNAL:
		return FACTS_SIGNAL;
	case FS_EV_FD_EOF:
		return FACTS_EOF;
	case FS_EV_LOCK_STORY:
		return FACTS_LOCK_STORY;
	}
	return -1;
}

int add_fact(struct model *m, const struct fs_event *e)
{
	int which = list_of(e->type);
	const struct interned *copy;
	struct fact_list *list;
	struct fact f = { .process = MODEL_NONE };
	int err;

	if (which < 0)
		return 0;
	if (e->pid) {
		err = get_process(m, e->pid, e->start_ns, &f.process);
		if (err < 0)
			return err;
	}
	copy = intern(&m->pool, e, e->size);
	list = &m->facts[which];
	if (!copy || grow(&list->list, &list->room, list->count, 1, sizeof(*list->list)) < 0)
		return -ENOMEM;
	f.event = (const struct fs_event *)(const void *)copy->data;
	list->list[list->count++] = f;
	return 0;
}

void free_facts(struct model *m)
{
	for (size_t i = 0; i < FACT_LISTS; i++)
		free(m->facts[i].list);
}

size_t model_fact_count(const struct model *m, unsigned type)
{
	int which = list_of(type);

	return which < 0 ? 0 : m->facts[which].count;
}

const struct fact *model_fact(const struct model *m, unsigned type, size_t index)
{
	return index < model_fact_count(m, type) ? &m->facts[list_of(type)].list[index] : NULL;
}

const char *fact_stack(const struct fact *f, size_t *ret_len)
{
	struct event_text frames = event_frames(f->event);

	*ret_len = frames.len;
	return frames.text;
}

struct event_text fact_lock_name(const struct fact *f)
{
	return event_lock_name(f->event);
}

struct event_text fact_lock_taken(const struct fact *f)
{
	return event_lock_taken(f->event);
}

const struct fs_holder *fact_holders(const struct fact *f, size_t *ret_count)
{
	return event_holders(f->event, ret_count);
}
