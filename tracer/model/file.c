/* SPDX-License-Identifier: MIT */
/*
 * Open file descriptions, and what they are.
 *
 * A file may be named by events before it is described, so it gets an entry at first sight. Pipes and
 * sockets are also found by inode, for their other ends.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "model/impl.h"
#include "model/kind.h"

int get_file(struct model *m, uint64_t identity, uint32_t *ret)
{
	const struct interned *unknown;
	uint64_t index;
	int err;

	if (!identity) {
		*ret = FILE_UNKNOWN;
		return 0;
	}
	if (hashmap_get(&m->by_file, identity, 0, &index)) {
		*ret = (uint32_t)index;
		return 0;
	}
	unknown = intern(&m->pool, "?", 1);
	if (!unknown || m->file_count >= FILE_UNKNOWN ||
	    grow(&m->files, &m->file_room, m->file_count, 1, sizeof(*m->files)) < 0)
		return -ENOMEM;
	err = hashmap_put(&m->by_file, identity, 0, m->file_count);
	if (err < 0)
		return err;
	m->files[m->file_count] = (struct file){
		.file = identity,
		.id = unknown,
		.opener = MODEL_NONE,
		.same_ino = MODEL_NONE,
	};
	*ret = (uint32_t)m->file_count++;
	return 0;
}

bool model_kind_has_ends(const struct file *f)
{
	return f->kind && (f->kind == kind_pipe || f->kind == kind_fifo);
}

/* Pipes and sockets have another end; its inode (a pipe's own, a socket's peer's) leads there. */
static bool has_other_end(const struct file *f)
{
	return f->kind && (f->sock_family || model_kind_has_ends(f));
}

static int index_ino(struct model *m, uint32_t index)
{
	struct file *f = &m->files[index];
	uint64_t first;

	if (!has_other_end(f) || !f->ino)
		return 0;
	f->same_ino = hashmap_get(&m->by_ino, f->ino, f->dev, &first) ? (uint32_t)first
								      : MODEL_NONE;
	return hashmap_put(&m->by_ino, f->ino, f->dev, index);
}

int add_file(struct model *m, const struct fs_ev_file *e)
{
	const struct interned *id;
	const char *kind;
	struct file *f;
	uint32_t index;
	bool is_new;
	int err = get_file(m, e->file, &index);

	if (err < 0 || index == FILE_UNKNOWN || e->name_len > e->h.size - sizeof(*e))
		return err;
	kind = file_kind(m, e);
	id = file_id(m, e, kind);
	if (!kind || !id)
		return -ENOMEM;
	f = &m->files[index];
	/* Described again (a socket was connected meanwhile): the inode stays what it was. */
	is_new = !f->kind;
	if (!is_new && (f->ino != e->ino || f->dev != e->dev))
		return 0;
	f->kind = kind;
	f->id = id;
	f->ino = e->ino;
	if (is_new || e->sock_peer_ino)
		f->peer_ino = e->sock_peer_ino;
	f->dev = e->dev;
	f->rdev = e->rdev;
	f->sb_magic = e->sb_magic;
	f->open_flags = e->open_flags;
	f->f_mode = (uint8_t)(e->f_mode & 3);
	f->sock_family = e->sock_family;
	f->sock_type = e->sock_type;
	f->sock_protocol = e->sock_protocol;
	f->sock_state = e->sock_state;
	memcpy(f->local_addr, e->local_addr, sizeof(f->local_addr));
	memcpy(f->peer_addr, e->peer_addr, sizeof(f->peer_addr));
	f->local_port = e->local_port;
	f->peer_port = e->peer_port;
	return is_new ? index_ino(m, index) : 0;
}

uint32_t model_find_file(const struct model *m, uint64_t file)
{
	uint64_t index;

	return hashmap_get(&m->by_file, file, 0, &index) ? (uint32_t)index : MODEL_NONE;
}

static bool is_other_end(const struct file *f, const struct file *g)
{
	if (f == g)
		return false;
	if (f->sock_family)
		return f->peer_ino == g->ino || f->ino == g->peer_ino;
	return (f->f_mode & 1 && g->f_mode & 2) || (f->f_mode & 2 && g->f_mode & 1);
}

uint32_t model_other_end(const struct model *m, uint32_t file, uint32_t last)
{
	const struct file *f = model_file(m, file);
	uint64_t next;

	if (!f || !has_other_end(f) || (f->sock_family && !f->peer_ino))
		return MODEL_NONE;
	if (last != MODEL_NONE)
		next = m->files[last].same_ino;
	else if (!hashmap_get(&m->by_ino, f->sock_family ? f->peer_ino : f->ino, f->dev, &next))
		next = MODEL_NONE;
	while (next != MODEL_NONE && !is_other_end(f, &m->files[next]))
		next = m->files[next].same_ino;
	return (uint32_t)next;
}
