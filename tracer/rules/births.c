/* SPDX-License-Identifier: MIT */
/* See births.h. */
#include "rules/births.h"

int births_find(struct births *b, const struct model *m)
{
	int err = 0;

	for (size_t i = 0; i < model_born_count(m) && err == 0; i++) {
		uint32_t process = model_born(m, i);
		const struct process *p = model_process(m, process);
		const struct start_call *c = model_call(m, p->where);

		if (c && c->id && is_plain_copy(p))
			err = hashmap_put(&b->by_call, c->id, 0, process);
	}
	return err;
}

void births_free(struct births *b)
{
	hashmap_free(&b->by_call);
}

uint32_t births_copy(const struct births *b, uint64_t call_id)
{
	uint64_t process;

	return call_id && hashmap_get(&b->by_call, call_id, 0, &process) ? (uint32_t)process
									 : MODEL_NONE;
}

void add_fact_place(struct buffer *b, const struct fact *f)
{
	if (!f->place || !f->place->len)
		return;
	buffer_add_text(b, " at ");
	buffer_append(b, f->place->data, f->place->len);
}
