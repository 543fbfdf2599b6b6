/* SPDX-License-Identifier: MIT */
/* Contexts: a start method and what goes with it. */
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "internal.h"

static pthread_mutex_t defaults_lock = PTHREAD_MUTEX_INITIALIZER;
static enum pp_start default_start = PP_START_FORKSERVER;
static char **default_preload;
static size_t n_default_preload;

static const struct start_ops *const start_methods[] = {
	[PP_START_FORK] = &start_fork_ops,
	[PP_START_SPAWN] = &start_spawn_ops,
	[PP_START_FORKSERVER] = &start_forkserver_ops,
	[PP_START_THREAD] = &start_thread_ops,
};

static int fail_method(int start)
{
	return fail(-EINVAL, "no start method number %d", start);
}

int pp_set_start_method(enum pp_start start)
{
	if ((unsigned)start < PP_START_FORK || (unsigned)start > PP_START_THREAD)
		return fail_method((int)start);
	__atomic_store_n(&default_start, start, __ATOMIC_RELAXED);
	return 0;
}

enum pp_start pp_get_start_method(void)
{
	return __atomic_load_n(&default_start, __ATOMIC_RELAXED);
}

static void free_list(char **list, size_t n)
{
	size_t i;

	for (i = 0; list && i < n; i++)
		free(list[i]);
	free(list);
}

static char **copy_list(const char *const *list, size_t n)
{
	char **copy = calloc(n + 1, sizeof(*copy));
	size_t i;

	for (i = 0; copy && i < n; i++) {
		copy[i] = strdup(list[i]);
		if (!copy[i]) {
			free_list(copy, i);
			return NULL;
		}
	}
	return copy;
}

int pp_set_forkserver_preload(const char *const *entries, size_t n)
{
	char **copy = copy_list(entries, n);

	if (!copy)
		return fail(-ENOMEM, "out of memory");
	pthread_mutex_lock(&defaults_lock);
	free_list(default_preload, n_default_preload);
	default_preload = copy;
	n_default_preload = n;
	pthread_mutex_unlock(&defaults_lock);
	return 0;
}

static int take_preload(struct pp_context *ctx, const struct pp_context_opts *o)
{
	pthread_mutex_lock(&defaults_lock);
	ctx->n_preload = o->n_preload ? o->n_preload : n_default_preload;
	ctx->preload = o->n_preload
			       ? copy_list(o->preload, o->n_preload)
			       : copy_list((const char *const *)default_preload, n_default_preload);
	pthread_mutex_unlock(&defaults_lock);
	return ctx->preload ? 0 : -ENOMEM;
}

int pp_context_new(struct pp_context **ret_context, enum pp_start start,
		   const struct pp_context_opts *opts)
{
	struct pp_context_opts o;
	struct pp_context *ctx;
	int r = opts_read(&o, sizeof(o), opts, "pp_context_opts");

	if (r < 0)
		return r;
	if ((int)start == 0)
		start = pp_get_start_method();
	if ((unsigned)start > PP_START_THREAD)
		return fail_method((int)start);
	if (o.flags & ~PP_PRELOAD_TOLERANT)
		return fail(-EINVAL, "unknown flags 0x%x", o.flags);
	ctx = calloc(1, sizeof(*ctx));
	if (!ctx)
		return fail(-ENOMEM, "out of memory");
	pthread_mutex_init(&ctx->lock, NULL);
	ctx->start = start;
	ctx->ops = start_methods[start];
	ctx->flags = o.flags;
	ctx->owner = getpid();
	if (take_preload(ctx, &o) < 0 ||
	    (o.worker_program && !(ctx->worker_program = strdup(o.worker_program))) ||
	    (o.env && !(ctx->env = strings_copy(o.env)))) {
		(void)pp_context_free(ctx);
		return fail(-ENOMEM, "out of memory");
	}
	*ret_context = ctx;
	return 0;
}

enum pp_start pp_context_start(const struct pp_context *ctx)
{
	return ctx->start;
}

void context_use(struct pp_context *ctx, int change)
{
	pthread_mutex_lock(&ctx->lock);
	ctx->users += (unsigned)change;
	pthread_mutex_unlock(&ctx->lock);
}

int pp_context_free(struct pp_context *ctx)
{
	if (!ctx)
		return 0;
	if (ctx->owner == getpid()) {
		if (ctx->users)
			return fail(-EBUSY, "%u pools or processes of the context still exist",
				    ctx->users);
		ctx->ops->stop(ctx);
	}
	free_list(ctx->preload, ctx->n_preload);
	free(ctx->worker_program);
	strings_free(ctx->env);
	pthread_mutex_destroy(&ctx->lock);
	free(ctx);
	return 0;
}

/* ---- the image of fresh workers ---- */

static char *helper; /* once found, for ever */
static pthread_mutex_t helper_lock = PTHREAD_MUTEX_INITIALIZER;

static bool try_helper(const char *dir, int dir_len, const char *rest)
{
	char *path;

	if (asprintf(&path, "%.*s%s/procpool-worker", dir_len, dir, rest) < 0)
		return false;
	if (access(path, X_OK) == 0) {
		helper = path;
		return true;
	}
	free(path);
	return false;
}

static bool find_helper(void)
{
	const char *env = secure_getenv("PROCPOOL_WORKER"), *path = secure_getenv("PATH"), *slash;
	char self[PATH_MAX];
	Dl_info info;
	ssize_t n;

	if (env && *env) {
		helper = strdup(env);
		return helper != NULL;
	}
	/* Beside the library, or beside the program it is linked into. */
	if (dladdr((void *)(uintptr_t)&pp_main_called, &info) && info.dli_fname &&
	    (slash = strrchr(info.dli_fname, '/')) &&
	    (try_helper(info.dli_fname, (int)(slash - info.dli_fname), "") ||
	     try_helper(info.dli_fname, (int)(slash - info.dli_fname), "/../libexec/procpool")))
		return true;
	n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	self[n > 0 ? n : 0] = '\0';
	slash = strrchr(self, '/');
	if (slash && (try_helper(self, (int)(slash - self), "") ||
		      try_helper(self, (int)(slash - self), "/../libexec/procpool")))
		return true;
	for (; path && *path; path = *slash ? slash + 1 : slash) {
		slash = strchrnul(path, ':');
		if (slash > path && try_helper(path, (int)(slash - path), ""))
			return true;
	}
	return false;
}

int worker_image(const struct pp_context *ctx, const char **ret_path)
{
	bool found;

	if (ctx->worker_program) {
		*ret_path = ctx->worker_program;
		return 0;
	}
	if (pp_main_called) {
		*ret_path = "/proc/self/exe";
		return 0;
	}
	pthread_mutex_lock(&helper_lock);
	found = helper || find_helper();
	pthread_mutex_unlock(&helper_lock);
	if (!found)
		return fail(-ENOENT,
			    "procpool-worker not found: begin main() with pp_main(), or set "
			    "PROCPOOL_WORKER to its path");
	*ret_path = helper;
	return 0;
}
