/* SPDX-License-Identifier: MIT */
/* `forkscope why` for people; see why.h. */
#include "out/why.h"

#include <errno.h>
#include <string.h>

#include "base/escape.h"

#define OTHERS_MAX 8
#define FRAMES_TOLD_MAX 12

static const char *state_name(char state)
{
	switch (state) {
	case 'R':
		return "running";
	case 'S':
	case 'I':
		return "sleeping";
	case 'D':
		return "disk sleep";
	case 'T':
		return "stopped";
	case 't':
		return "traced";
	case 'Z':
	case 'X':
		return "ended";
	}
	return "?";
}

static void add_others(struct buffer *b, const struct why *w, const struct seen_wait *wait)
{
	size_t i;

	buffer_add_text(b, wait->count && wait->others[0].maybe ? "        could be ended by "
								: "        until ");
	for (i = 0; i < wait->count && i < OTHERS_MAX; i++) {
		const struct seen_other *o = &wait->others[i];

		if (i)
			buffer_add_text(b, ", ");
		if (o->tid && o->tid != o->pid)
			buffer_printf(b, "thread %u of ", o->tid);
		if (!o->tid && o->maybe && o->fd < 0)
			buffer_add_text(b, "a thread of ");
		why_name(b, w->snapshot, o->pid);
		if (o->fd >= 0)
			buffer_printf(b, " (fd %d%s)", o->fd, o->inherited ? ", inherited" : "");
	}
	if (wait->count > OTHERS_MAX)
		buffer_printf(b, " and %zu more", wait->count - OTHERS_MAX);
	if (wait->kind == WAIT_READ || wait->kind == WAIT_WRITE)
		buffer_add_text(b, wait->kind == WAIT_READ ? " writes or all have closed"
							   : " reads or all have closed");
	buffer_add_char(b, '\n');
}

static void add_wait(struct buffer *b, const struct why *w, const struct seen_thread *t,
		     const struct seen_wait *wait)
{
	why_tell_wait(b, t, wait);
	buffer_add_char(b, '\n');
	if (wait->owner_tid && wait->owner != OWNER_HERE) {
		buffer_printf(b, "        its owner is thread %u, which ", wait->owner_tid);
		if (wait->owner == OWNER_GONE)
			buffer_add_text(b, "does not exist\n");
		else
			buffer_printf(b, "belongs to %u\n", wait->owner_pid);
	}
	if (wait->count)
		add_others(b, w, wait);
}

static void add_frames(struct buffer *b, const struct term *term, const struct seen_thread *t)
{
	const char *at = t->frames.data, *end = at + t->frames.len;
	int n[2] = { 0 };

	for (; at && at < end; at += strlen(at) + 1) {
		int python = why_python_frame(at) != NULL;

		if (++n[python] > FRAMES_TOLD_MAX + 1)
			continue;
		buffer_printf(b, "          %s", term_style(term, STYLE_DIM));
		if (n[python] <= FRAMES_TOLD_MAX)
			escape_append(b, at, strlen(at));
		else
			buffer_add_text(b, "...");
		buffer_printf(b, "%s\n", term_style(term, STYLE_PLAIN));
	}
}

static void add_thread(struct buffer *b, const struct why *w, const struct term *term,
		       const struct seen_process *p, const struct seen_thread *t)
{
	if (p->thread_count > 1) {
		buffer_printf(b, "    thread %u ", t->tid);
		escape_append(b, t->comm, strlen(t->comm));
		buffer_add_text(b, ": ");
	} else {
		buffer_add_text(b, "    ");
	}
	if (!t->wait_count) {
		buffer_add_text(b, t->runs	   ? "is computing"
				   : !t->call_seen ? "sleeps; where cannot be seen"
						   : "sleeps");
		buffer_add_char(b, '\n');
	}
	for (size_t i = 0; i < t->wait_count; i++) {
		if (i)
			buffer_add_text(b, "      or ");
		add_wait(b, w, t, &t->waits[i]);
	}
	add_frames(b, term, t);
}

static void add_process(struct buffer *b, const struct why *w, const struct term *term,
			const struct seen_process *p)
{
	buffer_printf(b, "\n%s", term_style(term, STYLE_BOLD));
	why_name(b, w->snapshot, p->pid);
	buffer_printf(b, "%s  %s", term_style(term, STYLE_PLAIN), state_name(p->state));
	buffer_printf(b, ", child of %u%s%s", p->parent, p->forked ? ", forked, no exec since" : "",
		      p->asked_for ? "" : ", outside of the tree");
	if (p->thread_count > 1)
		buffer_printf(b, ", %zu threads", p->thread_count);
	buffer_printf(b, "  %s", term_style(term, STYLE_DIM));
	escape_append(b, p->command, strlen(p->command));
	buffer_printf(b, "%s\n", term_style(term, STYLE_PLAIN));
	if (p->state == 'Z')
		buffer_printf(b, "    has ended; %u has not reaped it\n", p->parent);
	for (size_t i = 0; i < p->thread_count; i++)
		add_thread(b, w, term, p, &p->threads[i]);
}

static void add_unseen(struct buffer *b, const struct why *w)
{
	if (w->unseen)
		buffer_printf(
			b,
			"\nNot seen: the system calls of %zu of these processes, which are not "
			"this user's (as root they would be)\n",
			w->unseen);
	if (w->unseen_fds)
		buffer_printf(b,
			      "%sNot seen: the fds of %zu other processes, which are not this "
			      "user's; one of them may hold an end too\n",
			      w->unseen ? "" : "\n", w->unseen_fds);
	if (!w->snapshot->privileged)
		buffer_printf(b,
			      "%sNot seen: saved registers (they take CAP_BPF and CAP_PERFMON); "
			      "stacks may end early\n",
			      w->unseen || w->unseen_fds ? "" : "\n");
}

int why_text(const struct why *w, const struct term *term, FILE *to)
{
	const struct snapshot *s = w->snapshot;
	struct buffer b = { 0 };
	int err;

	buffer_printf(&b, "%s%s%s\n", term_style(term, w->stuck ? STYLE_RED : STYLE_GREEN),
		      buffer_text(&w->text), term_style(term, STYLE_PLAIN));
	if (w->remedy.len)
		buffer_printf(&b, "what would help: %s\n", buffer_text(&w->remedy));
	for (size_t i = 0; i < s->count; i++)
		if (s->processes[i].asked_for)
			add_process(&b, w, term, &s->processes[i]);
	for (size_t i = 0; i < s->count; i++)
		if (s->processes[i].wanted && !s->processes[i].asked_for)
			add_process(&b, w, term, &s->processes[i]);
	add_unseen(&b, w);
	err = b.failed ? -ENOMEM : fwrite(b.data, 1, b.len, to) == b.len ? 0 : -EIO;
	buffer_free(&b);
	return err;
}
