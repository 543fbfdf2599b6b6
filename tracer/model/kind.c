/* SPDX-License-Identifier: MIT */
/*
 * What an open file is.
 *
 * The file system tells more than the mode: files of the anonymous-inode file system have the one or the
 * other type bits by kernel version, a memfd is a regular file, a pipe and a fifo look alike.
 */
#include "model/kind.h"

#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "model/impl.h"

#ifndef PID_FS_MAGIC
#define PID_FS_MAGIC 0x50494446
#endif
#ifndef HUGETLBFS_MAGIC
#define HUGETLBFS_MAGIC 0x958458f6
#endif

const char kind_pipe[] = "pipe";
const char kind_fifo[] = "fifo";

struct number_name {
	unsigned number;
	const char *name;
};

static const struct number_name families[] = {
	{ AF_UNIX, "socket:unix" },	{ AF_INET, "socket:inet" },
	{ AF_INET6, "socket:inet6" },	{ AF_NETLINK, "socket:netlink" },
	{ AF_PACKET, "socket:packet" }, { AF_VSOCK, "socket:vsock" },
	{ AF_ALG, "socket:alg" },	{ AF_BLUETOOTH, "socket:bluetooth" },
	{ AF_CAN, "socket:can" },	{ 44 /* AF_XDP */, "socket:xdp" },
};

/* Names of anonymous inodes, without brackets, and the kind where it is another word. */
static const struct {
	const char *name, *kind;
} anons[] = {
	{ "eventfd", "eventfd" },   { "eventpoll", "epoll" }, { "signalfd", "signalfd" },
	{ "timerfd", "timerfd" },   { "pidfd", "pidfd" },     { "inotify", "inotify" },
	{ "io_uring", "io_uring" },
};

/* The name of an anonymous inode without its brackets, if it has some. */
static const char *bare_name(const struct fs_ev_file *e, size_t *ret_len)
{
	const char *name = (const char *)(e + 1);
	size_t len = strnlen(name, e->name_len);

	if (len > 11 && memcmp(name, "anon_inode:", 11) == 0) {
		name += 11;
		len -= 11;
	}
	if (len > 2 && name[0] == '[' && name[len - 1] == ']') {
		name++;
		len -= 2;
	}
	*ret_len = len;
	return name;
}

static const char *intern_kind(struct model *m, const char *prefix, const char *name, size_t len)
{
	char text[128];
	const struct interned *one;
	int n = snprintf(text, sizeof(text), "%s%.*s", prefix, (int)(len < 80 ? len : 80), name);

	one = intern(&m->pool, text, (size_t)n);
	return one ? one->data : NULL;
}

static const char *anon_kind(struct model *m, const struct fs_ev_file *e)
{
	size_t len, i;
	const char *name = bare_name(e, &len);

	for (i = 0; i < sizeof(anons) / sizeof(anons[0]); i++)
		if (strlen(anons[i].name) == len && memcmp(anons[i].name, name, len) == 0)
			return anons[i].kind;
	return intern_kind(m, "anon:", len ? name : "unknown", len ? len : 7);
}

static const char *socket_kind(struct model *m, unsigned family)
{
	char number[16];
	size_t i;

	for (i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		if (families[i].number == family)
			return families[i].name;
	snprintf(number, sizeof(number), "%u", family);
	return intern_kind(m, "socket:", number, strlen(number));
}

/* Majors of terminals: virtual consoles and serial lines, ptmx and /dev/tty, ptys, USB and hypervisor ones. */
static bool is_tty(uint32_t rdev)
{
	unsigned major = rdev >> 20;

	return (major >= 2 && major <= 5) || (major >= 128 && major <= 143) || major == 166 ||
	       major == 188 || major == 204 || major == 229;
}

/* A memfd's one name is "memfd:x"; a file in /dev/shm that is called so has directories above it. */
static bool is_memfd(const struct fs_ev_file *e)
{
	const char *name = (const char *)(e + 1);

	return (e->sb_magic == TMPFS_MAGIC || e->sb_magic == HUGETLBFS_MAGIC) && e->name_len > 6 &&
	       memcmp(name, "memfd:", 6) == 0 && strnlen(name, e->name_len) + 1 >= e->name_len;
}

const char *file_kind(struct model *m, const struct fs_ev_file *e)
{
	if (e->sock_family)
		return socket_kind(m, e->sock_family);
	if (e->sb_magic == ANON_INODE_FS_MAGIC)
		return anon_kind(m, e);
	if (e->sb_magic == PID_FS_MAGIC)
		return "pidfd";
	switch (e->mode & S_IFMT) {
	case S_IFREG:
		return is_memfd(e) ? "memfd" : "file";
	case S_IFDIR:
		return "dir";
	case S_IFCHR:
		return is_tty(e->rdev) ? "tty" : "char";
	case S_IFBLK:
		return "block";
	case S_IFIFO:
		return e->sb_magic == PIPEFS_MAGIC ? kind_pipe : kind_fifo;
	case S_IFSOCK:
		return "socket:unknown";
	default:
		return anon_kind(m, e);
	}
}

void join_path(struct buffer *out, const char *components, size_t len)
{
	const char *end = components + len, *from, *to = end;

	/* From the last, outermost, one backwards. */
	while (to > components) {
		if (to[-1] == '\0')
			to--;
		for (from = to; from > components && from[-1] != '\0'; from--)
			;
		if (to > from && !(to - from == 1 && *from == '/')) {
			buffer_add_char(out, '/');
			buffer_append(out, from, (size_t)(to - from));
		}
		to = from;
	}
	if (len && out->len == 0)
		buffer_add_char(out, '/');
}

static void build_id(struct buffer *b, const struct fs_ev_file *e, const char *kind)
{
	const char *name = (const char *)(e + 1);
	size_t len;

	if (kind == kind_pipe) {
		buffer_printf(b, "pipe:[%llu]", (unsigned long long)e->ino);
	} else if (e->sock_family || (e->mode & S_IFMT) == S_IFSOCK) {
		buffer_printf(b, "socket:[%llu]", (unsigned long long)e->ino);
	} else if (strcmp(kind, "memfd") == 0) {
		buffer_append(b, name, strnlen(name, e->name_len));
	} else if (strcmp(kind, "pidfd") == 0) {
		buffer_add_text(b, "anon:[pidfd]");
	} else if (e->sb_magic == ANON_INODE_FS_MAGIC) {
		name = bare_name(e, &len);
		buffer_add_text(b, "anon:[");
		buffer_append(b, name, len);
		buffer_add_char(b, ']');
	} else {
		join_path(b, name, e->name_len);
		if (b->len == 0)
			buffer_printf(b, "%s:[%u:%u:%llu]", kind, e->dev >> 20, e->dev & 0xfffff,
				      (unsigned long long)e->ino);
	}
}

const struct interned *file_id(struct model *m, const struct fs_ev_file *e, const char *kind)
{
	struct buffer b = { 0 };
	const struct interned *id = NULL;

	if (!kind)
		return NULL;
	build_id(&b, e, kind);
	if (!b.failed)
		id = intern(&m->pool, b.data, b.len);
	buffer_free(&b);
	return id;
}
