/* SPDX-License-Identifier: MIT */
/*
 * posix_spawn, and the calls that run a shell. system, popen and wordexp hand `environ` to their shell inside
 * libc; a program that has cleared it starts that shell without the shim, which its record shows.
 */
#include "shim.h"

#include <fcntl.h>

#include "mend.h"

/* posix_spawn returns its error and leaves errno alone. */
static void spawn_done(struct shim_call *c, int err, pid_t child)
{
	int saved = errno;

	errno = err;
	call_done(c, err, err ? 0 : (uint32_t)child, 0, err != 0);
	errno = saved;
}

SHIM_EXPORT int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
			    const posix_spawnattr_t *attr, char *const argv[], char *const envp[])
{
	struct shim_what what = { .name = path, .argv = argv, .frame = FRAME };
	struct shim_call c;
	char *const *mended;
	pid_t child = 0;
	int ret;

	if (!shim_ready() || !path)
		return real.posix_spawn(pid, path, actions, attr, argv, UNMENDED(envp));
	what.began_ns = sys_now_ns();
	what.gap = env_inspect(AT_FDCWD, path);
	mended = MENDED(envp, what.gap, &what);
	call_begin(&c, FS_LIBC_POSIX_SPAWN, CALLER, &what);
	ret = real.posix_spawn(&child, path, actions, attr, argv, mended);
	if (ret == 0 && pid)
		*pid = child;
	spawn_done(&c, ret, child);
	return ret;
}

SHIM_EXPORT int posix_spawnp(pid_t *pid, const char *file,
			     const posix_spawn_file_actions_t *actions,
			     const posix_spawnattr_t *attr, char *const argv[], char *const envp[])
{
	struct shim_what what = { .name = file, .argv = argv, .frame = FRAME };
	struct shim_call c;
	char *const *mended;
	pid_t child = 0;
	int ret;

	if (!shim_ready() || !file)
		return real.posix_spawnp(pid, file, actions, attr, argv, UNMENDED(envp));
	what.began_ns = sys_now_ns();
	what.gap = env_inspect_in_path(file);
	mended = MENDED(envp, what.gap, &what);
	call_begin(&c, FS_LIBC_POSIX_SPAWNP, CALLER, &what);
	ret = real.posix_spawnp(&child, file, actions, attr, argv, mended);
	if (ret == 0 && pid)
		*pid = child;
	spawn_done(&c, ret, child);
	return ret;
}

SHIM_EXPORT int system(const char *command)
{
	const struct shim_what what = { .name = command };
	struct shim_call c;
	int ret;

	if (!shim_ready() || !command)
		return real.system(command);
	call_begin(&c, FS_LIBC_SYSTEM, CALLER, &what);
	ret = real.system(command);
	call_done(&c, ret, 0, (uint32_t)ret, ret == -1);
	return ret;
}

SHIM_EXPORT FILE *popen(const char *command, const char *type)
{
	const struct shim_what what = { .name = command };
	struct shim_call c;
	FILE *ret;

	if (!shim_ready())
		return real.popen(command, type);
	call_begin(&c, FS_LIBC_POPEN, CALLER, &what);
	ret = real.popen(command, type);
	call_done(&c, ret ? 0 : -1, 0, 0, !ret);
	return ret;
}

SHIM_EXPORT int wordexp(const char *words, wordexp_t *to, int flags)
{
	const struct shim_what what = { .name = words };
	struct shim_call c;
	int ret;

	if (!shim_ready())
		return real.wordexp(words, to, flags);
	call_begin(&c, FS_LIBC_WORDEXP, CALLER, &what);
	ret = real.wordexp(words, to, flags);
	call_done(&c, ret, 0, 0, false);
	return ret;
}
