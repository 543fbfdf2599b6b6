/* SPDX-License-Identifier: MIT */
/* The table of rules, and running them. */
#include "rules/rule.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/grow.h"

/* Each by the file that defines it. */
extern const struct rule rule_deadlock;
extern const struct rule rule_lock_held;
extern const struct rule rule_lost_thread;
extern const struct rule rule_fork_in_handler;
extern const struct rule rule_fork_handler;
extern const struct rule rule_foreign_unlock;
extern const struct rule rule_raw_clone;
extern const struct rule rule_unsafe_call;
extern const struct rule rule_shared_lock;
extern const struct rule rule_eof;
extern const struct rule rule_fd_leaked;
extern const struct rule rule_cloexec_race;
extern const struct rule rule_shared_file;
extern const struct rule rule_record_lock;
extern const struct rule rule_passed_fd;
extern const struct rule rule_text_busy;
extern const struct rule rule_fd_reused;
extern const struct rule rule_fd_growth;
extern const struct rule rule_double_flush;
extern const struct rule rule_exit_handlers;
extern const struct rule rule_input_rewound;
extern const struct rule rule_stream_busy;
extern const struct rule rule_vfork_misuse;
extern const struct rule rule_vfork_stall;
extern const struct rule rule_zombies;
extern const struct rule rule_sigchld;
extern const struct rule rule_status_stolen;
extern const struct rule rule_pdeathsig;
extern const struct rule rule_signals_inherited;
extern const struct rule rule_handler;
extern const struct rule rule_stale_identity;
extern const struct rule rule_exec_failed;
extern const struct rule rule_kill_everything;
extern const struct rule rule_worker_thread;
extern const struct rule rule_pool_hang;
extern const struct rule rule_random;
extern const struct rule rule_dontfork;
extern const struct rule rule_shared_map;
extern const struct rule rule_copy_on_write;
extern const struct rule rule_slow_fork;

const struct rule *const rules[] = {
	&rule_deadlock,
	&rule_lock_held,
	&rule_lost_thread,
	&rule_fork_in_handler,
	&rule_fork_handler,
	&rule_foreign_unlock,
	&rule_raw_clone,
	&rule_unsafe_call,
	&rule_shared_lock,
	&rule_eof,
	&rule_fd_leaked,
	&rule_cloexec_race,
	&rule_shared_file,
	&rule_record_lock,
	&rule_passed_fd,
	&rule_text_busy,
	&rule_fd_reused,
	&rule_fd_growth,
	&rule_double_flush,
	&rule_exit_handlers,
	&rule_input_rewound,
	&rule_stream_busy,
	&rule_vfork_misuse,
	&rule_vfork_stall,
	&rule_zombies,
	&rule_sigchld,
	&rule_status_stolen,
	&rule_pdeathsig,
	&rule_signals_inherited,
	&rule_handler,
	&rule_stale_identity,
	&rule_exec_failed,
	&rule_kill_everything,
	&rule_worker_thread,
	&rule_pool_hang,
	&rule_random,
	&rule_dontfork,
	&rule_shared_map,
	&rule_copy_on_write,
	&rule_slow_fork,
	NULL,
};

const struct rule *rule_find(const char *name)
{
	for (size_t i = 0; rules[i]; i++)
		if (strcasecmp(rules[i]->id, name) == 0 || strcmp(rules[i]->name, name) == 0)
			return rules[i];
	return NULL;
}

/* The gravest first; rules of one gravity in the order of the table, which sorting keeps by id. */
static int by_gravity(const void *a, const void *b)
{
	const struct finding *x = a, *y = b;
	int ids = strcmp(x->rule, y->rule);

	if (x->severity != y->severity)
		return x->severity > y->severity ? -1 : 1;
	if (ids)
		return ids;
	return strcmp(x->key, y->key);
}

int rules_run_some(const struct model *m, const bool *wanted, struct findings *out)
{
	int err;

	for (size_t i = 0; rules[i]; i++) {
		if (wanted && !wanted[i])
			continue;
		err = rules[i]->check(rules[i], m, out);
		if (err < 0)
			return err;
	}
	if (out->count)
		qsort(out->list, out->count, sizeof(*out->list), by_gravity);
	return 0;
}

int rules_run(const struct model *m, struct findings *out)
{
	return rules_run_some(m, NULL, out);
}

static void free_found(struct found *f)
{
	buffer_free(&f->detail);
	buffer_free(&f->key);
}

int finding_add(struct findings *out, struct found *f)
{
	struct finding *same = NULL;

	if (f->detail.failed || f->key.failed)
		goto no_memory;
	for (size_t i = 0; i < out->count && !same; i++)
		if (out->list[i].rule == f->rule->id &&
		    strcmp(out->list[i].key, buffer_text(&f->key)) == 0)
			same = &out->list[i];
	if (same) {
		same->count++;
		if (f->severity > same->severity)
			same->severity = f->severity;
		free_found(f);
		return 0;
	}
	if (grow(&out->list, &out->room, out->count, 1, sizeof(*out->list)) < 0)
		goto no_memory;
	same = &out->list[out->count];
	*same = (struct finding){
		.rule = f->rule->id,
		.name = f->rule->name,
		.severity = f->severity,
		.process = f->process,
		.title = f->rule->title,
		.fix = f->rule->fix,
		.detail = strdup(buffer_text(&f->detail)),
		.key = strdup(buffer_text(&f->key)),
		.count = 1,
		.ts = f->at,
	};
	if (!same->detail || !same->key) {
		free(same->detail);
		free(same->key);
		goto no_memory;
	}
	out->count++;
	free_found(f);
	return 0;
no_memory:
	free_found(f);
	return -ENOMEM;
}

void findings_free(struct findings *f)
{
	size_t i;

	for (i = 0; i < f->count; i++) {
		free(f->list[i].detail);
		free(f->list[i].key);
	}
	free(f->list);
	*f = (struct findings){ 0 };
}
