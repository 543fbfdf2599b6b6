/* SPDX-License-Identifier: MIT */
/* What rules say in the same words, and the small questions that several ask; see rule.h. */
#include <string.h>

#include "rules/rule.h"

/* Frames of these functions tell how one waits, not who does. */
static const char *const machinery[] = {
	"futex",     "lll_",	 "pthread_",	       "sem_",	       "new_sem_", "libc_fork",
	"cxa_guard", "syscall",	 "gomp_team_barrier",  "gomp_barrier", "GI_",	   "PyThread_",
	"Fork",	     "do_futex", "internal_fallocate", NULL,
};

void add_process_name(struct buffer *b, const struct model *m, uint32_t process)
{
	const struct process *p = model_process(m, process);

	if (!p)
		buffer_add_text(b, "an unknown process");
	else if (p->number == MODEL_NONE)
		buffer_printf(b, "%s (pid %u, not traced)", p->comm, p->pid);
	else
		buffer_printf(b, "p%u (%s, pid %u)", p->number, p->comm, p->pid);
}

void add_duration(struct buffer *b, uint64_t ns)
{
	if (ns >= 1000000000ull)
		buffer_printf(b, "%.1f s", (double)ns / 1e9);
	else if (ns >= 1000000ull)
		buffer_printf(b, "%u ms", (unsigned)(ns / 1000000));
	else
		buffer_printf(b, "%u us", (unsigned)(ns / 1000));
}

void add_file_name(struct buffer *b, const struct model *m, uint32_t file)
{
	const struct file *f = model_file(m, file);

	if (!f || !f->id)
		buffer_add_text(b, "an open file");
	else
		buffer_append(b, f->id->data, strnlen(f->id->data, f->id->len));
}

void add_image_name(struct buffer *b, const struct model *m, uint32_t process)
{
	const struct image *i = model_image_of(m, process);
	const char *name, *slash;

	if (!i || !i->filename || !i->filename->len) {
		buffer_add_char(b, '?');
		return;
	}
	name = i->filename->data;
	slash = strrchr(name, '/');
	buffer_add_text(b, slash && slash[1] ? slash + 1 : name);
}

bool runs_same_program(const struct model *m, uint32_t process)
{
	const struct process *p = model_process(m, process);
	const struct image *own = model_image_of(m, process),
			   *before = p ? model_image_of(m, p->creator) : NULL;

	if (!own || !before || !own->filename || !before->filename)
		return false;
	return strcmp(own->filename->data, "/proc/self/exe") == 0 ||
	       own->filename == before->filename;
}

bool is_plain_copy(const struct process *p)
{
	return p->in_trace && p->knows_fork && !p->execed && !(p->clone_flags & 0x100);
}

bool has_lost_threads(const struct model *m, uint32_t process)
{
	const struct process *p = model_process(m, process);

	/* A daemon is forked twice: what the first fork lost is missing in the second child too. */
	for (unsigned depth = 0; p && is_plain_copy(p) && depth < 64; depth++) {
		if (p->threads_at_fork > 1)
			return true;
		p = model_process(m, p->creator);
	}
	return false;
}

size_t table_size(const struct interned *table)
{
	return table ? table->len / sizeof(struct table_entry) : 0;
}

const struct table_entry *table_entry(const struct interned *table, size_t index)
{
	return (const struct table_entry *)(const void *)table->data + index;
}

const struct table_entry *table_find(const struct interned *table, uint32_t fd)
{
	for (size_t i = 0; i < table_size(table); i++)
		if (table_entry(table, i)->fd == fd)
			return table_entry(table, i);
	return NULL;
}

const char *stack_frame(const char *stack, size_t len, size_t n)
{
	const char *end = stack + len;

	for (; stack < end && n; n--)
		stack += strnlen(stack, (size_t)(end - stack)) + 1;
	return stack < end ? stack : NULL;
}

/* Where every thread begins; the shim's own step among them. */
static const char *const beginnings[] = {
	"libc_start_", "start+", "start_thread+", "clone3+", "clone+", "begin_thread+", NULL,
};

static bool begins_with_one(const char *frame, const char *const *names)
{
	while (*frame == '_')
		frame++;
	for (size_t i = 0; names[i]; i++)
		if (strncmp(frame, names[i], strlen(names[i])) == 0)
			return true;
	return false;
}

static bool is_machinery(const char *frame)
{
	/* What has no name in a library is the library's affair; in a program it is all there is. */
	return *frame == '?' ? strstr(frame, "(lib") != NULL : begins_with_one(frame, machinery);
}

const char *python_frame(const char *stack, size_t len, size_t n)
{
	static const char prefix[] = "python: ";
	const char *frame;

	for (size_t i = 0; (frame = stack_frame(stack, len, i)); i++)
		if (strncmp(frame, prefix, sizeof(prefix) - 1) == 0 && n-- == 0)
			return frame + sizeof(prefix) - 1;
	return NULL;
}

/* Python's own modules: whose program it is, is said by the first that is none of these. */
static bool is_of_python(const char *text, size_t len)
{
	return memmem(text, len, "/lib/python", 11) || memmem(text, len, "<frozen", 7);
}

/* What an interpreter runs says more than its own functions. */
static size_t add_python_frames(struct buffer *b, const char *stack, size_t len)
{
	const char *frame;
	bool own = false;
	size_t n;

	for (n = 0; (frame = python_frame(stack, len, n)) && (n < 8 || !own); n++) {
		bool is_own = !is_of_python(frame, strlen(frame));

		own |= is_own;
		if (n < 8)
			buffer_printf(b, "%s%s", n ? " <- " : "", frame);
		else if (is_own)
			buffer_printf(b, " <- ... <- %s", frame);
	}
	return n;
}

void add_stack(struct buffer *b, const char *stack, size_t len)
{
	const char *frame;
	size_t n = 0, shown = 0;

	if (add_python_frames(b, stack, len))
		return;
	while ((frame = stack_frame(stack, len, n)) && is_machinery(frame))
		n++;
	if (!frame || begins_with_one(frame, beginnings))
		n = 0;
	for (; (frame = stack_frame(stack, len, n)) && shown < 8; n++) {
		if (shown && (begins_with_one(frame, beginnings) ||
			      (*frame == '?' && strstr(frame, "(libc.so"))))
			continue;
		buffer_printf(b, "%s%s", shown++ ? " <- " : "", frame);
	}
	if (!shown)
		buffer_add_text(b, "(stack not readable)");
}

void add_culprit(struct buffer *b, const char *stack, size_t len)
{
	const char *frame = python_frame(stack, len, 0);
	size_t n = 0;

	if (frame) {
		buffer_append(b, frame, strcspn(frame, " "));
		return;
	}
	while ((frame = stack_frame(stack, len, n)) && is_machinery(frame))
		n++;
	if (!frame)
		frame = "?";
	buffer_append(b, frame, strcspn(frame, *frame == '?' ? " " : "+"));
}

#define PLACE_LINES 4

/* Lines of text as one, without what each thread begins with. */
static size_t add_lines(struct buffer *b, const struct interned *text)
{
	bool own = false, python, far;
	size_t shown = 0;

	for (size_t at = 0, len; text && at < text->len; at += len + 1) {
		const char *line = text->data + at, *end = memchr(line, '\n', text->len - at);

		len = end ? (size_t)(end - line) : text->len - at;
		at += strspn(line, " ");
		len -= strspn(line, " ");
		if (!len || strncmp(text->data + at, "Stack (", 7) == 0 ||
		    (shown && begins_with_one(text->data + at, beginnings)))
			continue;
		python = strncmp(text->data + at, "File \"", 6) == 0;
		far = shown >= PLACE_LINES;
		if (far && (own || !python))
			break;
		own |= !is_of_python(text->data + at, len);
		if (far && !own)
			continue;
		buffer_add_text(b, far ? " <- ... <- " : shown ? " <- " : " It was forked at ");
		shown++;
		buffer_append(b, text->data + at, len);
	}
	return shown;
}

void add_fork_place(struct buffer *b, const struct model *m, uint32_t process)
{
	const struct process *p = model_process(m, process);
	const struct start_call *c = p ? model_call(m, p->where) : NULL;

	if (c && (add_lines(b, c->python) || add_lines(b, c->symbols)))
		buffer_add_char(b, '.');
}
