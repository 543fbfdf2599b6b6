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
	case FS_EV_CALL:
		return FACTS_CALL;
	case FS_EV_STDIO_PENDING:
		return FACTS_STDIO;
	case FS_EV_LOCK_HELD:
		return FACTS_LOCK_HELD;
	case FS_EV_HANDLER:
		return FACTS_HANDLER;
	}
	return -1;
}

/* Of calls only those that no part of the model stands for. */
static bool is_kept(const struct fs_event *e)
{
	const struct fs_ev_call *call = (const void *)e;

	return e->type != FS_EV_CALL || (call->call >= FS_LIBC_EXIT && call->call < FS_LIBC_WAIT) ||
	       call->call == FS_LIBC_UNLOCK || call->call == FS_LIBC_JOIN ||
	       call->call == FS_LIBC_RANDOM || call->call == FS_LIBC_VFORK_WROTE ||
	       call->call == FS_LIBC_EXIT_DONE || call->call == FS_LIBC_FINAL_EFFECT;
}

int add_fact(struct model *m, const struct fs_event *e)
{
	int which = is_kept(e) ? list_of(e->type) : -1;
	const struct interned *copy;
	struct fact_list *list;
	struct fact f = { .process = MODEL_NONE };
	int err;

	if (which < 0)
		return 0;
	if (e->source == FS_SOURCE_SHIM) {
		f.process = model_find_process(m, e->pid, e->start_ns);
	} else if (e->pid) {
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

uint64_t fact_address(const struct fact *f)
{
	const struct fs_ev_handler *handler = (const void *)f->event;
	const struct fs_ev_lock_held *held = (const void *)f->event;
	const struct fs_ev_call *call = (const void *)f->event;

	switch (f->event->type) {
	case FS_EV_CALL:
		return call->caller;
	case FS_EV_LOCK_HELD:
		return held->pc;
	case FS_EV_HANDLER:
		return handler->functions[0] + 1;
	}
	return 0;
}

int model_set_fact_place(struct model *m, unsigned type, size_t index, const char *text, size_t len)
{
	const struct interned *place = intern(&m->pool, text, len);

	if (!place || index >= model_fact_count(m, type))
		return -ENOMEM;
	m->facts[list_of(type)].list[index].place = place;
	return 0;
}
