/* SPDX-License-Identifier: MIT */
/* From the caller's options to what a start method needs: the lane's boot page and a list of fds. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "internal.h"

char **strings_copy(char *const *strings)
{
	size_t n = 0, i;
	char **copy;

	while (strings[n])
		n++;
	copy = calloc(n + 1, sizeof(*copy));
	for (i = 0; copy && i < n; i++) {
		copy[i] = strdup(strings[i]);
		if (!copy[i]) {
			while (i > 0)
				free(copy[--i]);
			free(copy);
			return NULL;
		}
	}
	return copy;
}

void strings_free(char **strings)
{
	size_t i;

	for (i = 0; strings && strings[i]; i++)
		free(strings[i]);
	free(strings);
}

static int setup_fds(struct worker_setup *setup, const struct pp_process_opts *opts)
{
	size_t i, j;

	if (opts->n_fds > PP_FDS_MAX)
		return fail(-E2BIG, "%zu fds to pass: at most %u", opts->n_fds, PP_FDS_MAX);
	for (i = 0; i < opts->n_fds; i++) {
		if (opts->fds[i].fd < 0 || opts->fds[i].as < 0 || opts->fds[i].as > 1023)
			return fail(-EBADF, "fd %d cannot be passed as %d", opts->fds[i].fd,
				    opts->fds[i].as);
		for (j = 0; j < i; j++)
			if (opts->fds[i].as == opts->fds[j].as)
				return fail(-EINVAL, "two fds are to be number %d",
					    opts->fds[i].as);
	}
	if (!opts->n_fds)
		return 0;
	setup->fds = malloc(opts->n_fds * sizeof(*setup->fds));
	if (!setup->fds)
		return fail(-ENOMEM, "out of memory");
	memcpy(setup->fds, opts->fds, opts->n_fds * sizeof(*setup->fds));
	setup->n_fds = (unsigned)opts->n_fds;
	return 0;
}

int setup_shares(struct worker_setup *setup, struct pp_share *const *shares, size_t n)
{
	size_t i;

	if (n > LANE_SHARES_MAX)
		return fail(-E2BIG, "%zu shares: at most %u", n, LANE_SHARES_MAX);
	for (i = 0; i < n; i++) {
		setup->share[i] = share_ref(shares[i]);
		setup->boot.share_len[i] = shares[i]->len;
		setup->boot.n_shares++;
	}
	return 0;
}

int setup_init(struct worker_setup *setup, const struct pp_process_opts *opts, const char *name)
{
	struct lane_boot *boot = &setup->boot;
	int r;

	memset(setup, 0, sizeof(*setup));
	snprintf(boot->name, sizeof(boot->name), "%s", opts->name ? opts->name : name);
	if (opts->flags & ~(PP_DAEMON | PP_NEW_GROUP))
		return fail(-EINVAL, "unknown flags 0x%x", opts->flags);
	if (opts->flags & PP_DAEMON)
		boot->flags |= BOOT_DAEMON;
	if (opts->flags & PP_NEW_GROUP)
		boot->flags |= BOOT_NEW_GROUP;
	if (opts->cpus_size > sizeof(boot->cpus) || opts->n_rlimits > LANE_RLIMITS_MAX)
		return fail(-E2BIG, "CPU set or list of limits is too long");
	if (opts->cpus) {
		memcpy(boot->cpus, opts->cpus, opts->cpus_size);
		boot->cpus_size = (uint32_t)opts->cpus_size;
	}
	if (opts->n_rlimits)
		memcpy(boot->rlimits, opts->rlimits, opts->n_rlimits * sizeof(*opts->rlimits));
	boot->n_rlimits = (uint32_t)opts->n_rlimits;
	if (opts->cwd && strlen(opts->cwd) >= PATH_MAX)
		return fail(-ENAMETOOLONG, "path of the working directory is too long");
	if (opts->cwd && *opts->cwd)
		boot->flags |= BOOT_CWD;
	if ((boot->flags & BOOT_CWD && !(setup->cwd = strdup(opts->cwd))) ||
	    (opts->env && !(setup->env = strings_copy(opts->env)))) {
		setup_done(setup);
		return fail(-ENOMEM, "out of memory");
	}
	r = setup_fds(setup, opts);
	if (r == 0)
		r = setup_shares(setup, opts->shares, opts->n_shares);
	if (r < 0)
		setup_done(setup);
	return r;
}

void setup_done(struct worker_setup *setup)
{
	unsigned i;

	for (i = 0; i < setup->boot.n_shares; i++)
		pp_share_free(setup->share[i]);
	setup->boot.n_shares = 0;
	free(setup->fds);
	setup->fds = NULL;
	setup->n_fds = 0;
	strings_free(setup->env);
	setup->env = NULL;
	free(setup->cwd);
	setup->cwd = NULL;
}

void setup_text(const char *cwd, const char *step, int err, char *text, size_t size)
{
	bool named = cwd && !strcmp(step, STEP_CWD);

	snprintf(text, size, "cannot %s%s%s: %s", step, named ? " " : "", named ? cwd : "",
		 errno_text(err));
}

/* The same from a lane, where the worker wrote it: its text is cut, never believed. */
void setup_failure(const struct lane_map *map, char *text, size_t size)
{
	char step[sizeof(map->worker->setup_step) + 1];

	memcpy(step, map->worker->setup_step, sizeof(map->worker->setup_step));
	step[sizeof(step) - 1] = '\0';
	setup_text(map->cwd, step, map->worker->setup_error, text, size);
}
