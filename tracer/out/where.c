/* SPDX-License-Identifier: MIT */
/*
 * See where.h. Python's text is the interpreter's own, a line each frame: `  File "x.py", line 5 in f`. It comes
 * from the target, so what does not look like that is left out, and nothing in it is believed.
 */
#include "out/where.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "base/grow.h"
#include "base/hashmap.h"
#include "base/intern.h"
#include "out/json_parts.h"
#include "out/text_parts.h"

/* More frames than these are not shown to a person. */
#define SHOWN 6
/* More places than these are not listed, unless all is asked for. */
#define PLACES_SHOWN 12

struct piece {
	const char *text;
	size_t len;
};

struct frame {
	struct piece file;
	struct piece line;
	struct piece function;
};

static bool next_line(struct piece *rest, struct piece *ret)
{
	const char *end;

	if (!rest->len)
		return false;
	end = memchr(rest->text, '\n', rest->len);
	ret->text = rest->text;
	ret->len = end ? (size_t)(end - rest->text) : rest->len;
	rest->text += ret->len + (end != NULL);
	rest->len -= ret->len + (end != NULL);
	return true;
}

/* Finds `mark` in text; what is before it goes to ret_before and text to what follows. */
static bool split(struct piece *text, const char *mark, struct piece *ret_before)
{
	const char *at = memmem(text->text, text->len, mark, strlen(mark));

	if (!at)
		return false;
	ret_before->text = text->text;
	ret_before->len = (size_t)(at - text->text);
	text->len -= ret_before->len + strlen(mark);
	text->text = at + strlen(mark);
	return true;
}

static bool parse_frame(struct piece line, struct frame *ret)
{
	struct piece before;

	if (!split(&line, "File \"", &before) || !split(&line, "\", line ", &ret->file) ||
	    !split(&line, " in ", &ret->line))
		return false;
	ret->function = line;
	return true;
}

static struct piece text_of(const struct interned *text)
{
	return text ? (struct piece){ text->data, text->len } : (struct piece){ "", 0 };
}

static void append_frame(struct buffer *out, const struct frame *f)
{
	buffer_append(out, f->function.text, f->function.len);
	buffer_add_text(out, " (");
	buffer_append(out, f->file.text, f->file.len);
	buffer_add_char(out, ':');
	buffer_append(out, f->line.text, f->line.len);
	buffer_add_char(out, ')');
}

static void add_python(struct json *j, const struct start_call *c)
{
	struct piece rest = text_of(c->python), line;
	struct frame frame;

	json_key(j, "python");
	if (!c->python) {
		json_null(j);
		return;
	}
	json_array_begin(j);
	while (next_line(&rest, &line)) {
		struct buffer text = { 0 };

		if (!parse_frame(line, &frame))
			continue;
		append_frame(&text, &frame);
		json_string(j, buffer_text(&text), text.len);
		buffer_free(&text);
	}
	json_array_end(j);
}

/* Without names, what the stack itself says: addresses. */
static void add_addresses(struct json *j, const struct start_call *c)
{
	for (size_t i = 0; i + sizeof(uint64_t) <= c->native->len; i += sizeof(uint64_t)) {
		uint64_t address;

		memcpy(&address, c->native->data + i, sizeof(address));
		json_hex(j, address);
	}
}

static void add_native(struct json *j, const struct start_call *c)
{
	struct piece rest = text_of(c->symbols), line;

	json_key(j, "native");
	if (!c->native) {
		json_null(j);
		return;
	}
	json_array_begin(j);
	if (!c->symbols)
		add_addresses(j, c);
	while (next_line(&rest, &line))
		json_string(j, line.text, line.len);
	json_array_end(j);
}

/* Fork and exit handlers that were there when it was made. */
static void add_handlers(struct json *j, const struct model *m, const struct start_call *c)
{
	static const char *const kinds[] = { NULL, "fork", "exit", "quick_exit" };
	const struct handler *h;

	json_key(j, "handlers");
	json_array_begin(j);
	for (uint32_t i = c->handlers; (h = model_handler(m, i)); i = h->next) {
		const struct module *in = model_module_at(m, c, h->caller);

		json_object_begin(j);
		json_field_text(j, "kind", h->kind < 4 ? kinds[h->kind] : NULL);
		json_field_bytes(j, "object", in ? in->path : NULL);
		json_key(j, "functions");
		json_array_begin(j);
		for (unsigned n = 0; n < (h->kind == FS_HANDLER_FORK ? 3 : 1); n++) {
			if (h->functions[n])
				json_hex(j, h->functions[n]);
			else
				json_null(j);
		}
		json_array_end(j);
		json_object_end(j);
	}
	json_array_end(j);
}

void json_field_where(struct json *j, const char *key, const struct model *m,
		      const struct process *p)
{
	const struct start_call *c = model_call(m, p->where);

	json_key(j, key);
	if (!c) {
		json_null(j);
		return;
	}
	json_object_begin(j);
	json_field_text(j, "call", model_call_name(c));
	add_native(j, c);
	add_python(j, c);
	add_handlers(j, m, c);
	json_object_end(j);
}

/* --- for people ---------------------------------------------------------------------------- */

static struct piece base_name(struct piece path)
{
	const char *slash = memrchr(path.text, '/', path.len);

	if (slash) {
		path.len -= (size_t)(slash + 1 - path.text);
		path.text = slash + 1;
	}
	return path;
}

static size_t python_frames(const struct start_call *c, struct frame frames[SHOWN])
{
	struct piece rest = text_of(c->python), line;
	size_t n = 0;

	while (n < SHOWN && next_line(&rest, &line))
		if (parse_frame(line, &frames[n]))
			n++;
	return n;
}

static void append_python(struct buffer *out, const struct frame *frames, size_t n)
{
	while (n-- > 0) {
		struct piece file = base_name(frames[n].file);

		escape_append(out, file.text, file.len);
		buffer_add_char(out, ':');
		escape_append(out, frames[n].line.text, frames[n].line.len);
		buffer_add_char(out, ' ');
		escape_append(out, frames[n].function.text, frames[n].function.len);
		buffer_add_text(out, " > ");
	}
}

static void append_native(struct buffer *out, const struct start_call *c)
{
	struct piece rest = text_of(c->symbols), lines[SHOWN];
	size_t n = 0;

	while (n < SHOWN && next_line(&rest, &lines[n]))
		n++;
	while (n-- > 0) {
		escape_append(out, lines[n].text, lines[n].len);
		buffer_add_text(out, " > ");
	}
}

bool where_append(struct buffer *out, const struct model *m, const struct process *p)
{
	const struct start_call *c = model_call(m, p->where);
	struct frame frames[SHOWN];
	const char *name = c ? model_call_name(c) : NULL;
	size_t n;

	if (!name)
		return false;
	n = python_frames(c, frames);
	if (n)
		append_python(out, frames, n);
	else
		append_native(out, c);
	buffer_add_text(out, name);
	return true;
}

/* --- the report's list --------------------------------------------------------------------- */

struct place {
	const struct interned *text;
	uint32_t first; /* process */
	uint32_t count;
};

struct places {
	struct intern_pool texts;
	struct hashmap index; /* text -> index of list */
	struct place *list;
	size_t count, room;
};

static int add_place(struct places *p, const struct buffer *text, uint32_t process)
{
	const struct interned *one = text->failed ? NULL : intern(&p->texts, text->data, text->len);
	uint64_t at;

	if (!one)
		return -ENOMEM;
	if (hashmap_get(&p->index, (uint64_t)(uintptr_t)one, 0, &at)) {
		p->list[at].count++;
		return 0;
	}
	if (grow(&p->list, &p->room, p->count, 1, sizeof(*p->list)) < 0)
		return -ENOMEM;
	p->list[p->count] = (struct place){ one, process, 1 };
	return hashmap_put(&p->index, (uint64_t)(uintptr_t)one, 0, p->count++);
}

static int collect(struct places *p, const struct model *m)
{
	struct buffer text = { 0 };
	int err = 0;

	for (size_t i = 0; i < model_born_count(m) && !err; i++) {
		uint32_t process = model_born(m, i);

		buffer_reset(&text);
		if (where_append(&text, m, model_process(m, process)))
			err = add_place(p, &text, process);
	}
	buffer_free(&text);
	return err;
}

int where_print(const struct model *m, const struct view *v, FILE *to)
{
	struct places p = { 0 };
	int err = collect(&p, m);
	size_t shown = v->all || p.count <= PLACES_SHOWN ? p.count : PLACES_SHOWN;

	for (size_t i = 0; i < shown; i++) {
		const struct place *one = &p.list[i];

		fprintf(to, "%s  %.*s: %s", i ? "" : "\nStarted by\n", (int)one->text->len,
			one->text->data, process_text(m, one->first).text);
		if (one->count > 1)
			fprintf(to, " and %u more", one->count - 1);
		fputc('\n', to);
	}
	if (shown < p.count)
		fprintf(to, "  ... and %zu more places (--all shows them)\n", p.count - shown);
	free(p.list);
	hashmap_free(&p.index);
	intern_free(&p.texts);
	return err;
}
