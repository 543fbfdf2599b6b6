/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The table of open fds of a process, in pieces (FS_EV_FD_TABLE). */
#include "probe.h"

static __always_inline struct fs_fd *entries(struct scratch *s)
{
	return (struct fs_fd *)(&s->table + 1);
}

static __always_inline void emit_piece(struct table_walk *w, struct scratch *s, __u32 last)
{
	__u32 count = w->count;
	__u32 size;

	if (count > PIECE_FDS)
		count = PIECE_FDS;
	size = sizeof(s->table) + count * sizeof(struct fs_fd);
	s->table.h.size = size;
	s->table.h.ts_ns = bpf_ktime_get_ns();
	s->table.count = count;
	s->table.count_before = w->before;
	s->table.last = last;
	emit(&s->table, size, FS_EV_FD_TABLE);
	w->before += count;
	w->count = 0;
}

/*
 * The number of the lowest bit set, by a de Bruijn sequence: without branches, of which the verifier would
 * follow each through all steps of the loop.
 */
static const __u8 bit_number[64] = {
	0,  1,	48, 2,	57, 49, 28, 3,	61, 58, 50, 42, 38, 29, 17, 4,	62, 55, 59, 36, 53, 51,
	43, 22, 45, 39, 33, 30, 24, 18, 12, 5,	63, 47, 56, 27, 60, 41, 37, 16, 54, 35, 52, 21,
	44, 32, 23, 11, 46, 26, 40, 15, 34, 20, 31, 10, 25, 14, 19, 9,	13, 8,	7,  6,
};

static __always_inline __u32 lowest_bit(__u64 x)
{
	return bit_number[(x & -x) * 0x03f79d71b4cb0a89ULL >> 58];
}

/* One open fd a step, or one word of the bitmap that has none left. */
static long table_step(__u32 i, const __u32 *slot)
{
	struct scratch *s = scratch_slot(*slot);
	struct describe *d = describe_slot(*slot);
	struct table_walk *w;
	struct fs_fd *entry;
	__u64 file = 0;
	__u32 bit, fd, at;

	if (!s || !d)
		return 1;
	w = &d->table;
	if (!w->bits) {
		if (w->next_word * 64 >= w->max_fds) {
			w->done = 1;
			return 1;
		}
		READ(w->bits, (__u64 *)w->open_fds + w->next_word);
		READ(w->cloexec, (__u64 *)w->close_on_exec + w->next_word);
		w->next_word++;
		return 0;
	}
	bit = lowest_bit(w->bits);
	fd = (w->next_word - 1) * 64 + bit;
	w->bits &= w->bits - 1;
	READ(file, (__u64 *)w->fd_array + fd);
	if (!file)
		return 0; /* reserved, not yet installed */
	if (w->count >= PIECE_FDS)
		emit_piece(w, s, 0);
	at = w->count & (PIECE_FDS - 1);
	entry = entries(s) + at;
	entry->file = file_identity(file, *slot, 0);
	entry->fd = fd;
	entry->flags = w->cloexec >> bit & 1;
	w->count++;
	return 0;
}

int emit_fd_table(__u64 address, __u32 when, __u32 slot)
{
	struct task_struct *task = (void *)address;
	struct files_struct *table = BPF_CORE_READ(task, files);
	struct fdtable *fdt = BPF_CORE_READ(table, fdt);
	struct scratch *s = scratch_slot(slot);
	struct describe *d = describe_slot(slot);
	struct table_walk *w;
	__u32 steps;

	if (!s || !d || !fdt)
		return 0;
	w = &d->table;
	__builtin_memset(w, 0, sizeof(*w));
	__builtin_memset(&s->table, 0, sizeof(s->table));
	fill_header(&s->table.h, FS_EV_FD_TABLE, 0, address_of(task));
	s->table.when = when;
	w->fd_array = (__u64)BPF_CORE_READ(fdt, fd);
	w->open_fds = (__u64)BPF_CORE_READ(fdt, open_fds);
	w->close_on_exec = (__u64)BPF_CORE_READ(fdt, close_on_exec);
	w->max_fds = BPF_CORE_READ(fdt, max_fds);
	steps = w->max_fds + w->max_fds / 64 + 2;
	if (steps > 1 << 22)
		steps = 1 << 22;
	bpf_loop(steps, table_step, &slot, 0);
	emit_piece(w, s, w->done);
	return 0;
}
