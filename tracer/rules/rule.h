/* SPDX-License-Identifier: MIT */
/*
 * The family of rules. A rule is one file here that defines one struct rule, and one line in the table of
 * rules.c. It looks at a finished model and adds what it finds.
 *
 * A rule says `bug` only where the trace proves it, `warning` where it is likely, `note` where it is possible or
 * a measurement. A program that is right gets no bug and no warning: when in doubt a rule is silent.
 */
#ifndef TRACER_RULES_RULE_H
#define TRACER_RULES_RULE_H

#include <stdbool.h>

#include "base/buffer.h"
#include "model/facts.h"
#include "model/finding.h"
#include "model/ledger.h"
#include "model/model.h"

struct rule {
	const char *id; /* "FS001", for ever */
	const char *name; /* "deadlock-after-fork" */
	enum severity severity; /* the highest it gives */
	const char *title; /* one line */
	const char *fix; /* one line */
	const char *text; /* a paragraph: what happens, how it is shown, what to do */
	int (*check)(const struct rule *self, const struct model *m, struct findings *out);
};

/* The table, NULL-terminated. */
extern const struct rule *const rules[];

/* By id or name; NULL: there is none. */
const struct rule *rule_find(const char *name);

/* Runs every rule. 0 or negative errno. */
int rules_run(const struct model *m, struct findings *out);

/* Runs those for which wanted[] (in the order of the table) is true. */
int rules_run_some(const struct model *m, const bool *wanted, struct findings *out);

void findings_free(struct findings *f);

/* --- for rules --- */

/* A fact's event, of which the rule knows that it is an FS_EV_ODD_CALL, or an FS_EV_CALL. */
static inline const struct fs_ev_odd_call *odd_of(const struct fact *f)
{
	return (const struct fs_ev_odd_call *)(const void *)f->event;
}
static inline const struct fs_ev_call *call_of(const struct fact *f)
{
	return (const struct fs_ev_call *)(const void *)f->event;
}

/* What is found, being put together; all zeros to begin with but for the first three. */
struct found {
	const struct rule *rule;
	enum severity severity;
	uint32_t process;
	struct buffer detail; /* sentences; text of the target as it is */
	struct buffer key; /* what is the same for the same cause; without the rule's id */
	uint64_t at; /* when it happened; 0: of no one moment */
};

/* Adds it, or counts it when its key is there already. Frees the buffers. 0 or -ENOMEM. */
int finding_add(struct findings *out, struct found *f);

/* "p3 (python3, pid 4711)". */
void add_process_name(struct buffer *b, const struct model *m, uint32_t process);

/* " It was forked at main+0x1f (app.c:12) <- ...": from Python's lines or C's; nothing where the shim saw none. */
void add_fork_place(struct buffer *b, const struct model *m, uint32_t process);

/* "1.2 s", "310 ms". */
void add_duration(struct buffer *b, uint64_t ns);

/* "pipe:[109]", a path, or "an open file". */
void add_file_name(struct buffer *b, const struct model *m, uint32_t file);

/* The base name of the image a process ran at last, for keys; "?" unknown. */
void add_image_name(struct buffer *b, const struct model *m, uint32_t process);

/* Whether its image is its creator's program once more, which knows what it left itself. */
bool runs_same_program(const struct model *m, uint32_t process);

/* Whether it is a copy of its creator that runs, or ran to its end, the creator's program. */
bool is_plain_copy(const struct process *p);

/* Whether it, or a copy that it is a copy of, was forked by a process with several threads. */
bool has_lost_threads(const struct model *m, uint32_t process);

/* Whether an fd number names a file in a table as it was seen. */
const struct table_entry *table_find(const struct interned *table, uint32_t fd);
size_t table_size(const struct interned *table);
const struct table_entry *table_entry(const struct interned *table, size_t index);

/* The n-th text of a stack (0: the innermost frame), NULL: there are not so many. */
const char *stack_frame(const char *stack, size_t len, size_t n);

/* The n-th frame of Python, "function (file.py:12)"; NULL: there are not so many, or it is no interpreter. */
const char *python_frame(const char *stack, size_t len, size_t n);

/* Adds the frames that a person wants to see: those of locks and libc's inside left out where others are there. */
void add_stack(struct buffer *b, const char *stack, size_t len);

/* The first frame that is no lock's or libc's own: whose code it was. Its function alone goes to b. */
void add_culprit(struct buffer *b, const char *stack, size_t len);

#endif
