/* SPDX-License-Identifier: MIT */
/*
 * Following into the next image: LD_PRELOAD and FORKSCOPE_SHIM put back into an environment that lost them.
 *
 * Everything is made on the caller's stack, by the wrapper (only it can alloca), at its full length. A file of
 * another ELF class or with a sanitizer that must come first gets our library taken out of LD_PRELOAD instead,
 * or its loader would complain on stderr. A file with privileges gets its environment as it is: its loader ignores
 * us anyway, and nobody shall look for our hand in it.
 */
#include "shim.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/stat.h>

#include "forkscope/image_kind.h"

extern char **environ;

static const char preload_name[] = "LD_PRELOAD=";
static const char shim_name[] = FS_SHIM_VARIABLE "=";

#define PRELOAD_LEN (sizeof(preload_name) - 1)
#define NAME_LEN (sizeof(shim_name) - 1)

static enum fs_shim_gap inspect_fd(long fd, char head[FS_IMAGE_HEAD], long *ret_len)
{
	struct stat st;
	char caps[64];
	long n;

	*ret_len = 0;
	if (sys3(SYS_fstat, fd, (long)&st, 0) < 0)
		return FS_GAP_NONE;
	n = sys_read(fd, head, FS_IMAGE_HEAD);
	if (n <= 0)
		return FS_GAP_NONE;
	*ret_len = n;
	if (st.st_mode & (S_ISUID | S_ISGID))
		return FS_GAP_SECURE;
	if (sys4(SYS_fgetxattr, fd, (long)"security.capability", (long)caps, sizeof(caps)) > 0)
		return FS_GAP_SECURE;
	return fs_image_kind(head, (size_t)n);
}

enum fs_shim_gap env_inspect(int dirfd, const char *path)
{
	char head[FS_IMAGE_HEAD], interpreter[256];
	enum fs_shim_gap gap = FS_GAP_NONE;

	for (int hops = 0; hops < 4; hops++) {
		size_t at = 0, len;
		long fd, n;

		if (*path)
			fd = sys4(SYS_openat, dirfd, (long)path,
				  O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0);
		else
			fd = sys3(SYS_fcntl, dirfd, F_DUPFD_CLOEXEC, 0);
		if (fd < 0)
			return FS_GAP_NONE; /* unreadable, or not there: exec will tell */
		if (!*path) { /* execveat by fd alone: its offset is the program's; read it elsewhere */
			char self[32] = "/proc/self/fd/";

			shim_put_number(self + 14, (uint32_t)fd);
			n = sys_open(self, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
			sys_close(fd);
			if (n < 0)
				return FS_GAP_NONE;
			fd = n;
		}
		gap = inspect_fd(fd, head, &n);
		sys_close(fd);
		len = gap == FS_GAP_NONE ? fs_image_interpreter(head, (size_t)n, &at) : 0;
		if (!len || len >= sizeof(interpreter))
			return gap;
		memcpy(interpreter, head + at, len);
		interpreter[len] = 0;
		path = interpreter;
	}
	return gap;
}

static const char *look_up(const char *name)
{
	size_t len = strlen(name);

	for (char **e = environ; e && *e; e++)
		if (strncmp(*e, name, len) == 0)
			return *e + len;
	return NULL;
}

enum fs_shim_gap env_inspect_in_path(const char *name)
{
	const char *dirs = look_up("PATH="), *end;
	char path[4096];
	size_t len = strlen(name);

	if (strchr(name, '/'))
		return env_inspect(AT_FDCWD, name);
	for (dirs = dirs ? dirs : "/bin:/usr/bin";; dirs = end + 1) {
		size_t dir;

		end = strchrnul(dirs, ':');
		dir = (size_t)(end - dirs);
		if (dir + len + 2 <= sizeof(path)) {
			memcpy(path, dirs, dir);
			path[dir] = '/';
			memcpy(path + dir + (dir > 0), name, len + 1);
			if (sys3(SYS_faccessat, AT_FDCWD, (long)path, 1 /* X_OK */) == 0)
				return env_inspect(AT_FDCWD, path);
		}
		if (!*end)
			return FS_GAP_NONE;
	}
}

/* Finds our library among the objects of a LD_PRELOAD: they are separated by colons or spaces. */
static const char *find_ours(const char *preload)
{
	size_t len = strlen(shim.path);

	for (const char *at = preload; at && (at = strstr(at, shim.path)); at++)
		if ((at == preload || strchr(": ", at[-1])) && strchr(": ", at[len]))
			return at;
	return NULL;
}

/* What would do harm in such an image is taken out of its environment. */
static bool leaves(enum fs_shim_gap gap)
{
	return gap == FS_GAP_CLASS || gap == FS_GAP_SANITIZER || gap == FS_GAP_CONFINED;
}

bool env_needs_mending(char *const *envp, enum fs_shim_gap gap, struct env_need *ret)
{
	bool have_name = false;

	*ret = (struct env_need){ .gap = gap };
	if (gap == FS_GAP_SECURE)
		return false;
	for (char *const *e = envp; e && *e; e++) {
		if (strncmp(*e, preload_name, PRELOAD_LEN) == 0 && !ret->preload)
			ret->preload = *e + PRELOAD_LEN;
		else if (strcmp(*e, shim.variable) == 0)
			have_name = true;
		ret->count++;
	}
	ret->pointers = ret->count + 3;
	ret->bytes = PRELOAD_LEN + strlen(shim.path) + 2 +
		     (ret->preload ? strlen(ret->preload) : 0);
	if (leaves(gap))
		return find_ours(ret->preload) != NULL;
	return !have_name || !find_ours(ret->preload);
}

/* LD_PRELOAD with us first, or without us. */
static void write_preload(char *to, const struct env_need *need)
{
	const char *ours = find_ours(need->preload);
	size_t len = strlen(shim.path);

	memcpy(to, preload_name, PRELOAD_LEN);
	to += PRELOAD_LEN;
	if (leaves(need->gap)) {
		size_t before = ours ? (size_t)(ours - need->preload) : 0;

		memcpy(to, need->preload, before);
		ours += len;
		ours += *ours != 0;
		memcpy(to + before, ours, strlen(ours) + 1);
		return;
	}
	if (ours) {
		memcpy(to, need->preload, strlen(need->preload) + 1);
		return;
	}
	memcpy(to, shim.path, len);
	to[len] = 0;
	if (need->preload && *need->preload) {
		to[len] = ':';
		memcpy(to + len + 1, need->preload, strlen(need->preload) + 1);
	}
}

char **env_mend(char *const *envp, const struct env_need *need, char **pointers, char *bytes)
{
	bool leave = leaves(need->gap);
	bool preload_there = false, name_there = false;
	char **to = pointers;

	write_preload(bytes, need);
	for (char *const *e = envp; e && *e && to < pointers + need->count; e++) {
		if (strncmp(*e, preload_name, PRELOAD_LEN) == 0 && !preload_there) {
			preload_there = true;
			if (bytes[PRELOAD_LEN])
				*to++ = bytes;
		} else if (strncmp(*e, shim_name, NAME_LEN) == 0 && !name_there) {
			name_there = true;
			*to++ = (char *)shim.variable;
		} else {
			*to++ = *e;
		}
	}
	if (!preload_there && !leave)
		*to++ = bytes;
	if (!name_there && !leave)
		*to++ = (char *)shim.variable;
	*to = NULL;
	return pointers;
}
