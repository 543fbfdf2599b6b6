/* SPDX-License-Identifier: MIT */
/*
 * Processes and threads: birth, life and end.
 *
 * A process that others merely name (a creator or reaper outside of the trace) gets an entry too, so that
 * all can be told by index; only an event about itself makes it `in_trace`.
 */
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <sys/wait.h>

#include "model/impl.h"
#include "model/mechanism.h"

void copy_comm(char *to, const char *from)
{
	memcpy(to, from, 16);
	to[15] = '\0';
}

static void init_process(struct process *p, uint32_t pid, uint64_t start_ns)
{
	*p = (struct process){
		.start_ns = start_ns,
		.pid = pid,
		.number = MODEL_NONE,
		.parent = MODEL_NONE,
		.creator = MODEL_NONE,
		.logical_parent = MODEL_NONE,
		.threads = 1,
		.first_thread = MODEL_NONE,
		.first_image = MODEL_NONE,
		.last_image = MODEL_NONE,
		.born_image = MODEL_NONE,
		.first_failed_exec = MODEL_NONE,
		.last_failed_exec = MODEL_NONE,
		.reaper = MODEL_NONE,
		.reparented_to = MODEL_NONE,
		.killer = MODEL_NONE,
		.last_change = MODEL_NONE,
		.where = MODEL_NONE,
		.first_module = MODEL_NONE,
	};
}

static void init_work(struct process_work *w)
{
	*w = (struct process_work){
		.request = MODEL_NONE,
		.request_stop = MODEL_NONE,
		.held_passes = MODEL_NONE,
		.last_signal_from = MODEL_NONE,
		.maybe_reaper = MODEL_NONE,
		.last_call = MODEL_NONE,
	};
}

/* When a process started, from its identity: good for those whose fork was not seen. */
static uint64_t birth_from_start(const struct model *m, const struct process *p)
{
	int64_t ts = (int64_t)(p->start_ns - (uint64_t)m->options.boot_offset_ns);

	return p->start_ns && ts > 0 ? (uint64_t)ts : 0;
}

static int new_process(struct model *m, uint32_t pid, uint64_t start_ns, uint32_t *ret)
{
	uint32_t index = (uint32_t)m->process_count;
	uint64_t other;
	int err;

	if (m->process_count >= MODEL_NONE ||
	    grow(&m->processes, &m->process_room, m->process_count, 1, sizeof(*m->processes)) < 0 ||
	    grow(&m->work, &m->work_room, m->process_count, 1, sizeof(*m->work)) < 0)
		return -ENOMEM;
	err = hashmap_put(&m->by_key, pid, start_ns, index);
	if (err < 0)
		return err;
	if (!hashmap_get(&m->by_pid, pid, 0, &other) || m->processes[other].start_ns <= start_ns) {
		err = hashmap_put(&m->by_pid, pid, 0, index);
		if (err < 0) {
			hashmap_remove(&m->by_key, pid, start_ns);
			return err;
		}
	}
	init_process(&m->processes[index], pid, start_ns);
	init_work(&m->work[index]);
	m->process_count++;
	if (pid == m->options.target_pid && m->target == MODEL_NONE &&
	    (!m->options.target_start_ns || start_ns == m->options.target_start_ns)) {
		m->processes[index].is_target = true;
		m->processes[index].in_trace = true;
		m->processes[index].birth_ts = birth_from_start(m, &m->processes[index]);
		m->target = index;
	}
	*ret = index;
	return 0;
}

uint32_t model_find_process(const struct model *m, uint32_t pid, uint64_t start_ns)
{
	uint64_t index;

	if (start_ns && hashmap_get(&m->by_key, pid, start_ns, &index))
		return (uint32_t)index;
	if (!start_ns && hashmap_get(&m->by_pid, pid, 0, &index))
		return (uint32_t)index;
	return MODEL_NONE;
}

/* The entry of a process, made if need be. pid 0 is nobody. */
int get_process(struct model *m, uint32_t pid, uint64_t start_ns, uint32_t *ret)
{
	uint32_t index;

	if (!pid) {
		*ret = MODEL_NONE;
		return 0;
	}
	index = model_find_process(m, pid, start_ns);
	if (index == MODEL_NONE)
		return new_process(m, pid, start_ns, ret);
	*ret = index;
	return 0;
}

int get_actor(struct model *m, const struct fs_event *e, uint32_t *ret)
{
	struct process *p;
	int err = get_process(m, e->pid, e->start_ns, ret);

	if (err < 0 || *ret == MODEL_NONE)
		return err;
	p = &m->processes[*ret];
	if (!p->in_trace) {
		p->in_trace = true;
		p->birth_ts = birth_from_start(m, p);
	}
	if (e->ns_pid)
		p->ns_pid = e->ns_pid;
	return 0;
}

static void born_with(struct process *c, const struct process *creator)
{
	if (!creator)
		return;
	c->born_image = creator->last_image != MODEL_NONE ? creator->last_image
							  : creator->born_image;
	if (!c->state_at_start)
		c->state_at_start = c->state_now = creator->state_now;
	if (!c->attached_argv) {
		c->attached_argv = creator->attached_argv;
		c->attached_exe = creator->attached_exe;
	}
}

/* glibc's fork is a clone; who calls fork by its own number, or a clone of another shape, went past libc. */
static bool is_raw_fork(const struct fs_ev_fork *e, uint8_t mechanism)
{
	if (e->h.flags & FS_EVENT_COMPAT || e->clone_flags & 0x100)
		return false;
	return mechanism == MECHANISM_CLONE || mechanism == MECHANISM_CLONE3 ||
	       (mechanism == MECHANISM_FORK && e->syscall == 57);
}

void process_born_with(struct model *m, uint32_t child, uint32_t creator)
{
	born_with(&m->processes[child], &m->processes[creator]);
}

/* Whoever waits for a child in another pid namespace knows it by its number there alone. */
static int note_ns_pid(struct model *m, uint32_t waiter, uint32_t child)
{
	const struct process *c = &m->processes[child];

	if (c->ns_pid == 0 || c->ns_pid == c->pid)
		return 0;
	return hashmap_put(&m->by_ns_pid, waiter, c->ns_pid, child);
}

static int on_fork(struct model *m, const struct fs_ev_fork *e)
{
	uint32_t creator, parent, child;
	struct process *c;
	int err;

	err = get_process(m, e->h.pid, e->h.start_ns, &creator);
	if (err == 0)
		err = get_process(m, e->parent_pid, e->parent_start_ns, &parent);
	if (err == 0)
		err = get_process(m, e->child_pid, e->child_start_ns, &child);
	if (err < 0 || child == MODEL_NONE)
		return err;
	c = &m->processes[child];
	if (c->knows_fork || child == creator || child == parent)
		return 0;
	c->in_trace = true;
	c->knows_fork = true;
	c->birth_ts = e->h.ts_ns;
	c->ns_pid = e->child_ns_pid;
	c->clone_flags = e->clone_flags;
	c->creator_blocked = e->creator_blocked;
	c->creator_rss_kb = e->parent_rss_kb;
	c->creator_pgtables_kb = e->parent_pgtables_kb;
	c->parent = parent;
	c->creator = creator;
	c->creator_tid = e->h.tid;
	c->threads_at_fork = e->threads;
	c->mechanism = mechanism_of(e);
	c->raw_call = is_raw_fork(e, c->mechanism);
	if (!c->execed)
		copy_comm(c->comm, e->comm);
	if (parent != MODEL_NONE)
		m->processes[parent].children++;
	born_with(c, creator == MODEL_NONE ? NULL : &m->processes[creator]);
	if (creator != MODEL_NONE) {
		pass_note_fork(m, child, creator, e->h.tid);
		intent_note_fork(m, child, creator, e->h.tid);
	}
	err = note_ns_pid(m, parent, child);
	return err < 0 ? err : fds_of_fork(m, child);
}

static int on_fork_done(struct model *m, const struct fs_ev_fork_done *e)
{
	uint32_t child, creator;

	if (e->ret < 0 || !e->child_pid) {
		creator = model_find_process(m, e->h.pid, e->h.start_ns);
		if (creator != MODEL_NONE)
			m->processes[creator].failed_forks++;
		return 0;
	}
	child = model_find_process(m, e->child_pid, e->child_start_ns);
	if (child == MODEL_NONE)
		return 0;
	m->processes[child].call_enter_ts = e->enter_ns;
	m->processes[child].call_done_ts = e->h.ts_ns;
	return 0;
}

static int new_thread(struct model *m, uint32_t process, uint32_t tid, struct thread **ret)
{
	struct process *p = &m->processes[process];
	uint32_t index = (uint32_t)m->thread_count;
	int err;

	if (m->thread_count >= MODEL_NONE ||
	    grow(&m->threads, &m->thread_room, m->thread_count, 1, sizeof(*m->threads)) < 0)
		return -ENOMEM;
	err = hashmap_put(&m->by_tid, process, tid, index);
	if (err < 0)
		return err;
	m->threads[index] =
		(struct thread){ .process = process, .tid = tid, .next = p->first_thread };
	p->first_thread = index;
	p->threads++;
	m->thread_count++;
	*ret = &m->threads[index];
	return 0;
}

static int on_thread_start(struct model *m, const struct fs_ev_thread_start *e)
{
	struct thread *t;
	uint32_t process;
	int err = get_actor(m, &e->h, &process);

	if (err < 0 || process == MODEL_NONE)
		return err;
	err = new_thread(m, process, e->new_tid, &t);
	if (err < 0)
		return err;
	t->start_ts = e->h.ts_ns;
	t->ns_tid = e->new_ns_tid;
	t->creator_tid = e->h.tid;
	copy_comm(t->comm, e->comm);
	return 0;
}

static int on_thread(struct model *m, const struct fs_ev_thread *e)
{
	struct thread *t;
	uint32_t process;
	int64_t ts = (int64_t)(e->thread_start_ns - (uint64_t)m->options.boot_offset_ns);
	int err = get_actor(m, &e->h, &process);

	if (err < 0 || process == MODEL_NONE || e->h.tid == e->h.pid ||
	    hashmap_get(&m->by_tid, process, e->h.tid, NULL))
		return err;
	err = new_thread(m, process, e->h.tid, &t);
	if (err < 0)
		return err;
	t->start_ts = e->thread_start_ns && ts > 0 ? (uint64_t)ts : 0;
	t->attached = true;
	copy_comm(t->comm, e->comm);
	return 0;
}

static struct thread *find_thread(struct model *m, uint32_t process, uint32_t tid)
{
	uint64_t index;

	return hashmap_get(&m->by_tid, process, tid, &index) ? &m->threads[index] : NULL;
}

static int on_thread_exit(struct model *m, const struct fs_ev_thread_exit *e)
{
	struct thread *t;
	uint32_t process;
	int err = get_actor(m, &e->h, &process);

	if (err < 0 || process == MODEL_NONE)
		return err;
	if (e->h.tid == e->h.pid) {
		m->processes[process].leader_exit_ts = e->h.ts_ns;
		return 0;
	}
	t = find_thread(m, process, e->h.tid);
	if (!t) {
		err = new_thread(m, process, e->h.tid, &t);
		if (err < 0)
			return err;
	}
	t->end_ts = e->h.ts_ns;
	t->exit_code = e->exit_code;
	copy_comm(t->comm, e->comm);
	return 0;
}

static int on_rename(struct model *m, const struct fs_ev_rename *e)
{
	struct thread *t;
	uint32_t process;
	int err = get_actor(m, &e->h, &process);

	if (err < 0 || process == MODEL_NONE)
		return err;
	if (e->h.tid == e->h.pid) {
		copy_comm(m->processes[process].comm, e->comm);
		return 0;
	}
	t = find_thread(m, process, e->h.tid);
	if (t)
		copy_comm(t->comm, e->comm);
	return 0;
}

static int on_exit(struct model *m, const struct fs_ev_exit *e)
{
	struct process *p;
	struct process_work *w;
	uint32_t index, parent;
	int err = get_actor(m, &e->h, &index);

	if (err < 0 || index == MODEL_NONE || m->processes[index].ended)
		return err;
	err = get_process(m, e->parent_pid, e->parent_start_ns, &parent);
	if (err < 0)
		return err;
	p = &m->processes[index];
	w = &m->work[index];
	p->ended = true;
	p->end_ts = e->h.ts_ns;
	p->knows_status = true;
	p->status = e->status;
	p->cpu_ns = e->cpu_ns;
	p->minor_faults = e->minor_faults;
	p->major_faults = e->major_faults;
	p->rss_peak_kb = e->peak_rss_kb;
	p->autoreaped = e->exit_flags & FS_EXIT_AUTOREAP;
	p->died_in_exec = e->exit_flags & FS_EXIT_BEFORE_EXEC;
	if (!p->comm[0])
		copy_comm(p->comm, e->comm);
	/* The event of the reparenting itself may be lost; the parent at the end tells it too. */
	if (p->reparented_to == MODEL_NONE && p->parent != MODEL_NONE && parent != p->parent)
		p->reparented_to = parent;
	if (WIFSIGNALED((int)e->status) && w->last_signal == (uint32_t)WTERMSIG((int)e->status))
		p->killer = w->last_signal_from;
	end_argv(m, index);
	settle_pipe(m, index);
	fds_of_exit(m, index);
	return 0;
}

/* A reaped child whose number is known only in the waiter's pid namespace. */
static uint32_t child_by_ns_pid(const struct model *m, const struct fs_ev_reap *e)
{
	uint64_t child;

	if (!hashmap_get(&m->by_ns_pid, model_find_process(m, e->h.pid, e->h.start_ns),
			 e->child_ns_pid, &child))
		return MODEL_NONE;
	return child;
}

static int on_reap(struct model *m, const struct fs_ev_reap *e)
{
	uint32_t reaper, child;
	struct process *p;
	int err;

	if (e->options & WNOWAIT)
		return 0;
	if (e->child_pid)
		child = model_find_process(m, e->child_pid, e->child_start_ns);
	else
		child = child_by_ns_pid(m, e);
	if (child == MODEL_NONE || m->processes[child].reaped)
		return 0;
	err = get_process(m, e->h.pid, e->h.start_ns, &reaper);
	if (err < 0)
		return err;
	p = &m->processes[child];
	if (p->ended) {
		p->reaped = true;
		p->reap_ts = e->h.ts_ns;
		p->reaper = reaper;
	} else if (!(e->options & (WUNTRACED | WCONTINUED))) {
		/* A stop that a debugger was told, or the end of a process whose exit is lost: judged at the end. */
		m->work[child].maybe_reaper = reaper;
		m->work[child].maybe_reap_ts = e->h.ts_ns;
	}
	return 0;
}

static int on_reparent(struct model *m, const struct fs_ev_reparent *e)
{
	uint32_t child = model_find_process(m, e->child_pid, e->child_start_ns), to;
	int err;

	if (child == MODEL_NONE)
		return 0;
	err = get_process(m, e->to_pid, e->to_start_ns, &to);
	if (err < 0)
		return err;
	m->processes[child].reparented_to = to;
	return note_ns_pid(m, to, child);
}

static int on_signal(struct model *m, const struct fs_ev_signal *e)
{
	uint32_t to = model_find_process(m, e->to_pid, e->to_start_ns), from;
	int err;

	if (to == MODEL_NONE || e->result != 0)
		return 0;
	err = get_process(m, e->h.pid, e->h.start_ns, &from);
	if (err == 0) {
		m->work[to].last_signal = e->sig;
		m->work[to].last_signal_from = from;
	}
	return err;
}

/* The facts of a state, header and occasion cleared, so that equal states are one. */
static const struct fs_ev_state *intern_state(struct model *m, const struct fs_ev_state *e)
{
	union {
		struct fs_ev_state s;
		char bytes[sizeof(struct fs_ev_state) + 4096];
	} copy;
	const struct interned *one;
	uint32_t cwd_len = e->cwd_len;

	if (cwd_len > sizeof(copy.bytes) - sizeof(copy.s) || cwd_len > e->h.size - sizeof(*e))
		cwd_len = 0;
	copy.s = *e;
	copy.s.h = (struct fs_event){ 0 };
	copy.s.when = 0;
	copy.s.cwd_len = cwd_len;
	memcpy(copy.bytes + sizeof(copy.s), (const char *)(e + 1), cwd_len);
	one = intern(&m->pool, &copy, sizeof(copy.s) + cwd_len);
	return one ? (const struct fs_ev_state *)(const void *)one->data : NULL;
}

static int on_state(struct model *m, const struct fs_ev_state *e)
{
	const struct fs_ev_state *state;
	struct process *p;
	uint32_t process;
	int err = get_actor(m, &e->h, &process);

	if (err < 0 || process == MODEL_NONE)
		return err;
	state = intern_state(m, e);
	if (!state)
		return -ENOMEM;
	p = &m->processes[process];
	if (e->when == FS_STATE_AT_FORK || e->when == FS_STATE_ATTACHED || !p->state_at_start)
		p->state_at_start = state;
	if (e->when == FS_STATE_AFTER_EXEC) {
		p->execed = true;
		p->state_after_exec = state;
	}
	p->state_now = state;
	p->uid = e->uid;
	return 0;
}

static int on_process(struct model *m, const struct fs_ev_process *e)
{
	const char *tail = (const char *)(e + 1);
	const struct interned *exe, *argv;
	uint32_t process, parent;
	struct process *p;
	int err = get_actor(m, &e->h, &process);

	if (err < 0 || process == MODEL_NONE || m->processes[process].knows_fork)
		return err;
	err = get_process(m, e->parent_pid, e->parent_start_ns, &parent);
	if (err < 0)
		return err;
	if ((uint64_t)e->exe_len + 1 + e->argv_len > e->h.size - sizeof(*e))
		return 0;
	exe = intern(&m->pool, tail, e->exe_len);
	argv = intern(&m->pool, tail + e->exe_len + 1, e->argv_len);
	if (!exe || !argv)
		return -ENOMEM;
	p = &m->processes[process];
	p->attached = true;
	p->kthread = e->kthread != 0;
	p->parent = parent != process ? parent : MODEL_NONE;
	p->attached_exe = exe;
	p->attached_argv = argv;
	p->attached_threads = e->threads;
	if (!p->comm[0])
		copy_comm(p->comm, e->comm);
	return 0;
}

static int on_note(struct model *m, const struct fs_event *e)
{
	const struct fs_ev_cred *cred = (const void *)e;
	const struct fs_ev_calls *calls = (const void *)e;
	struct process *p;
	uint32_t process;
	int err = get_actor(m, e, &process);

	if (err < 0 || process == MODEL_NONE)
		return err;
	p = &m->processes[process];
	switch (e->type) {
	case FS_EV_CRED:
		p->changed_ids = true;
		p->uid = cred->uid;
		break;
	case FS_EV_FIRST_WRITE:
		if (!p->ready_ts)
			p->ready_ts = e->ts_ns;
		break;
	case FS_EV_CALLS:
		p->ready_calls = calls->count;
		break;
	case FS_EV_BLIND_SPOT:
		p->io_uring = true;
		break;
	}
	return 0;
}

static int on_oom_kill(struct model *m, const struct fs_event *e)
{
	uint32_t victim = model_find_process(m, e->pid, e->start_ns);

	if (victim != MODEL_NONE)
		m->processes[victim].oom_killed = true;
	return 0;
}

int add_life(struct model *m, const struct fs_event *e)
{
	const void *any = e;

	switch (e->type) {
	case FS_EV_FORK:
		return on_fork(m, any);
	case FS_EV_FORK_DONE:
		return on_fork_done(m, any);
	case FS_EV_THREAD_START:
		return on_thread_start(m, any);
	case FS_EV_THREAD_EXIT:
		return on_thread_exit(m, any);
	case FS_EV_EXIT:
		return on_exit(m, any);
	case FS_EV_REAP:
		return on_reap(m, any);
	case FS_EV_REPARENT:
		return on_reparent(m, any);
	case FS_EV_SIGNAL:
		return on_signal(m, any);
	case FS_EV_OOM_KILL:
		return on_oom_kill(m, e);
	case FS_EV_RENAME:
		return on_rename(m, any);
	case FS_EV_STATE:
		return on_state(m, any);
	case FS_EV_PROCESS:
		return on_process(m, any);
	case FS_EV_THREAD:
		return on_thread(m, any);
	case FS_EV_CRED:
	case FS_EV_FIRST_WRITE:
	case FS_EV_CALLS:
	case FS_EV_BLIND_SPOT:
		return on_note(m, e);
	default:
		return 1;
	}
}
