/* SPDX-License-Identifier: MIT */
/*
 * Which handles are this process's own. In a child made by fork, the parent's pools, processes and
 * contexts are foreign: calls on them fail, and their fds are closed at once, because a life pipe kept
 * open in a bystander would keep workers alive after their caller's death.
 */
#include <errno.h>
#include <unistd.h>

#include "internal.h"

static struct fork_lock owned_lock TOUCHED_BY_FORK;
static struct link all = { &all, &all };
/* Counts the forks between the program's first process and this one; what is made takes the number. */
static unsigned generation = 1;

/* Set in every child that fork() makes; a worker that begins clears it. */
bool forked_here TOUCHED_BY_FORK;

/* The child to come is a worker: it closes all fds but its own, which are among these. */
__thread bool forking_worker;

__thread bool forking_alone;

static void prepare(void)
{
	if (!forking_alone)
		fork_lock_take(&owned_lock);
}

static void in_parent(void)
{
	if (!forking_alone)
		fork_lock_give(&owned_lock);
}

static void in_child(void)
{
	struct link *at;

	forked_here = true;
	generation++;
	/* A worker to be writes to none of them: each is on a page that would be copied for it. */
	for (at = all.next; at != &all && !forking_worker; at = at->next) {
		struct owned *owned = container_of(at, struct owned, link);

		owned->disown(owned);
	}
	all.next = all.prev = &all;
	fork_lock_renew(&owned_lock);
}

__attribute__((constructor)) static void owner_init(void)
{
	pthread_atfork(prepare, in_parent, in_child);
}

void owned_add(struct owned *owned, void (*disown)(struct owned *))
{
	owned->generation = generation;
	owned->disown = disown;
	fork_lock_take(&owned_lock);
	list_append(&all, &owned->link);
	fork_lock_give(&owned_lock);
}

void owned_remove(struct owned *owned)
{
	if (is_foreign(owned))
		return; /* it is in no list of this process */
	fork_lock_take(&owned_lock);
	list_remove(&owned->link);
	fork_lock_give(&owned_lock);
}

bool is_foreign(const struct owned *owned)
{
	return owned->generation != generation;
}

int fail_foreign(void)
{
	return fail(
		-EOWNERDEAD,
		"this handle belongs to the process that forked this one; make one of your own");
}
