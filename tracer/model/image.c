/* SPDX-License-Identifier: MIT */
/*
 * Execs, done and failed, with the whole argv.
 *
 * A long argv comes in pieces: the exec event brings the first, exec_argv events the rest. Pieces are joined
 * here only while they fit together; when one is missing the argv is kept as far as it goes and marked cut.
 */
#include <errno.h>
#include <stdlib.h>

#include "model/impl.h"

static void free_argv(struct process_work *w)
{
	if (!w->argv)
		return;
	buffer_free(&w->argv->text);
	free(w->argv);
	w->argv = NULL;
}

/* The joined argv becomes the image's; without memory the first piece stays, cut. */
void end_argv(struct model *m, uint32_t process)
{
	struct process_work *w = &m->work[process];
	struct argv_pieces *a = w->argv;
	const struct interned *whole;
	struct image *image;

	if (!a)
		return;
	image = a->is_failed ? &m->failed[a->image] : &m->images[a->image];
	whole = a->text.failed ? NULL : intern(&m->pool, a->text.data, a->text.len);
	if (whole)
		image->argv = whole;
	image->argv_cut = !whole || whole->len < a->total;
	free_argv(w);
}

static int begin_argv(struct model *m, uint32_t process, uint32_t image, bool is_failed,
		      uint32_t tid, const char *first, uint32_t len, uint32_t total)
{
	struct argv_pieces *a = calloc(1, sizeof(*a));

	if (!a)
		return -ENOMEM;
	a->total = total;
	a->image = image;
	a->is_failed = is_failed;
	a->tid = tid;
	buffer_append(&a->text, first, len);
	m->work[process].argv = a;
	return 0;
}

static int add_piece(struct model *m, const struct fs_ev_exec_argv *e)
{
	uint32_t process = model_find_process(m, e->h.pid, e->h.start_ns);
	struct argv_pieces *a;

	if (process == MODEL_NONE || !m->work[process].argv)
		return 0;
	a = m->work[process].argv;
	if (e->h.tid != a->tid || e->len > e->h.size - sizeof(*e))
		return 0;
	if (e->offset != a->text.len) {
		end_argv(m, process);
		return 0;
	}
	buffer_append(&a->text, e + 1, e->len);
	if (a->text.failed || a->text.len >= a->total)
		end_argv(m, process);
	return 0;
}

static int new_image(struct image **array, size_t *count, size_t *room, uint32_t *ret)
{
	if (*count >= MODEL_NONE || grow(array, room, *count, 1, sizeof(**array)) < 0)
		return -ENOMEM;
	*ret = (uint32_t)(*count)++;
	return 0;
}

/* The newest image of a process; what it had before stays in the list. */
static void add_to_images(struct model *m, uint32_t process, uint32_t index)
{
	struct process *p = &m->processes[process];

	if (p->last_image == MODEL_NONE)
		p->first_image = index;
	else
		m->images[p->last_image].next = index;
	p->last_image = index;
	p->images++;
	p->execed = true;
	p->state_after_exec = p->state_now; /* told anew when it differs */
	p->ready_ts = 0;
	p->ready_calls = 0;
}

static int on_exec(struct model *m, const struct fs_ev_exec *e)
{
	const char *filename = (const char *)(e + 1);
	const char *interp = filename + e->filename_len + 1;
	const char *argv = interp + e->interp_len + 1;
	uint32_t process, index;
	struct process *p;
	struct image *image;
	int err;

	if ((uint64_t)e->filename_len + e->interp_len + 2 + e->argv_len > e->h.size - sizeof(*e))
		return 0;
	err = get_actor(m, &e->h, &process);
	if (err < 0 || process == MODEL_NONE)
		return err;
	end_argv(m, process);
	err = new_image(&m->images, &m->image_count, &m->image_room, &index);
	if (err < 0)
		return err;
	image = &m->images[index];
	*image = (struct image){
		.ts = e->h.ts_ns,
		.filename = intern(&m->pool, filename, e->filename_len),
		.interp = intern(&m->pool, interp, e->interp_len),
		.argv = intern(&m->pool, argv, e->argv_len),
		.argc = e->argc,
		.from_tid = e->from_tid,
		.argv_cut = e->argv_len < e->argv_total,
		.next = MODEL_NONE,
	};
	if (!image->filename || !image->interp || !image->argv) {
		m->image_count--;
		return -ENOMEM;
	}
	p = &m->processes[process];
	add_to_images(m, process, index);
	copy_comm(p->comm, e->comm);
	if (image->argv_cut) {
		err = begin_argv(m, process, index, false, e->h.tid, argv, e->argv_len,
				 e->argv_total);
		if (err < 0)
			return err;
	}
	return fds_of_exec(m, process, e->h.ts_ns);
}

int image_by_shim(struct model *m, uint32_t process, const struct fs_ev_shim_hello *e,
		  const struct interned *filename, const char *argv, size_t len)
{
	const struct interned *args = intern(&m->pool, argv, len);
	uint32_t index;
	int err;

	if (!args)
		return -ENOMEM;
	err = new_image(&m->images, &m->image_count, &m->image_room, &index);
	if (err < 0)
		return err;
	m->images[index] = (struct image){
		.ts = e->h.ts_ns,
		.filename = filename,
		.interp = m->processes[process].exe,
		.argv = args,
		.argc = e->argc,
		.from_tid = e->h.tid,
		.argv_cut = e->argv_len < e->argv_total,
		.next = MODEL_NONE,
	};
	add_to_images(m, process, index);
	copy_comm(m->processes[process].comm, e->comm);
	return 0;
}

static int on_exec_failed(struct model *m, const struct fs_ev_exec_failed *e)
{
	const char *filename = (const char *)(e + 1);
	const char *argv = filename + e->filename_len + 1;
	uint32_t process, index;
	struct process *p;
	struct image *image;
	int err;

	if ((uint64_t)e->filename_len + 1 + e->argv_len > e->h.size - sizeof(*e))
		return 0;
	err = get_actor(m, &e->h, &process);
	if (err < 0 || process == MODEL_NONE)
		return err;
	end_argv(m, process);
	err = new_image(&m->failed, &m->failed_count, &m->failed_room, &index);
	if (err < 0)
		return err;
	image = &m->failed[index];
	*image = (struct image){
		.ts = e->h.ts_ns,
		.filename = intern(&m->pool, filename, e->filename_len),
		.argv = intern(&m->pool, argv, e->argv_len),
		.argc = e->argc,
		.from_tid = e->h.tid,
		.error = e->error,
		.argv_cut = e->argv_len < e->argv_total || e->h.flags & FS_EVENT_UNREADABLE,
		.next = MODEL_NONE,
	};
	if (!image->filename || !image->argv) {
		m->failed_count--;
		return -ENOMEM;
	}
	p = &m->processes[process];
	if (p->last_failed_exec == MODEL_NONE)
		p->first_failed_exec = index;
	else
		m->failed[p->last_failed_exec].next = index;
	p->last_failed_exec = index;
	p->failed_execs++;
	if (e->argv_len < e->argv_total)
		return begin_argv(m, process, index, true, e->h.tid, argv, e->argv_len,
				  e->argv_total);
	return 0;
}

int add_image(struct model *m, const struct fs_event *e)
{
	const void *any = e;

	switch (e->type) {
	case FS_EV_EXEC:
		return on_exec(m, any);
	case FS_EV_EXEC_ARGV:
		return add_piece(m, any);
	case FS_EV_EXEC_FAILED:
		return on_exec_failed(m, any);
	default:
		return 1;
	}
}

const struct image *model_image_of(const struct model *m, uint32_t process)
{
	const struct process *p = model_process(m, process);

	if (!p)
		return NULL;
	if (p->last_image != MODEL_NONE)
		return model_image(m, p->last_image);
	return p->execed ? NULL : model_image(m, p->born_image);
}
