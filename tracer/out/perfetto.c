/* SPDX-License-Identifier: MIT */
/*
 * A trace for Perfetto (ui.perfetto.dev): track events as protocol buffers.
 *
 * Perfetto takes a pid for a process, so that one which is used twice would merge two of them. So no process
 * or thread is declared: tracks are plain, known by ids of our own, and the pid is an annotation. A track is
 * a lane: the children of a process run in lanes under its own, and a lane is used again once who ran in it is
 * gone, so that a build of 10,000 short commands needs as many lanes as ran at once.
 *
 * An arrow (flow) is drawn between slices: what starts a process or passes an fd gets a slice without length to
 * hold it. Slices of a lane must nest, so each process's steps are written in order of time, and at the same
 * instant in the order of `enum step_kind`.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "base/grow.h"
#include "model/marks.h"
#include "out/export.h"
#include "out/span.h"
#include "out/text_parts.h"
#include "out/track_event.h"

/* Arrows of starts, of passings, and from a request to the child it was for. */
#define FLOW_START(number) ((uint64_t)(number) + 1)
#define FLOW_PASS(index) ((uint64_t)1 << 40 | (index))
#define FLOW_REQUEST(number) ((uint64_t)2 << 40 | (number))

/* In the order in which they follow each other at one instant. */
enum step_kind {
	STEP_PROCESS,
	STEP_FINDING,
	STEP_WINDOW,
	STEP_WINDOW_END,
	STEP_IMAGE_END, /* another exec follows */
	STEP_IMAGE,
	STEP_FAILED_EXEC,
	STEP_RECEIVE,
	STEP_START,
	STEP_SEND,
	STEP_WINDOW_LAST, /* ended without exec */
	STEP_IMAGE_LAST,
	STEP_PROCESS_END,
	STEP_ZOMBIE,
	STEP_ZOMBIE_END,
};

struct step {
	uint64_t ts;
	uint32_t process; /* its number */
	uint32_t index; /* of what the kind says */
	uint8_t kind;
};

/* A track. Number 0 is the root. */
struct lane {
	uint64_t free_ts;
	uint32_t first, last, next; /* lanes below, a chain; 0: none */
	uint32_t subs;
	bool of_threads;
};

struct perfetto {
	const struct model *m;
	const struct findings *findings;
	struct track_writer w;
	struct buffer text;
	struct step *steps;
	size_t count, room;
	struct lane *lanes;
	size_t lane_count, lane_room;
	uint32_t *lane_of; /* by process index */
};

static const char *escaped(struct perfetto *p, const char *text, size_t len)
{
	buffer_reset(&p->text);
	escape_append(&p->text, text, len);
	return buffer_text(&p->text);
}

/* --- lanes --- */

/* A lane below `parent` that is free at that time, an old one or a new one. */
static uint32_t take_lane(struct perfetto *p, uint32_t parent, bool of_threads, struct span s,
			  const char *comm)
{
	struct buffer name = { 0 };
	uint32_t lane;

	for (lane = p->lanes[parent].first; lane; lane = p->lanes[lane].next)
		if (p->lanes[lane].free_ts <= s.from_ts && p->lanes[lane].of_threads == of_threads)
			break;
	if (!lane) {
		if (grow(&p->lanes, &p->lane_room, p->lane_count, 1, sizeof(*p->lanes)) < 0) {
			p->w.error = -ENOMEM;
			return 0;
		}
		lane = (uint32_t)p->lane_count++;
		p->lanes[lane] = (struct lane){ .of_threads = of_threads };
		if (p->lanes[parent].last)
			p->lanes[p->lanes[parent].last].next = lane;
		else
			p->lanes[parent].first = lane;
		p->lanes[parent].last = lane;
		/* Lanes of one name would be drawn as one. */
		add_comm_text(&name, comm);
		buffer_printf(&name, " #%u", ++p->lanes[parent].subs);
		track_describe(&p->w, lane, parent, buffer_text(&name));
		buffer_free(&name);
	}
	p->lanes[lane].free_ts = s.to_ts;
	return lane;
}

static int make_lanes(struct perfetto *p)
{
	size_t i;

	p->lane_of = calloc(model_process_count(p->m) + 1, sizeof(*p->lane_of));
	if (!p->lane_of || grow(&p->lanes, &p->lane_room, 0, 1, sizeof(*p->lanes)) < 0)
		return -ENOMEM;
	p->lanes[0] = (struct lane){ 0 };
	p->lane_count = 1;
	track_describe(&p->w, 0, 0, "forkscope");
	/* A parent comes before its children: its lane is there. */
	for (i = 0; i < model_born_count(p->m) && !p->w.error; i++) {
		uint32_t index = model_born(p->m, i);
		const struct process *process = model_process(p->m, index);
		const struct process *parent = model_process(p->m, process->parent);
		struct span s = process_span(p->m, process);
		bool inside = parent && parent->in_trace && parent->number < process->number;

		if (process->reap_ts > s.to_ts)
			s.to_ts = process->reap_ts;
		p->lane_of[index] = take_lane(p, inside ? p->lane_of[process->parent] : 0, false, s,
					      process->comm);
	}
	return p->w.error;
}

/* --- steps --- */

static void add_step(struct perfetto *p, uint32_t process, enum step_kind kind, uint64_t ts,
		     uint32_t index)
{
	const struct process *of = model_process(p->m, process);

	if (!of || !of->in_trace)
		return;
	if (grow(&p->steps, &p->room, p->count, 1, sizeof(*p->steps)) < 0) {
		p->w.error = -ENOMEM;
		return;
	}
	p->steps[p->count++] = (struct step){
		.ts = ts, .process = of->number, .index = index, .kind = (uint8_t)kind
	};
}

static void add_images(struct perfetto *p, uint32_t index, struct span life)
{
	const struct process *process = model_process(p->m, index);
	const struct image *image;
	bool any = false;
	uint32_t at;

	for (at = process->first_image; (image = model_image(p->m, at)); at = image->next) {
		uint64_t ts = span_clamp(life, image->ts);

		if (any)
			add_step(p, index, STEP_IMAGE_END, ts, at);
		add_step(p, index, STEP_IMAGE, ts, at);
		any = true;
	}
	if (any)
		add_step(p, index, STEP_IMAGE_LAST, life.to_ts, 0);
	for (at = process->first_failed_exec; (image = model_failed_exec(p->m, at));
	     at = image->next)
		add_step(p, index, STEP_FAILED_EXEC, span_clamp(life, image->ts), at);
}

static void add_life(struct perfetto *p, uint32_t index)
{
	const struct process *process = model_process(p->m, index), *creator;
	struct span life = process_span(p->m, process);
	uint64_t window;

	add_step(p, index, STEP_PROCESS, life.from_ts, index);
	if (process_window_ns(p->m, process, &window)) {
		uint64_t to = span_clamp(life, life.from_ts + window);

		add_step(p, index, STEP_WINDOW, life.from_ts, 0);
		add_step(p, index, process->execed ? STEP_WINDOW_END : STEP_WINDOW_LAST, to, 0);
	}
	add_images(p, index, life);
	add_step(p, index, STEP_PROCESS_END, life.to_ts, 0);
	if (process->ended && process->reap_ts > life.to_ts) {
		add_step(p, index, STEP_ZOMBIE, life.to_ts, 0);
		add_step(p, index, STEP_ZOMBIE_END, process->reap_ts, 0);
	}
	creator = model_process(p->m, process->creator);
	if (creator)
		add_step(p, process->creator, STEP_START,
			 span_clamp(process_span(p->m, creator), life.from_ts), index);
}

static void add_passes(struct perfetto *p)
{
	const struct fd_pass *pass;
	size_t i;

	for (i = 0; (pass = model_pass(p->m, i)); i++) {
		const struct process *from = model_process(p->m, pass->from);
		const struct process *to = model_process(p->m, pass->to);

		if (pass->error)
			continue;
		if (from)
			add_step(p, pass->from, STEP_SEND,
				 span_clamp(process_span(p->m, from),
					    pass->sent_ts ? pass->sent_ts : pass->received_ts),
				 (uint32_t)i);
		if (to && pass->received_ts)
			add_step(p, pass->to, STEP_RECEIVE,
				 span_clamp(process_span(p->m, to), pass->received_ts),
				 (uint32_t)i);
	}
}

static int by_process_and_time(const void *a, const void *b)
{
	const struct step *x = a, *y = b;

	if (x->process != y->process)
		return x->process < y->process ? -1 : 1;
	if (x->ts != y->ts)
		return x->ts < y->ts ? -1 : 1;
	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

static int make_steps(struct perfetto *p)
{
	size_t i;

	for (i = 0; i < model_born_count(p->m); i++)
		add_life(p, model_born(p->m, i));
	for (i = 0; i < p->findings->count; i++) {
		const struct finding *f = &p->findings->list[i];
		const struct process *process = model_process(p->m, f->process);

		if (process)
			add_step(p, f->process, STEP_FINDING,
				 f->ts ? f->ts : process_span(p->m, process).from_ts, (uint32_t)i);
	}
	add_passes(p);
	if (p->count)
		qsort(p->steps, p->count, sizeof(*p->steps), by_process_and_time);
	return p->w.error;
}

/* --- what each step writes --- */

static void note_process(struct perfetto *p, const char *name, uint32_t index)
{
	if (index != MODEL_NONE)
		note_text(&p->w, name, process_text(p->m, index).text);
}

static void note_birth(struct perfetto *p, uint32_t index, const struct process *process)
{
	struct buffer command = { 0 };
	uint64_t ns = 0;
	bool known;

	note_process(p, "id", index);
	note_u64(&p->w, "pid", true, process->pid);
	note_u64(&p->w, "ns_pid", process->ns_pid, process->ns_pid);
	add_command(&command, p->m, index);
	note_text(&p->w, "command", command.len ? buffer_text(&command) : NULL);
	buffer_free(&command);
	note_text(&p->w, "start_method", start_method_name(process->start_method));
	note_text(&p->w, "mechanism", mechanism_name(process->mechanism));
	note_text(&p->w, "role", role_name(process->role));
	note_process(p, "parent", process->parent);
	note_process(p, "creator", process->creator);
	note_process(p, "logical_parent", process->logical_parent);
	note_u64(&p->w, "threads_at_fork", process->knows_fork, process->threads_at_fork);
	known = process_call_ns(process, &ns);
	note_u64(&p->w, "fork_call_ns", known, ns);
	known = process_suspended_ns(p->m, process, &ns);
	note_u64(&p->w, "suspended_ns", known, ns);
}

static void write_process(struct perfetto *p, uint64_t ts, uint32_t lane, uint32_t index)
{
	const struct process *process = model_process(p->m, index);
	struct buffer name = { 0 };
	struct event_place at;

	add_comm_text(&name, process->comm);
	buffer_printf(&name, " %u", process->pid);
	at = slice_begin(&p->w, ts, lane, "process", buffer_text(&name));
	buffer_free(&name);
	note_birth(p, index, process);
	note_text(&p->w, "exit", exit_text(process).text);
	note_process(p, "reaped_by", process->reaper);
	note_u64(&p->w, "fds_inherited", process->knows_at_start && !process->attached,
		 process->fds_inherited);
	note_u64(&p->w, "fds_received", process->knows_received, process->fds_received);
	note_u64(&p->w, "fds_never_used", process->knows_never_used, process->fds_never_used);
	note_u64(&p->w, "threads", true, process->threads);
	note_u64(&p->w, "peak_rss_kb", process->knows_status, process->rss_peak_kb);
	note_u64(&p->w, "cpu_ns", process->knows_status, process->cpu_ns);
	flow_ends(&p->w, FLOW_START(process->number));
	if (process->start_method == START_FORKSERVER)
		flow_ends(&p->w, FLOW_REQUEST(process->number));
	event_end(&p->w, at);
}

static void write_image(struct perfetto *p, uint64_t ts, uint32_t lane, const struct image *image)
{
	const char *path = image->filename->data, *slash;
	size_t len = image->filename->len;
	struct buffer command = { 0 };
	struct event_place at;

	slash = memrchr(path, '/', len);
	if (slash && slash + 1 < path + len) {
		len -= (size_t)(slash + 1 - path);
		path = slash + 1;
	}
	at = slice_begin(&p->w, ts, lane, image->error ? "exec failed" : "exec",
			 escaped(p, path, len));
	note_text(&p->w, "filename", escaped(p, image->filename->data, image->filename->len));
	escape_quote_argv(&command, image->argv->data, image->argv->len);
	note_text(&p->w, "argv", buffer_text(&command));
	buffer_free(&command);
	note_u64(&p->w, "errno", image->error, (uint64_t)image->error);
	event_end(&p->w, at);
}

static void write_start(struct perfetto *p, uint64_t ts, uint32_t lane, uint32_t child)
{
	const struct process *process = model_process(p->m, child);
	const char *how = mechanism_name(process->mechanism);
	struct buffer name = { 0 };
	struct event_place at;

	buffer_printf(&name, "%s p%u", how ? how : "start", process->number);
	at = slice_begin(&p->w, ts, lane, "start", buffer_text(&name));
	buffer_free(&name);
	flow_begins(&p->w, FLOW_START(process->number));
	event_end(&p->w, at);
	slice_end(&p->w, ts, lane);
}

/* One end of a passing. */
static void write_pass(struct perfetto *p, uint64_t ts, uint32_t lane, uint32_t index, bool send)
{
	const struct fd_pass *pass = model_pass(p->m, index);
	const struct process *wanted = model_process(p->m, pass->for_process);
	struct event_place at = slice_begin(&p->w, ts, lane, "fd",
					    pass->via == PASS_PIDFD_GETFD
						    ? send ? "fd taken" : "pidfd_getfd"
					    : send ? "send fds"
						   : "receive fds");
	uint32_t i;

	note_process(p, "from", pass->from);
	note_process(p, "to", pass->to);
	note_process(p, "for", pass->for_process);
	for (i = 0; i < pass->files; i++) {
		const struct pass_file *pf = model_pass_file(p->m, pass->first_file + i);
		const struct file *f = model_file(p->m, pf->file);
		struct buffer text = { 0 };

		buffer_printf(&text, "%d -> %d ", pf->from_fd, pf->to_fd);
		if (f && f->kind)
			escape_append(&text, f->id->data, f->id->len);
		note_text(&p->w, "fd", buffer_text(&text));
		buffer_free(&text);
	}
	if (pass->from != MODEL_NONE && pass->received_ts)
		(send ? flow_begins : flow_ends)(&p->w, FLOW_PASS(index));
	if (send && wanted && wanted->in_trace && wanted->start_method == START_FORKSERVER)
		flow_begins(&p->w, FLOW_REQUEST(wanted->number));
	event_end(&p->w, at);
	slice_end(&p->w, ts, lane);
}

static void write_finding(struct perfetto *p, uint64_t ts, uint32_t lane, const struct finding *f)
{
	struct buffer name = { 0 };
	struct event_place at;

	buffer_printf(&name, "%s %s", f->rule, f->title);
	at = instant_begin(&p->w, ts, lane, "finding", buffer_text(&name));
	buffer_free(&name);
	if (f->detail)
		note_text(&p->w, "detail", escaped(p, f->detail, strlen(f->detail)));
	note_text(&p->w, "fix", f->fix);
	event_end(&p->w, at);
}

static void write_step(struct perfetto *p, const struct step *s)
{
	uint32_t lane = p->lane_of[model_born(p->m, s->process)];

	switch (s->kind) {
	case STEP_PROCESS:
		write_process(p, s->ts, lane, s->index);
		break;
	case STEP_FINDING:
		write_finding(p, s->ts, lane, &p->findings->list[s->index]);
		break;
	case STEP_WINDOW:
		event_end(&p->w, slice_begin(&p->w, s->ts, lane, "window", "window"));
		break;
	case STEP_IMAGE:
		write_image(p, s->ts, lane, model_image(p->m, s->index));
		break;
	case STEP_FAILED_EXEC:
		write_image(p, s->ts, lane, model_failed_exec(p->m, s->index));
		slice_end(&p->w, s->ts, lane);
		break;
	case STEP_RECEIVE:
	case STEP_SEND:
		write_pass(p, s->ts, lane, s->index, s->kind == STEP_SEND);
		break;
	case STEP_START:
		write_start(p, s->ts, lane, s->index);
		break;
	case STEP_ZOMBIE:
		event_end(&p->w, slice_begin(&p->w, s->ts, lane, "zombie", "zombie"));
		break;
	default: /* the end of what another step began */
		slice_end(&p->w, s->ts, lane);
		break;
	}
}

static void write_thread(struct perfetto *p, const struct thread *t)
{
	struct span s = thread_span(p->m, t);
	uint32_t lane = take_lane(p, p->lane_of[t->process], true, s, t->comm);
	struct buffer name = { 0 };
	struct event_place at;

	add_comm_text(&name, t->comm);
	buffer_printf(&name, " (thread %u)", t->tid);
	at = slice_begin(&p->w, s.from_ts, lane, "thread", buffer_text(&name));
	buffer_free(&name);
	note_u64(&p->w, "tid", true, t->tid);
	event_end(&p->w, at);
	slice_end(&p->w, s.to_ts, lane);
}

/* Threads have lanes of their own below their process's; its first thread is the process. */
static void write_threads(struct perfetto *p, uint32_t index)
{
	uint32_t next = model_process(p->m, index)->first_thread, *list = NULL;
	size_t count = 0, room = 0;
	const struct thread *t;

	/* They are chained newest first; a lane is taken by the oldest first. */
	for (; (t = model_thread(p->m, next)) && !p->w.error; next = t->next) {
		if (grow(&list, &room, count, 1, sizeof(*list)) < 0)
			p->w.error = -ENOMEM;
		else
			list[count++] = next;
	}
	while (count-- && !p->w.error)
		write_thread(p, model_thread(p->m, list[count]));
	free(list);
}

/* Spans and runs of tasks have lanes of their own too: nothing says that they nest. */
static void write_said(struct perfetto *p, uint32_t process, struct span s, const char *kind,
		       const struct interned *name, uint64_t value)
{
	const struct process *of = model_process(p->m, process);
	struct event_place at;
	uint32_t lane;

	if (!of || !of->in_trace || p->w.error)
		return;
	lane = take_lane(p, p->lane_of[process], true, s, kind);
	at = slice_begin(&p->w, s.from_ts, lane, kind,
			 name ? escaped(p, name->data, name->len) : kind);
	note_u64(&p->w, "value", value != 0, value);
	event_end(&p->w, at);
	slice_end(&p->w, s.to_ts, lane);
}

static void write_marks(struct perfetto *p)
{
	const struct task_run *r;
	const struct mark *mark;

	for (size_t i = 0; (mark = model_mark(p->m, i)); i++) {
		struct span s = { mark->ts, mark->end_ts ? mark->end_ts : mark->ts };

		write_said(p, mark->process, s, mark->kind == MARK_NAME ? "name" : "mark",
			   mark->name, mark->value);
	}
	for (uint32_t i = 0; (r = model_run(p->m, i)); i++) {
		struct span s = { r->start_ts, r->end_ts ? r->end_ts : r->start_ts };

		if (r->start_ts)
			write_said(p, model_worker(p->m, r->worker)->process, s, "task", r->task,
				   r->first);
	}
}

static void write_gaps(struct perfetto *p)
{
	struct span gap;
	size_t at = 0;

	while (next_gap(p->m, &at, &gap)) {
		event_end(&p->w, slice_begin(&p->w, gap.from_ts, 0, "lost", "events lost"));
		slice_end(&p->w, gap.to_ts, 0);
	}
}

int export_perfetto(const struct model *m, const struct findings *f, FILE *to)
{
	struct perfetto p = { .m = m,
			      .findings = f,
			      .w = { .to = to, .offset_ns = model_options(m)->boot_offset_ns } };
	size_t i;

	p.w.error = make_lanes(&p);
	if (!p.w.error)
		p.w.error = make_steps(&p);
	for (i = 0; i < p.count && !p.w.error; i++)
		write_step(&p, &p.steps[i]);
	for (i = 0; i < model_born_count(m) && !p.w.error; i++)
		write_threads(&p, model_born(m, i));
	if (!p.w.error)
		write_marks(&p);
	if (!p.w.error)
		write_gaps(&p);
	if (!p.w.error)
		track_flush(&p.w);
	buffer_free(&p.w.b);
	buffer_free(&p.text);
	free(p.steps);
	free(p.lanes);
	free(p.lane_of);
	return p.w.error;
}
