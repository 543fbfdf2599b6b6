/* SPDX-License-Identifier: MIT */
/*
 * fds that went from process to process: SCM_RIGHTS messages with both their ends, and pidfd_getfd.
 *
 * A send waits in a queue of the receiver's socket (its inode; one queue for senders that are not connected)
 * until a receive there brings the same open files. A receive takes the first send of the queue whose
 * files it continues: fewer are possible (MSG_CTRUNC), others are not. Where the sending is seen after the
 * receiving (its arguments could be read only at its end) the queue works the other way round.
 *
 * What a receiver got is also chained by thread, for the proof that it served a request by forking, and the fds
 * it still holds are chained by process, to learn when it gives them up.
 */
#include <errno.h>

#include "model/impl.h"

/* How far down a queue a match is looked for: messages arrive in order, save on datagram sockets. */
#define QUEUE_LOOK_MAX 256

static int get_passer(struct model *m, uint32_t process, uint32_t tid, struct passer **ret)
{
	uint64_t index;
	int err;

	if (hashmap_get(&m->by_passer, process, tid, &index)) {
		*ret = &m->passers[index];
		return 0;
	}
	if (grow(&m->passers, &m->passer_room, m->passer_count, 1, sizeof(*m->passers)) < 0)
		return -ENOMEM;
	err = hashmap_put(&m->by_passer, process, tid, m->passer_count);
	if (err < 0)
		return err;
	*ret = &m->passers[m->passer_count++];
	**ret = (struct passer){ MODEL_NONE, MODEL_NONE, MODEL_NONE };
	return 0;
}

static int new_pass(struct model *m, uint32_t *ret)
{
	if (m->pass_count >= MODEL_NONE ||
	    grow(&m->passes, &m->pass_room, m->pass_count, 1, sizeof(*m->passes)) < 0)
		return -ENOMEM;
	m->passes[m->pass_count] = (struct fd_pass){
		.from = MODEL_NONE,
		.to = MODEL_NONE,
		.for_process = MODEL_NONE,
		.first_file = (uint32_t)m->pass_file_count,
		.prev_send = MODEL_NONE,
		.prev_recv = MODEL_NONE,
		.next_queued = MODEL_NONE,
	};
	*ret = (uint32_t)m->pass_count++;
	return 0;
}

/* Appends one file to the newest pass. */
static int new_pass_file(struct model *m, uint32_t file, struct pass_file **ret)
{
	if (m->pass_file_count >= MODEL_NONE ||
	    grow(&m->pass_files, &m->pass_file_room, m->pass_file_count, 1,
		 sizeof(*m->pass_files)) < 0)
		return -ENOMEM;
	*ret = &m->pass_files[m->pass_file_count++];
	**ret = (struct pass_file){
		.file = file, .from_fd = -1, .to_fd = -1, .next_held = MODEL_NONE
	};
	m->passes[m->pass_count - 1].files++;
	return 0;
}

static void drop_newest_pass(struct model *m)
{
	m->pass_file_count -= m->passes[m->pass_count - 1].files;
	m->pass_count--;
}

static int enqueue(struct model *m, struct hashmap *queues, uint64_t key, uint32_t pass)
{
	uint64_t *ends = hashmap_find(queues, key, 0);

	if (!ends)
		return hashmap_put(queues, key, 0, (uint64_t)pass << 32 | pass);
	if ((uint32_t)*ends == MODEL_NONE) {
		*ends = (uint64_t)pass << 32 | pass;
		return 0;
	}
	m->passes[(uint32_t)*ends].next_queued = pass;
	*ends = (*ends & ~0xffffffffull) | pass;
	return 0;
}

/* Takes `pass` out; `before` is the one before it in the queue, MODEL_NONE for the first. */
static void unqueue(struct model *m, uint64_t *ends, uint32_t pass, uint32_t before)
{
	uint32_t next = m->passes[pass].next_queued, tail = (uint32_t)*ends;
	uint32_t head = (uint32_t)(*ends >> 32);

	if (before == MODEL_NONE)
		head = next;
	else
		m->passes[before].next_queued = next;
	if (tail == pass)
		tail = before;
	m->passes[pass].next_queued = MODEL_NONE;
	*ends = (uint64_t)head << 32 | tail;
}

static bool same_file(uint32_t a, uint32_t b)
{
	return a == b || a == FILE_UNKNOWN || b == FILE_UNKNOWN;
}

/* Whether the n files received can be the first of what was sent. */
static bool can_be(const struct model *m, const struct fd_pass *sent,
		   const struct pass_file *received, uint32_t n, bool truncated)
{
	uint32_t i;

	if (n > sent->files || (n < sent->files && !truncated))
		return false;
	for (i = 0; i < n; i++)
		if (!same_file(m->pass_files[sent->first_file + i].file, received[i].file))
			return false;
	return true;
}

/* The first send of the queue that this receive can have got. Takes it out, unless it only peeked. */
static uint32_t match_send(struct model *m, uint64_t key, const struct pass_file *received,
			   uint32_t n, bool truncated, bool peek)
{
	uint64_t *ends = hashmap_find(&m->sends_to, key, 0);
	uint32_t at, before = MODEL_NONE, looked = 0;

	if (!ends)
		return MODEL_NONE;
	for (at = (uint32_t)(*ends >> 32); at != MODEL_NONE && looked < QUEUE_LOOK_MAX; looked++) {
		if (can_be(m, &m->passes[at], received, n, truncated)) {
			if (!peek)
				unqueue(m, ends, at, before);
			return at;
		}
		before = at;
		at = m->passes[at].next_queued;
	}
	return MODEL_NONE;
}

/* The first unexplained receive at this socket that can have got this (the newest) pass. */
static uint32_t match_recv(struct model *m, uint64_t key, uint32_t sent)
{
	uint64_t *ends = key ? hashmap_find(&m->recvs_at, key, 0) : NULL;
	uint32_t at, before = MODEL_NONE, looked = 0;

	if (!ends)
		return MODEL_NONE;
	for (at = (uint32_t)(*ends >> 32); at != MODEL_NONE && looked < QUEUE_LOOK_MAX; looked++) {
		const struct fd_pass *r = &m->passes[at];

		if (can_be(m, &m->passes[sent], &m->pass_files[r->first_file], r->files,
			   r->truncated)) {
			unqueue(m, ends, at, before);
			return at;
		}
		before = at;
		at = r->next_queued;
	}
	return MODEL_NONE;
}

/* A receive came before its send: the send's facts go into the receive's record, the newest pass goes away. */
static uint32_t merge_into(struct model *m, uint32_t recv)
{
	const struct fd_pass *sent = &m->passes[m->pass_count - 1];
	struct fd_pass *r = &m->passes[recv];
	uint32_t i;

	r->from = sent->from;
	r->from_tid = sent->from_tid;
	r->sent_ts = sent->sent_ts;
	r->message = sent->message;
	r->prev_send = sent->prev_send;
	for (i = 0; i < r->files && i < sent->files; i++)
		m->pass_files[r->first_file + i].from_fd =
			m->pass_files[sent->first_file + i].from_fd;
	drop_newest_pass(m);
	return recv;
}

static int on_send(struct model *m, uint32_t process, const struct fs_ev_fd_pass *e)
{
	const struct fs_fd *fds = (const void *)(e + 1);
	struct pass_file *pf;
	struct fd_pass *pass;
	struct passer *passer;
	uint32_t index, file, recv, i;
	int err = get_passer(m, process, e->h.tid, &passer);

	if (err == 0)
		err = new_pass(m, &index);
	if (err < 0)
		return err;
	pass = &m->passes[index];
	pass->from = process;
	pass->from_tid = e->h.tid;
	pass->sent_ts = e->h.ts_ns;
	pass->sock_ino = e->sock_peer_ino;
	pass->message = e->message;
	pass->prev_send = passer->last_send;
	for (i = 0; i < e->count && err == 0; i++) {
		err = get_file(m, fds[i].file, &file);
		if (err == 0)
			err = fds_note_use(m, process, fds[i].fd, file, e->h.ts_ns);
		if (err == 0)
			err = new_pass_file(m, file, &pf);
		if (err == 0)
			pf->from_fd = (int32_t)fds[i].fd;
	}
	if (err < 0) {
		drop_newest_pass(m);
		return err;
	}
	recv = match_recv(m, e->sock_peer_ino, index);
	if (recv != MODEL_NONE)
		index = merge_into(m, recv);
	else
		err = enqueue(m, &m->sends_to, e->sock_peer_ino, index);
	passer->last_send = index;
	return err;
}

/* The receiver's side of a pass: numbers, the ledger, and the chains of the thread and of what is held. */
static int take_in(struct model *m, uint32_t index, uint32_t process, const struct fs_event *h,
		   const struct pass_file *received, uint32_t n, uint32_t what)
{
	struct fd_pass *pass = &m->passes[index];
	struct fd_change change = {
		.ts = h->ts_ns, .process = process, .what = what, .tid = h->tid, .arg = index
	};
	uint32_t i;
	int err = 0, one;

	pass->to = process;
	pass->to_tid = h->tid;
	pass->received_ts = h->ts_ns;
	m->processes[process].fds_received += n;
	for (i = 0; i < n; i++) {
		uint32_t at = pass->first_file + i;
		struct pass_file *pf = &m->pass_files[at];

		pf->to_fd = received[i].to_fd;
		pf->cloexec = received[i].cloexec;
		if (pf->file == FILE_UNKNOWN)
			pf->file = received[i].file;
		if (!pf->cloexec && pf->to_fd > 2)
			pass->no_cloexec = true;
		change.fd = (uint32_t)pf->to_fd | (pf->cloexec ? FD_CLOEXEC_BIT : 0);
		change.file = pf->file;
		one = fds_gain(m, &change);
		if (one < 0)
			err = one;
		pf->next_held = m->work[process].held_passes;
		m->work[process].held_passes = at;
	}
	return err;
}

/* The files of a message as received, in the model's scratch; they live until the next event. */
static int read_received(struct model *m, const struct fs_ev_fd_pass *e, struct pass_file **ret)
{
	const struct fs_fd *fds = (const void *)(e + 1);
	uint32_t i, file;
	int err;

	if (grow(&m->received, &m->received_room, 0, e->count, sizeof(*m->received)) < 0)
		return -ENOMEM;
	for (i = 0; i < e->count; i++) {
		err = get_file(m, fds[i].file, &file);
		if (err < 0)
			return err;
		m->received[i] = (struct pass_file){
			.file = file,
			.from_fd = -1,
			.to_fd = (int32_t)(fds[i].fd & ~FD_CLOEXEC_BIT),
			.cloexec = fds[i].flags & FS_FD_CLOEXEC,
			.next_held = MODEL_NONE,
		};
	}
	*ret = m->received;
	return 0;
}

/* A pass for a receive: of its own, or (peek) a copy of the send's side, which stays in its queue. */
static int new_received_pass(struct model *m, uint32_t sent, const struct pass_file *received,
			     uint32_t n, uint32_t *ret)
{
	struct pass_file *pf;
	uint32_t i, index;
	int err = new_pass(m, &index);

	for (i = 0; i < n && err == 0; i++) {
		err = new_pass_file(m, received[i].file, &pf);
		if (err == 0 && sent != MODEL_NONE)
			pf->from_fd = m->pass_files[m->passes[sent].first_file + i].from_fd;
		if (err < 0)
			drop_newest_pass(m);
	}
	if (err < 0)
		return err;
	if (sent != MODEL_NONE) {
		m->passes[index].from = m->passes[sent].from;
		m->passes[index].from_tid = m->passes[sent].from_tid;
		m->passes[index].sent_ts = m->passes[sent].sent_ts;
	}
	*ret = index;
	return 0;
}

static int on_recv(struct model *m, uint32_t process, const struct fs_ev_fd_pass *e)
{
	bool truncated = e->pass_flags & FS_PASS_CTRUNC, peek = e->pass_flags & FS_PASS_PEEK;
	struct pass_file *received;
	struct passer *passer;
	uint32_t sent, index;
	int err = read_received(m, e, &received);

	if (err == 0)
		err = get_passer(m, process, e->h.tid, &passer);
	if (err < 0)
		return err;
	sent = match_send(m, e->sock_ino, received, e->count, truncated, peek);
	if (sent == MODEL_NONE && e->sock_ino)
		sent = match_send(m, 0, received, e->count, truncated, peek);
	index = sent;
	if (sent == MODEL_NONE || peek) {
		err = new_received_pass(m, sent, received, e->count, &index);
		if (err == 0 && sent == MODEL_NONE && !peek && e->sock_ino)
			err = enqueue(m, &m->recvs_at, e->sock_ino, index);
		if (err < 0)
			return err;
	}
	m->passes[index].sock_ino = e->sock_ino;
	m->passes[index].truncated = truncated;
	m->passes[index].peek = peek;
	m->passes[index].prev_recv = passer->last_recv;
	passer->last_recv = index;
	return take_in(m, index, process, &e->h, received, e->count, CHANGE_RECV);
}

static int on_getfd(struct model *m, uint32_t process, const struct fs_ev_fd_getfd *e)
{
	struct pass_file one = { .to_fd = (int32_t)(e->fd & ~FD_CLOEXEC_BIT),
				 .from_fd = -1,
				 .cloexec = true /* it always sets it */ };
	uint32_t from, index;
	int err = get_process(m, e->from_pid, e->from_start_ns, &from);

	if (err == 0)
		err = get_file(m, e->file, &one.file);
	if (err == 0)
		err = new_received_pass(m, MODEL_NONE, &one, 1, &index);
	if (err < 0)
		return err;
	m->passes[index].via = PASS_PIDFD_GETFD;
	m->passes[index].from = from;
	m->passes[index].sent_ts = e->h.ts_ns;
	m->pass_files[m->passes[index].first_file].from_fd = (int32_t)e->from_fd;
	return take_in(m, index, process, &e->h, &one, 1, CHANGE_GETFD);
}

/* A failed send waits in its queue like any other: it is taken out where it lies. */
static void forget_send(struct model *m, uint32_t pass)
{
	uint64_t *ends = hashmap_find(&m->sends_to, m->passes[pass].sock_ino, 0);
	uint32_t at, before = MODEL_NONE;

	if (!ends)
		return;
	for (at = (uint32_t)(*ends >> 32); at != MODEL_NONE; at = m->passes[at].next_queued) {
		if (at == pass) {
			unqueue(m, ends, at, before);
			return;
		}
		before = at;
	}
}

/* The messages of one sendmmsg have rising numbers: a number that does not fall ends the way back. */
static int on_send_failed(struct model *m, uint32_t process, const struct fs_ev_fd_send_failed *e)
{
	uint32_t at, later = MODEL_NONE;
	uint64_t index;

	if (!hashmap_get(&m->by_passer, process, e->h.tid, &index))
		return 0;
	at = m->passers[index].last_send;
	while (at != MODEL_NONE) {
		struct fd_pass *pass = &m->passes[at];

		if (pass->message >= later || pass->error || pass->message < e->messages)
			break;
		if (!pass->received_ts) {
			pass->error = e->error;
			forget_send(m, at);
		}
		later = pass->message;
		if (later == 0)
			break;
		at = pass->prev_send;
	}
	return 0;
}

int add_pass(struct model *m, const struct fs_event *e)
{
	const struct fs_ev_fd_pass *pass = (const void *)e;
	const void *any = e;
	uint32_t process;
	int err;

	if (e->type < FS_EV_FD_SEND ||
	    (e->type > FS_EV_FD_GETFD && e->type != FS_EV_FD_SEND_FAILED))
		return 1;
	err = get_actor(m, e, &process);
	if (err < 0 || process == MODEL_NONE)
		return err;
	if (e->type == FS_EV_FD_GETFD)
		return on_getfd(m, process, any);
	if (e->type == FS_EV_FD_SEND_FAILED)
		return on_send_failed(m, process, any);
	if (pass->count > (e->size - sizeof(*pass)) / sizeof(struct fs_fd))
		return 0;
	err = fds_mark_used(m, process, pass->sock_fd & ~FD_CLOEXEC_BIT, FILE_UNKNOWN);
	if (err < 0)
		return err;
	return e->type == FS_EV_FD_SEND ? on_send(m, process, pass) : on_recv(m, process, pass);
}

/* What the forking thread had received since its fork before may be a request for this child. */
void pass_note_fork(struct model *m, uint32_t child, uint32_t creator, uint32_t tid)
{
	struct passer *passer;
	uint64_t index;

	if (!hashmap_get(&m->by_passer, creator, tid, &index))
		return;
	passer = &m->passers[index];
	m->work[child].request = passer->last_recv;
	m->work[child].request_stop = passer->fork_mark;
	passer->fork_mark = passer->last_recv;
}

void pass_let_go(struct model *m, uint32_t process, uint32_t fd, uint32_t file, uint64_t ts)
{
	uint32_t *link = &m->work[process].held_passes;

	for (; *link != MODEL_NONE; link = &m->pass_files[*link].next_held) {
		struct pass_file *pf = &m->pass_files[*link];

		if ((uint32_t)pf->to_fd == fd && pf->file == file) {
			pf->let_go_ts = ts;
			*link = pf->next_held;
			return;
		}
	}
}

void pass_check_table(struct model *m, uint32_t process, const struct interned *table, uint64_t ts)
{
	uint32_t *link = &m->work[process].held_passes;

	while (*link != MODEL_NONE) {
		struct pass_file *pf = &m->pass_files[*link];

		if (table_has(table, (uint32_t)pf->to_fd, pf->file)) {
			link = &pf->next_held;
		} else {
			pf->let_go_ts = ts;
			*link = pf->next_held;
		}
	}
}
