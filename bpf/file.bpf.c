/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * What an open file is: its identity, and the FS_EV_FILE record that describes it once.
 *
 * The identity is a hash of the struct file's address with what it points to, and a secret of this
 * recording. Memory of a closed file is used again for the next; then inode or private data differ, or
 * the caller knows that the file is new (`fresh`), and the identity becomes another.
 */
#include "probe.h"

struct path_walk {
	struct describe *out;
	__u64 dentry;
	__u64 mount;
	__u32 len;
	__u32 slot;
};

/* One component of a path a step, the deepest first, mounts crossed. */
static long walk_step(__u32 i, struct path_walk *w)
{
	struct describe *d = describe_slot(w->slot);
	struct dentry *dentry = (void *)w->dentry;
	struct mount *mount = (void *)w->mount;
	struct dentry *parent;
	const unsigned char *name;
	__u32 at = w->len;
	long n;

	if (!d || at > PATH_BYTES - NAME_MAX_BYTES)
		return 1;
	if (mount && w->dentry == (__u64)BPF_CORE_READ(mount, mnt.mnt_root)) {
		struct mount *above = BPF_CORE_READ(mount, mnt_parent);

		if (above != mount) {
			w->dentry = (__u64)BPF_CORE_READ(mount, mnt_mountpoint);
			w->mount = (__u64)above;
			return 0;
		}
		/* The root of all is "/", whatever that directory is called where it comes from. */
		d->name[at & (PATH_BYTES - 1)] = '/';
		d->name[(at + 1) & (PATH_BYTES - 1)] = 0;
		w->len = at + 2;
		return 1;
	}
	name = BPF_CORE_READ(dentry, d_name.name);
	n = bpf_probe_read_kernel_str(&d->name[at & (PATH_BYTES - 1)], NAME_MAX_BYTES, name);
	if (n <= 0 || n > NAME_MAX_BYTES)
		return 1;
	w->len = at + n;
	parent = BPF_CORE_READ(dentry, d_parent);
	if (parent == dentry)
		return 1;
	w->dentry = (__u64)parent;
	return 0;
}

/* Copies a path's components to the slot's `name`; returns the bytes. */
int copy_path(__u64 mnt, __u64 dentry, __u32 slot)
{
	struct path_walk w = { .dentry = dentry, .slot = slot, .len = nought };

	if (mnt)
		w.mount = mnt - bpf_core_field_offset(struct mount, mnt);
	if (!dentry)
		return 0;
	bpf_loop(128, walk_step, &w, 0);
	return w.len;
}

static __always_inline __u64 unix_peer_ino(struct sock *sk)
{
	struct unix_sock *u = (void *)sk;

	return BPF_CORE_READ(u, peer, sk_socket, file, f_inode, i_ino);
}

static __always_inline void describe_socket(struct fs_ev_file *e, struct socket *socket)
{
	struct sock *sk = BPF_CORE_READ(socket, sk);

	if (!sk)
		return;
	e->sock_family = BPF_CORE_READ(sk, __sk_common.skc_family);
	e->sock_state = BPF_CORE_READ(sk, __sk_common.skc_state);
	e->sock_type = BPF_CORE_READ(sk, sk_type);
	e->sock_protocol = BPF_CORE_READ(sk, sk_protocol);
	if (e->sock_family == AF_UNIX) {
		e->sock_peer_ino = unix_peer_ino(sk);
	} else if (e->sock_family == AF_INET) {
		BPF_CORE_READ_INTO((__u32 *)e->local_addr, sk, __sk_common.skc_rcv_saddr);
		BPF_CORE_READ_INTO((__u32 *)e->peer_addr, sk, __sk_common.skc_daddr);
	} else if (e->sock_family == AF_INET6 &&
		   bpf_core_field_exists(sk->__sk_common.skc_v6_daddr)) {
		BPF_CORE_READ_INTO((struct in6_addr *)e->local_addr, sk,
				   __sk_common.skc_v6_rcv_saddr);
		BPF_CORE_READ_INTO((struct in6_addr *)e->peer_addr, sk, __sk_common.skc_v6_daddr);
	}
	if (e->sock_family == AF_INET || e->sock_family == AF_INET6) {
		e->local_port = BPF_CORE_READ(sk, __sk_common.skc_num);
		e->peer_port = __builtin_bswap16(BPF_CORE_READ(sk, __sk_common.skc_dport));
	}
}

static __always_inline void describe_file(struct file *file, __u64 id, __u32 slot)
{
	struct describe *d = describe_slot(slot);
	struct task_struct *task = bpf_get_current_task_btf();
	struct inode *inode = BPF_CORE_READ(file, f_inode);
	struct fs_ev_file *e;
	__u32 len, size;

	if (!d)
		return;
	e = &d->file;
	__builtin_memset(e, 0, sizeof(*e));
	len = copy_path((__u64)BPF_CORE_READ(file, f_path.mnt),
			(__u64)BPF_CORE_READ(file, f_path.dentry), slot);
	if (len > PATH_BYTES)
		len = PATH_BYTES;
	size = round_up_8(sizeof(*e) + len);
	fill_header(&e->h, FS_EV_FILE, size, address_of(task));
	e->file = id;
	e->ino = BPF_CORE_READ(inode, i_ino);
	e->dev = BPF_CORE_READ(inode, i_sb, s_dev);
	e->sb_magic = BPF_CORE_READ(inode, i_sb, s_magic);
	e->rdev = BPF_CORE_READ(inode, i_rdev);
	e->mode = BPF_CORE_READ(inode, i_mode);
	e->open_flags = BPF_CORE_READ(file, f_flags);
	e->f_mode = BPF_CORE_READ(file, f_mode) & 3;
	e->name_len = len;
	if ((e->mode & S_IFMT) == S_IFSOCK)
		describe_socket(e, BPF_CORE_READ(file, private_data));
	if (size <= sizeof(*e) + PATH_BYTES)
		emit(e, size, FS_EV_FILE);
}

static __always_inline __u64 mix(__u64 x)
{
	x ^= x >> 30;
	x *= 0xbf58476d1ce4e5b9ULL;
	x ^= x >> 27;
	x *= 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

__u64 file_identity(__u64 address, __u32 slot, __u32 fresh)
{
	struct file *file = (void *)address;
	struct known_file now = {}, *known;
	struct inode *inode;

	if (!address)
		return 0;
	inode = BPF_CORE_READ(file, f_inode);
	now.inode = (__u64)inode;
	now.private_data = (__u64)BPF_CORE_READ(file, private_data);
	now.ino = BPF_CORE_READ(inode, i_ino);
	known = bpf_map_lookup_elem(&files, &address);
	if (known && !fresh && known->inode == now.inode &&
	    known->private_data == now.private_data && known->ino == now.ino)
		return known->id;
	now.id = mix(address ^ config.secret ^
		     mix(now.inode ^ mix(now.private_data ^ mix(now.ino))));
	if (fresh)
		now.id = mix(now.id ^ bpf_ktime_get_ns());
	now.id |= now.id == 0;
	bpf_map_update_elem(&files, &address, &now, BPF_ANY);
	describe_file(file, now.id, slot);
	return now.id;
}

__u64 file_of_fd(__u64 files_address, __u32 fd)
{
	struct files_struct *table = (void *)files_address;
	struct fdtable *fdt = BPF_CORE_READ(table, fdt);
	__u64 file = 0;

	if (!fdt || fd >= BPF_CORE_READ(fdt, max_fds))
		return 0;
	READ(file, BPF_CORE_READ(fdt, fd) + fd);
	return file;
}

__u64 identify_fd(__u64 files_address, __u32 fd, __u32 slot, __u32 fresh)
{
	return file_identity(file_of_fd(files_address, fd), slot, fresh);
}

int fd_is_cloexec(__u64 files_address, __u32 fd)
{
	struct files_struct *table = (void *)files_address;
	struct fdtable *fdt = BPF_CORE_READ(table, fdt);
	__u64 word = 0;

	if (!fdt || fd >= BPF_CORE_READ(fdt, max_fds))
		return 0;
	READ(word, BPF_CORE_READ(fdt, close_on_exec) + fd / 64);
	return word >> (fd & 63) & 1;
}
