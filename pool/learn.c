/* SPDX-License-Identifier: MIT */
/*
 * What the task numbers in records stand for, in a worker. One that it could not find, or had no memory to
 * learn, is an error of each item that asks for it.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "worker.h"

static struct worker_task *place_for(struct worker *w, uint32_t id)
{
	uint32_t n = id + 16;
	struct worker_task *all;

	if (id < w->n_tasks)
		return &w->tasks[id];
	all = calloc(n, sizeof(*all));
	if (!all)
		return NULL;
	memcpy(all, w->tasks, w->n_tasks * sizeof(*all));
	if (w->tasks != w->few_tasks)
		free(w->tasks);
	w->tasks = all;
	w->n_tasks = n;
	return &all[id];
}

void learn_task(struct worker *w, const struct sub_rec *rec)
{
	const struct define_rec *def = (const void *)((const uint8_t *)rec + sub_data(0));
	struct worker_task *t = place_for(w, def->id);
	char text[512];

	if (!t)
		return;
	/* No more of it: it may lie in a page of the stack that a forked worker has not touched. */
	text[0] = 0;
	t->error = task_resolve(def, w->map.boot->n_known, &t->fn, text, sizeof(text));
	if (t->error < 0)
		t->text = strdup(text);
}

int run_task(struct worker *w, struct pp_call *call, uint32_t id)
{
	const struct worker_task *t = id < w->n_tasks ? &w->tasks[id] : NULL;
	int error = t ? t->error : -ENOMEM;

	if (t && t->fn) {
		int code = t->fn(call);

		/* A process that the task forked has come back here: the lane is its parent's. */
		if (load_relaxed(&forked_here))
			_exit(code >= 0 && code <= 255 ? code : 1);
		return code;
	}
	w->cannot_learn = w->cannot_learn || error == -ENOMEM;
	return pp_call_fail(call, error, "%s",
			    t && t->text       ? t->text
			    : error == -ENOMEM ? "its worker has no memory to learn the task"
					       : errno_text(error));
}
