/* SPDX-License-Identifier: MIT */
/*
 * The exec family, by name: libc's own calls among them do not pass by us. The l-forms collect their arguments
 * on the stack and become v-forms, as in libc itself.
 */
#include "shim.h"

#include <fcntl.h>
#include <stdarg.h>

#include "mend.h"

extern char **environ;

/* An image that succeeds never comes back: this thread's block goes to the reader before. */
static void begin_exec(struct shim_call *c, uint32_t call, uint64_t caller, struct shim_what *what)
{
	call_begin(c, call, caller, what);
	stdio_tell_gone();
	if (c->flags & FS_LIBC_FROM_VFORK)
		vfork_data_compare(caller);
	else
		ring_seal();
}

static int exec_path(uint32_t call, uint64_t caller, const char *path, char *const argv[],
		     char *const envp[])
{
	struct shim_what what = { .name = path, .argv = argv };
	struct shim_call c;
	char *const *mended;
	int ret;

	if (!shim_ready() || !path)
		return real.execve(path, argv, UNMENDED(envp));
	what.began_ns = sys_now_ns();
	what.gap = env_inspect(AT_FDCWD, path);
	mended = MENDED(envp, what.gap, &what);
	begin_exec(&c, call, caller, &what);
	ret = real.execve(path, argv, mended);
	call_done(&c, ret, 0, 0, true);
	return ret;
}

static int exec_file(uint32_t call, uint64_t caller, const char *file, char *const argv[],
		     char *const envp[])
{
	struct shim_what what = { .name = file, .argv = argv };
	struct shim_call c;
	char *const *mended;
	int ret;

	if (!shim_ready() || !file)
		return real.execvpe(file, argv, UNMENDED(envp));
	what.began_ns = sys_now_ns();
	what.gap = env_inspect_in_path(file);
	mended = MENDED(envp, what.gap, &what);
	begin_exec(&c, call, caller, &what);
	ret = real.execvpe(file, argv, mended);
	call_done(&c, ret, 0, 0, true);
	return ret;
}

SHIM_EXPORT int execve(const char *path, char *const argv[], char *const envp[])
{
	return exec_path(FS_LIBC_EXECVE, CALLER, path, argv, envp);
}

SHIM_EXPORT int execv(const char *path, char *const argv[])
{
	return exec_path(FS_LIBC_EXECV, CALLER, path, argv, environ);
}

SHIM_EXPORT int execvp(const char *file, char *const argv[])
{
	return exec_file(FS_LIBC_EXECVP, CALLER, file, argv, environ);
}

SHIM_EXPORT int execvpe(const char *file, char *const argv[], char *const envp[])
{
	return exec_file(FS_LIBC_EXECVPE, CALLER, file, argv, envp);
}

/* Arguments of an l-form up to its NULL, with what follows it; on the caller's stack. */
#define COLLECT(first, argv, last)                    \
	va_list list_;                                \
	size_t count_ = 1;                            \
	char **argv;                                  \
	va_start(list_, first);                       \
	if (first)                                    \
		while (va_arg(list_, char *))         \
			count_++;                     \
	else                                          \
		count_ = 0;                           \
	va_end(list_);                                \
	argv = alloca((count_ + 1) * sizeof(char *)); \
	va_start(list_, first);                       \
	argv[0] = (char *)(first);                    \
	for (size_t i_ = 1; i_ <= count_; i_++)       \
		argv[i_] = va_arg(list_, char *);     \
	last;                                         \
	va_end(list_)

SHIM_EXPORT int execl(const char *path, const char *arg, ...)
{
	COLLECT(arg, argv, (void)0);
	return exec_path(FS_LIBC_EXECL, CALLER, path, argv, environ);
}

SHIM_EXPORT int execlp(const char *file, const char *arg, ...)
{
	COLLECT(arg, argv, (void)0);
	return exec_file(FS_LIBC_EXECLP, CALLER, file, argv, environ);
}

SHIM_EXPORT int execle(const char *path, const char *arg, ...)
{
	char *const *envp;

	COLLECT(arg, argv, envp = va_arg(list_, char *const *));
	return exec_path(FS_LIBC_EXECLE, CALLER, path, argv, envp);
}

SHIM_EXPORT int fexecve(int fd, char *const argv[], char *const envp[])
{
	struct shim_what what = { .argv = argv };
	struct shim_call c;
	char *const *mended;
	int ret;

	if (!shim_ready())
		return real.fexecve(fd, argv, UNMENDED(envp));
	what.began_ns = sys_now_ns();
	what.gap = env_inspect(fd, "");
	mended = MENDED(envp, what.gap, &what);
	begin_exec(&c, FS_LIBC_FEXECVE, CALLER, &what);
	ret = real.fexecve(fd, argv, mended);
	call_done(&c, ret, 0, 0, true);
	return ret;
}

SHIM_EXPORT int execveat(int fd, const char *path, char *const argv[], char *const envp[],
			 int flags)
{
	struct shim_what what = { .name = path, .argv = argv };
	struct shim_call c;
	char *const *mended;
	int ret;

	if (!shim_ready() || !path)
		return real.execveat(fd, path, argv, UNMENDED(envp), flags);
	what.began_ns = sys_now_ns();
	what.gap = env_inspect(fd, path);
	mended = MENDED(envp, what.gap, &what);
	begin_exec(&c, FS_LIBC_EXECVEAT, CALLER, &what);
	ret = real.execveat(fd, path, argv, mended, flags);
	call_done(&c, ret, 0, 0, true);
	return ret;
}
