/* SPDX-License-Identifier: MIT */
/*
 * What the shim tells: which call, from where; and, where the kernel witness is missing, the life of processes.
 *
 * A call that starts something is open from its `before` to its `done`, by thread. A birth inside of it is its
 * doing: by the kernel's fork event (same thread), else by what the child says of itself. With the kernel
 * witness there, processes, execs and ends are its word alone, and only `where` and the call's name are added.
 */
#include <errno.h>
#include <sys/wait.h>

#include "model/impl.h"
#include "trace/event_info.h"

static bool starts_process(uint32_t call)
{
	return call >= FS_LIBC_FORK && call <= FS_LIBC_WORDEXP;
}

static bool is_exec(uint32_t call)
{
	return call >= FS_LIBC_EXECVE && call <= FS_LIBC_EXECVEAT;
}

/* A call that makes one process at most; the others run a shell, or more. */
static bool makes_one(uint32_t call)
{
	return call <= FS_LIBC_POSIX_SPAWNP;
}

/*
 * Whose word it is. A process that the kernel witness does not know (its events were lost) is not made up of what
 * the shim says: without a start time nobody knows which one it is.
 */
static int actor(struct model *m, const struct fs_event *e, uint32_t *ret)
{
	*ret = MODEL_NONE;
	return m->options.bpf && !e->start_ns ? 0 : get_actor(m, e, ret);
}

/* --- calls --------------------------------------------------------------------------------- */

static uint32_t open_call(const struct model *m, uint32_t process, uint32_t tid)
{
	uint64_t index;

	return hashmap_get(&m->by_open_call, process, tid, &index) ? (uint32_t)index : MODEL_NONE;
}

static int begin_call(struct model *m, uint32_t process, const struct fs_ev_call *e)
{
	uint32_t index = (uint32_t)m->call_count;
	int err;

	if (m->call_count >= MODEL_NONE ||
	    grow(&m->calls, &m->call_room, m->call_count, 1, sizeof(*m->calls)) < 0)
		return -ENOMEM;
	err = hashmap_put(&m->by_open_call, process, e->h.tid, index);
	if (err < 0)
		return err;
	m->calls[m->call_count++] = (struct start_call){
		.id = e->call_id,
		.ts = e->enter_ns,
		.process = process,
		.tid = e->h.tid,
		.call = e->call,
		.threads = e->threads,
		.modules = m->processes[process].first_module,
		.handlers = m->processes[process].first_handler,
	};
	m->work[process].last_call = index;
	return 0;
}

static int on_stack(struct model *m, const struct fs_ev_stack *e)
{
	uint32_t process = model_find_process(m, e->h.pid, e->h.start_ns);
	uint32_t index = process == MODEL_NONE ? MODEL_NONE : open_call(m, process, e->h.tid);
	const uint64_t *addresses;
	struct event_text text;
	struct start_call *c;
	size_t count;

	if (index == MODEL_NONE || m->calls[index].id != e->call_id)
		return 0;
	c = &m->calls[index];
	if (e->kind == FS_STACK_NATIVE) {
		addresses = event_stack(&e->h, &count);
		c->in_handler = e->stack_flags & FS_STACK_IN_HANDLER;
		c->native = intern(&m->pool, addresses, count * sizeof(*addresses));
		return c->native ? 0 : -ENOMEM;
	}
	text = event_words(&e->h);
	c->python = intern(&m->pool, text.text, text.len);
	return c->python ? 0 : -ENOMEM;
}

static enum mechanism mechanism_of_call(uint32_t call, enum mechanism otherwise)
{
	switch (call) {
	case FS_LIBC_FORK:
	case FS_LIBC_FORK_BARE:
	case FS_LIBC_DAEMON:
	case FS_LIBC_FORKPTY:
	case FS_LIBC_WORDEXP:
		return MECHANISM_FORK;
	case FS_LIBC_VFORK:
		return MECHANISM_VFORK;
	case FS_LIBC_POSIX_SPAWN:
	case FS_LIBC_POSIX_SPAWNP:
	case FS_LIBC_SYSTEM:
	case FS_LIBC_POPEN:
		return MECHANISM_POSIX_SPAWN;
	default:
		return otherwise;
	}
}

/* The child was made by this call of its creator's thread. */
static void made_by(struct model *m, uint32_t child, uint32_t call)
{
	struct process *p = &m->processes[child];
	const struct start_call *c = &m->calls[call];

	if (p->where != MODEL_NONE)
		return;
	p->where = call;
	p->mechanism = mechanism_of_call(c->call, p->mechanism);
	if (makes_one(c->call))
		hashmap_remove(&m->by_open_call, c->process, c->tid);
}

void intent_note_fork(struct model *m, uint32_t child, uint32_t creator, uint32_t tid)
{
	uint32_t call = open_call(m, creator, tid);

	m->processes[child].first_module = m->processes[creator].first_module;
	m->processes[child].first_handler = m->processes[creator].first_handler;
	if (call != MODEL_NONE && starts_process(m->calls[call].call))
		made_by(m, child, call);
}

/* --- objects of code ----------------------------------------------------------------------- */

static int on_module(struct model *m, const struct fs_ev_dlopen *e)
{
	struct event_text path = event_filename(&e->h);
	uint32_t process, index = (uint32_t)m->module_count;
	struct module *module;
	int err = actor(m, &e->h, &process);

	if (err < 0 || process == MODEL_NONE)
		return err;
	if (m->module_count >= MODEL_NONE ||
	    grow(&m->modules, &m->module_room, m->module_count, 1, sizeof(*m->modules)) < 0)
		return -ENOMEM;
	module = &m->modules[index];
	*module = (struct module){
		.base = e->base,
		.start = e->start,
		.end = e->end,
		.path = path.len ? intern(&m->pool, path.text, path.len)
				 : m->processes[process].exe,
		.build_id = intern(&m->pool, e->build_id, e->build_id_len),
		.next = m->processes[process].first_module,
	};
	if (!module->build_id || (path.len && !module->path))
		return -ENOMEM;
	m->module_count++;
	m->processes[process].first_module = index;
	return 0;
}

static int on_handler(struct model *m, const struct fs_ev_handler *e)
{
	uint32_t process, index = (uint32_t)m->handler_count;
	int err = actor(m, &e->h, &process);

	if (err < 0 || process == MODEL_NONE)
		return err;
	if (m->handler_count >= MODEL_NONE ||
	    grow(&m->handlers, &m->handler_room, m->handler_count, 1, sizeof(*m->handlers)) < 0)
		return -ENOMEM;
	m->handlers[index] = (struct handler){ .caller = e->caller,
					       .kind = e->kind,
					       .next = m->processes[process].first_handler };
	memcpy(m->handlers[index].functions, e->functions, sizeof(e->functions));
	m->handler_count++;
	m->processes[process].first_handler = index;
	return 0;
}

const struct handler *model_handler(const struct model *m, uint32_t index)
{
	return index < m->handler_count ? &m->handlers[index] : NULL;
}

static const struct module *find_module(const struct model *m, uint32_t newest, uint64_t address)
{
	for (uint32_t i = newest; i != MODEL_NONE; i = m->modules[i].next)
		if (address >= m->modules[i].start && address < m->modules[i].end)
			return &m->modules[i];
	return NULL;
}

const struct module *model_module_at(const struct model *m, const struct start_call *c,
				     uint64_t address)
{
	return find_module(m, c->modules, address);
}

const struct module *model_process_module_at(const struct model *m, uint32_t process,
					     uint64_t address)
{
	const struct process *p = model_process(m, process);

	return p ? find_module(m, p->first_module, address) : NULL;
}

/* --- life, where only the shim tells it ------------------------------------------------------ */

/* By which open call of its creator's. A child that met the processor late is told first without it. */
static void born_by(struct model *m, uint32_t child, uint32_t call)
{
	struct process *p = &m->processes[child];

	if (call == MODEL_NONE || p->where != MODEL_NONE || p->creator != m->calls[call].process)
		return;
	p->creator_tid = m->calls[call].tid;
	p->threads_at_fork = m->calls[call].threads;
	made_by(m, child, call);
}

/* The child's birth by the shim's word. call: the creator's open call; MODEL_NONE: not known. */
static int born(struct model *m, uint32_t child, uint32_t parent_pid, uint64_t ts, uint32_t call)
{
	uint32_t parent = model_find_process(m, parent_pid, 0);
	struct process *p = &m->processes[child];

	if (p->is_target || child == parent || parent == MODEL_NONE)
		return 0;
	if (p->knows_fork) {
		born_by(m, child, call);
		return 0;
	}
	p->in_trace = true;
	p->knows_fork = true;
	p->birth_ts = ts;
	p->parent = p->creator = parent;
	m->processes[parent].children++;
	born_by(m, child, call);
	if (p->first_module == MODEL_NONE)
		p->first_module = m->processes[parent].first_module;
	if (p->first_handler == MODEL_NONE)
		p->first_handler = m->processes[parent].first_handler;
	if (!p->comm[0])
		copy_comm(p->comm, m->processes[parent].comm);
	process_born_with(m, child, parent);
	pass_note_fork(m, child, parent, p->creator_tid);
	return 0;
}

static bool is_open(const struct model *m, uint32_t call)
{
	return call != MODEL_NONE && starts_process(m->calls[call].call) &&
	       open_call(m, m->calls[call].process, m->calls[call].tid) == call;
}

/* The call of the parent that made this child: the newest, if it still runs. */
static uint32_t call_of_parent(const struct model *m, uint32_t parent_pid)
{
	uint32_t parent = model_find_process(m, parent_pid, 0);
	uint32_t call = parent == MODEL_NONE ? MODEL_NONE : m->work[parent].last_call;

	return is_open(m, call) ? call : MODEL_NONE;
}

static int on_hello(struct model *m, const struct fs_ev_shim_hello *e)
{
	struct event_text exe = event_filename(&e->h), argv = event_argv(&e->h);
	const struct interned *named;
	uint32_t process;
	struct process *p;
	int err = actor(m, &e->h, &process);

	if (err < 0 || process == MODEL_NONE)
		return err;
	p = &m->processes[process];
	p->shim = true;
	p->first_module = p->first_handler = MODEL_NONE;
	p->exe = intern(&m->pool, exe.text, exe.len);
	if (!p->exe)
		return -ENOMEM;
	if (m->options.bpf)
		return 0;
	err = born(m, process, e->parent_pid, e->h.ts_ns, call_of_parent(m, e->parent_pid));
	if (err < 0)
		return err;
	named = m->work[process].exec_name ? m->work[process].exec_name : m->processes[process].exe;
	m->work[process].exec_name = NULL;
	return image_by_shim(m, process, e, named, argv.text, argv.len);
}

static int on_in_child(struct model *m, const struct fs_ev_call *e)
{
	uint32_t child, parent = model_find_process(m, e->parent_pid, 0);
	uint32_t call = parent == MODEL_NONE ? MODEL_NONE : m->work[parent].last_call;
	int err = actor(m, &e->h, &child);

	if (err < 0 || child == MODEL_NONE)
		return err;
	m->processes[child].shim = true;
	while (call != MODEL_NONE && call > 0 && m->calls[call].id != e->call_id &&
	       m->work[parent].last_call - call < 64)
		call--;
	if (call != MODEL_NONE && m->calls[call].id != e->call_id)
		call = MODEL_NONE;
	if (m->options.bpf) {
		if (call != MODEL_NONE)
			made_by(m, child, call);
		return 0;
	}
	return born(m, child, e->parent_pid, e->enter_ns, call);
}

/* An exec begins: by it a vfork child may be met for the first time. */
static int on_exec_call(struct model *m, const struct fs_ev_call *e)
{
	struct event_text name = event_filename(&e->h);
	uint32_t process;
	int err = actor(m, &e->h, &process);

	if (err < 0 || process == MODEL_NONE)
		return err;
	m->processes[process].shim_gap = e->shim_gap;
	if (m->options.bpf)
		return 0;
	if (e->call_flags & FS_LIBC_FROM_VFORK)
		err = born(m, process, e->parent_pid, e->enter_ns,
			   call_of_parent(m, e->parent_pid));
	m->work[process].exec_name = name.len ? intern(&m->pool, name.text, name.len) : NULL;
	return err;
}

static int on_ending(struct model *m, const struct fs_ev_call *e)
{
	uint32_t process;
	struct process *p;
	int err = actor(m, &e->h, &process);

	if (err < 0 || process == MODEL_NONE)
		return err;
	if (e->call == FS_LIBC_EXIT && e->call_flags & FS_LIBC_FROM_VFORK)
		m->processes[process].vfork_exit = true;
	if (m->options.bpf)
		return 0;
	if (e->call_flags & FS_LIBC_FROM_VFORK)
		err = born(m, process, e->parent_pid, e->enter_ns,
			   call_of_parent(m, e->parent_pid));
	p = &m->processes[process];
	p->ended = true;
	p->end_ts = e->h.ts_ns;
	p->knows_status = true;
	p->status = (e->status & 0xff) << 8;
	return err;
}

static int on_waited(struct model *m, const struct fs_ev_call *e)
{
	uint32_t child = model_find_process(m, e->child_pid, e->child_start_ns), reaper;
	struct process *p;
	int err = actor(m, &e->h, &reaper);

	if (err < 0 || m->options.bpf || child == MODEL_NONE || m->processes[child].reaped)
		return err;
	p = &m->processes[child];
	if (!p->ended)
		p->end_ts = e->h.ts_ns;
	p->ended = p->reaped = true;
	p->reap_ts = e->h.ts_ns;
	p->reaper = reaper;
	if (e->status != UINT32_MAX) {
		p->status = e->status;
		p->knows_status = true;
	}
	return 0;
}

static int on_done(struct model *m, const struct fs_ev_call *e)
{
	uint32_t process = model_find_process(m, e->h.pid, e->h.start_ns), call, child;
	int err = 0;

	if (process == MODEL_NONE)
		return 0;
	call = open_call(m, process, e->h.tid);
	if (call != MODEL_NONE && m->calls[call].id != e->call_id)
		call = MODEL_NONE;
	if (e->child_pid && !m->options.bpf) {
		err = get_process(m, e->child_pid, e->child_start_ns, &child);
		if (err == 0)
			err = born(m, child, e->h.pid, e->enter_ns, call);
		if (err == 0 && m->processes[child].creator == process) {
			m->processes[child].call_enter_ts = e->enter_ns;
			m->processes[child].call_done_ts = e->h.ts_ns;
		}
	} else if (e->error && starts_process(e->call) && !m->options.bpf) {
		m->processes[process].failed_forks++;
	}
	if (call != MODEL_NONE)
		hashmap_remove(&m->by_open_call, process, e->h.tid);
	return err;
}

static int on_call(struct model *m, const struct fs_ev_call *e)
{
	uint32_t process;
	int err;

	if (e->call == FS_LIBC_WAIT)
		return on_waited(m, e);
	if (e->phase == FS_PHASE_IN_CHILD)
		return on_in_child(m, e);
	if (e->phase == FS_PHASE_DONE)
		return on_done(m, e);
	if (is_exec(e->call))
		return on_exec_call(m, e);
	if (e->call >= FS_LIBC_EXIT && e->call <= FS_LIBC_QUICK_EXIT)
		return on_ending(m, e);
	if (!starts_process(e->call))
		return 0;
	err = actor(m, &e->h, &process);
	if (err < 0 || process == MODEL_NONE)
		return err;
	return begin_call(m, process, e);
}

int add_intent(struct model *m, const struct fs_event *e)
{
	const void *any = e;

	switch (e->type) {
	case FS_EV_SHIM_HELLO:
		return on_hello(m, any);
	case FS_EV_CALL:
		return on_call(m, any);
	case FS_EV_STACK:
		return on_stack(m, any);
	case FS_EV_DLOPEN:
		return on_module(m, any);
	case FS_EV_HANDLER:
		return on_handler(m, any);
	default:
		return 1;
	}
}

const struct start_call *model_call(const struct model *m, uint32_t index)
{
	return index < m->call_count ? &m->calls[index] : NULL;
}

size_t model_call_count(const struct model *m)
{
	return m->call_count;
}

int model_set_symbols(struct model *m, uint32_t call, const char *lines, size_t len)
{
	const struct interned *text = intern(&m->pool, lines, len);

	if (!text)
		return -ENOMEM;
	m->calls[call].symbols = text;
	return 0;
}

const char *model_call_name(const struct start_call *c)
{
	return event_call_name(c->call);
}
