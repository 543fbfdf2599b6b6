/* SPDX-License-Identifier: MIT */
/*
 * fds passed by SCM_RIGHTS, for recordings without the kernel witness. An open file has no name that we could see:
 * its inode and how it was opened stand for it.
 *
 * What a program sends is read by process_vm_readv(), which gives an error where it gave a wrong pointer: it is for
 * the real call to complain. What it received has been written by the kernel.
 */
#include "shim.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/vfs.h>

#define CONTROL_MAX 2048
#define FDS_MAX 253 /* of one message: the kernel's SCM_MAX_FD */
#define PATH_TOLD 512
#define PIECE 200 /* fds of a table in one record */

struct passed {
	uint32_t count;
	uint32_t messages;
	int fds[FDS_MAX];
};

static bool copy(void *to, const void *from, size_t size)
{
	const struct iovec here = { to, size }, there = { (void *)(uintptr_t)from, size };

	return sys6(SYS_process_vm_readv, sys_getpid(), (long)&here, 1, (long)&there, 1, 0) ==
	       (long)size;
}

static void find_fds(const char *control, size_t len, struct passed *ret)
{
	struct cmsghdr head;

	ret->count = ret->messages = 0;
	for (size_t at = 0; at + sizeof(head) <= len; at += CMSG_ALIGN(head.cmsg_len)) {
		size_t size;

		memcpy(&head, control + at, sizeof(head));
		if (head.cmsg_len < sizeof(head) || head.cmsg_len > len - at)
			return;
		if (head.cmsg_level != SOL_SOCKET || head.cmsg_type != SCM_RIGHTS)
			continue;
		size = head.cmsg_len - CMSG_LEN(0);
		if (size / sizeof(int) > FDS_MAX - ret->count)
			size = (FDS_MAX - ret->count) * sizeof(int);
		memcpy(ret->fds + ret->count, control + at + CMSG_LEN(0), size);
		ret->count += (uint32_t)(size / sizeof(int));
		ret->messages++;
	}
}

/* The components of fd's path, deepest first; what has none is known by its inode. Returns how many bytes. */
static size_t path_of(int fd, char to[PATH_TOLD])
{
	char link[32] = "/proc/self/fd/", path[PATH_TOLD];
	long len;
	size_t n = 0;

	shim_put_number(link + 14, (uint32_t)fd);
	len = sys4(SYS_readlinkat, AT_FDCWD, (long)link, (long)path, sizeof(path) - 1);
	if (len <= 0 || len == sizeof(path) - 1 || path[0] != '/')
		return 0;
	for (long end = len, at = len - 1; at >= 0; at--) {
		if (path[at] != '/')
			continue;
		if (end > at + 1) {
			memcpy(to + n, path + at + 1, (size_t)(end - at - 1));
			n += (size_t)(end - at - 1);
			to[n++] = 0;
		}
		end = at;
	}
	return n;
}

/* Tells what an fd is; its identity, 0: none. */
static uint64_t tell_file(int fd)
{
	struct fs_ev_file e = { 0 };
	char path[PATH_TOLD];
	struct statfs fs = { 0 };
	struct stat st;
	size_t n;
	char *r;
	long flags;

	if (sys3(SYS_fstat, fd, (long)&st, 0) < 0)
		return 0;
	flags = sys3(SYS_fcntl, fd, F_GETFL, 0);
	(void)sys3(SYS_fstatfs, fd, (long)&fs, 0);
	e.ino = st.st_ino;
	e.dev = major(st.st_dev) << 20 | minor(st.st_dev);
	e.rdev = major(st.st_rdev) << 20 | minor(st.st_rdev);
	e.mode = st.st_mode;
	e.sb_magic = (uint32_t)fs.f_type;
	e.open_flags = flags < 0 ? 0 : (uint32_t)flags;
	e.f_mode = (e.open_flags & O_ACCMODE) == O_RDONLY   ? 1
		   : (e.open_flags & O_ACCMODE) == O_WRONLY ? 2
							    : 3;
	e.file = (st.st_ino * 0x9e3779b97f4a7c15ull ^ (e.dev * 4ull + e.f_mode)) | 1ull << 63;
	n = path_of(fd, path);
	e.name_len = (uint32_t)n;
	r = ring_reserve(FS_EV_FILE, sizeof(e) + n);
	if (!r)
		return e.file;
	memcpy(r + sizeof(e.h), (char *)&e + sizeof(e.h), sizeof(e) - sizeof(e.h));
	memcpy(r + sizeof(e), path, n);
	ring_commit(r);
	return e.file;
}

static uint64_t inode_of(int fd)
{
	struct stat st;

	return sys3(SYS_fstat, fd, (long)&st, 0) < 0 ? 0 : st.st_ino;
}

static void tell_pass(unsigned type, int sock, const struct passed *p, const struct msghdr *msg,
		      int flags)
{
	struct fs_fd fds[FDS_MAX];
	struct fs_ev_fd_pass *e;

	for (uint32_t i = 0; i < p->count; i++) {
		long fd_flags = sys3(SYS_fcntl, p->fds[i], F_GETFD, 0);

		fds[i] = (struct fs_fd){ .file = tell_file(p->fds[i]),
					 .fd = (uint32_t)p->fds[i],
					 .flags = fd_flags > 0 && fd_flags & FD_CLOEXEC
							  ? FS_FD_CLOEXEC
							  : 0 };
	}
	e = ring_reserve(type, sizeof(*e) + p->count * sizeof(fds[0]));
	if (!e)
		return;
	memset((char *)e + sizeof(e->h), 0, sizeof(*e) - sizeof(e->h));
	e->sock_fd = (uint32_t)sock;
	e->count = p->count;
	e->cmsgs = p->messages;
	if (type == FS_EV_FD_RECV) {
		e->sock_ino = inode_of(sock);
		e->pass_flags = (msg->msg_flags & MSG_CTRUNC ? FS_PASS_CTRUNC : 0) |
				(flags & MSG_CMSG_CLOEXEC ? FS_PASS_CMSG_CLOEXEC : 0) |
				(flags & MSG_PEEK ? FS_PASS_PEEK : 0);
	}
	memcpy(e + 1, fds, p->count * sizeof(fds[0]));
	ring_commit(e);
}

static void tell_piece(const struct fs_fd *fds, uint32_t count, uint32_t before, bool last)
{
	struct fs_ev_fd_table *e = ring_reserve(FS_EV_FD_TABLE, sizeof(*e) + count * sizeof(*fds));

	if (!e)
		return;
	memset((char *)e + sizeof(e->h), 0, sizeof(*e) - sizeof(e->h));
	e->when = FS_TABLE_AT_FORK;
	e->count = count;
	e->count_before = before;
	e->last = last;
	memcpy(e + 1, fds, count * sizeof(*fds));
	ring_commit(e);
}

/* Makes room in the order of numbers. */
static struct fs_fd *place_for(struct fs_fd *fds, uint32_t count, uint32_t fd)
{
	for (; count > 0 && fds[count - 1].fd > fd; count--)
		fds[count] = fds[count - 1];
	return &fds[count];
}

/*
 * What a forked child holds: told where its parent had been given fds, since that makes it a fork server if the
 * child has one of them. More than fit are left out, and then the table is not said to be whole.
 */
void fds_tell_table(void)
{
	_Alignas(8) char room[1024];
	struct fs_fd fds[FDS_MAX], *at;
	uint32_t count = 0;
	long dir, n;

	if (!shim.got_fds)
		return;
	shim.got_fds = false;
	dir = sys_open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return;
	while ((n = sys3(SYS_getdents64, dir, (long)room, sizeof(room))) > 0) {
		for (long i = 0; i < n; i += ((struct shim_dirent *)(void *)(room + i))->len) {
			const char *name = ((struct shim_dirent *)(void *)(room + i))->name;
			uint32_t fd = shim_number(name);

			if (name[0] == '.' || fd == (uint32_t)dir || count == FDS_MAX)
				continue;
			at = place_for(fds, count++, fd);
			at->fd = fd;
		}
	}
	sys_close(dir);
	for (uint32_t i = 0; i < count; i++) {
		fds[i].flags = sys3(SYS_fcntl, fds[i].fd, F_GETFD, 0) & FD_CLOEXEC ? FS_FD_CLOEXEC
										   : 0;
		fds[i].file = tell_file((int)fds[i].fd);
	}
	for (uint32_t i = 0; i < count || i == 0; i += PIECE)
		tell_piece(fds + i, count - i < PIECE ? count - i : PIECE, i,
			   count - i <= PIECE && count < FDS_MAX);
}

/* Only these need us: nobody else sees them. */
static bool is_wanted(void)
{
	return shim_ready() && !(shim.wanted & FS_AREA_KERNEL) && !shim_in_vfork_child();
}

static __attribute__((noinline)) bool tell_sent(int sock, const struct msghdr *msg)
{
	char control[CONTROL_MAX];
	struct passed p;
	struct msghdr m;

	if (!copy(&m, msg, sizeof(m)) || !m.msg_control || m.msg_controllen < CMSG_LEN(sizeof(int)))
		return false;
	if (m.msg_controllen > sizeof(control))
		m.msg_controllen = sizeof(control);
	if (!copy(control, m.msg_control, m.msg_controllen))
		return false;
	find_fds(control, m.msg_controllen, &p);
	if (p.count)
		tell_pass(FS_EV_FD_SEND, sock, &p, &m, 0);
	return p.count;
}

static __attribute__((noinline)) void tell_received(int sock, const struct msghdr *msg, int flags)
{
	struct passed p;

	find_fds(msg->msg_control, msg->msg_controllen, &p);
	if (!p.count)
		return;
	tell_pass(FS_EV_FD_RECV, sock, &p, msg, flags);
	shim.got_fds = true;
}

SHIM_EXPORT ssize_t sendmsg(int sock, const struct msghdr *msg, int flags)
{
	int saved = errno;
	bool told = is_wanted() && tell_sent(sock, msg);
	ssize_t ret;

	keep_errno(saved);
	ret = real.sendmsg(sock, msg, flags);
	if (ret < 0 && told) {
		const struct fs_ev_fd_send_failed e = { .error = saved = errno };

		ring_put(FS_EV_FD_SEND_FAILED, &e, sizeof(e));
		keep_errno(saved);
	}
	return ret;
}

SHIM_EXPORT ssize_t recvmsg(int sock, struct msghdr *msg, int flags)
{
	bool wanted = is_wanted();
	ssize_t ret = real.recvmsg(sock, msg, flags);
	int saved = errno;

	if (ret >= 0 && wanted && msg->msg_control && msg->msg_controllen >= CMSG_LEN(sizeof(int)))
		tell_received(sock, msg, flags);
	keep_errno(saved);
	return ret;
}
